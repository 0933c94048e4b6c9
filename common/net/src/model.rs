//! A network as scores see it: its parameters, its forward pass, and what the
//! pass shows of itself.

use tch::{Device, Kind, Tensor};

use crate::NetError;
use crate::layers::{Norm, Parameter};

/// A network.
pub trait Model {
    /// The parameters that reach the output.
    fn parameters(&self) -> &[Parameter];

    /// The element type and the device of the parameters.
    fn options(&self) -> (Kind, Device);

    /// Logits, N × classes, of a batch; shows `observe` what happens on the way.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice.
    fn forward_observed(
        &self,
        inputs: &Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError>;

    /// The gradients of the mean cross-entropy of a batch, in the order of the
    /// parameters, where there is a way to have them that is faster than through
    /// libtorch.
    ///
    /// # Errors
    /// As [`Model::forward_observed`].
    fn direct_gradients(
        &self,
        _inputs: &Tensor,
        _targets: &Tensor,
        _norm: Norm,
    ) -> Result<Option<Vec<Tensor>>, NetError> {
        Ok(None)
    }

    /// Shows `take` the gradients of the cross-entropy of every single sample
    /// with [`Norm::Sample`], parameter by parameter, where there is a way to
    /// have them that is faster than through libtorch; tells whether there is.
    ///
    /// # Errors
    /// As [`Model::forward_observed`], and those of `take`.
    fn each_sample_norm_gradient(
        &self,
        _inputs: &Tensor,
        _targets: &Tensor,
        _take: &mut Take<'_>,
    ) -> Result<bool, NetError> {
        Ok(false)
    }

    /// Logits, N × classes, of a batch.
    ///
    /// # Errors
    /// As [`Model::forward_observed`].
    fn forward(&self, inputs: &Tensor, norm: Norm) -> Result<Tensor, NetError> {
        self.forward_observed(inputs, norm, &mut |_| {})
    }
}

/// What a forward pass shows to its observer, in the order in which it happens.
///
/// Indices are places in the network's parameters. Tensors are those of the
/// autograd graph, N × channels × height × width unless said otherwise.
#[derive(Debug)]
pub enum Event<'t> {
    /// A convolution.
    Convolution {
        /// Its weight.
        weight: usize,
        /// The step between positions.
        stride: i64,
        /// Zeros on each side.
        padding: i64,
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// A normalisation.
    Norm {
        /// Its weight; the bias is the next parameter.
        weight: usize,
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// A ReLU. One that several operations share is shown once for each.
    Relu {
        /// What goes in.
        input: &'t Tensor,
        /// What comes out.
        output: &'t Tensor,
    },
    /// An average pooling of a cell.
    Pool {
        /// What comes out.
        output: &'t Tensor,
    },
    /// A linear map, such as the classifier.
    Linear {
        /// Its weight; the bias is the next parameter.
        weight: usize,
        /// What goes in: N × features, or N × length × features.
        input: &'t Tensor,
        /// What comes out: the same with other features.
        output: &'t Tensor,
    },
    /// A layer norm.
    LayerNorm {
        /// Its weight; the bias is the next parameter.
        weight: usize,
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
    /// A GELU.
    Activation {
        /// What goes in: N × length × features.
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
    /// The stem, a cell or a reduction; a layer of an encoder.
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
