//! The identity behind `mgm`, on images: one pass over the batch against the
//! Gram matrix of n passes over single images.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::Path;

use knas_data::{DataSpec, ImageSource};
use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Network, Norm, Source};
use knas_proxy::{Evaluation, Overrides, Samples, Subject, by_name, score};
use knas_space::Extent;
use knas_space::nb201::network::lower;
use knas_space::nb201::{Cell, Op, Skeleton};
use tch::{Device, Kind, Tensor};

const IMAGES: usize = 6;
const SEED: u64 = 11;

/// The sets that are here: noise always, real images where they were fetched.
fn sources() -> Vec<ImageSource> {
    let mut specs = vec![DataSpec::Noise];
    specs.extend(knas_tests::cifar10().map(|folder| DataSpec::Cifar10(Some(folder))));
    let cifar100 = knas_tests::shared("cifar100-sample");
    specs.extend(cifar100.map(|folder| DataSpec::Cifar100(Some(folder))));
    specs
        .iter()
        .map(|spec| ImageSource::open(spec, Path::new("")).unwrap())
        .collect()
}

/// Ten cells with all operations among them.
fn cells() -> Vec<Cell> {
    let cells: Vec<Cell> = (0..10)
        .map(|i| Cell::from_index(i * 1499 + 6).unwrap())
        .collect();
    for op in Op::ALL {
        assert!(cells.iter().any(|cell| cell.ops().contains(&op)), "{op}");
    }
    cells
}

/// Gradients of single images, batch norm in train mode, one row each.
fn rows(network: &Network, samples: &Samples) -> Tensor {
    let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
    let row = |i| {
        let logits = network
            .forward(&samples.inputs.narrow(0, i, 1), Norm::Batch)
            .unwrap();
        let loss = cross_entropy(&logits, &samples.targets.narrow(0, i, 1)).unwrap();
        let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
        let flat = |(g, p): (&Tensor, &&Tensor)| match g.defined() {
            true => g.to_kind(Kind::Double).flatten(0, -1),
            false => p.zeros_like().to_kind(Kind::Double).flatten(0, -1),
        };
        Tensor::cat(
            &gradients
                .iter()
                .zip(&parameters)
                .map(flat)
                .collect::<Vec<_>>(),
            0,
        )
    };
    Tensor::stack(&(0..IMAGES as i64).map(row).collect::<Vec<_>>(), 0)
}

#[test]
fn one_pass_gives_the_mean_of_the_gram_matrix_of_single_images() {
    tch::set_num_threads(1); // small tensors are not worth sharing out
    for source in sources() {
        let sample = source.sample(IMAGES, SEED, true).unwrap();
        let (inputs, targets) = sample.batch.tensors(Device::Cpu);
        let samples = Samples { inputs, targets };
        let skeleton = Skeleton::new(8, 1, source.classes() as u64, 32).unwrap();
        for cell in cells() {
            let initial = Initial {
                init: Init::Default,
                seed: SEED,
            };
            let options = (Kind::Float, Device::Cpu);
            let graph = lower(&cell, &skeleton, Extent::Live).unwrap();
            let network = Network::new(graph, Source::Random(initial), options).unwrap();
            let rows = rows(&network, &samples);
            let gram = rows.matmul(&rows.transpose(0, 1));
            let (sum, trace) = (gram.sum(Kind::Double), gram.trace());
            let (sum, trace) = (sum.double_value(&[]), trace.double_value(&[]));

            let device = Device::Cpu;
            let subject = Subject {
                architecture: &cell,
                setting: skeleton.setting(),
                weights: None,
                new_head: false,
                seed: SEED,
                device,
            };
            let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
            let mut value = |name| score(by_name(name).unwrap(), &mut evaluation).unwrap();
            let n = IMAGES as f64;
            let (mgm, expected) = (value("mgm"), sum / (n * n));
            let set = source.name();
            assert!(
                (mgm - expected).abs() <= 1e-4 * expected,
                "{set} {cell}: {mgm} {expected}"
            );
            // A difference of two sums: its tolerance is theirs.
            let (offdiag, expected) = (value("mgm-offdiag"), (sum - trace) / (n * (n - 1.0)));
            let tolerance = 1e-4 * (sum.abs() + trace) / (n * (n - 1.0));
            assert!(
                (offdiag - expected).abs() <= tolerance,
                "{set} {cell}: {offdiag} {expected}"
            );
        }
    }
}
