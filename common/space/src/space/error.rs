//! Why there is no such space, or it has no such architecture.

use std::error::Error;

use thiserror::Error;

use super::{SearchSpace, excerpt, spaces};

/// There is no search space of this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no space {0}, only {names}", names = names())]
pub struct UnknownSpace(String);

impl UnknownSpace {
    pub(super) fn of(name: &str) -> Self {
        Self(excerpt(name))
    }
}

fn names() -> String {
    let names: Vec<&str> = spaces().iter().map(|space| space.name()).collect();
    names.join(", ")
}

/// Why a space is not what options want.
#[derive(Debug, Error)]
pub enum OptionError {
    /// It has nothing for them to choose from.
    #[error("{space} has no preset, base, extra connections or layers to leave out")]
    None {
        /// The space's name.
        space: &'static str,
    },
    /// It has no preset.
    #[error("{space} has no {what}")]
    No {
        /// The space's name.
        space: &'static str,
        /// What it does not have.
        what: &'static str,
    },
    /// The network to vary cannot be had.
    #[error("the network to vary: {reason}")]
    Base {
        /// Why; told in the message.
        reason: Box<dyn Error + Send + Sync>,
    },
}

impl OptionError {
    pub(crate) fn none(space: &dyn SearchSpace) -> Self {
        let space = space.name();
        Self::None { space }
    }
}

/// A text that is no architecture of a space.
#[derive(Debug, Error)]
#[error("{what}: {reason}")]
pub struct ArchError {
    /// The text, and what it is not.
    what: String,
    /// Told in the message, so it is no source that would be told again.
    reason: Box<dyn Error + Send + Sync>,
}

impl ArchError {
    /// `arch` is not an architecture of `space`, for `reason`.
    pub fn new(
        space: &'static str,
        arch: &str,
        reason: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self::boxed(space, arch, reason.into())
    }

    /// As [`ArchError::new`].
    pub(crate) fn boxed(
        space: &'static str,
        arch: &str,
        reason: Box<dyn Error + Send + Sync>,
    ) -> Self {
        let what = format!("{} is not an architecture of {space}", excerpt(arch));
        Self { what, reason }
    }

    /// The file at `path` is no architecture, for `reason`.
    #[must_use]
    pub fn of_file(path: &str, reason: Box<dyn Error + Send + Sync>) -> Self {
        let what = excerpt(path);
        Self { what, reason }
    }
}
