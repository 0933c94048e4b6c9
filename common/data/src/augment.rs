//! What is done to images: flip, crop and normalisation of one, from bytes to numbers.

use knas_stats::random::Stream;

use crate::{CHANNELS, values};

/// Black pixels added on each side of an image before a crop is taken: an eighth of
/// its side, which for CIFAR are the usual four.
pub(crate) fn padding(side: usize) -> usize {
    side / 8
}

/// What is done to images that are learnt from; nothing, unless it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Whether they are mirrored and cropped at random.
    pub flip_crop: bool,
    /// The probability with which a random rectangle becomes 0 (Zhong et al. 2020).
    pub erasing: f64,
    /// The side in pixels of a square that becomes 0 (DeVries & Taylor 2017); 0 for none.
    pub cutout: usize,
}

/// Mean and standard deviation of the three channels, of pixels from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Means of red, green and blue.
    pub mean: [f32; CHANNELS],
    /// Standard deviations of red, green and blue.
    pub std: [f32; CHANNELS],
}

impl Normalisation {
    /// Of CIFAR-10's training set. Used for image folders too: a constant needs
    /// no pass over all images, and leaves a score to depend on nothing but the
    /// images in its batch.
    pub const CIFAR10: Self = Self {
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.2470, 0.2435, 0.2616],
    };
    /// Of CIFAR-100's training set.
    pub const CIFAR100: Self = Self {
        mean: [0.5071, 0.4867, 0.4408],
        std: [0.2675, 0.2565, 0.2761],
    };

    /// What each byte becomes in each channel: (v / 255 − mean) / std, each
    /// operation in single precision as in torchvision's ToTensor and Normalize.
    pub(crate) fn table(&self) -> Table {
        let channel =
            |c: usize| std::array::from_fn(|v| (v as f32 / 255.0 - self.mean[c]) / self.std[c]);
        Table(std::array::from_fn(channel))
    }
}

/// The normalised value of every byte, by channel.
pub(crate) struct Table([[f32; 256]; CHANNELS]);

/// Which part of the padded image is taken, and whether it is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    /// Height and width of the image.
    side: usize,
    /// Mirror left and right before anything else.
    flip: bool,
    /// First row of the crop in the padded image, 0 to twice the [`padding`].
    top: usize,
    /// First column of the crop in the padded image, 0 to twice the [`padding`].
    left: usize,
}

impl Crop {
    /// An image of this side as it is.
    pub fn centre(side: usize) -> Self {
        Self {
            side,
            flip: false,
            top: padding(side),
            left: padding(side),
        }
    }

    /// Draws a coin for the flip, then the top row, then the left column.
    pub fn draw(side: usize, random: &mut Stream) -> Self {
        let offsets = 2 * padding(side) as u64 + 1;
        let flip = random.coin();
        let top = random.below(offsets) as usize;
        let left = random.below(offsets) as usize;
        Self {
            side,
            flip,
            top,
            left,
        }
    }

    /// Writes the crop of one image (3 × side × side bytes), normalised, to `out`
    /// (as many numbers). As in torchvision, padding is black and is added
    /// before normalisation.
    pub fn write(self, image: &[u8], table: &Table, out: &mut [f32]) {
        let side = self.side;
        debug_assert!(image.len() == values(side) && out.len() == values(side));
        let planes = image
            .chunks_exact(side * side)
            .zip(out.chunks_exact_mut(side * side));
        for ((plane, out_plane), values) in planes.zip(&table.0) {
            for (y, out_row) in out_plane.chunks_exact_mut(side).enumerate() {
                let row = (y + self.top)
                    .checked_sub(padding(side))
                    .filter(|&row| row < side);
                let Some(row) = row else {
                    out_row.fill(values[0]);
                    continue;
                };
                self.write_row(&plane[row * side..][..side], values, out_row);
            }
        }
    }

    /// One row of one channel, moved, mirrored and normalised.
    fn write_row(self, row: &[u8], values: &[f32; 256], out: &mut [f32]) {
        // Columns of black to the left, and columns of the row that fall off it.
        let padding = padding(self.side);
        let blank = padding.saturating_sub(self.left);
        let skipped = self.left.saturating_sub(padding);
        let kept = self.side - blank - skipped;
        out[..blank].fill(values[0]);
        out[blank + kept..].fill(values[0]);
        let out = &mut out[blank..][..kept];
        if self.flip {
            let row = row[..self.side - skipped].iter().rev();
            out.iter_mut()
                .zip(row)
                .for_each(|(to, &from)| *to = values[usize::from(from)]);
        } else {
            let row = row[skipped..].iter();
            out.iter_mut()
                .zip(row)
                .for_each(|(to, &from)| *to = values[usize::from(from)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use knas_stats::random::stream;
    use tch::{Kind, Tensor};

    fn image(seed: u64, side: usize) -> Vec<u8> {
        let mut random = stream(seed, "image", &[]);
        (0..values(side)).map(|_| random.below(256) as u8).collect()
    }

    /// Flip, pad, slice and normalise the whole image with libtorch.
    fn literal(image: &[u8], crop: Crop, normalisation: &Normalisation) -> Vec<f32> {
        let side = crop.side as i64;
        let per_channel = |values: &[f32]| Tensor::from_slice(values).view([3, 1, 1]);
        let mut pixels = Tensor::from_slice(image)
            .view([3, side, side])
            .to_kind(Kind::Float)
            / 255;
        if crop.flip {
            pixels = pixels.flip([2]);
        }
        let padded = pixels.constant_pad_nd([padding(crop.side) as i64; 4]);
        let cropped = padded
            .narrow(1, crop.top as i64, side)
            .narrow(2, crop.left as i64, side);
        let normal = (cropped - per_channel(&normalisation.mean)) / per_channel(&normalisation.std);
        Vec::try_from(normal.contiguous().view(-1)).unwrap()
    }

    #[test]
    fn every_crop_equals_its_literal_definition_to_the_bit() {
        for (side, normalisation) in [
            (32, Normalisation::CIFAR10),
            (32, Normalisation::CIFAR100),
            (8, Normalisation::CIFAR10),
            (37, Normalisation::CIFAR10),
        ] {
            let (bytes, table) = (image(1, side), normalisation.table());
            let offsets = 2 * padding(side) + 1;
            for place in 0..2 * offsets * offsets {
                let crop = Crop {
                    side,
                    flip: place % 2 == 1,
                    top: place / 2 % offsets,
                    left: place / (2 * offsets),
                };
                let mut out = vec![f32::NAN; values(side)];
                crop.write(&bytes, &table, &mut out);
                assert_eq!(out, literal(&bytes, crop, &normalisation), "{crop:?}");
            }
        }
    }

    #[test]
    fn values_are_those_of_torchvision() {
        // ToTensor and Normalize, each operation rounded to single precision:
        // f = lambda x: struct.unpack('f', struct.pack('f', x))[0]
        // print([[f(f(f(v / 255) - f(m)) / f(s)) for v in (0, 128, 255)]
        //     for m, s in ((.4914, .2470), (.4822, .2435), (.4465, .2616))])
        let table = Normalisation::CIFAR10.table();
        let found: Vec<[f32; 3]> = table.0.iter().map(|v| [v[0], v[128], v[255]]).collect();
        let expected: [[f64; 3]; 3] = [
            [-1.9894737005233765, 0.04275631904602051, 2.0591094493865967],
            [-1.9802875518798828, 0.0811532586812973, 2.12648868560791],
            [-1.7068043947219849, 0.21200616657733917, 2.115825891494751],
        ];
        assert_eq!(
            found,
            expected.map(|channel| channel.map(|value| value as f32))
        );
    }

    #[test]
    fn draws_cover_all_crops_evenly() {
        let mut counts = [0u32; 162];
        let mut random = stream(4, "crops", &[]);
        for _ in 0..162_000 {
            let crop = Crop::draw(32, &mut random);
            counts[(crop.top * 9 + crop.left) * 2 + usize::from(crop.flip)] += 1;
        }
        // 1,000 expected of each; six standard deviations are 190.
        assert!(
            counts.iter().all(|count| count.abs_diff(1_000) < 190),
            "{counts:?}"
        );
    }
}
