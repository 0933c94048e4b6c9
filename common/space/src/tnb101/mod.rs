//! TransNAS-Bench-101 (Duan et al., *TransNAS-Bench-101: Improving Transferability and
//! Generalizability of Cross-Task Neural Architecture Search*, CVPR 2021): backbones
//! for images of 256 × 256 pixels, here with a linear classifier, as the benchmark has
//! it for scenes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`micro`] | a cell of NAS-Bench-201's kind in a fixed skeleton |
//! | [`skeleton`] | the skeleton of one kind of residual block |

pub mod micro;
pub mod skeleton;

use knas_graph::{Graph, GraphError, Kernel, Mark, Op, Shape, Value};

use crate::layers::{classify, conv_norm};
use crate::setting::{Input, Setting, Sizes};

/// Channels of the stem's end.
const BASE: usize = 64;

/// Blocks of a module; the first one changes channels and side.
const BLOCKS: usize = 2;

/// What a module does to channels and side, as the benchmark's digits say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Module {
    /// 1 to 4.
    digit: u8,
}

impl Module {
    /// Digits 2 and 4 double the channels.
    fn doubles(self) -> bool {
        matches!(self.digit, 2 | 4)
    }

    /// Digits 3 and 4 halve the side.
    fn halves(self) -> bool {
        matches!(self.digit, 3 | 4)
    }
}

/// What one block gives.
#[derive(Clone, Copy)]
struct Change {
    /// Its channels.
    channels: usize,
    /// 2 where it halves the side.
    stride: usize,
}

/// Scenes: 47 classes.
fn usual() -> Setting {
    Setting {
        input: Input::Images { side: 256 },
        classes: 47,
        sizes: Sizes::default(),
    }
}

/// The network of these modules, whose blocks `block` appends by their official
/// names. Layers have the names that the benchmark's code gives them.
fn lower(
    modules: &[Module],
    side: usize,
    classes: usize,
    block: impl Fn(&mut Graph, Value, &str, Change) -> Result<Value, GraphError>,
) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let input = graph.input();
    let mut x = stem(&mut graph, input)?;
    graph.mark(Mark::Block { input, output: x });
    let mut channels = BASE;
    for (number, module) in modules.iter().enumerate() {
        if module.doubles() {
            channels *= 2;
        }
        for place in 0..BLOCKS {
            let stride = if module.halves() && place == 0 { 2 } else { 1 };
            let name = format!("layer{number}.{place}");
            let output = block(&mut graph, x, &name, Change { channels, stride })?;
            graph.mark(Mark::Block { input: x, output });
            x = output;
        }
    }
    classify(&mut graph, x, "head", classes)?;
    Ok(graph)
}

/// Two convolutions that halve the image each.
fn stem(graph: &mut Graph, image: Value) -> Result<Value, GraphError> {
    let half = Kernel::new(BASE / 2, 3, 2);
    let halved = conv_norm(graph, image, ["stem.0", "stem.1"], "stem.0", half)?;
    relu_conv_norm(graph, halved, "stem.2", "stem.2", Kernel::new(BASE, 3, 2))
}

/// ReLU, convolution, batch norm: `NAME.ops.1` and `NAME.ops.2`.
fn relu_conv_norm(
    graph: &mut Graph,
    input: Value,
    name: &str,
    key: &str,
    kernel: Kernel,
) -> Result<Value, GraphError> {
    let active = graph.push(Op::Relu, &[input])?;
    let names = [1, 2].map(|layer| format!("{name}.ops.{layer}"));
    conv_norm(graph, active, [&names[0], &names[1]], key, kernel)
}
