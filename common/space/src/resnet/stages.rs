//! The stages of a network, and how they are written.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::formula::{Formula, FormulaError};
use super::published;
use crate::numbers::number;

/// Stages of a network.
pub(super) const COUNT: RangeInclusive<usize> = 1..=8;
/// Channels of a stage, of the stem, and of a group.
pub(super) const WIDTH: RangeInclusive<usize> = 8..=16_384;
/// Blocks of a stage.
pub(super) const BLOCKS: RangeInclusive<usize> = 1..=500;
/// Channels of a group.
pub(super) const GROUP: RangeInclusive<usize> = 1..=*WIDTH.end();
/// How many times fewer channels there are in the middle of a block, and into how
/// many groups they fall.
const SHARES: RangeInclusive<usize> = 1..=256;

/// The residual block that all stages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    /// Two 3×3 convolutions (He et al. 2016, figure 5, left).
    Basic,
    /// 1×1, 3×3 and 1×1 convolutions (He et al. 2016, figure 5, right), the one in
    /// the middle in groups (Xie et al. 2017, figure 3c).
    Bottleneck {
        /// How many times fewer channels there are in the middle.
        ratio: usize,
        /// Groups of the 3×3 convolution: the cardinality.
        groups: usize,
    },
    /// 1×1, 3×3 and 1×1 convolutions of as many channels each (Radosavovic et al.
    /// 2020, figure 4).
    RegNet {
        /// Channels of each group of the 3×3 convolution; all of a stage that has
        /// fewer.
        group: usize,
        /// Whether squeeze-and-excitation follows it, as in RegNetY.
        squeezes: bool,
    },
}

impl Block {
    /// Its name in the notation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bottleneck { .. } => "bottleneck",
            Self::RegNet {
                squeezes: false, ..
            } => "x",
            Self::RegNet { squeezes: true, .. } => "y",
        }
    }

    /// Channels in the middle of a block that gives so many.
    pub(super) fn middle(self, width: usize) -> usize {
        match self {
            Self::Basic | Self::RegNet { .. } => width,
            Self::Bottleneck { ratio, .. } => width / ratio,
        }
    }

    /// Groups of the 3×3 convolution in a block that gives so many channels.
    pub(super) fn groups(self, width: usize) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck { groups, .. } => groups,
            Self::RegNet { group, .. } => width / group.min(width),
        }
    }

    /// What divides the channels of a stage, and what that is.
    fn divisor(self, width: usize) -> (usize, &'static str) {
        match self {
            Self::Basic => (1, "any"),
            Self::Bottleneck { ratio, groups } => {
                (ratio * groups, "bottleneck ratio times cardinality")
            }
            Self::RegNet { group, .. } => (group.min(width), "channels of a group"),
        }
    }

    /// Channels of the stem, where nothing else is said.
    pub(super) fn usual_stem(self) -> usize {
        match self {
            Self::Basic | Self::Bottleneck { .. } => 64,
            Self::RegNet { .. } => 32,
        }
    }
}

/// Blocks of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// Channels that each of them gives.
    pub width: usize,
    /// How many there are.
    pub blocks: usize,
}

/// The stages of a network, their block, and the channels of the stem before them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stages {
    block: Block,
    stages: Vec<Stage>,
    stem: usize,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StagesError {
    /// It is in none of the notations.
    #[error(
        "it is basic, bottleneck, x or y and stages of so many channels and blocks, as in \
         basic:64x2,128x2,256x2,512x2 or x:24x1,56x1,152x4,368x7;g8; or a formula, as in \
         x:w_a=36.44,w_0=24,w_m=2.49,d=13,g=8; or a name of torchvision's or of RegNet's \
         authors, such as resnet50, regnet_y_800mf, RegNetY-800MF"
    )]
    Notation,
    /// There are too few stages, or too many.
    #[error("there are {low} to {high} stages, not {0}", low = COUNT.start(), high = COUNT.end())]
    Count(usize),
    /// A stage is none.
    #[error(
        "stage {stage} is written as 64x2: {} to {} channels, and {} to {} blocks",
        WIDTH.start(), WIDTH.end(), BLOCKS.start(), BLOCKS.end()
    )]
    Stage {
        /// Its number, from 1.
        stage: usize,
    },
    /// What follows the stages is no option of the block, or is out of range, or is
    /// there twice.
    #[error(
        "the stages of {block} are followed by {}, each once at most",
        told(letters(block))
    )]
    Options {
        /// The block's name.
        block: &'static str,
    },
    /// The channels of a group are not told.
    #[error("the stages of x and y are followed by the channels of a group, as in ;g8")]
    NoGroup,
    /// Channels that cannot be shared out.
    #[error("stage {stage} has {width} channels, which are no multiple of {divisor} ({what})")]
    Divisor {
        /// Its number, from 1.
        stage: usize,
        /// Its channels.
        width: usize,
        /// What does not divide them.
        divisor: usize,
        /// What that is.
        what: &'static str,
    },
    /// It is no formula.
    #[error(transparent)]
    Formula(#[from] FormulaError),
}

/// The names of blocks.
const NAMES: [&str; 4] = ["basic", "bottleneck", "x", "y"];

/// The letters of the options that the block of this name can be written with.
fn letters(block: &str) -> &'static str {
    match block {
        "basic" => "s",
        "bottleneck" => "bcs",
        _ => "gs",
    }
}

/// What the options of these letters are.
fn told(letters: &str) -> String {
    let told = |letter| match letter {
        'b' => format!(";b and the bottleneck ratio to {}", SHARES.end()),
        'c' => format!(";c and the cardinality to {}", SHARES.end()),
        'g' => format!(";g and the channels of a group to {}", GROUP.end()),
        _ => format!(
            ";s and the channels of the stem from {} to {}",
            WIDTH.start(),
            WIDTH.end()
        ),
    };
    let told: Vec<String> = letters.chars().map(told).collect();
    told.join(", ")
}

impl Stages {
    /// These stages, after a stem of so many channels.
    ///
    /// # Errors
    /// Where a number is out of range, or does not divide what it has to.
    pub fn new(block: Block, stages: Vec<Stage>, stem: usize) -> Result<Self, StagesError> {
        if !COUNT.contains(&stages.len()) {
            return Err(StagesError::Count(stages.len()));
        }
        let options = match block {
            Block::Basic => true,
            Block::Bottleneck { ratio, groups } => {
                SHARES.contains(&ratio) && SHARES.contains(&groups)
            }
            Block::RegNet { group, .. } => GROUP.contains(&group),
        };
        if !options || !WIDTH.contains(&stem) {
            return Err(StagesError::Options {
                block: block.name(),
            });
        }
        for (stage, &Stage { width, blocks }) in (1..).zip(&stages) {
            if !WIDTH.contains(&width) || !BLOCKS.contains(&blocks) {
                return Err(StagesError::Stage { stage });
            }
            let (divisor, what) = block.divisor(width);
            if !width.is_multiple_of(divisor) {
                return Err(StagesError::Divisor {
                    stage,
                    width,
                    divisor,
                    what,
                });
            }
        }
        let widest = stages.iter().map(|stage| stage.width).max();
        let block = match block {
            // Beyond the widest stage all numbers say the same.
            Block::RegNet { group, squeezes } => Block::RegNet {
                group: group.min(widest.unwrap_or(group)),
                squeezes,
            },
            other => other,
        };
        Ok(Self {
            block,
            stages,
            stem,
        })
    }

    /// The block that they are made of.
    #[must_use]
    pub fn block(&self) -> Block {
        self.block
    }

    /// The stages, in order.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Channels of the stem.
    #[must_use]
    pub fn stem(&self) -> usize {
        self.stem
    }
}

impl FromStr for Stages {
    type Err = StagesError;

    /// Reads `basic:64x2,…`, formulas, and names.
    fn from_str(text: &str) -> Result<Self, StagesError> {
        if let Some(stages) = published::named(text) {
            return stages;
        }
        let (name, rest) = text.split_once(':').ok_or(StagesError::Notation)?;
        let name = NAMES.iter().find(|known| **known == name);
        let name = *name.ok_or(StagesError::Notation)?;
        if rest.contains('=') && ["x", "y"].contains(&name) {
            return rest.parse::<Formula>()?.stages(name == "y");
        }
        let (stages, options) = match rest.split_once(';') {
            Some((stages, options)) => (stages, Some(options)),
            None => (rest, None),
        };
        let count = stages.split(',').count();
        if !COUNT.contains(&count) {
            return Err(StagesError::Count(count));
        }
        let stage = |(place, text): (usize, &str)| {
            let (width, blocks) = text.split_once('x').unzip();
            match (width.and_then(number), blocks.and_then(number)) {
                (Some(width), Some(blocks)) => Ok(Stage { width, blocks }),
                _ => Err(StagesError::Stage { stage: place + 1 }),
            }
        };
        let stages = stages.split(',').enumerate().map(stage);
        let stages = stages.collect::<Result<Vec<Stage>, _>>()?;
        let (block, stem) = with_options(name, options)?;
        Self::new(block, stages, stem)
    }
}

/// The block of this name with its options, and the channels of the stem.
fn with_options(block: &'static str, options: Option<&str>) -> Result<(Block, usize), StagesError> {
    let letters = letters(block);
    let error = StagesError::Options { block };
    let mut given: [Option<usize>; 3] = [None; 3];
    for option in options.into_iter().flat_map(|options| options.split(';')) {
        let mut chars = option.chars();
        let place = chars.next().and_then(|letter| letters.find(letter));
        match (place, number(chars.as_str())) {
            (Some(place), Some(number)) if given[place].is_none() => given[place] = Some(number),
            _ => return Err(error),
        }
    }
    let option = |letter: char| letters.find(letter).and_then(|place| given[place]);
    let block = match block {
        "basic" => Block::Basic,
        "bottleneck" => Block::Bottleneck {
            ratio: option('b').unwrap_or(RATIO),
            groups: option('c').unwrap_or(1),
        },
        _ => Block::RegNet {
            group: option('g').ok_or(StagesError::NoGroup)?,
            squeezes: block == "y",
        },
    };
    Ok((block, option('s').unwrap_or(block.usual_stem())))
}

/// The bottleneck ratio of ResNets.
const RATIO: usize = 4;

impl fmt::Display for Stages {
    /// Options stand where they are not the usual ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.block.name())?;
        for (place, Stage { width, blocks }) in self.stages.iter().enumerate() {
            let before = if place == 0 { ':' } else { ',' };
            write!(f, "{before}{width}x{blocks}")?;
        }
        match self.block {
            Block::Basic => {}
            Block::Bottleneck { ratio, groups } => {
                if ratio != RATIO {
                    write!(f, ";b{ratio}")?;
                }
                if groups != 1 {
                    write!(f, ";c{groups}")?;
                }
            }
            Block::RegNet { group, .. } => write!(f, ";g{group}")?,
        }
        match self.stem == self.block.usual_stem() {
            true => Ok(()),
            false => write!(f, ";s{}", self.stem),
        }
    }
}
