//! Random weight evaluation: how well a linear classifier does on the features
//! of a network that is not trained (Hu et al. 2021).

use knas_net::{Event, NetError};
use tch::{Kind, Tensor, no_grad};

use crate::evaluation::Evaluation;
use crate::matrix::{exact, total};
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Samples per pass: with batch norm, also whose statistics are shared.
const PART: i64 = 64;
/// The ridge, relative to the features' mean variance.
const RIDGE: f64 = 1e-3;

/// The share of the second half of the samples that a linear classifier, fitted
/// to the features of the first half, gets right. It is fitted by least squares
/// with a small ridge to one-hot classes, so the fit has one solution.
///
/// It takes hundreds of samples to tell networks apart, and then it ranks
/// NAS-Bench-201 backwards (Spearman −.50/−.53/−.46 over 100 random cells, 600
/// samples): without training, more convolutions scramble the image more.
pub(crate) static RWE: Score = Score {
    info: Info {
        name: "rwe",
        summary: "accuracy, on half of the samples, of a linear probe fitted to the others",
        inputs: "samples, half to fit and half to judge; better with 500 or more",
        labels: true,
        scope: Scope::All,
        source: "Hu et al., Multi-objective Neural Architecture Search with Almost No Training, EMO 2021, arXiv 2011.13591",
        ..Info::BASE
    },
    value: rwe,
};

fn rwe(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let samples = evaluation.samples();
    let half = samples.count() / 2;
    if half == 0 {
        return Err(ScoreError::Samples {
            name: info.name,
            needs: "at least 2 samples",
        });
    }
    let features = features(info, evaluation)?;
    let targets = exact(&samples.targets)?.f_to_kind(Kind::Int64)?;
    let classes = evaluation.subject().setting.classes as i64;
    let wanted = targets.f_one_hot(classes)?.f_to_kind(Kind::Double)?;
    let rest = samples.count() - half;
    let predicted = probe(
        &features.f_narrow(0, 0, half)?,
        &wanted.f_narrow(0, 0, half)?,
        &features.f_narrow(0, half, rest)?,
    )?;
    let right = predicted.f_eq_tensor(&targets.f_narrow(0, half, rest)?)?;
    Ok(total(&right)? / rest as f64)
}

/// What goes into the classifier: N × features.
fn features(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<Tensor, ScoreError> {
    let mode = evaluation.mode(info);
    let network = evaluation.network(mode.init)?;
    let samples = evaluation.samples();
    let count = samples.count();
    evaluation.count(1, 0);
    let mut parts = Vec::new();
    for start in (0..count).step_by(PART as usize) {
        let (part, _) = samples.part(start, PART.min(count - start))?;
        let mut last = None; // the classifier is the last linear map
        let _ = no_grad(|| {
            network.forward_observed(&part, mode.norm, &mut |event| {
                if let Event::Linear { input, .. } = event {
                    last = Some(exact(input));
                }
            })
        })?;
        parts.extend(last);
    }
    let parts: Vec<Tensor> = parts.into_iter().collect::<Result<_, NetError>>()?;
    Ok(Tensor::f_cat(&parts, 0)?)
}

/// The classes that a ridge regression from `features` to `wanted` gives to
/// `others`.
fn probe(features: &Tensor, wanted: &Tensor, others: &Tensor) -> Result<Tensor, NetError> {
    let mean = |t: &Tensor| t.f_mean_dim([0i64].as_slice(), true, Kind::Double);
    let (centre, base) = (mean(features)?, mean(wanted)?);
    let x = features.f_sub(&centre)?;
    let y = wanted.f_sub(&base)?;
    let covariance = x.f_transpose(0, 1)?.f_matmul(&x)?;
    let width = covariance.size()[0];
    let ridge = RIDGE * covariance.f_trace()?.f_double_value(&[])? / width as f64;
    // Features that are all constant tell nothing: any ridge gives weights of 0.
    let ridge = if ridge > 0.0 { ridge } else { 1.0 };
    let eye = Tensor::f_eye(width, (Kind::Double, features.device()))?;
    let regular = covariance.f_add(&eye.f_mul_scalar(ridge)?)?;
    let weights = Tensor::f_linalg_solve(&regular, &x.f_transpose(0, 1)?.f_matmul(&y)?, true)?;
    let scores = others.f_sub(&centre)?.f_matmul(&weights)?.f_add(&base)?;
    Ok(scores.f_argmax(1, false)?)
}
