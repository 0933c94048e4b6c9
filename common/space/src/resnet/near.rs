//! The stages that differ from others in one decision.

use super::stages::{Block, Stage, Stages};

/// What channels are multiplied by, as fractions.
const FACTORS: [(usize, usize); 6] = [(1, 2), (2, 3), (4, 5), (5, 4), (3, 2), (2, 1)];

/// What channels are multiples of, where the block asks for nothing more.
const STEP: usize = 8;

impl Stages {
    /// All stages that differ in one decision, once each.
    pub(super) fn near(&self) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut add = |block: Block, stages: Vec<Stage>| {
            if let Ok(near) = Self::new(block, stages, self.stem())
                && near != *self
                && !found.contains(&near)
            {
                found.push(near);
            }
        };
        for (place, &stage) in self.stages().iter().enumerate() {
            let mut change = |stage: Stage| {
                let mut stages = self.stages().to_vec();
                stages[place] = stage;
                add(self.block(), stages);
            };
            for blocks in [stage.blocks - 1, stage.blocks + 1] {
                change(Stage { blocks, ..stage });
            }
            for (times, by) in FACTORS {
                let wanted = stage.width * times / by;
                let step = self.block().step(wanted);
                // To the nearest multiple.
                let width = step * ((2 * wanted + step) / (2 * step));
                change(Stage { width, ..stage });
            }
        }
        for block in self.block().near() {
            add(block, self.stages().to_vec());
        }
        found
    }
}

impl Block {
    /// What the channels of about so wide a stage are multiples of.
    fn step(self, width: usize) -> usize {
        match self {
            Self::Basic => STEP,
            Self::Bottleneck { ratio, groups } => multiple(STEP, ratio * groups),
            Self::RegNet { group, .. } if group > width => STEP,
            Self::RegNet { group, .. } => multiple(STEP, group),
        }
    }

    /// The same block with another option.
    fn near(self) -> Vec<Self> {
        let other = |number: usize| [number / 2, 2 * number];
        match self {
            Self::Basic => Vec::new(),
            Self::Bottleneck { ratio, groups } => {
                let ratios = other(ratio).map(|ratio| Self::Bottleneck { ratio, groups });
                let groups = other(groups).map(|groups| Self::Bottleneck { ratio, groups });
                ratios.into_iter().chain(groups).collect()
            }
            Self::RegNet { group, squeezes } => {
                let groups = other(group).map(|group| Self::RegNet { group, squeezes });
                let squeezed = Self::RegNet {
                    group,
                    squeezes: !squeezes,
                };
                groups.into_iter().chain([squeezed]).collect()
            }
        }
    }
}

/// The least common multiple of two numbers that are not 0.
fn multiple(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
