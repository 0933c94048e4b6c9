//! Stochastic gradient descent.

use knas_net::Parameter;
use knas_net::weights::WeightFile;
use tch::Tensor;

use super::{Optimiser, stored};
use crate::TrainError;

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

    fn restore(
        &mut self,
        parameters: &[Parameter],
        state: &WeightFile,
        _steps: u64,
    ) -> Result<(), TrainError> {
        let buffers = parameters.iter();
        let buffers = buffers.map(|parameter| stored(parameter, &name(parameter), state));
        self.buffers = buffers.collect::<Result<_, _>>()?;
        Ok(())
    }
}
