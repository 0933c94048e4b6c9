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
    /// The task of a network with as many outputs as `data` has classes; `whole` is what
    /// its official form holds.
    ///
    /// # Errors
    /// When all of it is frozen, or libtorch refuses.
    pub fn new(
        network: Network,
        whole: Graph,
        data: &'d Training,
        options: ImageOptions,
    ) -> Result<Self, TrainError> {
        Self::learning_from(&data.train, network, whole, data, options)
    }

    /// As [`ImageTask::new`], learning from these images in the place of `data.train`.
    ///
    /// # Errors
    /// As there.
    pub fn learning_from(
        learnt: &'d Images,
        network: Network,
        whole: Graph,
        data: &'d Training,
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
mod tests {
    use std::path::Path;

    use knas_data::{DataSpec, ImageSource, Limits, PIXELS};
    use knas_net::{Init, Source};
    use knas_space::Extent;
    use knas_space::nb201::network::lower;
    use knas_space::nb201::{Cell, Skeleton};
    use tch::Kind;

    use super::*;
    use crate::{Recipe, Schedule, Sgd, Trainer};

    /// The real CIFAR-10 where it has been fetched, otherwise random images with
    /// random classes, which can only be learnt by heart.
    fn images(made: &Path) -> Training {
        let folder = knas_tests::cifar10().unwrap_or_else(|| {
            let mut random = knas_stats::random::stream(0, "images", &[]);
            for name in [
                "data_batch_1",
                "data_batch_2",
                "data_batch_3",
                "data_batch_4",
                "data_batch_5",
                "test_batch",
            ] {
                let row = |index: usize| {
                    let label = [(index % 10) as u8];
                    let pixels = (0..PIXELS).map(|_| random.below(256) as u8);
                    label.into_iter().chain(pixels).collect::<Vec<u8>>()
                };
                let rows: Vec<u8> = (0..80).flat_map(row).collect();
                std::fs::write(made.join(format!("{name}.bin")), rows).unwrap();
            }
            made.to_owned()
        });
        let source = ImageSource::open(&DataSpec::Cifar10(Some(folder)), made).unwrap();
        let limits = Limits {
            train: Some(200),
            valid: Some(20),
            test: Some(20),
            ..Limits::default()
        };
        source.training(limits).unwrap()
    }

    #[test]
    fn two_hundred_images_are_learnt_by_heart() {
        tch::set_num_threads(1);
        let made = tempfile::tempdir().unwrap();
        let data = images(made.path());
        let cell: Cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+\
                          |skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
            .parse()
            .unwrap();
        let unused = Initial {
            init: Init::Default,
            seed: 0,
        };
        let skeleton = Skeleton::new(8, 1, 10, 32).unwrap();
        let options = (Kind::Float, Device::Cpu);
        let source = Source::Random(unused);
        let lower = |edges| lower(&cell, &skeleton, edges).unwrap();
        let network = Network::new(lower(Extent::Live), source, options).unwrap();
        let options = ImageOptions {
            batch: 20,
            seed: 0,
            augmentation: Augmentation::default(),
            mixup: 0.0,
            label_smoothing: 0.0,
            balance: None,
            frozen: Frozen::Nothing,
            unused,
        };
        let task = ImageTask::new(network, lower(Extent::Whole), &data, options).unwrap();
        let recipe = Recipe::new(40, 0.03, Schedule::Cosine);
        let mut trainer = Trainer::new(&task, Box::new(Sgd::new(0.9, 5e-4)), recipe).unwrap();
        let before = task.judge(&data.train).unwrap().metrics;
        assert!(before.accuracy < 0.3, "{before:?}");
        for _ in 0..recipe.epochs {
            trainer.run_epoch(&mut || true).unwrap();
        }
        let after = task.judge(&data.train).unwrap().metrics;
        assert_eq!(
            after.accuracy,
            1.0,
            "{after:?} {:?}",
            trainer.history().last()
        );
    }
}
