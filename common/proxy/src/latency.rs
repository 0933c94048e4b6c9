//! How long a network takes, which is measured.

use std::time::{Duration, Instant};

use knas_net::{Network, Norm};
use tch::{Cuda, Device, Tensor};

use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Passes that are not counted, and how long they go on at least: the first ones take
/// memory and choose kernels.
const WARM_UP: (usize, Duration) = (3, Duration::from_millis(50));

/// Passes that are counted, and how long they go on at least.
const RUNS: (usize, Duration) = (15, Duration::from_millis(300));

/// Passes that are counted, at most.
const MOST: usize = 1000;

/// The times of passes over one sample, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The median.
    pub median: f64,
    /// The lower quartile.
    pub low: f64,
    /// The upper quartile.
    pub high: f64,
    /// How many were measured.
    pub runs: usize,
}

/// The median time of a forward pass over one sample, by running statistics, in one
/// thread of the processor or on the GPU, after a warm-up.
pub(crate) static LATENCY: Score = Score {
    info: Info {
        name: "latency",
        summary: "milliseconds of a forward pass over one sample, the median of many (measured)",
        norm: Some(Norm::Eval),
        passes: "18 forward or more",
        scope: Scope::All,
        groups: &["costs"],
        source: "measured: batch 1, one thread or the GPU, after a warm-up",
        cost: true,
        measured: true,
        ..Info::BASE
    },
    value: |info, evaluation| {
        let mode = evaluation.mode(info);
        let network = evaluation.network(mode.init)?;
        let sample = evaluation.samples().first()?;
        let latency = measure(&network, &sample, mode.norm, evaluation.subject().device)?;
        evaluation.measured(latency);
        Ok(latency.median)
    },
};

fn measure(
    network: &Network,
    sample: &Tensor,
    norm: Norm,
    device: Device,
) -> Result<Latency, ScoreError> {
    let _guard = tch::no_grad_guard();
    let timed = |(count, time): (usize, Duration)| -> Result<Vec<f64>, ScoreError> {
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.len() < MOST && (times.len() < count || begin.elapsed() < time) {
            let start = Instant::now();
            let _ = network.forward(sample, norm)?;
            if let Device::Cuda(number) = device {
                Cuda::synchronize(number as i64);
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    };
    let _ = timed(WARM_UP)?;
    Ok(summary(timed(RUNS)?))
}

/// Quartiles of times, which are there.
fn summary(mut times: Vec<f64>) -> Latency {
    times.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (times.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        times[low] + (times[high] - times[low]) * (place - low as f64)
    };
    Latency {
        median: quantile(0.5),
        low: quantile(0.25),
        high: quantile(0.75),
        runs: times.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // numpy.quantile([4, 1, 3, 2, 10, 8], [.25, .5, .75])
    #[test]
    fn quartiles_are_numpys() {
        let found = summary(vec![4.0, 1.0, 3.0, 2.0, 10.0, 8.0]);
        assert_eq!((found.low, found.median, found.high), (2.25, 3.5, 7.0));
        assert_eq!(found.runs, 6);
        let one = summary(vec![2.0]);
        assert_eq!((one.low, one.median, one.high), (2.0, 2.0, 2.0));
    }
}
