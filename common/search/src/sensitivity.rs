//! What options are worth by how much what the network gives hangs on them, at
//! initialisation and without data (Zhang & Jia, *Differentiable Architecture Search
//! without Training nor Labels*, arXiv 2106.11542).

use knas_net::{Init, Initial, Mix, Network, Norm, Source};
use knas_space::Supernet;
use tch::{Device, Kind, Tensor};

use crate::{SearchError, Table};

/// A network whose weights are the absolute values of those that are drawn, in double
/// precision.
pub struct Sensitivity {
    network: Network,
    side: i64,
    alpha: f64,
}

impl Sensitivity {
    /// Of this network, for images of this side, whose options all weigh `alpha`.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        supernet: &Supernet,
        (side, seed): (usize, u64),
        alpha: f64,
        device: Device,
    ) -> Result<Self, SearchError> {
        let initial = Initial {
            init: Init::Default,
            seed,
        };
        let options = (Kind::Double, device);
        let network = Network::new(supernet.graph.clone(), Source::Random(initial), options)?;
        let _guard = tch::no_grad_guard();
        for parameter in network.parameters() {
            let _ = parameter.tensor.shallow_clone().f_abs_()?;
        }
        Ok(Self {
            network,
            side: side as i64,
            alpha,
        })
    }

    /// |α·∂R/∂α| of each option that is `allowed`, where R is the sum of the logits for an
    /// image of ones, and the others weigh nothing.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn of(&self, allowed: &[Vec<bool>]) -> Result<Table, SearchError> {
        let width = allowed.iter().map(Vec::len).max().unwrap_or(0);
        let weight = |row: &Vec<bool>, option| match row.get(option) {
            Some(true) => self.alpha,
            _ => 0.0,
        };
        let rows = allowed.iter();
        let flat: Vec<f64> = rows
            .flat_map(|row| (0..width).map(move |option| weight(row, option)))
            .collect();
        let (kind, device) = self.network.options();
        let alpha = Tensor::f_from_slice(&flat)?.f_reshape([allowed.len() as i64, width as i64])?;
        let alpha = alpha.f_to_device(device)?.f_set_requires_grad(true)?;
        let ones = Tensor::f_ones([1, 3, self.side, self.side], (kind, device))?;
        // Of one image alone, batch norm is that over its positions.
        let logits = self
            .network
            .forward_mixed(&ones, Norm::Sample, Mix::Weights(&alpha))?;
        let sum = logits.f_sum(kind)?;
        let slopes = Tensor::f_run_backward(&[sum], &[&alpha], false, false)?;
        let scores = slopes[0].f_mul(&alpha)?.f_abs()?.f_detach()?;
        let scores: Table = Vec::try_from(scores.f_to_device(Device::Cpu)?)?;
        let row = |(scores, row): (Vec<f64>, &Vec<bool>)| scores[..row.len()].to_vec();
        Ok(scores.into_iter().zip(allowed).map(row).collect())
    }
}

#[cfg(test)]
mod tests;
