//! The super blocks of a network, and how they are written.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::published;
use crate::numbers::number;

/// Super blocks of a network.
const COUNT: RangeInclusive<usize> = 1..=64;
/// Channels that a super block gives, or that lie between those of its layers.
const WIDTH: RangeInclusive<usize> = 8..=16_384;
/// Layers of a super block.
const LAYERS: RangeInclusive<usize> = 1..=64;
/// The step of a super block's first convolution that takes one.
const STRIDE: RangeInclusive<usize> = 1..=2;

/// Sides of windows.
pub(super) const KERNELS: [usize; 3] = [3, 5, 7];
/// How many times as many channels depthwise convolutions have.
pub(super) const EXPANSIONS: [usize; 4] = [1, 2, 4, 6];

/// What the layers of a residual super block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Residual {
    /// A residual block of two convolutions.
    Basic {
        /// The side of their windows.
        kernel: usize,
    },
    /// Two residual blocks, each of a 1×1 convolution, another one, and a 1×1.
    Bottleneck {
        /// The side of the windows in the middle.
        kernel: usize,
    },
    /// Two residual blocks, each of a 1×1 convolution, a depthwise one, and a 1×1.
    Inverted {
        /// How many times as many channels the depthwise convolution has as come out
        /// of the block.
        expansion: usize,
        /// The side of its windows.
        kernel: usize,
    },
}

/// Convolutions that are searched together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SuperBlock {
    /// A convolution, batch norm and ReLU.
    Convolution {
        /// The side of its windows.
        kernel: usize,
        /// Channels that it gives.
        outputs: usize,
        /// Its step.
        stride: usize,
    },
    /// Residual blocks in layers.
    Residual {
        /// What a layer is.
        kind: Residual,
        /// Channels that every layer gives.
        outputs: usize,
        /// The step of the first layer.
        stride: usize,
        /// Channels within a layer.
        bottleneck: usize,
        /// How many layers there are.
        layers: usize,
    },
}

impl SuperBlock {
    /// Channels that it gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match *self {
            Self::Convolution { outputs, .. } | Self::Residual { outputs, .. } => outputs,
        }
    }

    /// What is in which range, for one that is the `block`th.
    fn check(&self, block: usize) -> Result<(), StructureError> {
        let within = |what, number, range: RangeInclusive<usize>| match range.contains(&number) {
            true => Ok(()),
            false => Err(StructureError::Range {
                block,
                what,
                low: *range.start(),
                high: *range.end(),
            }),
        };
        let (outputs, stride) = match *self {
            Self::Convolution {
                outputs, stride, ..
            } => (outputs, stride),
            Self::Residual {
                outputs,
                stride,
                bottleneck,
                layers,
                ..
            } => {
                within("the bottleneck's channels", bottleneck, WIDTH)?;
                within("the number of layers", layers, LAYERS)?;
                (outputs, stride)
            }
        };
        within("the number of channels that come out", outputs, WIDTH)?;
        within("the stride", stride, STRIDE)
    }
}

/// Super blocks, one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Structure(Vec<SuperBlock>);

/// Why a text is no structure.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StructureError {
    /// It is written otherwise.
    #[error(
        "it is super blocks without blanks between them, as in \
         SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)…; or a name such as {}",
        published::EXAMPLE
    )]
    Notation,
    /// There are too few super blocks, or too many.
    #[error("there are {low} to {high} super blocks", low = COUNT.start(), high = COUNT.end())]
    Count,
    /// There is no such super block.
    #[error(
        "super block {block} is SuperConvK3BNRELU with a kernel of 1, 3, 5 or 7, or with one of 3, \
         5 or 7 SuperResK3K3, SuperResK1K3K1, or SuperResIDWE1K3, which expands by 1, 2, 4 or 6"
    )]
    Kind {
        /// Its number, from 1.
        block: usize,
    },
    /// There are other numbers than it has.
    #[error("super block {block} has the numbers ({numbers})")]
    Numbers {
        /// Its number, from 1.
        block: usize,
        /// What they are.
        numbers: &'static str,
    },
    /// A number is out of range.
    #[error("super block {block}: {what} is from {low} to {high}")]
    Range {
        /// Its number, from 1.
        block: usize,
        /// What is counted.
        what: &'static str,
        /// The smallest allowed.
        low: usize,
        /// The largest allowed.
        high: usize,
    },
    /// It reads other channels than there are.
    #[error("super block {block} reads {found} channels, and there are {wanted}")]
    Inputs {
        /// Its number, from 1.
        block: usize,
        /// What it says.
        found: usize,
        /// What comes out of the one before, or an image's.
        wanted: usize,
    },
}

/// Channels of an image.
pub(super) const IMAGE: usize = 3;

impl Structure {
    /// These super blocks, which begin with an image.
    ///
    /// # Errors
    /// Where they are too many, or a number is out of range.
    pub fn new(blocks: Vec<SuperBlock>) -> Result<Self, StructureError> {
        if !COUNT.contains(&blocks.len()) {
            return Err(StructureError::Count);
        }
        let checked = (1..).zip(&blocks).map(|(place, block)| block.check(place));
        checked.collect::<Result<(), _>>()?;
        Ok(Self(blocks))
    }

    /// The super blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> &[SuperBlock] {
        &self.0
    }
}

impl FromStr for Structure {
    type Err = StructureError;

    /// Reads `SuperConvK3BNRELU(3,8,1,1)…`, and names.
    fn from_str(text: &str) -> Result<Self, StructureError> {
        let mut rest = published::structure(text).unwrap_or(text);
        let (mut blocks, mut channels) = (Vec::new(), IMAGE);
        while !rest.is_empty() {
            let place = blocks.len() + 1;
            if !COUNT.contains(&place) {
                return Err(StructureError::Count);
            }
            let (name, after) = rest.split_once('(').ok_or(StructureError::Notation)?;
            let (numbers, after) = after.split_once(')').ok_or(StructureError::Notation)?;
            let (block, inputs) = super_block(place, name, numbers)?;
            if inputs != channels {
                return Err(StructureError::Inputs {
                    block: place,
                    found: inputs,
                    wanted: channels,
                });
            }
            channels = block.outputs();
            blocks.push(block);
            rest = after;
        }
        match blocks.is_empty() {
            true => Err(StructureError::Notation),
            false => Self::new(blocks),
        }
    }
}

/// The super block of this name and these numbers, and the channels that it reads.
fn super_block(
    block: usize,
    name: &str,
    numbers: &str,
) -> Result<(SuperBlock, usize), StructureError> {
    let kind = Kind::named(name).ok_or(StructureError::Kind { block })?;
    // One more than there are is too many already.
    let found = numbers.split(',').take(6).map(number);
    let found = found.collect::<Option<Vec<usize>>>();
    match (kind, found.as_deref()) {
        (Kind::Convolution { kernel }, Some(&[inputs, outputs, stride, 1])) => {
            let convolution = SuperBlock::Convolution {
                kernel,
                outputs,
                stride,
            };
            Ok((convolution, inputs))
        }
        (Kind::Residual(kind), Some(&[inputs, outputs, stride, bottleneck, layers])) => {
            let residual = SuperBlock::Residual {
                kind,
                outputs,
                stride,
                bottleneck,
                layers,
            };
            Ok((residual, inputs))
        }
        (kind, _) => Err(StructureError::Numbers {
            block,
            numbers: match kind {
                Kind::Convolution { .. } => "channels in, channels out, stride, 1",
                Kind::Residual(_) => "channels in, channels out, stride, bottleneck, layers",
            },
        }),
    }
}

/// What the name of a super block tells.
enum Kind {
    Convolution { kernel: usize },
    Residual(Residual),
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        let kernel = |text: &str| number(text).filter(|kernel| KERNELS.contains(kernel));
        if let Some(text) = name.strip_prefix("SuperConvK") {
            let text = text.strip_suffix("BNRELU")?;
            let kernel = if text == "1" { 1 } else { kernel(text)? };
            return Some(Self::Convolution { kernel });
        }
        let text = name.strip_prefix("SuperRes")?;
        if let Some(text) = text.strip_prefix("IDWE") {
            let (expansion, text) = text.split_once('K')?;
            let expansion = number(expansion).filter(|number| EXPANSIONS.contains(number))?;
            let kernel = kernel(text)?;
            return Some(Self::Residual(Residual::Inverted { expansion, kernel }));
        }
        let kernels: Vec<&str> = text.strip_prefix('K')?.split('K').take(4).collect();
        match kernels[..] {
            ["1", middle, "1"] => {
                let kernel = kernel(middle)?;
                Some(Self::Residual(Residual::Bottleneck { kernel }))
            }
            [first, second] if first == second => {
                let kernel = kernel(first)?;
                Some(Self::Residual(Residual::Basic { kernel }))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Residual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { kernel } => write!(f, "SuperResK{kernel}K{kernel}"),
            Self::Bottleneck { kernel } => write!(f, "SuperResK1K{kernel}K1"),
            Self::Inverted { expansion, kernel } => {
                write!(f, "SuperResIDWE{expansion}K{kernel}")
            }
        }
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut inputs = IMAGE;
        for block in &self.0 {
            match block {
                SuperBlock::Convolution {
                    kernel,
                    outputs,
                    stride,
                } => write!(f, "SuperConvK{kernel}BNRELU({inputs},{outputs},{stride},1)")?,
                SuperBlock::Residual {
                    kind,
                    outputs,
                    stride,
                    bottleneck,
                    layers,
                } => write!(
                    f,
                    "{kind}({inputs},{outputs},{stride},{bottleneck},{layers})"
                )?,
            }
            inputs = block.outputs();
        }
        Ok(())
    }
}
