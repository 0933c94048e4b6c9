//! How large a network is: its sizes, and what they cannot be.

use thiserror::Error;

use crate::setting::{LowerError, Setting, Size};

/// Channels of an operation in the first cells.
pub(super) const CHANNELS: Size = Size {
    name: "channels",
    about: "channels of an operation in the first cells",
    usual: 36,
    range: (1, 4096),
};

/// Cells in all.
pub(super) const CELLS: Size = Size {
    name: "cells",
    about: "cells, of which those at a third and two thirds halve the map",
    usual: 20,
    range: (1, 200),
};

/// How far the stem shrinks images.
pub(super) const STEM: Size = Size {
    name: "stem",
    about: "how far the stem shrinks images: 1 as for CIFAR, 8 as for ImageNet",
    usual: 1,
    range: (1, 8),
};

/// Why a genotype is no network of a size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// A stem that there is not.
    #[error(
        "stem is 1 (one 3×3 convolution, for CIFAR) or 8 (three that halve, for ImageNet), not {0}"
    )]
    Stem(usize),
    /// Channels that cannot be split into halves.
    #[error("channels must be even with stem 8, which begins with half of them; {0} are not")]
    Channels(usize),
    /// A map that cannot be split into even and odd positions.
    #[error(
        "{layer} is a factorized reduce, which reads maps of an even side, not of {side}: the \
         image's side must be even wherever it is halved; multiples of {multiple} are"
    )]
    OddSide {
        /// The layer's official name.
        layer: String,
        /// The side of what it reads.
        side: usize,
        /// Images of multiples of this side have no such map.
        multiple: usize,
    },
}

impl From<NetworkError> for LowerError {
    fn from(error: NetworkError) -> Self {
        Self::Size(error.into())
    }
}

/// How large a network is.
pub(super) struct Skeleton {
    /// Channels of an operation in the first cells.
    pub channels: usize,
    /// Cells in all.
    pub cells: usize,
    /// Whether the stem is that for ImageNet.
    pub shrinks: bool,
    /// The image's side.
    pub side: usize,
    /// Classes.
    pub classes: usize,
}

impl Skeleton {
    pub fn of(setting: &Setting) -> Result<Self, LowerError> {
        let (side, classes) = setting.side_and_classes()?;
        let (channels, stem) = (setting.size(CHANNELS)?, setting.size(STEM)?);
        let skeleton = Self {
            channels,
            cells: setting.size(CELLS)?,
            shrinks: stem == 8,
            side,
            classes,
        };
        match stem {
            1 => Ok(skeleton),
            8 if channels.is_multiple_of(2) => Ok(skeleton),
            8 => Err(NetworkError::Channels(channels).into()),
            _ => Err(NetworkError::Stem(stem).into()),
        }
    }

    /// Whether the cell at this place halves the map and doubles the channels.
    pub fn reduces(&self, cell: usize) -> bool {
        [self.cells / 3, 2 * self.cells / 3].contains(&cell)
    }

    /// Images of multiples of this side can be halved wherever they are.
    pub fn multiple(&self) -> usize {
        if self.shrinks { 32 } else { 4 }
    }
}
