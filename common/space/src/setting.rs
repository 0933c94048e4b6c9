//! What a network is for, and how large it is, beside its architecture.

use std::collections::BTreeMap;
use std::error::Error;

use knas_graph::GraphError;
use thiserror::Error;

use crate::roberta_skip::Settings;
use crate::space::{SearchSpace, spaces};

/// What a network is for, and how large it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is shown.
    pub input: Input,
    /// The classes that it tells apart.
    pub classes: usize,
    /// The sizes of its space.
    pub sizes: Sizes,
}

/// What a network is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// Images of three channels.
    Images {
        /// Their height and width in pixels.
        side: usize,
    },
    /// Texts.
    Texts {
        /// Tokens that are counted; what the space counts where none are told.
        length: Option<usize>,
        /// What else an encoder's pass depends on; its family's where none are
        /// told.
        settings: Option<Settings>,
    },
}

impl Setting {
    /// Whether texts are read; otherwise images are looked at.
    #[must_use]
    pub fn reads_texts(&self) -> bool {
        matches!(self.input, Input::Texts { .. })
    }

    /// The size of the network by name, and what follows from the data: the
    /// classes, and the side of images.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let side = match self.input {
            Input::Images { side } => Some(("side", side as u64)),
            Input::Texts { .. } => None,
        };
        let classes = ("classes", self.classes as u64);
        self.sizes.iter().chain([classes]).chain(side)
    }

    /// The side of images.
    ///
    /// # Errors
    /// When they are texts.
    pub fn side(&self) -> Result<usize, LowerError> {
        match self.input {
            Input::Images { side } => Ok(side),
            Input::Texts { .. } => Err(LowerError::NoImages),
        }
    }
}

/// A number that makes networks larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its name, such as `channels`.
    pub name: &'static str,
    /// What it counts.
    pub about: &'static str,
    /// What it is unless it is given.
    pub usual: u64,
    /// The smallest and the largest allowed.
    pub range: (u64, u64),
}

/// The sizes of a network, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes(BTreeMap<&'static str, u64>);

/// The sizes that flags give, for networks that read texts, or else look at images.
/// What no space has is wrong for every candidate, and so it is wrong now.
///
/// # Errors
/// Where no space has them: that a number is out of range, if any space has a size
/// of this name, or else what the first one has.
pub fn given_sizes(
    texts: bool,
    flags: &[(&'static str, Option<u64>)],
) -> Result<Vec<(&'static str, u64)>, SizeError> {
    let given = flags
        .iter()
        .filter_map(|(name, size)| Some((*name, (*size)?)));
    let sizes: Vec<_> = given.collect();
    let spaces = spaces().iter().filter(|space| space.reads_texts() == texts);
    let mut refused = Vec::new();
    for space in spaces {
        match Sizes::of(*space, sizes.iter().copied()) {
            Ok(_) => return Ok(sizes),
            Err(error) => refused.push(error),
        }
    }
    let told = |error: &SizeError| matches!(error, SizeError::Unknown { .. });
    refused.sort_by_key(told);
    refused.into_iter().next().map_or(Ok(sizes), Err)
}

impl FromIterator<(&'static str, u64)> for Sizes {
    fn from_iter<I: IntoIterator<Item = (&'static str, u64)>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}

/// A size that a space does not have, or not in this range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SizeError {
    /// There is no such size.
    #[error("{space} has no size {name:?}; it has {known}")]
    Unknown {
        /// The space.
        space: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The number is out of range.
    #[error("{name} ({about}) must be between {low} and {high}; {found} is not")]
    Range {
        /// The size.
        name: &'static str,
        /// What it counts.
        about: &'static str,
        /// The smallest allowed.
        low: u64,
        /// The largest allowed.
        high: u64,
        /// The number.
        found: u64,
    },
}

impl Sizes {
    /// What sizes are unless they are given.
    #[must_use]
    pub fn usual(sizes: &[Size]) -> Self {
        sizes.iter().map(|size| (size.name, size.usual)).collect()
    }

    /// The sizes of a space: those that are `given`, and otherwise the usual ones.
    ///
    /// # Errors
    /// When the space has no such size, or not of this number.
    pub fn of<'n>(
        space: &dyn SearchSpace,
        given: impl IntoIterator<Item = (&'n str, u64)>,
    ) -> Result<Self, SizeError> {
        let Self(mut sizes) = Self::usual(space.sizes());
        for (name, found) in given {
            let size = space.sizes().iter().find(|size| size.name == name);
            let Some(size) = size else {
                let names: Vec<&str> = space.sizes().iter().map(|size| size.name).collect();
                return Err(SizeError::Unknown {
                    space: space.name(),
                    name: name.to_owned(),
                    known: match names[..] {
                        [] => "none".to_owned(),
                        _ => names.join(", "),
                    },
                });
            };
            let (low, high) = size.range;
            if !(low..=high).contains(&found) {
                return Err(SizeError::Range {
                    name: size.name,
                    about: size.about,
                    low,
                    high,
                    found,
                });
            }
            sizes.insert(size.name, found);
        }
        Ok(Self(sizes))
    }

    /// The size of this name, where the space has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// All sizes, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, size)| (*name, *size))
    }
}

/// Why an architecture is no network in a setting.
#[derive(Debug, Error)]
pub enum LowerError {
    /// It looks at images.
    #[error("the network looks at images, and is shown texts")]
    NoImages,
    /// It reads texts.
    #[error("the network reads texts, and is shown images")]
    NoTexts,
    /// It cannot have this size.
    #[error(transparent)]
    Size(Box<dyn Error + Send + Sync>),
    /// Its layers do not fit each other.
    #[error(transparent)]
    Graph(Box<GraphError>),
}

impl From<GraphError> for LowerError {
    fn from(error: GraphError) -> Self {
        Self::Graph(Box::new(error))
    }
}
