//! NASWOT: how differently the network's ReLUs respond to different images
//! (Mellor et al. 2021).

use knas_net::NetError;
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::forward::Forward;
use crate::matrix::{eigenvalues, exact};
use crate::score::Score;
use crate::{Info, ScoreError};

/// ln |det K|, K_ij the number of ReLU units on which images i and j agree: with
/// c the binary codes of a ReLU, K = Σ_relu c·cᵀ + (1 − c)·(1 − c)ᵀ.
pub(crate) static NASWOT: Score = Score {
    info: Info {
        name: "naswot",
        summary: "ln det of how many ReLU units each two images switch alike",
        source: "Mellor et al., Neural Architecture Search without Training, ICML 2021, arXiv 2006.04647",
        ..Info::BASE
    },
    value: naswot,
};

fn naswot(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let forward = Forward::of(evaluation, mode)?;
    let count = evaluation.samples().count();
    let device = evaluation.subject().device;
    let mut kernel = Tensor::f_zeros([count, count], (Kind::Double, device))?;
    for relu in &forward.relus {
        kernel = kernel.f_add(&agreements(relu)?)?;
    }
    let same = "some images switch all ReLUs alike, so that the determinant is 0";
    log_determinant(&kernel)?.ok_or_else(|| info.undefined(same))
}

/// ln |det K|; none where K is singular.
///
/// K is positive semidefinite, and its entries are whole numbers, so where it is
/// singular only rounding errors keep an eigenvalue from zero.
pub(crate) fn log_determinant(kernel: &Tensor) -> Result<Option<f64>, NetError> {
    let values = eigenvalues(&exact(kernel)?)?;
    let largest = values.last().copied().unwrap_or(0.0);
    let rounding = f64::EPSILON * values.len() as f64 * largest;
    let regular = values.iter().all(|&value| value > rounding);
    Ok(regular.then(|| values.iter().map(|value| value.ln()).sum()))
}

/// On how many units each two rows agree: units − r_i − r_j + 2·c_i·c_j, r the
/// number of active units. Exact, since all are whole numbers below 2²⁴.
pub(crate) fn agreements(relu: &Tensor) -> Result<Tensor, NetError> {
    let codes = relu.f_gt(0)?.f_flatten(1, -1)?.f_to_kind(Kind::Float)?;
    let both = codes.f_matmul(&codes.f_transpose(0, 1)?)?;
    let active = codes.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
    let either = active.f_add(&active.f_transpose(0, 1)?)?;
    let differing = either.f_sub(&both.f_mul_scalar(2.0)?)?;
    let units = codes.size()[1] as f64;
    Ok(differing
        .f_to_kind(Kind::Double)?
        .f_neg()?
        .f_add_scalar(units)?)
}
