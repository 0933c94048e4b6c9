//! Loss and accuracy over many batches.

use serde::{Deserialize, Serialize};

/// How well a model does on some examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean loss of an example.
    pub loss: f64,
    /// Fraction of the examples whose class is the most probable one.
    pub accuracy: f64,
}

/// A sum of batches.
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
    pub fn metrics(&self) -> Metrics {
        let examples = self.examples as f64;
        Metrics {
            loss: self.loss / examples,
            accuracy: self.correct as f64 / examples,
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
    }
}
