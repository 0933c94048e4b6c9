//! Everything that the official network would hold, by its official names.

use knas_space::nb201::{Cell as Arch, Form, Skeleton};
use tch::{Device, Kind, Tensor};

use super::Network;
use crate::NetError;
use crate::init::Initial;
use crate::layers::Role;

impl Network {
    /// Parameters and running statistics under their official names.
    ///
    /// What edges that reach nothing would hold is not among them: see
    /// [`dead_parameters`].
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let parameters = self.parameters().iter();
        let mut state: Vec<(String, Tensor)> = parameters
            .map(|p| (p.name.clone(), p.tensor.detach()))
            .collect();
        for running in self.running() {
            state.push((
                format!("{}.running_mean", running.name),
                running.mean.shallow_clone(),
            ));
            state.push((
                format!("{}.running_var", running.name),
                running.variance.shallow_clone(),
            ));
            let batches = Tensor::from(0i64);
            state.push((format!("{}.num_batches_tracked", running.name), batches));
        }
        state
    }
}

/// What the official network holds on edges that reach nothing, so that its
/// `load_state_dict` finds every name. No score depends on it.
///
/// # Errors
/// When memory does not suffice.
pub fn dead_parameters(
    cell: &Arch,
    skeleton: &Skeleton,
    initial: Initial,
) -> Result<Vec<(String, Tensor)>, NetError> {
    let form = Form::of(cell);
    let live = |edge: usize| form.ops.iter().any(|op| op.edge == edge);
    let mut state = Vec::new();
    let options = (Kind::Float, Device::Cpu);
    let blocks = 3 * skeleton.cells() + 2;
    for block in 0..blocks {
        let stage = block / (skeleton.cells() + 1);
        if block % (skeleton.cells() + 1) == skeleton.cells() {
            continue; // a reduction
        }
        let channels = (skeleton.channels() << stage) as i64;
        for (edge, op) in cell.ops().iter().enumerate() {
            let Some(kernel) = op.kernel().filter(|_| !live(edge)) else {
                continue;
            };
            let kernel = kernel as i64;
            let layer = format!("cells.{block}.layers.{edge}.op");
            let shape = [channels, channels, kernel, kernel];
            let fan_in = channels * kernel * kernel;
            let weight =
                initial.draw(&format!("{layer} unused"), Role::ConvWeight, &shape, fan_in)?;
            state.push((format!("{layer}.1.weight"), weight));
            let ones = Tensor::f_ones([channels], options)?;
            let zeros = Tensor::f_zeros([channels], options)?;
            state.push((format!("{layer}.2.weight"), ones.shallow_clone()));
            state.push((format!("{layer}.2.bias"), zeros.shallow_clone()));
            state.push((format!("{layer}.2.running_mean"), zeros));
            state.push((format!("{layer}.2.running_var"), ones));
            state.push((format!("{layer}.2.num_batches_tracked"), Tensor::from(0i64)));
        }
    }
    Ok(state)
}
