//! The mean of the Gram matrix without its diagonal.

use knas_net::Norm;

use crate::evaluation::Evaluation;
use crate::gradients::Gradient;
use crate::samples::require_own_gradients;
use crate::{Info, Proxy, Scope, ScoreError};

/// (1/(n(n−1)))·Σ_{i≠j} ⟨g_i, g_j⟩ = (n²·MGM − Σ_i ‖g_i‖²) / (n(n−1)): how much
/// the gradients of different samples agree.
pub(crate) struct MgmOffdiag;

static INFO: Info = Info {
    name: "mgm-offdiag",
    summary: "mean of the Gram matrix over pairs of different samples",
    norm: Some(Norm::Sample),
    labels: true,
    scope: Scope::All,
    passes: "2 forward, 2 backward (half of them shared with mgm)",
    groups: &["kernel"],
    source: "variant of mgm",
    ..Info::BASE
};

impl Proxy for MgmOffdiag {
    fn info(&self) -> &Info {
        &INFO
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        require_own_gradients(&INFO, evaluation)?;
        let count = evaluation.samples().count();
        let gradients = evaluation.gradients(evaluation.mode(&INFO))?;
        let by_sample = evaluation.sample_gradients(&INFO)?;
        let n = count as f64;
        let mgm: f64 = gradients
            .iter()
            .map(Gradient::squared_norm)
            .sum::<Result<_, _>>()?;
        let diagonal: f64 = by_sample.squared_norms.iter().sum();
        Ok((n * n * mgm - diagonal) / (n * (n - 1.0)))
    }
}
