//! ONNX, the file format that runtimes of other makers read.
//!
//! | module | what it holds |
//! |---|---|
//! | [`message`] | the messages of the format, as far as they are used here |
//! | [`read`](mod@read) | a graph and its tensors from a model |
//! | [`write`](mod@write) | a model from a graph and its tensors |
//! | `lower` | an operation of a graph in operators of ONNX |
//! | `builder` | nodes, constants and their names |
//!
//! Nothing here knows a search space or evaluates anything.

mod builder;
mod lower;
pub mod message;
pub mod read;
pub mod write;

pub use read::{LowerError, Model, ReadError};
pub use write::{Images, OPSET, Options, WriteError, write};
