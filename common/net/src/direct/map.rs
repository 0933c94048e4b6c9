//! Feature maps of one image, laid out for vector instructions.

use pulp::{Arch, Simd, WithSimd};

use super::memory;
use crate::NetError;

/// Channels that lie side by side: a vector register of AVX-512, two of AVX2.
pub(super) const LANES: usize = 16;

/// Sixteen channels at one position, in one line of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub(super) struct Pixel(pub [f32; LANES]);

/// One value for each channel, block by block.
pub(super) fn pixels(values: &[f32]) -> Result<Vec<Pixel>, NetError> {
    let mut pixels: Vec<Pixel> = memory::zeros(values.len().div_ceil(LANES))?;
    for (pixel, values) in pixels.iter_mut().zip(values.chunks(LANES)) {
        pixel.0[..values.len()].copy_from_slice(values);
    }
    Ok(pixels)
}

/// Channels × side × side: blocks of sixteen channels, each a plane of rows of
/// pixels. A border of one pixel around every plane is zero and stays so, which
/// is what 3×3 windows read beyond the edge.
#[derive(Debug)]
pub(super) struct Map {
    /// How many blocks.
    pub blocks: usize,
    /// Height and width, without the border.
    pub side: usize,
    /// Block by block, row by row.
    pub pixels: Vec<Pixel>,
}

impl Map {
    /// Zeros. `channels` that do not fill a block are followed by zeros.
    pub fn zeros(channels: usize, side: usize) -> Result<Self, NetError> {
        let blocks = channels.div_ceil(LANES);
        Ok(Self {
            blocks,
            side,
            pixels: memory::zeros(blocks * (side + 2) * (side + 2))?,
        })
    }

    /// From the first to the second of two neighbours in a column.
    pub fn pitch(&self) -> usize {
        self.side + 2
    }

    /// Where in `pixels` a position lies; the border is at row or column 0 and
    /// `side + 1`.
    #[inline(always)]
    pub fn place(&self, block: usize, row: usize, column: usize) -> usize {
        (block * self.pitch() + row) * self.pitch() + column
    }

    /// A row of a block, without the border.
    #[inline(always)]
    pub fn row(&self, block: usize, row: usize) -> &[Pixel] {
        let start = self.place(block, row + 1, 1);
        &self.pixels[start..][..self.side]
    }

    /// A row of a block, without the border.
    #[inline(always)]
    pub fn row_mut(&mut self, block: usize, row: usize) -> &mut [Pixel] {
        let start = self.place(block, row + 1, 1);
        &mut self.pixels[start..][..self.side]
    }

    /// Takes over planar values, channel after channel.
    pub fn fill(&mut self, values: &[f32]) {
        let side = self.side;
        for (channel, plane) in values.chunks_exact(side * side).enumerate() {
            for (row, values) in plane.chunks_exact(side).enumerate() {
                let pixels = self.row_mut(channel / LANES, row);
                for (pixel, value) in pixels.iter_mut().zip(values) {
                    pixel.0[channel % LANES] = *value;
                }
            }
        }
    }

    /// All zeros.
    pub fn clear(&mut self) {
        self.pixels.fill(Pixel::default());
    }

    /// Becomes the sum of `terms`, in their order; zeros where there are none.
    pub fn set_sum(&mut self, terms: &[&Map]) {
        match *terms {
            [] => self.clear(),
            [a] => self.pixels.copy_from_slice(&a.pixels),
            [a, b] => self.set(Sum, [a, b]),
            [a, b, c, ref rest @ ..] => {
                self.set(Sum, [a, b, c]);
                rest.iter().for_each(|term| self.add(term));
            }
        }
    }

    /// Becomes ReLU of the sum of `terms`.
    pub fn set_relu(&mut self, terms: &[&Map]) {
        match *terms {
            [a] => self.set(Relu, [a]),
            [a, b] => self.set(Relu, [a, b]),
            _ => {
                self.set_sum(terms);
                self.set(Relu, []);
            }
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Map) {
        self.set(Add, [other]);
    }

    /// Becomes `gradient` where ReLU, which gave `active`, let its input
    /// through, and zero elsewhere.
    pub fn set_relu_gradient(&mut self, gradient: &Map, active: &Map) {
        self.set(ReluGradient, [gradient, active]);
    }

    /// Becomes what `function` makes of each value and of those of `others`.
    fn set<const N: usize>(&mut self, function: impl Function<N>, others: [&Map; N]) {
        Arch::new().dispatch(Set(self, function, others));
    }

    /// Becomes `input`, of half the side, with zeros after every value.
    pub fn set_spread(&mut self, input: &Map) {
        for block in 0..input.blocks {
            for row in 0..input.side {
                let pixels = self.row_mut(block, 2 * row).iter_mut().step_by(2);
                for (pixel, value) in pixels.zip(input.row(block, row)) {
                    *pixel = *value;
                }
            }
        }
    }
}

/// A function of a value and of `N` others at the same place.
trait Function<const N: usize> {
    fn of<S: Simd>(simd: S, value: S::f32s, others: [S::f32s; N]) -> S::f32s;
}

struct Sum;
struct Add;
struct Relu;
struct ReluGradient;

impl<const N: usize> Function<N> for Sum {
    /// Of the others; the value itself where there are none.
    #[inline(always)]
    fn of<S: Simd>(simd: S, value: S::f32s, others: [S::f32s; N]) -> S::f32s {
        let sum = others.into_iter().reduce(|a, b| simd.add_f32s(a, b));
        sum.unwrap_or(value)
    }
}

impl Function<1> for Add {
    #[inline(always)]
    fn of<S: Simd>(simd: S, value: S::f32s, [other]: [S::f32s; 1]) -> S::f32s {
        simd.add_f32s(value, other)
    }
}

impl<const N: usize> Function<N> for Relu {
    /// Of the sum; what is not a number stays so.
    #[inline(always)]
    fn of<S: Simd>(simd: S, value: S::f32s, others: [S::f32s; N]) -> S::f32s {
        let input = Sum::of(simd, value, others);
        let zero = simd.splat_f32s(0.0);
        simd.select_f32s(simd.less_than_f32s(input, zero), zero, input)
    }
}

impl Function<2> for ReluGradient {
    #[inline(always)]
    fn of<S: Simd>(simd: S, _: S::f32s, [gradient, active]: [S::f32s; 2]) -> S::f32s {
        relu_gradient(simd, gradient, active)
    }
}

/// The gradient where ReLU, which gave `active`, let its input through.
#[inline(always)]
fn relu_gradient<S: Simd>(simd: S, gradient: S::f32s, active: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    let off = simd.less_than_or_equal_f32s(active, zero);
    simd.select_f32s(off, zero, gradient)
}

/// How a result gets into a map.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Store<'a> {
    /// It is added, and not put in the place of what was there.
    pub add: bool,
    /// It is a gradient, and counts only where ReLU, which gave this other map,
    /// let its input through.
    pub active: Option<&'a Map>,
}

impl<'a> Store<'a> {
    /// For the gradient of what ReLU made `active` of.
    pub fn gradient(add: bool, active: &'a Map) -> Self {
        let active = Some(active);
        Self { add, active }
    }
}

struct Set<'a, const N: usize, F>(&'a mut Map, F, [&'a Map; N]);

impl<const N: usize, F: Function<N>> WithSimd for Set<'_, N, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(target, _, others) = self;
        let length = target.pixels.len();
        let others = others.map(|map| &map.pixels[..length]);
        for part in Part::all(simd) {
            for (i, pixel) in target.pixels.iter_mut().enumerate() {
                let mut values = [simd.splat_f32s(0.0); N];
                for (value, pixels) in values.iter_mut().zip(&others) {
                    *value = part.load(&pixels[i]);
                }
                let value = F::of(simd, part.load(pixel), values);
                part.store(pixel, value);
            }
        }
    }
}

/// The part of a pixel that one vector register of an instruction set holds.
#[derive(Clone, Copy)]
pub(super) struct Part<S: Simd> {
    pub simd: S,
    index: usize,
}

impl<S: Simd> Part<S> {
    /// The parts of a pixel, all of it.
    #[inline(always)]
    pub fn all(simd: S) -> impl Iterator<Item = Self> {
        (0..LANES / S::F32_LANES).map(move |index| Self { simd, index })
    }

    /// This part of a pixel.
    #[inline(always)]
    pub fn load(self, pixel: &Pixel) -> S::f32s {
        S::as_simd_f32s(&pixel.0).0[self.index]
    }

    /// Sets this part of a pixel.
    #[inline(always)]
    pub fn store(self, pixel: &mut Pixel, value: S::f32s) {
        S::as_mut_simd_f32s(&mut pixel.0).0[self.index] = value;
    }

    /// Adds to this part of a pixel.
    #[inline(always)]
    pub fn add(self, pixel: &mut Pixel, value: S::f32s) {
        let sum = self.simd.add_f32s(self.load(pixel), value);
        self.store(pixel, sum);
    }

    /// Stores results in the pixels from `start` on.
    #[inline(always)]
    pub fn store_as<const N: usize>(
        self,
        how: Store<'_>,
        map: &mut Map,
        start: usize,
        mut values: [S::f32s; N],
    ) {
        if let Some(active) = how.active {
            let active = &active.pixels[start..][..N];
            for (value, active) in values.iter_mut().zip(active) {
                *value = relu_gradient(self.simd, *value, self.load(active));
            }
        }
        let pixels = map.pixels[start..][..N].iter_mut();
        for (pixel, value) in pixels.zip(values) {
            if how.add {
                self.add(pixel, value);
            } else {
                self.store(pixel, value);
            }
        }
    }

    /// This part of a pixel.
    #[inline(always)]
    pub fn slice(self, pixel: &mut Pixel) -> &mut [f32] {
        &mut pixel.0[self.index * S::F32_LANES..][..S::F32_LANES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_stays_zero() {
        let mut map = Map::zeros(20, 4).unwrap();
        map.fill(&(1..=20 * 16).map(|i| i as f32).collect::<Vec<_>>());
        assert_eq!(map.pixels[map.place(0, 1, 1)].0[1], 17.0);
        assert_eq!(map.pixels[map.place(1, 4, 4)].0[3], 320.0);
        assert_eq!(map.pixels[map.place(1, 4, 4)].0[4], 0.0);
        let sum: f32 = map.pixels.iter().flat_map(|pixel| pixel.0).sum();
        assert_eq!(sum, (320 * 321 / 2) as f32);
        for block in 0..2 {
            for edge in 0..6 {
                for (row, column) in [(0, edge), (5, edge), (edge, 0), (edge, 5)] {
                    assert_eq!(map.pixels[map.place(block, row, column)], Pixel::default());
                }
            }
        }
    }
}
