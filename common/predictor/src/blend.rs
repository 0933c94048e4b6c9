//! Several models as one: each is fitted to labels without skew, and their
//! predictions are averaged.

use crate::forest::Forest;
use crate::gaussian_process::GaussianProcess;
use crate::ridge::Ridge;
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample};

/// The mean of a Gaussian process, a forest and ridge regression.
#[derive(Clone, Debug)]
pub struct Blend {
    /// The members and their weights.
    pub members: Vec<(f64, Member)>,
}

/// One of the models.
#[derive(Clone, Debug)]
pub enum Member {
    /// Linear.
    Ridge(Ridge),
    /// Trees.
    Forest(Forest),
    /// Kernel.
    Process(GaussianProcess),
}

impl Member {
    fn model(&self) -> &dyn Model {
        match self {
            Self::Ridge(model) => model,
            Self::Forest(model) => model,
            Self::Process(model) => model,
        }
    }
}

impl Default for Blend {
    fn default() -> Self {
        Self {
            members: vec![
                (1.0, Member::Process(GaussianProcess::default())),
                (1.0, Member::Forest(Forest::default())),
            ],
        }
    }
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
        let mut members = Vec::new();
        for (weight, member) in &self.members {
            members.push((*weight, member.model().fit(layout, samples, labels, seed)?));
        }
        let left_out = (0..labels.len())
            .map(|place| mixture(members.iter().map(|(w, m)| (*w, m.left_out()[place]))))
            .collect();
        Ok(Box::new(FittedBlend { members, left_out }))
    }
}

struct FittedBlend {
    members: Vec<(f64, Box<dyn Fitted>)>,
    left_out: Vec<Prediction>,
}

impl Fitted for FittedBlend {
    fn predict(&self, sample: &Sample) -> Prediction {
        mixture(self.members.iter().map(|(w, m)| (*w, m.predict(sample))))
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}

/// Mean and deviation of a mixture of normal distributions.
fn mixture(members: impl Iterator<Item = (f64, Prediction)>) -> Prediction {
    let (mut weights, mut mean, mut square) = (0.0, 0.0, 0.0);
    for (weight, prediction) in members {
        weights += weight;
        mean += weight * prediction.mean;
        square += weight * (prediction.mean.powi(2) + prediction.std.powi(2));
    }
    let mean = mean / weights;
    Prediction {
        mean,
        std: (square / weights - mean * mean).max(0.0).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_has_the_mean_of_means_and_the_variance_within_and_between() {
        let of = |mean, std| Prediction { mean, std };
        let one = mixture([(1.0, of(1.0, 2.0)), (3.0, of(5.0, 1.0))].into_iter());
        // Mean (1 + 15)/4; E x² = (1·(1 + 4) + 3·(25 + 1))/4 = 20.75.
        assert_eq!(one.mean, 4.0);
        assert!((one.std - 4.75f64.sqrt()).abs() < 1e-12);
    }
}
