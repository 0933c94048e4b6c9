//! Ridge regression: a linear function of the features whose weights have a
//! Gaussian prior (Hoerl & Kennard 1970).
//!
//! With standardised features X (n × d) and centred labels y, the weights are
//! (XᵀX + λI)⁻¹Xᵀy = Xᵀ(XXᵀ + λI)⁻¹y, and λ is the one of a grid whose
//! leave-one-out error is least. It is solved in the n × n form, since labels
//! are few.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::scale::Scale;
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample, check, check_pairs};

/// The grid of λ, in decades around the number of features.
const DECADES: [f64; 11] = [-3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0];

/// Linear regression with λ chosen from the labels, or given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ridge {
    /// λ, where it is not to be chosen.
    pub lambda: Option<f64>,
}

impl Model for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn fit(
        &self,
        _layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        _seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError> {
        check(samples, labels)?;
        check_pairs(labels)?;
        let scale = Scale::new(samples)?;
        let rows: Vec<Vec<f64>> = samples.iter().map(|sample| scale.apply(sample)).collect();
        let x = DMatrix::from_fn(rows.len(), rows[0].len(), |row, column| rows[row][column]);
        let centre = x.row_mean();
        let centred = DMatrix::from_fn(x.nrows(), x.ncols(), |row, column| {
            x[(row, column)] - centre[column]
        });
        let mean = labels.iter().sum::<f64>() / labels.len() as f64;
        let y = DVector::from_iterator(labels.len(), labels.iter().map(|label| label - mean));
        let spectrum = SymmetricEigen::new(&centred * centred.transpose());
        let grid = DECADES.map(|decade| x.ncols() as f64 * libm::pow(10.0, decade));
        let grid = self.lambda.map_or(grid.to_vec(), |lambda| vec![lambda]);
        let best = grid
            .into_iter()
            .map(|lambda| Solution::new(&spectrum, &y, lambda))
            .min_by(|a, b| a.error.total_cmp(&b.error))
            .ok_or(FitError::Singular)?;
        let variance = best.error;
        let left_out = (0..labels.len())
            .map(|place| Prediction {
                mean: labels[place] - best.residuals[place],
                std: variance.sqrt(),
            })
            .collect();
        Ok(Box::new(FittedRidge {
            weights: centred.tr_mul(&best.dual),
            scale,
            centre: centre.transpose(),
            mean,
            inverse: best.inverse,
            centred,
            lambda: best.lambda,
            variance,
            left_out,
        }))
    }
}

/// The regression with one λ.
struct Solution {
    lambda: f64,
    /// (XXᵀ + λI)⁻¹.
    inverse: DMatrix<f64>,
    /// (XXᵀ + λI)⁻¹y.
    dual: DVector<f64>,
    /// Labels less what the others predict.
    residuals: Vec<f64>,
    /// Mean square of these.
    error: f64,
}

impl Solution {
    fn new(spectrum: &SymmetricEigen<f64, nalgebra::Dyn>, y: &DVector<f64>, lambda: f64) -> Self {
        let scaled = DMatrix::from_fn(y.len(), y.len(), |row, column| {
            spectrum.eigenvectors[(row, column)] / (spectrum.eigenvalues[column].max(0.0) + lambda)
        });
        let inverse = scaled * spectrum.eigenvectors.transpose();
        let dual = &inverse * y;
        // Means stay those of all: a mean of the others would lie on the other
        // side of each label, and order them backwards where there is nothing to
        // be learnt.
        let residuals: Vec<f64> = (0..y.len()).map(|i| dual[i] / inverse[(i, i)]).collect();
        let error = residuals.iter().map(|r| r * r).sum::<f64>() / y.len() as f64;
        Self {
            lambda,
            inverse,
            dual,
            residuals,
            error,
        }
    }
}

struct FittedRidge {
    scale: Scale,
    centre: DVector<f64>,
    weights: DVector<f64>,
    mean: f64,
    inverse: DMatrix<f64>,
    centred: DMatrix<f64>,
    lambda: f64,
    variance: f64,
    left_out: Vec<Prediction>,
}

impl Fitted for FittedRidge {
    fn predict(&self, sample: &Sample) -> Prediction {
        let x = DVector::from_vec(self.scale.apply(sample)) - &self.centre;
        // xᵀ(XᵀX + λI)⁻¹x = (x·x − kᵀ(XXᵀ + λI)⁻¹k)/λ with k = Xx.
        let k = &self.centred * &x;
        let leverage = (x.dot(&x) - k.dot(&(&self.inverse * &k))).max(0.0) / self.lambda;
        let spread = 1.0 + leverage + 1.0 / self.left_out.len() as f64;
        Prediction {
            mean: self.mean + self.weights.dot(&x),
            std: (self.variance * spread).sqrt(),
        }
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_predicted_by_the_others() {
        let x = DMatrix::from_fn(9, 4, |i, j| ((i * 7 + j * 3) as f64).sin());
        let y = DVector::from_fn(9, |i, _| ((i * i) as f64).cos());
        let spectrum = SymmetricEigen::new(&x * x.transpose());
        let solution = Solution::new(&spectrum, &y, 0.7);
        for out in 0..9 {
            let (others, labels) = (x.clone().remove_row(out), y.clone().remove_row(out));
            let penalised = others.tr_mul(&others) + DMatrix::identity(4, 4) * 0.7;
            let weights = penalised.try_inverse().unwrap() * others.tr_mul(&labels);
            let residual = y[out] - x.row(out).dot(&weights.transpose());
            assert!((residual - solution.residuals[out]).abs() < 1e-12);
        }
    }
}
