//! What the released code of KNAS computes, which is not the mean of the Gram matrix.

use knas_net::{NetError, Norm};
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::samples::RELEASED_ENTRIES;
use crate::{Info, Proxy, ScoreError};

/// For the first 11 parameter tensors with at least 50 entries, and for each of
/// their entries 0..49: the vector of the entry's gradient over images 0..24 and
/// that over images 25..49, each centred, multiplied; all summed, over 2500.
///
/// Over independent images its expectation is zero, so it ranks by chance. It
/// is here so that the difference can be shown.
pub(crate) struct MgmReleased;

/// Images in each of the two vectors.
const HALF: i64 = 25;

static INFO: Info = Info {
    name: "mgm-released",
    summary: "what the released code of KNAS computes instead of mgm; its expectation is zero",
    norm: Some(Norm::Sample),
    inputs: "samples (50)",
    labels: true,
    passes: "1 forward, 1 backward",
    groups: &["kernel"],
    source: "the code published with Xu et al. 2021",
    ..Info::BASE
};

impl Proxy for MgmReleased {
    fn info(&self) -> &Info {
        &INFO
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        if evaluation.samples().count() < 2 * HALF {
            return Err(ScoreError::Samples {
                name: INFO.name,
                needs: "at least 50 samples",
            });
        }
        let gradients = evaluation.sample_gradients(&INFO)?;
        let products = gradients.heads.iter().map(centred_product);
        Ok(products.sum::<Result<f64, NetError>>()? / (2 * HALF * RELEASED_ENTRIES) as f64)
    }
}

/// Σ over entries of the product of the two halves, each centred over its images.
fn centred_product(head: &Tensor) -> Result<f64, NetError> {
    let half = |start| {
        let half = head.f_narrow(0, start, HALF)?.f_to_kind(Kind::Double)?;
        half.f_sub(&half.f_mean_dim([0i64].as_slice(), true, Kind::Double)?)
    };
    let product = half(0)?.f_mul(&half(HALF)?)?;
    Ok(product.f_sum(Kind::Double)?.f_double_value(&[])?)
}
