//! What is trained.

use knas_net::Parameter;
use tch::Tensor;

use crate::{Judged, TrainError};

/// A model, and the examples that it learns from and is judged on.
///
/// What is drawn at random (the order of the examples, their augmentation,
/// dropout) depends on a seed and on the epoch, and on nothing that was drawn
/// before: an epoch is then the same after an interruption.
pub trait Task {
    /// What the optimiser changes.
    fn parameters(&self) -> &[Parameter];

    /// What training changes beside the parameters, by name: running statistics.
    /// The tensors are those that the model uses, not copies.
    fn buffers(&self) -> Vec<(String, Tensor)>;

    /// The whole model under its official names, after so many steps.
    ///
    /// # Errors
    /// When memory does not suffice.
    fn state(&self, steps: u64) -> Result<Vec<(String, Tensor)>, TrainError>;

    /// Batches in an epoch.
    fn steps(&self) -> u64;

    /// Evaluates the batches of an epoch, counted from 0, one after the other,
    /// each whole or in parts, and hands every outcome to `step`, which changes
    /// the parameters at the end of each batch.
    ///
    /// # Errors
    /// When the model cannot be evaluated; and those of `step`.
    fn epoch(
        &self,
        epoch: u64,
        step: &mut dyn FnMut(Pass) -> Result<(), TrainError>,
    ) -> Result<(), TrainError>;

    /// How well the model does on the examples by which epochs and candidates
    /// are chosen.
    ///
    /// # Errors
    /// When the model cannot be evaluated.
    fn validate(&self) -> Result<Judged, TrainError>;

    /// How well it does on those on which what was chosen is judged; none where
    /// there are no such examples.
    ///
    /// # Errors
    /// When the model cannot be evaluated.
    fn test(&self) -> Result<Option<Judged>, TrainError>;
}

/// The outcome of a forward pass over a batch, or over a part of one.
#[derive(Debug)]
pub struct Pass {
    /// The mean loss, with its graph.
    pub loss: Tensor,
    /// How many examples are right; of one that is mixed of two, so much as is.
    pub correct: f64,
    /// How many examples there are.
    pub examples: u64,
    /// How many the whole batch has, where this is a part of it.
    pub step: u64,
    /// The share that the loss has in that of the whole batch.
    pub share: f64,
}
