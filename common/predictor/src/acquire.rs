//! Which candidate to train next, from what is expected of each.

use std::f64::consts::{PI, SQRT_2};
use std::str::FromStr;

use knas_stats::random::stream;

use crate::Prediction;

/// What makes a candidate worth training. Larger is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquisition {
    /// The mean: whatever is expected to be best.
    Mean,
    /// The upper confidence bound, mean + deviation (Auer 2002).
    Ucb,
    /// The expected improvement over the best label (Močkus 1975).
    Ei,
    /// A draw from the distribution (Thompson 1933), for each candidate its own.
    Thompson,
}

impl Acquisition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Ucb, Self::Ei, Self::Thompson];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Ucb => "ucb",
            Self::Ei => "ei",
            Self::Thompson => "thompson",
        }
    }

    /// The value of a candidate called `id`, of which `expected` is expected,
    /// where the best label so far is `best`.
    #[must_use]
    pub fn value(self, expected: Prediction, best: f64, seed: u64, id: &str) -> f64 {
        let Prediction { mean, std } = expected;
        match self {
            Self::Mean => mean,
            Self::Ucb => mean + std,
            Self::Ei => expected_improvement(mean - best, std),
            Self::Thompson => {
                let mut draw = [0f32];
                stream(seed, "thompson", &[id.into()]).fill_normal(&mut draw);
                mean + std * f64::from(draw[0])
            }
        }
    }
}

impl FromStr for Acquisition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|how| how.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of mean, ucb, ei, thompson"))
    }
}

/// E max(0, N(gain, std²)) = std·(z·Φ(z) + φ(z)) with z = gain/std.
fn expected_improvement(gain: f64, std: f64) -> f64 {
    if std <= 0.0 {
        return gain.max(0.0);
    }
    let z = gain / std;
    let below = 0.5 * libm::erfc(-z / SQRT_2);
    let density = libm::exp(-0.5 * z * z) / (2.0 * PI).sqrt();
    (std * (z * below + density)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // from scipy.stats import norm
    // [s * (g/s * norm.cdf(g/s) + norm.pdf(g/s)) for g, s in [(0, 1), (.5, 2), (-3, 1), (1, .1)]]
    #[test]
    fn the_expected_improvement_is_that_of_its_integral() {
        for ((gain, std), expected) in [
            ((0.0, 1.0), 0.398_942_280_401_432_7),
            ((0.5, 2.0), 1.072_689_396_447_160_4),
            ((-3.0, 1.0), 0.000_382_154_317_047_720_5),
            ((1.0, 0.1), 1.0),
        ] {
            let found = expected_improvement(gain, std);
            assert!((found - expected).abs() < 1e-9, "{gain} {std}: {found}");
            // Against the sum over a fine grid.
            let steps = 200_000;
            let grid = (0..steps).map(|i| -10.0 + 20.0 * (f64::from(i) + 0.5) / f64::from(steps));
            let sum: f64 = grid
                .map(|z| (gain + std * z).max(0.0) * (-0.5 * z * z).exp() / (2.0 * PI).sqrt())
                .sum();
            assert!((found - sum * 20.0 / f64::from(steps)).abs() < 1e-6);
        }
        assert_eq!(expected_improvement(2.0, 0.0), 2.0);
        assert_eq!(expected_improvement(-2.0, 0.0), 0.0);
    }

    #[test]
    fn draws_depend_on_seed_and_id_and_have_the_moments() {
        let expected = Prediction {
            mean: 3.0,
            std: 2.0,
        };
        let draw = |seed, id: &str| Acquisition::Thompson.value(expected, 0.0, seed, id);
        assert_eq!(draw(0, "a"), draw(0, "a"));
        assert_ne!(draw(0, "a"), draw(0, "b"));
        assert_ne!(draw(0, "a"), draw(1, "a"));
        let draws: Vec<f64> = (0..4000).map(|seed| draw(seed, "a")).collect();
        let mean = draws.iter().sum::<f64>() / 4000.0;
        let square = draws.iter().map(|d| (d - 3.0).powi(2)).sum::<f64>() / 4000.0;
        assert!(
            (mean - 3.0).abs() < 0.13 && (square - 4.0).abs() < 0.4,
            "{mean} {square}"
        );
    }
}
