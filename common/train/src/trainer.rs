//! The loop: epochs, validation, the best epoch, early stopping.

use std::time::Duration;

use knas_net::weights::WeightFile;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::learner::Learner;
use crate::{Confusion, Judged, Metrics, Optimiser, Schedule, Task, TrainError};

/// How long and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Epochs of a whole training; the schedule spans all of them.
    pub epochs: u64,
    /// The highest learning rate of the schedule.
    pub rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// The epochs in which it goes up, which may end within one; as is usual for the
    /// schedule, unless they are told.
    pub warm_up: Option<f64>,
    /// The most that all gradients together may be long.
    pub clip: Option<f64>,
    /// The decay of an average of the weights, which is then what is judged and kept.
    pub average: Option<f64>,
    /// Stop after this many epochs without a better validation accuracy.
    pub patience: Option<u64>,
}

/// What came of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: u64,
    /// The learning rate of its first step.
    pub learning_rate: f64,
    /// On the training examples, as they were when each had its step.
    pub train: Metrics,
    /// On the validation examples, after the epoch.
    pub valid: Metrics,
}

/// How a trained model is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// On test examples, where there are any.
    pub test: Option<Metrics>,
    /// Of the same examples; without them, of those for validation. None in what an
    /// earlier version wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
}

impl Outcome {
    /// That of the model of a task, as it is.
    pub(crate) fn of(task: &dyn Task) -> Result<Self, TrainError> {
        let test = task.test()?;
        let metrics = test.as_ref().map(|judged| judged.metrics);
        let Judged { confusion, .. } = test.map_or_else(|| task.validate(), Ok)?;
        Ok(Self {
            test: metrics,
            confusion: Some(confusion),
        })
    }
}

/// Why there is no further epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// All epochs are done.
    Epochs,
    /// No epoch was better for a while.
    Patience,
    /// The epoch that was asked for is reached, and training can go on.
    Paused,
}

impl Recipe {
    /// One without what need not be.
    #[must_use]
    pub fn new(epochs: u64, rate: f64, schedule: Schedule) -> Self {
        Self {
            epochs,
            rate,
            schedule,
            warm_up: None,
            clip: None,
            average: None,
            patience: None,
        }
    }

    /// The learning rate of a step, from 0, where an epoch has so many.
    pub(crate) fn rate(&self, step: u64, in_epoch: u64) -> f64 {
        let total = self.epochs * in_epoch;
        let warm_up = match self.warm_up {
            Some(epochs) => (epochs * in_epoch as f64).ceil() as u64,
            None => self.schedule.usual_warm_up(total),
        };
        self.rate * self.schedule.factor(step, total, warm_up)
    }

    /// Whether `history` needs no further epoch, if training should go as far
    /// as the epoch `until`.
    pub fn end(&self, history: &[Epoch], until: u64) -> Option<End> {
        let done = history.len() as u64;
        let best = best(history).map_or(0, |epoch| epoch.epoch);
        if done >= self.epochs {
            Some(End::Epochs)
        } else if self
            .patience
            .is_some_and(|patience| done - best >= patience)
        {
            Some(End::Patience)
        } else if done >= until {
            Some(End::Paused)
        } else {
            None
        }
    }
}

/// The epoch with the highest validation accuracy; of several that with the
/// lowest validation loss, and of these the first.
pub fn best(history: &[Epoch]) -> Option<&Epoch> {
    let order = |epoch: &Epoch| (-epoch.valid.accuracy, epoch.valid.loss);
    history.iter().reduce(|best, epoch| {
        if order(epoch) < order(best) {
            epoch
        } else {
            best
        }
    })
}

/// A training under way.
pub struct Trainer<'t> {
    learner: Learner<'t>,
    recipe: Recipe,
    history: Vec<Epoch>,
    /// Parameters and buffers of the best epoch.
    best: Vec<Tensor>,
}

impl<'t> Trainer<'t> {
    /// A training before its first epoch.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        task: &'t dyn Task,
        optimiser: Box<dyn Optimiser>,
        recipe: Recipe,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            learner: Learner::new(task, optimiser, recipe)?,
            recipe,
            history: Vec::new(),
            best: Vec::new(),
        })
    }

    /// How long the last epoch took before its validation.
    pub fn last_training(&self) -> Duration {
        self.learner.last()
    }

    /// The epochs so far.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// Why there is no further epoch, where it should go as far as the epoch `until`.
    pub fn end(&self, until: u64) -> Option<End> {
        self.recipe.end(&self.history, until)
    }

    /// Whether the last epoch is the best one.
    pub fn is_best(&self) -> bool {
        best(&self.history).map(|best| best.epoch) == Some(self.history.len() as u64)
    }

    /// Trains for one epoch, and validates. Before each step `go_on` is asked
    /// whether there is to be one.
    ///
    /// # Errors
    /// When the model cannot be evaluated, the loss is not finite, or `go_on`
    /// says no. The training cannot go on from there.
    pub fn run_epoch(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Epoch, TrainError> {
        let (learning_rate, train) = self.learner.epoch(go_on)?;
        let outcome = Epoch {
            epoch: self.history.len() as u64 + 1,
            learning_rate,
            train,
            valid: self.learner.validate()?,
        };
        self.history.push(outcome);
        if self.is_best() {
            self.best = self.learner.kept()?;
        }
        Ok(outcome)
    }

    /// Puts the best epoch's model in place, and judges it. What was learnt
    /// after that epoch is lost.
    ///
    /// # Errors
    /// When the model cannot be evaluated.
    pub fn judge_best(&mut self) -> Result<Outcome, TrainError> {
        self.learner.put(&self.best)?;
        self.learner.outcome()
    }

    /// The model of the last epoch, under its official names.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn model(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        self.learner.model()
    }

    /// Everything that the next epoch depends on, beside the history.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.learner.state()
    }

    /// Takes up a training where its history ends. `state` is what
    /// [`Trainer::state`] gave then, and `best` what [`Trainer::model`] gave
    /// after the best epoch.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(
        &mut self,
        history: Vec<Epoch>,
        state: &WeightFile,
        best: &WeightFile,
    ) -> Result<(), TrainError> {
        self.learner.restore(history.len() as u64, state)?;
        self.best = self.learner.stored(best, str::to_owned)?;
        self.history = history;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(accuracies: &[f64]) -> Vec<Epoch> {
        let losses = vec![1.0; accuracies.len()];
        history_with(accuracies, &losses)
    }

    fn history_with(accuracies: &[f64], losses: &[f64]) -> Vec<Epoch> {
        let metrics = accuracies.iter().zip(losses);
        let metrics = metrics.map(|(&accuracy, &loss)| Metrics {
            loss,
            accuracy,
            f1: None,
        });
        let epoch = |(metrics, number)| Epoch {
            epoch: number,
            learning_rate: 0.1,
            train: metrics,
            valid: metrics,
        };
        metrics.zip(1..).map(epoch).collect()
    }

    #[test]
    fn the_best_epoch_has_the_accuracy_then_the_loss_then_comes_first() {
        let best = |a: &[f64], l: &[f64]| best(&history_with(a, l)).map(|epoch| epoch.epoch);
        assert_eq!(best(&[0.2, 0.5, 0.4, 0.5], &[1.0; 4]), Some(2));
        assert_eq!(best(&[0.2, 0.5, 0.4, 0.5], &[1.0, 1.0, 0.1, 0.9]), Some(4));
        assert_eq!(best(&[], &[]), None);
    }

    #[test]
    fn training_ends_at_the_last_epoch_or_when_nothing_gets_better() {
        let recipe = Recipe {
            patience: Some(2),
            ..Recipe::new(6, 0.1, Schedule::Cosine)
        };
        let end = |accuracies: &[f64], until| recipe.end(&history(accuracies), until);
        assert_eq!(end(&[], 6), None);
        assert_eq!(end(&[0.5, 0.4], 6), None);
        assert_eq!(end(&[0.5, 0.4, 0.5], 6), Some(End::Patience));
        assert_eq!(end(&[0.5, 0.4, 0.6], 6), None);
        assert_eq!(end(&[0.5, 0.4, 0.6], 3), Some(End::Paused));
        assert_eq!(end(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 9), Some(End::Epochs));
        let patient = Recipe {
            patience: None,
            ..recipe
        };
        assert_eq!(patient.end(&history(&[0.5; 5]), 6), None);
    }

    #[test]
    fn a_warm_up_may_end_within_an_epoch() {
        let recipe = Recipe {
            warm_up: Some(0.3),
            ..Recipe::new(3, 0.5, Schedule::Cosine)
        };
        // 0.3 of 5 steps are 2 of 15.
        for step in 0..15 {
            let expected = 0.5 * Schedule::Cosine.factor(step, 15, 2);
            assert_eq!(recipe.rate(step, 5), expected);
        }
        assert_eq!((recipe.rate(0, 5), recipe.rate(1, 5)), (0.25, 0.5));
    }
}
