//! Normalisation of each channel over its positions in one or several images.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::layers::Gradients;
use super::map::{Map, Part, Pixel, pixels};
use super::memory::{self, values};
use crate::NetError;
use crate::layers::{NORM_EPSILON, Normalisation, Tensors};

/// A normalisation, and what its backward pass needs of every image.
#[derive(Debug)]
pub(super) struct Norm {
    /// Weight and bias.
    places: [usize; 2],
    channels: usize,
    weight: Vec<Pixel>,
    bias: Vec<Pixel>,
    weight_gradient: Vec<Pixel>,
    bias_gradient: Vec<Pixel>,
    images: Vec<Image>,
}

/// What is kept of an image.
#[derive(Debug)]
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
        let bias = values(&tensors.parameters[layer.bias].tensor)?;
        let (weight_pixels, bias) = (pixels(&weight)?, pixels(&bias)?);
        let zeros = || memory::zeros(weight_pixels.len());
        let image = || {
            Ok(Image {
                input: Map::zeros(weight.len(), side)?,
                mean: zeros()?,
                scale: zeros()?,
            })
        };
        Ok(Self {
            places: [layer.weight, layer.bias],
            channels: weight.len(),
            weight_gradient: zeros()?,
            bias_gradient: zeros()?,
            images: memory::repeated(images, image)?,
            weight: weight_pixels,
            bias,
        })
    }

    /// What it gets of an image.
    pub fn input(&mut self, image: usize) -> &mut Map {
        &mut self.images[image].input
    }

    /// Normalises together what it got of these images.
    pub fn forward<'m>(
        &mut self,
        images: Range<usize>,
        outputs: impl IntoIterator<Item = &'m mut Map>,
    ) {
        let outputs = outputs.into_iter().collect();
        Arch::new().dispatch(Forward(self, images, outputs));
    }

    /// For images that were normalised together, pairs of the gradient of the
    /// output and what is set to the gradient of what it got; adds those of
    /// weight and bias to their sums.
    pub fn backward<'m>(
        &mut self,
        images: Range<usize>,
        gradients: impl IntoIterator<Item = (&'m Map, &'m mut Map)>,
    ) {
        let (given, made) = gradients.into_iter().unzip();
        Arch::new().dispatch(Backward(self, images, given, made));
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        let sums = [&mut self.weight_gradient, &mut self.bias_gradient];
        for (place, sums) in self.places.into_iter().zip(sums) {
            let values = sums.iter_mut().flat_map(|sum| std::mem::take(sum).0);
            gradients[place].extend(values.take(self.channels));
        }
    }
}

struct Forward<'a>(&'a mut Norm, Range<usize>, Vec<&'a mut Map>);

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(norm, images, mut outputs) = self;
        let images = &mut norm.images[images];
        let count = simd.splat_f32s(1.0 / positions(images));
        for part in Part::all(simd) {
            for block in 0..norm.weight.len() {
                let inputs = images.iter().map(|image| [&image.input]);
                let [sum] = sums(part, block, inputs, |[x]| [x]);
                let average = simd.mul_f32s(sum, count);
                let inputs = images.iter().map(|image| [&image.input]);
                let [squares] = sums(part, block, inputs, |[x]| {
                    let x = simd.sub_f32s(x, average);
                    [simd.mul_f32s(x, x)]
                });
                let mut deviation = Pixel::default();
                part.store(&mut deviation, simd.mul_f32s(squares, count));
                for value in part.slice(&mut deviation) {
                    *value = 1.0 / (*value + NORM_EPSILON as f32).sqrt();
                }
                let own = part.load(&deviation);
                let scale = simd.mul_f32s(own, part.load(&norm.weight[block]));
                let bias = part.load(&norm.bias[block]);
                for (image, output) in images.iter_mut().zip(&mut outputs) {
                    part.store(&mut image.mean[block], average);
                    part.store(&mut image.scale[block], own);
                    map(part, block, [&image.input], output, |[x]| {
                        simd.mul_add_f32s(simd.sub_f32s(x, average), scale, bias)
                    });
                }
            }
        }
    }
}

struct Backward<'a>(&'a mut Norm, Range<usize>, Vec<&'a Map>, Vec<&'a mut Map>);

impl WithSimd for Backward<'_> {
    type Output = ();

    /// With y = (x − mean)·scale, the gradient g of w·y + b, and means over the
    /// positions: ∂/∂x = w·scale·(g − mean(g) − y·mean(g·y)).
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(norm, images, gradients, mut outputs) = self;
        let images = &norm.images[images];
        let count = simd.splat_f32s(1.0 / positions(images));
        let Some(Image { mean, scale, .. }) = images.first() else {
            return;
        };
        for part in Part::all(simd) {
            for block in 0..norm.weight.len() {
                let (mean, scale) = (part.load(&mean[block]), part.load(&scale[block]));
                let maps = || images.iter().zip(&gradients).map(|(i, g)| [&i.input, *g]);
                let [sum, product] = sums(part, block, maps(), |[x, g]| {
                    [g, simd.mul_f32s(g, simd.sub_f32s(x, mean))]
                });
                let product = simd.mul_f32s(product, scale);
                part.add(&mut norm.weight_gradient[block], product);
                part.add(&mut norm.bias_gradient[block], sum);

                let sum = simd.mul_f32s(sum, count);
                let slope = simd.mul_f32s(simd.mul_f32s(product, count), scale);
                let factor = simd.mul_f32s(scale, part.load(&norm.weight[block]));
                for (maps, output) in maps().zip(&mut outputs) {
                    map(part, block, maps, output, |[x, g]| {
                        let along = simd.mul_f32s(simd.sub_f32s(x, mean), slope);
                        simd.mul_f32s(simd.sub_f32s(simd.sub_f32s(g, sum), along), factor)
                    });
                }
            }
        }
    }
}

/// How many positions a channel has in all images.
fn positions(images: &[Image]) -> f32 {
    let sides = images.iter().map(|image| image.input.side);
    sides.map(|side| side * side).sum::<usize>() as f32
}

/// Sums over a block's positions, in all images, of what `f` makes of the values
/// that the maps of an image have there. Those of an image are added up first,
/// so that rounding errors stay small.
#[inline(always)]
fn sums<'m, S: Simd, const MAPS: usize, const SUMS: usize>(
    part: Part<S>,
    block: usize,
    images: impl Iterator<Item = [&'m Map; MAPS]>,
    f: impl Fn([S::f32s; MAPS]) -> [S::f32s; SUMS],
) -> [S::f32s; SUMS] {
    let simd = part.simd;
    let mut totals = [simd.splat_f32s(0.0); SUMS];
    for maps in images {
        let sums = sums_of_one(part, block, maps, &f);
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = simd.add_f32s(*total, sum);
        }
    }
    totals
}

/// The same for one image.
#[inline(always)]
fn sums_of_one<S: Simd, const MAPS: usize, const SUMS: usize>(
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
