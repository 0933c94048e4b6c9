//! Paired bootstrap: how far a statistic would move with other candidates.

use rayon::prelude::*;

use crate::random::stream;

/// Resamples with replacement (Efron 1979).
///
/// A resample is given as counts, how often each place was drawn. One call of
/// [`Bootstrap::run`] hands each resample once to a closure that may compute
/// any number of statistics, which are therefore paired: in each resample all
/// see the same candidates.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// Same seed, same resamples.
    pub seed: u64,
    /// How many.
    pub resamples: usize,
}

/// An interval with both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Bootstrap {
    /// The statistic of each resample of `n` places, in the order of the
    /// resamples. They are shared among rayon's threads; each draws from a
    /// stream of its own, so the result does not depend on how many there are.
    pub fn run<T: Send>(&self, n: usize, statistic: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        (0..self.resamples)
            .into_par_iter()
            .map_init(
                || vec![0u32; n],
                |counts, resample| {
                    let mut random = stream(self.seed, "bootstrap", &[(resample as u64).into()]);
                    counts.fill(0);
                    for _ in 0..n {
                        counts[random.below(n as u64) as usize] += 1;
                    }
                    statistic(counts)
                },
            )
            .collect()
    }
}

/// The percentile interval that holds the share `level` of the values, with
/// linear interpolation between neighbours (numpy's default); none without
/// values.
pub fn interval(mut values: Vec<f64>, level: f64) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let position = share * last as f64;
        let low = (position.floor() as usize).min(last);
        let high = (low + 1).min(last);
        values[low] + (values[high] - values[low]) * (position - low as f64)
    };
    let tail = (1.0 - level) / 2.0;
    Some(Interval {
        lo: at(tail),
        hi: at(1.0 - tail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // np.percentile([3.5, 1, 2, 10, 7, 8], [2.5, 97.5])
    #[test]
    fn percentiles_are_as_in_numpy() {
        let found = interval(vec![3.5, 1.0, 2.0, 10.0, 7.0, 8.0], 0.95).unwrap();
        assert!((found.lo - 1.125).abs() < 1e-12 && (found.hi - 9.75).abs() < 1e-12);
        assert_eq!(
            interval(vec![4.0], 0.95),
            Some(Interval { lo: 4.0, hi: 4.0 })
        );
        assert_eq!(interval(vec![], 0.95), None);
    }

    #[test]
    fn threads_change_nothing() {
        let bootstrap = Bootstrap {
            seed: 3,
            resamples: 40,
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| bootstrap.run(17, <[u32]>::to_vec))
        };
        let one = run(1);
        assert_eq!(one, run(3));
        assert!(one.iter().all(|counts| counts.iter().sum::<u32>() == 17));
        assert_ne!(one[0], one[1]);
        let other = Bootstrap {
            seed: 4,
            resamples: 40,
        };
        assert_ne!(one, other.run(17, <[u32]>::to_vec));
    }

    #[test]
    fn nothing_can_be_resampled() {
        let bootstrap = Bootstrap {
            seed: 0,
            resamples: 2,
        };
        assert_eq!(bootstrap.run(0, <[u32]>::len), [0, 0]);
    }

    #[test]
    fn the_mean_spreads_as_it_should() {
        // The standard error of the mean of 0..100 is √(Σ(x − x̄)² / n) / √n
        // = √833.25 / 10; 1.96 of them on either side of 49.5.
        let bootstrap = Bootstrap {
            seed: 0,
            resamples: 4000,
        };
        let means = bootstrap.run(100, |counts| {
            counts
                .iter()
                .enumerate()
                .map(|(x, &c)| x as f64 * f64::from(c))
                .sum::<f64>()
                / 100.0
        });
        let found = interval(means, 0.95).unwrap();
        let half = 1.959964 * f64::sqrt(833.25) / 10.0;
        assert!((found.lo - (49.5 - half)).abs() < 0.5, "{found:?}");
        assert!((found.hi - (49.5 + half)).abs() < 0.5, "{found:?}");
    }
}
