//! Cells and reductions, forward and back.

use std::ops::Range;

use super::layers::{ConvNorm, Convolution, Gradients};
use super::map::{Map, Store};
use super::{memory, plan, pooling};
use crate::NetError;
use crate::layers::Tensors;

/// The maps that the blocks of a stage work on, one block after another.
pub(super) struct Stage {
    /// Between blocks, by image: what the last block gave, and on the way back
    /// the gradient of that.
    pub maps: Vec<Map>,
    /// What a block needs while it works on images: one for each of those that
    /// are normalised together.
    slots: Vec<Slot>,
}

/// What a block needs while it works on an image.
struct Slot {
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
    /// For cells like this one and so many maps of `channels` × `side` × `side`,
    /// of which `together` are normalised together.
    pub fn new(
        cell: Option<&plan::Cell>,
        [channels, side]: [usize; 2],
        images: usize,
        together: usize,
    ) -> Result<Self, NetError> {
        let zeros = || Map::zeros(channels, side);
        let (steps, sums) = cell.map_or((0, 0), |cell| (cell.steps.len(), cell.sums.len()));
        let slot = || {
            Ok(Slot {
                values: memory::repeated(steps + 1, zeros)?,
                sums: memory::repeated(sums, zeros)?,
                value_gradient: zeros()?,
                delta: zeros()?,
                spare: zeros()?,
            })
        };
        Ok(Self {
            maps: memory::repeated(images, zeros)?,
            slots: memory::repeated(together, slot)?,
        })
    }

    /// The backward pass of the stem, which `inputs` go into.
    pub fn stem_backward(&mut self, stem: &mut ConvNorm, images: Range<usize>, inputs: &[Map]) {
        let gradients = &self.maps[images.clone()];
        let pairs = gradients.iter().zip(&mut self.slots);
        stem.norm_backward(images.clone(), pairs.map(|(g, slot)| (g, &mut slot.delta)));
        for (image, slot) in images.zip(&self.slots) {
            stem.convolution.add_gradient(&inputs[image], &slot.delta);
        }
    }
}

/// A cell, with what its backward pass needs of every image.
pub(super) struct Cell<'n> {
    program: &'n plan::Cell,
    /// By step; none where it pools.
    layers: Vec<Option<ConvNorm>>,
    /// By image, ReLU of each sum that a convolution reads; of others, nothing.
    active: Vec<Vec<Map>>,
}

impl<'n> Cell<'n> {
    /// Of this cell, on so many maps of `channels` × `side` × `side`.
    pub fn new(
        program: &'n plan::Cell,
        [channels, side]: [usize; 2],
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let mut layers = Vec::new();
        let mut is_read = vec![false; program.sums.len()];
        for step in &program.steps {
            layers.push(match step.operation {
                plan::Operation::Pooling => None,
                plan::Operation::Convolution(layer) => {
                    is_read[step.sum] = true;
                    Some(ConvNorm::new(layer, side, images, tensors)?)
                }
            });
        }
        let active = || {
            let sums = is_read.iter();
            sums.map(|read| Map::zeros(if *read { channels } else { 0 }, side))
                .collect()
        };
        Ok(Self {
            program,
            layers,
            active: memory::repeated(images, active)?,
        })
    }

    /// Puts in the place of the maps of images, which are normalised together,
    /// what the cell makes of them.
    pub fn forward(&mut self, images: Range<usize>, stage: &mut Stage) {
        let plan::Cell { sums, steps, .. } = self.program;
        let maps = &mut stage.maps[images.clone()];
        let slots = &mut stage.slots[..images.len()];
        for (map, slot) in maps.iter_mut().zip(&mut *slots) {
            std::mem::swap(&mut slot.values[0], map);
        }
        let mut made = vec![false; sums.len()];
        for (i, (step, layer)) in steps.iter().zip(&mut self.layers).enumerate() {
            let terms = &sums[step.sum];
            let Some(layer) = layer else {
                for Slot { values, spare, .. } in &mut *slots {
                    let (values, next) = values.split_at_mut(i + 1);
                    pooling::average(sum(terms, values, spare), &mut next[0]);
                }
                continue;
            };
            let made = std::mem::replace(&mut made[step.sum], true);
            for (image, slot) in images.clone().zip(&*slots) {
                let active = &mut self.active[image][step.sum];
                if !made {
                    active.set_relu(&self::terms(terms, &slot.values));
                }
                layer.convolve(image, active);
            }
            let outputs = slots.iter_mut().map(|slot| &mut slot.values[i + 1]);
            layer.normalise(images.clone(), outputs);
        }
        for (map, slot) in maps.iter_mut().zip(slots) {
            move_sum(&sums[self.program.output], &mut slot.values, map);
        }
    }

    /// Puts in the place of the gradients of what the cell gave those of its
    /// input.
    pub fn backward(&mut self, images: Range<usize>, stage: &mut Stage) {
        let plan::Cell {
            sums,
            steps,
            output,
            ..
        } = self.program;
        let maps = &mut stage.maps[images.clone()];
        let slots = &mut stage.slots[..images.len()];
        let mut begun = vec![false; sums.len()];
        begun[*output] = true;
        for (map, slot) in maps.iter_mut().zip(&mut *slots) {
            std::mem::swap(&mut slot.sums[*output], map);
        }
        // Every step comes after those that it reads, so that going back the
        // gradients of all sums that a value is in are there when it is met.
        for (i, step) in steps.iter().enumerate().rev() {
            let readers = readers(sums, i + 1);
            let add = std::mem::replace(&mut begun[step.sum], true);
            let Some(layer) = &mut self.layers[i] else {
                for slot in &mut *slots {
                    let gradient = &mut slot.value_gradient;
                    gradient.set_sum(&terms(&readers, &slot.sums));
                    let store = Store { add, active: None };
                    pooling::average_gradient(gradient, &mut slot.sums[step.sum], store);
                }
                continue;
            };
            let gradients = slots.iter_mut().map(|slot| {
                let gradient = sum(&readers, &slot.sums, &mut slot.value_gradient);
                (gradient, &mut slot.delta)
            });
            layer.norm_backward(images.clone(), gradients);
            for (image, slot) in images.clone().zip(&mut *slots) {
                let active = &self.active[image][step.sum];
                let (sum, store) = (&mut slot.sums[step.sum], Store::gradient(add, active));
                layer.convolution.backward(active, &slot.delta, sum, store);
            }
        }
        let readers = readers(sums, 0);
        for (map, slot) in maps.iter_mut().zip(slots) {
            move_sum(&readers, &mut slot.sums, map);
        }
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

/// Sets `target` to the sum of the maps at these places, which may be gone then.
fn move_sum(places: &[usize], maps: &mut [Map], target: &mut Map) {
    match places {
        [place] => std::mem::swap(&mut maps[*place], target),
        _ => target.set_sum(&terms(places, maps)),
    }
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
struct Inputs {
    first: Map,
    second: Map,
    shortcut: Map,
}

impl Reduction {
    /// Of this reduction, to so many maps of `channels` × `side` × `side`.
    pub fn new(
        layer: plan::Reduction,
        [channels, side]: [usize; 2],
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let pooled = || Map::zeros(channels / 2, side);
        let inputs = || {
            Ok(Inputs {
                first: Map::zeros(channels / 2, 2 * side)?,
                second: Map::zeros(channels, side)?,
                shortcut: pooled()?,
            })
        };
        Ok(Self {
            first: ConvNorm::new(layer.first, side, images, tensors)?,
            second: ConvNorm::new(layer.second, side, images, tensors)?,
            shortcut: Convolution::new(layer.shortcut, side, tensors)?,
            inputs: memory::repeated(images, inputs)?,
            pooled_gradient: pooled()?,
        })
    }

    /// Takes images, which are normalised together, from a stage to the next.
    pub fn forward(&mut self, images: Range<usize>, from: &Stage, to: &mut Stage) {
        let slots = &mut to.slots[..images.len()];
        for image in images.clone() {
            let input = &mut self.inputs[image].first;
            input.set_relu(&[&from.maps[image]]);
            self.first.convolve(image, input);
        }
        let outputs = slots.iter_mut().map(|slot| &mut slot.spare);
        self.first.normalise(images.clone(), outputs);
        for (image, slot) in images.clone().zip(&*slots) {
            let input = &mut self.inputs[image].second;
            input.set_relu(&[&slot.spare]);
            self.second.convolve(image, input);
        }
        let outputs = slots.iter_mut().map(|slot| &mut slot.spare);
        self.second.normalise(images.clone(), outputs);
        for (image, slot) in images.zip(slots) {
            let (input, output) = (&mut self.inputs[image].shortcut, &mut to.maps[image]);
            pooling::halve(&from.maps[image], input);
            self.shortcut.forward(input, output);
            output.add(&slot.spare);
        }
    }

    /// Takes the gradients of images from a stage to the one before.
    pub fn backward(&mut self, images: Range<usize>, from: &mut Stage, to: &mut Stage) {
        let slots = &mut to.slots[..images.len()];
        let gradients = &to.maps[images.clone()];
        for (image, gradient) in images.clone().zip(gradients) {
            let pooled = &mut self.pooled_gradient;
            let input = &self.inputs[image].shortcut;
            self.shortcut
                .backward(input, gradient, pooled, Store::default());
            pooling::halve_gradient(pooled, &mut from.maps[image]);
        }
        let pairs = gradients.iter().zip(&mut *slots);
        let pairs = pairs.map(|(gradient, slot)| (gradient, &mut slot.delta));
        self.second.norm_backward(images.clone(), pairs);
        for (image, slot) in images.clone().zip(&mut *slots) {
            let input = &self.inputs[image].second;
            let (between, store) = (&mut slot.value_gradient, Store::gradient(false, input));
            let convolution = &mut self.second.convolution;
            convolution.backward(input, &slot.delta, between, store);
        }
        let pairs = slots
            .iter_mut()
            .map(|slot| (&slot.value_gradient, &mut slot.delta));
        self.first.norm_backward(images.clone(), pairs);
        for (image, slot) in images.zip(slots) {
            let input = &self.inputs[image].first;
            let (gradient, store) = (&mut from.maps[image], Store::gradient(true, input));
            let convolution = &mut self.first.convolution;
            convolution.backward(input, &slot.delta, gradient, store);
        }
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.first.take(gradients);
        self.second.take(gradients);
        self.shortcut.take(gradients);
    }
}
