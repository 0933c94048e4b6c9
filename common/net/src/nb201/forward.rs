//! The forward pass.

use tch::{Device, Kind, Tensor};

use super::{Block, Cell, ConvNorm, Network, Operation, Reduction};
use crate::NetError;
use crate::layers::{Norm, Parameter, Tensors, channels_last};
use crate::model::{Event, Model, Observer, Take};

impl Network {
    /// Logits, N × classes, of a batch of images, N × 3 × side × side.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice.
    pub fn forward(&self, input: &Tensor, norm: Norm) -> Result<Tensor, NetError> {
        self.forward_observed(input, norm, &mut |_| {})
    }

    /// As [`Network::forward`], and shows `observe` what happens on the way.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward_observed(
        &self,
        input: &Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let mut pass = Pass {
            tensors: &self.tensors,
            norm,
            observe,
        };
        // Every layer keeps to the layout that it gets. On a processor convolutions
        // are faster with channels last, but `group_norm` is very slow.
        let last = norm != Norm::Sample && self.options() == (Kind::Float, Device::Cpu);
        let laid_out = match last {
            true => channels_last(input)?,
            false => input.shallow_clone(),
        };
        let mut x = pass.conv_norm(self.stem, &laid_out)?;
        (pass.observe)(Event::Block { input, output: &x });
        for block in &self.blocks {
            let output = match block {
                Block::Cell(cell) => pass.cell(cell, &x)?,
                Block::Reduction(reduction) => pass.reduction(*reduction, &x)?,
            };
            (pass.observe)(Event::Block {
                input: &x,
                output: &output,
            });
            x = output;
        }
        let normal = pass.normalise(self.last_norm, x)?;
        let features = normal.f_relu()?;
        (pass.observe)(Event::Relu {
            input: &normal,
            output: &features,
        });
        (pass.observe)(Event::Features { output: &features });
        let pooled = features.f_mean_dim([2, 3].as_slice(), false, features.kind())?;
        self.tensors.linear(self.classifier, &pooled, pass.observe)
    }
}

impl Model for Network {
    fn parameters(&self) -> &[Parameter] {
        self.parameters()
    }

    fn options(&self) -> (Kind, Device) {
        self.options()
    }

    fn forward_observed(
        &self,
        inputs: &Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        self.forward_observed(inputs, norm, observe)
    }

    fn direct_gradients(
        &self,
        inputs: &Tensor,
        targets: &Tensor,
        norm: Norm,
    ) -> Result<Option<Vec<Tensor>>, NetError> {
        self.direct_gradients(inputs, targets, norm)
    }

    fn each_sample_norm_gradient(
        &self,
        inputs: &Tensor,
        targets: &Tensor,
        take: &mut Take<'_>,
    ) -> Result<bool, NetError> {
        self.each_sample_norm_gradient(inputs, targets, take)
    }
}

pub(super) struct Pass<'p, 'o> {
    pub tensors: &'p Tensors,
    pub norm: Norm,
    pub observe: &'p mut Observer<'o>,
}

impl Pass<'_, '_> {
    pub fn normalise(
        &mut self,
        layer: crate::layers::Normalisation,
        input: Tensor,
    ) -> Result<Tensor, NetError> {
        self.tensors
            .normalise(layer, input, self.norm, self.observe)
    }

    fn conv_norm(&mut self, layer: ConvNorm, input: &Tensor) -> Result<Tensor, NetError> {
        let output = self
            .tensors
            .convolution(layer.convolution, input, self.observe)?;
        self.normalise(layer.norm, output)
    }

    fn relu_conv_norm(&mut self, layer: ConvNorm, input: &Tensor) -> Result<Tensor, NetError> {
        let output = input.f_relu()?;
        (self.observe)(Event::Relu {
            input,
            output: &output,
        });
        self.conv_norm(layer, &output)
    }

    fn reduction(&mut self, layer: Reduction, input: &Tensor) -> Result<Tensor, NetError> {
        let halved = self.relu_conv_norm(layer.first, input)?;
        let path = self.relu_conv_norm(layer.second, &halved)?;
        let pooled = input.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)?;
        let shortcut = self
            .tensors
            .convolution(layer.shortcut, &pooled, self.observe)?;
        Ok(shortcut.f_add(&path)?)
    }

    pub fn cell(&mut self, cell: &Cell, input: &Tensor) -> Result<Tensor, NetError> {
        let mut values = vec![input.shallow_clone()];
        // Each sum, and its ReLU, is made once, however many read it.
        let mut sums: Vec<Option<Tensor>> = cell.sums.iter().map(|_| None).collect();
        let mut active: Vec<Option<Tensor>> = cell.sums.iter().map(|_| None).collect();
        for step in &cell.steps {
            let sum = made(&mut sums[step.sum], || add(&cell.sums[step.sum], &values))?;
            let value = match (step.operation, &cell.pooling) {
                (Operation::Convolution(layer), _) => {
                    let output = made(&mut active[step.sum], || Ok(sum.f_relu()?))?;
                    (self.observe)(Event::Relu { input: sum, output });
                    self.conv_norm(layer, output)?
                }
                (Operation::Pooling, Some(pooling)) => {
                    let output = pooling.forward(sum)?;
                    (self.observe)(Event::Pool { output: &output });
                    output
                }
                // A cell that pools is built with its pooling.
                (Operation::Pooling, None) => sum.shallow_clone(),
            };
            values.push(value);
        }
        if cell.sums[cell.output].is_empty() {
            // Cut off from its input: zeros, through which no gradient flows.
            return Ok(input.f_zeros_like()?);
        }
        let output = made(&mut sums[cell.output], || {
            add(&cell.sums[cell.output], &values)
        })?;
        Ok(output.shallow_clone())
    }
}

fn made(
    slot: &mut Option<Tensor>,
    make: impl FnOnce() -> Result<Tensor, NetError>,
) -> Result<&Tensor, NetError> {
    match slot {
        Some(tensor) => Ok(tensor),
        None => Ok(slot.insert(make()?)),
    }
}

/// The sum of the values at these places, in this order.
fn add(places: &[usize], values: &[Tensor]) -> Result<Tensor, NetError> {
    let [first, rest @ ..] = places else {
        return Ok(values[0].f_zeros_like()?);
    };
    let mut sum = values[*first].shallow_clone();
    for place in rest {
        sum = sum.f_add(&values[*place])?;
    }
    Ok(sum)
}
