//! MeCo: how little the channels of each layer correlate (Jiang et al. 2023).

use std::rc::Rc;

use knas_net::{Event, NetError};
use knas_space::{Input, Setting};
use tch::{Kind, Tensor, no_grad};

use crate::evaluation::{Evaluation, Mode};
use crate::matrix::{correlations, eigenvalues, exact};
use crate::score::Score;
use crate::{Info, ScoreError};

/// The image's side, whatever the network's own.
const SIDE: usize = 64;

/// Σ over layers of the smallest eigenvalue of the correlations of its channels
/// over positions, for one standard normal image of 64 × 64. Correlations that
/// are undefined, those of a constant channel, are zero.
///
/// Layers are convolutions, norms, ReLUs, a cell's pools, and blocks, each once.
/// The published code also counts the containers around them, whose outputs are
/// the same maps again, and skips, which a cell's canonical form does not have.
pub(crate) static MECO: Score = Score {
    info: Info {
        name: "meco",
        summary: "sum over layers of the least eigenvalue of the correlations of its channels",
        ..BASE
    },
    value: |info, evaluation| Ok(Least::of(info, evaluation)?.layers),
};

/// [`MECO`] over ReLUs alone, which ranked better on NAS-Bench-201.
pub(crate) static MECO_RELU: Score = Score {
    info: Info {
        name: "meco-relu",
        summary: "sum over ReLUs of the least eigenvalue of the correlations of its channels",
        groups: &["cheap", "auto"],
        source: "variant of meco",
        ..BASE
    },
    value: |info, evaluation| Ok(Least::of(info, evaluation)?.relus),
};

const BASE: Info = Info {
    inputs: "one noise image of 64×64",
    passes: "1 forward, of one image",
    source: "Jiang et al., MeCo, NeurIPS 2023",
    ..Info::BASE
};

/// Sums of least eigenvalues.
#[derive(Clone, Copy, Default)]
struct Least {
    layers: f64,
    relus: f64,
}

impl Least {
    fn of(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<Rc<Self>, ScoreError> {
        let mode = evaluation.mode(info);
        evaluation.share("meco", mode, |evaluation| {
            Self::compute(info, mode, evaluation)
        })
    }

    fn compute(
        info: &Info,
        mode: Mode,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Self, ScoreError> {
        let setting = Setting {
            input: Input::Images { side: SIDE },
            ..evaluation.subject().setting.clone()
        };
        let network = match evaluation.build(&setting, mode.init, Kind::Float) {
            Err(NetError::Lower(_)) => {
                return Err(info.undefined("the network cannot have images of 64 × 64"));
            }
            network => network?,
        };
        let image = evaluation.noise("meco image", &[1, 3, SIDE as i64, SIDE as i64])?;
        evaluation.count(1, 0);
        let mut sums = Ok(Self::default());
        let _ = no_grad(|| {
            network.forward_observed(&image, mode.norm, &mut |event| {
                let (output, relu) = match event {
                    Event::Relu { output, .. } => (output, true),
                    Event::Activation {
                        activation, output, ..
                    } if activation.rectifies() => (output, true),
                    Event::Convolution { output, .. }
                    | Event::Norm { output, .. }
                    | Event::Pool { output }
                    | Event::Block { output, .. } => (output, false),
                    // A vector has no positions over which channels correlate.
                    _ => return,
                };
                if let Ok(so_far) = sums {
                    sums = least(output).map(|value| Self {
                        layers: so_far.layers + value,
                        relus: so_far.relus + if relu { value } else { 0.0 },
                    });
                }
            })
        })?;
        Ok(sums?)
    }
}

/// The least eigenvalue of the correlations of the channels of one map.
fn least(map: &Tensor) -> Result<f64, NetError> {
    let channels = exact(&map.f_squeeze_dim(0)?.f_flatten(1, -1)?)?;
    let correlations = correlations(&channels)?.f_nan_to_num(0.0, 0.0, 0.0)?;
    Ok(eigenvalues(&correlations)?.first().copied().unwrap_or(0.0))
}
