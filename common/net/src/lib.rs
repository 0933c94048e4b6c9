//! Networks built from architectures.
//!
//! | module | what it holds |
//! |---|---|
//! | [`nb201`] | the NAS-Bench-201 skeleton around a cell |
//! | [`encoder`] | BERT and RoBERTa with a classifier, laid out anew |
//! | [`model`] | what the two have in common, as scores see it |
//! | [`layers`] | convolution, normalisation, pooling, linear map |
//! | [`batch_norm`] | mean and variance of channels, and normalisation by them |
//! | [`init`] | initial weights from a seed |
//! | [`weights`] | weights in and out, as safetensors |
//! | [`device`] | processor or CUDA device |
//!
//! Everything that libtorch refuses comes back as [`NetError`]; nothing panics.

pub mod batch_norm;
pub mod device;
pub mod encoder;
pub mod init;
pub mod layers;
pub mod model;
pub mod nb201;
pub mod weights;

pub use encoder::{Dropout, Encoder, EncoderSource, Pretrained, Settings};
pub use init::{Init, Initial};
pub use layers::{Norm, Parameter, Role};
pub use model::{Event, Model, Observer, Take};
pub use nb201::{Network, Source};

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
    /// A text is longer than the encoder can tell positions apart.
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
