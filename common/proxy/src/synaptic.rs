//! How much, and in how many directions, the loss depends on the weights of an
//! encoder's layers (Zhou et al. 2022; Serianni & Kalita 2023).

use knas_net::{NetError, Norm, Part, Role};
use tch::Tensor;

use crate::evaluation::Evaluation;
use crate::matrix::{exact, total};
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

const BASE: Info = Info {
    norm: Some(Norm::Sample),
    labels: true,
    passes: "1 forward, 1 backward",
    scope: Scope::Texts,
    groups: &["text"],
    source: "Zhou et al., Training-free Transformer Architecture Search, CVPR 2022, arXiv 2203.12217; \
             Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    ..Info::BASE
};

/// Σ |θ·∂L/∂θ| over the weights of the feed-forward halves, L the mean loss.
pub(crate) static SALIENCY: Score = Score {
    info: Info {
        name: "synaptic-saliency",
        summary: "sum over feed-forward weights of |weight · gradient of the loss|",
        ..BASE
    },
    value: |info, evaluation| {
        sum(info, evaluation, Part::FeedForward, |weight, gradient| {
            total(&weight.f_mul(gradient)?.f_abs()?)
        })
    },
};

/// Σ ‖∂L/∂W‖·‖W‖ over the matrices W of self-attention, nuclear norms, L the
/// mean loss.
pub(crate) static DIVERSITY: Score = Score {
    info: Info {
        name: "synaptic-diversity",
        summary: "sum over attention weights of nuclear norm · that of the loss's gradient",
        ..BASE
    },
    value: |info, evaluation| {
        sum(info, evaluation, Part::Attention, |weight, gradient| {
            Ok(nuclear_norm(weight)? * nuclear_norm(gradient)?)
        })
    },
};

/// The sum over the weights of linear maps in this part of the network.
fn sum(
    info: &Info,
    evaluation: &mut Evaluation<'_>,
    part: Part,
    term: fn(&Tensor, &Tensor) -> Result<f64, NetError>,
) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let gradients = evaluation.gradients(mode)?;
    let pairs = network.parameters().iter().zip(&*gradients);
    let picked = pairs.filter(|(p, _)| p.part == part && p.role == Role::LinearWeight);
    let terms = picked
        .map(|(parameter, gradient)| Ok(term(&parameter.tensor.f_detach()?, &gradient.tensor)?));
    terms.sum()
}

/// The sum of the singular values.
fn nuclear_norm(matrix: &Tensor) -> Result<f64, NetError> {
    let (_, values, _) = exact(matrix)?.f_svd(true, false)?;
    total(&values)
}
