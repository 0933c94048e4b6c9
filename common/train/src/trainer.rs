//! The loop: epochs, validation, the best epoch, early stopping.

use std::time::{Duration, Instant};

use knas_net::weights::WeightFile;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::{Confusion, Judged, Metrics, Optimiser, Pass, Schedule, Tally, Task, TrainError};

/// How long and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Epochs of a whole training; the schedule spans all of them.
    pub epochs: u64,
    /// The learning rate at which the schedule starts.
    pub rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
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
    fn of(task: &dyn Task) -> Result<Self, TrainError> {
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
    task: &'t dyn Task,
    optimiser: Box<dyn Optimiser>,
    recipe: Recipe,
    history: Vec<Epoch>,
    /// Parameters and buffers of the best epoch.
    best: Vec<(String, Tensor)>,
    last_training: Duration,
}

impl<'t> Trainer<'t> {
    /// A training before its first epoch.
    pub fn new(task: &'t dyn Task, optimiser: Box<dyn Optimiser>, recipe: Recipe) -> Self {
        Self {
            task,
            optimiser,
            recipe,
            history: Vec::new(),
            best: Vec::new(),
            last_training: Duration::ZERO,
        }
    }

    /// How long the last epoch took before its validation.
    pub fn last_training(&self) -> Duration {
        self.last_training
    }

    /// The epochs so far.
    pub fn history(&self) -> &[Epoch] {
        &self.history
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
        let (epoch, steps) = (self.history.len() as u64, self.task.steps());
        let (first, total) = (epoch * steps, self.recipe.epochs * steps);
        let rate = |step| self.recipe.rate * self.recipe.schedule.factor(step, total);
        let finite = |loss: f64, step| match loss.is_finite() {
            true => Ok(loss),
            false => Err(TrainError::Diverged {
                loss,
                epoch: epoch + 1,
                step,
                steps,
            }),
        };

        let start = Instant::now();
        let parameters = self.task.parameters();
        let tensors: Vec<&Tensor> = parameters.iter().map(|p| &p.tensor).collect();
        let (mut tally, mut step) = (Tally::default(), 0);
        let mut parts = Parts::default();
        self.task.epoch(epoch, &mut |pass: Pass| {
            if !go_on() {
                return Err(TrainError::Interrupted);
            }
            let loss = finite(pass.loss.f_double_value(&[])?, step + 1)?;
            tally.add(loss, pass.correct, pass.examples);
            if let Some(gradients) = parts.add(pass, &tensors)? {
                self.optimiser
                    .step(parameters, gradients, rate(first + step))?;
                step += 1;
            }
            Ok(())
        })?;
        self.last_training = start.elapsed();
        let valid = self.task.validate()?.metrics;
        finite(valid.loss, steps + 1)?;
        let outcome = Epoch {
            epoch: epoch + 1,
            learning_rate: rate(first),
            train: tally.metrics(),
            valid,
        };
        self.history.push(outcome);
        if self.is_best() {
            self.best = copies(self.variables())?;
        }
        Ok(outcome)
    }

    /// Puts the best epoch's model in place, and judges it. What was learnt
    /// after that epoch is lost.
    ///
    /// # Errors
    /// When the model cannot be evaluated.
    pub fn judge_best(&mut self) -> Result<Outcome, TrainError> {
        {
            let _guard = tch::no_grad_guard();
            for ((_, mut variable), (_, best)) in self.variables().into_iter().zip(&self.best) {
                variable.f_copy_(best)?;
            }
        }
        Outcome::of(self.task)
    }

    /// The model as it is, under its official names.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn model(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        self.task
            .state(self.history.len() as u64 * self.task.steps())
    }

    /// Everything that the next epoch depends on, beside the history.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let model = self.variables().into_iter();
        let mut state: Vec<_> = model.map(|(name, t)| (current(&name), t)).collect();
        state.extend(self.optimiser.state(self.task.parameters()));
        state
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
        let _guard = tch::no_grad_guard();
        let stored = |file: &WeightFile, name: &str, like: &Tensor| {
            let stored = file.tensor(name, &like.size())?;
            Ok::<_, TrainError>(stored.f_to_device(like.device())?.f_to_kind(like.kind())?)
        };
        self.best.clear();
        for (name, mut variable) in self.variables() {
            let value = stored(state, &current(&name), &variable)?;
            variable.f_copy_(&value)?;
            let value = stored(best, &name, &variable)?;
            self.best.push((name, value));
        }
        let steps = history.len() as u64 * self.task.steps();
        self.optimiser
            .restore(self.task.parameters(), state, steps)?;
        self.history = history;
        Ok(())
    }

    /// Parameters and buffers: the tensors that the model uses.
    fn variables(&self) -> Vec<(String, Tensor)> {
        let parameters = self.task.parameters().iter();
        let mut variables: Vec<_> = parameters
            .map(|p| (p.name.clone(), p.tensor.detach()))
            .collect();
        variables.extend(self.task.buffers());
        variables
    }
}

/// The gradients of a batch, part by part.
#[derive(Default)]
struct Parts {
    gradients: Vec<Tensor>,
    examples: u64,
}

impl Parts {
    /// Adds a pass, and gives the gradients of the batch's mean loss with the
    /// last of its parts. A parameter without a gradient has an undefined one.
    fn add(
        &mut self,
        pass: Pass,
        parameters: &[&Tensor],
    ) -> Result<Option<Vec<Tensor>>, TrainError> {
        let whole = pass.examples == pass.step;
        let loss = match whole {
            true => pass.loss,
            false => pass
                .loss
                .f_mul_scalar(pass.examples as f64 / pass.step as f64)?,
        };
        let gradients = Tensor::f_run_backward(&[loss], parameters, false, false)?;
        if self.gradients.is_empty() {
            self.gradients = gradients;
        } else {
            let _guard = tch::no_grad_guard();
            for (sum, part) in self.gradients.iter_mut().zip(gradients) {
                match (sum.defined(), part.defined()) {
                    (true, true) => drop(sum.f_add_(&part)?),
                    (false, true) => *sum = part,
                    (_, false) => {}
                }
            }
        }
        self.examples += pass.examples;
        if self.examples < pass.step {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).gradients))
    }
}

fn current(name: &str) -> String {
    format!("model.{name}")
}

fn copies(tensors: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>, TrainError> {
    let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach_copy()?));
    tensors.into_iter().map(copy).collect()
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
            epochs: 6,
            rate: 0.1,
            schedule: Schedule::Cosine,
            patience: Some(2),
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
}
