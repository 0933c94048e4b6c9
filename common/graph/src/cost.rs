//! Parameters and multiply-accumulates.

use crate::graph::{Graph, Node};
use crate::op::Op;
use crate::parameter::Parameter;
use crate::shape::Shape;

/// What a network costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Parameters.
    pub params: u64,
    /// Multiply-accumulates of one forward pass over one sample: those of
    /// convolutions, linear maps and the two products of attention. Norms,
    /// pooling, sums, activations and look-ups are none.
    pub macs: u64,
}

impl Graph {
    /// What the network costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let params = self.parameters().iter().map(|p| p.len() as u64);
        Cost {
            params: params.sum(),
            macs: self
                .nodes()
                .iter()
                .fold(0, |all, node| all.saturating_add(self.macs(node))),
        }
    }

    fn macs(&self, node: &Node) -> u64 {
        let weights = node.op.weight().and_then(|p| self.parameters().get(p));
        let weights = weights.map_or(0, Parameter::len) as u64;
        // How often a layer's weights are used, and how much it gives each time.
        let (places, width) = match node.shape {
            Shape::Maps { channels, side } => (side * side, channels),
            Shape::Tokens { length, width } => (length, width),
            Shape::Vector { width } => (1, width),
            Shape::Text { .. } | Shape::Integers { .. } => (0, 0),
        };
        let (places, width) = (places as u64, width as u64);
        match node.op {
            Op::Convolution { .. } | Op::Linear { .. } => weights.saturating_mul(places),
            // Queries with keys, and weights with values, over all heads.
            Op::Attention { .. } => 2 * places * places * width,
            Op::Input(_)
            | Op::BatchNorm { .. }
            | Op::Standardise { .. }
            | Op::Relu
            | Op::Activation(_)
            | Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::GlobalPool
            | Op::Squeeze
            | Op::Flatten
            | Op::Scale
            | Op::Concatenate
            | Op::Narrow { .. }
            | Op::Shuffle { .. }
            | Op::LocalNorm { .. }
            | Op::Pad { .. }
            | Op::Shift
            | Op::Add
            | Op::Gate { .. }
            | Op::Divide(_)
            | Op::Zeros
            | Op::TokenIds
            | Op::TokenTypes
            | Op::TokenMask
            | Op::Positions { .. }
            | Op::Embedding { .. }
            | Op::LayerNorm { .. }
            | Op::Dropout { .. }
            | Op::FirstToken => 0,
        }
    }
}
