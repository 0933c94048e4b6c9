//! Layers with parameters: each keeps the sum of its gradients over images.

use std::ops::Range;

use super::convolution::{add_weight_gradient, convolve};
use super::map::{Map, Store};
use super::memory::values;
use super::norm::Norm;
use super::plan;
use super::weights::Weights;
use crate::layers::Tensors;
use crate::{NetError, layers};

/// Gradients by the place of their parameter: each is taken to the end of what is
/// there.
pub(super) type Gradients = [Vec<f32>];

/// A convolution without bias.
pub(super) struct Convolution {
    parameter: usize,
    weights: Weights,
    transposed: Weights,
    gradient: Weights,
    /// For stride 2: gradients of outputs, with zeros between them.
    spread: Option<Map>,
}

impl Convolution {
    /// Of this layer, on maps that it leaves at `side` × `side`.
    pub fn new(
        layer: layers::Convolution,
        side: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let tensor = &tensors.parameters[layer.weight].tensor;
        let (outputs, inputs, kernel, _) = tensor.size4()?;
        let [outputs, inputs, kernel] = [outputs, inputs, kernel].map(|n| n as usize);
        let values = values(tensor)?;
        Ok(Self {
            parameter: layer.weight,
            weights: Weights::new(&values, [outputs, inputs], kernel)?,
            transposed: Weights::transposed(&values, [outputs, inputs], kernel)?,
            gradient: Weights::zeros([outputs, inputs], kernel)?,
            spread: match layer.grid.stride {
                2 => Some(Map::zeros(outputs, 2 * side)?),
                _ => None,
            },
        })
    }

    /// Sets `output` to the convolution of `input`.
    pub fn forward(&self, input: &Map, output: &mut Map) {
        convolve(&self.weights, input, output, Store::default());
    }

    /// Adds the weights' gradient to its sum: `input` is what the convolution
    /// got, `delta` the gradient of what it gave.
    pub fn add_gradient(&mut self, input: &Map, delta: &Map) {
        add_weight_gradient(&mut self.gradient, input, delta);
    }

    /// As [`Self::add_gradient`], and stores the gradient of `input`.
    pub fn backward(
        &mut self,
        input: &Map,
        delta: &Map,
        input_gradient: &mut Map,
        store: Store<'_>,
    ) {
        self.add_gradient(input, delta);
        let delta = match &mut self.spread {
            None => delta,
            Some(spread) => {
                spread.set_spread(delta);
                spread
            }
        };
        convolve(&self.transposed, delta, input_gradient, store);
    }

    /// Moves the sum of gradients to where it belongs; zeros are left behind.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.gradient.take(&mut gradients[self.parameter]);
    }
}

/// A convolution, then a norm.
pub(super) struct ConvNorm {
    pub convolution: Convolution,
    norm: Norm,
}

impl ConvNorm {
    /// Of this layer, on maps that it leaves at `side` × `side` of so many
    /// images.
    pub fn new(
        layer: plan::ConvNorm,
        side: usize,
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        Ok(Self {
            convolution: Convolution::new(layer.convolution, side, tensors)?,
            norm: Norm::new(layer.norm, side, images, tensors)?,
        })
    }

    /// The convolution of what the layer gets of an image.
    pub fn convolve(&mut self, image: usize, input: &Map) {
        self.convolution.forward(input, self.norm.input(image));
    }

    /// Sets outputs to what the layer gives for images, which are normalised
    /// together.
    pub fn normalise<'m>(
        &mut self,
        images: Range<usize>,
        outputs: impl IntoIterator<Item = &'m mut Map>,
    ) {
        self.norm.forward(images, outputs);
    }

    /// For images that were normalised together, pairs of the gradient of what
    /// the norm gave and what is set to that of what the convolution gave.
    pub fn norm_backward<'m>(
        &mut self,
        images: Range<usize>,
        gradients: impl IntoIterator<Item = (&'m Map, &'m mut Map)>,
    ) {
        self.norm.backward(images, gradients);
    }

    /// Moves the sums of gradients to where they belong; zeros are left behind.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.convolution.take(gradients);
        self.norm.take(gradients);
    }
}
