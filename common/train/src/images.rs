//! A NAS-Bench-201 network that learns to classify images.

use knas_data::{Batch, Images, Training};
use knas_net::{Initial, Network, Norm, Parameter, nb201};
use knas_space::nb201::Cell;
use tch::{Device, Kind, Reduction, Tensor};

use crate::{Metrics, Pass, Tally, Task, TrainError};

/// Images in one pass of an evaluation.
const EVALUATION_BATCH: usize = 256;

/// Passed to libtorch where it wants a target that does not count.
const NO_TARGET: i64 = -100;

/// A network, and the images that it learns from.
pub struct ImageTask<'d> {
    /// The cell around which the network is built.
    pub cell: Cell,
    /// The network.
    pub network: Network,
    /// Training, validation and test images.
    pub data: &'d Training,
    /// Images in a batch.
    pub batch: usize,
    /// Seed of the batches' order and of augmentation.
    pub seed: u64,
    /// The share of a target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// How what the official network holds and this one does not need is drawn.
    pub unused: Initial,
}

impl ImageTask<'_> {
    fn loss(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        smoothing: f64,
    ) -> Result<Tensor, TrainError> {
        let weight = None::<&Tensor>;
        let reduction = Reduction::Mean;
        Ok(logits.f_cross_entropy_loss(targets, weight, reduction, NO_TARGET, smoothing)?)
    }

    fn tensors(&self, batch: &Batch) -> Result<(Tensor, Tensor), TrainError> {
        let (_, device) = self.network.options();
        let (images, targets) = batch.tensors(device);
        if device != Device::Cpu {
            return Ok((images, targets));
        }
        // On a processor, channels of one position side by side are faster.
        let channels_last = images.f_permute([0, 2, 3, 1])?.f_contiguous()?;
        Ok((channels_last.f_permute([0, 3, 1, 2])?, targets))
    }

    fn metrics(&self, images: &Images) -> Result<Metrics, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut tally = Tally::default();
        for batch in images.batches(EVALUATION_BATCH) {
            let (inputs, targets) = self.tensors(&batch)?;
            let logits = self.network.forward(&inputs, Norm::Eval)?;
            let loss = self.loss(&logits, &targets, 0.0)?.f_double_value(&[])?;
            tally.add(loss, correct(&logits, &targets)?, batch.len() as u64);
        }
        Ok(tally.metrics())
    }
}

fn correct(logits: &Tensor, targets: &Tensor) -> Result<u64, TrainError> {
    let hits = logits.f_argmax(-1, false)?.f_eq_tensor(targets)?;
    Ok(hits.f_sum(Kind::Int64)?.f_int64_value(&[])?.unsigned_abs())
}

impl Task for ImageTask<'_> {
    fn parameters(&self) -> &[Parameter] {
        self.network.parameters()
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
            if name.ends_with(".num_batches_tracked") {
                *tensor = Tensor::from(steps as i64);
            }
        }
        state.extend(nb201::dead_parameters(
            &self.cell,
            self.network.skeleton(),
            self.unused,
        )?);
        Ok(state)
    }

    fn steps(&self) -> u64 {
        self.data.train.len().div_ceil(self.batch.max(1)) as u64
    }

    fn epoch(
        &self,
        epoch: u64,
        step: &mut dyn FnMut(Pass) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        for batch in self.data.train.epoch(self.batch, self.seed, epoch) {
            let (inputs, targets) = self.tensors(&batch)?;
            let logits = self.network.forward(&inputs, Norm::Train)?;
            step(Pass {
                loss: self.loss(&logits, &targets, self.label_smoothing)?,
                correct: correct(&logits.f_detach()?, &targets)?,
                examples: batch.len() as u64,
            })?;
        }
        Ok(())
    }

    fn validate(&self) -> Result<Metrics, TrainError> {
        self.metrics(&self.data.valid)
    }

    fn test(&self) -> Result<Option<Metrics>, TrainError> {
        let images = self.data.test.as_ref();
        images.map(|images| self.metrics(images)).transpose()
    }
}
