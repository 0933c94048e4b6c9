//! Image and text data sets for the scoring and training of networks.
//!
//! A [`DataSpec`] is what a user names (`cifar10`, `folder:DIR`, `rte:DIR`, …).
//! An [`ImageSource`] is a set of images opened: its files are found and
//! counted, and no image is read until it is needed. From it come
//!
//! - [`ImageSource::sample`]: the batch that a score is computed on, which
//!   reads just the images that were drawn;
//! - [`ImageSource::training`]: training, validation and test images held in
//!   memory ([`Images`]), from which epochs of [`Batch`]es are made.
//!
//! A [`TextSource`] is a set of texts, which a [`Tokeniser`] makes into
//! [`Tokens`]; the same two come from it, as [`TextSample`] and
//! [`TextTraining`], whose batches are [`TextBatch`]es.
//!
//! Every image is RGB with [`SIDE`] × [`SIDE`] pixels. Every random decision is
//! drawn from [`knas_stats::random`] by (seed, purpose, image), so a batch does
//! not depend on threads, on order or on what was drawn before.

mod augment;
mod batch;
mod cifar;
mod error;
mod folder;
mod images;
mod jpeg;
mod left_out;
mod single;
mod source;
mod spec;
mod split;
mod text;
mod tokeniser;

pub use augment::Normalisation;
pub use batch::Batch;
pub use error::DataError;
pub use images::Images;
pub use left_out::LeftOut;
pub use single::{find_images, read_images};
pub use source::{ImageSource, Limits, NOISE_CLASSES, NOISE_LIMIT, Sample, Training};
pub use spec::DataSpec;
pub use text::{Extent, TextBatch, TextSample, TextSource, TextTraining, Texts};
pub use tokeniser::{Tokeniser, Tokens};

/// Width and height of every image, in pixels.
pub const SIDE: usize = 32;
/// Colour channels of every image: red, green, blue.
pub const CHANNELS: usize = 3;
/// Values of one image, channel by channel, row by row.
pub const PIXELS: usize = CHANNELS * SIDE * SIDE;
