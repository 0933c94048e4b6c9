//! What a network is for, and how large it is, beside its architecture.

use std::collections::BTreeMap;
use std::error::Error;

use knas_graph::GraphError;
use thiserror::Error;

use crate::roberta_skip::Settings;
use crate::space::{Architecture, SearchSpace, excerpt, spaces};

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

    /// That of a network of `space` of which some sizes are told, by the names that
    /// [`all_sizes`] has; the others are the usual ones.
    ///
    /// # Errors
    /// When the space has no such size, or not of this number.
    pub fn of<'n>(
        space: &dyn SearchSpace,
        told: impl IntoIterator<Item = (&'n str, u64)>,
    ) -> Result<Self, SizeError> {
        space.usual().but(space, told)
    }

    /// As [`Setting::of`], of one architecture, whose file may say what is usual.
    ///
    /// # Errors
    /// As [`Setting::of`].
    pub fn of_network<'n>(
        architecture: &dyn Architecture,
        told: impl IntoIterator<Item = (&'n str, u64)>,
    ) -> Result<Self, SizeError> {
        architecture.usual().but(architecture.space(), told)
    }

    /// With these sizes instead of its own.
    fn but<'n>(
        mut self,
        space: &dyn SearchSpace,
        told: impl IntoIterator<Item = (&'n str, u64)>,
    ) -> Result<Self, SizeError> {
        let sizes = all_sizes(space);
        for (name, found) in told {
            let size = known(space, &sizes, name)?;
            let found = size.within(found)?;
            let count = usize::try_from(found).unwrap_or(usize::MAX); // within the range
            match (size.name, &mut self.input) {
                ("classes", _) => self.classes = count,
                ("side", Input::Images { side }) => *side = count,
                ("length", Input::Texts { length, .. }) => *length = Some(count),
                (name, _) => _ = self.sizes.0.insert(name, found),
            }
        }
        Ok(self)
    }

    /// The size of the network by name, and what follows from the data: the
    /// classes, and the side of images or the length of texts where it is told.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let shown = match self.input {
            Input::Images { side } => Some(("side", side as u64)),
            Input::Texts { length, .. } => length.map(|length| ("length", length as u64)),
        };
        let classes = ("classes", self.classes as u64);
        self.sizes.iter().chain([classes]).chain(shown)
    }

    /// Those of its sizes that are others than the `usual` ones, by name.
    #[must_use]
    pub fn unusual(&self, usual: &Self) -> BTreeMap<String, u64> {
        let usual: BTreeMap<_, _> = usual.named().collect();
        let named = self.named();
        let others = named.filter(|(name, size)| usual.get(name) != Some(size));
        others.map(|(name, size)| (name.to_owned(), size)).collect()
    }

    /// A size of the space, the usual one where none is told.
    ///
    /// # Errors
    /// When it is out of its range.
    pub(crate) fn size(&self, size: Size) -> Result<usize, LowerError> {
        let found = self.sizes.get(size.name).unwrap_or(size.usual);
        let found = size
            .within(found)
            .map_err(|error| LowerError::Size(error.into()))?;
        Ok(usize::try_from(found).unwrap_or(usize::MAX)) // within the range
    }

    /// The side of images and the number of classes.
    ///
    /// # Errors
    /// When texts are read, or a number is out of its range.
    pub(crate) fn side_and_classes(&self) -> Result<(usize, usize), LowerError> {
        let (side, [of_classes, of_side]) = (self.side()?, data_sizes(false));
        for (size, found) in [(of_side, side), (of_classes, self.classes)] {
            let within = size.within(found as u64);
            _ = within.map_err(|error| LowerError::Size(error.into()))?;
        }
        Ok((side, self.classes))
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

/// What a space's networks owe to their data, which are sizes too: the classes, and
/// the side of images or the length of texts.
fn data_sizes(texts: bool) -> [Size; 2] {
    let (name, about, longest) = match texts {
        true => ("length", "tokens of a text", 1 << 20),
        false => ("side", "height and width of the images", 1024),
    };
    [
        ("classes", "classes that are told apart", 1_000_000),
        (name, about, longest),
    ]
    .map(|(name, about, most)| Size {
        name,
        about,
        usual: 1, // which the space knows
        range: (1, most),
    })
}

/// All that makes networks of a space larger or smaller beside the architecture: its
/// own sizes, then the classes, and the side of images or the length of texts.
#[must_use]
pub fn all_sizes(space: &dyn SearchSpace) -> Vec<Size> {
    let data = data_sizes(space.reads_texts());
    space.sizes().iter().copied().chain(data).collect()
}

/// Whether any space has networks of these sizes, among those whose networks read
/// texts, or else look at images: what no space has is wrong for every candidate.
///
/// # Errors
/// Where no space has them: that a number is out of range, if any space has a size
/// of this name, or else what the first one has.
pub fn check_sizes(texts: bool, told: &[(String, u64)]) -> Result<(), SizeError> {
    let spaces = spaces().iter().filter(|space| space.reads_texts() == texts);
    let mut refused = Vec::new();
    for space in spaces {
        match Setting::of(*space, told.iter().map(|(name, size)| (&**name, *size))) {
            Ok(_) => return Ok(()),
            Err(error) => refused.push(error),
        }
    }
    let unknown = |error: &SizeError| matches!(error, SizeError::Unknown { .. });
    refused.sort_by_key(unknown);
    refused.into_iter().next().map_or(Ok(()), Err)
}

impl Size {
    /// `found`, where it is in the range.
    fn within(&self, found: u64) -> Result<u64, SizeError> {
        let (low, high) = self.range;
        match (low..=high).contains(&found) {
            true => Ok(found),
            false => Err(SizeError::Range {
                name: self.name,
                about: self.about,
                low,
                high,
                found,
            }),
        }
    }
}

/// The size of this name among those of a space.
fn known(space: &dyn SearchSpace, sizes: &[Size], name: &str) -> Result<Size, SizeError> {
    let found = sizes.iter().find(|size| size.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = sizes.iter().map(|size| size.name).collect();
        SizeError::Unknown {
            space: space.name(),
            name: excerpt(name),
            known: names.join(", "),
        }
    })
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
    #[error("{space} has no size {name}; it has {known}")]
    Unknown {
        /// The space.
        space: &'static str,
        /// The name, quoted.
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
            let size = known(space, space.sizes(), name)?;
            sizes.insert(size.name, size.within(found)?);
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
    /// Its space has no network of all its architectures.
    #[error("{0} has no network of all its architectures")]
    NoSupernet(&'static str),
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
