//! The networks of ZenNAS (Lin et al., *Zen-NAS: A Zero-Shot NAS for High-Performance
//! Image Recognition*, ICCV 2021): super blocks of convolutions and of residual blocks.
//!
//! An architecture is written as ZenNAS writes it: super blocks, each with the channels
//! that go in and that come out, a stride, for residual blocks the channels within
//! them, and the number of layers, `SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)…`;
//! global average pooling and a linear classifier follow. The names of ZenNAS's released
//! weights are read too.
//!
//! | module | what it holds |
//! |---|---|
//! | `structure` | the super blocks, and how they are written |
//! | `published` | the structures that have names |
//! | `search` | what is drawn, and what differs in one decision |
//! | `network` | the network of a structure |

mod network;
mod published;
mod search;
mod structure;

#[cfg(test)]
mod tests;

use knas_graph::Graph;
use knas_stats::random::stream;

pub use structure::{Residual, Structure, StructureError, SuperBlock};

use crate::choices::{digest, distinct};
use crate::setting::{LowerError, Setting, Size};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all structures.
pub struct ZenNas;

const NAME: &str = "zennas";

/// ZenNAS trains some structures with it, and some without.
const SE: Size = Size {
    name: "se",
    about: "1 for squeeze-and-excitation in the middle of residual blocks",
    usual: 0,
    range: (0, 1),
};

fn boxed(structure: Structure) -> Box<dyn Architecture> {
    Box::new(structure)
}

impl SearchSpace for ZenNas {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "ZenNAS: super blocks of ResNet-like or mobile residual blocks; and the released ones by \
         name"
    }

    fn sizes(&self) -> &'static [Size] {
        &[SE]
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    /// The network with which ZenNAS's searches on CIFAR begin.
    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        self.parse(search::FIRST).ok()
    }

    /// As many as there are super blocks and numbers for them.
    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse() {
            Ok(structure) => Ok(boxed(structure)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Networks for small images, like the one with which ZenNAS's searches on CIFAR
    /// begin: a 3×3 convolution, residual super blocks of strides 1, 2, 2 and 2, and a
    /// 1×1 convolution. All super blocks are ResNet-like or, as likely, all are mobile;
    /// which of those each is, and its one to five layers, are equally likely. Channels
    /// are multiples of 8 (in the last convolution of 128) up to 256, within residual
    /// blocks and in the first convolution up to 128, in the last up to 2,048, each as
    /// likely as its inverse, uniform over their logarithms.
    fn sample(&self, seed: u64) -> Architectures {
        let mut random = stream(seed, &format!("{NAME} sample"), &[]);
        Box::new(distinct(move || Structure::draw(&mut random)).map(boxed))
    }

    /// No two are the same.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network, Equivalence::Function]
    }
}

impl Architecture for Structure {
    /// `zennas-` and 16 digits that follow from the notation.
    fn id(&self) -> String {
        digest(NAME, &self.to_string())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &ZenNas
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let (side, classes) = (setting.side()?, setting.classes);
        let squeezes = setting.sizes.get(SE.name).unwrap_or(SE.usual) == 1;
        Ok(network::lower(self, squeezes, side, classes)?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => None,
            Equivalence::Function | Equivalence::Network => Some(self.to_string()),
        }
    }

    /// As ZenNAS changes them, one decision at a time: a residual super block is
    /// another one, ResNet-like or mobile as before; the channels that it gives, or
    /// those within it, are times or by 2.5, 2, 1.5 or 1.25, as multiples of 8; it has
    /// one or two layers more or less. One that gets six layers or more falls into two,
    /// the first of three.
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
