//! A network that learns to classify texts.

use knas_data::{TextTraining, Texts};
use knas_net::{Dropout, Network, Norm, Parameter, Part};
use tch::Tensor;

use crate::classification::{judge, pass};
use crate::{Judged, Judgement, Pass, Task, TrainError};

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
    /// Whether the embeddings (words, positions, types and their norm) stay as
    /// they are.
    pub freeze_embeddings: bool,
    /// The share of a target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// Whether F1 of class 1 is among the metrics.
    pub f1: bool,
}

/// A network, and the texts that it learns from.
pub struct TextTask<'d> {
    network: Network,
    /// The network's own, without those that are frozen.
    parameters: Vec<Parameter>,
    data: &'d TextTraining,
    options: TextOptions,
}

impl<'d> TextTask<'d> {
    /// The task of a network with as many outputs as `data` has classes.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn new(
        network: Network,
        data: &'d TextTraining,
        options: TextOptions,
    ) -> Result<Self, TrainError> {
        let mut parameters = Vec::new();
        for parameter in network.parameters() {
            if options.freeze_embeddings && parameter.part == Part::Embeddings {
                let _ = parameter.tensor.f_set_requires_grad(false)?;
            } else {
                parameters.push(Parameter {
                    name: parameter.name.clone(),
                    role: parameter.role,
                    part: parameter.part,
                    tensor: parameter.tensor.shallow_clone(),
                });
            }
        }
        Ok(Self {
            network,
            parameters,
            data,
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
        self.data.train.len().div_ceil(self.options.batch.max(1)) as u64
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
        let batches = self.data.train.epoch(batch, seed, epoch);
        for (number, batch) in (epoch * self.steps()..).zip(batches) {
            for (place, part) in (0..).zip(batch.parts(parts)) {
                let (inputs, targets) = part.tensors(device);
                // Each part of each step has masks of its own.
                let mut dropout = Dropout::new(seed, number * parts as u64 + place);
                let logits = self.network.forward_training(&inputs, &mut dropout)?;
                let smoothing = self.options.label_smoothing;
                step(pass(&logits, &targets, smoothing, batch.len() as u64)?)?;
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
