//! What is drawn, and what differs in one decision.

use std::collections::HashSet;

use knas_stats::random::Stream;

use super::structure::{EXPANSIONS, KERNELS, Residual, Structure, SuperBlock};
use crate::numbers::inverse;

/// What channels are multiples of.
const STEP: usize = 8;

/// What ZenNAS multiplies channels by, as fractions.
const FACTORS: [(usize, usize); 8] = [
    (5, 2),
    (2, 1),
    (3, 2),
    (5, 4),
    (4, 5),
    (2, 3),
    (1, 2),
    (2, 5),
];

/// A super block of so many layers falls into two.
const DEEP: usize = 6;

/// The first network of ZenNAS's searches on CIFAR.
pub(super) const FIRST: &str = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)\
     SuperResK3K3(16,32,2,16,1)SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,64,2,32,1)\
     SuperConvK1BNRELU(64,128,1,1)";

/// The strides of its residual super blocks.
const STRIDES: [usize; 4] = [1, 2, 2, 2];

impl Residual {
    /// Those that ZenNAS puts in each other's place: the ResNet-like ones, or the
    /// ones of mobile networks.
    fn family(mobile: bool) -> Vec<Self> {
        let kernels = |kind: fn(usize) -> Self| KERNELS.map(kind);
        if !mobile {
            let basic = kernels(|kernel| Self::Basic { kernel });
            let bottleneck = kernels(|kernel| Self::Bottleneck { kernel });
            return basic.into_iter().chain(bottleneck).collect();
        }
        let of = |expansion| KERNELS.map(|kernel| Self::Inverted { expansion, kernel });
        EXPANSIONS.into_iter().flat_map(of).collect()
    }

    fn is_mobile(self) -> bool {
        matches!(self, Self::Inverted { .. })
    }
}

impl Structure {
    /// A network like [`FIRST`]: its strides, but other super blocks and channels.
    pub(super) fn draw(random: &mut Stream) -> Option<Self> {
        let kinds = Residual::family(random.coin());
        let mut blocks = vec![SuperBlock::Convolution {
            kernel: 3,
            outputs: channels(random, 16),
            stride: 1,
        }];
        for stride in STRIDES {
            blocks.push(SuperBlock::Residual {
                kind: kinds[random.below(kinds.len() as u64) as usize],
                outputs: channels(random, 32),
                stride,
                bottleneck: channels(random, 16),
                layers: 1 + random.below(DEEP as u64 - 1) as usize,
            });
        }
        blocks.push(SuperBlock::Convolution {
            kernel: 1,
            outputs: 16 * channels(random, 16),
            stride: 1,
        });
        Self::new(blocks).ok()
    }

    /// All structures in which one number or the sort of one super block is another
    /// one, once each.
    pub(super) fn near(&self) -> Vec<Self> {
        let mut seen: HashSet<Self> = HashSet::from([self.clone()]);
        let mut found = Vec::new();
        for (place, block) in self.blocks().iter().enumerate() {
            for other in block.near() {
                let mut blocks = self.blocks().to_vec();
                blocks.splice(place..=place, other);
                if let Ok(near) = Self::new(blocks)
                    && seen.insert(near.clone())
                {
                    found.push(near);
                }
            }
        }
        found
    }
}

/// Channels, in steps of which there are so many.
fn channels(random: &mut Stream, steps: u64) -> usize {
    STEP * inverse(random, 1, steps) as usize
}

impl SuperBlock {
    /// What can stand in its place: another super block, or two of one that has
    /// become too deep.
    fn near(self) -> Vec<Vec<Self>> {
        match self {
            Self::Convolution {
                kernel,
                outputs,
                stride,
            } => {
                let other = |outputs| Self::Convolution {
                    kernel,
                    outputs,
                    stride,
                };
                widths(outputs)
                    .map(|outputs| vec![other(outputs)])
                    .collect()
            }
            Self::Residual {
                kind,
                outputs,
                stride,
                bottleneck,
                layers,
            } => {
                let other = |kind, outputs, bottleneck| {
                    vec![Self::Residual {
                        kind,
                        outputs,
                        stride,
                        bottleneck,
                        layers,
                    }]
                };
                let kinds = Residual::family(kind.is_mobile()).into_iter();
                let kinds = kinds.map(|kind| other(kind, outputs, bottleneck));
                let wider = widths(outputs).map(|outputs| other(kind, outputs, bottleneck));
                let middle = widths(bottleneck).map(|bottleneck| other(kind, outputs, bottleneck));
                let depths = [
                    layers + 1,
                    layers + 2,
                    layers.saturating_sub(1),
                    layers.saturating_sub(2),
                ];
                let deeper = depths.map(|layers| self.of_layers(layers));
                kinds.chain(wider).chain(middle).chain(deeper).collect()
            }
        }
    }

    /// The same one with so many layers; where they are too many, in two parts.
    fn of_layers(self, wanted: usize) -> Vec<Self> {
        match self {
            Self::Convolution { .. } => vec![self],
            Self::Residual {
                kind,
                outputs,
                stride,
                bottleneck,
                ..
            } => {
                let part = |stride, layers| Self::Residual {
                    kind,
                    outputs,
                    stride,
                    bottleneck,
                    layers,
                };
                match wanted < DEEP {
                    true => vec![part(stride, wanted)],
                    false => vec![part(stride, DEEP / 2), part(1, wanted - DEEP / 2)],
                }
            }
        }
    }
}

/// Other channels, by all factors.
fn widths(channels: usize) -> impl Iterator<Item = usize> {
    FACTORS.into_iter().map(move |(times, by)| {
        let multiple = (channels * times) as f64 / (by * STEP) as f64;
        STEP * multiple.round_ties_even().max(1.0) as usize
    })
}
