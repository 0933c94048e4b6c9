//! Networks like MnasNet and EfficientNet-B0, as Accel-NASBench searches them
//! (Ahmad et al., *Accel-NASBench: Sustainable Benchmarking for
//! Accelerator-Aware NAS*, DAC 2024): seven stages of inverted residual blocks,
//! whose channels and strides are those of EfficientNet-B0 (Tan & Le, *EfficientNet:
//! Rethinking Model Scaling for Convolutional Neural Networks*, ICML 2019, table 1).
//!
//! An architecture is written as its stages, `e1k3l1s1/e6k3l2s1/…`: the expansion of
//! the blocks, their kernel, how many layers of them there are, and whether they have
//! squeeze-and-excitation.
//!
//! | module | what it holds |
//! |---|---|
//! | `stages` | what there is to choose, and how it is written |

mod stages;

#[cfg(test)]
mod tests;

use knas_graph::{Activation, Graph, GraphError, Op};

pub use stages::{Stages, StagesError};

use crate::choices::Choices;
use crate::features::Decision;
use crate::inverted::{Inverted, Layers, Names, Squeeze};
use crate::setting::{Input, LowerError, Setting, Size, Sizes};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};
use stages::OPTIONS;

/// The space of all networks.
pub struct MnasNet;

const NAME: &str = "mnasnet";

/// The benchmark's networks have ReLU and hard sigmoid, EfficientNet has the others.
const SILU: Size = Size {
    name: "silu",
    about: "1 for SiLU and sigmoid instead of ReLU and hard sigmoid",
    usual: 0,
    range: (0, 1),
};

const CHOICES: Choices = Choices {
    space: NAME,
    options: OPTIONS.as_flattened(),
};

/// The stages' channels, and the strides of their first layers.
const SKELETON: [(usize, usize); OPTIONS.len()] = [
    (16, 1),
    (24, 2),
    (40, 2),
    (80, 2),
    (112, 1),
    (192, 2),
    (320, 1),
];

/// The network of these stages, as the benchmark's released code builds it
/// (`AccelNet`, with torchvision's names for EfficientNet): squeeze-and-excitation
/// squeezes to a quarter of the channels that go into a block.
fn lower(stages: &Stages, silu: bool, side: usize, classes: usize) -> Result<Graph, GraphError> {
    let (activation, gate) = match silu {
        true => (Op::Activation(Activation::Silu), Activation::Sigmoid),
        false => (Op::Relu, Activation::HardSigmoid),
    };
    let mut net = Layers::of_images(side, Names::Torchvision);
    net.stem("features.0", 32, activation)?;
    let mut number = 1;
    for ((channels, stride), stage) in SKELETON.into_iter().zip(stages.stages()) {
        for layer in 0..stage.layers {
            let inputs = net.channels();
            let squeeze = Squeeze {
                width: inputs / 4,
                activation,
                gate: Op::Activation(gate),
            };
            let block = Inverted {
                kernel: stage.kernel,
                stride: if layer == 0 { stride } else { 1 },
                middle: stage.expansion * inputs,
                outputs: channels,
                activation,
                squeeze: stage.squeezes.then_some(squeeze),
            };
            net.block(&format!("features.{number}.{layer}.block"), &block)?;
        }
        number += 1;
    }
    net.features(&format!("features.{number}"), 1280, activation)?;
    net.push(Op::GlobalPool)?;
    net.classifier(0.2, "classifier.1", classes)
}

/// EfficientNet-B0, but for its activations.
const EFFICIENTNET_B0: Stages = Stages([
    [0, 0, 0, 1],
    [2, 0, 1, 1],
    [2, 1, 1, 1],
    [2, 0, 2, 1],
    [2, 1, 2, 1],
    [2, 1, 3, 1],
    [2, 0, 0, 1],
]);

impl SearchSpace for MnasNet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "Accel-NASBench's networks like EfficientNet-B0: seven stages of inverted residual blocks"
    }

    fn sizes(&self) -> &'static [Size] {
        &[SILU]
    }

    /// ImageNet, at the side that the benchmark counts for.
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

    /// EfficientNet-B0's stages.
    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        Some(Box::new(EFFICIENTNET_B0))
    }

    /// The last option of every choice.
    fn largest(&self) -> Option<Box<dyn Architecture>> {
        self.at(CHOICES.count() - 1)
    }

    fn count(&self) -> Option<u64> {
        Some(CHOICES.count())
    }

    /// Choices are digits, stage after stage; the last one changes fastest.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let choices = CHOICES.at(index)?;
        Some(Box::new(Stages::of(&choices)))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Stages>() {
            Ok(stages) => Ok(Box::new(stages)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        let drawn = CHOICES.draw(seed);
        Box::new(drawn.map(|choices| Box::new(Stages::of(&choices)) as Box<dyn Architecture>))
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

impl Architecture for Stages {
    /// `mnasnet-` and its index.
    fn id(&self) -> String {
        format!("{NAME}-{}", CHOICES.index(self.0.as_flattened()))
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &MnasNet
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let silu = setting.sizes.get(SILU.name).unwrap_or(SILU.usual) == 1;
        Ok(lower(self, silu, setting.side()?, setting.classes)?)
    }

    fn key(&self, _equivalence: Equivalence) -> Option<String> {
        Some(self.to_string())
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = CHOICES.near(self.0.as_flattened(), seed, &self.id());
        let boxed = |choices: Vec<usize>| Box::new(Stages::of(&choices)) as Box<dyn Architecture>;
        Box::new(near.into_iter().map(boxed))
    }

    fn decisions(&self) -> Vec<Decision> {
        self.chosen()
            .map(|(stage, choice, chosen)| Decision {
                name: format!("{} {}", choice.name, stage + 1),
                options: choice.options,
                choice: chosen,
            })
            .collect()
    }
}
