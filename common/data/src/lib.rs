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
//! Every image is RGB and square, of [`SIDE`] × [`SIDE`] pixels unless a source is
//! asked for another [side](ImageSource::with). Every random decision is
//! drawn from [`knas_stats::random`] by (seed, purpose, image), so a batch does
//! not depend on threads, on order or on what was drawn before.

mod augment;
mod batch;
mod blank;
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
mod training;

pub use augment::{Augmentation, Normalisation};
pub use batch::Batch;
pub use error::DataError;
pub use images::Images;
pub use left_out::LeftOut;
pub use single::{find_images, read_images};
pub use source::{ImageSource, NOISE_CLASSES, NOISE_LIMIT, Sample};
pub use spec::DataSpec;
pub use text::{Extent, TextBatch, TextSample, TextSource, TextTraining, Texts};
pub use tokeniser::{Tokeniser, Tokens};
pub use training::{Limits, Training};

/// Height and width in pixels of CIFAR's images, and of others unless another side is
/// asked for.
pub const SIDE: usize = 32;
/// The smallest and the largest side that images can be resampled to.
pub const SIDES: (usize, usize) = (8, 512);
/// Colour channels of every image: red, green, blue.
pub const CHANNELS: usize = 3;
/// Values of one image of CIFAR, channel by channel, row by row.
pub const PIXELS: usize = values(SIDE);

/// Values of one image of this side, channel by channel, row by row.
#[must_use]
pub const fn values(side: usize) -> usize {
    CHANNELS * side * side
}

/// Bytes for so many images of this side.
fn reserved(images: usize, side: usize) -> Result<Vec<u8>, DataError> {
    let mut pixels = Vec::new();
    let size = images.saturating_mul(values(side));
    let made = pixels.try_reserve_exact(size);
    made.map_err(|_| DataError::Memory { images, side })?;
    pixels.resize(size, 0);
    Ok(pixels)
}
