//! A batch as a network takes it.

use tch::{Device, Tensor};

use crate::{CHANNELS, values};

/// Normalised images and their labels. Plain memory, so that threads can share
/// it; [`Batch::tensors`] copies it to a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Height and width of the images.
    pub side: usize,
    /// Images × 3 × side × side values, in that order.
    pub input: Vec<f32>,
    /// One label per image.
    pub target: Vec<i64>,
}

impl Batch {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// Images as a float tensor N × 3 × side × side, and labels as an int64 tensor
    /// of length N, on `device`.
    pub fn tensors(&self, device: Device) -> (Tensor, Tensor) {
        debug_assert_eq!(self.input.len(), self.len() * values(self.side));
        let shape = [self.len(), CHANNELS, self.side, self.side].map(|size| size as i64);
        let input = Tensor::from_slice(&self.input)
            .view(shape)
            .to_device(device);
        (input, Tensor::from_slice(&self.target).to_device(device))
    }
}
