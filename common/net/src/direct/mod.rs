//! Gradients on the processor, without libtorch.
//!
//! Where no layer mixes samples, images can go through a block of the network
//! one at a time. Their maps then stay in the processor's cache, which holds one
//! image's and not a batch's, and all that is not a convolution costs little. A
//! few images go through a block before the next block takes over, so that its
//! weights are there for all of them. With batch norm, all images go through a
//! layer before the next one.
//! Maps lie in blocks of sixteen channels ([`map`]), so that the convolutions
//! ([`convolution`]) are loops over vectors without any conversion before or
//! after. There is no autograd: every layer keeps what its own backward pass
//! needs and adds the gradients of its parameters to a sum.
//!
//! | module | what it holds |
//! |---|---|
//! | [`map`] | the maps of an image, sums of them, ReLU |
//! | [`memory`] | memory that may not be there |
//! | [`weights`] | the weights of convolutions |
//! | [`convolution`] | convolutions and the gradients of their weights |
//! | [`norm`], [`pooling`] | all between convolutions |
//! | [`layers`] | layers with parameters |
//! | [`cell`] | cells and reductions |
//! | [`head`] | from the last maps to the loss |
//! | [`plan`] | what a network does, compiled from its graph |
//! | [`pass`] | a network, there and back |
//!
//! Sums run over the images in order, in one thread: the same bits always.
//! Instead of summing, a pass can hand out every image's own gradients.

mod cell;
mod convolution;
mod head;
mod layers;
mod map;
mod memory;
mod norm;
mod pass;
mod plan;
mod pooling;
mod weights;

#[cfg(test)]
mod tests;

use knas_graph::Graph;
use pulp::{Arch, Simd, WithSimd};
use tch::{Device, Kind, Tensor};

use self::map::LANES;
use self::pass::Pass;
use crate::NetError;
use crate::event::Take;
use crate::layers::{Norm, Parameter};
use crate::network::Network;

pub use self::plan::Plan;

/// Channels of the first stage, at most. The weights of wider networks do not
/// stay in the cache from one image to the next.
const WIDEST: usize = 32;

/// Images that go through a block before the next block takes over, at most.
const GROUP: usize = 8;

/// Bytes that what is kept of a group may have, which are to stay in the last
/// level of the cache.
const KEPT: usize = 40 << 20;

/// Bytes that what is kept of a batch may have that is normalised together. With
/// 16 channels it has 450 MB at most for 64 images.
const BATCH: usize = 512 << 20;

/// Bytes that the gradients of all images together may have. With 16 channels
/// those of 64 images have 400 MB at most.
const ROWS: usize = 512 << 20;

impl Network {
    /// The gradients of the mean cross-entropy of a batch, each of its
    /// parameter's shape and in the order of the parameters. None where only the
    /// pass through [`forward`](Network::forward) serves: with other norms than
    /// [`Norm::Sample`] and [`Norm::Batch`], on other devices than the processor
    /// or without vector instructions, in double precision, where channels or
    /// sides are no multiples of 16, with more than 32 channels, or with batches
    /// that are too large to be kept whole.
    ///
    /// `inputs` is N × 3 × side × side, `targets` are N class numbers.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice.
    pub fn direct_gradients(
        &self,
        inputs: &Tensor,
        targets: &Tensor,
        norm: Norm,
    ) -> Result<Option<Vec<Tensor>>, NetError> {
        let Some((plan, targets)) = self.suits(inputs, targets)? else {
            return Ok(None);
        };
        let (count, tensors) = (targets.len(), &self.tensors);
        let pass = match norm {
            Norm::Sample => Pass::new(plan, tensors, plan.group().min(count), false)?,
            Norm::Batch if plan.batch_fits(count) => Pass::new(plan, tensors, count, true)?,
            _ => return Ok(None),
        };
        let sums = pass.gradients(inputs, &targets, 1.0 / count as f32, false)?;
        let tensor = |(values, parameter): (Vec<f32>, &Parameter)| {
            let shape = parameter.tensor.size();
            Ok(Tensor::f_from_slice(&values)?.f_reshape(shape)?)
        };
        let gradients = sums.into_iter().zip(self.parameters()).map(tensor);
        gradients.collect::<Result<_, _>>().map(Some)
    }

    /// Shows `take` the gradients of the cross-entropy of every single image
    /// with [`Norm::Sample`], parameter by parameter: its place, and N × its
    /// shape. Tells whether it did: it does not where
    /// [`direct_gradients`](Network::direct_gradients) does not serve, where
    /// these gradients have more than 512 MB, or where the loss does not depend
    /// on all parameters.
    ///
    /// # Errors
    /// When the shapes do not fit, memory does not suffice, or those of `take`.
    pub fn each_sample_norm_gradient(
        &self,
        inputs: &Tensor,
        targets: &Tensor,
        take: &mut Take<'_>,
    ) -> Result<bool, NetError> {
        let Some((plan, targets)) = self.suits(inputs, targets)? else {
            return Ok(false);
        };
        let values: usize = self.parameters().iter().map(|p| p.tensor.numel()).sum();
        let bytes = 4 * values * targets.len();
        if bytes > ROWS || plan.is_cut_off() {
            return Ok(false);
        }
        let group = plan.group().min(targets.len());
        let pass = Pass::new(plan, &self.tensors, group, false)?;
        let rows = pass.gradients(inputs, &targets, 1.0, true)?;
        for (place, (values, parameter)) in rows.into_iter().zip(self.parameters()).enumerate() {
            let mut shape = parameter.tensor.size();
            shape.insert(0, targets.len() as i64);
            take(place, Tensor::f_from_slice(&values)?.f_reshape(shape)?)?;
        }
        Ok(true)
    }
}

impl Plan {
    /// Whether its sizes are of the kind that [`Pass`] computes with, on this
    /// processor.
    fn serves(&self) -> bool {
        self.channels <= WIDEST
            && [self.channels, self.side]
                .iter()
                .all(|n| n.is_multiple_of(16))
            && Arch::new().dispatch(HasVectors)
    }

    /// Whether a block passes nothing on, so that no image reaches the loss.
    fn is_cut_off(&self) -> bool {
        self.cells().any(|cell| cell.sums[cell.output].is_empty())
    }

    /// How many images go through a block before the next block takes over,
    /// where each is normalised alone. It makes no difference to what comes out.
    fn group(&self) -> usize {
        (KEPT / self.kept()).clamp(1, GROUP)
    }

    /// Whether so many images that are normalised together are few enough. What
    /// is free at the moment does not matter: the two passes round differently.
    fn batch_fits(&self, images: usize) -> bool {
        self.kept() * images <= BATCH
    }

    /// Bytes that are kept of an image: what convolutions get and give.
    fn kept(&self) -> usize {
        let mut map = self.channels * self.side.pow(2) * 4;
        let kept = self.blocks.iter().map(|block| {
            let convolutions = match block {
                plan::Block::Cell(cell) => cell.convolutions(),
                plan::Block::Reduction(_) => {
                    map /= 2;
                    3
                }
            };
            2 * convolutions * map
        });
        kept.sum()
    }
}

impl Network {
    /// The plan and the targets, where network and batch are of a kind that
    /// [`Pass`] serves.
    fn suits(
        &self,
        inputs: &Tensor,
        targets: &Tensor,
    ) -> Result<Option<(&Plan, Vec<usize>)>, NetError> {
        let Some(plan) = &self.plan else {
            return Ok(None);
        };
        let side = plan.side as i64;
        let count = targets.size1()?;
        let suits = count > 0
            && self.options() == (Kind::Float, Device::Cpu)
            && inputs.size() == [count, 3, side, side]
            && (inputs.kind(), inputs.device()) == self.options()
            && plan.serves();
        if !suits {
            return Ok(None);
        }
        let targets = Vec::<i64>::try_from(targets)?.into_iter();
        let class = |target| usize::try_from(target).ok().filter(|t| *t < plan.classes);
        let targets: Option<Vec<usize>> = targets.map(class).collect();
        Ok(targets.map(|targets| (plan, targets)))
    }
}

/// Whether the pass without libtorch serves for the network of a graph on this
/// device and this processor: for which norms and batches, depends on network and
/// sizes alone.
pub fn serves(graph: &Graph, device: Device) -> bool {
    device == Device::Cpu && Plan::of(graph).is_some_and(|plan| plan.serves())
}

/// The width in bits of the vectors that this processor computes with: sums are
/// cut into other parts with other widths, and differ in their last digits.
pub fn vector_bits() -> u64 {
    Arch::new().dispatch(VectorBits)
}

struct VectorBits;

impl WithSimd for VectorBits {
    type Output = u64;

    fn with_simd<S: Simd>(self, _: S) -> u64 {
        32 * S::F32_LANES as u64
    }
}

/// Whether there are vectors for which [`map`]'s layout is made.
struct HasVectors;

impl WithSimd for HasVectors {
    type Output = bool;

    fn with_simd<S: Simd>(self, _: S) -> bool {
        !S::IS_SCALAR && LANES.is_multiple_of(S::F32_LANES)
    }
}
