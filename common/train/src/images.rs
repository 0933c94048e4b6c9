//! A network that learns to classify images.

use knas_data::{Augmentation, Images, Training};
use knas_graph::Graph;
use knas_net::network::unused;
use knas_net::{Initial, Network, Norm, Parameter};
use tch::{Device, Tensor};

use crate::classification::{Loss, balanced, judge};
use crate::mixup::Mix;
use crate::{Frozen, Judged, Judgement, Pass, Task, TrainError};

/// Images in one pass of an evaluation.
const EVALUATION_BATCH: usize = 256;

/// How a network learns.
#[derive(Clone, Copy, Debug)]
pub struct ImageOptions {
    /// Images in a batch.
    pub batch: usize,
    /// Seed of the batches' order, of augmentation and of mixup.
    pub seed: u64,
    /// What is done to images that are learnt from.
    pub augmentation: Augmentation,
    /// α of mixup; 0 for none.
    pub mixup: f64,
    /// The share of a target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// Among how many classes each is to count as much as every other; none where each
    /// image counts as much.
    pub balance: Option<usize>,
    /// What stays as it is.
    pub frozen: Frozen,
    /// How what is not needed is drawn.
    pub unused: Initial,
}

/// A network, and the images that it learns from.
pub struct ImageTask<'d> {
    network: Network,
    /// The network's own, without those that are frozen.
    parameters: Vec<Parameter>,
    /// It with what its official form holds and does not need.
    whole: Graph,
    data: &'d Training,
    /// What is learnt from.
    learnt: &'d Images,
    loss: Loss,
    options: ImageOptions,
}

impl<'d> ImageTask<'d> {
    /// The task of a network with as many outputs as `data` has classes, which learns from
    /// `learnt`; `whole` is what its official form holds.
    ///
    /// # Errors
    /// When all of it is frozen, or libtorch refuses.
    pub fn new(
        network: Network,
        whole: Graph,
        (data, learnt): (&'d Training, &'d Images),
        options: ImageOptions,
    ) -> Result<Self, TrainError> {
        let weights = options
            .balance
            .map(|classes| balanced(learnt.labels(), classes));
        let (_, device) = network.options();
        Ok(Self {
            parameters: options.frozen.trained_of(&network)?,
            network,
            whole,
            data,
            learnt,
            loss: Loss::new(options.label_smoothing, weights, device)?,
            options,
        })
    }

    /// Where the network is.
    fn device(&self) -> Device {
        self.network.options().1
    }

    /// How norms find mean and variance in training, and whether running statistics
    /// follow.
    fn norm(&self) -> Norm {
        match self.options.frozen {
            Frozen::Body => Norm::Eval,
            _ => Norm::Train,
        }
    }

    fn judge(&self, images: &Images) -> Result<Judged, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut sum = Judgement::default();
        for batch in images.batches(EVALUATION_BATCH) {
            let (inputs, targets) = batch.tensors(self.device());
            let logits = self.network.forward(&inputs, Norm::Eval)?;
            judge(&mut sum, &logits, &targets)?;
        }
        Ok(sum.judged(false))
    }
}

impl Task for ImageTask<'_> {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn buffers(&self) -> Vec<(String, Tensor)> {
        let mut buffers = Vec::new();
        for running in self.network.running() {
            let name = |what| format!("{}.{what}", running.name);
            buffers.push((name("running_mean"), running.mean.shallow_clone()));
            buffers.push((name("running_var"), running.variance.shallow_clone()));
        }
        buffers
    }

    fn state(&self, steps: u64) -> Result<Vec<(String, Tensor)>, TrainError> {
        let mut state = self.network.state();
        for (name, tensor) in &mut state {
            if name.ends_with(".num_batches_tracked") && self.norm() == Norm::Train {
                *tensor = Tensor::from(steps as i64);
            }
        }
        state.extend(unused(
            &self.whole,
            self.network.graph(),
            self.options.unused,
        )?);
        Ok(state)
    }

    fn steps(&self) -> u64 {
        self.learnt.len().div_ceil(self.options.batch.max(1)) as u64
    }

    fn epoch(
        &self,
        epoch: u64,
        step: &mut dyn FnMut(Pass) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let ImageOptions {
            batch,
            seed,
            augmentation,
            mixup,
            ..
        } = self.options;
        let device = self.device();
        let batches = self.learnt.epoch(batch, seed, epoch, augmentation);
        for (number, batch) in (0..).zip(batches) {
            let (inputs, targets) = batch.tensors(device);
            let forward = |inputs| self.network.forward(inputs, self.norm());
            step(match mixup > 0.0 {
                false => self.loss.whole(&forward(&inputs)?, &targets)?,
                true => {
                    let mix = Mix::draw(mixup, batch.len(), (seed, epoch, number), device)?;
                    let logits = forward(&mix.images(&inputs)?)?;
                    self.loss.mixed(&logits, &targets, &mix)?
                }
            })?;
        }
        Ok(())
    }

    fn validate(&self) -> Result<Judged, TrainError> {
        self.judge(&self.data.valid)
    }

    fn test(&self) -> Result<Option<Judged>, TrainError> {
        let images = self.data.test.as_ref();
        images.map(|images| self.judge(images)).transpose()
    }
}

#[cfg(test)]
mod tests;
