//! Batch norm that keeps the digits of single precision.
//!
//! On a processor libtorch adds up maps that lie channels last one position after
//! another, in single precision. With 64 images of 32 × 32 that is a sum of 65,536
//! terms, which leaves five digits; and deep networks make much of the rest. Here
//! every column of the images is added up by itself, by the same code, and the
//! columns are put together in double precision.
//!
//! There is no way to hand statistics to libtorch's batch norm of a batch, whose
//! backward passes are those of the definition. So it normalises by its own, and
//! its weight and bias make up for what those are off. For that it takes one pass
//! over the maps to know them. The sums of backward passes, and second derivatives,
//! are libtorch's as they are.

use tch::{Device, Kind, Tensor, no_grad};

use crate::NetError;
use crate::layers::Running;

/// The weight of a new batch in running statistics: PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Mean and variance of each channel over batch and positions.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// One value a channel.
    pub means: Vec<f64>,
    /// One value a channel: the mean square of the distance from the mean.
    pub variances: Vec<f64>,
    /// How many values of a channel there are.
    pub count: i64,
}

impl Statistics {
    /// Those of maps, N × channels × height × width.
    ///
    /// # Errors
    /// When the shape is another, or memory does not suffice.
    pub fn of(maps: &Tensor) -> Result<Self, NetError> {
        let (images, channels, height, width) = maps.size4()?;
        let count = images * height * width;
        if !loses_digits(maps) {
            let (means, variances) = by_channel(maps)?;
            return Ok(Self {
                means,
                variances,
                count,
            });
        }
        // A column of the images as if it were a channel of maps of width 1.
        let columns = maps
            .f_detach()?
            .f_permute([0, 2, 3, 1])?
            .f_view([images, height, 1, width * channels])?
            .f_permute([0, 3, 1, 2])?;
        let (means, variances) = by_channel(&columns)?;
        let (channels, share) = (channels as usize, 1.0 / width as f64);
        let mut whole = Self {
            means: vec![0.0; channels],
            variances: vec![0.0; channels],
            count,
        };
        for (place, mean) in means.iter().enumerate() {
            whole.means[place % channels] += mean * share;
        }
        for (place, (mean, variance)) in means.iter().zip(&variances).enumerate() {
            let apart = mean - whole.means[place % channels];
            whole.variances[place % channels] += (variance + apart * apart) * share;
        }
        Ok(whole)
    }

    /// Moves running statistics towards these, as training does.
    fn update(&self, running: &Running) -> Result<(), NetError> {
        // The variance of what the batch was drawn from.
        let unbiased = self.count as f64 / (self.count - 1) as f64;
        let variances: Vec<f64> = self.variances.iter().map(|v| v * unbiased).collect();
        no_grad(|| {
            for (kept, new) in [
                (&running.mean, &self.means),
                (&running.variance, &variances),
            ] {
                let new = Tensor::f_from_slice(new)?.f_to_kind(kept.kind())?;
                let mut kept = kept.shallow_clone();
                let _ = kept
                    .f_mul_scalar_(1.0 - MOMENTUM)?
                    .f_add_(&new.f_mul_scalar(MOMENTUM)?)?;
            }
            Ok(())
        })
    }
}

/// What a batch norm does beside finding statistics.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'t> {
    /// One factor a channel.
    pub weight: &'t Tensor,
    /// One summand a channel.
    pub bias: &'t Tensor,
    /// Added to variances.
    pub epsilon: f64,
}

/// Normalises the images of a batch together; running statistics follow, where
/// they are given.
///
/// # Errors
/// When the shapes do not fit, or memory does not suffice.
pub(crate) fn together(
    maps: &Tensor,
    affine: Affine<'_>,
    running: Option<&Running>,
) -> Result<Tensor, NetError> {
    if !loses_digits(maps) {
        let running = running.map(|r| (&r.mean, &r.variance));
        return batch_norm(maps, affine, running, true);
    }
    let own = Statistics::of(maps)?;
    if let Some(running) = running {
        own.update(running)?;
    }
    let row = |values: &[f64]| Tensor::f_from_slice(values)?.f_to_kind(Kind::Float);
    if !maps.requires_grad() {
        // No gradient goes through the statistics: they are constants.
        let (means, variances) = (row(&own.means)?, row(&own.variances)?);
        return batch_norm(maps, affine, Some((&means, &variances)), false);
    }
    let (means, variances) = by_channel(maps)?;
    let deviations = |variances: &[f64]| -> Vec<f64> {
        let squares = variances.iter().map(|v| v + affine.epsilon);
        squares.map(f64::sqrt).collect()
    };
    let (theirs, ours) = (deviations(&variances), deviations(&own.variances));
    let ratio = |(a, b): (&f64, &f64)| a / b;
    let factors: Vec<f64> = theirs.iter().zip(&ours).map(ratio).collect();
    let apart: Vec<f64> = means.iter().zip(&own.means).map(|(a, b)| a - b).collect();
    let summands: Vec<f64> = apart.iter().zip(&ours).map(ratio).collect();
    let Affine {
        weight,
        bias,
        epsilon,
    } = affine;
    let affine = Affine {
        weight: &weight.f_mul(&row(&factors)?)?,
        bias: &bias.f_addcmul(weight, &row(&summands)?)?,
        epsilon,
    };
    batch_norm(maps, affine, None, true)
}

/// Normalises by running statistics.
///
/// # Errors
/// When the shapes do not fit, or memory does not suffice.
pub(crate) fn fixed(
    maps: &Tensor,
    affine: Affine<'_>,
    running: &Running,
) -> Result<Tensor, NetError> {
    batch_norm(
        maps,
        affine,
        Some((&running.mean, &running.variance)),
        false,
    )
}

/// libtorch's: weight and bias, running mean and variance, and whether the
/// batch's own count.
fn batch_norm(
    maps: &Tensor,
    affine: Affine<'_>,
    running: Option<(&Tensor, &Tensor)>,
    together: bool,
) -> Result<Tensor, NetError> {
    Ok(maps.f_batch_norm(
        Some(affine.weight),
        Some(affine.bias),
        running.map(|(mean, _)| mean),
        running.map(|(_, variance)| variance),
        together,
        MOMENTUM,
        affine.epsilon,
        true,
    )?)
}

/// Mean and variance of each channel as libtorch's batch norm finds them.
fn by_channel(maps: &Tensor) -> Result<(Vec<f64>, Vec<f64>), NetError> {
    let none = None::<&Tensor>;
    let (means, variances) = maps
        .f_detach()?
        .f_batch_norm_update_stats(none, none, 0.0)?;
    let values = |tensor: Tensor| Vec::<f64>::try_from(tensor.f_to_kind(Kind::Double)?);
    Ok((values(means)?, values(variances)?))
}

/// Whether these are maps that libtorch adds up position after position, in
/// single precision: on a processor, the channels of each position side by side.
fn loses_digits(maps: &Tensor) -> bool {
    let (size, stride) = (maps.size(), maps.stride());
    let mut next = 1;
    let follows = |dim: usize| {
        let follows = size[dim] == 1 || stride[dim] == next;
        next *= size[dim];
        follows
    };
    (maps.kind(), maps.device()) == (Kind::Float, Device::Cpu)
        && size.len() == 4
        && [1, 3, 2, 0].into_iter().all(follows)
        && !maps.is_contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::NORM_EPSILON;
    use crate::layers::channels_last;

    const SHAPE: [i64; 4] = [64, 8, 32, 32];

    /// Maps whose channels have means up to five deviations from zero.
    fn maps() -> Tensor {
        let numbers = Tensor::arange(SHAPE.iter().product::<i64>(), (Kind::Double, Device::Cpu));
        let waves = (&numbers * 0.37 + (&numbers * 0.011).sin() * 9.0).sin();
        let far = Tensor::linspace(-5.0, 5.0, SHAPE[1], (Kind::Double, Device::Cpu));
        (waves.reshape(SHAPE) + far.reshape([1, -1, 1, 1])).to_kind(Kind::Float)
    }

    fn row(values: impl Fn(f64) -> f64, kind: Kind) -> Tensor {
        let values: Vec<f64> = (0..SHAPE[1]).map(|c| values(c as f64)).collect();
        Tensor::from_slice(&values)
            .to_kind(kind)
            .set_requires_grad(true)
    }

    /// What is normalised, its gradients with respect to maps, weight and bias
    /// for the sum of the cubes' sines, and the gradient of their squared norm.
    fn passes(maps: &Tensor, norm: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor) -> Vec<Tensor> {
        let kind = maps.kind();
        let maps = maps.detach().set_requires_grad(true);
        let weight = row(|c| 1.0 - 0.1 * c, kind);
        let bias = row(|c| 0.3 * c - 1.0, kind);
        let output = norm(&maps, &weight, &bias);
        let inputs = [&maps, &weight, &bias];
        let loss = (&output * &output * &output).sin().sum(kind) * 1e-3;
        let first = Tensor::run_backward(&[loss], &inputs, true, true);
        let square = first[0].square().sum(kind);
        let second = Tensor::run_backward(&[square], &inputs, false, false);
        let mut all = vec![output.detach()];
        all.extend(first.iter().chain(&second).map(Tensor::detach));
        all
    }

    fn affine<'t>(weight: &'t Tensor, bias: &'t Tensor) -> Affine<'t> {
        Affine {
            weight,
            bias,
            epsilon: NORM_EPSILON,
        }
    }

    fn apart(found: &Tensor, exact: &Tensor) -> f64 {
        let difference = (found.to_kind(Kind::Double) - exact).abs().max();
        (difference / exact.abs().max()).double_value(&[])
    }

    #[test]
    fn digits_are_kept_there_and_back_and_in_second_derivatives() {
        let maps = maps();
        let theirs = |x: &Tensor, w: &Tensor, b: &Tensor| {
            let none = None::<&Tensor>;
            x.batch_norm(Some(w), Some(b), none, none, true, 0.0, NORM_EPSILON, true)
        };
        let own = |x: &Tensor, w: &Tensor, b: &Tensor| together(x, affine(w, b), None).unwrap();
        let exact = passes(&maps.to_kind(Kind::Double), theirs);
        let last = channels_last(&maps).unwrap();
        assert!(loses_digits(&last) && !loses_digits(&maps));
        let (usual, found) = (passes(&maps, theirs), passes(&last, own));
        let lost = passes(&last, theirs);
        let names = [
            "output", "maps", "weight", "bias", "maps'", "weight'", "bias'",
        ];
        let mut wrong = Vec::new();
        for (place, (exact, name)) in exact.iter().zip(names).enumerate() {
            let [usual, found] = [&usual, &found].map(|all| apart(&all[place], exact));
            // libtorch adds up the gradients of weight and bias as it does.
            let far = if place == 2 || place == 3 {
                1e-4
            } else {
                // What libtorch's own rounding comes to differs threefold between
                // processors.
                8.0 * usual.max(2e-7)
            };
            if found > far {
                wrong.push(format!("{name}: {found:.1e}, usually {usual:.1e}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(apart(&lost[0], &exact[0]) > 10.0 * apart(&found[0], &exact[0]));
    }

    #[test]
    fn running_statistics_are_pytorch_s() {
        let maps = maps();
        let running = |kind| Running {
            name: String::new(),
            mean: row(|c| 0.1 * c, kind).detach(),
            variance: row(|c| 2.0 + c, kind).detach(),
        };
        let exact = running(Kind::Double);
        let [one, zero] = [1.0, 0.0].map(|v| row(|_| v, Kind::Double));
        let wide = maps.to_kind(Kind::Double);
        let _ = together(&wide, affine(&one, &zero), Some(&exact)).unwrap();
        let found = running(Kind::Float);
        let [one, zero] = [&one, &zero].map(|t| t.to_kind(Kind::Float));
        let last = channels_last(&maps).unwrap();
        let _ = together(&last, affine(&one, &zero), Some(&found)).unwrap();
        assert!(apart(&found.mean, &exact.mean) < 1e-7);
        assert!(apart(&found.variance, &exact.variance) < 1e-6);
    }

    #[test]
    fn statistics_are_those_of_any_layout_and_shape() {
        for shape in [[2, 3, 5, 7], [1, 4, 6, 1], [3, 2, 1, 1], [5, 1, 4, 4]] {
            let length = shape.iter().product::<i64>();
            let maps = Tensor::arange(length, (Kind::Float, Device::Cpu)).sin() + 2;
            let maps = maps.reshape(shape);
            let wide = maps.to_kind(Kind::Double).transpose(0, 1).flatten(1, -1);
            let means = wide.mean_dim([1i64].as_slice(), false, Kind::Double);
            let variances = wide.var_dim([1i64].as_slice(), false, false);
            for maps in [channels_last(&maps).unwrap(), maps] {
                let found = Statistics::of(&maps).unwrap();
                assert_eq!(found.count, length / shape[1]);
                assert!(apart(&Tensor::from_slice(&found.means), &means) < 1e-6);
                let variances = &variances + 1e-3; // none of a single value
                assert!(apart(&(Tensor::from_slice(&found.variances) + 1e-3), &variances) < 1e-5);
            }
        }
    }
}
