//! What options are worth by training-free scores of the network without them (Chen et
//! al., *TE-NAS*, ICLR 2021).
//!
//! Options that are left weigh alike. Of each, the scores are computed with it and
//! without it, on the same samples and weights drawn from the same seeds.

use knas_proxy::{Evaluation, Overrides, Proxy, Samples, Subject, score};
use knas_space::{SearchSpace, Setting, mixture};
use tch::Device;

use crate::SearchError;

/// What scores are computed on.
pub struct ByScores<'s> {
    /// The space.
    pub space: &'static dyn SearchSpace,
    /// The size of its network.
    pub setting: Setting,
    /// The scores.
    pub proxies: Vec<&'static dyn Proxy>,
    /// Samples, with the seed of the weights for each.
    pub samples: &'s [(u64, Samples)],
    /// Where networks are evaluated.
    pub device: Device,
}

/// How much a score gains, relative to its value, where an option is taken away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The choice.
    pub choice: usize,
    /// The option.
    pub option: usize,
    /// The mean over the seeds.
    pub mean: f64,
    /// Its standard error, where there are several.
    pub error: Option<f64>,
}

impl ByScores<'_> {
    /// By score, the gains of all options that are `allowed` on choices with several.
    /// Before each evaluation `go_on` is asked whether there is to be one; where there is
    /// not, there is no result.
    ///
    /// # Errors
    /// When a score has no value.
    pub fn gains(
        &self,
        allowed: &[Vec<bool>],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Vec<Gain>>>, SearchError> {
        let whole = self.values(allowed)?;
        let mut gains: Vec<Vec<Gain>> = vec![Vec::new(); self.proxies.len()];
        for (choice, row) in allowed.iter().enumerate() {
            let options: Vec<usize> = (0..row.len()).filter(|&option| row[option]).collect();
            for &option in options.iter().filter(|_| options.len() > 1) {
                if !go_on() {
                    return Ok(None);
                }
                let mut rest = allowed.to_vec();
                rest[choice][option] = false;
                let without = self.values(&rest)?;
                for ((gains, whole), without) in gains.iter_mut().zip(&whole).zip(&without) {
                    let pairs = whole.iter().zip(without);
                    let found: Vec<f64> =
                        pairs.map(|(v, w)| (w - v) / v.abs().max(1e-300)).collect();
                    let (mean, error) = moments(&found);
                    gains.push(Gain {
                        choice,
                        option,
                        mean,
                        error,
                    });
                }
            }
        }
        Ok(Some(gains))
    }

    /// By score, its values for the seeds.
    fn values(&self, allowed: &[Vec<bool>]) -> Result<Vec<Vec<f64>>, SearchError> {
        let mixture = mixture(self.space, allowed.to_vec());
        let mut values = vec![Vec::new(); self.proxies.len()];
        for (seed, samples) in self.samples {
            let subject = Subject {
                architecture: &*mixture,
                setting: self.setting.clone(),
                weights: None,
                new_head: false,
                seed: *seed,
                device: self.device,
            };
            let mut evaluation = Evaluation::new(subject, samples, Overrides::default());
            for (proxy, values) in self.proxies.iter().zip(&mut values) {
                values.push(score(*proxy, &mut evaluation)?);
            }
        }
        Ok(values)
    }
}

/// The mean, and its standard error where there are several values.
fn moments(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    (mean, (values.len() > 1).then_some(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_of_the_mean() {
        // statistics.stdev([1, 2, 4]) / 3 ** .5
        let (mean, error) = moments(&[1.0, 2.0, 4.0]);
        assert!((mean - 7.0 / 3.0).abs() < 1e-15);
        assert!((error.unwrap() - 0.8819171036881969).abs() < 1e-15);
        assert_eq!(moments(&[3.0]), (3.0, None));
    }
}
