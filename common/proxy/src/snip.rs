//! SNIP: how much the loss depends on each connection (Lee et al. 2019), summed
//! as by Abdelfattah et al. 2021.

use crate::evaluation::Evaluation;
use crate::gradients::is_layer_weight;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Σ |θ·∂L/∂θ| over the weights of convolutions and classifier.
pub(crate) static SNIP: Score = Score {
    info: Info {
        name: "snip",
        summary: "sum over weights of |weight · gradient of the loss|",
        labels: true,
        scope: Scope::All,
        passes: "1 forward, 1 backward",
        source: "Lee et al., SNIP, ICLR 2019, arXiv 1810.02340; as in Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
        ..Info::BASE
    },
    value: snip,
};

fn snip(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let gradients = evaluation.gradients(mode)?;
    let pairs = network.parameters().iter().zip(&*gradients);
    let products = pairs.filter(|(parameter, _)| is_layer_weight(parameter.role));
    products
        .map(|(parameter, gradient)| {
            let product = parameter.tensor.detach().f_mul(&gradient.tensor)?;
            Ok(total(&product.f_abs()?)?)
        })
        .sum()
}
