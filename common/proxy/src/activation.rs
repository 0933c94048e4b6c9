//! How differently the feed-forward units of an encoder respond to different
//! texts: NASWOT without ReLUs.

use knas_graph::Activation;
use knas_net::{Event, Norm};
use tch::{Tensor, no_grad};

use crate::evaluation::Evaluation;
use crate::gradients::in_parts;
use crate::naswot::{agreements, log_determinant};
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// ln |det K|, K_ij the number of feed-forward units on which texts i and j
/// agree at their first token, which the classifier reads: the signs of what
/// goes into GELU (Mellor et al. 2021, as Serianni & Kalita 2023 carry it over).
pub(crate) static DISTANCE: Score = Score {
    info: Info {
        name: "activation-distance",
        summary: "ln det of how many feed-forward units each two texts switch alike",
        norm: Some(Norm::Sample),
        scope: Scope::Texts,
        groups: &["text"],
        source: "Serianni & Kalita, ACL 2023, arXiv 2306.00288; Mellor et al., ICML 2021, arXiv 2006.04647",
        ..Info::BASE
    },
    value: distance,
};

fn distance(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let mut parts = Vec::new();
    evaluation.count(1, 0);
    in_parts(evaluation.samples(), |inputs, _| {
        let mut layers = Vec::new();
        let _ = no_grad(|| {
            network.forward_observed(inputs, mode.norm, &mut |event| {
                if let Event::Activation {
                    activation: Activation::Gelu,
                    input,
                    ..
                } = event
                {
                    layers.push(input.f_select(1, 0));
                }
            })
        })?;
        let layers: Vec<Tensor> = layers.into_iter().collect::<Result<_, _>>()?;
        parts.push(Tensor::f_cat(&layers, 1)?);
        Ok(Vec::new())
    })?;
    let kernel = agreements(&Tensor::f_cat(&parts, 0)?)?;
    let same = "some texts switch all units alike, so that the determinant is 0";
    log_determinant(&kernel)?.ok_or_else(|| info.undefined(same))
}
