//! Normalisation of each channel of one image over its positions.

use pulp::{Arch, Simd, WithSimd};

use super::layers::{Gradients, values};
use super::map::{Map, Part, Pixel, pixels};
use crate::NetError;
use crate::layers::{NORM_EPSILON, Normalisation, Tensors};

/// A normalisation, and what its backward pass needs of every image.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    parameter: usize,
    channels: usize,
    weight: Vec<Pixel>,
    bias: Vec<Pixel>,
    weight_gradient: Vec<Pixel>,
    bias_gradient: Vec<Pixel>,
    images: Vec<Image>,
}

/// What is kept of an image.
#[derive(Clone, Debug)]
struct Image {
    /// What the norm gets.
    input: Map,
    mean: Vec<Pixel>,
    /// One over the standard deviation.
    scale: Vec<Pixel>,
}

impl Norm {
    /// Of this layer, on maps of `side` × `side` of so many images.
    pub fn new(
        layer: Normalisation,
        side: usize,
        images: usize,
        tensors: &Tensors,
    ) -> Result<Self, NetError> {
        let weight = values(&tensors.parameters[layer.weight].tensor)?;
        let bias = values(&tensors.parameters[layer.weight + 1].tensor)?;
        let input = Map::zeros(weight.len(), side);
        let zeros = vec![Pixel::default(); input.blocks];
        Ok(Self {
            parameter: layer.weight,
            channels: weight.len(),
            weight: pixels(&weight),
            bias: pixels(&bias),
            weight_gradient: zeros.clone(),
            bias_gradient: zeros.clone(),
            images: vec![
                Image {
                    input,
                    mean: zeros.clone(),
                    scale: zeros,
                };
                images
            ],
        })
    }

    /// What it gets of an image.
    pub fn input(&mut self, image: usize) -> &mut Map {
        &mut self.images[image].input
    }

    /// Normalises what it got.
    pub fn forward(&mut self, image: usize, output: &mut Map) {
        Arch::new().dispatch(Forward(self, image, output));
    }

    /// Sets `input_gradient` to the gradient of what it got, where `gradient`
    /// is that of the output, and adds those of weight and bias to their sums.
    pub fn backward(&mut self, image: usize, gradient: &Map, input_gradient: &mut Map) {
        Arch::new().dispatch(Backward(self, image, gradient, input_gradient));
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        let sums = [&mut self.weight_gradient, &mut self.bias_gradient];
        for (place, sums) in (self.parameter..).zip(sums) {
            let values = sums.iter_mut().flat_map(|sum| std::mem::take(sum).0);
            gradients[place].extend(values.take(self.channels));
        }
    }
}

struct Forward<'a>(&'a mut Norm, usize, &'a mut Map);

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(norm, image, output) = self;
        let Image { input, mean, scale } = &mut norm.images[image];
        let count = simd.splat_f32s(1.0 / (output.side * output.side) as f32);
        for part in Part::all(simd) {
            for block in 0..output.blocks {
                let [sum] = sums(part, block, [input], |[x]| [x]);
                let average = simd.mul_f32s(sum, count);
                part.store(&mut mean[block], average);
                let [squares] = sums(part, block, [input], |[x]| {
                    let x = simd.sub_f32s(x, average);
                    [simd.mul_f32s(x, x)]
                });
                let scale = &mut scale[block];
                part.store(scale, simd.mul_f32s(squares, count));
                for value in part.slice(scale) {
                    *value = 1.0 / (*value + NORM_EPSILON as f32).sqrt();
                }
                let scale = simd.mul_f32s(part.load(scale), part.load(&norm.weight[block]));
                let bias = part.load(&norm.bias[block]);
                map(part, block, [input], output, |[x]| {
                    simd.mul_add_f32s(simd.sub_f32s(x, average), scale, bias)
                });
            }
        }
    }
}

struct Backward<'a>(&'a mut Norm, usize, &'a Map, &'a mut Map);

impl WithSimd for Backward<'_> {
    type Output = ();

    /// With y = (x − mean)·scale, the gradient g of w·y + b, and means over the
    /// positions: ∂/∂x = w·scale·(g − mean(g) − y·mean(g·y)).
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(norm, image, gradient, output) = self;
        let Image { input, mean, scale } = &norm.images[image];
        let count = simd.splat_f32s(1.0 / (output.side * output.side) as f32);
        for part in Part::all(simd) {
            for block in 0..output.blocks {
                let (mean, scale) = (part.load(&mean[block]), part.load(&scale[block]));
                let maps = [input, gradient];
                let [sum, product] = sums(part, block, maps, |[x, g]| {
                    [g, simd.mul_f32s(g, simd.sub_f32s(x, mean))]
                });
                let product = simd.mul_f32s(product, scale);
                part.add(&mut norm.weight_gradient[block], product);
                part.add(&mut norm.bias_gradient[block], sum);

                let sum = simd.mul_f32s(sum, count);
                let slope = simd.mul_f32s(simd.mul_f32s(product, count), scale);
                let factor = simd.mul_f32s(scale, part.load(&norm.weight[block]));
                map(part, block, maps, output, |[x, g]| {
                    let along = simd.mul_f32s(simd.sub_f32s(x, mean), slope);
                    simd.mul_f32s(simd.sub_f32s(simd.sub_f32s(g, sum), along), factor)
                });
            }
        }
    }
}

/// Sums over a block's positions of what `f` makes of the maps' values there.
#[inline(always)]
fn sums<S: Simd, const MAPS: usize, const SUMS: usize>(
    part: Part<S>,
    block: usize,
    maps: [&Map; MAPS],
    f: impl Fn([S::f32s; MAPS]) -> [S::f32s; SUMS],
) -> [S::f32s; SUMS] {
    /// Additions that do not wait for one another.
    const CHAINS: usize = 4;
    let simd = part.simd;
    let mut sums = [[simd.splat_f32s(0.0); CHAINS]; SUMS];
    for row in 0..maps[0].side {
        let rows = maps.map(|map| map.row(block, row));
        for column in (0..rows[0].len()).step_by(CHAINS) {
            let rows = rows.map(|row| &row[column..][..CHAINS]);
            for chain in 0..CHAINS {
                let values = f(rows.map(|row| part.load(&row[chain])));
                for (sums, value) in sums.iter_mut().zip(values) {
                    sums[chain] = simd.add_f32s(sums[chain], value);
                }
            }
        }
    }
    sums.map(|[a, b, c, d]| simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// Sets a block of `output` to what `f` makes of the maps' values.
#[inline(always)]
fn map<S: Simd, const MAPS: usize>(
    part: Part<S>,
    block: usize,
    maps: [&Map; MAPS],
    output: &mut Map,
    f: impl Fn([S::f32s; MAPS]) -> S::f32s,
) {
    for row in 0..output.side {
        let output = output.row_mut(block, row);
        let rows = maps.map(|map| &map.row(block, row)[..output.len()]);
        for (column, pixel) in output.iter_mut().enumerate() {
            part.store(pixel, f(rows.map(|row| part.load(&row[column]))));
        }
    }
}
