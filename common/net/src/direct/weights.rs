//! The weights of convolutions, laid out for vector instructions.

use super::map::{LANES, Pixel};
use super::memory;
use crate::NetError;

/// The weights from sixteen inputs to sixteen outputs at one place of a window:
/// a pixel of outputs for each input.
pub(super) type Tap = [Pixel; LANES];

/// The weights of a convolution, or their gradient.
#[derive(Debug)]
pub(super) struct Weights {
    outputs: usize,
    inputs: usize,
    /// The window's side, 1 or 3.
    pub kernel: usize,
    /// Block of outputs by block of inputs by place in the window.
    pub taps: Vec<Tap>,
}

impl Weights {
    /// Zeros.
    pub fn zeros([outputs, inputs]: [usize; 2], kernel: usize) -> Result<Self, NetError> {
        let blocks = outputs.div_ceil(LANES) * inputs.div_ceil(LANES);
        Ok(Self {
            outputs,
            inputs,
            kernel,
            taps: memory::zeros(blocks * kernel * kernel)?,
        })
    }

    /// From `values`, outputs × inputs × kernel × kernel.
    pub fn new(
        values: &[f32],
        [outputs, inputs]: [usize; 2],
        kernel: usize,
    ) -> Result<Self, NetError> {
        let mut weights = Self::zeros([outputs, inputs], kernel)?;
        let windows = values.chunks_exact(kernel * kernel);
        for ((output, input), window) in pairs(outputs, inputs).zip(windows) {
            let taps = weights.window(output, input);
            taps.zip(window).for_each(|(tap, value)| *tap = *value);
        }
        Ok(weights)
    }

    /// The weights with which a convolution takes gradients back to its input:
    /// inputs and outputs change places, and windows are turned around.
    pub fn transposed(
        values: &[f32],
        [outputs, inputs]: [usize; 2],
        kernel: usize,
    ) -> Result<Self, NetError> {
        let mut weights = Self::zeros([inputs, outputs], kernel)?;
        let windows = values.chunks_exact(kernel * kernel);
        for ((output, input), window) in pairs(outputs, inputs).zip(windows) {
            let taps = weights.window(input, output);
            taps.zip(window.iter().rev())
                .for_each(|(tap, value)| *tap = *value);
        }
        Ok(weights)
    }

    /// Appends outputs × inputs × kernel × kernel to `values`; zeros are left
    /// behind.
    pub fn take(&mut self, values: &mut Vec<f32>) {
        for (output, input) in pairs(self.outputs, self.inputs) {
            values.extend(self.window(output, input).map(std::mem::take));
        }
    }

    /// The weights from an input to an output, row by row of the window.
    fn window(&mut self, output: usize, input: usize) -> impl Iterator<Item = &mut f32> {
        let window = self.kernel * self.kernel;
        let block = output / LANES * self.inputs.div_ceil(LANES) + input / LANES;
        let taps = self.taps[block * window..][..window].iter_mut();
        taps.map(move |tap| &mut tap[input % LANES].0[output % LANES])
    }

    /// The inputs that a block of them holds.
    #[inline(always)]
    pub fn inputs_of(&self, block: usize) -> usize {
        (self.inputs - block * LANES).min(LANES)
    }
}

/// Outputs and inputs, in the order in which tensors hold their weights.
fn pairs(outputs: usize, inputs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outputs).flat_map(move |output| (0..inputs).map(move |input| (output, input)))
}
