//! Training again on all examples, once it is known for how long.

use std::time::Duration;

use knas_net::weights::WeightFile;
use tch::Tensor;

use crate::learner::Learner;
use crate::{Judged, Metrics, Optimiser, Recipe, Task, TrainError};

/// A training again, on the examples for validation, too, for as many epochs as were the
/// best: each epoch has the part of the schedule that it had.
pub struct Refit<'t> {
    learner: Learner<'t>,
    epochs: u64,
    history: Vec<Metrics>,
}

impl<'t> Refit<'t> {
    /// One of so many epochs, before the first.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        task: &'t dyn Task,
        optimiser: Box<dyn Optimiser>,
        recipe: Recipe,
        epochs: u64,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            learner: Learner::new(task, optimiser, recipe)?,
            epochs,
            history: Vec::new(),
        })
    }

    /// How long the last epoch took.
    pub fn last_training(&self) -> Duration {
        self.learner.last()
    }

    /// What came of each epoch so far on what was learnt from.
    pub fn history(&self) -> &[Metrics] {
        &self.history
    }

    /// Whether there is no further epoch.
    pub fn is_done(&self) -> bool {
        self.history.len() as u64 >= self.epochs
    }

    /// Trains for one epoch, as [`crate::Trainer::run_epoch`] does.
    ///
    /// # Errors
    /// As there.
    pub fn run_epoch(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Metrics, TrainError> {
        let (_, train) = self.learner.epoch(go_on)?;
        self.history.push(train);
        Ok(train)
    }

    /// Judges the model of the last epoch on test examples. What could be gone on from is
    /// lost.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn judge(&mut self) -> Result<Option<Judged>, TrainError> {
        self.learner.put(&self.learner.kept()?)?;
        self.learner.test()
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

    /// Takes up a training where its history ends; `state` is what [`Refit::state`] gave
    /// then.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, history: Vec<Metrics>, state: &WeightFile) -> Result<(), TrainError> {
        self.learner.restore(history.len() as u64, state)?;
        self.history = history;
        Ok(())
    }
}
