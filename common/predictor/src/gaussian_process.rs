//! Regression by a Gaussian process (Rasmussen & Williams 2006, chapters 2 and 5).
//!
//! k(x, x') = a·exp(−½ Σ_g |x_g − x'_g|²/(d_g ℓ_g²)) + b·(s·s')/d_s, with x_g the
//! d_g standardised features of group g and s those that are scores; the noise
//! has variance c. The logarithms of a, b, c and of the lengths ℓ_g have normal
//! priors and are found by maximising the posterior density, by gradient.

mod hyper;

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::scale::{Scale, moments};
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample, check, check_pairs};

pub use hyper::Hyper;

/// A Gaussian process whose kernel is found from the labels, or given.
#[derive(Clone, Debug, Default)]
pub struct GaussianProcess {
    /// The kernel, where it is not to be found.
    pub hyper: Option<Hyper>,
}

impl Model for GaussianProcess {
    fn name(&self) -> &'static str {
        "gp"
    }

    fn fit(
        &self,
        layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        _seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError> {
        check(samples, labels)?;
        check_pairs(labels)?;
        let scale = Scale::new(samples)?;
        let groups = layout.groups.iter().map(|group| scale.within(group));
        let space = Space {
            groups: groups.filter(|group| !group.is_empty()).collect(),
            scores: scale.within(&layout.scores),
            scale,
        };
        let (mean, deviation) = moments(labels);
        let y = DVector::from_iterator(labels.len(), labels.iter().map(|l| (l - mean) / deviation));
        let points: Vec<Vec<f64>> = samples.iter().map(|s| space.scale.apply(s)).collect();
        let parts = Parts::new(&space, &points);
        let hyper = match &self.hyper {
            Some(hyper) => hyper.clone(),
            None => hyper::find(&parts, &y)?,
        };
        let factor = Cholesky::new(parts.covariance(&hyper)).ok_or(FitError::Singular)?;
        let inverse = factor.inverse();
        let alpha = &inverse * &y;
        let left_out = (0..y.len())
            .map(|i| {
                let variance = 1.0 / inverse[(i, i)];
                Prediction {
                    mean: mean + deviation * (y[i] - alpha[i] * variance),
                    std: deviation * (variance - hyper.noise()).max(0.0).sqrt(),
                }
            })
            .collect();
        Ok(Box::new(FittedProcess {
            space,
            points,
            hyper,
            factor,
            alpha,
            mean,
            deviation,
            left_out,
        }))
    }
}

/// Where the features of each group are.
struct Space {
    scale: Scale,
    groups: Vec<std::ops::Range<usize>>,
    scores: std::ops::Range<usize>,
}

impl Space {
    /// Squared distances of two points, per feature, in each group.
    fn distances<'s>(&'s self, x: &'s [f64], z: &'s [f64]) -> impl Iterator<Item = f64> + 's {
        self.groups.iter().map(move |group| {
            let pairs = x[group.clone()].iter().zip(&z[group.clone()]);
            pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>() / group.len() as f64
        })
    }

    /// The product of two points' scores, per score.
    fn product(&self, x: &[f64], z: &[f64]) -> f64 {
        let pairs = x[self.scores.clone()].iter().zip(&z[self.scores.clone()]);
        pairs.map(|(a, b)| a * b).sum::<f64>() / self.scores.len().max(1) as f64
    }
}

/// What the covariance of the labelled points is made of.
struct Parts {
    distances: Vec<DMatrix<f64>>,
    products: DMatrix<f64>,
}

impl Parts {
    fn new(space: &Space, points: &[Vec<f64>]) -> Self {
        let count = points.len();
        let mut distances = vec![DMatrix::zeros(count, count); space.groups.len()];
        let mut products = DMatrix::zeros(count, count);
        for (i, x) in points.iter().enumerate() {
            for (j, z) in points[..=i].iter().enumerate() {
                for (matrix, distance) in distances.iter_mut().zip(space.distances(x, z)) {
                    matrix[(i, j)] = distance;
                    matrix[(j, i)] = distance;
                }
                products[(i, j)] = space.product(x, z);
                products[(j, i)] = products[(i, j)];
            }
        }
        Self {
            distances,
            products,
        }
    }

    /// The part of the covariance that depends on distances, without a.
    fn near(&self, hyper: &Hyper) -> DMatrix<f64> {
        let mut exponent = DMatrix::zeros(self.products.nrows(), self.products.ncols());
        for (group, distances) in self.distances.iter().enumerate() {
            exponent += distances * (-0.5 * hyper.weight(group));
        }
        exponent.map(libm::exp)
    }

    fn covariance(&self, hyper: &Hyper) -> DMatrix<f64> {
        let mut all = self.near(hyper) * hyper.near() + &self.products * hyper.linear();
        for i in 0..all.nrows() {
            all[(i, i)] += hyper.noise() + 1e-10;
        }
        all
    }
}

struct FittedProcess {
    space: Space,
    points: Vec<Vec<f64>>,
    hyper: Hyper,
    factor: Cholesky<f64, Dyn>,
    alpha: DVector<f64>,
    mean: f64,
    deviation: f64,
    left_out: Vec<Prediction>,
}

impl FittedProcess {
    fn kernel(&self, x: &[f64], z: &[f64]) -> f64 {
        let distances = self.space.distances(x, z).enumerate();
        let exponent: f64 = distances.map(|(g, d)| d * self.hyper.weight(g)).sum();
        self.hyper.near() * libm::exp(-0.5 * exponent)
            + self.hyper.linear() * self.space.product(x, z)
    }
}

impl Fitted for FittedProcess {
    fn predict(&self, sample: &Sample) -> Prediction {
        let x = self.space.scale.apply(sample);
        let known = self.points.iter().map(|point| self.kernel(&x, point));
        let k = DVector::from_iterator(self.points.len(), known);
        let mean = k.dot(&self.alpha);
        let explained = match self.factor.l_dirty().solve_lower_triangular(&k) {
            Some(solved) => solved.norm_squared(),
            None => 0.0,
        };
        let variance = (self.kernel(&x, &x) - explained).max(0.0);
        Prediction {
            mean: self.mean + self.deviation * mean,
            std: self.deviation * variance.sqrt(),
        }
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}

#[cfg(test)]
mod tests;
