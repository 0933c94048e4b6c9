//! The Zen score: how much the features move when the images do (Lin et al. 2021).

use knas_net::batch_norm::Statistics;
use knas_net::{Event, Init, NetError, Network};
use tch::{Kind, Tensor, no_grad};

use crate::evaluation::{Evaluation, Mode};
use crate::score::Score;
use crate::{Info, ScoreError};

/// Images in the batch.
const BATCH: i64 = 64;
/// How far images are moved, relative to their own size.
const STEP: f64 = 1e-2;

/// ln E‖f(x) − f(x + 0.01·ε)‖₁ + Σ_norms ln √(mean over channels of the
/// variance), f the features before pooling, weights, x and ε standard normal.
/// The second term gives back the scales that normalisation takes away; its
/// variances are those of the batch x.
pub(crate) static ZEN: Score = Score {
    info: Info {
        name: "zen",
        summary: "ln of how far features move when images do, with the scales that norms hide",
        init: Some(Init::Normal),
        inputs: "64 noise images, twice",
        passes: "2 forward",
        source: "Lin et al., Zen-NAS, ICCV 2021, arXiv 2102.01063",
        ..Info::BASE
    },
    value: zen,
};

fn zen(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let shape = evaluation.images(BATCH)?;
    let images = evaluation.noise("zen images", &shape)?;
    let moves = evaluation.noise("zen moves", &shape)?.f_mul_scalar(STEP)?;
    evaluation.count(2, 0);
    let (mean, scales) = no_grad(|| {
        let mut variances = Vec::new();
        let features = features_of(&network, &images, mode, &mut |input| {
            variances.push(mean_variance(input));
        })?;
        let variances: Vec<f64> = variances.into_iter().collect::<Result<_, _>>()?;
        let scales: f64 = variances.iter().map(|variance| variance.sqrt().ln()).sum();
        let moved = features_of(&network, &images.f_add(&moves)?, mode, &mut |_| {})?;
        let distance = features.f_sub(&moved)?.f_abs()?.f_sum(Kind::Double)?;
        let mean = distance.f_double_value(&[])? / BATCH as f64;
        Ok::<_, NetError>((mean, scales))
    })?;
    if mean == 0.0 || scales == f64::NEG_INFINITY {
        return Err(info.undefined("features do not depend on the image, and ln 0 is −∞"));
    }
    Ok(mean.ln() + scales)
}

/// The features; shows `norms` what every norm on the way gets.
fn features_of(
    network: &Network,
    images: &Tensor,
    mode: Mode,
    norms: &mut dyn FnMut(&Tensor),
) -> Result<Tensor, NetError> {
    let mut features = None;
    let _ = network.forward_observed(images, mode.norm, &mut |event| match event {
        Event::Features { output } => features = Some(output.shallow_clone()),
        Event::Norm { input, .. } => norms(input),
        _ => {}
    })?;
    match features {
        Some(features) => Ok(features),
        None => Ok(images.f_zeros_like()?),
    }
}

/// The mean over channels of the (unbiased) variance over batch and positions.
fn mean_variance(maps: &Tensor) -> Result<f64, NetError> {
    let Statistics {
        variances, count, ..
    } = Statistics::of(maps)?;
    let mean = variances.iter().sum::<f64>() / variances.len() as f64;
    Ok(mean * count as f64 / (count - 1) as f64)
}
