//! Optimisers, which change parameters by their gradients.

use knas_net::Parameter;
use knas_net::weights::WeightFile;
use tch::Tensor;

use crate::TrainError;

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

    /// Takes up the state that [`Optimiser::state`] gave.
    ///
    /// # Errors
    /// When a tensor of it has another shape.
    fn restore(&mut self, parameters: &[Parameter], state: &WeightFile) -> Result<(), TrainError>;
}

/// Stochastic gradient descent with Nesterov momentum, as `torch.optim.SGD`
/// defines it (with `dampening=0, nesterov=True` where there is momentum):
///
/// g ← g + λθ; b ← g at a parameter's first step, μb + g afterwards;
/// θ ← θ − η(g + μb).
///
/// The weight decay λ is part of the gradient and holds for all parameters.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    /// b of every parameter that has had a step.
    buffers: Vec<Option<Tensor>>,
}

impl Sgd {
    /// μ and λ.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self {
            momentum,
            weight_decay,
            buffers: Vec::new(),
        }
    }
}

fn name(parameter: &Parameter) -> String {
    format!("momentum.{}", parameter.name)
}

impl Optimiser for Sgd {
    fn step(
        &mut self,
        parameters: &[Parameter],
        gradients: Vec<Tensor>,
        rate: f64,
    ) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        self.buffers.resize_with(parameters.len(), || None);
        let tensors = parameters.iter().map(|p| p.tensor.shallow_clone());
        for ((mut parameter, mut gradient), buffer) in tensors.zip(gradients).zip(&mut self.buffers)
        {
            if !gradient.defined() {
                continue;
            }
            if self.weight_decay != 0.0 {
                let decay = parameter.f_mul_scalar(self.weight_decay)?;
                let _ = gradient.f_add_(&decay)?;
            }
            if self.momentum != 0.0 {
                let buffer = match buffer {
                    Some(buffer) => {
                        let _ = buffer.f_mul_scalar_(self.momentum)?.f_add_(&gradient)?;
                        buffer
                    }
                    None => buffer.insert(gradient.f_detach_copy()?),
                };
                let _ = gradient.f_add_(&buffer.f_mul_scalar(self.momentum)?)?;
            }
            let _ = parameter.f_sub_(&gradient.f_mul_scalar_(rate)?)?;
        }
        Ok(())
    }

    fn state(&self, parameters: &[Parameter]) -> Vec<(String, Tensor)> {
        let pairs = parameters.iter().zip(&self.buffers);
        pairs
            .filter_map(|(parameter, buffer)| {
                Some((name(parameter), buffer.as_ref()?.shallow_clone()))
            })
            .collect()
    }

    fn restore(&mut self, parameters: &[Parameter], state: &WeightFile) -> Result<(), TrainError> {
        let buffer = |parameter: &Parameter| {
            let shape = parameter.tensor.size();
            let Some(stored) = state.optional(&name(parameter), &shape)? else {
                return Ok(None);
            };
            let (kind, device) = (parameter.tensor.kind(), parameter.tensor.device());
            Ok(Some(stored.f_to_device(device)?.f_to_kind(kind)?))
        };
        self.buffers = parameters
            .iter()
            .map(buffer)
            .collect::<Result<_, TrainError>>()?;
        Ok(())
    }
}
