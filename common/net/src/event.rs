//! What a forward pass shows of itself.

use knas_graph::Activation;
use tch::Tensor;

use crate::NetError;
use crate::layers::Convolution;

/// What a forward pass shows to its observer, in the order in which it happens.
///
/// Indices are places in the network's parameters. Tensors are those of the
/// autograd graph, N × channels × height × width unless said otherwise.
#[derive(Debug)]
pub enum Event<'t> {
    /// A convolution.
    Convolution {
        /// What it is.
        layer: Convolution,
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// A batch norm.
    Norm {
        /// Its weight.
        weight: usize,
        /// Its bias.
        bias: usize,
        /// Added to variances.
        epsilon: f64,
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// A ReLU. One that several nodes read is shown once for each.
    Relu {
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// An average pooling that keeps the maps' side.
    Pool {
        /// What comes out.
        output: &'t Tensor,
    },
    /// A linear map, such as the classifier.
    Linear {
        /// Its weight.
        weight: usize,
        /// Its bias, where it has one.
        bias: Option<usize>,
        /// What goes in: N × features, or N × length × features.
        input: &'t Tensor,
        /// What comes out: the same with other features.
        output: &'t Tensor,
    },
    /// A layer norm.
    LayerNorm {
        /// Its weight.
        weight: usize,
        /// Its bias.
        bias: usize,
        /// Added to variances.
        epsilon: f64,
        /// What goes in: N × length × width.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// Rows of a table, looked up.
    Embedding {
        /// The table.
        table: usize,
        /// Which rows: N × length.
        ids: &'t Tensor,
        /// What comes out: N × length × width.
        output: &'t Tensor,
    },
    /// Another function of single numbers.
    Activation {
        /// Which one.
        activation: Activation,
        /// What goes in: maps, or N × length × features.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// Multi-head self-attention.
    Attention {
        /// How much each token takes of each other: N × heads × length × length,
        /// the last dimension sums to 1.
        weights: &'t Tensor,
        /// What each head gives: N × heads × length × width / heads.
        output: &'t Tensor,
    },
    /// A block of the network: the stem, a cell or a reduction; a layer of an
    /// encoder.
    Block {
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// The features before global pooling.
    Features {
        /// They themselves.
        output: &'t Tensor,
    },
}

/// Whoever takes gradients of single samples: a parameter's place, and N × its
/// shape.
pub type Take<'t> = dyn FnMut(usize, Tensor) -> Result<(), NetError> + 't;

/// Whoever watches a forward pass.
pub type Observer<'o> = dyn FnMut(Event<'_>) + 'o;
