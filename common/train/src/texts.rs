//! A network that learns to classify texts.

use knas_data::{TextTraining, Texts};
use knas_net::{Dropout, Network, Norm, Parameter};
use tch::Tensor;

use crate::classification::{Loss, balanced, judge};
use crate::{Frozen, Judged, Judgement, Pass, Task, TrainError};

/// Texts in one pass of an evaluation.
const EVALUATION_BATCH: usize = 64;

/// How a network learns.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Texts in a batch.
    pub batch: usize,
    /// Passes in which a batch is evaluated, one after the other. Gradients are
    /// those of the whole batch, but for rounding and for other dropout.
    pub parts: usize,
    /// Seed of the batches' order and of dropout.
    pub seed: u64,
    /// What stays as it is. Dropout is drawn there as elsewhere.
    pub frozen: Frozen,
    /// The share of a target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// Among how many classes each is to count as much as every other; none where each
    /// text counts as much.
    pub balance: Option<usize>,
    /// Whether F1 of class 1 is among the metrics.
    pub f1: bool,
}

/// A network, and the texts that it learns from.
pub struct TextTask<'d> {
    network: Network,
    /// The network's own, without those that are frozen.
    parameters: Vec<Parameter>,
    data: &'d TextTraining,
    /// What is learnt from.
    learnt: &'d Texts,
    loss: Loss,
    options: TextOptions,
}

impl<'d> TextTask<'d> {
    /// The task of a network with as many outputs as `data` has classes, which learns from
    /// `learnt`.
    ///
    /// # Errors
    /// When all of it is frozen, or libtorch refuses.
    pub fn new(
        network: Network,
        (data, learnt): (&'d TextTraining, &'d Texts),
        options: TextOptions,
    ) -> Result<Self, TrainError> {
        let weights = options
            .balance
            .map(|classes| balanced(learnt.labels(), classes));
        let (_, device) = network.options();
        Ok(Self {
            parameters: options.frozen.trained_of(&network)?,
            network,
            data,
            learnt,
            loss: Loss::new(options.label_smoothing, weights, device)?,
            options,
        })
    }

    fn judge(&self, texts: &Texts) -> Result<Judged, TrainError> {
        let _guard = tch::no_grad_guard();
        let (_, device) = self.network.options();
        let mut sum = Judgement::default();
        for batch in texts.batches(EVALUATION_BATCH) {
            let (inputs, targets) = batch.tensors(device);
            let logits = self.network.forward(&inputs, Norm::Eval)?;
            judge(&mut sum, &logits, &targets)?;
        }
        Ok(sum.judged(self.options.f1))
    }
}

impl Task for TextTask<'_> {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn buffers(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    fn state(&self, _steps: u64) -> Result<Vec<(String, Tensor)>, TrainError> {
        Ok(self.network.state())
    }

    fn steps(&self) -> u64 {
        self.learnt.len().div_ceil(self.options.batch.max(1)) as u64
    }

    fn epoch(
        &self,
        epoch: u64,
        step: &mut dyn FnMut(Pass) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let TextOptions {
            batch, parts, seed, ..
        } = self.options;
        let (_, device) = self.network.options();
        let batches = self.learnt.epoch(batch, seed, epoch);
        for (number, batch) in (epoch * self.steps()..).zip(batches) {
            let all = self.loss.weight(&Tensor::f_from_slice(&batch.target)?)?;
            for (place, part) in (0..).zip(batch.parts(parts)) {
                let (inputs, targets) = part.tensors(device);
                // Each part of each step has masks of its own.
                let mut dropout = Dropout::new(seed, number * parts as u64 + place);
                let logits = self.network.forward_training(&inputs, &mut dropout)?;
                let of_batch = (batch.len() as u64, self.loss.weight(&targets)? / all);
                step(self.loss.part(&logits, &targets, of_batch)?)?;
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<Judged, TrainError> {
        self.judge(&self.data.valid)
    }

    fn test(&self) -> Result<Option<Judged>, TrainError> {
        let texts = self.data.test.as_ref();
        texts.map(|texts| self.judge(texts)).transpose()
    }
}

#[cfg(test)]
mod tests;
