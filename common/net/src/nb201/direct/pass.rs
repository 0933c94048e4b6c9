//! A whole network, there and back.

use super::cell::{Cell, Reduction, Stage};
use super::head::Head;
use super::layers::ConvNorm;
use super::map::Map;
use crate::NetError;
use crate::nb201::{self, Network};

/// A network that takes one image after another and sums up gradients.
pub(super) struct Pass<'n> {
    image: Map,
    stem: ConvNorm,
    /// Each with the stage that it gives its maps to.
    blocks: Vec<(usize, Block<'n>)>,
    head: Head,
    stages: [Stage; 3],
    parameters: usize,
}

enum Block<'n> {
    Cell(Cell<'n>),
    Reduction(Box<Reduction>),
}

impl<'n> Pass<'n> {
    /// Of this network, whose channels and side are multiples of 16.
    pub fn new(network: &'n Network) -> Result<Self, NetError> {
        let channels = network.skeleton.channels() as usize;
        let side = network.skeleton.side() as usize;
        let shape = |stage: usize| [channels << stage, side >> stage];
        let (mut stage, mut blocks) = (0, Vec::new());
        for block in &network.blocks {
            let block = match block {
                nb201::Block::Cell(cell) => {
                    Block::Cell(Cell::new(cell, shape(stage), &network.tensors)?)
                }
                nb201::Block::Reduction(layer) => {
                    stage += 1;
                    let shape = shape(stage);
                    let reduction = Reduction::new(*layer, shape, &network.tensors)?;
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
            image: Map::zeros(3, side),
            stem: ConvNorm::new(network.stem, side, &network.tensors)?,
            blocks,
            head: Head::new(network, shape(2))?,
            stages: [0, 1, 2].map(|stage| Stage::new(cell, shape(stage))),
            parameters: network.parameters().len(),
        })
    }

    /// Adds the gradients of `share` times the cross-entropy of an image,
    /// 3 × side × side, of class `target`.
    pub fn add(&mut self, image: &[f32], target: usize, share: f32) {
        self.image.fill(image);
        self.stem
            .forward(&self.image, &mut self.stages[0].values[0]);
        for (stage, block) in &mut self.blocks {
            match block {
                Block::Cell(cell) => cell.forward(&mut self.stages[*stage]),
                Block::Reduction(reduction) => {
                    let (from, to) = neighbours(&mut self.stages, *stage);
                    reduction.forward(from, to);
                }
            }
        }
        let [.., last] = &mut self.stages;
        let gradient = &mut last.gradient;
        self.head.pass(&last.values[0], target, share, gradient);
        for (stage, block) in self.blocks.iter_mut().rev() {
            match block {
                Block::Cell(cell) => cell.backward(&mut self.stages[*stage]),
                Block::Reduction(reduction) => {
                    let (from, to) = neighbours(&mut self.stages, *stage);
                    reduction.backward(from, to);
                }
            }
        }
        self.stages[0].stem_backward(&mut self.stem, &self.image);
    }

    /// The sums of gradients, by parameter; zeros are left behind.
    pub fn take(&mut self) -> Vec<Vec<f32>> {
        let mut gradients = vec![Vec::new(); self.parameters];
        self.stem.take(&mut gradients);
        for (_, block) in &mut self.blocks {
            match block {
                Block::Cell(cell) => cell.take(&mut gradients),
                Block::Reduction(reduction) => reduction.take(&mut gradients),
            }
        }
        self.head.take(&mut gradients);
        gradients
    }
}

/// The stage before this one, and this one.
fn neighbours(stages: &mut [Stage; 3], stage: usize) -> (&mut Stage, &mut Stage) {
    let (before, here) = stages.split_at_mut(stage);
    (&mut before[stage - 1], &mut here[0])
}
