//! The network against a literal transcription of the official one, which
//! evaluates all six edges of the notation and knows nothing of forms.

use std::collections::HashMap;

use knas_space::Extent;
use knas_space::nb201::network::{lower, lower_thin};
use knas_space::nb201::{Cell, Form, Op, Skeleton};
use tch::{Device, Kind, Tensor};

use crate::init::{Init, Initial};
use crate::layers::{Norm, cross_entropy};
use crate::network::{Network, Source, unused};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn small() -> Skeleton {
    Skeleton::new(4, 1, 10, 8).unwrap()
}

fn initial(seed: u64) -> Initial {
    Initial {
        init: Init::Default,
        seed,
    }
}

fn network(cell: &Cell, skeleton: Skeleton) -> Network {
    let graph = lower(cell, &skeleton, Extent::Live).unwrap();
    Network::new(graph, Source::Random(initial(7)), OPTIONS).unwrap()
}

/// What the official network holds on edges that reach nothing.
fn dead(network: &Network, cell: &Cell, skeleton: &Skeleton) -> Vec<(String, Tensor)> {
    let whole = lower(cell, skeleton, Extent::Whole).unwrap();
    unused(&whole, network.graph(), initial(7)).unwrap()
}

fn images(count: i64, side: i64) -> Tensor {
    (Tensor::arange(count * 3 * side * side, OPTIONS) * 0.7)
        .sin()
        .reshape([count, 3, side, side])
}

/// The official network's forward pass, written out by its names.
struct Official {
    state: HashMap<String, Tensor>,
    cell: Cell,
    cells: u64,
}

impl Official {
    fn new(network: &Network, cell: Cell, skeleton: &Skeleton) -> Self {
        let dead = dead(network, &cell, skeleton);
        let state = network.state().into_iter().chain(dead).collect();
        Self {
            state,
            cell,
            cells: skeleton.cells(),
        }
    }

    /// Batch norm of every sample by itself: mean and variance over positions.
    fn norm(&self, x: &Tensor, name: &str) -> Tensor {
        let mean = x.mean_dim([2, 3].as_slice(), true, Kind::Float);
        let centred = x - mean;
        let variance = centred
            .square()
            .mean_dim([2, 3].as_slice(), true, Kind::Float);
        let vector = |part: &str| self.state[&format!("{name}.{part}")].reshape([1, -1, 1, 1]);
        centred / (variance + 1e-5).sqrt() * vector("weight") + vector("bias")
    }

    fn conv(&self, x: &Tensor, name: &str, stride: i64, padding: i64) -> Tensor {
        let weight = &self.state[&format!("{name}.weight")];
        x.conv2d(weight, None::<Tensor>, [stride; 2], [padding; 2], [1, 1], 1)
    }

    fn relu_conv_bn(&self, x: &Tensor, name: &str, kernel: i64, stride: i64) -> Tensor {
        let y = self.conv(&x.relu(), &format!("{name}.op.1"), stride, kernel / 2);
        self.norm(&y, &format!("{name}.op.2"))
    }

    fn infer_cell(&self, x: &Tensor, name: &str) -> Tensor {
        let mut nodes = vec![x.shallow_clone()];
        for target in 1..4 {
            let mut sum = x.zeros_like();
            for (edge, source, op) in self.cell.into_node(target) {
                let input = &nodes[source];
                sum += match op {
                    Op::None => input.zeros_like(),
                    Op::Skip => input.shallow_clone(),
                    Op::AvgPool3x3 => input.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None),
                    _ => {
                        let kernel = op.kernel().unwrap() as i64;
                        self.relu_conv_bn(input, &format!("{name}.layers.{edge}"), kernel, 1)
                    }
                };
            }
            nodes.push(sum);
        }
        nodes.pop().unwrap()
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = self.norm(&self.conv(x, "stem.0", 1, 1), "stem.1");
        for block in 0..3 * self.cells + 2 {
            let name = format!("cells.{block}");
            if block % (self.cells + 1) < self.cells {
                x = self.infer_cell(&x, &name);
                continue;
            }
            let path = self.relu_conv_bn(&x, &format!("{name}.conv_a"), 3, 2);
            let path = self.relu_conv_bn(&path, &format!("{name}.conv_b"), 3, 1);
            let pooled = x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
            x = self.conv(&pooled, &format!("{name}.downsample.1"), 1, 0) + path;
        }
        let features =
            self.norm(&x, "lastact.0")
                .relu()
                .mean_dim([2, 3].as_slice(), false, Kind::Float);
        features.linear(
            &self.state["classifier.weight"],
            Some(&self.state["classifier.bias"]),
        )
    }
}

#[test]
fn logits_are_those_of_the_official_network() {
    let x = images(3, 8);
    for index in (0..15_625).step_by(401).chain([0, 1, 15_624]) {
        let cell = Cell::from_index(index).unwrap();
        let network = network(&cell, small());
        let expected = Official::new(&network, cell, &small()).forward(&x);
        let logits = network.forward(&x, Norm::Sample).unwrap();
        assert!(
            logits.allclose(&expected, 1e-4, 1e-5, false),
            "{cell}: {logits} {expected}"
        );
    }
}

#[test]
fn parameters_are_as_many_as_the_space_counts() {
    for index in (0..15_625).step_by(997) {
        let cell = Cell::from_index(index).unwrap();
        let skeleton = Skeleton::default();
        let network = network(&cell, skeleton);
        let live: usize = network.parameters().iter().map(|p| p.tensor.numel()).sum();
        let trained = |name: &str| name.ends_with(".weight") || name.ends_with(".bias");
        let dead = dead(&network, &cell, &skeleton);
        let dead: usize = dead
            .iter()
            .filter(|(n, _)| trained(n))
            .map(|(_, t)| t.numel())
            .sum();
        assert_eq!(
            (live + dead) as u64,
            skeleton.cost(&cell).unwrap().params,
            "{cell}"
        );
    }
}

#[test]
fn convolutions_multiply_as_often_as_the_space_counts() {
    let cell = Cell::new([
        Op::Conv3x3,
        Op::Conv1x1,
        Op::AvgPool3x3,
        Op::Conv3x3,
        Op::Skip,
        Op::Conv1x1,
    ]);
    let network = network(&cell, Skeleton::default());
    let mut macs = 0;
    let mut count = |event: crate::Event<'_>| match event {
        crate::Event::Convolution { layer, output, .. } => {
            let positions = output.size()[2] * output.size()[3];
            macs += network.parameters()[layer.weight].tensor.numel() as i64 * positions;
        }
        crate::Event::Linear { weight, .. } => {
            macs += network.parameters()[weight].tensor.numel() as i64;
        }
        _ => {}
    };
    let _ = network
        .forward_observed(&images(1, 32), Norm::Sample, &mut count)
        .unwrap();
    assert_eq!(macs as u64, Skeleton::default().cost(&cell).unwrap().macs);
}

/// Two notations of one network give the same bits, and what reaches nothing
/// is not there at all.
#[test]
fn notations_of_one_network_give_the_same_bits() {
    use Op::{AvgPool3x3 as P, Conv1x1 as A, Conv3x3 as B, None as Z, Skip as S};
    let pairs = [
        // The same sum along other nodes.
        ([A, Z, Z, Z, S, Z], [Z, A, Z, Z, Z, S]),
        // Dead edges: node 2 reaches nothing.
        ([B, B, A, P, S, Z], [B, Z, P, P, S, Z]),
        // Two convolutions of the input and one of both.
        ([A, B, S, Z, Z, A], [B, A, S, Z, Z, A]),
    ];
    let (x, targets) = (images(4, 8), Tensor::from_slice(&[1i64, 5, 0, 9]));
    for (left, right) in pairs {
        let (left, right) = (Cell::new(left), Cell::new(right));
        assert_eq!(Form::of(&left), Form::of(&right), "{left} {right}");
        let gradients = [left, right].map(|cell| {
            let network = network(&cell, small());
            let loss =
                cross_entropy(&network.forward(&x, Norm::Sample).unwrap(), &targets).unwrap();
            let tensors: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
            Tensor::run_backward(&[loss], &tensors, false, false)
        });
        assert_eq!(gradients[0].len(), gradients[1].len());
        assert!(
            gradients[0].iter().zip(&gradients[1]).all(|(a, b)| a == b),
            "{left} {right}"
        );
    }
}

#[test]
fn one_convolution_reached_twice_is_not_two_convolutions() {
    use Op::{Conv3x3 as B, None as Z, Skip as S};
    // 2·f(x) along nodes 1 and 2, and f(x) + g(x): one expression, two networks.
    let twice = Cell::new([B, Z, S, Z, S, S]);
    let two = Cell::new([B, B, Z, Z, S, S]);
    assert_eq!(
        network(&twice, small()).parameters().len() + 9,
        network(&two, small()).parameters().len()
    );
}

#[test]
fn a_cell_that_is_cut_off_gives_the_classifiers_bias() {
    let cell = Cell::new([Op::None; 6]);
    let network = network(&cell, small());
    let logits = network.forward(&images(2, 8), Norm::Sample).unwrap();
    let bias = &network.parameters().last().unwrap().tensor;
    assert!(logits.allclose(&bias.expand([2, 10], false), 1e-6, 1e-6, false));
}

#[test]
fn weights_come_back_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let cell = Cell::from_index(6111).unwrap();
    let drawn = network(&cell, small());
    crate::weights::write(&path, &drawn.state()).unwrap();
    let file = crate::weights::WeightFile::read(&path).unwrap();
    let read = |skeleton| {
        let graph = lower(&cell, &skeleton, Extent::Live).unwrap();
        Network::new(graph, Source::File(&file), OPTIONS)
    };
    let whole = read(small()).unwrap();
    for (a, b) in drawn.parameters().iter().zip(whole.parameters()) {
        assert_eq!((&a.name, &a.tensor), (&b.name, &b.tensor));
    }
    let larger = Skeleton::new(8, 1, 10, 8).unwrap();
    let error = read(larger).unwrap_err().to_string();
    assert!(
        error.contains("\"stem.0.weight\" is [4, 3, 3, 3], not [8, 3, 3, 3]"),
        "{error}"
    );
}

/// The thin network is the cell of the official one, at one channel, and then
/// the last norm: its ReLUs see what theirs see.
#[test]
fn a_thin_network_is_one_cell() {
    let cell = Cell::from_index(6111).unwrap();
    let graph = lower_thin(&cell, 3).unwrap();
    let thin = Network::new(graph, Source::Random(initial(7)), OPTIONS).unwrap();
    let state = thin.parameters().iter();
    let state: HashMap<String, Tensor> =
        state.map(|p| (p.name.clone(), p.tensor.detach())).collect();
    let official = Official {
        state,
        cell,
        cells: 0,
    };
    let x = images(4, 3).narrow(1, 0, 1);
    let mut seen = Vec::new();
    let mut observe = |event: crate::Event<'_>| {
        if let crate::Event::Relu { output, .. } = event {
            seen.push(output.shallow_clone());
        }
    };
    let given = thin
        .forward_observed(&x, Norm::Sample, &mut observe)
        .unwrap();
    assert_eq!(seen.last(), Some(&given));
    let expected = official.norm(&official.infer_cell(&x, "thin"), "lastact.0");
    let last = seen.last().unwrap();
    assert!(last.allclose(&expected.relu(), 1e-4, 1e-5, false));
    let convolutions = cell.ops().iter().filter(|op| op.kernel().is_some());
    assert_eq!(seen.len(), convolutions.count() + 1);
}
