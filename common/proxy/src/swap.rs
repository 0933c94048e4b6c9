//! SWAP: how many different patterns of samples the ReLU units respond to (Peng
//! et al. 2024).

use knas_net::NetError;
use tch::{Device, Kind};

use crate::evaluation::Evaluation;
use crate::forward::Forward;
use crate::score::Score;
use crate::{Info, ScoreError};

/// How many samples a pattern spans. With more, nearly every unit has a pattern
/// of its own, and their number is that of the units.
const SAMPLES: i64 = 16;

const SOURCE: &str = "Peng et al., SWAP-NAS, ICLR 2024, arXiv 2403.04161";

/// The number of different rows among all ReLU units, where a unit's row tells
/// for which of the first 16 samples it is active.
pub(crate) static SWAP: Score = Score {
    info: Info {
        name: "swap",
        summary: "number of different patterns of 16 samples that switch a ReLU unit on",
        inputs: "samples: 16 count, normalised together with all others",
        source: SOURCE,
        ..Info::BASE
    },
    value: swap,
};

/// `swap` · exp(−(P − μ)²/σ), P the parameters that reach the output. The paper
/// leaves μ and σ to its user; here μ is what the largest network of the space has
/// and σ = μ², which favours large networks gently.
pub(crate) static SWAP_REG: Score = Score {
    info: Info {
        name: "swap-reg",
        inputs: "samples: 16 count, normalised together with all others",
        summary: "swap · exp(−(1 − parameters/those of the largest network)²)",
        source: SOURCE,
        ..Info::BASE
    },
    value: |info, evaluation| {
        let patterns = swap(info, evaluation)?;
        let mode = evaluation.mode(info);
        let network = evaluation.network(mode.init)?;
        let held = network.parameters().iter().map(|p| p.tensor.numel());
        let subject = evaluation.subject();
        let largest = subject.architecture.space().largest();
        let largest = largest.ok_or_else(|| info.undefined("its space has no largest network"))?;
        let largest = largest.cost_in(&subject.setting);
        let most = largest.map_err(NetError::from)?.params;
        let share = held.sum::<usize>() as f64 / most as f64;
        Ok(patterns * (-(share - 1.0).powi(2)).exp())
    },
};

fn swap(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let forward = Forward::of(evaluation, mode)?;
    let count = evaluation.samples().count().min(SAMPLES);
    let mut seen = vec![false; 1 << SAMPLES];
    for relu in &forward.relus {
        for pattern in patterns(relu, count)? {
            seen[pattern as usize] = true;
        }
    }
    Ok(seen.iter().filter(|&&seen| seen).count() as f64)
}

/// For every unit the samples that switch it on, as the bits of a number.
fn patterns(relu: &tch::Tensor, count: i64) -> Result<Vec<u16>, NetError> {
    let active = relu.f_narrow(0, 0, count)?.f_flatten(1, -1)?.f_gt(0)?;
    let active = active.f_to_device(Device::Cpu)?.f_to_kind(Kind::Uint8)?;
    let units = active.size()[1] as usize;
    let mut bytes = vec![0u8; units * count as usize];
    active
        .f_contiguous()?
        .f_copy_data(&mut bytes, units * count as usize)?;
    let mut patterns = vec![0u16; units];
    for (sample, row) in bytes.chunks_exact(units).enumerate() {
        for (pattern, &active) in patterns.iter_mut().zip(row) {
            *pattern |= u16::from(active) << sample;
        }
    }
    Ok(patterns)
}
