//! Average pooling.

use pulp::{Arch, Simd, WithSimd};

use super::map::{LANES, Map, Part, Pixel, Store};

/// Sets `output` to averages over 3×3 windows, stride 1, which leave out what
/// is beyond the edge.
pub(super) fn average(input: &Map, output: &mut Map) {
    Arch::new().dispatch(BoxSums(input, output, Store::default()));
    divide_by_counts(output);
}

/// Stores the gradient of [`average`]'s input, where `gradient` is that of its
/// output, which is used up.
pub(super) fn average_gradient(gradient: &mut Map, input_gradient: &mut Map, store: Store<'_>) {
    // A position is in the windows of those that are in its own.
    divide_by_counts(gradient);
    Arch::new().dispatch(BoxSums(gradient, input_gradient, store));
}

/// Divides by the number of positions in the 3×3 window around each.
fn divide_by_counts(map: &mut Map) {
    let last = map.side - 1;
    let within = |place| {
        if place == 0 || place == last {
            2.0
        } else {
            3.0
        }
    };
    Arch::new().dispatch(|| {
        for block in 0..map.blocks {
            for row in 0..map.side {
                for (column, pixel) in map.row_mut(block, row).iter_mut().enumerate() {
                    let factor = 1.0 / (within(row) * within(column));
                    pixel.0.iter_mut().for_each(|value| *value *= factor);
                }
            }
        }
    });
}

/// Stores in the second map sums over 3×3 windows of the first.
struct BoxSums<'a>(&'a Map, &'a mut Map, Store<'a>);

impl WithSimd for BoxSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(input, output, store) = self;
        let (side, width) = (output.side, output.side + 2);
        for part in Part::all(simd) {
            for block in 0..output.blocks {
                for row in 0..side {
                    let start = output.place(block, row, 0);
                    let rows: [&[Pixel]; 3] =
                        std::array::from_fn(|y| &input.pixels[start + y * width..][..width]);
                    let column = |x: usize| {
                        let [a, b, c] = rows.map(|row| part.load(&row[x]));
                        simd.add_f32s(simd.add_f32s(a, b), c)
                    };
                    let (mut left, mut middle) = (column(0), column(1));
                    let start = output.place(block, row + 1, 1);
                    for x in 0..side {
                        let right = column(x + 2);
                        let sum = simd.add_f32s(simd.add_f32s(left, middle), right);
                        part.store_as(store, output, start + x, [sum]);
                        (left, middle) = (middle, right);
                    }
                }
            }
        }
    }
}

/// Sets `output`, of half the side, to averages over 2×2 positions.
pub(super) fn halve(input: &Map, output: &mut Map) {
    for block in 0..output.blocks {
        for row in 0..output.side {
            let [above, below] = [0, 1].map(|y| input.row(block, 2 * row + y));
            let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
            for (pixel, (a, b)) in output.row_mut(block, row).iter_mut().zip(pairs) {
                for lane in 0..LANES {
                    let sum = a[0].0[lane] + a[1].0[lane] + b[0].0[lane] + b[1].0[lane];
                    pixel.0[lane] = sum / 4.0;
                }
            }
        }
    }
}

/// Sets `input_gradient` to the gradient of [`halve`]'s input, where `gradient`
/// is that of its output.
pub(super) fn halve_gradient(gradient: &Map, input_gradient: &mut Map) {
    for block in 0..gradient.blocks {
        for row in 0..input_gradient.side {
            let gradient = gradient.row(block, row / 2);
            let pixels = input_gradient.row_mut(block, row).iter_mut();
            for (column, pixel) in pixels.enumerate() {
                *pixel = Pixel(gradient[column / 2].0.map(|value| value / 4.0));
            }
        }
    }
}

/// The mean of every channel over its positions.
pub(super) fn means(input: &Map) -> Vec<f32> {
    let mean = |block| {
        let mut sum = [0.0; LANES];
        for row in 0..input.side {
            for pixel in input.row(block, row) {
                for (sum, value) in sum.iter_mut().zip(pixel.0) {
                    *sum += value;
                }
            }
        }
        sum.map(|sum| sum / (input.side * input.side) as f32)
    };
    (0..input.blocks).flat_map(mean).collect()
}

/// Sets `input_gradient` to the gradient of the input of [`means`].
pub(super) fn means_gradient(gradient: &[f32], input_gradient: &mut Map) {
    let count = (input_gradient.side * input_gradient.side) as f32;
    for (block, gradient) in gradient.chunks_exact(LANES).enumerate() {
        let mut pixel = Pixel::default();
        for (value, gradient) in pixel.0.iter_mut().zip(gradient) {
            *value = gradient / count;
        }
        for row in 0..input_gradient.side {
            input_gradient.row_mut(block, row).fill(pixel);
        }
    }
}
