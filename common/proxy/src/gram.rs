//! How many directions the gradients of single samples have.
//!
//! The mean of the Gram matrix says how long the mean gradient is. The shape of
//! its spectrum, tensor by tensor, says how many directions the samples pull in,
//! which ranked NAS-Bench-201's networks far better.

use knas_net::{NetError, Norm, Role};
use tch::Tensor;

use crate::evaluation::{Evaluation, Mode};
use crate::matrix::{eigenvalues, exact};
use crate::samples::{each_gradient, require_own_gradients};
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// The spectrum is that of so many samples at most: it needs the gradients of
/// all of them at once.
const MOST: i64 = 64;

/// Mean over weights (biases left out) that the loss depends on of the entropy
/// −Σ p·ln p, p the eigenvalues, divided by their sum, of the samples' cosines
/// ⟨g_i, g_j⟩/(‖g_i‖·‖g_j‖). A sample whose gradient is zero has no direction:
/// its cosines are zero.
pub(crate) static GRAM_ENTROPY: Score = Score {
    info: Info {
        name: "gram-entropy",
        summary: "mean over weights of the entropy of the spectrum of the gradients' cosines",
        norm: Some(Norm::Sample),
        labels: true,
        scope: Scope::All,
        inputs: "samples, the first 64",
        passes: "1 forward, 1 backward",
        groups: &["kernel", "auto"],
        source: "variant of mgm",
        ..Info::BASE
    },
    value: gram_entropy,
};

fn gram_entropy(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    require_own_gradients(info, evaluation)?;
    let Mode { init, .. } = evaluation.mode(info);
    let network = evaluation.network(init)?;
    let samples = evaluation.samples();
    let count = samples.count().min(MOST);
    let (inputs, targets) = samples.part(0, count)?;
    evaluation.count(1, 1);
    let mut entropies = Vec::new();
    each_gradient(&network, &inputs, &targets, &mut |parameter, gradient| {
        let role = network.parameters()[parameter].role;
        if !matches!(role, Role::NormBias | Role::LinearBias) {
            entropies.push(entropy(&gradient.f_reshape([count, -1])?)?);
        }
        Ok(())
    })?;
    Ok(entropies.iter().sum::<f64>() / entropies.len() as f64)
}

/// Of the spectrum of the cosines of rows; 0 where all of them are zero.
fn entropy(rows: &Tensor) -> Result<f64, NetError> {
    let gram = exact(&rows.f_matmul(&rows.f_transpose(0, 1)?)?)?;
    let lengths = gram.f_diagonal(0, 0, 1)?.f_sqrt()?;
    let cosines = gram.f_div(&lengths.f_outer(&lengths)?)?;
    let cosines = cosines.f_nan_to_num(0.0, 0.0, 0.0)?;
    let sum = cosines.f_trace()?.f_double_value(&[])?;
    let term = |value: f64| {
        let share = value / sum;
        // Rounding errors may put an eigenvalue a little below zero.
        if share > 0.0 {
            -share * share.ln()
        } else {
            0.0
        }
    };
    Ok(eigenvalues(&cosines)?.into_iter().map(term).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_counted() {
        let rows = |values: &[f32], width| Tensor::from_slice(values).reshape([-1, width]);
        let near = |rows: &Tensor, value: f64| (entropy(rows).unwrap() - value).abs() < 1e-6;
        // As many as there are rows, whatever their lengths.
        assert!(near(&rows(&[3.0, 0.0, 0.0, 0.1], 2), 2f64.ln()));
        // One, up to sign.
        assert!(near(&rows(&[1.0, 2.0, -2.0, -4.0], 2), 0.0));
        // Eigenvalues 1 ± cos 60°.
        let expected = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!(near(&rows(&[1.0, 0.0, 1.0, 3f32.sqrt()], 2), expected));
        // Those that are zero have none.
        assert!(near(&rows(&[0.0; 6], 2), 0.0));
        assert!(near(&rows(&[3.0, 0.0, 0.0, 0.1, 0.0, 0.0], 2), 2f64.ln()));
    }
}
