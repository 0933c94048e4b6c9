//! What a layer can be.
//!
//! The list is closed, so that the compiler names every place that a new
//! operation has to be told about.

use crate::Shape;
use crate::parameter::Place;

/// What a batch norm adds to variances: PyTorch's default.
pub const NORM_EPSILON: f64 = 1e-5;

/// An operation on values. What it reads and gives is told for one sample, as
/// [`Shape`] tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// What the network is shown. The first node, and no other.
    Input(Shape),
    /// A convolution; out × in / groups × window × window weights.
    Convolution {
        /// Its weight.
        weight: Place,
        /// One summand an output, where it has them.
        bias: Option<Place>,
        /// Where its windows lie.
        grid: Grid,
        /// Into how many parts the channels fall that do not see each other; as
        /// many as there are channels in a depthwise convolution.
        groups: usize,
    },
    /// A batch norm (Ioffe & Szegedy 2015).
    BatchNorm {
        /// One factor a channel.
        weight: Place,
        /// One summand a channel.
        bias: Place,
        /// Its place among the running statistics.
        running: usize,
        /// Added to variances.
        epsilon: f64,
    },
    /// A batch norm without factors and summands of its own.
    Standardise {
        /// Its place among the running statistics.
        running: usize,
        /// Added to variances.
        epsilon: f64,
    },
    /// max(x, 0).
    Relu,
    /// Another function of single numbers.
    Activation(Activation),
    /// The largest of each window; the padding is never that.
    MaxPool {
        /// The window's side.
        window: usize,
        /// The step between windows.
        stride: usize,
        /// Positions on each side that are not there.
        padding: usize,
    },
    /// Means over windows, which leave the padding out.
    AveragePool {
        /// The window's side.
        window: usize,
        /// The step between windows.
        stride: usize,
        /// Positions on each side that are not there.
        padding: usize,
    },
    /// The mean over all positions.
    GlobalPool,
    /// The mean over all positions, as maps of one position (Hu et al. 2018).
    Squeeze,
    /// All numbers of maps as one vector: channel after channel, row after row.
    Flatten,
    /// Maps times other maps of as many channels and one position, or a vector of as
    /// many numbers (Hu et al. 2018).
    Scale,
    /// The channels of several maps, one after another.
    Concatenate,
    /// Some adjacent channels of maps.
    Narrow {
        /// The first of them.
        first: usize,
        /// How many.
        channels: usize,
    },
    /// The first channel of each group, then the second of each, and so on (Zhang et al.
    /// 2018).
    Shuffle {
        /// Into how many parts the channels fall.
        groups: usize,
    },
    /// Each number over (offset + alpha · the mean of the squares at its position in
    /// adjacent channels, 0 where there are none)^beta (Krizhevsky et al. 2012).
    LocalNorm {
        /// Channels before it, and after it.
        reach: usize,
        /// The factor.
        alpha: f64,
        /// The exponent.
        beta: f64,
        /// The summand.
        offset: f64,
    },
    /// Maps with zeros around them.
    Pad {
        /// Rows above and columns to the left.
        before: usize,
        /// Rows below and columns to the right.
        after: usize,
    },
    /// Maps without their first row and their first column, and with zeros after
    /// their last ones.
    Shift,
    /// A linear map: of a vector, or of every token's.
    Linear {
        /// Out × in.
        weight: Place,
        /// One summand an output, where it has them.
        bias: Option<Place>,
    },
    /// The sum of values of one shape, from left to right.
    Add,
    /// A value times what the network is told that an option of a choice weighs. Where
    /// that is nothing, the value is not computed, and [`Op::Add`] leaves it out.
    Gate {
        /// Which choice.
        choice: usize,
        /// Which of its options.
        option: usize,
    },
    /// Divided by a number.
    Divide(usize),
    /// Zeros of the value's shape, through which no gradient flows.
    Zeros,
    /// The ids of a text's tokens.
    TokenIds,
    /// The types of a text's tokens: which sentence they belong to.
    TokenTypes,
    /// 1 for each token of a text, and 0 for padding.
    TokenMask,
    /// Positions in a text, from its mask. Without `padding`, 0, 1, 2 and so on;
    /// with it, tokens are counted from the number after it, and padding has the
    /// number itself.
    Positions {
        /// The padding's number.
        padding: Option<usize>,
    },
    /// Rows of a table, looked up.
    Embedding {
        /// Rows × width.
        table: Place,
    },
    /// A layer norm of each token's vector (Ba et al. 2016).
    LayerNorm {
        /// One factor a feature.
        weight: Place,
        /// One summand a feature.
        bias: Place,
        /// Added to variances.
        epsilon: f64,
    },
    /// Multi-head self-attention (Vaswani et al. 2017, equation 1) of queries,
    /// keys and values, which stand before the text's mask.
    Attention {
        /// How many heads share the width.
        heads: usize,
        /// The share of its weights that is dropped in training.
        dropout: f64,
    },
    /// Dropout, in training.
    Dropout {
        /// The share that is dropped.
        rate: f64,
    },
    /// The vector of a text's first token.
    FirstToken,
}

/// Where the windows of a convolution lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The step between windows.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
    /// The step between the positions of one window.
    pub dilation: usize,
}

/// A function of single numbers that is no ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x·Φ(x), Φ the standard normal distribution function.
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSigmoid,
    /// x · sigmoid(x).
    Silu,
    /// x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSwish,
    /// min(max(x, 0), 6).
    Relu6,
}

impl Activation {
    /// Its name in print.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::HardSigmoid => "hard-sigmoid",
            Self::Silu => "silu",
            Self::HardSwish => "hard-swish",
            Self::Relu6 => "relu6",
        }
    }

    /// Whether it stands where a ReLU could: it passes on what is positive, and
    /// little of what is not. The others squash.
    #[must_use]
    pub fn rectifies(self) -> bool {
        match self {
            Self::Gelu | Self::Silu | Self::HardSwish | Self::Relu6 => true,
            Self::Tanh | Self::Sigmoid | Self::HardSigmoid => false,
        }
    }
}

impl Op {
    /// Its name in print.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Convolution { .. } => "convolution",
            Self::BatchNorm { .. } => "batch-norm",
            Self::Standardise { .. } => "standardise",
            Self::Relu => "relu",
            Self::Activation(activation) => activation.name(),
            Self::MaxPool { .. } => "max-pool",
            Self::AveragePool { .. } => "average-pool",
            Self::GlobalPool => "global-pool",
            Self::Squeeze => "squeeze",
            Self::Flatten => "flatten",
            Self::Scale => "scale",
            Self::Concatenate => "concatenate",
            Self::Narrow { .. } => "narrow",
            Self::Shuffle { .. } => "shuffle",
            Self::LocalNorm { .. } => "local-norm",
            Self::Pad { .. } => "pad",
            Self::Shift => "shift",
            Self::Linear { .. } => "linear",
            Self::Add => "add",
            Self::Gate { .. } => "gate",
            Self::Divide(_) => "divide",
            Self::Zeros => "zeros",
            Self::TokenIds => "token-ids",
            Self::TokenTypes => "token-types",
            Self::TokenMask => "token-mask",
            Self::Positions { .. } => "positions",
            Self::Embedding { .. } => "embedding",
            Self::LayerNorm { .. } => "layer-norm",
            Self::Attention { .. } => "attention",
            Self::Dropout { .. } => "dropout",
            Self::FirstToken => "first-token",
        }
    }

    /// The parameter that names the layer: its weight, or its table.
    #[must_use]
    pub fn weight(&self) -> Option<Place> {
        match *self {
            Self::Convolution { weight, .. }
            | Self::BatchNorm { weight, .. }
            | Self::Linear { weight, .. }
            | Self::LayerNorm { weight, .. } => Some(weight),
            Self::Embedding { table } => Some(table),
            Self::Input(_)
            | Self::Standardise { .. }
            | Self::Relu
            | Self::Activation(_)
            | Self::MaxPool { .. }
            | Self::AveragePool { .. }
            | Self::GlobalPool
            | Self::Squeeze
            | Self::Flatten
            | Self::Scale
            | Self::Concatenate
            | Self::Narrow { .. }
            | Self::Shuffle { .. }
            | Self::LocalNorm { .. }
            | Self::Pad { .. }
            | Self::Shift
            | Self::Add
            | Self::Gate { .. }
            | Self::Divide(_)
            | Self::Zeros
            | Self::TokenIds
            | Self::TokenTypes
            | Self::TokenMask
            | Self::Positions { .. }
            | Self::Attention { .. }
            | Self::Dropout { .. }
            | Self::FirstToken => None,
        }
    }
}
