//! NAS-Bench-Macro (Su et al., *Prioritized Architecture Sampling with Monto-Carlo
//! Tree Search*, CVPR 2021): which of three blocks stands at each of eight places of
//! a network for CIFAR-10.
//!
//! An architecture is written as the benchmark writes it, by eight digits: 0 for
//! identity, 1 for an inverted residual block with windows of 3 that expands
//! channels 3 times, 2 for one with windows of 5 that expands them 6 times.

use std::fmt;
use std::str::FromStr;

use knas_graph::{Graph, GraphError, Kernel, Mark, Op, Shape, Value};
use thiserror::Error;

use crate::choices::Choices;
use crate::features::Decision;
use crate::layers::{classify, conv_norm, conv_norm_relu};
use crate::setting::{LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all eight digits.
pub struct NbMacro;

const NAME: &str = "nb-macro";

/// Layers of each stage; the first one of a stage halves the image and doubles the
/// channels.
const STAGES: [usize; 3] = [2, 3, 3];
const LAYERS: usize = 8;

/// Channels of the stem, and of what is pooled.
const STEM: usize = 32;
const LAST: usize = 1280;

const CHOICES: Choices = Choices {
    space: NAME,
    options: &[OPTIONS.len(); LAYERS],
};

static OPTIONS: [&str; 3] = ["identity", "mbconv k3 e3", "mbconv k5 e6"];

/// What stands at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Block {
    Identity,
    /// An inverted residual block (Sandler et al. 2018).
    Inverted {
        window: usize,
        expansion: usize,
    },
}

impl Block {
    const ALL: [Self; OPTIONS.len()] = [
        Self::Identity,
        Self::Inverted {
            window: 3,
            expansion: 3,
        },
        Self::Inverted {
            window: 5,
            expansion: 6,
        },
    ];
}

/// The blocks at the eight places, as digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blocks([u8; LAYERS]);

impl Blocks {
    fn of(choices: &[usize]) -> Self {
        let mut digits = [0; LAYERS];
        for (digit, &choice) in digits.iter_mut().zip(choices) {
            *digit = choice as u8;
        }
        Self(digits)
    }

    fn choices(&self) -> [usize; LAYERS] {
        self.0.map(usize::from)
    }

    /// The same network with all identities that do nothing at the end of their
    /// stages.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut digits = self.0;
        let mut rest = &mut digits[..];
        for layers in STAGES {
            let (stage, others) = rest.split_at_mut(layers);
            stage[1..].sort_by_key(|&digit| digit == 0); // which keeps the others' order
            rest = others;
        }
        Self(digits)
    }
}

/// A text that is no list of blocks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BlocksError {
    /// There are too few digits, or too many.
    #[error("there are eight digits, as in 02012100, not {0}")]
    Count(usize),
    /// One is no block.
    #[error("digit {place} is 0 (identity), 1 (mbconv k3 e3) or 2 (mbconv k5 e6)")]
    Digit {
        /// Its place, from 1.
        place: usize,
    },
}

impl FromStr for Blocks {
    type Err = BlocksError;

    fn from_str(text: &str) -> Result<Self, BlocksError> {
        let digits = text.bytes().map(|byte| match byte {
            b'0'..=b'2' => Some(byte - b'0'),
            _ => None,
        });
        let count = text.chars().count();
        if count != LAYERS {
            return Err(BlocksError::Count(count));
        }
        let mut blocks = [0; LAYERS];
        for (place, (block, digit)) in blocks.iter_mut().zip(digits).enumerate() {
            *block = digit.ok_or(BlocksError::Digit { place: place + 1 })?;
        }
        Ok(Self(blocks))
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

/// The network of these blocks: a 3×3 convolution; the blocks, in three stages; a
/// 1×1 convolution, global average pooling and a linear classifier. Layers have the
/// names that the benchmark's code gives them.
///
/// # Errors
/// When the image is of no side.
pub fn lower(blocks: &Blocks, side: usize, classes: usize) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let input = graph.input();
    let mut x = conv_norm_relu(&mut graph, input, ["stem.0", "stem.1"], "stem", {
        Kernel::new(STEM, 3, 1)
    })?;
    graph.mark(Mark::Block { input, output: x });
    let (mut channels, mut first) = (STEM, 0);
    for layers in STAGES {
        let mut canonical = first;
        for place in first..first + layers {
            let block = Block::ALL[usize::from(blocks.0[place])];
            if (block, place == first) == (Block::Identity, false) {
                continue;
            }
            let (outputs, stride) = match place == first {
                true => (2 * channels, 2),
                false => (channels, 1),
            };
            let names = Names {
                name: format!("features.{place}"),
                key: format!("features.{canonical}"),
            };
            let output = lower_block(&mut graph, x, &names, block, (outputs, stride))?;
            graph.mark(Mark::Block { input: x, output });
            (x, channels, canonical) = (output, outputs, canonical + 1);
        }
        first += layers;
    }
    let out = Kernel::new(LAST, 1, 1);
    let features = conv_norm_relu(&mut graph, x, ["out.0", "out.1"], "out", out)?;
    classify(&mut graph, features, "classifier", classes)?;
    Ok(graph)
}

/// The official name of a block, and the key of its weights: its place where
/// identities are left out.
struct Names {
    name: String,
    key: String,
}

impl Names {
    fn layer(
        &self,
        graph: &mut Graph,
        input: Value,
        path: &str,
        first: usize,
        kernel: Kernel,
    ) -> Result<Value, GraphError> {
        let names = [first, first + 1].map(|layer| format!("{}.{path}.{layer}", self.name));
        let key = format!("{}.{path}.{first}", self.key);
        conv_norm(graph, input, [&names[0], &names[1]], &key, kernel)
    }
}

fn lower_block(
    graph: &mut Graph,
    input: Value,
    names: &Names,
    block: Block,
    (outputs, stride): (usize, usize),
) -> Result<Value, GraphError> {
    let Block::Inverted { window, expansion } = block else {
        let kernel = Kernel::new(outputs, 1, stride);
        return names.layer(graph, input, "downsample", 0, kernel);
    };
    let inputs = graph.channels(input);
    let wide = inputs * expansion;
    let mut x = input;
    for (first, kernel) in [
        (0, Kernel::new(wide, 1, 1)),
        (3, Kernel::depthwise(wide, window, stride)),
    ] {
        let normal = names.layer(graph, x, "conv", first, kernel)?;
        x = graph.push(Op::Relu, &[normal])?;
    }
    let output = names.layer(graph, x, "conv", 6, Kernel::new(outputs, 1, 1))?;
    match (inputs, 1) == (outputs, stride) {
        true => graph.push(Op::Add, &[output, input]),
        false => Ok(output),
    }
}

impl SearchSpace for NbMacro {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "NAS-Bench-Macro: one of three blocks of mobile networks at each of eight places"
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        self.at(CHOICES.count() - 1)
    }

    fn count(&self) -> Option<u64> {
        Some(CHOICES.count())
    }

    /// By the number that the digits write in base 3.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let choices = CHOICES.at(index)?;
        Some(Box::new(Blocks::of(&choices)))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Blocks>() {
            Ok(blocks) => Ok(Box::new(blocks)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each text of eight digits is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        Box::new(CHOICES.sample(seed).filter_map(|index| NbMacro.at(index)))
    }

    /// The benchmark trained each network once: identities that do nothing stand at
    /// the end of their stage.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[
            Equivalence::Benchmark,
            Equivalence::Function,
            Equivalence::Network,
        ]
    }
}

impl Architecture for Blocks {
    /// `nb-macro-` and the digits.
    fn id(&self) -> String {
        format!("{NAME}-{self}")
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &NbMacro
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        Ok(lower(self, setting.side()?, setting.classes)?)
    }

    fn key(&self, _equivalence: Equivalence) -> Option<String> {
        Some(self.canonical().to_string())
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = CHOICES.near(&self.choices(), seed, &self.id());
        let boxed = |choices: Vec<usize>| Box::new(Blocks::of(&choices)) as Box<dyn Architecture>;
        Box::new(near.into_iter().map(boxed))
    }

    fn decisions(&self) -> Vec<Decision> {
        let choices = self.choices().into_iter().enumerate();
        choices
            .map(|(layer, choice)| Decision {
                name: format!("layer {}", layer + 1),
                options: &OPTIONS,
                choice,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use knas_graph::Cost;

    use super::*;

    fn blocks(text: &str) -> Blocks {
        text.parse().unwrap()
    }

    // Parameters and multiply-accumulates as the benchmark's table has them.
    #[test]
    fn networks_have_their_published_counts() {
        for (arch, params, macs) in [
            ("02012100", 890_666, 47_327_744),
            ("00000000", 387_882, 7_713_280),
            ("11111111", 1_588_874, 53_246_464),
            ("22222222", 2_932_586, 105_660_928),
            ("22212220", 1_985_514, 85_164_544),
            ("20100212", 1_960_618, 50_979_328),
        ] {
            let cost = lower(&blocks(arch), 32, 10).unwrap().cost();
            assert_eq!(cost, Cost { params, macs }, "{arch}");
        }
    }

    #[test]
    fn identities_stand_at_the_end_of_their_stage() {
        assert_eq!(blocks("02012100").canonical(), blocks("02012100"));
        assert_eq!(blocks("00001001").canonical(), blocks("00010010"));
        let all = (0..6561).map(|index| Blocks::of(&CHOICES.at(index).unwrap()));
        let distinct: HashSet<Blocks> = all.map(|one| one.canonical()).collect();
        assert_eq!(distinct.len(), 9 * 21 * 21);
        for one in distinct {
            assert_eq!(one.canonical(), one);
        }
    }

    #[test]
    fn two_notations_of_one_network_have_the_same_first_weights() {
        let keys = |graph: &Graph| -> Vec<(String, Vec<usize>)> {
            let parameters = graph.parameters().iter();
            parameters
                .map(|p| (p.key.clone(), p.shape.clone()))
                .collect()
        };
        let [moved, canonical, other] = ["20201021", "20210021", "20120021"]
            .map(|arch| keys(&lower(&blocks(arch), 32, 10).unwrap()));
        assert_eq!(moved, canonical);
        assert_ne!(moved, other);
        let key = |arch| blocks(arch).key(Equivalence::Network);
        assert_eq!(key("20201021"), key("20210021"));
        assert_ne!(key("20201021"), key("20120021"));
    }

    #[test]
    fn what_is_no_block_is_told_by_its_place() {
        let said = |text: &str| NbMacro.parse(text).err().unwrap().to_string();
        assert!(said("0201210").ends_with("there are eight digits, as in 02012100, not 7"));
        assert!(said("02013100").contains("digit 5 is 0 (identity), 1"));
        assert!(said("02é12100").contains("digit 3 is"));
        assert!(said("").contains("eight digits"));
    }
}
