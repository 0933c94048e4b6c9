//! Loss, accuracy, F1 and which classes are taken for which, over many batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How well a model does on some examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean loss of an example.
    pub loss: f64,
    /// Fraction of the examples whose class is the most probable one.
    pub accuracy: f64,
    /// Where it was asked for: of the examples of class 1, the harmonic mean of
    /// the fraction that is found (recall) and the fraction that is right of
    /// what is taken for one (precision). 0 where none is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
}

/// How well a model does on some examples, and which classes it takes for which.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// In numbers.
    pub metrics: Metrics,
    /// By class.
    pub confusion: Confusion,
}

/// Which classes are taken for which: how many examples of one class the model takes
/// for another, or for itself. What does not occur is not held, since a matrix of many
/// classes is larger than all examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32, u64)>", into = "Vec<(u32, u32, u64)>")]
pub struct Confusion(BTreeMap<(u32, u32), u64>);

impl From<Vec<(u32, u32, u64)>> for Confusion {
    fn from(counts: Vec<(u32, u32, u64)>) -> Self {
        let counts = counts.into_iter();
        Self(
            counts
                .map(|(class, said, count)| ((class, said), count))
                .collect(),
        )
    }
}

impl From<Confusion> for Vec<(u32, u32, u64)> {
    fn from(Confusion(counts): Confusion) -> Self {
        let counts = counts.into_iter();
        counts
            .map(|((class, said), count)| (class, said, count))
            .collect()
    }
}

impl Confusion {
    /// Counts an example of `class` that is taken for `said`.
    pub fn add(&mut self, class: u32, said: u32) {
        *self.0.entry((class, said)).or_default() += 1;
    }

    /// The matrix of so many classes: a row for each true class, in it a count for each
    /// class that the model says.
    #[must_use]
    pub fn rows(&self, classes: usize) -> Vec<Vec<u64>> {
        let mut rows = vec![vec![0; classes]; classes];
        for (&(class, said), &count) in &self.0 {
            let cell = rows.get_mut(class as usize);
            if let Some(cell) = cell.and_then(|row| row.get_mut(said as usize)) {
                *cell = count;
            }
        }
        rows
    }

    /// For each of so many classes, the fraction of its examples that is recognised;
    /// none where there is no example of it.
    #[must_use]
    pub fn recognised(&self, classes: usize) -> Vec<Option<f64>> {
        let mut sums = vec![(0, 0); classes];
        for (&(class, said), &count) in &self.0 {
            if let Some((all, right)) = sums.get_mut(class as usize) {
                *all += count;
                *right += if class == said { count } else { 0 };
            }
        }
        let share = |(all, right): (u64, u64)| (all > 0).then(|| right as f64 / all as f64);
        sums.into_iter().map(share).collect()
    }

    /// How many examples are of a kind, by class and what is said.
    fn count(&self, is: impl Fn(u32, u32) -> bool) -> u64 {
        let kind = self.0.iter().filter(|((class, said), _)| is(*class, *said));
        kind.map(|(_, count)| count).sum()
    }

    /// F1 of class 1; 0 where there is none.
    fn f1(&self) -> f64 {
        let actual = self.count(|class, _| class == 1);
        let predicted = self.count(|_, said| said == 1);
        let found = self.count(|class, said| class == 1 && said == 1);
        2.0 * found as f64 / (actual + predicted).max(1) as f64
    }
}

/// A sum of batches that are learnt from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    examples: u64,
    loss: f64,
    correct: f64,
}

impl Tally {
    /// Adds a batch: its mean loss, and how many of its examples are right.
    pub fn add(&mut self, loss: f64, correct: f64, examples: u64) {
        self.loss += loss * examples as f64;
        self.correct += correct;
        self.examples += examples;
    }

    /// Means over all examples; NaN where there is none.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let examples = self.examples as f64;
        Metrics {
            loss: self.loss / examples,
            accuracy: self.correct / examples,
            f1: None,
        }
    }
}

/// A sum of batches that a model is judged on.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    loss: f64,
    confusion: Confusion,
}

impl Judgement {
    /// Adds a batch: its mean loss, and for each example its class and that for which
    /// it is taken.
    pub fn add(&mut self, loss: f64, examples: impl ExactSizeIterator<Item = (u32, u32)>) {
        self.loss += loss * examples.len() as f64;
        examples.for_each(|(class, said)| self.confusion.add(class, said));
    }

    /// Means over all examples, NaN where there is none; with `f1`, that of class 1
    /// is among them.
    #[must_use]
    pub fn judged(self, f1: bool) -> Judged {
        let (loss, confusion) = (self.loss, self.confusion);
        let examples = confusion.count(|_, _| true) as f64;
        let right = confusion.count(|class, said| class == said);
        Judged {
            metrics: Metrics {
                loss: loss / examples,
                accuracy: right as f64 / examples,
                f1: f1.then(|| confusion.f1()),
            },
            confusion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_by_their_size() {
        let mut tally = Tally::default();
        tally.add(2.0, 3.0, 4);
        tally.add(1.0, 1.0, 1);
        let metrics = tally.metrics();
        assert_eq!((metrics.loss, metrics.accuracy), (9.0 / 5.0, 4.0 / 5.0));
        assert_eq!(metrics.f1, None);
    }

    #[test]
    fn classes_are_counted_by_what_they_are_taken_for() {
        let mut sum = Judgement::default();
        // Of class 0 two are right; one of class 1 is taken for 2; none is of class 2.
        sum.add(2.0, [(0, 0), (1, 2), (0, 0)].into_iter());
        sum.add(1.0, [(1, 1)].into_iter());
        let Judged { metrics, confusion } = sum.judged(false);
        assert_eq!((metrics.loss, metrics.accuracy), (7.0 / 4.0, 3.0 / 4.0));
        assert_eq!(metrics.f1, None);
        assert_eq!(confusion.rows(3), [[2, 0, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(confusion.recognised(3), [Some(1.0), Some(0.5), None]);
        let text = serde_json::to_string(&confusion).unwrap();
        assert_eq!(text, "[[0,0,2],[1,1,1],[1,2,1]]");
        assert_eq!(serde_json::from_str::<Confusion>(&text).unwrap(), confusion);
        // What was written elsewhere may be of other classes.
        assert_eq!(confusion.rows(1), [[2]]);
        assert_eq!(confusion.recognised(1), [Some(1.0)]);
    }

    #[test]
    fn f1_joins_precision_and_recall_over_all_batches() {
        let mut sum = Judgement::default();
        // Of class 1: 6 in truth, 5 said, 3 of them right.
        sum.add(0.0, [(1, 1), (1, 1), (1, 0), (1, 0), (0, 0)].into_iter());
        sum.add(0.0, [(1, 1), (1, 0), (0, 1), (0, 1)].into_iter());
        let (precision, recall) = (3.0 / 5.0, 3.0 / 6.0);
        let expected = 2.0 * precision * recall / (precision + recall);
        let f1 = sum.judged(true).metrics.f1.unwrap();
        assert!((f1 - expected).abs() < 1e-15, "{f1} {expected}");
        assert_eq!(Judgement::default().judged(true).metrics.f1, Some(0.0));
    }
}
