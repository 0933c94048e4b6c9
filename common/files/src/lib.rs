//! Files, in the one way in which every crate reads and writes them.
//!
//! | module | what it settles |
//! |---|---|
//! | [`text`] | what is text: byte-order marks, line ends, and what only looks like it |
//! | [`model`] | the folder of a published model, in the hub's cache too |
//! | [`read`] | reading no more than is sensible |
//! | [`write`](mod@write) | a file that appears under its name only when it is whole |
//! | [`same`] | an output that is also an input |
//! | [`hash`] | SHA-256 as hexadecimal digits |
//!
//! Nothing here knows records or weights.

pub mod hash;
pub mod model;
pub mod read;
pub mod same;
pub mod text;
pub mod write;

pub use hash::{Hashing, hex, sha256, sha256_of};
pub use read::{Capped, ReadError, capped, capped_regular};
pub use same::{Clash, Named, apart};
pub use write::{NewFile, Target};
