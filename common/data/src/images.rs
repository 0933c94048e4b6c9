//! Images held in memory as bytes, and the batches made of them.

use knas_stats::random::stream;
use sha2::{Digest, Sha256};

use crate::augment::{Augmentation, Crop, Normalisation, Table};
use crate::blank::Rectangle;
use crate::{Batch, DataError, reserved, values};

/// Labelled images of one side in a fixed order, channel by channel.
#[derive(Clone, Debug)]
pub struct Images {
    side: usize,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    indices: Vec<usize>,
    normalisation: Normalisation,
}

/// How one image is shown.
struct Shown {
    crop: Crop,
    blanks: [Option<Rectangle>; 2],
}

impl Images {
    /// `indices` are the images' places in their data set.
    pub(crate) fn new(
        side: usize,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        indices: Vec<usize>,
        normalisation: Normalisation,
    ) -> Self {
        debug_assert_eq!(pixels.len(), labels.len() * values(side));
        debug_assert_eq!(indices.len(), labels.len());
        Self {
            side,
            pixels,
            labels,
            indices,
            normalisation,
        }
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height and width of the images.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Each image's place in the training or test set it comes from.
    #[must_use]
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The bytes of the image at `place`, before augmentation.
    #[must_use]
    pub fn pixels(&self, place: usize) -> &[u8] {
        let size = values(self.side);
        &self.pixels[place * size..][..size]
    }

    /// SHA-256, in hexadecimal, of `knas-images-1`, the number of images
    /// (8 bytes) and, image by image, its index (8 bytes), its label (4 bytes)
    /// and its 3 × side × side bytes before augmentation. Integers are little-endian.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"knas-images-1");
        hash.update((self.len() as u64).to_le_bytes());
        for (place, (index, label)) in self.indices.iter().zip(&self.labels).enumerate() {
            hash.update((*index as u64).to_le_bytes());
            hash.update(label.to_le_bytes());
            hash.update(self.pixels(place));
        }
        hexadecimal(hash)
    }

    /// The images in their order, `size` (at least 1) at a time, as they are.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Batch> + '_ {
        let places: Vec<usize> = (0..self.len()).collect();
        self.cut(places, size, |_| self.as_is())
    }

    /// One epoch of training: every image once, in an order drawn from (seed,
    /// epoch), changed as drawn from (seed, epoch, image), `size` (at least 1) at a
    /// time. The last batch holds what remains.
    pub fn epoch(
        &self,
        size: usize,
        seed: u64,
        epoch: u64,
        augmentation: Augmentation,
    ) -> impl Iterator<Item = Batch> + '_ {
        let order = stream(seed, "epoch-order", &[epoch.into()]).choose(self.len(), self.len());
        self.cut(order, size, move |index| {
            // Each change has a stream of its own, so that no other moves it.
            let draw = |purpose| stream(seed, purpose, &[epoch.into(), (index as u64).into()]);
            let Augmentation {
                flip_crop,
                erasing,
                cutout,
            } = augmentation;
            let mut shown = self.as_is();
            if flip_crop {
                shown.crop = Crop::draw(self.side, &mut draw("epoch-crop"));
            }
            if erasing > 0.0 {
                let random = &mut draw("epoch-erase");
                shown.blanks[0] = Rectangle::erased(self.side, erasing, random);
            }
            if cutout > 0 {
                let square = Rectangle::cut_out(self.side, cutout, &mut draw("epoch-cutout"));
                shown.blanks[1] = Some(square);
            }
            shown
        })
    }

    /// These images, then the others, whose places are those in this row: both may come
    /// from sets with places of their own.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn joined(&self, others: &Self) -> Result<Self, DataError> {
        let mut pixels = reserved(self.len() + others.len(), self.side)?;
        let (first, second) = pixels.split_at_mut(self.pixels.len());
        first.copy_from_slice(&self.pixels);
        second.copy_from_slice(&others.pixels);
        let labels = [&self.labels[..], &others.labels].concat();
        let indices = (0..labels.len()).collect();
        let normalisation = self.normalisation;
        Ok(Self::new(self.side, pixels, labels, indices, normalisation))
    }

    /// An image without a change.
    fn as_is(&self) -> Shown {
        Shown {
            crop: Crop::centre(self.side),
            blanks: [None; 2],
        }
    }

    /// All images in one batch; `crop` gives the part of an image by its index.
    pub(crate) fn whole(&self, crop: impl Fn(usize) -> Crop) -> Batch {
        let places: Vec<usize> = (0..self.len()).collect();
        let shown = |index| Shown {
            crop: crop(index),
            blanks: [None; 2],
        };
        self.batch(&places, &self.normalisation.table(), &shown)
    }

    /// Batches of the images at `places`, `size` at a time.
    fn cut(
        &self,
        places: Vec<usize>,
        size: usize,
        shown: impl Fn(usize) -> Shown,
    ) -> impl Iterator<Item = Batch> {
        let size = size.max(1);
        let table = self.normalisation.table();
        (0..places.len()).step_by(size).map(move |start| {
            let end = start.saturating_add(size).min(places.len());
            self.batch(&places[start..end], &table, &shown)
        })
    }

    fn batch(&self, places: &[usize], table: &Table, shown: &impl Fn(usize) -> Shown) -> Batch {
        let size = values(self.side);
        let mut input = vec![0.0; places.len() * size];
        for (&place, out) in places.iter().zip(input.chunks_exact_mut(size)) {
            let Shown { crop, blanks } = shown(self.indices[place]);
            crop.write(self.pixels(place), table, out);
            for rectangle in blanks.into_iter().flatten() {
                rectangle.blank(self.side, out);
            }
        }
        let target = places
            .iter()
            .map(|&place| i64::from(self.labels[place]))
            .collect();
        Batch {
            side: self.side,
            input,
            target,
        }
    }
}

/// A finished hash as 64 lower-case digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
