//! SynFlow: the flow through the network's absolute weights (Tanaka et al. 2020).

use knas_net::Norm;
use tch::{Kind, Tensor, no_grad};

use crate::evaluation::Evaluation;
use crate::gradients::is_layer_weight;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, ScoreError};

/// ln Σ θ·∂R/∂θ over the weights of convolutions and classifier, where R is the
/// sum of the logits for one image of ones, every θ is replaced by |θ| and no
/// layer normalises.
///
/// In double precision: the sum spans some 30 decades over a search space.
pub(crate) static SYNFLOW: Score = Score {
    info: Info {
        name: "synflow",
        summary: "ln of the sum over weights of |weight| · gradient of the flow of an image of ones",
        norm: Some(Norm::Off),
        inputs: "one image of ones",
        dtype: "float64",
        passes: "1 forward, 1 backward, of one image in double precision",
        source: "Tanaka et al., Pruning Neural Networks without Any Data, NeurIPS 2020, arXiv 2006.05467; \
                 as in Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
        ..Info::BASE
    },
    value: synflow,
};

fn synflow(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let setting = &evaluation.subject().setting;
    let network = evaluation.build(setting, mode.init, Kind::Double)?;
    no_grad(|| {
        network
            .parameters()
            .iter()
            .try_for_each(|parameter| parameter.tensor.shallow_clone().f_abs_().map(drop))
    })?;
    let ones = Tensor::f_ones(evaluation.images(1)?, network.options())?;
    evaluation.count(1, 1);
    let flow = network.forward(&ones, mode.norm)?.f_sum(Kind::Double)?;
    let weights: Vec<&Tensor> = network
        .parameters()
        .iter()
        .filter(|parameter| is_layer_weight(parameter.role))
        .map(|parameter| &parameter.tensor)
        .collect();
    let gradients = Tensor::f_run_backward(&[flow], &weights, false, false)?;
    let pairs = weights.iter().zip(&gradients).filter(|(_, g)| g.defined());
    let sum: f64 = pairs
        .map(|(weight, gradient)| total(&weight.detach().f_mul(gradient)?))
        .sum::<Result<_, _>>()?;
    if sum == 0.0 {
        return Err(info.undefined("nothing flows from the image to the logits, and ln 0 is −∞"));
    }
    Ok(sum.ln())
}
