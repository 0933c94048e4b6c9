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
/// [Plain](Sgd::plain) momentum (`nesterov=False`) has θ ← θ − ηb in its place.
///
/// The weight decay λ is part of the gradient and holds for all parameters.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    /// b of every parameter that has had a step.
    buffers: Vec<Option<Tensor>>,
}

impl Sgd {
    /// μ and λ.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self {
            momentum,
            weight_decay,
            nesterov: true,
            buffers: Vec::new(),
        }
    }

    /// With plain momentum.
    #[must_use]
    pub fn plain(self) -> Self {
        Self {
            nesterov: false,
            ..self
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
                gradient = match self.nesterov {
                    true => gradient.f_add_(&buffer.f_mul_scalar(self.momentum)?)?,
                    false => buffer.f_detach_copy()?,
                };
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

#[cfg(test)]
mod tests {
    use knas_net::{Part, Role};

    use super::*;

    // p = torch.nn.Parameter(torch.tensor([0.5, -1.0]))
    // o = torch.optim.SGD([p], 0.1, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    // for _ in range(3): o.zero_grad(); (p * torch.tensor([1.0, -3.0])).sin().sum().backward(); o.step()
    // print(p)  # nesterov: True, False
    #[test]
    fn both_sorts_of_momentum_are_those_of_pytorch() {
        for (sgd, expected) in [
            (Sgd::new(0.9, 0.01), [-0.2501312, -1.6513684]),
            (Sgd::new(0.9, 0.01).plain(), [-0.011451, -2.0392292]),
        ] {
            let tensor = Tensor::from_slice(&[0.5f32, -1.0]).set_requires_grad(true);
            let parameters = [Parameter {
                name: "p".to_owned(),
                role: Role::LinearWeight,
                part: Part::Body,
                tensor,
            }];
            let (tensor, mut sgd) = (&parameters[0].tensor, sgd);
            for _ in 0..3 {
                let loss = (tensor * Tensor::from_slice(&[1f32, -3.0])).sin();
                let loss = loss.sum(tch::Kind::Float);
                let gradients = Tensor::run_backward(&[loss], &[tensor], false, false);
                sgd.step(&parameters, gradients, 0.1).unwrap();
            }
            let found: Vec<f64> = Vec::try_from(tensor.detach()).unwrap();
            let far = found
                .iter()
                .zip(expected)
                .any(|(a, b)| (a - b).abs() > 1e-6);
            assert!(!far, "{found:?} {expected:?}");
        }
    }
}
