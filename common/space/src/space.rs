//! What every search space offers, and the list of those there are.

mod error;

use std::fmt;
use std::path::Path;

use knas_graph::{Cost, Graph, GraphError};

use crate::darts::Darts;
use crate::features::{Decision, Flow};
use crate::mnasnet::MnasNet;
use crate::mobilenet::MobileNet;
use crate::nats_sss::NatsSss;
use crate::nb_macro::NbMacro;
use crate::nb101::Nb101;
use crate::nb201::Nb201;
use crate::onnx::Onnx;
use crate::resnet::ResNet;
use crate::roberta_skip::{Backbone, RobertaSkip};
use crate::setting::{Input, LowerError, Setting, Size, Sizes};
use crate::supernet::Supernet;
use crate::tnb101::micro::Tnb101Micro;
use crate::tnb101::skeleton::Tnb101Macro;
use crate::vary::Vary;
use crate::zennas::ZenNas;

pub use error::{ArchError, OptionError, UnknownSpace};

/// Every search space, by name.
#[must_use]
pub fn spaces() -> &'static [&'static dyn SearchSpace] {
    &[
        &Nb201,
        &NatsSss,
        &NbMacro,
        &Nb101,
        &Darts,
        &MobileNet,
        &MnasNet,
        &ResNet,
        &ZenNas,
        &Tnb101Micro,
        &Tnb101Macro,
        &Onnx,
        &Vary::ANY,
        &RobertaSkip::USUAL,
    ]
}

/// The search space called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn SearchSpace> {
    spaces().iter().copied().find(|space| space.name() == name)
}

/// The search space called `name`, or the names of those that there are.
///
/// # Errors
/// When there is none.
pub fn named(name: &str) -> Result<&'static dyn SearchSpace, UnknownSpace> {
    by_name(name).ok_or_else(|| UnknownSpace::of(name))
}

/// What is usual unless a space says otherwise.
pub(crate) fn usual_of(space: &(impl SearchSpace + ?Sized)) -> Setting {
    let input = match space.reads_texts() {
        true => Input::Texts {
            length: None,
            settings: None,
        },
        false => Input::Images { side: 32 },
    };
    Setting {
        input,
        classes: if space.reads_texts() { 2 } else { 10 },
        sizes: Sizes::usual(space.sizes()),
    }
}

/// Architectures, one after another.
pub type Architectures = Box<dyn Iterator<Item = Box<dyn Architecture>>>;

/// A set of architectures and the ways to walk through it.
pub trait SearchSpace: Sync {
    /// The name that records carry in `space`, such as `nb201`.
    fn name(&self) -> &'static str;

    /// One line on what the space is.
    fn description(&self) -> &'static str;

    /// Whether its architectures are files, which are named and not drawn.
    fn is_of_files(&self) -> bool {
        false
    }

    /// Whether its networks read texts; otherwise they look at images.
    fn reads_texts(&self) -> bool {
        false
    }

    /// The numbers that make a network larger or smaller without being part of
    /// its architecture.
    fn sizes(&self) -> &'static [Size] {
        &[]
    }

    /// For what its networks are counted unless something else is told: what the
    /// images are, how many classes there are, and the sizes that are usual.
    fn usual(&self) -> Setting {
        usual_of(self)
    }

    /// What has to be named before anything can be drawn from it, and how; none where
    /// nothing has.
    fn lacks(&self) -> Option<&'static str> {
        None
    }

    /// What else there is to know of it, a line each.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }

    /// The space as `options` want it.
    ///
    /// # Errors
    /// Where they ask for what the space does not have.
    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError>;

    /// The architecture that the others are variations of, where there is one.
    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        None
    }

    /// The architecture with the most parameters, where there is one.
    fn largest(&self) -> Option<Box<dyn Architecture>> {
        None
    }

    /// How many architectures there are, where they can be enumerated. Their
    /// indices run from 0 to this number, exclusive.
    fn count(&self) -> Option<u64>;

    /// The architecture at `index` of the space's own order; none from
    /// [`count`](Self::count) on, or where the space cannot be enumerated.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>>;

    /// Reads the space's usual notation, and nothing else.
    ///
    /// # Errors
    /// What is wrong with `arch`, where, and what would be right.
    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError>;

    /// All its architectures in one network of this setting; none where it has no such.
    ///
    /// # Errors
    /// Where there can be no such network in this setting.
    fn supernet(&self, setting: &Setting) -> Result<Option<Supernet>, LowerError> {
        let _ = setting;
        Ok(None)
    }

    /// As [`lower_thin`](Architecture::lower_thin), of all its architectures in one network.
    fn supernet_thin(&self, side: usize) -> Option<Result<Supernet, GraphError>> {
        let _ = side;
        None
    }

    /// The architecture that takes these options of its [supernet](Self::supernet)'s
    /// choices; none where there are no such options, or there is no supernet.
    fn choose(&self, options: &[usize]) -> Option<Box<dyn Architecture>> {
        let _ = options;
        None
    }

    /// Distinct random architectures, until there are no more; how likely each
    /// is, the space says. They depend on the seed alone: whoever takes fewer
    /// gets the beginning of what another gets who takes more.
    fn sample(&self, seed: u64) -> Architectures;

    /// The ways in which this space tells whether two architectures are the
    /// same, the usual one first.
    fn equivalences(&self) -> &'static [Equivalence];
}

/// One architecture of a search space; it prints itself in the space's usual
/// notation.
pub trait Architecture: fmt::Display + Send + Sync {
    /// The name that is unique among all spaces and never changes.
    fn id(&self) -> String;

    /// Its space.
    fn space(&self) -> &'static dyn SearchSpace;

    /// For what its network is counted unless something else is told: what its space
    /// says, or its file.
    fn usual(&self) -> Setting {
        self.space().usual()
    }

    /// The network that it is in this setting.
    ///
    /// # Errors
    /// When there can be no such network.
    fn lower(&self, setting: &Setting, extent: Extent) -> Result<Graph, LowerError>;

    /// A network of so few neurons that images of one channel and of `side` ×
    /// `side` pixels share linear regions (Chen et al. 2021), up to its last ReLU;
    /// none in spaces for which that is not defined.
    fn lower_thin(&self, side: usize) -> Option<Result<Graph, GraphError>> {
        let _ = side;
        None
    }

    /// The weights that it comes with, where it is a file of them.
    fn own_weights(&self) -> Option<OwnWeights<'_>> {
        None
    }

    /// What whoever uses it should know of how it was read, a sentence each.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// All parameters of its network in its usual setting, and the
    /// multiply-accumulates of a forward pass over one sample.
    ///
    /// # Errors
    /// When there can be no such network.
    fn cost(&self) -> Result<Cost, LowerError> {
        self.cost_in(&self.usual())
    }

    /// What its network costs in this setting, all of it.
    ///
    /// # Errors
    /// When there can be no such network.
    fn cost_in(&self, setting: &Setting) -> Result<Cost, LowerError> {
        Ok(self.lower(setting, Extent::Whole)?.cost())
    }

    /// A text that architectures of this space share exactly where they are the
    /// same network, with weights that are `drawn`, or that come from one file for
    /// all of them.
    fn network_key(&self, drawn: bool) -> String {
        let _ = drawn;
        self.key(Equivalence::Network)
            .unwrap_or_else(|| self.to_string())
    }

    /// The encoder that it is a variation of, where it is one.
    fn backbone(&self) -> Option<&Backbone> {
        None
    }

    /// A text that two architectures share where, and only where, they are the
    /// same in the sense of `equivalence`; none where the space does not know
    /// that sense.
    fn key(&self, equivalence: Equivalence) -> Option<String>;

    /// Every architecture that differs from this one in exactly one decision,
    /// once each, in an order that depends on `seed` and the architecture alone.
    fn mutants(&self, seed: u64) -> Architectures;

    /// The operations between its input and its output, where the space sees
    /// its architectures so.
    fn flow(&self) -> Option<Flow> {
        None
    }

    /// The choices that make it, the same ones in the same order for every
    /// architecture; none where the space has no such list.
    fn decisions(&self) -> Vec<Decision> {
        Vec::new()
    }
}

/// The weights that an architecture comes with.
pub struct OwnWeights<'a> {
    /// The file that they are in.
    pub path: &'a Path,
    /// SHA-256 of all of it.
    pub sha256: &'a str,
    /// Each tensor of the network of the file's own classes: its official name, its
    /// sizes, its numbers.
    pub tensors: Box<dyn Iterator<Item = (String, Vec<usize>, Vec<f32>)> + 'a>,
}

/// How much of an architecture is in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it, as it is published: what is counted, and what its files of
    /// weights hold.
    Whole,
    /// What reaches the output, in canonical form: what is evaluated.
    /// Architectures that are the same network give the same graph but for
    /// official names.
    Live,
}

/// What can be asked of a space beyond its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The encoder whose variations are meant.
    pub backbone: Option<Backbone>,
    /// Extra connections, at most.
    pub links: Option<usize>,
    /// Layers or blocks left out, at most.
    pub left_out: Option<usize>,
    /// The network whose variations are meant, as `SPACE:ARCH`.
    pub base: Option<String>,
}

/// A space that has nothing for options to choose from.
///
/// # Errors
/// Where there are any.
pub(crate) fn unchanged(
    space: impl SearchSpace + 'static,
    options: Options,
) -> Result<Box<dyn SearchSpace>, OptionError> {
    match options == Options::default() {
        true => Ok(Box::new(space)),
        false => Err(OptionError::none(&space)),
    }
}

/// A sense in which two architectures can be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Equivalence {
    /// As the benchmark that the space was published with counts them.
    Benchmark,
    /// They are written as the same expression, whatever shares its weights.
    Function,
    /// They are the same network: the same expression, and the same of its
    /// operations are one and the same.
    Network,
}

impl Equivalence {
    /// The name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Benchmark => "benchmark",
            Self::Function => "function",
            Self::Network => "network",
        }
    }
}

/// The beginning of a text from outside, quoted and fit to be printed: control
/// characters are escaped, and what goes beyond 80 characters is left out.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_is_found_by_its_name_and_names_are_distinct() {
        for space in spaces() {
            let found = by_name(space.name()).unwrap();
            assert_eq!(found.description(), space.description());
            let same = |other: &&&dyn SearchSpace| other.name() == space.name();
            assert_eq!(spaces().iter().filter(same).count(), 1);
        }
        assert!(by_name("nb202").is_none());
    }

    #[test]
    fn an_excerpt_is_short_and_holds_no_control_characters() {
        assert_eq!(excerpt("a\u{1b}[2J\n"), r#""a\u{1b}[2J\n""#);
        assert_eq!(
            excerpt(&"é".repeat(100)),
            format!("\"{}\"...", "é".repeat(80))
        );
        assert_eq!(excerpt(&"é".repeat(80)), format!("\"{}\"", "é".repeat(80)));
    }
}
