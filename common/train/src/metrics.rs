//! Loss, accuracy, F1 and which classes are taken for which, over many batches.

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

/// Which classes are taken for which: a row for each true class, in it a count for
/// each class that the model says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    /// No example of so many classes.
    #[must_use]
    pub fn of(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// The counts, row by row.
    #[must_use]
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// Adds counts, all rows one after another.
    pub fn add(&mut self, counts: &[u64]) {
        let all = self.0.iter_mut().flatten();
        all.zip(counts).for_each(|(sum, count)| *sum += count);
    }

    /// For each class, the fraction of its examples that is recognised; none where
    /// there is no example of it.
    #[must_use]
    pub fn recognised(&self) -> Vec<Option<f64>> {
        let share = |(class, row): (usize, &Vec<u64>)| {
            let all: u64 = row.iter().sum();
            (all > 0).then(|| row[class] as f64 / all as f64)
        };
        self.0.iter().enumerate().map(share).collect()
    }

    fn examples(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    fn correct(&self) -> u64 {
        let classes = self.0.iter().enumerate();
        classes.map(|(class, row)| row[class]).sum()
    }

    /// F1 of class 1; 0 where there is none.
    fn f1(&self) -> f64 {
        let row = self.0.get(1);
        let actual: u64 = row.map_or(0, |row| row.iter().sum());
        let predicted: u64 = self.0.iter().filter_map(|row| row.get(1)).sum();
        let found = row.and_then(|row| row.get(1)).copied().unwrap_or(0);
        2.0 * found as f64 / (actual + predicted).max(1) as f64
    }
}

/// A sum of batches that are learnt from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    examples: u64,
    loss: f64,
    correct: u64,
}

impl Tally {
    /// Adds a batch: its mean loss, and how many of its examples are right.
    pub fn add(&mut self, loss: f64, correct: u64, examples: u64) {
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
            accuracy: self.correct as f64 / examples,
            f1: None,
        }
    }
}

/// A sum of batches that a model is judged on.
#[derive(Clone, Debug)]
pub struct Judgement {
    loss: f64,
    confusion: Confusion,
}

impl Judgement {
    /// Before the first example of so many classes.
    #[must_use]
    pub fn of(classes: usize) -> Self {
        Self {
            loss: 0.0,
            confusion: Confusion::of(classes),
        }
    }

    /// Adds a batch: its mean loss, and how many of its examples of each class are
    /// taken for each, as [`Confusion::add`] has them.
    pub fn add(&mut self, loss: f64, counts: &[u64]) {
        self.loss += loss * counts.iter().sum::<u64>() as f64;
        self.confusion.add(counts);
    }

    /// Means over all examples, NaN where there is none; with `f1`, that of class 1
    /// is among them.
    #[must_use]
    pub fn judged(self, f1: bool) -> Judged {
        let (loss, confusion) = (self.loss, self.confusion);
        let examples = confusion.examples() as f64;
        Judged {
            metrics: Metrics {
                loss: loss / examples,
                accuracy: confusion.correct() as f64 / examples,
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
        tally.add(2.0, 3, 4);
        tally.add(1.0, 1, 1);
        let metrics = tally.metrics();
        assert_eq!((metrics.loss, metrics.accuracy), (9.0 / 5.0, 4.0 / 5.0));
        assert_eq!(metrics.f1, None);
    }

    #[test]
    fn classes_are_counted_by_what_they_are_taken_for() {
        let mut sum = Judgement::of(3);
        // Of class 0 two are right; one of class 1 is taken for 2; none is of class 2.
        sum.add(2.0, &[2, 0, 0, 0, 0, 1, 0, 0, 0]);
        sum.add(1.0, &[0, 0, 0, 0, 1, 0, 0, 0, 0]);
        let Judged { metrics, confusion } = sum.judged(false);
        assert_eq!((metrics.loss, metrics.accuracy), (7.0 / 4.0, 3.0 / 4.0));
        assert_eq!(metrics.f1, None);
        assert_eq!(confusion.rows(), [[2, 0, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(confusion.recognised(), [Some(1.0), Some(0.5), None]);
    }

    #[test]
    fn f1_joins_precision_and_recall_over_all_batches() {
        let mut sum = Judgement::of(2);
        // Of class 1: 4 in truth, 2 said, 2 of them right; then 2, 3 and 1.
        sum.add(0.0, &[3, 0, 2, 2]);
        sum.add(0.0, &[1, 2, 1, 1]);
        let (precision, recall) = (3.0 / 5.0, 3.0 / 6.0);
        let expected = 2.0 * precision * recall / (precision + recall);
        let f1 = sum.judged(true).metrics.f1.unwrap();
        assert!((f1 - expected).abs() < 1e-15, "{f1} {expected}");
        assert_eq!(Judgement::of(2).judged(true).metrics.f1, Some(0.0));
    }
}
