//! What can go wrong with a data set, said so that it can be mended.

use std::path::{Path, PathBuf};

/// Why a data set cannot be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The text names no data set.
    #[error(
        "unknown data set '{0}': give cifar10[:DIR], cifar100[:DIR], folder:DIR or noise, which \
         are images, or rte:DIR, mrpc:DIR or jsonl:FILE, which are texts"
    )]
    UnknownSpec(String),
    /// No data set is named, and the usual one is not there.
    #[error(
        "no --data is given and CIFAR-10 has not been fetched: run scripts/fetch-data.sh, or \
         give cifar10:DIR, cifar100:DIR or folder:DIR"
    )]
    NotFetched,
    /// There is no such folder.
    #[error("no data folder {}: {hint}", folder.display())]
    MissingFolder {
        /// The folder that was looked for.
        folder: PathBuf,
        /// What to do about it.
        hint: String,
    },
    /// One of a data set's files is not there, or is no file.
    #[error("no file {}: {hint}", path.display())]
    MissingFile {
        /// The file that was looked for.
        path: PathBuf,
        /// What to do about it.
        hint: String,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The size of a CIFAR file is no positive multiple of its row length.
    #[error(
        "{} is truncated or no {name} batch: {size} bytes are not a whole number of rows \
         of {row} bytes; fetch it again",
        path.display()
    )]
    BatchSize {
        /// The file.
        path: PathBuf,
        /// The data set it should belong to.
        name: &'static str,
        /// Its size in bytes.
        size: u64,
        /// Bytes in one row.
        row: usize,
    },
    /// A row's label is not a class.
    #[error(
        "{}, row {row} (the first is 0): label {label} is not below {classes}, \
         so this is no {name} batch, or it is damaged; fetch it again",
        path.display()
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// The data set it should belong to.
        name: &'static str,
        /// The row, counted from 0.
        row: usize,
        /// The label found.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A data folder has fewer than two classes.
    #[error(
        "{} needs one sub-folder of images for each of at least two classes, and has {found}",
        folder.display()
    )]
    Classes {
        /// The folder.
        folder: PathBuf,
        /// Number of classes found.
        found: usize,
    },
    /// The test folder has a class that the training folder does not have.
    #[error("{}: there is no class of this name under train/", folder.display())]
    StrayClass {
        /// The folder of the stray class.
        folder: PathBuf,
    },
    /// A class has no image.
    #[error(
        "class folder {} holds no image: .png, .jpg and .jpeg files directly in it count",
        folder.display()
    )]
    EmptyClass {
        /// The folder of that class.
        folder: PathBuf,
    },
    /// A file is not an image that can be decoded.
    #[error("{} is not a readable PNG or JPEG image: {reason}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// More images or texts are wanted than there are, or none.
    #[error("cannot take {wanted} samples from {name}: ask for 1 to {have}")]
    Count {
        /// The data set.
        name: &'static str,
        /// How many were asked for.
        wanted: usize,
        /// How many there are.
        have: usize,
    },
    /// Images cannot have this side.
    #[error("a side of {found} pixels is not between {low} and {high}")]
    Side {
        /// The side.
        found: usize,
        /// The smallest there can be.
        low: usize,
        /// The largest there can be.
        high: usize,
    },
    /// The data set's images have another side, or its classes another number.
    #[error("{name} has {what} {own}, not {found}")]
    Fixed {
        /// The data set.
        name: &'static str,
        /// `side` or `classes`.
        what: &'static str,
        /// What it has.
        own: usize,
        /// What was asked for.
        found: usize,
    },
    /// There is no room for the images.
    #[error(
        "{images} images of {side}x{side} do not fit into memory: take fewer, or a smaller side"
    )]
    Memory {
        /// How many.
        images: usize,
        /// Their side.
        side: usize,
    },
    /// Noise has nothing to learn.
    #[error("noise cannot be trained on: give cifar10[:DIR], cifar100[:DIR] or folder:DIR")]
    NoTraining,
    /// A share is told of a set that has a part for validation.
    #[error("{name} has a validation part of its own: no share of the training part validates")]
    OwnValidation {
        /// The name of the set.
        name: &'static str,
    },
    /// No class has enough examples for one to validate with.
    #[error(
        "{name} cannot be split: no class has enough examples for a share of {share} to validate"
    )]
    NoValidation {
        /// The data set.
        name: &'static str,
        /// The share that was to validate.
        share: f64,
    },
    /// The data set is of the other sort.
    #[error("{name} is made of {found}, and this needs {needed}: give {choices}")]
    Sort {
        /// The data set.
        name: &'static str,
        /// What it is made of.
        found: &'static str,
        /// What is needed.
        needed: &'static str,
        /// The data sets that would do.
        choices: &'static str,
    },
    /// A line of a file of texts is not an example.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of texts is something else.
    #[error("{}: {source}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        source: knas_files::text::Foreign,
    },
    /// A file of texts has no example.
    #[error("{} has no examples", path.display())]
    NoExamples {
        /// The file.
        path: PathBuf,
    },
    /// Texts cannot be turned into tokens.
    #[error("{}: {reason}", path.display())]
    Tokeniser {
        /// The tokeniser's file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl DataError {
    /// Turns an operating system's error about `path` into one that names it.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> DataError + '_ {
        move |source| DataError::Read {
            path: path.to_path_buf(),
            source,
        }
    }
}
