//! Images held in memory as bytes, and the batches made of them.

use knas_stats::random::stream;
use sha2::{Digest, Sha256};

use crate::augment::{Crop, Normalisation, Table};
use crate::{Batch, values};

/// Labelled images of one side in a fixed order, channel by channel.
#[derive(Clone, Debug)]
pub struct Images {
    side: usize,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    indices: Vec<usize>,
    normalisation: Normalisation,
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
        self.cut(places, size, |_| Crop::centre(self.side))
    }

    /// One epoch of training: every image once, in an order drawn from (seed,
    /// epoch), flipped and cropped as drawn from (seed, epoch, image), `size`
    /// (at least 1) at a time. The last batch holds what remains.
    pub fn epoch(&self, size: usize, seed: u64, epoch: u64) -> impl Iterator<Item = Batch> + '_ {
        self.cut(self.order(seed, epoch), size, move |index| {
            let mut random = stream(seed, "epoch-crop", &[epoch.into(), (index as u64).into()]);
            Crop::draw(self.side, &mut random)
        })
    }

    /// As [`Images::epoch`], in the same order, but with the images as they are.
    pub fn epoch_as_is(
        &self,
        size: usize,
        seed: u64,
        epoch: u64,
    ) -> impl Iterator<Item = Batch> + '_ {
        self.cut(self.order(seed, epoch), size, |_| Crop::centre(self.side))
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        stream(seed, "epoch-order", &[epoch.into()]).choose(self.len(), self.len())
    }

    /// All images in one batch; `crop` gives the part of an image by its index.
    pub(crate) fn whole(&self, crop: impl Fn(usize) -> Crop) -> Batch {
        let places: Vec<usize> = (0..self.len()).collect();
        self.batch(&places, &self.normalisation.table(), &crop)
    }

    /// Batches of the images at `places`, `size` at a time.
    fn cut(
        &self,
        places: Vec<usize>,
        size: usize,
        crop: impl Fn(usize) -> Crop,
    ) -> impl Iterator<Item = Batch> {
        let size = size.max(1);
        let table = self.normalisation.table();
        (0..places.len()).step_by(size).map(move |start| {
            let end = start.saturating_add(size).min(places.len());
            self.batch(&places[start..end], &table, &crop)
        })
    }

    fn batch(&self, places: &[usize], table: &Table, crop: &impl Fn(usize) -> Crop) -> Batch {
        let size = values(self.side);
        let mut input = vec![0.0; places.len() * size];
        for (&place, out) in places.iter().zip(input.chunks_exact_mut(size)) {
            crop(self.indices[place]).write(self.pixels(place), table, out);
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
