//! Networks that are evaluated.
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | a graph with its tensors, and its forward pass |
//! | [`event`] | what a forward pass shows of itself |
//! | [`layers`] | convolution, normalisation, pooling, linear map |
//! | [`batch_norm`] | mean and variance of channels, and normalisation by them |
//! | [`mix`] | what the options of a network with gates weigh |
//! | [`dropout`] | dropout that is the same wherever it is drawn |
//! | `direct` | gradients on the processor, without libtorch |
//! | [`init`] | initial weights from a seed |
//! | [`weights`] | weights in and out, as safetensors |
//! | [`pretrained`] | the folder that a published model comes in |
//! | [`device`] | processor or CUDA device |
//!
//! Everything that libtorch refuses comes back as [`NetError`]; nothing panics.

pub mod batch_norm;
pub mod device;
mod direct;
pub mod dropout;
pub mod event;
pub mod init;
pub mod layers;
pub mod mix;
pub mod network;
mod pooling;
pub mod pretrained;
pub mod weights;

pub use direct::{serves as direct_pass_serves, vector_bits};
pub use dropout::Dropout;
pub use event::{Event, Observer, Take};
pub use init::{Init, Initial};
pub use layers::{Norm, Parameter, Part, Role};
pub use mix::Mix;
pub use network::{Network, Source};
pub use pretrained::Pretrained;

/// The version of libtorch that these bindings are made for, and the only one
/// that they build with.
pub const LIBTORCH: &str = "2.11.0";

/// Why a network cannot be built or evaluated.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// libtorch refuses.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),
    /// Weights do not fit the network, or their file cannot be used.
    #[error(transparent)]
    Weights(#[from] weights::WeightsError),
    /// There is no memory for what a pass works on.
    #[error("not enough memory: {0}")]
    Memory(#[from] std::collections::TryReserveError),
    /// There can be no such network.
    #[error(transparent)]
    Graph(#[from] knas_graph::GraphError),
    /// An architecture is no network in this setting.
    #[error(transparent)]
    Lower(#[from] knas_space::LowerError),
    /// A node reads fewer values than its operation does, which no graph holds.
    #[error("node {0} of the network reads too few values")]
    Unread(usize),
    /// A network has a gate of which it is not told what it weighs.
    #[error("the network is not told what option {option} of its choice {choice} weighs")]
    NoWeight {
        /// The choice.
        choice: usize,
        /// The option.
        option: usize,
    },
    /// Nothing of a sample that is normalised by itself reaches the output.
    #[error(
        "the last maps have one position, over which a sample's own norm is constant: \
         it takes larger images, or batch norm over several samples"
    )]
    OnePosition,
    /// A text is longer than the network can tell positions apart.
    #[error("a text has {found} tokens, and the encoder takes {longest} at most")]
    Length {
        /// Its tokens, with those that mark its ends.
        found: i64,
        /// The most that it takes.
        longest: usize,
    },
}

impl NetError {
    /// Whether the device's memory did not suffice.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Torch(error) => is_out_of_memory(&error.to_string()),
            Self::Memory(_) => true,
            _ => false,
        }
    }
}

/// libtorch appends a C++ stack trace to its messages.
fn first_line(error: &tch::TchError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn is_out_of_memory(message: &str) -> bool {
    [
        "out of memory",
        "can't allocate memory",
        "not enough memory",
        "bad_alloc",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}
