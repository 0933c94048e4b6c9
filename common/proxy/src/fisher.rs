//! The Fisher information of activations (Theis et al. 2018; Turner et al.
//! 2020), summed as by Abdelfattah et al. 2021.

use tch::Kind;

use crate::evaluation::Evaluation;
use crate::gradients::LossGradients;
use crate::matrix::total;
use crate::score::Score;
use crate::{Info, Scope, ScoreError};

/// Σ_channels ½·mean_n (Σ_hw a·∂L/∂a)², a what a convolution or the classifier
/// gives and L the mean loss.
///
/// The code of Abdelfattah et al. then counts a channel once for each of the
/// weights that lead into it. That is no part of the definition, but it is what
/// published rank correlations of `fisher` rest on: .55/.55/.49 on 138 random
/// NAS-Bench-201 cells, where the plain sum over channels has .48/.50/.45.
pub(crate) static FISHER: Score = Score {
    info: Info {
        name: "fisher",
        summary: "sum over channels, each counted once, of half the mean square of activation · gradient",
        labels: true,
        scope: Scope::All,
        passes: "1 forward, 1 backward",
        source: "Theis et al., Faster Gaze Prediction, 2018, arXiv 1801.05787; Abdelfattah et al., ICLR 2021, arXiv 2101.08134, whose code \
                 counts a channel once for each weight that leads into it",
        ..Info::BASE
    },
    value: fisher,
};

fn fisher(info: &Info, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let mode = evaluation.mode(info);
    let gradients = LossGradients::of(evaluation, mode)?;
    let layers = gradients.saliencies.iter().map(|saliency| {
        // A loss that is a mean over samples makes the squares small.
        let squares = saliency.f_to_kind(Kind::Double)?.f_square()?;
        Ok(total(&squares)? / (2 * saliency.size()[0]) as f64)
    });
    layers.sum()
}
