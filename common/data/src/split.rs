//! Training and validation parts, and limits that keep classes balanced.

use knas_stats::random::stream;

/// One split for all runs, so that validation accuracies of different seeds and
/// candidates are of the same examples. (NAS-Bench-201 fixed its own half in a
/// file; this is another half.)
const SPLIT_SEED: u64 = 0;

/// The indices of each class in random order.
fn by_class(labels: &[u32], purpose: &str) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label as usize].push(index);
    }
    let shuffled = members.iter().enumerate().map(|(class, members)| {
        let places = [(class as u64).into()];
        let order = stream(SPLIT_SEED, purpose, &places).choose(members.len(), members.len());
        order.into_iter().map(|place| members[place]).collect()
    });
    shuffled.collect()
}

/// Takes from each class in turn until all are empty, so that any beginning of
/// the result has its classes as balanced as they can be.
fn interleave(classes: &[Vec<usize>]) -> Vec<usize> {
    let longest = classes.iter().map(Vec::len).max().unwrap_or(0);
    let ranks = 0..longest;
    ranks
        .flat_map(|rank| {
            classes
                .iter()
                .filter_map(move |class| class.get(rank).copied())
        })
        .collect()
}

/// Divides a training set class by class, at random: (training, validation).
/// Validation gets one example of `share` (at least 1), rounded down.
pub(crate) fn divide(labels: &[u32], share: usize) -> (Vec<usize>, Vec<usize>) {
    let mut train = by_class(labels, "split");
    let valid: Vec<_> = train
        .iter_mut()
        .map(|class| class.split_off(class.len() - class.len() / share))
        .collect();
    (interleave(&train), interleave(&valid))
}

/// All indices in an order of which any beginning has balanced classes.
pub(crate) fn balanced(labels: &[u32]) -> Vec<usize> {
    interleave(&by_class(labels, "balance"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_complete_and_balanced() {
        // Classes of 5, 4, 1 and 0 images.
        let labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 2];
        let (train, valid) = divide(&labels, 2);
        let classes = |part: &[usize]| part.iter().map(|&i| labels[i]).collect::<Vec<_>>();
        assert_eq!(classes(&train), [0, 1, 2, 0, 1, 0]);
        assert_eq!(classes(&valid), [0, 1, 0, 1]);
        let mut all = [train, valid].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        let (train, valid) = divide(&labels, 5);
        assert_eq!((classes(&train).len(), classes(&valid)), (9, vec![0]));
    }

    #[test]
    fn the_split_never_changes() {
        // With `words` and `choose` as above the tests of knas_stats::random:
        // v = lambda c: [i for i in range(100) if i % 10 == c]
        // print([[v(c)[p] for p in choose(words(0, 'split', c), 10, 10)][:2] for c in (0, 9)])
        let labels: Vec<u32> = (0..100).map(|index| index % 10).collect();
        let (train, _) = divide(&labels, 2);
        assert_eq!([train[0], train[10], train[9], train[19]], [30, 0, 99, 49]);
    }

    #[test]
    fn any_beginning_is_balanced() {
        let labels: Vec<u32> = (0..1000).map(|index| (index * index % 7) as u32).collect();
        let order = balanced(&labels);
        let mut counts = [0u32; 7];
        order[..40]
            .iter()
            .for_each(|&index| counts[labels[index] as usize] += 1);
        // Squares modulo 7 are 0, 1, 2 and 4.
        assert_eq!(counts, [10, 10, 10, 0, 10, 0, 0]);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(divide(&[], 2), (vec![], vec![]));
        assert!(balanced(&[]).is_empty());
    }
}
