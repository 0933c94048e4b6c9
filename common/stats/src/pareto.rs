//! Pareto fronts: candidates that no other candidate beats in every way.

use crate::StatsError;
use std::cmp::Ordering;

/// The front of each candidate, 1 for those that nothing dominates, 2 for
/// those that only front 1 dominates, and so on. One dominates another where
/// it is at least as large in every column and larger in one; candidates that
/// are equal in all share a front.
///
/// Candidates are sorted, and each looks for its front by bisection (Zhang et
/// al., *An Efficient Approach to Nondominated Sorting*, 2015): O(n log n) for
/// one or two columns, where the last of a front stands for it, and for more
/// columns O(n²) at worst.
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn pareto_fronts(columns: &[Vec<f64>]) -> Result<Vec<u32>, StatsError> {
    let length = columns.first().map_or(0, Vec::len);
    for column in columns {
        if column.len() != length {
            return Err(StatsError::Length {
                left: length,
                right: column.len(),
            });
        }
        if let Some(place) = column.iter().position(|value| !value.is_finite()) {
            return Err(StatsError::NonFinite {
                place,
                value: column[place],
            });
        }
    }
    let compare = |a: usize, b: usize| -> Ordering {
        columns
            .iter()
            .map(|column| (column[b] + 0.0).total_cmp(&(column[a] + 0.0)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_unstable_by(|&a, &b| compare(a, b));

    let mut fronts: Vec<Vec<usize>> = Vec::new();
    let mut result = vec![0; length];
    for (position, &place) in order.iter().enumerate() {
        let twin = position.checked_sub(1).map(|before| order[before]);
        if let Some(twin) = twin.filter(|&twin| compare(twin, place).is_eq()) {
            result[place] = result[twin];
            continue;
        }
        // Whatever dominates this candidate stands before it, and a candidate
        // that some member of a front dominates is dominated by every front
        // before that one.
        let front = fronts.partition_point(|front| dominated(columns, front, place));
        if front == fronts.len() {
            fronts.push(Vec::new());
        }
        fronts[front].push(place);
        result[place] = front as u32 + 1;
    }
    Ok(result)
}

/// Whether a member of the front, none of which equals the candidate or comes
/// after it in the order, dominates it.
fn dominated(columns: &[Vec<f64>], front: &[usize], place: usize) -> bool {
    let at_least = |&member: &usize| {
        columns
            .iter()
            .skip(1)
            .all(|column| column[member] >= column[place])
    };
    if columns.len() <= 2 {
        // Along a front the first column falls and the second rises.
        front.last().is_some_and(at_least)
    } else {
        front.iter().rev().any(at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_columns_by_hand() {
        let columns = [vec![1.0, 2.0, 3.0, 1.0, 3.0], vec![3.0, 2.0, 1.0, 1.0, 1.0]];
        assert_eq!(pareto_fronts(&columns).unwrap(), [1, 1, 1, 2, 1]);
    }

    #[test]
    fn one_column_is_its_distinct_values() {
        assert_eq!(
            pareto_fronts(&[vec![1.0, 3.0, 2.0, 3.0]]).unwrap(),
            [3, 1, 2, 1]
        );
        assert!(pareto_fronts(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_ordered_is_an_error() {
        assert!(pareto_fronts(&[vec![1.0], vec![f64::NAN]]).is_err());
        assert!(pareto_fronts(&[vec![1.0], vec![]]).is_err());
    }

    /// Takes away, front by front, what nothing that is left dominates.
    fn literal(columns: &[Vec<f64>], length: usize) -> Vec<u32> {
        let dominates = |a: usize, b: usize| {
            columns.iter().all(|c| c[a] >= c[b]) && columns.iter().any(|c| c[a] > c[b])
        };
        let mut fronts = vec![0; length];
        for front in 1.. {
            let left: Vec<usize> = (0..length).filter(|&i| fronts[i] == 0).collect();
            if left.is_empty() {
                break;
            }
            for &i in &left {
                if !left.iter().any(|&j| dominates(j, i)) {
                    fronts[i] = front;
                }
            }
        }
        fronts
    }

    proptest! {
        #[test]
        fn fronts_are_the_definition(
            columns in (1usize..5, 0usize..40).prop_flat_map(|(m, n)| {
                prop::collection::vec(prop::collection::vec((0i32..8).prop_map(f64::from), n), m)
            })
        ) {
            prop_assert_eq!(pareto_fronts(&columns).unwrap(), literal(&columns, columns[0].len()));
        }
    }
}
