//! The MobileNetV3 networks of Once-for-all (Cai, Gan, Wang, Zhang & Han,
//! *Once-for-All: Train One Network and Specialize it for Efficient Deployment*,
//! ICLR 2020): five stages of two to four inverted residual blocks, each with a
//! kernel of 3, 5 or 7 and an expansion by 3, 4 or 6.
//!
//! An architecture is written as its blocks, stage after stage,
//! `k3e3,k5e4/k3e3,k3e3,k7e6/…`. The side of images, which Once-for-all searches
//! too, is that of the data. Three networks of torchvision can be named instead.
//!
//! | module | what it holds |
//! |---|---|
//! | `stages` | the blocks, and how they are written |
//! | `network` | the network of these blocks |
//! | `torchvision` | the networks that have names |

mod network;
mod stages;
mod torchvision;

#[cfg(test)]
mod tests;

use std::fmt;

use knas_graph::Graph;

pub use stages::{Block, Stages, StagesError};
pub use torchvision::Released;

use crate::choices::{Choices, digest};
use crate::features::Decision;
use crate::setting::{Input, LowerError, Setting, Size, Sizes};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};
use stages::{BLOCKS, DEEPEST, OPTIONS, SLOT, STAGES};

/// The space of all sub-networks.
pub struct MobileNet;

const NAME: &str = "mobilenet";

/// Once-for-all has released networks of 100 and 120 percent.
const WIDTH: Size = Size {
    name: "width",
    about: "channels of every layer, in percent",
    usual: 100,
    range: (10, 400),
};

/// Each stage as a whole.
const STAGE_CHOICES: Choices = Choices {
    space: NAME,
    options: &[OPTIONS; STAGES],
};

/// How many options each slot has: the first two of a stage are never empty.
const SLOT_OPTIONS: [[usize; DEEPEST]; STAGES] = [[BLOCKS, BLOCKS, SLOT.len(), SLOT.len()]; STAGES];

/// Each slot for itself.
const SLOT_CHOICES: Choices = Choices {
    space: NAME,
    options: SLOT_OPTIONS.as_flattened(),
};

/// An architecture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// A sub-network of Once-for-all.
    Searched(Stages),
    /// A network of torchvision.
    Released(Released),
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Searched(stages) => stages.fmt(f),
            Self::Released(released) => f.write_str(released.name()),
        }
    }
}

fn boxed(stages: Stages) -> Box<dyn Architecture> {
    Box::new(Member::Searched(stages))
}

impl SearchSpace for MobileNet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "Once-for-all's MobileNetV3: five stages of inverted residual blocks; \
         and mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small by name"
    }

    fn sizes(&self) -> &'static [Size] {
        &[WIDTH]
    }

    /// ImageNet at the side that most results are told for.
    fn usual(&self) -> Setting {
        Setting {
            input: Input::Images { side: 224 },
            classes: 1000,
            sizes: Sizes::usual(self.sizes()),
        }
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        Some(boxed(Stages::of_options(&[OPTIONS - 1; STAGES])))
    }

    /// 7,371 to the power of five are more than can be numbered.
    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    /// Reads the names of torchvision's networks, the space's notation, and what
    /// Once-for-all prints, without the slots that are void in it.
    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        if let Some(released) = Released::named(arch) {
            return Ok(Box::new(Member::Released(released)));
        }
        match arch.parse() {
            Ok(stages) => Ok(boxed(stages)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each sub-network is equally likely, and so nine in ten stages have four
    /// blocks. Networks with names are not drawn.
    fn sample(&self, seed: u64) -> Architectures {
        let drawn = STAGE_CHOICES.draw(seed);
        Box::new(drawn.map(|options| boxed(Stages::of_options(&options))))
    }

    /// No two are the same.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network, Equivalence::Function]
    }
}

impl Architecture for Member {
    /// `mobilenet-` and 16 digits that follow from the notation.
    fn id(&self) -> String {
        digest(NAME, &self.to_string())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &MobileNet
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let (side, classes) = (setting.side()?, setting.classes);
        let width = setting.sizes.get(WIDTH.name).unwrap_or(WIDTH.usual);
        Ok(match self {
            Self::Searched(stages) => network::lower(stages, width, side, classes),
            Self::Released(released) => released.lower(width, side, classes),
        }?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => None,
            Equivalence::Function | Equivalence::Network => Some(self.to_string()),
        }
    }

    /// One block is another one, or a stage has one block more or less at its end.
    /// A network with a name has none: its channels and activations are chosen for
    /// its blocks, and a change leads out of the space.
    fn mutants(&self, seed: u64) -> Architectures {
        let Self::Searched(stages) = self else {
            return Box::new(std::iter::empty());
        };
        let near = SLOT_CHOICES.near(&stages.slots(), seed, &self.id());
        let stages = near
            .into_iter()
            .filter_map(|slots| Stages::of_slots(&slots));
        Box::new(stages.map(boxed))
    }

    /// What is in each slot of a stage. A network with a name is not made of these.
    fn decisions(&self) -> Vec<Decision> {
        let Self::Searched(stages) = self else {
            return Vec::new();
        };
        let slots = stages.slots().into_iter().zip(SLOT_CHOICES.options);
        let decision = |(place, (choice, &options))| Decision {
            name: format!(
                "block {} of stage {}",
                place % DEEPEST + 1,
                place / DEEPEST + 1
            ),
            options: &SLOT[..options],
            choice,
        };
        slots.enumerate().map(decision).collect()
    }
}
