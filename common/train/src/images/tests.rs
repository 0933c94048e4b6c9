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

const UNUSED: Initial = Initial {
    init: Init::Default,
    seed: 0,
};

const OPTIONS: ImageOptions = ImageOptions {
    batch: 20,
    seed: 0,
    augmentation: Augmentation {
        flip_crop: false,
        erasing: 0.0,
        cutout: 0,
    },
    mixup: 0.0,
    label_smoothing: 0.0,
    balance: None,
    frozen: Frozen::Nothing,
    unused: UNUSED,
};

/// A network of one cell that learns from the first of these images.
fn learning<'d>(learnt: &'d Images, data: &'d Training, options: ImageOptions) -> ImageTask<'d> {
    tch::set_num_threads(1); // tests run side by side
    let cell: Cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+\
                      |skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
        .parse()
        .unwrap();
    let skeleton = Skeleton::new(8, 1, 10, 32).unwrap();
    let lower = |edges| lower(&cell, &skeleton, edges).unwrap();
    let source = Source::Random(UNUSED);
    let network = (lower(Extent::Live), source, (Kind::Float, Device::Cpu));
    let network = Network::new(network.0, network.1, network.2).unwrap();
    ImageTask::new(network, lower(Extent::Whole), (data, learnt), options).unwrap()
}

fn copies(tensors: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let copy = |(name, tensor): (String, Tensor)| (name, tensor.copy());
    tensors.into_iter().map(copy).collect()
}

#[test]
fn two_hundred_images_are_learnt_by_heart() {
    let made = tempfile::tempdir().unwrap();
    let data = images(made.path());
    let task = learning(&data.train, &data, OPTIONS);
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

#[test]
fn a_frozen_body_stays_and_normalises_as_in_evaluation() {
    let made = tempfile::tempdir().unwrap();
    let data = images(made.path());
    let options = ImageOptions {
        frozen: Frozen::Body,
        ..OPTIONS
    };
    let task = learning(&data.train, &data, options);
    // Nothing is learnt here: every batch is as it is judged.
    let (mut sum, mut seen) = (0.0, 0.0);
    let mut look = |pass: Pass| {
        sum += pass.loss.double_value(&[]) * pass.examples as f64;
        seen += pass.examples as f64;
        Ok(())
    };
    task.epoch(0, &mut look).unwrap();
    let judged = task.judge(&data.train).unwrap().metrics.loss;
    assert!((sum / seen - judged).abs() < 1e-5, "{sum} {seen} {judged}");

    let before = copies(task.network.state());
    let recipe = Recipe::new(2, 0.1, Schedule::Cosine);
    let mut trainer = Trainer::new(&task, Box::new(Sgd::new(0.9, 5e-4)), recipe).unwrap();
    trainer.run_epoch(&mut || true).unwrap();
    for ((name, before), (_, after)) in before.iter().zip(trainer.model().unwrap()) {
        let is_head = name.starts_with("classifier.");
        assert_eq!(*before != after, is_head, "{name}");
    }
    assert_eq!(task.parameters().len(), 2);
}

/// The first step against its literal definition, with all that changes it.
#[test]
fn a_mixed_step_is_that_of_its_definition() {
    let made = tempfile::tempdir().unwrap();
    let data = images(made.path());
    let augmentation = Augmentation {
        flip_crop: true,
        erasing: 0.5,
        cutout: 6,
    };
    let options = ImageOptions {
        augmentation,
        mixup: 0.4,
        label_smoothing: 0.1,
        balance: Some(10),
        ..OPTIONS
    };
    let learnt = data.train.joined(&data.valid).unwrap();
    let task = learning(&learnt, &data, options);
    assert_eq!(task.steps(), 11);
    let mut losses = Vec::new();
    let mut note = |pass: Pass| {
        losses.push((pass.loss.double_value(&[]), pass.correct));
        Ok(())
    };
    task.epoch(3, &mut note).unwrap();

    let batch = learnt.epoch(20, 0, 3, augmentation).next().unwrap();
    let (x, y) = batch.tensors(Device::Cpu);
    let mut random = knas_stats::random::stream(0, "mixup", &[3.into(), 0.into()]);
    let share = random.beta(0.4);
    let order: Vec<i64> = random.choose(20, 20).iter().map(|&p| p as i64).collect();
    let order = Tensor::from_slice(&order);
    let mixed = &x * share + x.index_select(0, &order) * (1.0 - share);
    let logits = task.network.forward(&mixed, Norm::Train).unwrap();
    // −Σ_c w_c log p_c (0.9 [c = y] + 0.1 / 10), over the weights of the targets.
    let count = |class: i64| {
        learnt
            .labels()
            .iter()
            .filter(|&&l| i64::from(l) == class)
            .count()
    };
    let weights: Vec<f64> = (0..10).map(|class| 22.0 / count(class) as f64).collect();
    assert_eq!(learnt.len(), 220);
    let logs: Vec<Vec<f64>> = Vec::try_from(logits.log_softmax(-1, Kind::Double)).unwrap();
    let loss = |targets: &Tensor| {
        let targets: Vec<i64> = Vec::try_from(targets).unwrap();
        let of = |(logs, &target): (&Vec<f64>, &i64)| -> f64 {
            let part = |(class, log): (usize, &f64)| {
                let own = if class as i64 == target { 0.9 } else { 0.0 };
                -weights[class] * log * (own + 0.01)
            };
            logs.iter().enumerate().map(part).sum()
        };
        let all: f64 = targets.iter().map(|&target| weights[target as usize]).sum();
        logs.iter().zip(&targets).map(of).sum::<f64>() / all
    };
    let expected = share * loss(&y) + (1.0 - share) * loss(&y.index_select(0, &order));
    assert!(
        (losses[0].0 - expected).abs() < 1e-5,
        "{losses:?} {expected}"
    );
    let said = logits.argmax(-1, false);
    let right = |of: &Tensor| said.eq_tensor(of).sum(Kind::Int64).int64_value(&[]) as f64;
    let right = share * right(&y) + (1.0 - share) * right(&y.index_select(0, &order));
    assert!((losses[0].1 - right).abs() < 1e-9);
    assert_eq!(losses.len(), 11);
}
