//! Why an operation and what it reads do not go together.

use thiserror::Error;

use crate::shape::Shape;

/// Why an operation does not go with what it is to read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Misfit {
    /// Too few values, or too many.
    #[error("it reads {wanted}, not {found} values")]
    Count {
        /// How many it takes, in words.
        wanted: &'static str,
        /// How many it was given.
        found: usize,
    },
    /// A value of a sort that it does not take.
    #[error("it reads {wanted}, not {found}")]
    Sort {
        /// What it takes.
        wanted: &'static str,
        /// What it was given.
        found: Shape,
    },
    /// Values that should have one shape.
    #[error("{first} and {other} cannot be read together")]
    Different {
        /// The first value's.
        first: Shape,
        /// Another one's.
        other: Shape,
    },
    /// What the network is shown, a second time.
    #[error("a network has one input, which is its first node")]
    SecondInput,
    /// A parameter that is not there.
    #[error("there is no parameter {0}")]
    NoParameter(usize),
    /// A value that is not there yet.
    #[error("there is no value {0} yet")]
    NoValue(usize),
    /// A parameter of another shape than the layer needs.
    #[error("\"{name}\" is {found:?}, not {wanted:?}")]
    Parameter {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the layer needs.
        wanted: Vec<usize>,
    },
    /// Running statistics that are not there, or of other channels.
    #[error("there are no running statistics {place} of {channels} channels")]
    Running {
        /// Their place.
        place: usize,
        /// Channels of what is normalised.
        channels: usize,
    },
    /// Groups that do not share the channels equally.
    #[error("{groups} groups do not divide {inputs} channels into {outputs}")]
    Groups {
        /// Groups.
        groups: usize,
        /// Channels of what is read.
        inputs: usize,
        /// Channels of what is given.
        outputs: usize,
    },
    /// More channels than there are.
    #[error("of {found} channels there are no first {wanted}")]
    Channels {
        /// Channels of what is given.
        wanted: usize,
        /// Channels of what is read.
        found: usize,
    },
    /// A window that is larger than what it looks at.
    #[error("a window of {window} does not fit into a side of {side}")]
    Window {
        /// The window's side.
        window: usize,
        /// The side with its padding.
        side: usize,
    },
    /// A size of 0 where there must be something.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// Heads that do not share the width equally.
    #[error("{heads} heads do not divide a width of {width}")]
    Heads {
        /// Heads.
        heads: usize,
        /// Width of a token's vector.
        width: usize,
    },
    /// A share that is none.
    #[error("a share of {0} is not from 0 to less than 1")]
    Share(String),
}
