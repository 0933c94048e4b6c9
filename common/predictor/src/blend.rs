//! Several models as one: the mean of what they expect.

use crate::forest::Forest;
use crate::gaussian_process::GaussianProcess;
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample};

/// A Gaussian process and a forest, which count alike.
#[derive(Clone, Debug, Default)]
pub struct Blend {
    /// The process.
    pub process: GaussianProcess,
    /// The forest.
    pub forest: Forest,
}

impl Model for Blend {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn fit(
        &self,
        layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError> {
        let process = self.process.fit(layout, samples, labels, seed)?;
        let forest = self.forest.fit(layout, samples, labels, seed)?;
        let left_out = process.left_out().iter().zip(forest.left_out());
        let left_out = left_out.map(|(one, other)| mixture(*one, *other)).collect();
        Ok(Box::new(FittedBlend {
            process,
            forest,
            left_out,
        }))
    }
}

struct FittedBlend {
    process: Box<dyn Fitted>,
    forest: Box<dyn Fitted>,
    left_out: Vec<Prediction>,
}

impl Fitted for FittedBlend {
    fn predict(&self, sample: &Sample) -> Prediction {
        mixture(self.process.predict(sample), self.forest.predict(sample))
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}

/// Mean and deviation of a mixture of two normal distributions, half and half.
fn mixture(one: Prediction, other: Prediction) -> Prediction {
    let mean = 0.5 * (one.mean + other.mean);
    let square = |p: Prediction| p.mean * p.mean + p.std * p.std;
    let square = 0.5 * (square(one) + square(other));
    Prediction {
        mean,
        std: (square - mean * mean).max(0.0).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_has_the_mean_of_means_and_the_variance_within_and_between() {
        let of = |mean, std| Prediction { mean, std };
        let one = mixture(of(1.0, 2.0), of(5.0, 1.0));
        // E x² = ((1 + 4) + (25 + 1))/2 = 15.5.
        assert_eq!(one.mean, 3.0);
        assert!((one.std - 6.5f64.sqrt()).abs() < 1e-12);
    }
}
