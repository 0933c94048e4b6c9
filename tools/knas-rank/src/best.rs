//! The best candidates of a stream, in memory for as many as are asked for.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

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
}

impl Candidate {
    /// Whether this candidate comes before every one of this value and id,
    /// without looking at more of them.
    fn surely_beats(&self, value: f64, id: &str) -> bool {
        order((self.value, &self.id), (value, id)).is_lt()
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

/// The best candidates seen so far.
pub enum Best {
    /// Of all.
    All(TopK<Candidate>),
    /// At most one of each class.
    Classes(Classes),
}

impl Best {
    /// Room for `k` candidates, or for all; with `unique`, only the best of
    /// each class is kept.
    pub fn new(k: Option<u32>, unique: bool) -> Self {
        let k = k.map_or(usize::MAX, |k| k as usize);
        if unique {
            Self::Classes(Classes::new(k))
        } else {
            Self::All(TopK::new(k))
        }
    }

    /// Whether a candidate has a chance; most of a long stream has none, and
    /// need not be copied.
    pub fn may_take(&self, value: f64, id: &str) -> bool {
        let bar = match self {
            Self::All(top) => top.bar(),
            Self::Classes(classes) => classes.bar(),
        };
        !bar.is_some_and(|worst| worst.surely_beats(value, id))
    }

    /// Shows a candidate, with its class where classes matter.
    pub fn push(&mut self, candidate: Candidate, class: Option<String>) {
        match self {
            Self::All(top) => drop(top.push(candidate)),
            Self::Classes(classes) => classes.push(candidate, class.unwrap_or_default()),
        }
    }

    /// The candidates kept, best first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        match self {
            Self::All(top) => top.into_sorted(),
            Self::Classes(classes) => {
                let owned = |(candidate, _): Member| Rc::unwrap_or_clone(candidate);
                drop(classes.by_class);
                classes.order.into_iter().map(owned).collect()
            }
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

    fn push(&mut self, candidate: Candidate, class: String) {
        let (class, candidate): (Rc<str>, _) = (class.into(), Rc::new(candidate));
        if let Some(rival) = self.by_class.get(&class) {
            if *rival <= candidate {
                return;
            }
            self.order.remove(&(Rc::clone(rival), Rc::clone(&class)));
        }
        self.by_class
            .insert(Rc::clone(&class), Rc::clone(&candidate));
        self.order.insert((candidate, class));
        if self.order.len() > self.k
            && let Some((_, class)) = self.order.pop_last()
        {
            self.by_class.remove(&class);
        }
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
                best.push(candidate, Some(class));
            }
        }
        best.into_sorted()
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
            classes.push(candidate, class);
            assert!(classes.order.len() <= 3 && classes.by_class.len() <= 3);
        }
    }

    #[test]
    fn zeros_are_equal() {
        assert!(candidate(0.0, 1) < candidate(-0.0, 2));
        assert!(candidate(-0.0, 1) < candidate(0.0, 2));
    }
}
