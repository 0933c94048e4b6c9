//! GraSP: how much the gradient flow depends on each connection (Wang et al.
//! 2020), summed as by Abdelfattah et al. 2021.

use knas_net::layers::cross_entropy;
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::forward::Forward;
use crate::gradients::is_layer_weight;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// −Σ θ·(H g) over the weights of convolutions and classifier, g the gradient of
/// the mean loss and H its Hessian.
pub(crate) static GRASP: Score = Score {
    info: Info {
        name: "grasp",
        summary: "minus the sum over weights of weight · (Hessian · gradient)",
        labels: true,
        scope: Scope::All,
        negated: true,
        passes: "1 forward, 2 backward",
        groups: &["second-order"],
        source: "Wang et al., Picking Winning Tickets by Preserving Gradient Flow, ICLR 2020, arXiv 2002.07376; \
                 as in Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
        ..Info::BASE
    },
    value: grasp,
};

fn grasp(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let forward = Forward::of(evaluation, mode)?;
    let loss = cross_entropy(&forward.logits, &evaluation.samples().targets)?;
    let parameters = forward.network.parameters().iter();
    let weights: Vec<&Tensor> = parameters
        .filter(|parameter| is_layer_weight(parameter.role))
        .map(|parameter| &parameter.tensor)
        .collect();
    evaluation.count(0, 2);
    let gradients = Tensor::f_run_backward(&[loss], &weights, true, true)?;
    // The gradient of ⟨g, g'⟩ with g held fixed is H g.
    let mut product = Tensor::f_zeros([], (Kind::Float, evaluation.subject().device))?;
    for gradient in gradients.iter().filter(|gradient| gradient.defined()) {
        let term = gradient.detach().f_mul(gradient)?.f_sum(Kind::Float)?;
        product = product.f_add(&term)?;
    }
    if !product.requires_grad() {
        return Ok(0.0);
    }
    let curved = Tensor::f_run_backward(&[product], &weights, true, false)?;
    let terms = weights.iter().zip(&curved).filter(|(_, hg)| hg.defined());
    let sum: f64 = terms
        .map(|(weight, hg)| total(&weight.detach().f_mul(hg)?))
        .sum::<Result<_, _>>()?;
    Ok(-sum)
}
