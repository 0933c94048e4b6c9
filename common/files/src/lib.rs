//! Files, as every crate that reads some takes them.
//!
//! | module | what it settles |
//! |---|---|
//! | [`text`] | what is text: byte-order marks, line ends, and what only looks like it |
//! | [`model`] | the folder of a published model, in the hub's cache too |

pub mod model;
pub mod text;
