//! Functions of values that need no parameters.

use knas_graph::Activation;
use tch::{Kind, Tensor};

use crate::NetError;

/// Means over so many channels before each and after it, 0 where there are none.
pub(super) fn adjacent_means(maps: &Tensor, reach: i64) -> Result<Tensor, NetError> {
    let (count, channels, height, width) = maps.size4()?;
    let rows = maps.f_reshape([count, 1, channels, height * width])?;
    let (window, padding) = ([2 * reach + 1, 1], [reach, 0]);
    let means = rows.f_avg_pool2d(window, [1, 1], padding, false, true, None)?;
    Ok(means.f_reshape(maps.size())?)
}

pub(super) fn activated(activation: Activation, input: &Tensor) -> Result<Tensor, NetError> {
    Ok(match activation {
        Activation::Gelu => input.f_gelu("none")?,
        Activation::Tanh => input.f_tanh()?,
        Activation::Sigmoid => input.f_sigmoid()?,
        Activation::HardSigmoid => input.f_hardsigmoid()?,
        Activation::Silu => input.f_silu()?,
        Activation::HardSwish => input.f_hardswish()?,
        Activation::Relu6 => input.f_clamp(0.0, 6.0)?,
    })
}

/// Positions of the tokens of texts with this mask.
pub(super) fn positions(mask: &Tensor, padding: Option<usize>) -> Result<Tensor, NetError> {
    Ok(match padding {
        None => {
            let length = mask.size2()?.1;
            let options = (Kind::Int64, mask.device());
            Tensor::f_arange(length, options)?.f_expand_as(mask)?
        }
        Some(padding) => {
            let counted = mask.f_cumsum(1, Kind::Int64)?;
            counted.f_mul(mask)?.f_add_scalar(padding as i64)?
        }
    })
}

/// N × 1 × 1 × length: 0 for tokens, and for padding a number that softmax makes
/// 0.
pub(super) fn hidden(mask: &Tensor, kind: Kind) -> Result<Tensor, NetError> {
    let lowest = match kind {
        Kind::Double => f64::MIN,
        _ => f32::MIN.into(),
    };
    let padding = mask.f_eq(0)?.f_unsqueeze(1)?.f_unsqueeze(1)?;
    Ok(padding.f_to_kind(kind)?.f_mul_scalar(lowest)?)
}
