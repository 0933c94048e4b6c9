//! What a network is trained, chosen and tested on.

use crate::source::{Content, Rows};
use crate::{DataError, ImageSource, Images, split};

/// The share of training images that validates, unless another is told: as in
/// NAS-Bench-201's training of networks that are then compared.
const VALID_SHARE: f64 = 0.5;

/// At most how many images of each part are kept; none means all. Any limit
/// keeps the classes as balanced as they can be, and a smaller limit keeps a
/// part of what a larger one keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The share of the training examples that validates, 0 to 1, where the set has
    /// no part for that; what is usual, unless it is told.
    pub valid_share: Option<f64>,
    /// Of the training images.
    pub train: Option<usize>,
    /// Of the validation images.
    pub valid: Option<usize>,
    /// Of the test images.
    pub test: Option<usize>,
}

/// What a network is trained, chosen and tested on.
#[derive(Clone, Debug)]
pub struct Training {
    /// What is learnt from.
    pub train: Images,
    /// By which epochs and candidates are chosen.
    pub valid: Images,
    /// The test set, where the data set has one.
    pub test: Option<Images>,
}

impl Training {
    /// Training and validation images together.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn joined(&self) -> Result<Images, DataError> {
        self.train.joined(&self.valid)
    }
}

impl ImageSource {
    /// Reads the training, validation and test sets.
    ///
    /// Where there is no validation set, one half of the training set, or the share
    /// that is told, is it. That division is random, class by class, and the same for
    /// every run and seed, so that accuracies can be compared. What a class cannot
    /// divide evenly, training gets.
    ///
    /// # Errors
    /// For noise, where no class has images enough, where a share is told of a set
    /// that has a validation set, or where an image cannot be read.
    pub fn training(&self, limits: Limits) -> Result<Training, DataError> {
        let places = self.places(limits)?;
        let Content::Files { train, valid, test } = &*self.content else {
            return Err(DataError::NoTraining);
        };
        let read = |rows: &Rows, at| rows.read(at, self.side, self.normalisation);
        let test = test.as_ref().zip(places.test);
        Ok(Training {
            train: read(train, places.train)?,
            valid: read(valid.as_ref().unwrap_or(train), places.valid)?,
            test: test.map(|(rows, at)| read(rows, at)).transpose()?,
        })
    }

    /// How many images each part has that [`training`](Self::training) would read: of
    /// training, validation and, where there is one, the test set.
    ///
    /// # Errors
    /// As [`training`](Self::training), but that no image is read.
    pub fn counts(&self, limits: Limits) -> Result<(usize, usize, Option<usize>), DataError> {
        let Places { train, valid, test } = self.places(limits)?;
        Ok((train.len(), valid.len(), test.map(|test| test.len())))
    }

    fn places(&self, limits: Limits) -> Result<Places, DataError> {
        let Content::Files { train, valid, test } = &*self.content else {
            return Err(DataError::NoTraining);
        };
        let limited = |mut places: Vec<usize>, limit: Option<usize>| {
            places.truncate(limit.unwrap_or(usize::MAX));
            places
        };
        let valid = valid.as_ref().map(Rows::labels).transpose()?;
        let (train, valid) = split::parts(
            self.name,
            &train.labels()?,
            valid.as_deref(),
            limits.valid_share,
            VALID_SHARE,
        )?;
        let test = match test {
            Some(rows) => Some(limited(split::balanced(&rows.labels()?), limits.test)),
            None => None,
        };
        Ok(Places {
            train: limited(train, limits.train),
            valid: limited(valid, limits.valid),
            test,
        })
    }
}

/// The places of images in the sets that they are read from.
struct Places {
    train: Vec<usize>,
    valid: Vec<usize>,
    test: Option<Vec<usize>>,
}
