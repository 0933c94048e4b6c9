//! A whole network, there and back.

use std::ops::Range;

use tch::Tensor;

use super::cell::{Cell, Reduction, Stage};
use super::head::Head;
use super::layers::{ConvNorm, Gradients};
use super::map::Map;
use super::memory::{self, values};
use super::plan::{self, Plan};
use crate::NetError;
use crate::layers::{Parameter, Tensors};

/// A network that takes groups of images, one after another, and sums up
/// gradients. Block by block all images of a group go through, so that the
/// block's weights are fetched once for all of them.
pub(super) struct Pass<'n> {
    tensors: &'n Tensors,
    /// By image of a group.
    images: Vec<Map>,
    stem: ConvNorm,
    /// Each with the stage that it gives its maps to.
    blocks: Vec<(usize, Block<'n>)>,
    head: Head,
    stages: [Stage; 3],
    /// How many images of a group are normalised together.
    together: usize,
}

enum Block<'n> {
    Cell(Cell<'n>),
    Reduction(Box<Reduction>),
}

impl<'n> Pass<'n> {
    /// Of this plan, whose channels and side are multiples of 16, with these
    /// weights, for groups of so many images at most; all of a group are
    /// normalised `together`, or each alone.
    pub fn new(
        plan: &'n Plan,
        tensors: &'n Tensors,
        images: usize,
        together: bool,
    ) -> Result<Self, NetError> {
        let (channels, side) = (plan.channels, plan.side);
        let together = if together { images } else { 1 };
        let shape = |stage: usize| [channels << stage, side >> stage];
        let (mut stage, mut blocks) = (0, Vec::new());
        for block in &plan.blocks {
            let block = match block {
                plan::Block::Cell(cell) => {
                    Block::Cell(Cell::new(cell, shape(stage), images, tensors)?)
                }
                plan::Block::Reduction(layer) => {
                    stage += 1;
                    let reduction = Reduction::new(*layer, shape(stage), images, tensors)?;
                    Block::Reduction(Box::new(reduction))
                }
            };
            blocks.push((stage, block));
        }
        // All cells are the same.
        let cell = plan.cells().next();
        let stage = |stage| Stage::new(cell, shape(stage), images, together);
        Ok(Self {
            tensors,
            images: memory::repeated(images, || Map::zeros(3, side))?,
            stem: ConvNorm::new(plan.stem, side, images, tensors)?,
            blocks,
            head: Head::new(plan, tensors, shape(2), together)?,
            stages: [stage(0)?, stage(1)?, stage(2)?],
            together,
        })
    }

    /// By parameter, the gradients of `share` times the cross-entropy of images,
    /// N × 3 × side × side, of these classes: their sum, or those of `each` image,
    /// one after another.
    pub fn gradients(
        mut self,
        images: &Tensor,
        targets: &[usize],
        share: f32,
        each: bool,
    ) -> Result<Vec<Vec<f32>>, NetError> {
        let rows = if each { targets.len() } else { 1 };
        let parameters = self.tensors.parameters.iter();
        let empty = |parameter: &Parameter| memory::reserved(rows * parameter.tensor.numel());
        let mut gradients: Vec<_> = parameters.map(empty).collect::<Result<_, _>>()?;
        let size = self.images.len();
        for (group, targets) in targets.chunks(size).enumerate() {
            let start = (group * size) as i64;
            let images = images.f_narrow(0, start, targets.len() as i64)?;
            let each = each.then_some(&mut *gradients);
            self.add(&values(&images)?, targets, share, each);
        }
        if !each {
            self.take(&mut gradients);
        }
        Ok(gradients)
    }

    /// Adds the gradients of a group of images to their sums, or to `each`.
    fn add(
        &mut self,
        images: &[f32],
        targets: &[usize],
        share: f32,
        mut each: Option<&mut Gradients>,
    ) {
        let count = targets.len();
        let (together, stages) = (self.together, &mut self.stages);
        let parts = || {
            let starts = (0..count).step_by(together);
            starts.map(move |start| start..count.min(start + together))
        };
        let values = images.chunks_exact(images.len() / count);
        for (image, (values, input)) in values.zip(&mut self.images).enumerate() {
            input.fill(values);
            self.stem.convolve(image, input);
        }
        for images in parts() {
            let maps = &mut stages[0].maps[images.clone()];
            self.stem.normalise(images, maps);
        }
        for (stage, block) in &mut self.blocks {
            for images in parts() {
                block.forward(images, stages, *stage);
            }
        }
        for images in parts() {
            let maps = &mut stages[2].maps[images.clone()];
            self.head.pass(maps, &targets[images], share);
            if let Some(gradients) = &mut each {
                self.head.take(gradients);
            }
        }
        for (stage, block) in self.blocks.iter_mut().rev() {
            for images in parts() {
                block.backward(images, stages, *stage);
                if let Some(gradients) = &mut each {
                    block.take(gradients);
                }
            }
        }
        for images in parts() {
            stages[0].stem_backward(&mut self.stem, images, &self.images);
            if let Some(gradients) = &mut each {
                self.stem.take(gradients);
            }
        }
    }

    /// Moves the sums of gradients to where they belong.
    fn take(&mut self, gradients: &mut Gradients) {
        self.stem.take(gradients);
        for (_, block) in &mut self.blocks {
            block.take(gradients);
        }
        self.head.take(gradients);
    }
}

impl Block<'_> {
    /// Takes the maps of images, which are normalised together, through, to those
    /// of its stage.
    fn forward(&mut self, images: Range<usize>, stages: &mut [Stage; 3], stage: usize) {
        match self {
            Self::Cell(cell) => cell.forward(images, &mut stages[stage]),
            Self::Reduction(reduction) => {
                let (from, to) = neighbours(stages, stage);
                reduction.forward(images, from, to);
            }
        }
    }

    /// Takes their gradients back.
    fn backward(&mut self, images: Range<usize>, stages: &mut [Stage; 3], stage: usize) {
        match self {
            Self::Cell(cell) => cell.backward(images, &mut stages[stage]),
            Self::Reduction(reduction) => {
                let (from, to) = neighbours(stages, stage);
                reduction.backward(images, from, to);
            }
        }
    }

    /// Moves the sums of gradients to where they belong.
    fn take(&mut self, gradients: &mut Gradients) {
        match self {
            Self::Cell(cell) => cell.take(gradients),
            Self::Reduction(reduction) => reduction.take(gradients),
        }
    }
}

/// The stage before this one, and this one.
fn neighbours(stages: &mut [Stage; 3], stage: usize) -> (&mut Stage, &mut Stage) {
    let (before, here) = stages.split_at_mut(stage);
    (&mut before[stage - 1], &mut here[0])
}
