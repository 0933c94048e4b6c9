//! A monotone change of scale that takes the skew out of values.
//!
//! Accuracies crowd below a ceiling and trail off downwards, many scores crowd
//! above a floor. With x = −ln(c − v), or x = ln(v − c), values are as the
//! three-parameter lognormal distribution has them; c is where the skewness of
//! x is 0. Order is kept, and the way back is exact.

use crate::scale::moments;

/// How many times the range of the values c may lie beyond them, at most and
/// at least.
const REACH: (f64, f64) = (0.02, 50.0);

/// One change of scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unskew {
    /// 1 where there is a ceiling, −1 where there is a floor, 0 for no change.
    side: f64,
    /// The ceiling or floor.
    limit: f64,
    /// Differences from the limit below this are taken for it.
    least: f64,
}

impl Unskew {
    /// Nothing is changed.
    pub const IDENTITY: Self = Self {
        side: 0.0,
        limit: 0.0,
        least: 0.0,
    };

    /// The change that takes the skew out of `values`, as far as that is possible.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = high - low;
        let skew = skewness(values);
        if values.len() < 3 || !range.is_finite() || range <= 0.0 || skew.abs() < 0.05 {
            return Self::IDENTITY;
        }
        let side = if skew < 0.0 { 1.0 } else { -1.0 };
        let with = |reach: f64| Self {
            side,
            limit: if side > 0.0 { high } else { low } + side * reach * range,
            least: 1e-3 * reach * range,
        };
        // The nearer the limit, the more the other tail is drawn in.
        let (mut near, mut far) = (libm::log(REACH.0), libm::log(REACH.1));
        for _ in 0..40 {
            let middle = 0.5 * (near + far);
            let changed = with(libm::exp(middle));
            let changed: Vec<f64> = values.iter().map(|&v| changed.forward(v)).collect();
            if skewness(&changed) * side < 0.0 {
                far = middle;
            } else {
                near = middle;
            }
        }
        with(libm::exp(0.5 * (near + far)))
    }

    /// The value on the new scale.
    #[must_use]
    pub fn forward(&self, value: f64) -> f64 {
        if self.side == 0.0 {
            return value;
        }
        let distance = (self.side * (self.limit - value)).max(self.least);
        -self.side * libm::log(distance)
    }

    /// The value that has `changed` on the new scale.
    #[must_use]
    pub fn back(&self, changed: f64) -> f64 {
        if self.side == 0.0 {
            return changed;
        }
        self.limit - self.side * libm::exp(-self.side * changed)
    }

    /// How much a value changes where `changed` does, to first order.
    #[must_use]
    pub fn slope(&self, changed: f64) -> f64 {
        match self.side == 0.0 {
            true => 1.0,
            false => libm::exp(-self.side * changed),
        }
    }
}

fn skewness(values: &[f64]) -> f64 {
    let (mean, deviation) = moments(values);
    let third = values.iter().map(|v| (v - mean).powi(3)).sum::<f64>();
    third / values.len() as f64 / deviation.powi(3).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell(count: usize) -> Vec<f64> {
        let mut values = vec![0f32; count];
        knas_stats::random::stream(0, "bell", &[]).fill_normal(&mut values);
        values.into_iter().map(f64::from).collect()
    }

    #[test]
    fn skew_goes_on_both_sides_and_comes_back() {
        let bell = bell(300);
        let below: Vec<f64> = bell.iter().map(|x| 94.0 - (0.5 * x).exp()).collect();
        let above: Vec<f64> = bell.iter().map(|x| 2.0 + (0.5 * x).exp()).collect();
        for values in [below, above] {
            let unskew = Unskew::of(&values);
            let changed: Vec<f64> = values.iter().map(|&v| unskew.forward(v)).collect();
            assert!(skewness(&changed).abs() < 0.05, "{}", skewness(&changed));
            for (&value, &x) in values.iter().zip(&changed) {
                assert!((unskew.back(x) - value).abs() < 1e-9 * value.abs().max(1.0));
                let step = 1e-6;
                let slope = (unskew.back(x + step) - unskew.back(x - step)) / (2.0 * step);
                assert!((unskew.slope(x) - slope).abs() < 1e-5 * slope.abs());
            }
        }
    }

    #[test]
    fn order_is_kept_beyond_the_values_too() {
        let values: Vec<f64> = bell(50).iter().map(|x| 94.0 - x.exp()).collect();
        let unskew = Unskew::of(&values);
        let grid: Vec<f64> = (0..200)
            .map(|i| unskew.forward(60.0 + 0.2 * f64::from(i)))
            .collect();
        assert!(grid.is_sorted(), "{unskew:?}");
        assert!(grid.iter().all(|x| x.is_finite()));
    }

    #[test]
    fn what_has_no_skew_stays() {
        for values in [vec![], vec![1.0], vec![2.0; 9], vec![-1.0, 0.0, 1.0]] {
            assert_eq!(Unskew::of(&values), Unskew::IDENTITY);
        }
        assert_eq!(Unskew::IDENTITY.forward(3.0), 3.0);
        assert_eq!(
            (Unskew::IDENTITY.back(3.0), Unskew::IDENTITY.slope(3.0)),
            (3.0, 1.0)
        );
    }
}
