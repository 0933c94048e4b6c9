//! The number of linear regions into which images fall (Chen et al. 2021).

use std::collections::HashSet;

use knas_net::{Event, Init, Initial, NetError, Network, Source};
use tch::{Device, Kind, Tensor, no_grad};

use crate::evaluation::Evaluation;
use crate::score::Score;
use crate::{Info, ScoreError};

/// Batches, and images in each.
const BATCHES: i64 = 3;
const BATCH: i64 = 1000;
/// The images' side.
const SIDE: usize = 3;

/// The number of different patterns in which 3,000 images switch the ReLUs of a
/// thin network: one cell of one channel, on images of 3 × 3. It is
/// Σ_images 1/(how many share its pattern).
///
/// A file of weights does not matter here, since it has none of this size.
pub(crate) static LINEAR_REGIONS: Score = Score {
    info: Info {
        name: "linear-regions",
        summary: "number of ReLU patterns of 3,000 tiny images in a cell of one channel",
        init: Some(Init::Kaiming),
        inputs: "3,000 noise images of 1×3×3",
        reads_weights: false,
        passes: "1 forward, of a tiny network",
        source: "Chen et al., TE-NAS, ICLR 2021, arXiv 2102.11535",
        ..Info::BASE
    },
    value: linear_regions,
};

fn linear_regions(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let subject = evaluation.subject();
    let initial = Initial {
        init: mode.init,
        seed: subject.seed,
    };
    let thin = subject.architecture.lower_thin(SIDE);
    let thin = thin.ok_or_else(|| info.undefined("its space has no network of one thin cell"))?;
    let graph = thin.map_err(NetError::from)?;
    let options = (Kind::Float, subject.device);
    let network = Network::new(graph, Source::Random(initial), options)?;
    let side = SIDE as i64;
    let images = evaluation.noise("linear regions images", &[BATCHES * BATCH, 1, side, side])?;
    evaluation.count(1, 0);
    let mut patterns = HashSet::new();
    for batch in 0..BATCHES {
        let images = images.f_narrow(0, batch * BATCH, BATCH)?;
        let mut relus = Vec::new();
        let _ = no_grad(|| {
            network.forward_observed(&images, mode.norm, &mut |event| {
                if let Event::Relu { output, .. } = event {
                    relus.push(output.shallow_clone());
                }
            })
        })?;
        patterns.extend(rows(&relus)?);
    }
    Ok(patterns.len() as f64)
}

/// For every image, which ReLU units it switches on.
fn rows(relus: &[Tensor]) -> Result<Vec<Vec<u8>>, NetError> {
    let flat = relus.iter().map(|relu| relu.f_flatten(1, -1));
    let all = Tensor::f_cat(&flat.collect::<Result<Vec<_>, _>>()?, 1)?.f_gt(0)?;
    let bytes = all.f_to_device(Device::Cpu)?.f_to_kind(Kind::Uint8)?;
    let units = bytes.size()[1] as usize;
    let values = Vec::<u8>::try_from(bytes.f_flatten(0, -1)?)?;
    Ok(values.chunks_exact(units).map(<[u8]>::to_vec).collect())
}
