//! Optimisers, which change parameters by their gradients.

use knas_net::Parameter;
use knas_net::weights::WeightFile;
use tch::Tensor;

use crate::TrainError;

mod adamw;
mod sgd;

pub use adamw::AdamW;
pub use sgd::Sgd;

/// Changes parameters, and keeps a state while it does so.
pub trait Optimiser {
    /// One step at a learning rate. `gradients` are those of `parameters`, in
    /// their order; one that is undefined leaves its parameter as it is.
    ///
    /// # Errors
    /// When libtorch refuses.
    fn step(
        &mut self,
        parameters: &[Parameter],
        gradients: Vec<Tensor>,
        rate: f64,
    ) -> Result<(), TrainError>;

    /// Everything that the next step depends on, under names of its own.
    fn state(&self, parameters: &[Parameter]) -> Vec<(String, Tensor)>;

    /// Takes up the state that [`Optimiser::state`] gave after so many steps.
    ///
    /// # Errors
    /// When a tensor of it has another shape.
    fn restore(
        &mut self,
        parameters: &[Parameter],
        state: &WeightFile,
        steps: u64,
    ) -> Result<(), TrainError>;
}

/// The part of a stored state that is called `name`, as its parameter is: its
/// shape, type and device.
fn stored(
    parameter: &Parameter,
    name: &str,
    state: &WeightFile,
) -> Result<Option<Tensor>, TrainError> {
    let shape = parameter.tensor.size();
    let Some(stored) = state.optional(name, &shape)? else {
        return Ok(None);
    };
    let (kind, device) = (parameter.tensor.kind(), parameter.tensor.device());
    Ok(Some(stored.f_to_device(device)?.f_to_kind(kind)?))
}
