//! What the heads of an encoder attend to, and whether that matters.

use knas_net::layers::cross_entropy;
use knas_net::{Event, NetError, Norm};
use tch::{Kind, Tensor, no_grad};

use crate::evaluation::Evaluation;
use crate::gradients::in_parts;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

const BASE: Info = Info {
    norm: Some(Norm::Sample),
    scope: Scope::Texts,
    groups: &["text"],
    ..Info::BASE
};

/// Mean over texts, layers and heads of the largest attention weight that a
/// token gives, itself a mean over the text's tokens (Voita et al. 2019).
pub(crate) static CONFIDENCE: Score = Score {
    info: Info {
        name: "attention-confidence",
        summary: "mean over heads and tokens of the largest attention weight",
        source: "Serianni & Kalita, ACL 2023, arXiv 2306.00288; Voita et al., ACL 2019, arXiv 1905.09418",
        ..BASE
    },
    value: confidence,
};

fn confidence(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let (mut sum, mut terms) = (0.0, 0);
    evaluation.count(1, 0);
    in_parts(evaluation.samples(), |inputs, _| {
        let mask = inputs.f_select(1, 2)?.f_unsqueeze(1)?;
        let tokens = mask.f_sum_dim_intlist([2i64].as_slice(), false, Kind::Int64)?;
        let mut layers = Vec::new();
        let _ = no_grad(|| {
            network.forward_observed(inputs, mode.norm, &mut |event| {
                if let Event::Attention { weights, .. } = event {
                    layers.push(weights.f_amax([3i64].as_slice(), false));
                }
            })
        })?;
        for largest in layers {
            let of_tokens = largest?.f_mul(&mask)?.f_to_kind(Kind::Double)?;
            let of_texts = of_tokens
                .f_sum_dim_intlist([2i64].as_slice(), false, Kind::Double)?
                .f_div(&tokens)?;
            sum += total(&of_texts)?;
            terms += of_texts.numel();
        }
        Ok(Vec::new())
    })?;
    Ok(sum / terms as f64)
}

/// Mean over texts, layers and heads of |⟨A, ∂L/∂A⟩|, A what the head gives and
/// L the text's own loss: how much L would change without the head, to first
/// order (Michel et al. 2019, equation 2).
pub(crate) static IMPORTANCE: Score = Score {
    info: Info {
        name: "head-importance",
        summary: "mean over heads of |what the head gives · gradient of the loss|",
        labels: true,
        passes: "1 forward, 1 backward",
        source: "Serianni & Kalita, ACL 2023, arXiv 2306.00288; Michel et al., NeurIPS 2019, arXiv 1905.10650",
        ..BASE
    },
    value: importance,
};

fn importance(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let (mut sum, mut terms) = (0.0, 0);
    evaluation.count(1, 1);
    in_parts(evaluation.samples(), |inputs, targets| {
        let mut heads = Vec::new();
        let logits = network.forward_observed(inputs, mode.norm, &mut |event| {
            if let Event::Attention { output, .. } = event {
                heads.push(output.shallow_clone());
            }
        })?;
        // The sum over texts: each has the gradient of its own loss.
        let loss = cross_entropy(&logits, targets)?.f_mul_scalar(targets.size1()? as f64)?;
        let gradients = Tensor::f_run_backward(&[loss], &heads, false, false)?;
        for (head, gradient) in heads.iter().zip(&gradients) {
            let product = head.f_detach()?.f_mul(gradient)?;
            let by_head = product.f_sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Double)?;
            sum += total(&by_head.f_abs()?)?;
            terms += by_head.numel();
        }
        Ok::<_, NetError>(Vec::new())
    })?;
    Ok(sum / terms as f64)
}
