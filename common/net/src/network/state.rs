//! What files of weights hold of a network, by official names.

use std::collections::HashSet;

use knas_graph::Graph;
use tch::{Device, Kind, Tensor};

use super::Network;
use crate::NetError;
use crate::init::Initial;
use crate::layers::Running;

impl Network {
    /// Parameters, without their gradients, and running statistics under their
    /// official names.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let parameters = self.parameters().iter();
        let mut state: Vec<(String, Tensor)> = parameters
            .map(|p| (p.name.clone(), p.tensor.detach()))
            .collect();
        state.extend(self.running().iter().flat_map(Running::state));
        state
    }
}

/// What the network of `whole` holds beside that of `live`, which is the part of
/// it that reaches the output, so that other software finds every name. No score
/// depends on it.
///
/// # Errors
/// When memory does not suffice.
pub fn unused(
    whole: &Graph,
    live: &Graph,
    initial: Initial,
) -> Result<Vec<(String, Tensor)>, NetError> {
    let mut state = Vec::new();
    let held: HashSet<&str> = live.parameters().iter().map(|p| &*p.name).collect();
    for parameter in whole
        .parameters()
        .iter()
        .filter(|p| !held.contains(&*p.name))
    {
        let shape: Vec<i64> = parameter.shape.iter().map(|&n| n as i64).collect();
        let fan_in = parameter.fan_in as i64;
        let value = initial.draw(&parameter.key, parameter.role, &shape, fan_in)?;
        state.push((parameter.name.clone(), value));
    }
    let held: HashSet<&str> = live.running().iter().map(|r| &*r.name).collect();
    let options = (Kind::Float, Device::Cpu);
    for running in whole.running().iter().filter(|r| !held.contains(&*r.name)) {
        let shape = [running.channels as i64];
        let fresh = Running {
            name: running.name.clone(),
            mean: Tensor::f_zeros(shape, options)?,
            variance: Tensor::f_ones(shape, options)?,
        };
        state.extend(fresh.state());
    }
    Ok(state)
}

impl Running {
    /// Its tensors under their official names.
    fn state(&self) -> [(String, Tensor); 3] {
        let name = |what| format!("{}.{what}", self.name);
        [
            (name("running_mean"), self.mean.shallow_clone()),
            (name("running_var"), self.variance.shallow_clone()),
            (name("num_batches_tracked"), Tensor::from(0i64)),
        ]
    }
}
