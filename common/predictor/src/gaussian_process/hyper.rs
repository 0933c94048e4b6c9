//! The kernel's numbers, and how they are found.

use nalgebra::{Cholesky, DMatrix, DVector};

use super::Parts;
use crate::FitError;

/// Means of the normal priors: of ln a, ln b, ln c, and of every ln ℓ.
const PRIOR: [f64; 4] = [0.0, 0.0, -2.0, 0.5];
/// Their variances.
const SPREAD: [f64; 4] = [2.0, 2.0, 2.0, 1.0];
/// Steps of the ascent.
const STEPS: usize = 40;

/// The kernel's numbers, as logarithms: a (near), b (linear), c (noise), then
/// the length of each group.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyper(pub Vec<f64>);

impl Hyper {
    fn usual(groups: usize) -> Self {
        Self((0..3 + groups).map(|i| PRIOR[i.min(3)]).collect())
    }

    pub(super) fn near(&self) -> f64 {
        libm::exp(self.0[0])
    }

    pub(super) fn linear(&self) -> f64 {
        libm::exp(self.0[1])
    }

    pub(super) fn noise(&self) -> f64 {
        libm::exp(self.0[2])
    }

    /// 1/ℓ² of a group.
    pub(super) fn weight(&self, group: usize) -> f64 {
        libm::exp(-2.0 * self.0[3 + group])
    }
}

/// The numbers of the highest posterior density that the ascent meets.
///
/// # Errors
/// The covariance cannot be factorised even where it begins.
pub(super) fn find(parts: &Parts, y: &DVector<f64>) -> Result<Hyper, FitError> {
    let mut hyper = Hyper::usual(parts.distances.len());
    let (mut best, mut gradient) = slope(parts, y, &hyper).ok_or(FitError::Singular)?;
    let mut found = hyper.clone();
    // Resilient steps (Riedmiller & Braun 1993): only the signs of the gradient
    // count, and each number has a step of its own.
    let mut steps = vec![0.2; gradient.len()];
    let mut before = vec![0.0; gradient.len()];
    for _ in 0..STEPS {
        let numbers = hyper.0.iter_mut().zip(&mut steps);
        for ((value, step), (slope, before)) in numbers.zip(gradient.into_iter().zip(&mut before)) {
            let agreement = slope * *before;
            *before = slope;
            if agreement > 0.0 {
                *step = (*step * 1.2f64).min(1.0);
            } else if agreement < 0.0 {
                *step *= 0.5;
                *before = 0.0; // it went too far: wait where it is
            }
            if *before != 0.0 {
                *value += *step * before.signum();
            }
        }
        let Some((density, next)) = slope(parts, y, &hyper) else {
            break;
        };
        if density > best {
            best = density;
            found = hyper.clone();
        }
        gradient = next;
        if steps.iter().all(|step| *step < 0.02) {
            break;
        }
    }
    Ok(found)
}

/// The logarithm of the posterior density, less a constant, and its gradient.
pub(super) fn slope(parts: &Parts, y: &DVector<f64>, hyper: &Hyper) -> Option<(f64, Vec<f64>)> {
    let near = parts.near(hyper) * hyper.near();
    let mut all = &near + &parts.products * hyper.linear();
    for i in 0..y.len() {
        all[(i, i)] += hyper.noise() + 1e-10;
    }
    let factor = Cholesky::new(all)?;
    let half_log: f64 = (0..y.len())
        .map(|i| libm::log(factor.l_dirty()[(i, i)]))
        .sum();
    let inverse = factor.inverse();
    let alpha = &inverse * y;
    let mut density = -0.5 * y.dot(&alpha) - half_log;
    // ∂ ln p/∂θ = ½ tr((ααᵀ − K⁻¹) ∂K/∂θ).
    let outer = &alpha * alpha.transpose() - inverse;
    let half_trace = |matrix: &DMatrix<f64>| 0.5 * outer.dot(matrix);
    let mut gradient = vec![
        half_trace(&near),
        half_trace(&parts.products) * hyper.linear(),
        0.5 * outer.trace() * hyper.noise(),
    ];
    let weighted = outer.component_mul(&near);
    for (group, distances) in parts.distances.iter().enumerate() {
        gradient.push(0.5 * weighted.dot(distances) * hyper.weight(group));
    }
    for (i, (value, slope)) in hyper.0.iter().zip(&mut gradient).enumerate() {
        let (mean, variance) = (PRIOR[i.min(3)], SPREAD[i.min(3)]);
        density -= 0.5 * (value - mean).powi(2) / variance;
        *slope -= (value - mean) / variance;
    }
    Some((density, gradient))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(count: usize) -> (Parts, DVector<f64>) {
        let value = |i: usize, j: usize| ((i * 5 + j * 3 + i * j) as f64).sin();
        let distance = |columns: std::ops::Range<usize>| {
            DMatrix::from_fn(count, count, |i, k| {
                columns
                    .clone()
                    .map(|j| (value(i, j) - value(k, j)).powi(2))
                    .sum()
            })
        };
        let products = DMatrix::from_fn(count, count, |i, k| {
            (0..2).map(|j| value(i, j) * value(k, j)).sum()
        });
        let parts = Parts {
            distances: vec![distance(0..2), distance(2..5)],
            products,
        };
        (
            parts,
            DVector::from_fn(count, |i, _| value(i, 0) - value(i, 3) + 0.1 * value(i, 9)),
        )
    }

    #[test]
    fn the_gradient_is_that_of_central_differences() {
        let (parts, y) = parts(12);
        let hyper = Hyper(vec![0.3, -0.4, -1.5, 0.2, 0.7]);
        let (_, gradient) = slope(&parts, &y, &hyper).unwrap();
        for i in 0..5 {
            let moved = |by: f64| {
                let mut other = hyper.clone();
                other.0[i] += by;
                slope(&parts, &y, &other).unwrap().0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (difference - gradient[i]).abs() < 1e-6,
                "{i}: {difference} {gradient:?}"
            );
        }
    }

    #[test]
    fn the_ascent_ends_where_it_is_flat() {
        let (parts, y) = parts(30);
        let begin = slope(&parts, &y, &Hyper::usual(2)).unwrap();
        let found = find(&parts, &y).unwrap();
        let (density, gradient) = slope(&parts, &y, &found).unwrap();
        assert!(density > begin.0 + 1.0, "{density} {begin:?}");
        assert!(gradient.iter().all(|g| g.abs() < 0.5), "{gradient:?}");
    }
}
