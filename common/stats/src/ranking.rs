//! A column of values, sorted once.

use crate::StatsError;

/// The order of a column of values: sorted once, then used for any number of
/// statistics and resamples without sorting again.
///
/// Places are indices into the column that it was made from. Equal values
/// share one code; `0.0` and `-0.0` are equal.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Places from the smallest to the largest value.
    order: Vec<u32>,
    /// For each place the number of distinct smaller values.
    codes: Vec<u32>,
    /// Where in `order` each code begins, and the length of `order` at the end.
    starts: Vec<u32>,
}

impl Ranking {
    /// Sorts the column, in O(n log n).
    ///
    /// # Errors
    /// A value is not finite, or there are more than 2³² − 1.
    pub fn new(values: &[f64]) -> Result<Self, StatsError> {
        let count = u32::try_from(values.len()).map_err(|_| StatsError::TooMany(values.len()))?;
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(StatsError::NonFinite {
                place,
                value: values[place],
            });
        }
        let mut order: Vec<u32> = (0..count).collect();
        let value = |place: u32| values[place as usize];
        // Values are finite; adding 0.0 turns -0.0 into 0.0, so that total_cmp
        // is the order of numbers.
        order.sort_unstable_by(|&a, &b| {
            (value(a) + 0.0)
                .total_cmp(&(value(b) + 0.0))
                .then(a.cmp(&b))
        });
        let mut codes = vec![0; values.len()];
        let mut starts = Vec::new();
        for (position, &place) in order.iter().enumerate() {
            if position == 0 || value(order[position - 1]) != value(place) {
                starts.push(position as u32);
            }
            codes[place as usize] = starts.len() as u32 - 1;
        }
        starts.push(count);
        Ok(Self {
            order,
            codes,
            starts,
        })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Number of distinct values.
    pub fn distinct(&self) -> usize {
        self.starts.len() - 1
    }

    /// For each place the number of distinct smaller values.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The places of each distinct value, from the smallest value to the
    /// largest.
    pub fn groups(&self) -> impl DoubleEndedIterator<Item = &[u32]> {
        self.starts
            .windows(2)
            .map(|ends| &self.order[ends[0] as usize..ends[1] as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_code() {
        let ranking = Ranking::new(&[2.5, -1.0, 0.0, 2.5, -0.0]).unwrap();
        assert_eq!(ranking.codes(), [2, 0, 1, 2, 1]);
        assert_eq!(ranking.distinct(), 3);
        let groups: Vec<&[u32]> = ranking.groups().collect();
        assert_eq!(groups, [&[1][..], &[2, 4], &[0, 3]]);
    }

    #[test]
    fn what_is_not_a_number_is_named() {
        let error = Ranking::new(&[1.0, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "value 1 is inf, not a finite number");
        assert!(Ranking::new(&[f64::NAN]).is_err());
    }

    #[test]
    fn nothing_has_no_groups() {
        let ranking = Ranking::new(&[]).unwrap();
        assert!(ranking.is_empty());
        assert_eq!(ranking.groups().count(), 0);
    }
}
