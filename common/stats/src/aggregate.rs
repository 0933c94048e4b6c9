//! Several scores made one.
//!
//! Each function takes columns of one length, larger is better, and gives one
//! column, larger is better.

use crate::{Ranking, StatsError};

/// The rank of each value, 1 for the largest; equal values share the mean of
/// their ranks.
///
/// # Errors
/// A value is not finite.
pub fn ranks(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let ranking = Ranking::new(values)?;
    let mut ranks = vec![0.0; values.len()];
    let mut better = 0;
    for group in ranking.groups().rev() {
        let rank = better as f64 + (group.len() as f64 + 1.0) / 2.0;
        for &place in group {
            ranks[place as usize] = rank;
        }
        better += group.len();
    }
    Ok(ranks)
}

/// Minus the sum of the ranks (Chen et al., *Neural Architecture Search on
/// ImageNet in Four GPU Hours*, 2021).
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn rank_sum(columns: &[Vec<f64>]) -> Result<Vec<f64>, StatsError> {
    sum_over_ranks(columns, |rank, _| -rank)
}

/// Σ log(rank / m) over the columns, with m values and rank m for the best
/// (Lee and Ham, *AZ-NAS*, 2024, equation 10): one bad rank weighs more than
/// one good rank.
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn log_rank(columns: &[Vec<f64>]) -> Result<Vec<f64>, StatsError> {
    sum_over_ranks(columns, |rank, m| ((m + 1.0 - rank) / m).ln())
}

fn sum_over_ranks(
    columns: &[Vec<f64>],
    term: impl Fn(f64, f64) -> f64,
) -> Result<Vec<f64>, StatsError> {
    let length = columns.first().map_or(0, Vec::len);
    let mut sums = vec![0.0; length];
    for column in columns {
        if column.len() != length {
            return Err(StatsError::Length {
                left: length,
                right: column.len(),
            });
        }
        for (sum, rank) in sums.iter_mut().zip(ranks(column)?) {
            *sum += term(rank, length as f64);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[5.0, 7.0, 5.0, -1.0]).unwrap(), [2.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn sums_by_hand() {
        let columns = [vec![3.0, 2.0, 1.0], vec![10.0, 30.0, 20.0]];
        assert_eq!(rank_sum(&columns).unwrap(), [-4.0, -3.0, -5.0]);
        // Ranks from the worst up: (3, 1), (2, 3), (1, 2), of 3.
        let expected = [
            1f64.ln() + (1f64 / 3.0).ln(),
            (2f64 / 3.0).ln() + 1f64.ln(),
            (1f64 / 3.0).ln() + (2f64 / 3.0).ln(),
        ];
        for (value, expected) in log_rank(&columns).unwrap().into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn what_cannot_be_combined_is_an_error() {
        assert!(rank_sum(&[vec![1.0], vec![1.0, 2.0]]).is_err());
        assert!(log_rank(&[vec![f64::NAN]]).is_err());
    }

    proptest! {
        #[test]
        fn ranks_are_the_definition(values in prop::collection::vec((-9i32..9).prop_map(f64::from), 0..50)) {
            for (value, rank) in values.iter().zip(ranks(&values).unwrap()) {
                let larger = values.iter().filter(|other| *other > value).count() as f64;
                let equal = values.iter().filter(|other| *other == value).count() as f64;
                prop_assert_eq!(rank, larger + (equal + 1.0) / 2.0);
            }
        }
    }
}
