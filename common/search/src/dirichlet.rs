//! Weights that are drawn from Dirichlet distributions (Chen et al., *DrNAS*, ICLR
//! 2021), and derivatives with respect to the distributions' parameters.

use tch::{Kind, Tensor};

use crate::SearchError;

/// The smallest parameter: below, draws are one option and nothing else.
const LEAST: f64 = 1e-3;

/// How near to 0 or 1 a drawn weight may be for its derivative.
const EDGE: f64 = 1e-12;

/// The parameter β = elu(θ) + 1, and its derivative.
#[must_use]
pub fn concentration(theta: f64) -> (f64, f64) {
    match theta > 0.0 {
        true => (theta + 1.0, 1.0),
        false => {
            let beta = libm::exp(theta);
            (beta.max(LEAST), beta)
        }
    }
}

/// How what follows from weights `x` that were drawn with the parameters `beta` changes
/// with these, where it changes by `slope` with the weights.
///
/// ∂x_i/∂β_j = D_j(δ_ij − x_i), where D_j = −(∂F/∂a)(x_j; β_j, β₀ − β_j) / (f(x_j; β_j,
/// β₀ − β_j)·(1 − x_j)), F is the distribution function of Beta, f its density, a its
/// first parameter, and β₀ = Σβ (Figurnov et al. 2018; Jankowiak & Obermeyer 2018). D is
/// libtorch's, in double precision.
///
/// # Errors
/// When libtorch refuses.
pub fn pathwise(x: &[f64], beta: &[f64], slope: &[f64]) -> Result<Vec<f64>, SearchError> {
    let row = |values: &[f64]| Tensor::f_from_slice(values)?.f_reshape([1, -1]);
    let inner: Vec<f64> = x.iter().map(|x| x.clamp(EDGE, 1.0 - EDGE)).collect();
    let beta = row(beta)?;
    let total = beta
        .f_sum(Kind::Double)?
        .f_expand_as(&beta)?
        .f_contiguous()?;
    let factors = Tensor::f_internal_dirichlet_grad(&row(&inner)?, &beta, &total)?;
    let factors: Vec<f64> = Vec::try_from(factors.f_reshape([-1])?)?;
    let mean: f64 = x.iter().zip(slope).map(|(x, slope)| x * slope).sum();
    let pairs = factors.iter().zip(slope);
    Ok(pairs
        .map(|(factor, slope)| factor * (slope - mean))
        .collect())
}

/// KL(Dir(β) ‖ Dir(1, …, 1)), and its derivative: ln Γ(β₀) − Σ ln Γ(β_i) − ln Γ(k) +
/// Σ (β_i − 1)(ψ(β_i) − ψ(β₀)).
#[must_use]
pub fn divergence(beta: &[f64]) -> (f64, Vec<f64>) {
    let (total, count) = (beta.iter().sum::<f64>(), beta.len() as f64);
    let above = digamma(total);
    let mut value = libm::lgamma(total) - libm::lgamma(count);
    for &beta in beta {
        value += (beta - 1.0) * (digamma(beta) - above) - libm::lgamma(beta);
    }
    let shared = (total - count) * trigamma(total);
    let slopes = beta.iter().map(|&b| (b - 1.0) * trigamma(b) - shared);
    (value, slopes.collect())
}

/// Below, ψ and its derivative are stepped up to it by their recurrences.
const FAR: f64 = 10.0;

/// ψ(x) of x > 0 (Abramowitz & Stegun, 6.3.5 and 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < FAR {
        below -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32_760.0,
    ];
    let sum = series
        .iter()
        .rev()
        .fold(0.0, |sum, term| (sum + term) * square);
    below + libm::log(x) - 0.5 / x - sum
}

/// ψ′(x) of x > 0 (Abramowitz & Stegun, 6.4.6 and 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < FAR {
        below += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = [
        1.0 / 6.0,
        -1.0 / 30.0,
        1.0 / 42.0,
        -1.0 / 30.0,
        5.0 / 66.0,
        -691.0 / 2730.0,
    ];
    let sum = series
        .iter()
        .rev()
        .fold(0.0, |sum, term| (sum + term) * square);
    below + (1.0 + 0.5 / x + sum) / x
}

#[cfg(test)]
mod tests {
    use knas_stats::random::stream;

    use super::*;

    const BETA: [f64; 5] = [0.5, 1.0, 2.0, 0.8, 1.5];

    fn near(found: &[f64], expected: &[f64], within: f64) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < within, "{found} {expected}");
        }
    }

    // b = torch.tensor([.5, 1, 2, .8, 1.5], dtype=torch.double)
    // x = torch.tensor([.10, .25, .30, .15, .20], dtype=torch.double)
    // g = torch.tensor([1., -2, .5, 0, 3], dtype=torch.double)
    // D = torch._dirichlet_grad(x, b, b.sum().expand_as(b))
    // print(D, D * (g - (x * g).sum()))
    #[test]
    fn derivatives_are_those_of_pytorch() {
        let x = [0.10, 0.25, 0.30, 0.15, 0.20];
        let slope = [1.0, -2.0, 0.5, 0.0, 3.0];
        let found = pathwise(&x, &BETA, &slope).unwrap();
        let expected = [0.171005, -0.607318, 0.027665, -0.081048, 0.470800];
        near(&found, &expected, 1e-6);
        let mean: f64 = x.iter().zip(&slope).map(|(x, g)| x * g).sum();
        let factors: Vec<f64> = found
            .iter()
            .zip(&slope)
            .map(|(f, g)| f / (g - mean))
            .collect();
        near(
            &factors,
            &[0.263085, 0.258433, 0.184437, 0.231565, 0.177660],
            1e-6,
        );
    }

    // f(x) = Σ c_i·x_i², whose mean is Σ c_i·β_i(β_i + 1) / (β₀(β₀ + 1)).
    #[test]
    fn their_mean_is_the_derivative_of_the_mean() {
        const C: [f64; 5] = [1.0, 2.0, -1.0, 0.5, 3.0];
        let mean = |beta: &[f64]| {
            let total: f64 = beta.iter().sum();
            let squares = beta.iter().zip(C).map(|(b, c)| c * b * (b + 1.0));
            squares.sum::<f64>() / (total * (total + 1.0))
        };
        let exact: Vec<f64> = (0..5)
            .map(|place| {
                let at = |step: f64| {
                    let mut beta = BETA;
                    beta[place] += step;
                    mean(&beta)
                };
                (at(1e-5) - at(-1e-5)) / 2e-5
            })
            .collect();
        near(&exact, &[-0.0361, 0.0653, -0.2136, -0.0539, 0.2174], 1e-4);
        const DRAWS: usize = 40_000;
        let mut random = stream(3, "dirichlet test", &[]);
        let mut sums = [0.0; 5];
        for _ in 0..DRAWS {
            let x = random.dirichlet(&BETA);
            let slope: Vec<f64> = x.iter().zip(C).map(|(x, c)| 2.0 * c * x).collect();
            let found = pathwise(&x, &BETA, &slope).unwrap();
            sums.iter_mut()
                .zip(found)
                .for_each(|(sum, found)| *sum += found);
        }
        let found: Vec<f64> = sums.iter().map(|sum| sum / DRAWS as f64).collect();
        near(&found, &exact, 0.005); // some five standard errors
    }

    // p, q = (torch.distributions.Dirichlet(t) for t in (b, torch.ones_like(b)))
    // print(torch.distributions.kl_divergence(p, q))
    #[test]
    fn the_divergence_is_that_of_pytorch_and_has_its_slopes() {
        let beta: Vec<f64> = [0.3, -0.2, 0.5, 0.0, -1.0]
            .map(|theta| concentration(theta).0)
            .to_vec();
        near(&beta, &[1.3, 0.818731, 1.5, 1.0, 0.367879], 1e-6);
        let (value, slopes) = divergence(&beta);
        assert!((value - 1.124638).abs() < 1e-6, "{value}");
        for (place, slope) in slopes.iter().enumerate() {
            let at = |step: f64| {
                let mut beta = beta.clone();
                beta[place] += step;
                divergence(&beta).0
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - expected).abs() < 1e-8, "{slope} {expected}");
        }
        assert!(divergence(&[1.0; 5]).0.abs() < 1e-14);
    }

    #[test]
    fn far_parameters_give_numbers() {
        assert_eq!(concentration(-40.0).0, LEAST);
        let mut random = stream(1, "dirichlet test", &[]);
        for beta in [[LEAST; 5], [LEAST, 1.0, 1e3, 1.0, LEAST], [1e4; 5]] {
            for _ in 0..200 {
                let x = random.dirichlet(&beta);
                assert!((x.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                let found = pathwise(&x, &beta, &[1.0, -1.0, 0.5, 0.0, 2.0]).unwrap();
                assert!(
                    found.iter().all(|f| f.is_finite()),
                    "{x:?} {beta:?} {found:?}"
                );
            }
        }
    }
}
