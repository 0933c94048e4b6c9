//! Stability of a score over seeds.

use crate::random::stream;
use crate::{StatsError, spearman};

/// Spearman's ρ to be expected between two runs that differ in their seed
/// only, from the mean and the standard deviation of each candidate's score
/// over seeds: the mean over `pairs` pairs of runs, in which each candidate
/// gets its mean plus a normal deviate of its own deviation. 1 means that the
/// seed does not matter, 0 that the score is noise; none where the scores are
/// constant.
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn agreement_between_seeds(
    means: &[f64],
    deviations: &[f64],
    seed: u64,
    pairs: usize,
) -> Result<Option<f64>, StatsError> {
    if means.len() != deviations.len() {
        return Err(StatsError::Length {
            left: means.len(),
            right: deviations.len(),
        });
    }
    let mut random = stream(seed, "stability", &[]);
    let mut normal = vec![0f32; means.len()];
    let mut run = || -> Vec<f64> {
        random.fill_normal(&mut normal);
        let scores = means.iter().zip(deviations).zip(&normal);
        scores
            .map(|((mean, deviation), &normal)| mean + deviation * f64::from(normal))
            .collect()
    };
    let mut sum = 0.0;
    for _ in 0..pairs {
        let (first, second) = (run(), run());
        match spearman(&first, &second)? {
            Some(value) => sum += value,
            None => return Ok(None),
        }
    }
    Ok((pairs > 0).then(|| sum / pairs as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(value: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..2000).map(|i| value(f64::from(i))).collect()
    }

    #[test]
    fn no_deviation_is_full_agreement() {
        let found = agreement_between_seeds(&column(|i| i), &column(|_| 0.0), 0, 3);
        assert_eq!(found, Ok(Some(1.0)));
        assert_eq!(
            agreement_between_seeds(&[1.0; 5], &[0.0; 5], 0, 3),
            Ok(None)
        );
        assert_eq!(agreement_between_seeds(&[], &[], 0, 0), Ok(None));
    }

    #[test]
    fn deviation_alone_is_none() {
        let found = agreement_between_seeds(&column(|_| 0.0), &column(|_| 1.0), 0, 10);
        assert!(found.unwrap().unwrap().abs() < 0.03);
    }

    #[test]
    fn normal_scores_have_the_closed_form() {
        // Means with variance 1 and deviation 1 give two runs with Pearson's
        // r = 1/2, and for normal values ρ = 6/π · asin(r/2).
        let mut normal = vec![0f32; 20_000];
        stream(5, "test", &[]).fill_normal(&mut normal);
        let means: Vec<f64> = normal.into_iter().map(f64::from).collect();
        let found = agreement_between_seeds(&means, &vec![1.0; means.len()], 0, 10);
        let expected = 6.0 / std::f64::consts::PI * (0.25f64).asin();
        assert!((found.unwrap().unwrap() - expected).abs() < 0.01);
    }
}
