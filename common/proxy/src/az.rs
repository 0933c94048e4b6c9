//! The three scores of AZ-NAS that need a network (Lee & Ham 2024): each looks at
//! the blocks, which are the stem and every cell or reduction.

use std::rc::Rc;

use knas_net::{Event, Init, NetError};
use knas_stats::random::stream;
use tch::{Kind, Tensor};

use crate::evaluation::{Evaluation, Mode};
use crate::matrix::{eigenvalues, exact};
use crate::score::Score;
use crate::{Info, ScoreError};

/// Images in the batch.
const BATCH: i64 = 64;
/// Keeps the logarithm finite.
const LOG_OFFSET: f64 = 1e-8;
/// Keeps the quotient finite.
const QUOTIENT_OFFSET: f64 = 1e-6;

const BASE: Info = Info {
    init: Some(Init::Kaiming),
    inputs: "64 noise images",
    groups: &["cheap", "az"],
    source: "Lee & Ham, AZ-NAS, CVPR 2024, arXiv 2403.19232",
    ..Info::BASE
};

/// E = Σ over blocks of the entropy of the eigenvalues, normalised to sum 1, of
/// the channels' covariance over batch and positions.
pub(crate) static EXPRESSIVITY: Score = Score {
    info: Info {
        name: "az-expressivity",
        summary: "sum over blocks of the entropy of the spectrum of its channels",
        ..BASE
    },
    value: |info, evaluation| Ok(entropies(info, evaluation)?.iter().sum()),
};

/// P = the least increase of that entropy from one block to the next.
pub(crate) static PROGRESSIVITY: Score = Score {
    info: Info {
        name: "az-progressivity",
        summary: "least increase from block to block of that entropy",
        ..BASE
    },
    value: |info, evaluation| {
        let entropies = entropies(info, evaluation)?;
        let increases = entropies.windows(2).map(|pair| pair[1] - pair[0]);
        Ok(increases.fold(f64::INFINITY, f64::min))
    },
};

/// T = mean over blocks after the stem of −σ − 1/(σ + 1e-6) + 2, σ the largest
/// singular value of the mean over positions of outer(g_in, g_out): g_out is ±1
/// at random at the block's output, g_in what comes of it at its input. It is
/// best where σ = 1.
pub(crate) static TRAINABILITY: Score = Score {
    info: Info {
        name: "az-trainability",
        summary: "how close to 1 the blocks keep the size of a gradient",
        passes: "1 forward, 1 backward, block by block",
        ..BASE
    },
    value: trainability,
};

/// What the blocks give, in order, in one autograd graph.
struct Blocks(Vec<Tensor>);

impl Blocks {
    fn of(evaluation: &mut Evaluation<'_>, mode: Mode) -> Result<Rc<Self>, ScoreError> {
        evaluation.share("az blocks", mode, |evaluation| {
            let network = evaluation.network(mode.init)?;
            let images = evaluation.noise("az images", &evaluation.images(BATCH)?)?;
            evaluation.count(1, 0);
            let mut blocks = Vec::new();
            let _ = network.forward_observed(&images, mode.norm, &mut |event| {
                if let Event::Block { output, .. } = event {
                    blocks.push(output.shallow_clone());
                }
            })?;
            Ok(Self(blocks))
        })
    }
}

fn entropies(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<Vec<f64>, ScoreError> {
    let mode = evaluation.mode(info);
    let blocks = Blocks::of(evaluation, mode)?;
    let entropies: Vec<f64> = blocks.0.iter().map(entropy).collect::<Result<_, _>>()?;
    if entropies.iter().any(|entropy| entropy.is_nan()) {
        return Err(info.undefined("the features of a block are constant"));
    }
    Ok(entropies)
}

/// Of N × channels × height × width; NaN where all are constant.
fn entropy(features: &Tensor) -> Result<f64, NetError> {
    let rows = positions(&features.f_detach()?)?;
    let centred = rows.f_sub(&rows.f_mean_dim([0i64].as_slice(), true, Kind::Float)?)?;
    let covariance = centred.f_transpose(0, 1)?.f_matmul(&centred)?;
    let values = eigenvalues(&exact(&covariance)?)?;
    let sum: f64 = values.iter().sum();
    let term = |value: &f64| {
        // Rounding errors may put an eigenvalue a little below zero.
        let share = (value / sum).max(0.0);
        -share * (share + LOG_OFFSET).ln()
    };
    Ok(if sum > 0.0 {
        values.iter().map(term).sum()
    } else {
        f64::NAN
    })
}

fn trainability(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let sigmas = Sigmas::of(info, evaluation, mode)?;
    let score = |sigma: &f64| -sigma - 1.0 / (sigma + QUOTIENT_OFFSET) + 2.0;
    Ok(sigmas.0.iter().map(score).sum::<f64>() / sigmas.0.len() as f64)
}

/// The largest singular values, block by block. Finding them uses up the
/// blocks' graph, so that its memory is free for other scores.
struct Sigmas(Vec<f64>);

impl Sigmas {
    fn of(
        info: &Info,
        evaluation: &mut Evaluation<'_>,
        mode: Mode,
    ) -> Result<Rc<Self>, ScoreError> {
        evaluation.share("az sigmas", mode, |evaluation| {
            let blocks = Blocks::of(evaluation, mode)?;
            evaluation.count(0, 1);
            let mut sigmas = Vec::new();
            for (place, pair) in blocks.0.windows(2).enumerate() {
                let [input, output] = pair else { continue };
                let given = signs(evaluation, place, output)?;
                match pulled_back(input, output, &given)? {
                    Some(pulled) if pulled == given => {
                        return Err(info.undefined("a block only passes on its input"));
                    }
                    Some(pulled) => sigmas.push(largest_singular(&pulled, &given)?),
                    None => {
                        let reason = "a block's output does not depend on its input";
                        return Err(info.undefined(reason));
                    }
                }
            }
            Ok(Self(sigmas))
        })
    }
}

/// ±1 at random, of this shape and in this layout; the same for every network.
fn signs(evaluation: &Evaluation<'_>, block: usize, like: &Tensor) -> Result<Tensor, NetError> {
    let subject = evaluation.subject();
    let mut random = stream(subject.seed, "az signs", &[(block as u64).into()]);
    let mut values = vec![0f32; like.numel()];
    for chunk in values.chunks_mut(64) {
        let bits = random.next_u64();
        for (bit, value) in chunk.iter_mut().enumerate() {
            *value = if bits >> bit & 1 == 1 { 1.0 } else { -1.0 };
        }
    }
    let mut signs = like.f_detach()?.f_empty_like()?;
    signs.f_copy_(&Tensor::f_from_slice(&values)?.f_reshape(like.size())?)?;
    Ok(signs)
}

/// What `given` at a block's output comes to at its input, if anything.
fn pulled_back(
    input: &Tensor,
    output: &Tensor,
    given: &Tensor,
) -> Result<Option<Tensor>, NetError> {
    if !input.requires_grad() || !output.requires_grad() {
        return Ok(None);
    }
    let scalar = output.f_mul(given)?.f_sum(Kind::Float)?;
    let mut gradients = Tensor::f_run_backward(&[scalar], &[input], false, false)?;
    Ok(gradients.pop().filter(Tensor::defined))
}

/// Of the mean over positions of outer(pulled, given); where the block halves
/// the image, the four input positions of each output position are channels.
fn largest_singular(pulled: &Tensor, given: &Tensor) -> Result<f64, NetError> {
    let stride = pulled.size()[2] / given.size()[2];
    let pulled = positions(&pulled.f_pixel_unshuffle(stride)?)?;
    let given = positions(given)?;
    let mean = pulled
        .f_transpose(0, 1)?
        .f_matmul(&given)?
        .f_div_scalar(given.size()[0] as f64)?;
    let mean = exact(&mean)?;
    let squares = eigenvalues(&mean.f_transpose(0, 1)?.f_matmul(&mean)?)?;
    Ok(squares.last().copied().unwrap_or(0.0).max(0.0).sqrt())
}

/// N × channels × height × width as (N·height·width) × channels.
fn positions(maps: &Tensor) -> Result<Tensor, NetError> {
    let channels = maps.size()[1];
    Ok(maps.f_permute([0, 2, 3, 1])?.f_reshape([-1, channels])?)
}
