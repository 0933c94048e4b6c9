//! Loss, accuracy and F1 over many batches.

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

/// A sum of batches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    examples: u64,
    loss: f64,
    correct: u64,
    positives: Option<Positives>,
}

/// How many examples are of class 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positives {
    /// In truth.
    pub actual: u64,
    /// By what the model says.
    pub predicted: u64,
    /// By both.
    pub found: u64,
}

impl Tally {
    /// Adds a batch: its mean loss, and how many of its examples are right.
    pub fn add(&mut self, loss: f64, correct: u64, examples: u64) {
        self.loss += loss * examples as f64;
        self.correct += correct;
        self.examples += examples;
    }

    /// Adds a batch's examples of class 1; F1 is then among the metrics.
    pub fn add_positives(&mut self, batch: Positives) {
        let sum = self.positives.get_or_insert_default();
        sum.actual += batch.actual;
        sum.predicted += batch.predicted;
        sum.found += batch.found;
    }

    /// Means over all examples; NaN where there is none.
    pub fn metrics(&self) -> Metrics {
        let examples = self.examples as f64;
        Metrics {
            loss: self.loss / examples,
            accuracy: self.correct as f64 / examples,
            f1: self.positives.map(|positives| {
                let either = positives.actual + positives.predicted;
                2.0 * positives.found as f64 / either.max(1) as f64
            }),
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
    fn f1_joins_precision_and_recall_over_all_batches() {
        let batch = |actual, predicted, found| Positives {
            actual,
            predicted,
            found,
        };
        let mut tally = Tally::default();
        tally.add_positives(batch(4, 2, 2));
        tally.add_positives(batch(2, 3, 1));
        let (precision, recall) = (3.0 / 5.0, 3.0 / 6.0);
        let expected = 2.0 * precision * recall / (precision + recall);
        let f1 = tally.metrics().f1.unwrap();
        assert!((f1 - expected).abs() < 1e-15, "{f1} {expected}");
        let mut none = Tally::default();
        none.add_positives(Positives::default());
        assert_eq!(none.metrics().f1, Some(0.0));
    }
}
