//! Training against PyTorch's own.

use std::cell::{Cell as Slot, RefCell};

use knas_net::{Init, Initial, Network, Norm, Parameter, Source};
use knas_space::Extent;
use knas_space::nb201::network::lower;
use knas_space::nb201::{Cell, Skeleton};
use tch::{Device, Kind, Tensor};

use super::*;

mod averages;
mod checkpoints;

const ARCH: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";

fn arange(end: i64) -> Tensor {
    Tensor::arange(end, (Kind::Int64, Device::Cpu))
}

/// A small network whose weights and batches follow from formulas.
struct Formula {
    network: Network,
    losses: RefCell<Vec<f64>>,
    /// From this step on, losses are NaN.
    broken_from: u64,
    step: Slot<u64>,
}

impl Formula {
    fn new() -> Self {
        tch::set_num_threads(1); // tests run side by side
        let cell: Cell = ARCH.parse().unwrap();
        let skeleton = Skeleton::new(4, 1, 10, 8).unwrap();
        let initial = Initial {
            init: Init::Default,
            seed: 0,
        };
        let options = (Kind::Float, Device::Cpu);
        let graph = lower(&cell, &skeleton, Extent::Live).unwrap();
        let network = Network::new(graph, Source::Random(initial), options).unwrap();
        for parameter in network.parameters() {
            let _guard = tch::no_grad_guard();
            let place = parameter.name.chars().map(|c| c as i64).sum::<i64>();
            let mut tensor = parameter.tensor.shallow_clone();
            let values = (arange(tensor.numel() as i64) * 0.7 + place).sin() * 0.2;
            tensor.copy_(&values.reshape(tensor.size()));
            if parameter.role == knas_net::Role::NormWeight {
                tensor += 1;
            }
        }
        Self {
            network,
            losses: Vec::new().into(),
            broken_from: u64::MAX,
            step: Slot::new(0),
        }
    }

    fn value(&self, name: &str) -> Vec<f32> {
        let state = self.network.state();
        let (_, tensor) = state.into_iter().find(|(n, _)| n == name).unwrap();
        let flat = tensor.flatten(0, -1);
        Vec::try_from(flat.narrow(0, 0, flat.numel().min(5) as i64)).unwrap()
    }
}

impl Task for Formula {
    fn parameters(&self) -> &[Parameter] {
        self.network.parameters()
    }

    fn buffers(&self) -> Vec<(String, Tensor)> {
        let running = self.network.running().iter();
        running
            .flat_map(|r| {
                [
                    (format!("{}.running_mean", r.name), r.mean.shallow_clone()),
                    (
                        format!("{}.running_var", r.name),
                        r.variance.shallow_clone(),
                    ),
                ]
            })
            .collect()
    }

    fn state(&self, _: u64) -> Result<Vec<(String, Tensor)>, TrainError> {
        Ok(self.network.state())
    }

    fn steps(&self) -> u64 {
        5
    }

    fn epoch(
        &self,
        epoch: u64,
        step: &mut dyn FnMut(Pass) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        for number in epoch * 5..epoch * 5 + 5 {
            let number = number as i64;
            let x = (arange(16 * 3 * 8 * 8) * 0.3 + number).sin();
            let y = (arange(16) * 7 + number).remainder(10);
            let logits = self
                .network
                .forward(&x.reshape([16, 3, 8, 8]), Norm::Train)?;
            let mean = tch::Reduction::Mean;
            let mut loss = logits.cross_entropy_loss(&y, None::<Tensor>, mean, -100, 0.1);
            self.step.set(self.step.get() + 1);
            if self.step.get() > self.broken_from {
                loss *= f64::NAN;
            }
            self.losses.borrow_mut().push(loss.double_value(&[]));
            step(Pass {
                loss,
                correct: 0.0,
                examples: 16,
                step: 16,
                share: 1.0,
            })?;
        }
        Ok(())
    }

    fn validate(&self) -> Result<Judged, TrainError> {
        let _guard = tch::no_grad_guard();
        let x = (arange(16 * 3 * 8 * 8) * 0.3).cos().reshape([16, 3, 8, 8]);
        let logits = self.network.forward(&x, Norm::Eval)?;
        let loss = logits.cross_entropy_for_logits(&arange(16).remainder(10));
        // Epoch 2 is the best by this measure, so that best and last differ.
        let accuracy = if self.step.get() == 10 { 0.9 } else { 0.5 };
        let loss = loss.double_value(&[]);
        let metrics = Metrics {
            loss,
            accuracy,
            f1: None,
        };
        Ok(Judged {
            metrics,
            confusion: Confusion::default(),
        })
    }

    fn test(&self) -> Result<Option<Judged>, TrainError> {
        Ok(None)
    }
}

fn recipe(epochs: u64) -> Recipe {
    Recipe::new(epochs, 0.1, Schedule::Cosine)
}

fn trainer(task: &Formula, epochs: u64) -> Trainer<'_> {
    Trainer::new(task, Box::new(Sgd::new(0.9, 5e-4)), recipe(epochs)).unwrap()
}

// With TinyNetwork of scripts/bench/nb201.py:
//
// net = TinyNetwork(ARCH, channels=4, cells=1)
// with torch.no_grad():
//     for name, p in net.named_parameters():
//         place = sum(map(ord, name))
//         p.copy_((torch.arange(p.numel()) * 0.7 + place).sin().reshape(p.shape) * 0.2)
//         if name.endswith((".op.2.weight", "stem.1.weight", "lastact.0.weight")):
//             p += 1
// optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
// schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
// for step in range(10):
//     x = (torch.arange(16 * 3 * 8 * 8) * 0.3 + step).sin().reshape(16, 3, 8, 8)
//     y = (torch.arange(16) * 7 + step) % 10
//     loss = torch.nn.functional.cross_entropy(net(x), y, label_smoothing=0.1)
//     optimizer.zero_grad()
//     loss.backward()
//     optimizer.step()
//     schedule.step()
//     print(loss.item())
// for name in (…): print(name, net.state_dict()[name].flatten()[:5])
// print(sum(p.abs().sum().item() for p in net.parameters()))
#[test]
fn ten_steps_are_those_of_pytorch() {
    let task = Formula::new();
    let mut trainer = trainer(&task, 2);
    trainer.run_epoch(&mut || true).unwrap();
    trainer.run_epoch(&mut || true).unwrap();
    let losses = [
        2.3716385, 2.3030479, 2.3402956, 2.2932477, 2.2796619, 2.2785625, 2.2715962, 2.2489471,
        2.2456803, 2.2674730,
    ];
    for (found, expected) in task.losses.borrow().iter().zip(losses) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    assert_eq!(task.losses.borrow().len(), 10);
    let weights: [(&str, &[f32]); 6] = [
        (
            "stem.0.weight",
            &[-0.115928, -0.193566, -0.177074, -0.082946, 0.055593],
        ),
        (
            "cells.2.layers.4.op.1.weight",
            &[0.000063, -0.128563, -0.196497, -0.171359, -0.065614],
        ),
        (
            "lastact.0.bias",
            &[0.131845, 0.004088, -0.125222, -0.197476, -0.171593],
        ),
        (
            "classifier.bias",
            &[0.163422, 0.158345, 0.062194, -0.074988, -0.165379],
        ),
        (
            "stem.1.running_mean",
            &[0.002436, 0.002361, 0.002286, 0.002276],
        ),
        (
            "lastact.0.running_var",
            &[1.383675, 1.251377, 2.322388, 1.833541, 1.382666],
        ),
    ];
    for (name, expected) in weights {
        let found = task.value(name);
        let near = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near && found.len() == expected.len(), "{name}: {found:?}");
    }
    let sizes = task
        .parameters()
        .iter()
        .map(|p| p.tensor.abs().sum(Kind::Double));
    let sum: f64 = sizes.map(|size| size.double_value(&[])).sum();
    assert!((sum - 1660.36951).abs() < 1e-2, "{sum}");
}

#[test]
fn parameters_without_a_gradient_stay_as_they_are() {
    let task = Formula::new();
    let before = task.value("stem.0.weight");
    let mut sgd = Sgd::new(0.9, 0.1);
    let undefined = || task.parameters().iter().map(|_| Tensor::new()).collect();
    sgd.step(task.parameters(), undefined(), 0.1).unwrap();
    assert_eq!(task.value("stem.0.weight"), before);
    assert!(sgd.state(task.parameters()).is_empty());
}

#[test]
fn a_loss_that_is_not_finite_ends_training() {
    let task = Formula {
        broken_from: 7,
        ..Formula::new()
    };
    let mut trainer = trainer(&task, 4);
    trainer.run_epoch(&mut || true).unwrap();
    let error = trainer.run_epoch(&mut || true).unwrap_err();
    assert_eq!(error.kind(), "diverged");
    let text = error.to_string();
    assert!(text.contains("NaN in epoch 2, step 3 of 5"), "{text}");
    let error = trainer.run_epoch(&mut || false).unwrap_err();
    assert_eq!(error.kind(), "interrupted");
}
