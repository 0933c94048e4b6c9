//! Mixup: images that are means of two, with the classes of both.

use knas_stats::random::stream;
use tch::{Device, Tensor};

use crate::TrainError;

/// Mixup of one batch (Zhang et al. 2018, section 2): every image x becomes λx + (1 −
/// λ)x′, where x′ is another of the batch, and its loss λ times that of its own class and
/// 1 − λ times that of the other's. One λ is drawn for all of the batch.
#[derive(Debug)]
pub struct Mix {
    /// λ.
    pub share: f64,
    /// The place of x′ for each x, int64.
    partners: Tensor,
}

impl Mix {
    /// λ of Beta(α, α), and the others in random order; as drawn from (seed, epoch,
    /// batch), where batches are counted from 0 in each epoch.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn draw(
        alpha: f64,
        images: usize,
        (seed, epoch, batch): (u64, u64, u64),
        device: Device,
    ) -> Result<Self, TrainError> {
        let mut random = stream(seed, "mixup", &[epoch.into(), batch.into()]);
        let share = random.beta(alpha);
        let partners = random.choose(images, images);
        let partners: Vec<i64> = partners.into_iter().map(|place| place as i64).collect();
        Ok(Self {
            share,
            partners: Tensor::f_from_slice(&partners)?.f_to_device(device)?,
        })
    }

    /// With this λ and these others.
    #[cfg(test)]
    pub fn of(share: f64, partners: &[i64]) -> Self {
        let partners = Tensor::from_slice(partners);
        Self { share, partners }
    }

    /// The images of the batch, N × 3 × side × side, mixed.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn images(&self, images: &Tensor) -> Result<Tensor, TrainError> {
        let others = self.others(images)?.f_mul_scalar(1.0 - self.share)?;
        Ok(images.f_mul_scalar(self.share)?.f_add(&others)?)
    }

    /// Of each image, or of its class, that with which it is mixed.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn others(&self, of: &Tensor) -> Result<Tensor, TrainError> {
        Ok(of.f_index_select(0, &self.partners)?)
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    // x = torch.arange(24.).sin().reshape(4, 1, 2, 3); p = torch.tensor([2, 3, 1, 0])
    // print((0.3 * x + (1 - 0.3) * x[p]).flatten())
    #[test]
    fn images_are_mixed_as_in_the_authors_code() {
        let images = Tensor::arange(24, (Kind::Float, Device::Cpu)).sin();
        let mix = Mix::of(0.3, &[2, 3, 1, 0]);
        let mixed = mix.images(&images.view([4, 1, 2, 3])).unwrap();
        assert_eq!(mixed.size(), [4, 1, 2, 3]);
        let found: Vec<f64> = Vec::try_from(mixed.flatten(0, -1)).unwrap();
        let expected = [
            -0.3756011, 0.5465582, 0.9662144, 0.4975375, -0.4285731, -0.9606555, -0.6095157,
            0.30201, 0.9358692, 0.7092944, -0.1694023, -0.8923513, -0.3565627, 0.5859407, 0.989733,
            0.4835693, -0.4671858, -0.9884124, -0.2252962, 0.6339929, 0.9103917, 0.3497807,
            -0.5324171, -0.9251131,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    // With `words`, `beta` and `choose` as above the tests of knas_stats::random:
    // w = words(7, 'mixup', 3, 5); print(beta(w, 0.2), choose(w, 6, 6))
    #[test]
    fn what_is_drawn_is_that_of_seed_epoch_and_batch() {
        let draw = |seed, epoch, batch| {
            let mix = Mix::draw(0.2, 6, (seed, epoch, batch), Device::Cpu).unwrap();
            let partners: Vec<i64> = Vec::try_from(&mix.partners).unwrap();
            (mix.share, partners)
        };
        let (share, partners) = draw(7, 3, 5);
        assert!((share - 0.6649589863266393).abs() < 1e-12, "{share}");
        assert_eq!(partners, [1, 0, 2, 4, 3, 5]);
        assert_eq!(draw(7, 3, 5), (share, partners.clone()));
        for other in [draw(8, 3, 5), draw(7, 4, 5), draw(7, 3, 6)] {
            assert!(other.0 != share && other.1.len() == 6);
        }
    }
}
