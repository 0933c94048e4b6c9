//! Why a model cannot be read.

use std::path::PathBuf;

use thiserror::Error;

/// Why a file is no model.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read, or is too large.
    #[error(transparent)]
    File(#[from] knas_files::ReadError),
    /// The bytes are no messages of ONNX.
    #[error("not a model of ONNX, or a damaged one: {0}")]
    Broken(String),
    /// There is more of something than is read.
    #[error("there are more than {most} {what}, which is more than is read")]
    Many {
        /// Of what.
        what: &'static str,
        /// How many are read.
        most: usize,
    },
    /// Something that every model has is not there, or is of another kind.
    #[error("{0}")]
    Model(String),
    /// One name for two values.
    #[error("two values have the name {}", excerpt(.0))]
    Twice(String),
    /// A tensor that cannot be read.
    #[error("the tensor {}: {fault}", excerpt(name))]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it; told in the message.
        fault: TensorFault,
    },
    /// A node that cannot be read, or layers that are no network.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

/// Why a tensor cannot be read.
#[derive(Debug, Error)]
pub enum TensorFault {
    /// It has no name.
    #[error("it has no name")]
    Nameless,
    /// A size below 0.
    #[error("one of its sizes is {0}")]
    Size(i64),
    /// Sizes of which no computer could hold the numbers.
    #[error("it has more numbers than there can be")]
    Huge,
    /// Other bytes than its sizes tell.
    #[error("it has {found} bytes of numbers, and its sizes tell {wanted}")]
    Bytes {
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// Its numbers are in another file, and there is none.
    #[error("its numbers are in another file, which is not beside these bytes")]
    External,
    /// Its numbers are in a file that is not read.
    #[error("its numbers are in {0:?}, which is not a plain name of a file in the model's folder")]
    Outside(String),
    /// What is told of the other file is no number.
    #[error("its {what} in another file is {found:?}")]
    Place {
        /// Offset or length.
        what: &'static str,
        /// What is told.
        found: String,
    },
    /// The other file does not have them.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong; told in the message.
        reason: String,
    },
}

/// Why a model is no network for images.
#[derive(Debug, Error)]
pub enum LowerError {
    /// A node that has no counterpart.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// What the model gives is no row of logits.
    #[error("the model gives {0}, where one number a class is needed")]
    Output(String),
    /// Another number of classes than the file has.
    #[error("the model tells {own} classes apart, and has no last linear map to tell {asked}")]
    Classes {
        /// Those of the file.
        own: usize,
        /// Those that are asked for.
        asked: usize,
    },
    /// Images without pixels, or no classes.
    #[error("a network needs images of 1 × 1 pixel and 1 class at least")]
    Nothing,
}

/// A node, and why it has no counterpart.
#[derive(Debug, Error)]
#[error("node {place}{}, {}: {fault}", quoted(name), excerpt(operator))]
pub struct NodeError {
    /// Its place in the file.
    pub place: usize,
    /// Its name, where it has one.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// What is not known; told in the message.
    pub fault: String,
}

fn quoted(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!(", {}", excerpt(name)),
    }
}

/// The beginning of a text from outside, quoted and fit to be printed.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
