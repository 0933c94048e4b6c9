//! GradSign: how many samples agree about where each weight should go (Zhang &
//! Jia 2022).

use knas_net::Norm;

use crate::evaluation::Evaluation;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Σ_w |Σ_i sign ∂L_i/∂w| over the weights of convolutions and classifier.
pub(crate) static GRADSIGN: Score = Score {
    info: Info {
        name: "gradsign",
        summary: "sum over weights of |sum over samples of the sign of the gradient|",
        norm: Some(Norm::Sample),
        labels: true,
        scope: Scope::All,
        passes: "1 forward, 1 backward",
        source: "Zhang & Jia, GradSign, ICLR 2022, arXiv 2110.08616",
        ..Info::BASE
    },
    value: gradsign,
};

fn gradsign(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let gradients = evaluation.sample_gradients(info)?;
    let sums = gradients.signs.values();
    sums.map(|signs| Ok(total(&signs.f_abs()?)?)).sum()
}
