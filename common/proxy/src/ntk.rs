//! Scores of the neural tangent kernel (Chen et al. 2021, Mok et al. 2022).
//!
//! K_ij = ⟨∂Σ_c f_c(x_i)/∂w, ∂Σ_c f_c(x_j)/∂w⟩ over all weights w, those of
//! convolutions, norms and classifier without biases. With batch norm the logits
//! of one image depend on the whole batch, so every row takes a backward pass.

use std::rc::Rc;

use knas_net::{NetError, Role};
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::forward::Forward;
use crate::matrix::{eigenvalues, exact, total};
use crate::score::Score;
use crate::{Info, ScoreError};

/// Columns of the gradients that are multiplied at a time, in double precision.
const COLUMNS: i64 = 1 << 16;

const BASE: Info = Info {
    passes: "1 forward, 1 backward for each sample",
    groups: &["ntk"],
    ..Info::BASE
};

const MOK: &str = "Mok et al., Demystifying the Neural Tangent Kernel from a Practical \
                   Perspective, CVPR 2022";

/// −λmax/λmin.
pub(crate) static COND: Score = Score {
    info: Info {
        name: "ntk-cond",
        summary: "minus the condition number of the neural tangent kernel",
        negated: true,
        source: "Chen et al., TE-NAS, ICLR 2021, arXiv 2102.11535",
        ..BASE
    },
    value: |info, evaluation| {
        let values = eigenvalues(&Kernel::of(info, evaluation)?.whole)?;
        let (Some(&least), Some(&largest)) = (values.first(), values.last()) else {
            return Err(info.undefined("there are no samples"));
        };
        if least <= f64::EPSILON * values.len() as f64 * largest {
            return Err(info.undefined("the kernel is singular"));
        }
        Ok(-largest / least)
    },
};

/// The mean of K.
pub(crate) static MEAN: Score = Score {
    info: Info {
        name: "ntk-mean",
        summary: "mean of the neural tangent kernel",
        source: MOK,
        ..BASE
    },
    value: |info, evaluation| Ok(mean(&Kernel::of(info, evaluation)?.whole)?),
};

/// ‖K‖_F.
pub(crate) static NORM: Score = Score {
    info: Info {
        name: "ntk-norm",
        summary: "Frobenius norm of the neural tangent kernel",
        source: MOK,
        ..BASE
    },
    value: |info, evaluation| Ok(total(&Kernel::of(info, evaluation)?.whole.f_square()?)?.sqrt()),
};

/// Label-gradient alignment: the cosine of K − mean K and S − mean S, S_ij = 1
/// where the labels of i and j agree and −1 elsewhere, K without the classifier.
pub(crate) static LGA: Score = Score {
    info: Info {
        name: "lga",
        summary: "cosine of the centred neural tangent kernel and the agreement of labels",
        labels: true,
        source: MOK,
        ..BASE
    },
    value: alignment,
};

/// K over all weights, and over those before the classifier: N × N.
struct Kernel {
    whole: Tensor,
    backbone: Tensor,
}

impl Kernel {
    fn of(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<Rc<Self>, ScoreError> {
        let mode = evaluation.mode(info);
        evaluation.share("ntk", mode, |evaluation| {
            let forward = Forward::of(evaluation, mode)?;
            let parameters = forward.network.parameters().iter();
            let weights =
                parameters.filter(|p| !matches!(p.role, Role::NormBias | Role::LinearBias));
            let (head, body): (Vec<_>, Vec<_>) =
                weights.partition(|p| p.role == Role::LinearWeight);
            let weights: Vec<&Tensor> = body.iter().chain(&head).map(|p| &p.tensor).collect();
            let count = evaluation.samples().count();
            evaluation.count(0, count as usize);
            let total: usize = weights.iter().map(|weight| weight.numel()).sum();
            let options = forward.network.options();
            let jacobian = Tensor::f_zeros([count, total as i64], options)?;
            for sample in 0..count {
                let sum = forward.logits.f_narrow(0, sample, 1)?.f_sum(Kind::Float)?;
                let gradients = Tensor::f_run_backward(&[sum], &weights, true, false)?;
                let row = flat(&weights, &gradients)?.f_unsqueeze(0)?;
                jacobian.f_narrow(0, sample, 1)?.f_copy_(&row)?;
            }
            let width = body.iter().map(|p| p.tensor.numel() as i64).sum();
            let backbone = gram(&jacobian.f_narrow(1, 0, width)?)?;
            let classifier = gram(&jacobian.f_narrow(1, width, jacobian.size()[1] - width)?)?;
            Ok(Self {
                whole: backbone.f_add(&classifier)?,
                backbone,
            })
        })
    }
}

/// All gradients as one vector; zeros where there is none.
fn flat(weights: &[&Tensor], gradients: &[Tensor]) -> Result<Tensor, NetError> {
    let pairs = weights.iter().zip(gradients);
    let parts = pairs.map(|(weight, gradient)| match gradient.defined() {
        true => gradient.f_flatten(0, -1),
        false => weight.detach().f_zeros_like()?.f_flatten(0, -1),
    });
    Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>, _>>()?, 0)?)
}

/// The products of all pairs of rows.
fn gram(rows: &Tensor) -> Result<Tensor, NetError> {
    let (count, width) = rows.size2()?;
    let mut sum = Tensor::f_zeros([count, count], (Kind::Double, tch::Device::Cpu))?;
    for start in (0..width).step_by(COLUMNS as usize) {
        let part = exact(&rows.f_narrow(1, start, COLUMNS.min(width - start))?)?;
        sum = sum.f_add(&part.f_matmul(&part.f_transpose(0, 1)?)?)?;
    }
    Ok(sum)
}

fn mean(matrix: &Tensor) -> Result<f64, NetError> {
    Ok(matrix.f_mean(Kind::Double)?.f_double_value(&[])?)
}

fn alignment(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let kernel = Kernel::of(info, evaluation)?;
    let targets = exact(&evaluation.samples().targets)?;
    let agree = targets
        .f_unsqueeze(0)?
        .f_eq_tensor(&targets.f_unsqueeze(1)?)?;
    let labels = agree
        .f_to_kind(Kind::Double)?
        .f_mul_scalar(2.0)?
        .f_sub_scalar(1.0)?;
    let centred = |matrix: &Tensor| Ok::<_, NetError>(matrix.f_sub_scalar(mean(matrix)?)?);
    let (k, s) = (centred(&kernel.backbone)?, centred(&labels)?);
    let (kk, ss) = (total(&k.f_square()?)?, total(&s.f_square()?)?);
    if ss == 0.0 {
        return Err(info.undefined("all samples have one label"));
    }
    if kk == 0.0 {
        return Err(info.undefined("the kernel of the weights before the classifier is constant"));
    }
    Ok(total(&k.f_mul(&s)?)? / (kk * ss).sqrt())
}
