//! `--refit`: once the best number of epochs is known, training on all examples.

use std::time::Instant;

use knas_train::{Checkpoint, Judged, Metrics, Outcome, Refit, TrainError};

use crate::candidate::{Tell, Worker};
use crate::news::News;
use crate::progress::Clock;
use crate::subject::Candidate;

impl Worker<'_> {
    /// Trains a candidate anew on training and validation examples together, for so many
    /// epochs, from its checkpoint where there is one. `judged` is how the model of the
    /// best epoch was judged: by class, that counts where there are no test examples.
    ///
    /// # Errors
    /// As those of training.
    pub fn refit(
        &self,
        candidate: &dyn Candidate,
        (epochs, judged): (u64, Outcome),
        mut checkpoint: Option<&mut Checkpoint>,
        go_on: &mut dyn FnMut() -> bool,
        tell: &Tell<'_>,
    ) -> Result<(Outcome, Vec<Metrics>), TrainError> {
        let task = candidate.refit_task()?;
        let recipe = self.plan.recipe;
        let mut refit = Refit::new(&*task, candidate.optimiser(), recipe, epochs)?;
        if let Some(checkpoint) = &checkpoint {
            checkpoint.restore_refit(&mut refit)?;
        }
        let mut clock = Clock::default();
        while !refit.is_done() {
            let start = Instant::now();
            let train = refit.run_epoch(go_on)?;
            if let Some(checkpoint) = &mut checkpoint {
                checkpoint.save_refit(&refit)?;
            }
            clock.count(start.elapsed(), refit.last_training());
            tell(News::Refit {
                epoch: refit.history().len() as u64,
                epochs,
                train,
                mean: clock.mean(),
            });
        }
        let outcome = match refit.judge()? {
            Some(Judged { metrics, confusion }) => Outcome {
                test: Some(metrics),
                confusion: Some(confusion),
            },
            None => judged,
        };
        Ok((outcome, refit.history().to_vec()))
    }
}
