//! Cells and reductions, forward and back.

use super::layers::{ConvNorm, Convolution, Gradients};
use super::map::Map;
use super::pooling;
use crate::NetError;
use crate::layers::Tensors;
use crate::nb201;

/// The maps that the blocks of a stage work on, one block after another.
pub(super) struct Stage {
    /// A cell's input, then what each of its steps gives. Between blocks the
    /// first is what the last block gave.
    pub values: Vec<Map>,
    /// Between blocks of a backward pass, the gradient of `values[0]`.
    pub gradient: Map,
    /// The gradient of each sum of a cell.
    sums: Vec<Map>,
    /// The gradient of a value, and of what a convolution gave.
    value_gradient: Map,
    delta: Map,
    spare: Map,
}

impl Stage {
    /// For cells like this one and maps of `channels` × `side` × `side`.
    pub fn new(cell: Option<&nb201::Cell>, [channels, side]: [usize; 2]) -> Self {
        let zeros = Map::zeros(channels, side);
        let (steps, sums) = cell.map_or((0, 0), |cell| (cell.steps.len(), cell.sums.len()));
        Self {
            values: vec![zeros.clone(); steps + 1],
            gradient: zeros.clone(),
            sums: vec![zeros.clone(); sums],
            value_gradient: zeros.clone(),
            delta: zeros.clone(),
            spare: zeros,
        }
    }

    /// The backward pass of the stem, which `image` goes into.
    pub fn stem_backward(&mut self, stem: &mut ConvNorm, image: &Map) {
        stem.norm_backward(&self.gradient, &mut self.delta);
        stem.convolution.add_gradient(image, &self.delta);
    }
}

/// A cell, with what its backward pass needs of the last image.
pub(super) struct Cell<'n> {
    program: &'n nb201::Cell,
    /// By step; none where it pools.
    layers: Vec<Option<ConvNorm>>,
    /// ReLU of each sum that a convolution reads.
    active: Vec<Option<Map>>,
}

impl<'n> Cell<'n> {
    /// Of this cell, on maps of `channels` × `side` × `side`.
    pub fn new(
        program: &'n nb201::Cell,
        [channels, side]: [usize; 2],
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let mut layers = Vec::new();
        let mut active = vec![None; program.sums.len()];
        for step in &program.steps {
            layers.push(match step.operation {
                nb201::Operation::Pooling => None,
                nb201::Operation::Convolution(layer) => {
                    active[step.sum] = Some(Map::zeros(channels, side));
                    Some(ConvNorm::new(layer, side, tensors)?)
                }
            });
        }
        Ok(Self {
            program,
            layers,
            active,
        })
    }

    pub fn forward(&mut self, stage: &mut Stage) {
        let nb201::Cell { sums, steps, .. } = self.program;
        let mut made = vec![false; sums.len()];
        for (i, (step, layer)) in steps.iter().zip(&mut self.layers).enumerate() {
            let (values, next) = stage.values.split_at_mut(i + 1);
            let terms = &sums[step.sum];
            match (layer, &mut self.active[step.sum]) {
                (Some(layer), Some(active)) => {
                    if !std::mem::replace(&mut made[step.sum], true) {
                        active.set_relu(sum(terms, values, &mut stage.spare));
                    }
                    layer.forward(active, &mut next[0]);
                }
                _ => pooling::average(sum(terms, values, &mut stage.spare), &mut next[0]),
            }
        }
        let output = terms(&sums[self.program.output], &stage.values);
        stage.spare.set_sum(&output);
        std::mem::swap(&mut stage.values[0], &mut stage.spare);
    }

    pub fn backward(&mut self, stage: &mut Stage) {
        let nb201::Cell {
            sums,
            steps,
            output,
            ..
        } = self.program;
        stage.sums.iter_mut().for_each(Map::clear);
        std::mem::swap(&mut stage.sums[*output], &mut stage.gradient);
        // Every step comes after those that it reads, so that going back the
        // gradients of all sums that a value is in are there when it is met.
        for (i, step) in steps.iter().enumerate().rev() {
            let readers = readers(sums, i + 1);
            match (&mut self.layers[i], &self.active[step.sum]) {
                (Some(layer), Some(active)) => {
                    let gradient = sum(&readers, &stage.sums, &mut stage.value_gradient);
                    layer.norm_backward(gradient, &mut stage.delta);
                    let convolution = &mut layer.convolution;
                    convolution.backward(active, &stage.delta, &mut stage.spare);
                    stage.sums[step.sum].add_relu_gradient(&stage.spare, active);
                }
                _ => {
                    let gradient = &mut stage.value_gradient;
                    gradient.set_sum(&terms(&readers, &stage.sums));
                    let sum = &mut stage.sums[step.sum];
                    pooling::add_average_gradient(gradient, &mut stage.spare, sum);
                }
            }
        }
        let readers = readers(sums, 0);
        stage.gradient.set_sum(&terms(&readers, &stage.sums));
    }

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

/// A reduction, with what its backward pass needs of the last image.
pub(super) struct Reduction {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Convolution,
    /// What the three convolutions get.
    active: Map,
    halved: Map,
    pooled: Map,
    pooled_gradient: Map,
}

impl Reduction {
    /// Of this reduction, to maps of `channels` × `side` × `side`.
    pub fn new(
        layer: nb201::Reduction,
        [channels, side]: [usize; 2],
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let pooled = Map::zeros(channels / 2, side);
        Ok(Self {
            first: ConvNorm::new(layer.first, side, tensors)?,
            second: ConvNorm::new(layer.second, side, tensors)?,
            shortcut: Convolution::new(layer.shortcut, side, tensors)?,
            active: Map::zeros(channels / 2, 2 * side),
            halved: Map::zeros(channels, side),
            pooled: pooled.clone(),
            pooled_gradient: pooled,
        })
    }

    /// From a stage to the next.
    pub fn forward(&mut self, from: &Stage, to: &mut Stage) {
        let input = &from.values[0];
        self.active.set_relu(input);
        self.first.forward(&self.active, &mut to.spare);
        self.halved.set_relu(&to.spare);
        self.second.forward(&self.halved, &mut to.spare);
        pooling::halve(input, &mut self.pooled);
        self.shortcut.forward(&self.pooled, &mut to.values[0]);
        to.values[0].add(&to.spare);
    }

    /// From a stage's gradient to that of the one before.
    pub fn backward(&mut self, from: &mut Stage, to: &mut Stage) {
        let (gradient, pooled_gradient) = (&to.gradient, &mut self.pooled_gradient);
        self.shortcut
            .backward(&self.pooled, gradient, pooled_gradient);
        pooling::halve_gradient(pooled_gradient, &mut from.gradient);

        self.second.norm_backward(gradient, &mut to.delta);
        let convolution = &mut self.second.convolution;
        convolution.backward(&self.halved, &to.delta, &mut to.spare);
        to.value_gradient.clear();
        to.value_gradient.add_relu_gradient(&to.spare, &self.halved);

        self.first.norm_backward(&to.value_gradient, &mut to.delta);
        let convolution = &mut self.first.convolution;
        convolution.backward(&self.active, &to.delta, &mut from.spare);
        from.gradient.add_relu_gradient(&from.spare, &self.active);
    }

    pub fn take(&mut self, gradients: &mut Gradients) {
        self.first.take(gradients);
        self.second.take(gradients);
        self.shortcut.take(gradients);
    }
}
