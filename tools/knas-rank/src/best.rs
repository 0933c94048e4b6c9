//! The best candidates of a stream, in memory for as many as are asked for.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use knas_records::Record;
use knas_records::ids::{Repeats, about};
use knas_stats::TopK;

/// A candidate that can be ranked. The better one comes first; equal ones are
/// in the order of their ids, and the same id twice in that of the text, so
/// that there is one order whatever the order of the input.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The score, larger is better.
    pub value: f64,
    /// The record's id.
    pub id: Box<str>,
    /// The record as it came.
    pub line: Box<str>,
    /// Where it came from.
    pub place: Place,
}

/// A line of a file; candidates of one file share its name.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file as it was named, or `stdin`.
    pub source: Rc<str>,
    /// The line's number, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

impl Candidate {
    /// Whether this candidate comes before every one of this value and id,
    /// without looking at more of them.
    fn surely_beats(&self, value: f64, id: &str) -> bool {
        order((self.value, &self.id), (value, id)).is_lt()
    }

    /// Whether both say the same: one architecture, one value.
    pub fn agrees(&self, other: &Self) -> bool {
        let about = |line: &str| Record::parse(line).ok().map(|record| about(&record));
        let same = || about(&self.line) == about(&other.line);
        self.line == other.line || (self.value == other.value && same())
    }
}

fn order(a: (f64, &str), b: (f64, &str)) -> Ordering {
    // Adding 0.0 makes -0.0 equal to 0.0.
    (b.0 + 0.0)
        .total_cmp(&(a.0 + 0.0))
        .then_with(|| a.1.cmp(b.1))
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        order((self.value, &self.id), (other.value, &other.id))
            .then_with(|| self.line.cmp(&other.line))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

/// The best candidates seen so far, each id once.
///
/// With `k`, only ids that are kept can be compared. That is enough: whatever the
/// order of the stream, of two records of one id that both have a place among the
/// best the first is still kept when the second comes.
pub struct Best {
    kept: Keeper,
    /// Those that lost to another record of their id, which says something else.
    twins: TopK<(Candidate, String)>,
    repeats: Repeats,
    /// How many are kept at most.
    room: usize,
}

enum Keeper {
    /// All there are.
    All(Vec<Candidate>),
    /// The best of each of the k best classes: of one id, or of equal architectures.
    Classes(Classes),
}

/// What was ranked.
pub struct Ranked {
    /// The candidates kept, best first.
    pub candidates: Vec<Candidate>,
    /// Those that say something else under an id that is kept, and where that is.
    pub twins: Vec<(Candidate, String)>,
    /// Records that came again.
    pub repeats: Repeats,
}

impl Best {
    /// Room for `k` candidates, or for all; with `unique`, only the best of
    /// each class is kept.
    pub fn new(k: Option<u32>, unique: bool) -> Self {
        let room = k.map_or(usize::MAX, |k| k as usize);
        Self {
            kept: match k.is_some() || unique {
                true => Keeper::Classes(Classes::new(room)),
                false => Keeper::All(Vec::new()),
            },
            twins: TopK::new(room),
            repeats: Repeats::default(),
            room,
        }
    }

    /// Whether a candidate has a chance; most of a long stream has none, and
    /// need not be copied.
    pub fn may_take(&self, value: f64, id: &str) -> bool {
        let bar = match &self.kept {
            Keeper::All(_) => None,
            Keeper::Classes(classes) => classes.bar(),
        };
        !bar.is_some_and(|worst| worst.surely_beats(value, id))
    }

    /// Shows a candidate, with its class where classes matter.
    pub fn push(&mut self, candidate: Candidate, class: Option<String>) {
        match &mut self.kept {
            Keeper::All(all) => all.push(candidate),
            Keeper::Classes(classes) => {
                let class = class.map_or_else(|| (*candidate.id).into(), Rc::from);
                if let Some((lost, to)) = classes.push(candidate, class)
                    && lost.id == to.id
                {
                    self.met(&lost, &to);
                }
            }
        }
    }

    /// Two records have one id.
    fn met(&mut self, lost: &Candidate, to: &Candidate) {
        match lost.agrees(to) {
            true => {
                let mut places = [&lost.place, &to.place];
                places.sort_by_key(|place| place.line);
                self.repeats.add(&lost.id, places[1], places[0]);
            }
            false => drop(self.twins.push((lost.clone(), to.place.to_string()))),
        }
    }

    /// The candidates kept, best first.
    pub fn into_ranked(mut self) -> Ranked {
        let mut candidates = match std::mem::replace(&mut self.kept, Keeper::All(Vec::new())) {
            Keeper::All(mut all) => {
                all.sort_unstable();
                all
            }
            Keeper::Classes(classes) => classes.into_sorted(),
        };
        let mut first = HashMap::with_capacity(candidates.len());
        let mut lost = Vec::new();
        for (place, candidate) in candidates.iter().enumerate() {
            match first.get(&*candidate.id) {
                None => drop(first.insert(&*candidate.id, place)),
                Some(&to) => lost.push((place, to)),
            }
        }
        drop(first);
        for &(place, to) in &lost {
            self.met(&candidates[place], &candidates[to]);
        }
        let mut lost = lost.iter().map(|&(place, _)| place).peekable();
        let mut place = 0..;
        candidates.retain(|_| lost.next_if_eq(&place.next().unwrap_or_default()).is_none());
        // What has no place among the best need not be known, as it depends on
        // the order of the stream whether it is.
        let bar = candidates.last().filter(|_| candidates.len() >= self.room);
        let mut twins = self.twins.into_sorted();
        twins.retain(|(lost, _)| !bar.is_some_and(|bar| bar.surely_beats(lost.value, &lost.id)));
        Ranked {
            candidates,
            twins,
            repeats: self.repeats,
        }
    }
}

type Member = (Rc<Candidate>, Rc<str>);

/// The best candidate of each of the k best classes.
///
/// A class that k others have pushed out needs no memory: it can only come
/// back with a better candidate.
pub struct Classes {
    k: usize,
    order: BTreeSet<Member>,
    by_class: HashMap<Rc<str>, Rc<Candidate>>,
}

impl Classes {
    fn new(k: usize) -> Self {
        Self {
            k,
            order: BTreeSet::new(),
            by_class: HashMap::new(),
        }
    }

    fn bar(&self) -> Option<&Candidate> {
        if self.order.len() < self.k {
            return None;
        }
        self.order.last().map(|(worst, _)| worst.as_ref())
    }

    /// Shows a candidate of a class; of two, gives back the one that is not kept
    /// and the one that is.
    fn push(
        &mut self,
        candidate: Candidate,
        class: Rc<str>,
    ) -> Option<(Rc<Candidate>, Rc<Candidate>)> {
        let candidate = Rc::new(candidate);
        let mut lost = None;
        if let Some(rival) = self.by_class.get(&class) {
            if *rival <= candidate {
                return Some((candidate, Rc::clone(rival)));
            }
            self.order.remove(&(Rc::clone(rival), Rc::clone(&class)));
            lost = Some((Rc::clone(rival), Rc::clone(&candidate)));
        }
        self.by_class
            .insert(Rc::clone(&class), Rc::clone(&candidate));
        self.order.insert((candidate, class));
        if self.order.len() > self.k
            && let Some((_, class)) = self.order.pop_last()
        {
            self.by_class.remove(&class);
        }
        lost
    }

    fn into_sorted(self) -> Vec<Candidate> {
        drop(self.by_class);
        let owned = |(candidate, _): Member| Rc::unwrap_or_clone(candidate);
        self.order.into_iter().map(owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn candidate(value: f64, id: usize) -> Candidate {
        Candidate {
            value,
            id: format!("c{id:03}").into(),
            line: String::new().into(),
            place: Place {
                source: "x".into(),
                line: id as u64,
            },
        }
    }

    /// Values with many ties, in an order that does not follow them.
    fn stream(step: usize) -> impl Iterator<Item = (Candidate, String)> {
        (0..101).map(move |i| {
            let i = i * step % 101;
            (
                candidate((i * i % 17) as f64, i),
                format!("class {}", i % 13),
            )
        })
    }

    fn best(k: Option<u32>, unique: bool, step: usize) -> Vec<Candidate> {
        let mut best = Best::new(k, unique);
        for (candidate, class) in stream(step) {
            if best.may_take(candidate.value, &candidate.id) {
                best.push(candidate, unique.then_some(class));
            }
        }
        best.into_ranked().candidates
    }

    #[test]
    fn it_is_the_head_of_the_sorted_input_in_any_order() {
        let mut all: Vec<Candidate> = stream(1).map(|(candidate, _)| candidate).collect();
        all.sort();
        for step in [1, 7, 50] {
            assert_eq!(best(None, false, step), all);
            assert_eq!(best(Some(10), false, step), all[..10]);
        }
    }

    #[test]
    fn one_of_each_class_is_its_best() {
        let mut all: Vec<(Candidate, String)> = stream(1).collect();
        all.sort();
        let mut seen = HashSet::new();
        all.retain(|(_, class)| seen.insert(class.clone()));
        let all: Vec<Candidate> = all.into_iter().map(|(candidate, _)| candidate).collect();
        assert_eq!(all.len(), 13);
        for step in [1, 7, 50] {
            assert_eq!(best(None, true, step), all);
            assert_eq!(best(Some(5), true, step), all[..5]);
        }
    }

    #[test]
    fn memory_holds_k() {
        let mut classes = Classes::new(3);
        for (candidate, class) in stream(7) {
            classes.push(candidate, class.into());
            assert!(classes.order.len() <= 3 && classes.by_class.len() <= 3);
        }
    }

    #[test]
    fn an_id_is_ranked_once_in_any_order() {
        let of = |id: &str, value: f64, arch: &str, line: u64| Candidate {
            value,
            id: id.into(),
            line: format!("{{\"id\":\"{id}\",\"arch\":\"{arch}\",\"x\":{line}}}").into(),
            place: Place {
                source: "x".into(),
                line,
            },
        };
        // b again as it is, c with another value, d beyond the best, e alone.
        let all = [
            of("b", 5.0, "b", 1),
            of("b", 5.0, "b", 2),
            of("c", 4.0, "c", 3),
            of("c", 3.5, "c", 4),
            of("d", 3.0, "d", 5),
            of("d", 1.0, "d", 6),
            of("e", 2.0, "e", 7),
        ];
        for turn in 0..all.len() {
            for (k, expected, twins) in [
                (Some(3), &["b", "c", "d"][..], &["c"][..]),
                (None, &["b", "c", "d", "e"], &["c", "d"]),
            ] {
                let mut best = Best::new(k, false);
                for candidate in all[turn..].iter().chain(&all[..turn]).cloned() {
                    if best.may_take(candidate.value, &candidate.id) {
                        best.push(candidate, None);
                    }
                }
                let ranked = best.into_ranked();
                let ids = |all: Vec<Candidate>| -> Vec<Box<str>> {
                    all.into_iter().map(|candidate| candidate.id).collect()
                };
                assert_eq!(
                    ids(ranked.candidates),
                    expected.iter().copied().map(Box::from).collect::<Vec<_>>()
                );
                let lost = ranked.twins.into_iter().map(|(lost, _)| lost).collect();
                assert_eq!(
                    ids(lost),
                    twins.iter().copied().map(Box::from).collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn zeros_are_equal() {
        assert!(candidate(0.0, 1) < candidate(-0.0, 2));
        assert!(candidate(-0.0, 1) < candidate(0.0, 2));
    }
}
