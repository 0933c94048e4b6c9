//! The layers of which networks are made, and what a pass shows of them.

use knas_graph::Grid;
pub use knas_graph::{NORM_EPSILON, Part, Role};
use tch::{Device, Kind, Tensor};

use crate::NetError;
use crate::batch_norm::{self, Affine};
use crate::event::{Event, Observer};

/// A tensor that training would change.
#[derive(Debug)]
pub struct Parameter {
    /// Its official name, such as `cells.0.layers.3.op.1.weight`.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it stands.
    pub part: Part,
    /// Its value; it asks for gradients.
    pub tensor: Tensor,
}

/// How normalisation layers find mean and variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// Over the positions of one sample and channel: what batch norm in train
    /// mode does with a batch of one. No sample sees another.
    Sample,
    /// Over the batch and the positions of a channel; running statistics stay
    /// as they are.
    Batch,
    /// As `Batch`, and running statistics follow (training).
    Train,
    /// Running statistics (evaluation).
    Eval,
    /// Not at all: layers pass on what they get (SynFlow).
    Off,
}

/// A convolution; weight and bias are places among the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Its weight.
    pub weight: usize,
    /// One summand an output, where it has them.
    pub bias: Option<usize>,
    /// Where its windows lie.
    pub grid: Grid,
    /// Parts of the channels that do not see each other.
    pub groups: usize,
}

/// A batch norm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalisation {
    pub weight: usize,
    pub bias: usize,
    pub running: usize,
    pub epsilon: f64,
}

/// Running mean and variance of a batch norm.
#[derive(Debug)]
pub struct Running {
    /// The official name of the layer, such as `stem.1`.
    pub name: String,
    /// One value a channel.
    pub mean: Tensor,
    /// One value a channel.
    pub variance: Tensor,
}

/// The tensors that layers refer to by index.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    pub parameters: Vec<Parameter>,
    pub running: Vec<Running>,
}

impl Tensors {
    /// Adds a parameter with this value.
    pub fn add(
        &mut self,
        parameter: &knas_graph::Parameter,
        value: &Tensor,
        (kind, device): (Kind, Device),
    ) -> Result<(), NetError> {
        let tensor = value
            .f_to_device(device)?
            .f_to_kind(kind)?
            .f_set_requires_grad(true)?;
        self.parameters.push(Parameter {
            name: parameter.name.clone(),
            role: parameter.role,
            part: parameter.part,
            tensor,
        });
        Ok(())
    }

    fn parameter(&self, index: usize) -> &Tensor {
        &self.parameters[index].tensor
    }

    pub fn convolution(
        &self,
        layer: Convolution,
        input: &Tensor,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let Grid {
            stride,
            padding,
            dilation,
        } = layer.grid;
        let weight = self.parameter(layer.weight);
        let sparse = stride > 1 && few_channels_to_one_position(weight);
        let (read, stride) = match sparse {
            true => (every(input, stride as i64)?, 1),
            false => (input.shallow_clone(), stride),
        };
        let [stride, padding, dilation] = [stride, padding, dilation].map(|n| [n as i64; 2]);
        let output = read.f_conv2d(
            weight,
            layer.bias.map(|bias| self.parameter(bias)),
            stride,
            padding,
            dilation,
            layer.groups as i64,
        )?;
        observe(Event::Convolution {
            layer,
            input,
            output: &output,
        });
        Ok(output)
    }

    pub fn normalise(
        &self,
        layer: Normalisation,
        input: Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let Normalisation { epsilon, .. } = layer;
        let (weight, bias) = (self.parameter(layer.weight), self.parameter(layer.bias));
        let affine = Affine {
            weight,
            bias,
            epsilon,
        };
        let running = &self.running[layer.running];
        if norm == Norm::Off {
            return Ok(input);
        }
        let output = normalised(&input, affine, running, norm)?;
        observe(Event::Norm {
            weight: layer.weight,
            bias: layer.bias,
            epsilon,
            input: &input,
            output: &output,
        });
        Ok(output)
    }

    /// A batch norm without factors and summands of its own: to the bit what one is
    /// whose factors are 1 and whose summands are 0.
    pub fn standardise(
        &self,
        running: usize,
        epsilon: f64,
        input: &Tensor,
        norm: Norm,
    ) -> Result<Tensor, NetError> {
        let running = &self.running[running];
        let (ones, zeros) = (running.mean.f_ones_like()?, running.mean.f_zeros_like()?);
        let affine = Affine {
            weight: &ones,
            bias: &zeros,
            epsilon,
        };
        normalised(input, affine, running, norm)
    }

    /// Over the last dimension, with this weight and bias.
    pub fn layer_norm(
        &self,
        [weight, bias]: [usize; 2],
        input: &Tensor,
        epsilon: f64,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let (factors, summands) = (self.parameter(weight), self.parameter(bias));
        let width = factors.size1()?;
        let output = input.f_layer_norm([width], Some(factors), Some(summands), epsilon, true)?;
        observe(Event::LayerNorm {
            weight,
            bias,
            epsilon,
            input,
            output: &output,
        });
        Ok(output)
    }

    /// A linear map with this weight, and a bias where it has one.
    pub fn linear(
        &self,
        weight: usize,
        bias: Option<usize>,
        input: &Tensor,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let summand = bias.map(|bias| self.parameter(bias));
        let output = input.f_linear(self.parameter(weight), summand)?;
        observe(Event::Linear {
            weight,
            bias,
            input,
            output: &output,
        });
        Ok(output)
    }
}

fn normalised(
    input: &Tensor,
    affine: Affine<'_>,
    running: &Running,
    norm: Norm,
) -> Result<Tensor, NetError> {
    let Affine {
        weight,
        bias,
        epsilon,
    } = affine;
    Ok(match norm {
        // One channel a group is instance norm, at a third of its cost.
        Norm::Sample => {
            let channels = weight.size1()?;
            input.f_group_norm(channels, Some(weight), Some(bias), epsilon, true)?
        }
        Norm::Batch => batch_norm::together(input, affine, None)?,
        Norm::Train => batch_norm::together(input, affine, Some(running))?,
        Norm::Eval => batch_norm::fixed(input, affine, running)?,
        Norm::Off => input.shallow_clone(),
    })
}

/// Whether a convolution has windows of one position and fewer channels than a
/// vector of the processor holds. Where such a one has a stride, and channels lie
/// last, the backward pass of oneDNN in libtorch 2.11 writes beyond its buffers.
fn few_channels_to_one_position(weight: &Tensor) -> bool {
    const LANES: i64 = 16;
    matches!(weight.size()[..], [_, channels, 1, 1] if channels < LANES)
}

/// Maps at every so many rows and columns, from the first ones on.
fn every(maps: &Tensor, step: i64) -> Result<Tensor, NetError> {
    let rows = maps.f_slice(2, None, None, step)?;
    Ok(rows.f_slice(3, None, None, step)?)
}

/// The same N × channels × height × width in another layout, in which the
/// channels of one position lie side by side.
pub(crate) fn channels_last(maps: &Tensor) -> Result<Tensor, NetError> {
    let positions_first = maps.f_permute([0, 2, 3, 1])?.f_contiguous()?;
    Ok(positions_first.f_permute([0, 3, 1, 2])?)
}

/// Mean over the batch of −log softmax at the targets (N × classes, N).
///
/// # Errors
/// When the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor, NetError> {
    let log_probabilities = logits.f_log_softmax(-1, None::<Kind>)?;
    let reduction = tch::Reduction::Mean;
    Ok(log_probabilities.f_nll_loss::<&Tensor>(targets, None, reduction, -100)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // In PyTorch's own layout, in which oneDNN does as it should.
    #[test]
    fn few_channels_at_every_other_position_are_read_as_in_any_layout() {
        let weight = Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3, 1, 1]);
        let tensors = Tensors {
            parameters: vec![Parameter {
                name: String::new(),
                role: Role::ConvWeight,
                part: Part::Body,
                tensor: (weight - 2.5).set_requires_grad(true),
            }],
            running: Vec::new(),
        };
        let layer = Convolution {
            weight: 0,
            bias: None,
            grid: Grid {
                stride: 2,
                padding: 0,
                dilation: 1,
            },
            groups: 1,
        };
        let weight = &tensors.parameters[0].tensor;
        let maps = Tensor::arange(2 * 3 * 49, (Kind::Float, Device::Cpu)).sin();
        let maps = maps.reshape([2, 3, 7, 7]);
        let plain = maps.copy().set_requires_grad(true);
        let expected = plain.conv2d(weight, None::<&Tensor>, [2, 2], [0, 0], [1, 1], 1);
        let last = channels_last(&maps).unwrap().set_requires_grad(true);
        let found = tensors.convolution(layer, &last, &mut |_| {}).unwrap();
        assert!(found.allclose(&expected, 1e-6, 1e-6, false));
        let gradients = |output: &Tensor, input: &Tensor| {
            let loss = output.sin().sum(Kind::Float);
            Tensor::run_backward(&[loss], &[input, weight], false, false)
        };
        for (found, expected) in gradients(&found, &last)
            .iter()
            .zip(gradients(&expected, &plain))
        {
            assert!(found.allclose(&expected, 1e-5, 1e-5, false));
        }
    }

    #[test]
    fn sample_norm_is_batch_norm_of_one_sample() {
        let x = Tensor::arange(3 * 4 * 25, (Kind::Float, Device::Cpu)).sin() * 2 + 1;
        let x = x.reshape([3, 4, 5, 5]);
        let like = |value: f64| (Tensor::arange(4, (Kind::Float, Device::Cpu)) + 1.0) * value;
        let parameter = |role, tensor| Parameter {
            name: String::new(),
            role,
            part: Part::Body,
            tensor,
        };
        let tensors = Tensors {
            parameters: vec![
                parameter(Role::NormWeight, like(0.5)),
                parameter(Role::NormBias, like(-1.0)),
            ],
            running: vec![Running {
                name: String::new(),
                mean: like(0.1),
                variance: like(2.0),
            }],
        };
        let layer = Normalisation {
            weight: 0,
            bias: 1,
            running: 0,
            epsilon: NORM_EPSILON,
        };
        let norm = |x: Tensor, norm| tensors.normalise(layer, x, norm, &mut |_| {}).unwrap();
        let whole = norm(x.shallow_clone(), Norm::Sample);
        for i in 0..3 {
            let one = norm(x.narrow(0, i, 1), Norm::Batch);
            assert!(whole.narrow(0, i, 1).allclose(&one, 1e-5, 1e-6, false));
        }
        // Batch statistics mix samples, and leave running statistics alone.
        assert!(!whole.allclose(&norm(x.shallow_clone(), Norm::Batch), 1e-3, 1e-3, false));
        assert_eq!(tensors.running[0].mean, like(0.1));
        let _ = norm(x, Norm::Train);
        assert_ne!(tensors.running[0].mean, like(0.1));
    }
}
