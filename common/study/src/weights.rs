//! Where a candidate's weights come from.

use std::path::Path;

use knas_net::weights::{WeightFile, WeightsError};
use knas_net::{Initial, Source};
use knas_space::{Architecture, Setting};
use thiserror::Error;

/// What stands for a file of weights where each candidate is to have its own.
const OWN: &str = "own";

/// Whether an argument asks for the weights that each candidate comes with. A file of
/// that name is `./own`.
#[must_use]
pub fn is_own(path: &Path) -> bool {
    path.as_os_str() == OWN
}

/// Why a candidate has no weights of its own for a setting.
#[derive(Debug, Error)]
pub enum OwnError {
    /// It is a notation, and no file.
    #[error(
        "a network of {0} has no weights of its own: files of ONNX have, and their variations \
         that leave the sizes of layers alone"
    )]
    None(&'static str),
    /// The file's are of another number of classes.
    #[error("{path} tells {found} classes apart, and not {wanted}")]
    Classes {
        /// The file.
        path: String,
        /// Its classes.
        found: usize,
        /// Those that are asked for.
        wanted: usize,
    },
    /// They cannot be held.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl OwnError {
    /// What is wrong, with the way out where a tool has `--new-head`.
    #[must_use]
    pub fn with_new_head(&self) -> String {
        match self {
            Self::Classes { .. } => {
                format!("{self}: --new-head keeps the rest and draws a classifier")
            }
            _ => self.to_string(),
        }
    }
}

/// The weights that an architecture comes with, for a network of this setting, and the
/// SHA-256 of their file. With a new head those of its classifier may be of other
/// classes, since they are not used.
///
/// # Errors
/// When it has none, or they are of other classes, or memory does not suffice.
pub fn own(
    architecture: &dyn Architecture,
    setting: &Setting,
    new_head: bool,
) -> Result<(WeightFile, String), OwnError> {
    let space = architecture.space().name();
    let own = architecture.own_weights().ok_or(OwnError::None(space))?;
    let (found, wanted) = (architecture.usual().classes, setting.classes);
    if !new_head && found != wanted {
        let path = own.path.display().to_string();
        return Err(OwnError::Classes {
            path,
            found,
            wanted,
        });
    }
    let sha256 = own.sha256.to_owned();
    Ok((WeightFile::of(own.path, own.tensors)?, sha256))
}

/// Where the weights of networks that look at images come from: from a file where
/// there is one, but for the classifier where that is to be drawn.
#[must_use]
pub fn source(weights: Option<&WeightFile>, new_head: bool, initial: Initial) -> Source<'_> {
    match weights {
        Some(weights) if new_head => Source::Body { weights, initial },
        Some(weights) => Source::File(weights),
        None => Source::Random(initial),
    }
}
