//! A batch as a network takes it.

use tch::{Device, Tensor};

use crate::{CHANNELS, PIXELS, SIDE};

/// Normalised images and their labels. Plain memory, so that threads can share
/// it; [`Batch::tensors`] copies it to a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Images × 3 × 32 × 32 values, in that order.
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

    /// Images as a float tensor N × 3 × 32 × 32, and labels as an int64 tensor
    /// of length N, on `device`.
    pub fn tensors(&self, device: Device) -> (Tensor, Tensor) {
        debug_assert_eq!(self.input.len(), self.len() * PIXELS);
        let shape = [self.len(), CHANNELS, SIDE, SIDE].map(|size| size as i64);
        let input = Tensor::from_slice(&self.input)
            .view(shape)
            .to_device(device);
        (input, Tensor::from_slice(&self.target).to_device(device))
    }
}
