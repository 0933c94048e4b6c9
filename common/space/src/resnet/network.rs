//! The network of some stages, with the layers' names in torchvision's `ResNet` and
//! `RegNet`.

use knas_graph::{Activation, Graph, GraphError, Kernel, Op, Shape, Value};

use super::stages::{Block, Stages};
use crate::inverted::{Squeeze, squeeze};
use crate::layers::{classify, conv_norm, conv_norm_relu, mark};

/// The first layers: a convolution, batch norm and ReLU, and in the one that shrinks
/// images most a max-pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stem {
    /// 3×3: for small images.
    Same,
    /// 3×3 at every other position: RegNet's.
    Half,
    /// 7×7 at every other position, and a pool that halves again: ResNet's.
    Quarter,
}

/// A stem, the stages, global average pooling and a linear classifier. The stages of
/// ResNets halve the image but for the first one, those of RegNets all do.
pub(super) fn lower(
    stages: &Stages,
    stem: Stem,
    side: usize,
    classes: usize,
) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let image = graph.input();
    let block = stages.block();
    let regnet = matches!(block, Block::RegNet { .. });
    let names = match regnet {
        true => ["stem.0", "stem.1"],
        false => ["conv1", "bn1"],
    };
    let (window, stride) = match stem {
        Stem::Same => (3, 1),
        Stem::Half => (3, 2),
        Stem::Quarter => (7, 2),
    };
    let kernel = Kernel::new(stages.stem(), window, stride);
    let mut x = conv_norm_relu(&mut graph, image, names, names[0], kernel)?;
    if stem == Stem::Quarter {
        const POOL: Op = Op::MaxPool {
            window: 3,
            stride: 2,
            padding: 1,
        };
        x = graph.push(POOL, &[x])?;
    }
    mark(&mut graph, image, x);
    for (number, stage) in (1..).zip(stages.stages()) {
        for place in 0..stage.blocks {
            let halves = place == 0 && (regnet || number > 1);
            let change = Change {
                width: stage.width,
                stride: if halves { 2 } else { 1 },
            };
            let output = match regnet {
                true => {
                    let path = format!("trunk_output.block{number}.block{number}-{place}");
                    regnet_block(&mut graph, x, &path, block, change)?
                }
                false => {
                    let path = format!("layer{number}.{place}");
                    resnet_block(&mut graph, x, &path, block, change)?
                }
            };
            mark(&mut graph, x, output);
            x = output;
        }
    }
    classify(&mut graph, x, "fc", classes)?;
    Ok(graph)
}

/// What a block gives.
#[derive(Clone, Copy)]
struct Change {
    width: usize,
    stride: usize,
}

impl Change {
    /// A 1×1 convolution of what goes into the block, where the sum needs another
    /// shape; else what goes in.
    fn shortcut(
        self,
        graph: &mut Graph,
        input: Value,
        names: [&str; 2],
    ) -> Result<Value, GraphError> {
        if (graph.channels(input), self.stride) == (self.width, 1) {
            return Ok(input);
        }
        let kernel = Kernel::new(self.width, 1, self.stride);
        conv_norm(graph, input, names, names[0], kernel)
    }
}

/// Convolutions and a shortcut; ReLU follows all but the last one, and the sum. The
/// stride is that of the 3×3 convolution.
fn resnet_block(
    graph: &mut Graph,
    input: Value,
    path: &str,
    block: Block,
    change: Change,
) -> Result<Value, GraphError> {
    let Change { width, stride } = change;
    let middle = block.middle(width);
    let kernels = match block {
        Block::Basic => vec![Kernel::new(width, 3, stride), Kernel::new(width, 3, 1)],
        _ => vec![
            Kernel::new(middle, 1, 1),
            Kernel {
                groups: block.groups(width),
                ..Kernel::new(middle, 3, stride)
            },
            Kernel::new(width, 1, 1),
        ],
    };
    let mut x = input;
    for (place, kernel) in (1..).zip(&kernels) {
        let names = ["conv", "bn"].map(|layer| format!("{path}.{layer}{place}"));
        let names = [&*names[0], &*names[1]];
        x = match place == kernels.len() {
            true => conv_norm(graph, x, names, names[0], *kernel)?,
            false => conv_norm_relu(graph, x, names, names[0], *kernel)?,
        };
    }
    let names = ["0", "1"].map(|layer| format!("{path}.downsample.{layer}"));
    let shortcut = change.shortcut(graph, input, [&names[0], &names[1]])?;
    let sum = graph.push(Op::Add, &[x, shortcut])?;
    graph.push(Op::Relu, &[sum])
}

/// As a bottleneck that narrows nothing, with squeeze-and-excitation to a quarter of
/// the channels that go into the block.
fn regnet_block(
    graph: &mut Graph,
    input: Value,
    path: &str,
    block: Block,
    change: Change,
) -> Result<Value, GraphError> {
    let Change { width, stride } = change;
    let names = |part: &str| ["0", "1"].map(|layer| format!("{path}.{part}.{layer}"));
    let proj = names("proj");
    let shortcut = change.shortcut(graph, input, [&proj[0], &proj[1]])?;
    let grouped = Kernel {
        groups: block.groups(width),
        ..Kernel::new(width, 3, stride)
    };
    let mut x = input;
    for (part, kernel) in [("f.a", Kernel::new(width, 1, 1)), ("f.b", grouped)] {
        let names = names(part);
        x = conv_norm_relu(graph, x, [&names[0], &names[1]], &names[0], kernel)?;
    }
    if matches!(block, Block::RegNet { squeezes: true, .. }) {
        let names = ["fc1", "fc2"].map(|layer| format!("{path}.f.se.{layer}"));
        let quarter = graph.channels(input) as f64 / 4.0;
        let excitation = Squeeze {
            width: quarter.round_ties_even() as usize,
            activation: Op::Relu,
            gate: Op::Activation(Activation::Sigmoid),
        };
        x = squeeze(graph, x, &names, &excitation)?;
    }
    let last = names("f.c");
    let kernel = Kernel::new(width, 1, 1);
    x = conv_norm(graph, x, [&last[0], &last[1]], &last[0], kernel)?;
    let sum = graph.push(Op::Add, &[shortcut, x])?;
    graph.push(Op::Relu, &[sum])
}
