//! Convolutions, and what their backward passes are made of.
//!
//! A tile of outputs stays in vector registers, sixteen output channels of one
//! position in each, while all its inputs go by: one value of the input is
//! multiplied by a vector of weights. In a 3×3 window that value counts for
//! three positions of a row, so that it is fetched once for three products.

use pulp::{Arch, Simd, WithSimd};

use super::map::{LANES, Map, Part, Pixel, Store};
use super::weights::{Tap, Weights};

/// Stores in `output` the convolution of `input`, padded to keep its side where
/// the stride is 1 and to halve it where it is 2.
pub(super) fn convolve(weights: &Weights, input: &Map, output: &mut Map, store: Store<'_>) {
    let arch = Arch::new();
    match (weights.kernel, input.side / output.side) {
        (1, _) => arch.dispatch(Convolve::<1, 1>(weights, input, output, store)),
        (_, 1) => arch.dispatch(Convolve::<3, 1>(weights, input, output, store)),
        _ => arch.dispatch(Convolve::<3, 2>(weights, input, output, store)),
    }
}

/// Adds to `gradient` that of the weights: `input` is what the convolution got,
/// `delta` the gradient of what it gave.
pub(super) fn add_weight_gradient(gradient: &mut Weights, input: &Map, delta: &Map) {
    let arch = Arch::new();
    match (gradient.kernel, input.side / delta.side) {
        (1, _) => arch.dispatch(WeightGradient::<1, 1>(gradient, input, delta)),
        (_, 1) => arch.dispatch(WeightGradient::<3, 1>(gradient, input, delta)),
        _ => arch.dispatch(WeightGradient::<3, 2>(gradient, input, delta)),
    }
}

struct Convolve<'a, const KERNEL: usize, const STRIDE: usize>(
    &'a Weights,
    &'a Map,
    &'a mut Map,
    Store<'a>,
);

impl<const KERNEL: usize, const STRIDE: usize> WithSimd for Convolve<'_, KERNEL, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for part in Part::all(simd) {
            // As large a tile as there are registers for.
            let wide = S::F32_LANES >= LANES;
            let eights = STRIDE == 1 && self.2.side.is_multiple_of(8);
            // A value that counts for one position alone is to count for two
            // blocks: there is no more than a load for every two products.
            let pairs = KERNEL == 1 && self.2.blocks.is_multiple_of(2);
            match (wide, eights, pairs) {
                (true, true, true) => self.tiles::<S, 2, 1, 8>(part),
                (true, true, false) => self.tiles::<S, 1, 2, 8>(part),
                (true, false, _) => self.tiles::<S, 1, 4, 4>(part),
                (false, true, true) => self.tiles::<S, 2, 1, 4>(part),
                (false, true, false) => self.tiles::<S, 1, 1, 8>(part),
                (false, false, _) => self.tiles::<S, 1, 2, 4>(part),
            }
        }
    }
}

impl<const KERNEL: usize, const STRIDE: usize> Convolve<'_, KERNEL, STRIDE> {
    #[inline(always)]
    fn tiles<S: Simd, const BLOCKS: usize, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        part: Part<S>,
    ) {
        let side = self.2.side;
        for block in (0..self.2.blocks).step_by(BLOCKS) {
            for row in (0..side).step_by(ROWS) {
                for column in (0..side).step_by(COLUMNS) {
                    self.tile::<S, BLOCKS, ROWS, COLUMNS>(part, block, row, column);
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const BLOCKS: usize, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        part: Part<S>,
        block: usize,
        row: usize,
        column: usize,
    ) {
        let Self(weights, input, output, store) = self;
        let simd = part.simd;
        let width = STRIDE * (COLUMNS - 1) + KERNEL;
        let mut sums = [[[simd.splat_f32s(0.0); COLUMNS]; ROWS]; BLOCKS];
        for input_block in 0..input.blocks {
            for y in 0..KERNEL {
                let taps: [&[Tap]; BLOCKS] = std::array::from_fn(|b| {
                    let window = (block + b) * input.blocks + input_block;
                    &weights.taps[(window * KERNEL + y) * KERNEL..][..KERNEL]
                });
                let rows: [&[Pixel]; ROWS] = std::array::from_fn(|r| {
                    let first = first_row(KERNEL, STRIDE * (row + r)) + y;
                    let start = input.place(input_block, first, first_row(KERNEL, STRIDE * column));
                    &input.pixels[start..][..width]
                });
                for channel in 0..weights.inputs_of(input_block).min(LANES) {
                    let taps: [[S::f32s; KERNEL]; BLOCKS] =
                        taps.map(|taps| std::array::from_fn(|x| part.load(&taps[x][channel])));
                    for (r, row) in rows.iter().enumerate() {
                        for place in 0..width {
                            let value = simd.splat_f32s(row[place].0[channel]);
                            for (taps, sums) in taps.iter().zip(&mut sums) {
                                for (x, &tap) in taps.iter().enumerate() {
                                    if let Some(column) = output_at(place, x, STRIDE, COLUMNS) {
                                        let sum = &mut sums[r][column];
                                        *sum = simd.mul_add_f32s(value, tap, *sum);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        for (b, sums) in sums.into_iter().enumerate() {
            for (r, sums) in sums.into_iter().enumerate() {
                let start = output.place(block + b, row + r + 1, column + 1);
                part.store_as(*store, output, start, sums);
            }
        }
    }
}

/// The output to which the input at `place` of a tile's row contributes through
/// the window's place `x`.
#[inline(always)]
fn output_at(place: usize, x: usize, stride: usize, outputs: usize) -> Option<usize> {
    let inside = place >= x && (place - x).is_multiple_of(stride) && (place - x) / stride < outputs;
    inside.then(|| (place - x) / stride)
}

/// Where in a bordered map the window of the output at `place` begins.
#[inline(always)]
fn first_row(kernel: usize, place: usize) -> usize {
    place + (3 - kernel) / 2
}

struct WeightGradient<'a, const KERNEL: usize, const STRIDE: usize>(
    &'a mut Weights,
    &'a Map,
    &'a Map,
);

impl<const KERNEL: usize, const STRIDE: usize> WithSimd for WeightGradient<'_, KERNEL, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for part in Part::all(simd) {
            // As many weights as there are registers for, and as in a tile two
            // products for every value at least.
            let wide = S::F32_LANES >= LANES;
            let pairs = KERNEL == 1 && self.2.blocks.is_multiple_of(2);
            match (wide, KERNEL, STRIDE, pairs) {
                (true, 1, _, true) => self.groups::<S, 2, 8, 4>(part),
                (true, 1, _, false) => self.groups::<S, 1, 16, 4>(part),
                (true, _, 1, _) => self.groups::<S, 1, 8, 4>(part),
                (true, ..) => self.groups::<S, 1, 4, 4>(part),
                (false, 1, _, true) => self.groups::<S, 2, 4, 2>(part),
                (false, 1, _, false) => self.groups::<S, 1, 8, 2>(part),
                (false, ..) => self.groups::<S, 1, 4, 2>(part),
            }
        }
    }
}

impl<const KERNEL: usize, const STRIDE: usize> WeightGradient<'_, KERNEL, STRIDE> {
    /// Groups of inputs whose weights, for a row of the window, stay in registers.
    #[inline(always)]
    fn groups<S: Simd, const BLOCKS: usize, const GROUP: usize, const COLUMNS: usize>(
        &mut self,
        part: Part<S>,
    ) {
        let Self(_, input, delta) = *self;
        for block in (0..delta.blocks).step_by(BLOCKS) {
            for input_block in 0..input.blocks {
                for y in 0..KERNEL {
                    for group in (0..self.0.inputs_of(input_block)).step_by(GROUP) {
                        let place = [block, input_block, y];
                        self.group::<S, BLOCKS, GROUP, COLUMNS>(part, place, group);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn group<S: Simd, const BLOCKS: usize, const GROUP: usize, const COLUMNS: usize>(
        &mut self,
        part: Part<S>,
        [block, input_block, y]: [usize; 3],
        group: usize,
    ) {
        let Self(gradient, input, delta) = self;
        let simd = part.simd;
        let tap = |b: usize, x: usize| {
            (((block + b) * input.blocks + input_block) * KERNEL + y) * KERNEL + x
        };
        let mut sums = [[[simd.splat_f32s(0.0); GROUP]; KERNEL]; BLOCKS];
        for (b, sums) in sums.iter_mut().enumerate() {
            for (x, sums) in sums.iter_mut().enumerate() {
                let pixels = &gradient.taps[tap(b, x)][group..][..GROUP];
                for (sum, pixel) in sums.iter_mut().zip(pixels) {
                    *sum = part.load(pixel);
                }
            }
        }
        let width = STRIDE * (COLUMNS - 1) + KERNEL;
        for row in 0..delta.side {
            let first = first_row(KERNEL, STRIDE * row) + y;
            let start = input.place(input_block, first, first_row(KERNEL, 0));
            let values = &input.pixels[start..][..STRIDE * (delta.side - 1) + KERNEL];
            let deltas: [&[Pixel]; BLOCKS] = std::array::from_fn(|b| delta.row(block + b, row));
            for column in (0..delta.side).step_by(COLUMNS) {
                let values = &values[STRIDE * column..][..width];
                let deltas: [[S::f32s; COLUMNS]; BLOCKS] = deltas.map(|deltas| {
                    let deltas = &deltas[column..][..COLUMNS];
                    std::array::from_fn(|i| part.load(&deltas[i]))
                });
                for place in 0..width {
                    let values = &values[place].0[group..][..GROUP];
                    for channel in 0..GROUP {
                        let value = simd.splat_f32s(values[channel]);
                        for (sums, deltas) in sums.iter_mut().zip(&deltas) {
                            for (x, sums) in sums.iter_mut().enumerate() {
                                if let Some(column) = output_at(place, x, STRIDE, COLUMNS) {
                                    let sum = &mut sums[channel];
                                    *sum = simd.mul_add_f32s(value, deltas[column], *sum);
                                }
                            }
                        }
                    }
                }
            }
        }
        for (b, sums) in sums.into_iter().enumerate() {
            for (x, sums) in sums.into_iter().enumerate() {
                let pixels = &mut gradient.taps[tap(b, x)][group..][..GROUP];
                for (pixel, sum) in pixels.iter_mut().zip(sums) {
                    part.store(pixel, sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    fn values(seed: usize, count: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7 + seed) as f32 * 0.31).sin();
        (0..count).map(value).collect()
    }

    fn map(values: &[f32], channels: usize, side: usize) -> Map {
        let mut map = Map::zeros(channels, side).unwrap();
        map.fill(values);
        map
    }

    /// The channels of a map, one after another.
    fn channels(map: &Map, channels: usize) -> Tensor {
        let side = map.side;
        let value = |i: usize| {
            let (channel, row, column) = (i / side / side, i / side % side, i % side);
            map.pixels[map.place(channel / LANES, row + 1, column + 1)].0[channel % LANES]
        };
        let values: Vec<f32> = (0..channels * side * side).map(value).collect();
        Tensor::from_slice(&values).reshape([1, channels as i64, side as i64, side as i64])
    }

    /// One convolution, and the gradient of its weights.
    fn check<S: Simd, const KERNEL: usize, const STRIDE: usize>(
        simd: S,
        [outputs, inputs]: [usize; 2],
    ) {
        let side = 8;
        let window = KERNEL * KERNEL;
        let numbers = values(1, outputs * inputs * window);
        let (given, delta) = (
            values(2, inputs * side * side),
            values(3, outputs * (side / STRIDE).pow(2)),
        );
        let weights = Weights::new(&numbers, [outputs, inputs], KERNEL).unwrap();
        let (input, delta) = (
            map(&given, inputs, side),
            map(&delta, outputs, side / STRIDE),
        );
        let mut output = Map::zeros(outputs, side / STRIDE).unwrap();
        let mut gradient = Weights::zeros([outputs, inputs], KERNEL).unwrap();
        simd.vectorize(Convolve::<KERNEL, STRIDE>(
            &weights,
            &input,
            &mut output,
            Store::default(),
        ));
        simd.vectorize(WeightGradient::<KERNEL, STRIDE>(
            &mut gradient,
            &input,
            &delta,
        ));

        let shape = [outputs, inputs, KERNEL, KERNEL].map(|n| n as i64);
        let parameter = Tensor::from_slice(&numbers).reshape(shape);
        let parameter = parameter.set_requires_grad(true);
        let stride = [STRIDE as i64; 2];
        let padding = [KERNEL as i64 / 2; 2];
        let expected =
            channels(&input, inputs).conv2d(&parameter, None::<Tensor>, stride, padding, [1, 1], 1);
        let found = channels(&output, outputs);
        assert!(
            found.allclose(&expected, 1e-5, 1e-4, false),
            "{KERNEL} {STRIDE}"
        );
        let scalar = (expected * channels(&delta, outputs)).sum(tch::Kind::Float);
        let expected = Tensor::run_backward(&[scalar], &[parameter], false, false);
        let mut found = Vec::new();
        gradient.take(&mut found);
        let found = Tensor::from_slice(&found).reshape(shape);
        assert!(
            found.allclose(&expected[0], 1e-5, 1e-4, false),
            "{KERNEL} {STRIDE}"
        );
    }

    struct Check;

    impl WithSimd for Check {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for channels in [[32, 16], [16, 32], [64, 3]] {
                check::<S, 1, 1>(simd, channels);
                check::<S, 3, 1>(simd, channels);
                check::<S, 3, 2>(simd, channels);
            }
        }
    }

    /// With every width of vectors that this processor has.
    #[test]
    fn convolutions_are_those_of_libtorch_whatever_the_vectors() {
        Arch::new().dispatch(Check);
        #[cfg(target_arch = "x86_64")]
        if let Some(narrow) = pulp::x86::V3::try_new() {
            Simd::vectorize(narrow, Check);
        }
    }
}
