//! A network that learns to classify images.

use knas_data::{Batch, Images, Training};
use knas_graph::Graph;
use knas_net::network::unused;
use knas_net::{Initial, Network, Norm, Parameter};
use tch::{Device, Tensor};

use crate::classification::{judge, pass};
use crate::{Judged, Judgement, Pass, Task, TrainError};

/// Images in one pass of an evaluation.
const EVALUATION_BATCH: usize = 256;

/// A network, and the images that it learns from.
pub struct ImageTask<'d> {
    /// The network.
    pub network: Network,
    /// It with what its official form holds and does not need.
    pub whole: Graph,
    /// Training, validation and test images.
    pub data: &'d Training,
    /// Images in a batch.
    pub batch: usize,
    /// Seed of the batches' order and of augmentation.
    pub seed: u64,
    /// Whether images are flipped and cropped at random.
    pub augment: bool,
    /// The share of a target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// How what is not needed is drawn.
    pub unused: Initial,
}

impl ImageTask<'_> {
    /// Where the network is.
    fn device(&self) -> Device {
        self.network.options().1
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
        state.extend(unused(&self.whole, self.network.graph(), self.unused)?);
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
        let (images, size, seed) = (&self.data.train, self.batch, self.seed);
        let batches: Box<dyn Iterator<Item = Batch>> = match self.augment {
            true => Box::new(images.epoch(size, seed, epoch)),
            false => Box::new(images.epoch_as_is(size, seed, epoch)),
        };
        for batch in batches {
            let (inputs, targets) = batch.tensors(self.device());
            let logits = self.network.forward(&inputs, Norm::Train)?;
            let smoothing = self.label_smoothing;
            step(pass(&logits, &targets, smoothing, batch.len() as u64)?)?;
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
        let task = ImageTask {
            network: Network::new(lower(Extent::Live), source, options).unwrap(),
            whole: lower(Extent::Whole),
            data: &data,
            batch: 20,
            seed: 0,
            augment: false,
            label_smoothing: 0.0,
            unused,
        };
        let recipe = Recipe {
            epochs: 40,
            rate: 0.03,
            schedule: Schedule::Cosine,
            patience: None,
        };
        let mut trainer = Trainer::new(&task, Box::new(Sgd::new(0.9, 5e-4)), recipe);
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
