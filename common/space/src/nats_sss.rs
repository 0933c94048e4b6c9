//! The size space of NATS-Bench (Dong, Liu, Musial & Gabrys, *NATS-Bench:
//! Benchmarking NAS Algorithms for Architecture Topology and Size*, TPAMI 2021):
//! five widths of one network of NAS-Bench-201's kind, each one of eight.
//!
//! An architecture is written as the benchmark writes it, `64:64:64:64:64`: the
//! channels of the stem, of the cells of the three stages, and of the two residual
//! blocks between them, in the order of the layers.

use std::fmt;
use std::str::FromStr;

use knas_graph::{Graph, GraphError, Op, Shape, Value};
use thiserror::Error;

use crate::choices::Choices;
use crate::features::Decision;
use crate::layers::{mark, named};
use crate::nb201::network::{classifier, conv_norm, reduction};
use crate::setting::{LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all widths.
pub struct NatsSss;

const NAME: &str = "nats-sss";

/// Every width is one of these.
static WIDTHS: [&str; 8] = ["8", "16", "24", "32", "40", "48", "56", "64"];
/// The narrowest, and what lies between two.
const STEP: usize = 8;

const CHOICES: Choices = Choices {
    space: NAME,
    options: &[WIDTHS.len(); 5],
};

/// The channels of the five layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Widths([usize; 5]);

impl Widths {
    fn of(choices: &[usize]) -> Self {
        let mut widths = [STEP; 5];
        for (width, choice) in widths.iter_mut().zip(choices) {
            *width = STEP * (choice + 1);
        }
        Self(widths)
    }

    fn choices(&self) -> [usize; 5] {
        self.0.map(|width| width / STEP - 1)
    }
}

/// Why a text is no widths.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WidthsError {
    /// There are too few, or too many.
    #[error("there are five widths, as in 64:64:64:64:64, not {0}")]
    Count(usize),
    /// One is no width.
    #[error("width {place} is one of {}", WIDTHS.join(", "))]
    Width {
        /// Its place, from 1.
        place: usize,
    },
}

impl FromStr for Widths {
    type Err = WidthsError;

    fn from_str(text: &str) -> Result<Self, WidthsError> {
        let parts: Vec<&str> = text.split(':').collect();
        if parts.len() != CHOICES.options.len() {
            return Err(WidthsError::Count(parts.len()));
        }
        let choice = |(place, part): (usize, &&str)| {
            let found = WIDTHS.iter().position(|width| width == part);
            found.ok_or(WidthsError::Width { place: place + 1 })
        };
        let choices = parts.iter().enumerate().map(choice);
        Ok(Self::of(&choices.collect::<Result<Vec<usize>, _>>()?))
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e] = self.0;
        write!(f, "{a}:{b}:{c}:{d}:{e}")
    }
}

/// The network of these widths: a 3×3 convolution; a cell, a residual block that
/// halves the image, a cell, another one, a cell; then batch norm, ReLU, global
/// average pooling and a linear classifier.
///
/// # Errors
/// When the image cannot be halved twice.
pub fn lower(widths: &Widths, side: usize, classes: usize) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let image = graph.input();
    let stem = graph.convolution(image, named("stem.0", "stem"), widths.0[0], 3, 1)?;
    let mut x = graph.batch_norm(stem, named("stem.1", "stem"))?;
    mark(&mut graph, image, x);
    for (block, &width) in widths.0.iter().enumerate() {
        let name = format!("cells.{block}");
        let output = match block % 2 {
            0 => cell(&mut graph, x, &name, width)?,
            _ => reduction(&mut graph, x, &name, width)?,
        };
        mark(&mut graph, x, output);
        x = output;
    }
    classifier(&mut graph, x, classes)?;
    Ok(graph)
}

/// `|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+`
/// `|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|`, to `width` channels. Each ReLU
/// is made once, however many convolutions read it.
fn cell(graph: &mut Graph, input: Value, name: &str, width: usize) -> Result<Value, GraphError> {
    let conv = |graph: &mut Graph, relu: Value, edge: usize| {
        let name = format!("{name}.layers.{edge}.op");
        conv_norm(graph, relu, &name, &name, (width, 3, 1))
    };
    let active = graph.push(Op::Relu, &[input])?;
    let first = conv(graph, active, 0)?;
    let direct = conv(graph, active, 1)?;
    let active = graph.push(Op::Relu, &[first])?;
    let further = conv(graph, active, 2)?;
    let second = graph.push(Op::Add, &[direct, further])?;
    let skipped = skip(graph, input, &format!("{name}.layers.3"), width)?;
    let from_first = conv(graph, active, 4)?;
    let active = graph.push(Op::Relu, &[second])?;
    let from_second = conv(graph, active, 5)?;
    graph.push(Op::Add, &[skipped, from_first, from_second])
}

/// The input itself; where it has another width, a 1×1 convolution and batch norm,
/// without a ReLU.
fn skip(graph: &mut Graph, input: Value, name: &str, width: usize) -> Result<Value, GraphError> {
    if matches!(graph.shape(input), Shape::Maps { channels, .. } if channels == width) {
        return Ok(input);
    }
    let [convolution, norm] = ["conv", "bn"].map(|layer| format!("{name}.{layer}"));
    let output = graph.convolution(input, named(&convolution, name), width, 1, 1)?;
    graph.batch_norm(output, named(&norm, name))
}

impl SearchSpace for NatsSss {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "NATS-Bench's size space: five widths of one image network, 8 to 64 channels each"
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

    /// The benchmark's own order: widths are digits, the first one counts most.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let choices = CHOICES.at(index)?;
        Some(Box::new(Widths::of(&choices)))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Widths>() {
            Ok(widths) => Ok(Box::new(widths)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        Box::new(CHOICES.sample(seed).filter_map(|index| NatsSss.at(index)))
    }

    /// No two are the same, in any sense.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[
            Equivalence::Benchmark,
            Equivalence::Function,
            Equivalence::Network,
        ]
    }
}

impl Architecture for Widths {
    /// `nats-sss-` and the benchmark's index.
    fn id(&self) -> String {
        format!("{NAME}-{}", CHOICES.index(&self.choices()))
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &NatsSss
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        Ok(lower(self, setting.side()?, setting.classes)?)
    }

    fn key(&self, _equivalence: Equivalence) -> Option<String> {
        Some(self.to_string())
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = CHOICES.near(&self.choices(), seed, &self.id());
        let boxed = |choices: Vec<usize>| Box::new(Widths::of(&choices)) as Box<dyn Architecture>;
        Box::new(near.into_iter().map(boxed))
    }

    fn decisions(&self) -> Vec<Decision> {
        let choices = self.choices().into_iter().enumerate();
        choices
            .map(|(layer, choice)| Decision {
                name: format!("width {}", layer + 1),
                options: &WIDTHS,
                choice,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use knas_graph::Cost;

    use super::*;

    fn counts(arch: &str, side: usize, classes: usize) -> (u64, u64) {
        let Cost { params, macs } = lower(&arch.parse().unwrap(), side, classes).unwrap().cost();
        (params, macs)
    }

    // The benchmark's numbers of parameters; its multiply-accumulates are 10 (on
    // 120 classes, 120) more, since its counter adds the classifier's bias.
    #[test]
    fn networks_have_their_published_counts() {
        for (arch, params, macs) in [
            ("8:8:16:40:40", 107_826, None),
            ("8:8:8:16:32", 49_202, Some(6_840_640)),
            ("8:8:40:32:40", 144_834, Some(21_827_984)),
            ("16:32:32:64:64", 316_346, Some(43_172_480)),
            ("8:64:8:64:8", 110_882, Some(20_271_184)),
            ("64:8:64:8:64", 441_226, Some(230_838_912)),
            ("64:64:64:64:64", 713_674, Some(274_399_872)),
            ("8:8:8:8:8", 11_714, None),
        ] {
            let found = counts(arch, 32, 10);
            assert_eq!(found.0, params, "{arch}");
            assert_eq!(found.1, macs.unwrap_or(found.1), "{arch}");
        }
        assert_eq!(counts("8:8:8:8:8", 16, 120), (12_704, 1_121_216));
        assert_eq!(counts("64:64:64:64:64", 16, 120), (720_824, 68_607_488));
    }

    #[test]
    fn indices_are_the_benchmarks() {
        for (index, arch) in [
            (0, "8:8:8:8:8"),
            (11, "8:8:8:16:32"),
            (284, "8:8:40:32:40"),
            (32_767, "64:64:64:64:64"),
        ] {
            let found = NatsSss.at(index).unwrap();
            assert_eq!(found.to_string(), arch);
            assert_eq!(found.id(), format!("nats-sss-{index}"));
        }
        assert_eq!(NatsSss.count(), Some(32_768));
        assert!(NatsSss.at(32_768).is_none());
    }

    #[test]
    fn what_is_no_width_is_told_by_its_place() {
        let said = |text: &str| NatsSss.parse(text).err().unwrap().to_string();
        assert!(said("8:8:8:8").ends_with("there are five widths, as in 64:64:64:64:64, not 4"));
        assert!(said("8:8:12:8:8").ends_with("width 3 is one of 8, 16, 24, 32, 40, 48, 56, 64"));
        assert!(said("08:8:8:8:8").contains("width 1 is"));
        assert!(said("").contains("five widths"));
    }
}
