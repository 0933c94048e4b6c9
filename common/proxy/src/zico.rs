//! ZiCo: gradients that are large and vary little between batches (Li et al. 2023).

use knas_net::NetError;
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::gradients::{is_layer_weight, of_batch};
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Σ_layers ln Σ_w mean|g_w| / std(g_w), over the gradients g of two batches and
/// the weights w of convolutions and classifier.
///
/// Weights whose gradient does not vary are left out, and so is a layer that
/// keeps none, as in the published code. For two batches mean/std is
/// (|a| + |b|) / |a − b|.
pub(crate) static ZICO: Score = Score {
    info: Info {
        name: "zico",
        summary: "sum over layers of ln of the sum over weights of mean |gradient| / its deviation",
        inputs: "samples, in two halves",
        labels: true,
        scope: Scope::All,
        passes: "1 forward, 1 backward, in two halves",
        source: "Li et al., ZiCo, ICLR 2023, arXiv 2301.11300",
        ..Info::BASE
    },
    value: zico,
};

fn zico(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let samples = evaluation.samples();
    let half = samples.count() / 2;
    if half == 0 {
        return Err(ScoreError::Samples {
            name: info.name,
            needs: "at least 2 samples",
        });
    }
    evaluation.count(1, 1);
    let gradients = |start, length| {
        let (inputs, targets) = samples.part(start, length)?;
        of_batch(&network, &inputs, &targets, mode.norm)
    };
    let first = gradients(0, half)?;
    let second = gradients(half, samples.count() - half)?;
    let pairs = first.iter().zip(&second);
    let layers = pairs.filter(|(gradient, _)| is_layer_weight(gradient.role));
    let ratios = layers.map(|(a, b)| ratio(&a.tensor, &b.tensor));
    let ratios: Vec<f64> = ratios.collect::<Result<_, _>>()?;
    Ok(ratios
        .iter()
        .filter(|&&ratio| ratio > 0.0)
        .map(|ratio| ratio.ln())
        .sum())
}

/// Σ (|a| + |b|) / |a − b| where they differ.
fn ratio(a: &Tensor, b: &Tensor) -> Result<f64, NetError> {
    let (a, b) = (a.f_to_kind(Kind::Double)?, b.f_to_kind(Kind::Double)?);
    let deviation = a.f_sub(&b)?.f_abs()?;
    let mean = a.f_abs()?.f_add(&b.f_abs()?)?;
    // 0/0 and x/0 alike are left out.
    let constant = deviation.f_eq(0)?;
    total(&mean.f_div(&deviation)?.f_masked_fill(&constant, 0.0)?)
}
