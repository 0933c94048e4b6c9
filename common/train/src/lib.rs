//! Training: optimiser, schedule, loop, checkpoints, metrics.
//!
//! | module | what it holds |
//! |---|---|
//! | [`task`] | what is trained: a model, and the batches that it learns from |
//! | [`images`] | a network that learns to classify images |
//! | [`texts`] | a network that learns to classify texts |
//! | [`optimiser`] | SGD with momentum and AdamW, as `torch.optim` defines them |
//! | [`freeze`] | what of a network is trained |
//! | [`schedule`] | the learning rate of every step |
//! | [`trainer`] | the loop: epochs, validation, the best epoch, early stopping |
//! | [`refit`] | training again on all examples, once it is known for how long |
//! | [`checkpoint`] | what a killed run goes on from |
//! | [`metrics`] | loss, accuracy, F1 and confusion over many batches |
//!
//! Training draws nothing from libtorch's generator. With the same weights,
//! data and number of libtorch threads it gives the same bits, also when it was
//! interrupted and taken up again after any epoch.

mod average;
pub mod checkpoint;
mod classification;
pub mod freeze;
pub mod images;
mod learner;
pub mod metrics;
mod mixup;
pub mod optimiser;
pub mod refit;
pub mod schedule;
pub mod task;
pub mod texts;
pub mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError, Start};
pub use classification::Loss;
pub use freeze::Frozen;
pub use images::{ImageOptions, ImageTask};
pub use learner::clip;
pub use metrics::{Confusion, Judged, Judgement, Metrics, Tally};
pub use optimiser::{AdamW, Optimiser, Sgd};
pub use refit::Refit;
pub use schedule::Schedule;
pub use task::{Pass, Task};
pub use texts::{TextOptions, TextTask};
pub use trainer::{End, Epoch, Outcome, Recipe, Trainer};

use knas_net::NetError;
use knas_net::weights::WeightsError;

/// Why training ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is NaN or infinite.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step} of {steps}: training diverged \
         (a smaller learning rate may help)"
    )]
    Diverged {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: u64,
        /// The step within the epoch, from 1; one more than `steps` is validation.
        step: u64,
        /// Steps in an epoch.
        steps: u64,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// All of the network is frozen.
    #[error("nothing is left to be trained: the network has no classifier of its own")]
    NothingTrained,
    /// The network cannot be evaluated.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A checkpoint cannot be written, or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl TrainError {
    /// A word for programs, as in a record's `error.kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "diverged",
            Self::Interrupted => "interrupted",
            Self::NothingTrained => "bad_network",
            Self::Net(error) if error.is_out_of_memory() => "out_of_memory",
            Self::Net(NetError::Weights(_)) => "weights",
            Self::Net(NetError::Graph(_) | NetError::Lower(_) | NetError::Unread(_)) => {
                "bad_network"
            }
            Self::Net(_) => "libtorch",
            Self::Checkpoint(_) => "checkpoint",
        }
    }
}

impl From<tch::TchError> for TrainError {
    fn from(error: tch::TchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Net(error.into())
    }
}

#[cfg(test)]
mod tests;
