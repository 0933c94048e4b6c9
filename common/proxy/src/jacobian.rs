//! How much the network tells images apart, by the gradients that they get
//! (Mellor et al. 2020, the first version of NASWOT).

use std::rc::Rc;

use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::forward::Forward;
use crate::matrix::{correlations, eigenvalues, exact};
use crate::score::Score;
use crate::{Info, ScoreError};

/// Keeps logarithm and quotient finite.
const K: f64 = 1e-5;

/// −Σ (ln(v + k) + 1/(v + k)), v the eigenvalues of the correlations of
/// ∂Σf/∂x, image by image; k = 1e-5.
pub(crate) static JACOB_COV: Score = Score {
    info: Info {
        name: "jacob-cov",
        summary: "how little the images' input gradients correlate, by eigenvalues",
        negated: false,
        passes: "1 forward, 1 backward",
        source: "Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1",
        ..Info::BASE
    },
    value: jacob_cov,
};

/// N × pixels: ∂(Σ of all logits)/∂x, image by image.
pub(crate) struct InputGradients(pub Tensor);

impl InputGradients {
    /// Those of the samples, for this score.
    pub(crate) fn of(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<Rc<Self>, ScoreError> {
        let mode = evaluation.mode(info);
        evaluation.share("input gradients", mode, |evaluation| {
            let forward = Forward::of(evaluation, mode)?;
            let sum = forward.logits.f_sum(Kind::Float)?;
            evaluation.count(0, 1);
            let gradients = Tensor::f_run_backward(&[sum], &[&forward.inputs], true, false)?;
            match gradients.first() {
                Some(gradient) if gradient.defined() => {
                    Ok(Self(exact(&gradient.f_flatten(1, -1)?)?))
                }
                _ => Err(info.undefined("the logits do not depend on the images")),
            }
        })
    }
}

fn jacob_cov(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let gradients = InputGradients::of(info, evaluation)?;
    let correlations = correlations(&gradients.0)?;
    if correlations.f_isnan()?.f_any()?.f_int64_value(&[])? != 0 {
        return Err(info.undefined("the input gradient of an image is constant"));
    }
    let values = eigenvalues(&correlations)?;
    Ok(-values
        .iter()
        .map(|v| (v + K).ln() + 1.0 / (v + K))
        .sum::<f64>())
}
