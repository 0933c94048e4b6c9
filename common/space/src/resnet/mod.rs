//! Networks of residual blocks in stages: ResNets (He, Zhang, Ren & Sun, *Deep
//! Residual Learning for Image Recognition*, CVPR 2016), wide ones (Zagoruyko &
//! Komodakis, *Wide Residual Networks*, BMVC 2016), ResNeXts (Xie et al., *Aggregated
//! Residual Transformations for Deep Neural Networks*, CVPR 2017), and RegNets
//! (Radosavovic et al., *Designing Network Design Spaces*, CVPR 2020).
//!
//! An architecture is written as its block and its stages, each so many channels by
//! so many blocks: `basic:64x2,128x2,256x2,512x2` is ResNet-18,
//! `bottleneck:256x3,512x4,1024x6,2048x3` ResNet-50, and
//! `x:24x1,56x1,152x4,368x7;g8` RegNetX-200MF, with groups of 8 channels; `y` is with
//! squeeze-and-excitation. Of a bottleneck the channels are those that come out.
//! `;b2` is its ratio where it is not 4, `;c32` its cardinality, and `;s16` are the
//! channels of the stem where they are not 64, or 32 in RegNets. RegNet's formula and
//! the names of published networks are read too.
//!
//! | module | what it holds |
//! |---|---|
//! | `stages` | the stages, and how they are written |
//! | `formula` | RegNet's formula, and how it is drawn |
//! | `published` | the networks that have names |
//! | `near` | what differs in one decision |
//! | `network` | the network of some stages |

mod formula;
mod near;
mod network;
mod published;
mod stages;

#[cfg(test)]
mod known;
#[cfg(test)]
mod tests;

use knas_graph::Graph;
use knas_stats::random::stream;
use thiserror::Error;

pub use formula::FormulaError;
pub use stages::{Block, Stage, Stages, StagesError};

use crate::choices::{digest, distinct};
use crate::setting::{Input, LowerError, Setting, Size, Sizes};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};
use formula::Formula;
use network::Stem;

/// The space of all stages.
pub struct ResNet;

const NAME: &str = "resnet";

/// The baseline.
const RESNET_50: &str = "resnet50";

/// How small the images are says nothing about the stages.
const STEM: Size = Size {
    name: "stem",
    about: "how far the stem shrinks images: 1 as for CIFAR, 2 as in RegNets, 4 as in ResNets, \
            0 as is usual for the block",
    usual: 0,
    range: (0, 4),
};

/// A stem that there is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "stem is 1 (3×3), 2 (3×3 at every other position), 4 (7×7 likewise, and a max-pool that \
     halves again) or 0 (2 for x and y, 4 for basic and bottleneck), not {0}"
)]
pub struct StemError(u64);

impl Stem {
    fn of(setting: &Setting, block: Block) -> Result<Self, LowerError> {
        let stem = setting.sizes.get(STEM.name).unwrap_or(STEM.usual);
        match (stem, block) {
            (1, _) => Ok(Self::Same),
            (2, _) | (0, Block::RegNet { .. }) => Ok(Self::Half),
            (4, _) | (0, _) => Ok(Self::Quarter),
            _ => Err(LowerError::Size(StemError(stem).into())),
        }
    }
}

fn boxed(stages: Stages) -> Box<dyn Architecture> {
    Box::new(stages)
}

impl SearchSpace for ResNet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "ResNets and RegNets: stages of residual blocks; and torchvision's and RegNet's by name"
    }

    fn sizes(&self) -> &'static [Size] {
        &[STEM]
    }

    /// ImageNet.
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

    /// ResNet-50.
    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        self.parse(RESNET_50).ok()
    }

    /// As many as there are widths and depths.
    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    /// Reads also RegNet's formula, `x:w_a=36.44,w_0=24,w_m=2.49,d=13,g=8`, and the
    /// names of torchvision's and of RegNet's authors.
    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse() {
            Ok(stages) => Ok(boxed(stages)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// RegNets: X and Y alike, of four stages that follow from the formula, with 12 to
    /// 28 blocks, each number of them equally likely; w_0 and g are multiples of 8 to
    /// 256 and 128, w_a lies between 8 and 256, w_m between 2 and 3, and all four are
    /// as likely as their inverses, uniform over their logarithms. So small networks
    /// are likelier than large ones, and stages that follow from several formulas than
    /// those of one. ResNets are read and changed, not drawn.
    fn sample(&self, seed: u64) -> Architectures {
        let mut random = stream(seed, &format!("{NAME} sample"), &[]);
        let drawn = distinct(move || {
            let squeezes = random.coin();
            Formula::draw(&mut random)?.stages(squeezes).ok()
        });
        Box::new(drawn.map(boxed))
    }

    /// No two are the same.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network, Equivalence::Function]
    }
}

impl Architecture for Stages {
    /// `resnet-` and 16 digits that follow from the notation.
    fn id(&self) -> String {
        digest(NAME, &self.to_string())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &ResNet
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let (side, classes) = (setting.side()?, setting.classes);
        let stem = Stem::of(setting, self.block())?;
        Ok(network::lower(self, stem, side, classes)?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => None,
            Equivalence::Function | Equivalence::Network => Some(self.to_string()),
        }
    }

    /// A stage has one block more or less, or its channels times or by 2, 1.5 or
    /// 1.25; groups, the bottleneck ratio or the cardinality are twice as many or half
    /// as many; or X is Y. Channels stay multiples of 8 and of what divides them.
    fn mutants(&self, seed: u64) -> Architectures {
        let near = self.near();
        let purpose = format!("{NAME} mutants");
        let mut random = stream(seed, &purpose, &[self.id().as_str().into()]);
        let order = random.choose(near.len(), near.len());
        Box::new(
            order
                .into_iter()
                .map(move |place| boxed(near[place].clone())),
        )
    }
}
