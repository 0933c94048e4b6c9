//! Architectures as lists of choices: how many there are, in which order, which
//! ones are drawn and which ones are near.

use std::collections::HashSet;
use std::hash::Hash;

use knas_stats::random::stream;

/// How many options each decision has, all of a space's architectures alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    /// The space's name, by which its random streams are told apart.
    pub space: &'static str,
    /// Options of every decision.
    pub options: &'static [usize],
}

impl Choices {
    /// How many lists there are.
    pub fn count(&self) -> u64 {
        self.options.iter().map(|&options| options as u64).product()
    }

    /// The list at this place of their order, in which the last decision changes
    /// fastest.
    pub fn at(&self, index: u64) -> Option<Vec<usize>> {
        if index >= self.count() {
            return None;
        }
        let mut rest = index;
        let mut choices = vec![0; self.options.len()];
        for (choice, &options) in choices.iter_mut().zip(self.options).rev() {
            *choice = (rest % options as u64) as usize;
            rest /= options as u64;
        }
        Some(choices)
    }

    /// The place of a list.
    pub fn index(&self, choices: &[usize]) -> u64 {
        let pairs = choices.iter().zip(self.options);
        pairs.fold(0, |index, (&choice, &options)| {
            index * options as u64 + choice as u64
        })
    }

    /// All places in an order that is drawn from `seed`, each equally likely.
    pub fn sample(&self, seed: u64) -> impl Iterator<Item = u64> + use<> {
        let count = self.count() as usize;
        let purpose = format!("{} sample", self.space);
        let drawn = stream(seed, &purpose, &[]).choose(count, count);
        drawn.into_iter().map(|place| place as u64)
    }

    /// Distinct lists in an order that is drawn from `seed`, each equally likely,
    /// for spaces too large to be enumerated: it ends where lists that were there
    /// already come up a thousand times in a row.
    pub fn draw(self, seed: u64) -> impl Iterator<Item = Vec<usize>> {
        let mut random = stream(seed, &format!("{} sample", self.space), &[]);
        distinct(move || {
            let choice = |&options: &usize| random.below(options as u64) as usize;
            Some(self.options.iter().map(choice).collect())
        })
    }

    /// The lists that differ from one in one choice, in an order that is drawn
    /// from `seed` for the architecture called `id`.
    pub fn near(&self, choices: &[usize], seed: u64, id: &str) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        for (place, &options) in self.options.iter().enumerate() {
            for option in (0..options).filter(|&option| option != choices[place]) {
                let mut near = choices.to_vec();
                near[place] = option;
                found.push(near);
            }
        }
        let purpose = format!("{} mutants", self.space);
        let order = stream(seed, &purpose, &[id.into()]).choose(found.len(), found.len());
        order
            .into_iter()
            .map(|place| found[place].clone())
            .collect()
    }
}

/// What `draw` gives, where it gives something that was not there already; it ends
/// where that does not come about in a thousand draws.
pub(crate) fn distinct<T: Clone + Eq + Hash>(
    mut draw: impl FnMut() -> Option<T>,
) -> impl Iterator<Item = T> {
    const PATIENCE: usize = 1000;
    let mut seen: HashSet<T> = HashSet::new();
    std::iter::from_fn(move || {
        let drawn = (0..PATIENCE).filter_map(|_| draw());
        { drawn }.find(|one| seen.insert(one.clone()))
    })
}

/// The id of an architecture of a space without an order: the space's name, and 16
/// digits that follow from the canonical notation.
pub(crate) fn digest(space: &str, notation: &str) -> String {
    let digits = stream(0, "id", &[space.into(), notation.into()]).next_u64();
    format!("{space}-{digits:016x}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CHOICES: Choices = Choices {
        space: "test",
        options: &[3, 2, 4],
    };

    #[test]
    fn places_and_lists_stand_for_each_other() {
        assert_eq!(CHOICES.count(), 24);
        assert_eq!(CHOICES.at(0), Some(vec![0, 0, 0]));
        assert_eq!(CHOICES.at(1), Some(vec![0, 0, 1]));
        assert_eq!(CHOICES.at(23), Some(vec![2, 1, 3]));
        assert_eq!(CHOICES.at(24), None);
        for index in 0..24 {
            assert_eq!(CHOICES.index(&CHOICES.at(index).unwrap()), index);
        }
    }

    #[test]
    fn all_are_drawn_once_and_what_is_near_differs_in_one_choice() {
        let drawn: HashSet<u64> = CHOICES.sample(3).collect();
        assert_eq!(drawn.len(), 24);
        let lists: Vec<Vec<usize>> = CHOICES.draw(3).collect();
        assert_eq!(lists.len(), 24);
        assert_eq!(lists.iter().collect::<HashSet<_>>().len(), 24);
        assert_eq!(CHOICES.draw(3).take(5).collect::<Vec<_>>(), lists[..5]);
        assert_ne!(CHOICES.draw(4).collect::<Vec<_>>(), lists);
        let near = CHOICES.near(&[1, 0, 2], 0, "one");
        assert_eq!(near.len(), 2 + 1 + 3);
        assert_eq!(near.iter().collect::<HashSet<_>>().len(), near.len());
        for other in &near {
            let pairs = other.iter().zip([1, 0, 2]);
            assert_eq!(pairs.filter(|(a, b)| *a != b).count(), 1);
        }
        assert_ne!(near, CHOICES.near(&[1, 0, 2], 1, "one"));
    }
}
