//! EPE-NAS: how much the input gradients of images of one class correlate
//! (Lopes et al. 2021).

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::jacobian::InputGradients;
use crate::matrix::{correlations, exact, total};
use crate::score::Score;
use crate::{Info, ScoreError};

/// Keeps the logarithm finite.
const K: f64 = 1e-5;

/// Up to so many classes are summed; more are compared in pairs.
const MANY: usize = 100;

/// With E_c = Σ ln(|ρ| + k) over the correlations ρ of the input gradients of
/// class c: Σ_c |E_c| for up to 100 classes. For more, each E_c is divided by
/// its class's images, and the score is the sum over pairs of classes of their
/// distances, divided by the number of classes seen. k = 1e-5.
pub(crate) static EPE: Score = Score {
    info: Info {
        name: "epe",
        summary: "how little the input gradients of images of one class correlate",
        labels: true,
        passes: "1 forward, 1 backward",
        source: "Lopes et al., EPE-NAS, ICANN 2021, arXiv 2102.08099",
        ..Info::BASE
    },
    value: epe,
};

fn epe(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let gradients = InputGradients::of(info, evaluation)?;
    let targets =
        Vec::<i64>::try_from(exact(&evaluation.samples().targets)?.f_to_kind(Kind::Int64)?)?;
    let mut classes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (sample, target) in (0..).zip(targets) {
        classes.entry(target).or_default().push(sample);
    }
    let many = evaluation.subject().setting.classes > MANY;
    let mut terms = Vec::new();
    for members in classes.values() {
        let rows = gradients
            .0
            .f_index_select(0, &Tensor::f_from_slice(members)?)?;
        let sum = total(&correlations(&rows)?.f_abs()?.f_add_scalar(K)?.f_log()?)?;
        terms.push(if many {
            sum / members.len() as f64
        } else {
            sum
        });
    }
    if terms.iter().any(|term| term.is_nan()) {
        return Err(info.undefined("the input gradient of an image is constant"));
    }
    if !many {
        return Ok(terms.iter().map(|term| term.abs()).sum());
    }
    let distances = terms
        .iter()
        .flat_map(|a| terms.iter().map(move |b| (a - b).abs()));
    Ok(distances.sum::<f64>() / terms.len() as f64)
}
