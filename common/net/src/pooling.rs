//! Average pooling that keeps the side.

use tch::{Device, Kind, Tensor};

use crate::NetError;

/// Average pooling that keeps the side, whose border averages leave out the
/// padding.
///
/// `avg_pool2d` computes this slowly; a depthwise convolution sums the values of
/// a window, and a factor for each position divides by how many there are.
#[derive(Debug)]
pub(crate) struct Pooling {
    kernel: Tensor,
    factor: Tensor,
    padding: i64,
}

impl Pooling {
    /// Of windows of an odd side, for maps of `channels` × `side` × `side`.
    pub fn new(
        window: i64,
        [channels, side]: [i64; 2],
        options: (Kind, Device),
    ) -> Result<Self, NetError> {
        let padding = window / 2;
        let ones = Tensor::f_ones([1, 1, side, side], options)?;
        let one = Tensor::f_ones([1, 1, window, window], options)?;
        let counts = ones.f_conv2d(&one, None::<&Tensor>, [1, 1], [padding; 2], [1, 1], 1)?;
        Ok(Self {
            kernel: Tensor::f_ones([channels, 1, window, window], options)?,
            factor: counts.f_reciprocal()?,
            padding,
        })
    }

    pub fn forward(&self, input: &Tensor) -> Result<Tensor, NetError> {
        let channels = self.kernel.size()[0];
        let sums = input.f_conv2d(
            &self.kernel,
            None::<&Tensor>,
            [1, 1],
            [self.padding; 2],
            [1, 1],
            channels,
        )?;
        Ok(sums.f_mul(&self.factor)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_equals_avg_pool2d() {
        for (side, kind) in [(1, Kind::Float), (2, Kind::Float), (9, Kind::Double)] {
            let x = Tensor::arange(2 * 5 * side * side, (kind, Device::Cpu));
            let x = x.sin().reshape([2, 5, side, side]);
            let expected = x.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None);
            let pooled = Pooling::new(3, [5, side], (kind, Device::Cpu))
                .unwrap()
                .forward(&x)
                .unwrap();
            assert!(pooled.allclose(&expected, 1e-6, 1e-7, false), "side {side}");
        }
    }
}
