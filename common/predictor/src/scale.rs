//! Features brought to one scale.

use crate::unskew::Unskew;
use crate::{FitError, Sample};

/// Values beyond this many standard deviations are taken for this many: what
/// lies far outside the labelled candidates is not extrapolated.
const FARTHEST: f64 = 4.0;

/// What is done to a feature.
#[derive(Clone, Debug)]
struct Column {
    place: usize,
    unskew: Unskew,
    mean: f64,
    deviation: f64,
}

/// Features without skew, of mean 0 and deviation 1 over the labelled
/// candidates; those that do not differ are left out.
#[derive(Clone, Debug)]
pub struct Scale {
    columns: Vec<Column>,
}

impl Scale {
    /// The scale of these samples.
    ///
    /// # Errors
    /// No feature differs.
    pub fn new(samples: &[Sample]) -> Result<Self, FitError> {
        let width = samples.first().map_or(0, |sample| sample.values.len());
        let columns: Vec<Column> = (0..width)
            .filter_map(|place| {
                let values: Vec<f64> = samples.iter().map(|s| s.values[place]).collect();
                let unskew = Unskew::of(&values);
                let values: Vec<f64> = values.iter().map(|&v| unskew.forward(v)).collect();
                let (mean, deviation) = moments(&values);
                (deviation > 1e-9 * mean.abs()).then_some(Column {
                    place,
                    unskew,
                    mean,
                    deviation,
                })
            })
            .collect();
        match columns.is_empty() {
            true => Err(FitError::NoFeatures),
            false => Ok(Self { columns }),
        }
    }

    /// The values of a sample on this scale.
    pub fn apply(&self, sample: &Sample) -> Vec<f64> {
        self.columns
            .iter()
            .map(|column| {
                let value = column.unskew.forward(sample.values[column.place]);
                ((value - column.mean) / column.deviation).clamp(-FARTHEST, FARTHEST)
            })
            .collect()
    }

    /// The places, on this scale, of the features at `places` of a sample.
    pub fn within(&self, places: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        let below = |end: usize| self.columns.partition_point(|column| column.place < end);
        below(places.start)..below(places.end)
    }
}

/// Mean and standard deviation (of the population).
pub fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (mean, square.sqrt())
}
