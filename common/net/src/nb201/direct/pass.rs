//! A whole network, there and back.

use super::cell::{Cell, Reduction, Stage};
use super::head::Head;
use super::layers::{ConvNorm, Gradients};
use super::map::Map;
use crate::NetError;
use crate::nb201::{self, Network};

/// A network that takes groups of images, one after another, and sums up
/// gradients. Block by block all images of a group go through, so that the
/// block's weights are fetched once for all of them.
pub(super) struct Pass<'n> {
    /// By image of a group.
    images: Vec<Map>,
    stem: ConvNorm,
    /// Each with the stage that it gives its maps to.
    blocks: Vec<(usize, Block<'n>)>,
    head: Head,
    stages: [Stage; 3],
}

enum Block<'n> {
    Cell(Cell<'n>),
    Reduction(Box<Reduction>),
}

impl<'n> Pass<'n> {
    /// Of this network, whose channels and side are multiples of 16, for groups
    /// of so many images at most.
    pub fn new(network: &'n Network, images: usize) -> Result<Self, NetError> {
        let channels = network.skeleton.channels() as usize;
        let side = network.skeleton.side() as usize;
        let tensors = &network.tensors;
        let shape = |stage: usize| [channels << stage, side >> stage];
        let (mut stage, mut blocks) = (0, Vec::new());
        for block in &network.blocks {
            let block = match block {
                nb201::Block::Cell(cell) => {
                    Block::Cell(Cell::new(cell, shape(stage), images, tensors)?)
                }
                nb201::Block::Reduction(layer) => {
                    stage += 1;
                    let reduction = Reduction::new(*layer, shape(stage), images, tensors)?;
                    Block::Reduction(Box::new(reduction))
                }
            };
            blocks.push((stage, block));
        }
        // All cells are the same.
        let cell = network.blocks.iter().find_map(|block| match block {
            nb201::Block::Cell(cell) => Some(cell),
            nb201::Block::Reduction(_) => None,
        });
        Ok(Self {
            images: vec![Map::zeros(3, side); images],
            stem: ConvNorm::new(network.stem, side, images, tensors)?,
            blocks,
            head: Head::new(network, shape(2))?,
            stages: [0, 1, 2].map(|stage| Stage::new(cell, shape(stage), images)),
        })
    }

    /// Adds the gradients of `share` times the cross-entropy of a group of
    /// images, each 3 × side × side, of these classes: to their sums, or in
    /// `each`, after those of the images before.
    pub fn add(
        &mut self,
        images: &[f32],
        targets: &[usize],
        share: f32,
        mut each: Option<&mut Gradients>,
    ) {
        let values = images.chunks_exact(images.len() / targets.len());
        let maps = self.images.iter_mut().zip(&mut self.stages[0].maps);
        for (image, (values, (input, map))) in values.zip(maps).enumerate() {
            input.fill(values);
            self.stem.forward(image, input, map);
        }
        for (stage, block) in &mut self.blocks {
            for image in 0..targets.len() {
                match block {
                    Block::Cell(cell) => cell.forward(image, &mut self.stages[*stage]),
                    Block::Reduction(reduction) => {
                        let (from, to) = neighbours(&mut self.stages, *stage);
                        reduction.forward(image, from, to);
                    }
                }
            }
        }
        for (map, target) in self.stages[2].maps.iter_mut().zip(targets) {
            self.head.pass(map, *target, share);
            if let Some(gradients) = &mut each {
                self.head.take(gradients);
            }
        }
        for (stage, block) in self.blocks.iter_mut().rev() {
            for image in 0..targets.len() {
                match block {
                    Block::Cell(cell) => cell.backward(image, &mut self.stages[*stage]),
                    Block::Reduction(reduction) => {
                        let (from, to) = neighbours(&mut self.stages, *stage);
                        reduction.backward(image, from, to);
                    }
                }
                if let Some(gradients) = &mut each {
                    block.take(gradients);
                }
            }
        }
        for (image, input) in self.images.iter().enumerate().take(targets.len()) {
            self.stages[0].stem_backward(&mut self.stem, image, input);
            if let Some(gradients) = &mut each {
                self.stem.take(gradients);
            }
        }
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.stem.take(gradients);
        for (_, block) in &mut self.blocks {
            block.take(gradients);
        }
        self.head.take(gradients);
    }
}

impl Block<'_> {
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
