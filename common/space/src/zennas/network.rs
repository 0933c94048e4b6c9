//! The network of a structure, with the layers' names in ZenNAS's `PlainNet`.

use knas_graph::{Activation, Graph, GraphError, Kernel, Op, Shape, Value};

use super::structure::{Residual, Structure, SuperBlock};
use crate::layers::{classify, mark, named};

/// What ZenNAS's norms add to variances.
const EPSILON: f64 = 1e-3;

/// Squeeze-and-excitation squeezes to a part of the channels.
const SQUEEZE: f64 = 0.25;

/// The super blocks, global average pooling and a linear classifier.
pub(super) fn lower(
    structure: &Structure,
    squeezes: bool,
    side: usize,
    classes: usize,
) -> Result<Graph, GraphError> {
    let graph = Graph::new(Shape::Maps { channels: 3, side });
    let x = graph.input();
    let mut net = Net { graph, squeezes, x };
    for (place, block) in structure.blocks().iter().enumerate() {
        net.super_block(&format!("module_list.{place}"), block)?;
    }
    classify(&mut net.graph, net.x, "fc_linear.netblock", classes)?;
    Ok(net.graph)
}

/// A network as far as it goes.
struct Net {
    graph: Graph,
    /// Whether squeeze-and-excitation follows the middle of blocks.
    squeezes: bool,
    /// What the last layer gives.
    x: Value,
}

impl Net {
    fn super_block(&mut self, path: &str, block: &SuperBlock) -> Result<(), GraphError> {
        match *block {
            SuperBlock::Convolution {
                kernel,
                outputs,
                stride,
            } => {
                let input = self.x;
                let kernel = Kernel::new(outputs, kernel, stride);
                let names = [0, 1].map(|place| format!("{path}.module_list.{place}.netblock"));
                let normal = self.normal(input, &names, kernel)?;
                self.x = self.graph.push(Op::Relu, &[normal])?;
                mark(&mut self.graph, input, self.x);
            }
            SuperBlock::Residual {
                kind,
                outputs,
                stride,
                bottleneck,
                layers,
            } => {
                let mut place = 0;
                for layer in 0..layers {
                    let stride = if layer == 0 { stride } else { 1 };
                    let blocks = residual_blocks(kind, outputs, stride, bottleneck);
                    for (number, kernels) in blocks.iter().enumerate() {
                        let path = format!("{path}.module_list.{place}");
                        let first = (layer, number) == (0, 0);
                        self.residual_block(&path, kernels, first.then_some(stride))?;
                        // The ReLU after the block has a place of its own.
                        place += 2;
                    }
                }
            }
        }
        Ok(())
    }

    /// Convolutions and a shortcut: ReLU follows all but the last one, and the sum.
    /// The first block of a super block has a 1×1 convolution as its shortcut, of its
    /// stride; of the others those have one that change channels.
    fn residual_block(
        &mut self,
        path: &str,
        kernels: &[Kernel],
        first: Option<usize>,
    ) -> Result<(), GraphError> {
        let (input, mut x) = (self.x, self.x);
        let mut place = 0;
        let name = |place: usize| format!("{path}.module_list.{place}.netblock");
        for (number, &kernel) in kernels.iter().enumerate() {
            x = self.normal(x, &[name(place), name(place + 1)], kernel)?;
            place += 2;
            if number + 1 == kernels.len() {
                break;
            }
            x = self.graph.push(Op::Relu, &[x])?;
            place += 1;
            if self.squeezes && number + 2 == kernels.len() {
                x = self.squeeze(x, &name(place))?;
                place += 1;
            }
        }
        let outputs = self.graph.channels(x);
        let shortcut = match first {
            None if self.graph.channels(input) == outputs => input,
            _ => {
                let names = [0, 1].map(|place| format!("{path}.proj.{place}"));
                let kernel = Kernel {
                    bias: true,
                    ..Kernel::new(outputs, 1, first.unwrap_or(1))
                };
                self.normal(input, &names, kernel)?
            }
        };
        let sum = self.graph.push(Op::Add, &[x, shortcut])?;
        self.x = self.graph.push(Op::Relu, &[sum])?;
        mark(&mut self.graph, input, self.x);
        Ok(())
    }

    /// A convolution and its norm.
    fn normal(
        &mut self,
        input: Value,
        [name, norm]: &[String; 2],
        kernel: Kernel,
    ) -> Result<Value, GraphError> {
        let output = self.graph.convolve(input, named(name, name), kernel)?;
        let norm = named(norm, norm);
        self.graph.batch_norm_with(output, norm, EPSILON)
    }

    /// Squeeze-and-excitation (Hu et al. 2018) with norms in place of biases.
    fn squeeze(&mut self, maps: Value, path: &str) -> Result<Value, GraphError> {
        let channels = self.graph.channels(maps);
        let width = (channels as f64 * SQUEEZE).round_ties_even().max(1.0) as usize;
        let names = [1, 2, 4, 5].map(|place| format!("{path}.{place}"));
        let [first, first_norm, second, second_norm] = names;
        let means = self.graph.push(Op::Squeeze, &[maps])?;
        let squeezed = self.normal(means, &[first, first_norm], Kernel::new(width, 1, 1))?;
        let squeezed = self.graph.push(Op::Relu, &[squeezed])?;
        let names = [second, second_norm];
        let excited = self.normal(squeezed, &names, Kernel::new(channels, 1, 1))?;
        let gates = Op::Activation(Activation::Sigmoid);
        let gates = self.graph.push(gates, &[excited])?;
        self.graph.push(Op::Scale, &[maps, gates])
    }
}

/// The convolutions of a layer's residual blocks.
fn residual_blocks(
    kind: Residual,
    outputs: usize,
    stride: usize,
    bottleneck: usize,
) -> Vec<Vec<Kernel>> {
    let point = |outputs| Kernel::new(outputs, 1, 1);
    match kind {
        Residual::Basic { kernel } => vec![vec![
            Kernel::new(bottleneck, kernel, stride),
            Kernel::new(outputs, kernel, 1),
        ]],
        Residual::Bottleneck { kernel } => {
            let block = |stride| {
                vec![
                    point(bottleneck),
                    Kernel::new(bottleneck, kernel, stride),
                    point(outputs),
                ]
            };
            vec![block(stride), block(1)]
        }
        Residual::Inverted { expansion, kernel } => {
            let block = |outputs: usize, stride| {
                let wide = (outputs * expansion) as f64 / 8.0;
                let wide = 8 * wide.round_ties_even().max(1.0) as usize;
                vec![
                    point(wide),
                    Kernel::depthwise(wide, kernel, stride),
                    point(outputs),
                ]
            };
            vec![block(bottleneck, stride), block(outputs, 1)]
        }
    }
}
