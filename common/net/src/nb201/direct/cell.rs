//! Cells and reductions, forward and back.

use super::layers::{ConvNorm, Convolution, Gradients};
use super::map::{Map, Store};
use super::pooling;
use crate::NetError;
use crate::layers::Tensors;
use crate::nb201;

/// The maps that the blocks of a stage work on, one block after another.
pub(super) struct Stage {
    /// Between blocks, by image: what the last block gave, and on the way back
    /// the gradient of that.
    pub maps: Vec<Map>,
    /// A cell's input, then what each of its steps gives.
    values: Vec<Map>,
    /// The gradient of each sum of a cell.
    sums: Vec<Map>,
    /// The gradient of a value, and of what a convolution gave.
    value_gradient: Map,
    delta: Map,
    spare: Map,
}

impl Stage {
    /// For cells like this one and so many maps of `channels` × `side` × `side`.
    pub fn new(cell: Option<&nb201::Cell>, [channels, side]: [usize; 2], images: usize) -> Self {
        let zeros = Map::zeros(channels, side);
        let (steps, sums) = cell.map_or((0, 0), |cell| (cell.steps.len(), cell.sums.len()));
        Self {
            maps: vec![zeros.clone(); images],
            values: vec![zeros.clone(); steps + 1],
            sums: vec![zeros.clone(); sums],
            value_gradient: zeros.clone(),
            delta: zeros.clone(),
            spare: zeros,
        }
    }

    /// The backward pass of the stem, which `input` goes into.
    pub fn stem_backward(&mut self, stem: &mut ConvNorm, image: usize, input: &Map) {
        stem.norm_backward(image, &self.maps[image], &mut self.delta);
        stem.convolution.add_gradient(input, &self.delta);
    }
}

/// A cell, with what its backward pass needs of every image.
pub(super) struct Cell<'n> {
    program: &'n nb201::Cell,
    /// By step; none where it pools.
    layers: Vec<Option<ConvNorm>>,
    /// By image, ReLU of each sum that a convolution reads.
    active: Vec<Vec<Option<Map>>>,
}

impl<'n> Cell<'n> {
    /// Of this cell, on so many maps of `channels` × `side` × `side`.
    pub fn new(
        program: &'n nb201::Cell,
        [channels, side]: [usize; 2],
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let mut layers = Vec::new();
        let mut active = vec![None; program.sums.len()];
        for step in &program.steps {
            layers.push(match step.operation {
                nb201::Operation::Pooling => None,
                nb201::Operation::Convolution(layer) => {
                    active[step.sum] = Some(Map::zeros(channels, side));
                    Some(ConvNorm::new(layer, side, images, tensors)?)
                }
            });
        }
        Ok(Self {
            program,
            layers,
            active: vec![active; images],
        })
    }

    /// Puts in the place of an image's map what the cell makes of it.
    pub fn forward(&mut self, image: usize, stage: &mut Stage) {
        let nb201::Cell { sums, steps, .. } = self.program;
        std::mem::swap(&mut stage.values[0], &mut stage.maps[image]);
        let active = &mut self.active[image];
        let mut made = vec![false; sums.len()];
        for (i, (step, layer)) in steps.iter().zip(&mut self.layers).enumerate() {
            let (values, next) = stage.values.split_at_mut(i + 1);
            let terms = &sums[step.sum];
            match (layer, &mut active[step.sum]) {
                (Some(layer), Some(active)) => {
                    if !std::mem::replace(&mut made[step.sum], true) {
                        active.set_relu(&self::terms(terms, values));
                    }
                    layer.forward(image, active, &mut next[0]);
                }
                _ => pooling::average(sum(terms, values, &mut stage.spare), &mut next[0]),
            }
        }
        let output = terms(&sums[self.program.output], &stage.values);
        stage.maps[image].set_sum(&output);
    }

    /// Puts in the place of the gradient of what the cell gave that of its
    /// input.
    pub fn backward(&mut self, image: usize, stage: &mut Stage) {
        let nb201::Cell {
            sums,
            steps,
            output,
            ..
        } = self.program;
        let active = &self.active[image];
        let mut begun = vec![false; sums.len()];
        begun[*output] = true;
        std::mem::swap(&mut stage.sums[*output], &mut stage.maps[image]);
        // Every step comes after those that it reads, so that going back the
        // gradients of all sums that a value is in are there when it is met.
        for (i, step) in steps.iter().enumerate().rev() {
            let readers = readers(sums, i + 1);
            let add = std::mem::replace(&mut begun[step.sum], true);
            match (&mut self.layers[i], &active[step.sum]) {
                (Some(layer), Some(active)) => {
                    let gradient = sum(&readers, &stage.sums, &mut stage.value_gradient);
                    layer.norm_backward(image, gradient, &mut stage.delta);
                    let (sum, store) = (&mut stage.sums[step.sum], Store::gradient(add, active));
                    layer.convolution.backward(active, &stage.delta, sum, store);
                }
                _ => {
                    let gradient = &mut stage.value_gradient;
                    gradient.set_sum(&terms(&readers, &stage.sums));
                    let store = Store { add, active: None };
                    pooling::average_gradient(gradient, &mut stage.sums[step.sum], store);
                }
            }
        }
        let readers = readers(sums, 0);
        stage.maps[image].set_sum(&terms(&readers, &stage.sums));
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        for layer in self.layers.iter_mut().flatten() {
            layer.take(gradients);
        }
    }
}

/// The sums that a value is in, as often as it is.
fn readers(sums: &[Vec<usize>], value: usize) -> Vec<usize> {
    let of = |sum: usize| {
        let times = sums[sum].iter().filter(|term| **term == value).count();
        std::iter::repeat_n(sum, times)
    };
    (0..sums.len()).flat_map(of).collect()
}

/// The maps at these places.
fn terms<'m>(places: &[usize], maps: &'m [Map]) -> Vec<&'m Map> {
    places.iter().map(|place| &maps[*place]).collect()
}

/// The sum of the maps at these places, made in `spare` where there are several.
fn sum<'m>(places: &[usize], maps: &'m [Map], spare: &'m mut Map) -> &'m Map {
    if let [place] = places {
        return &maps[*place];
    }
    spare.set_sum(&terms(places, maps));
    spare
}

/// A reduction, with what its backward pass needs of every image.
pub(super) struct Reduction {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Convolution,
    /// By image, what the three convolutions get.
    inputs: Vec<Inputs>,
    pooled_gradient: Map,
}

/// What the convolutions of a reduction get of an image.
#[derive(Clone)]
struct Inputs {
    first: Map,
    second: Map,
    shortcut: Map,
}

impl Reduction {
    /// Of this reduction, to so many maps of `channels` × `side` × `side`.
    pub fn new(
        layer: nb201::Reduction,
        [channels, side]: [usize; 2],
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let pooled = Map::zeros(channels / 2, side);
        let inputs = Inputs {
            first: Map::zeros(channels / 2, 2 * side),
            second: Map::zeros(channels, side),
            shortcut: pooled.clone(),
        };
        Ok(Self {
            first: ConvNorm::new(layer.first, side, images, tensors)?,
            second: ConvNorm::new(layer.second, side, images, tensors)?,
            shortcut: Convolution::new(layer.shortcut, side, tensors)?,
            inputs: vec![inputs; images],
            pooled_gradient: pooled,
        })
    }

    /// Takes an image from a stage to the next.
    pub fn forward(&mut self, image: usize, from: &Stage, to: &mut Stage) {
        let (input, output) = (&from.maps[image], &mut to.maps[image]);
        let inputs = &mut self.inputs[image];
        inputs.first.set_relu(&[input]);
        self.first.forward(image, &inputs.first, &mut to.spare);
        inputs.second.set_relu(&[&to.spare]);
        self.second.forward(image, &inputs.second, &mut to.spare);
        pooling::halve(input, &mut inputs.shortcut);
        self.shortcut.forward(&inputs.shortcut, output);
        output.add(&to.spare);
    }

    /// Takes an image's gradient from a stage to the one before.
    pub fn backward(&mut self, image: usize, from: &mut Stage, to: &mut Stage) {
        let (gradient, input_gradient) = (&to.maps[image], &mut from.maps[image]);
        let inputs = &self.inputs[image];
        let pooled = &mut self.pooled_gradient;
        self.shortcut
            .backward(&inputs.shortcut, gradient, pooled, Store::default());
        pooling::halve_gradient(pooled, input_gradient);

        let between = &mut to.value_gradient;
        self.second.norm_backward(image, gradient, &mut to.delta);
        let (active, store) = (&inputs.second, Store::gradient(false, &inputs.second));
        let convolution = &mut self.second.convolution;
        convolution.backward(active, &to.delta, between, store);

        self.first.norm_backward(image, between, &mut to.delta);
        let (active, store) = (&inputs.first, Store::gradient(true, &inputs.first));
        let convolution = &mut self.first.convolution;
        convolution.backward(active, &to.delta, input_gradient, store);
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.first.take(gradients);
        self.second.take(gradients);
        self.shortcut.take(gradients);
    }
}
