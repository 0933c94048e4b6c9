//! Searches in a network of which all architectures are parts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`relaxation`] | what options weigh, and gradients with respect to what that rests on |
//! | [`dirichlet`] | draws of weights, and their derivatives |
//! | [`theta`] | the numbers that are learnt, and Adam |
//! | [`derivation`] | from those numbers to architectures, the most probable first |
//! | [`removal`] | options that are taken away, one after another |
//! | [`sensitivity`] | what options are worth by what hangs on them |
//! | [`by_scores`] | what they are worth by scores of the network without them |
//! | [`search`] | the loop over the two halves of the training set |
//! | [`state`] | what a killed search goes on from |
//! | [`inherit`] | architectures with the weights that they have in the network |
//!
//! Whatever is drawn follows from a seed, what it is for and the number of the step, so
//! that a search that was interrupted ends with the same bits.

pub mod by_scores;
pub mod derivation;
pub mod dirichlet;
pub mod inherit;
pub mod relaxation;
pub mod removal;
pub mod search;
pub mod sensitivity;
pub mod state;
pub mod theta;

pub use derivation::{Chosen, best_first};
pub use relaxation::Relaxation;
pub use search::{Epoch, Halves, Recipe, Search};
pub use state::State;
pub use theta::{Adam, Theta};

use knas_net::NetError;
use knas_train::TrainError;

/// What options weigh, or how it changes what follows: choices × options.
pub type Table = Vec<Vec<f64>>;

/// Why a search ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// What is learnt of the options is no number any more.
    #[error(
        "what {choice} is to weigh is {value} in epoch {epoch}, step {step} of {steps}: the \
         search diverged (a smaller --theta-lr may help)"
    )]
    Theta {
        /// The name of the choice.
        choice: String,
        /// What was found.
        value: f64,
        /// The epoch, from 1.
        epoch: u64,
        /// The step, from 1.
        step: u64,
        /// Steps in an epoch.
        steps: u64,
    },
    /// What an option is worth is no number.
    #[error(
        "what option {option} of choice {choice} is worth is no number: its network's values \
         grow beyond the range of their type (another --alpha may help)"
    )]
    Worth {
        /// The choice.
        choice: usize,
        /// The option.
        option: usize,
    },
    /// A score has no value.
    #[error(transparent)]
    Score(#[from] knas_proxy::ScoreError),
    /// There is a state, and none was expected.
    #[error("{} exists: --resume goes on from it; to search anew, remove it or name another folder", .0.display())]
    Exists(std::path::PathBuf),
    /// A state is none of this search.
    #[error("{}: {reason}", path.display())]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process searches in the same folder.
    #[error("{} is locked: another process searches here", .0.display())]
    Busy(std::path::PathBuf),
    /// The network cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl From<NetError> for SearchError {
    fn from(error: NetError) -> Self {
        Self::Train(error.into())
    }
}

impl From<tch::TchError> for SearchError {
    fn from(error: tch::TchError) -> Self {
        Self::Train(error.into())
    }
}
