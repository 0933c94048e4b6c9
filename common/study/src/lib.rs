//! From what is told of a network to the network.
//!
//! | module | what it holds |
//! |---|---|
//! | [`description`] | which network it is: space, architecture, size |
//! | [`size`] | how large it is, and who says so |
//! | [`card`] | what a file of trained weights tells of itself |
//! | [`weights`] | where a candidate's weights come from |
//!
//! This is where search spaces and networks meet; whoever comes after sees graphs.

pub mod card;
pub mod description;
pub mod size;
pub mod weights;

pub use card::{Card, CardError, ImageCard, TextCard, is_weights};
pub use description::{Description, DescriptionError, Lowered};
pub use size::{Contradiction, Told, ToldError};
pub use weights::{OwnError, is_own, own, source};
