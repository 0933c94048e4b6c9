//! The gradient kernel of KNAS (Xu et al. 2021) and its relatives.
//!
//! With g_i = ∂L_i/∂w the Gram matrix is K_ij = ⟨g_i, g_j⟩, and its mean is
//! (1/n²)·Σ_ij ⟨g_i, g_j⟩ = ‖(1/n)·Σ_i g_i‖², the squared norm of the gradient of
//! the mean loss: one pass instead of n. All scores here come from that pass.

use knas_net::{NetError, Norm, Role};

use crate::evaluation::Evaluation;
use crate::gradients::Gradient;
use crate::{Info, Proxy, Scope, ScoreError};

/// A score that follows from the gradients of the mean loss.
pub(crate) struct Kernel {
    info: Info,
    aggregate: fn(&Info, &[Gradient]) -> Result<f64, ScoreError>,
}

impl Proxy for Kernel {
    fn info(&self) -> &Info {
        &self.info
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        let gradients = evaluation.gradients(evaluation.mode(&self.info))?;
        (self.aggregate)(&self.info, &gradients)
    }
}

const KNAS: &str = "Xu et al., KNAS: Green Neural Architecture Search, ICML 2021, arXiv 2111.13293";

const fn info(name: &'static str, summary: &'static str, source: &'static str) -> Info {
    Info {
        name,
        summary,
        norm: Some(Norm::Sample),
        labels: true,
        passes: "1 forward, 1 backward",
        scope: Scope::All,
        groups: &["kernel"],
        source,
        ..Info::BASE
    }
}

pub(crate) static MGM: Kernel = Kernel {
    info: info(
        "mgm",
        "mean of the Gram matrix of the samples' gradients, whole network",
        KNAS,
    ),
    aggregate: |_, gradients| Ok(total(gradients)?),
};

pub(crate) static MGM_CONV: Kernel = Kernel {
    info: Info {
        scope: Scope::Images,
        ..info(
            "mgm-conv",
            "mgm of the convolution weights alone",
            "variant of mgm",
        )
    },
    aggregate: |_, gradients| {
        let convolutions = gradients
            .iter()
            .filter(|gradient| gradient.role == Role::ConvWeight);
        Ok(total(convolutions)?)
    },
};

pub(crate) static MGM_LAYER: Kernel = Kernel {
    info: info(
        "mgm-layer",
        "mean over parameter tensors of their mgm",
        "variant of mgm",
    ),
    aggregate: |_, gradients| Ok(total(gradients)? / gradients.len() as f64),
};

/// Norm biases are left out: where another norm takes the mean away again, as
/// after the last cell, their gradient is zero in exact arithmetic, and its
/// logarithm would be that of rounding errors. An encoder's keys have such a bias
/// too, where softmax takes a constant away.
pub(crate) static MGM_LOG: Kernel = Kernel {
    info: Info {
        scope: Scope::Images,
        ..info(
            "mgm-log",
            "mean over parameter tensors, norm biases left out, of ln of their mgm",
            "variant of mgm",
        )
    },
    aggregate: |info, gradients| {
        let counted = gradients
            .iter()
            .filter(|gradient| gradient.role != Role::NormBias);
        let squares: Vec<f64> = counted
            .map(Gradient::squared_norm)
            .collect::<Result<_, NetError>>()?;
        if squares.contains(&0.0) {
            return Err(info.undefined("a tensor has no gradient, and ln 0 is −∞"));
        }
        Ok(squares.iter().map(|square| square.ln()).sum::<f64>() / squares.len() as f64)
    },
};

pub(crate) static GRAD_NORM: Kernel = Kernel {
    info: info(
        "grad-norm",
        "sum over parameter tensors of the norm of the mean gradient",
        "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021",
    ),
    aggregate: |_, gradients| {
        gradients
            .iter()
            .map(|gradient| Ok(gradient.squared_norm()?.sqrt()))
            .sum()
    },
};

/// The squared norm of all these gradients together.
fn total<'g>(gradients: impl IntoIterator<Item = &'g Gradient>) -> Result<f64, NetError> {
    gradients.into_iter().map(Gradient::squared_norm).sum()
}
