//! The network of all cells against the networks of single ones.

use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Mix};
use knas_space::nb201::{Cell, Nb201, Op, Skeleton};
use knas_space::{Architecture as _, Extent, SearchSpace as _};

use super::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn skeleton() -> Skeleton {
    Skeleton::new(4, 1, 10, 8).unwrap()
}

fn supernet() -> Supernet {
    Nb201.supernet(&skeleton().setting()).unwrap().unwrap()
}

fn network(supernet: &Supernet, options: (Kind, Device)) -> Network {
    tch::set_num_threads(1); // tests run side by side
    let initial = Initial {
        init: Init::Default,
        seed: 7,
    };
    Network::new(supernet.graph.clone(), Source::Random(initial), options).unwrap()
}

fn images(count: i64, options: (Kind, Device)) -> Tensor {
    let shape = [count, 3, 8, 8];
    let numbers = Tensor::arange(shape.iter().product::<i64>(), options) * 0.7;
    numbers.sin().reshape(shape)
}

fn path(cell: &Cell) -> Vec<usize> {
    cell.decisions()
        .iter()
        .map(|decision| decision.choice)
        .collect()
}

fn child_of(supernet: &Supernet, network: &Network, cell: &Cell, extent: Extent) -> Network {
    let tensor = |place: usize| Ok(network.parameters()[place].tensor.detach());
    let graph = cell.lower(&skeleton().setting(), extent).unwrap();
    child(supernet, &tensor, &path(cell), graph, network.options()).unwrap()
}

/// One option of each choice as weights that gradients flow through.
fn one_hot(path: &[usize], options: (Kind, Device)) -> Tensor {
    let mut weights = vec![0.0; path.len() * 5];
    path.iter()
        .enumerate()
        .for_each(|(choice, option)| weights[choice * 5 + option] = 1.0);
    let weights = Tensor::from_slice(&weights)
        .to_kind(options.0)
        .reshape([-1, 5]);
    weights.set_requires_grad(true)
}

#[test]
fn one_option_of_each_choice_is_the_architecture_to_the_bit() {
    let supernet = supernet();
    let network = network(&supernet, FLOAT);
    let x = images(3, FLOAT);
    for index in (0..15_625).step_by(173).chain([15_624]) {
        let cell = Cell::from_index(index).unwrap();
        let whole = child_of(&supernet, &network, &cell, Extent::Whole);
        let live = child_of(&supernet, &network, &cell, Extent::Live);
        let path = path(&cell);
        for norm in [Norm::Sample, Norm::Batch] {
            let alone = whole.forward(&x, norm).unwrap();
            let weights = one_hot(&path, FLOAT);
            for mix in [Mix::Path(&path), Mix::Weights(&weights)] {
                let mixed = network.forward_mixed(&x, norm, mix).unwrap();
                assert_eq!(mixed, alone, "{cell} {norm:?} {mix:?}");
            }
            // Which adds in another order, and leaves out what reaches nothing.
            let evaluated = live.forward(&x, norm).unwrap();
            assert!(
                evaluated.allclose(&alone, 1e-4, 1e-5, false),
                "{cell} {norm:?}"
            );
        }
    }
}

#[test]
fn options_that_weigh_nothing_are_not_computed() {
    let supernet = supernet();
    let network = network(&supernet, FLOAT);
    let x = images(3, FLOAT);
    let cell = Cell::new([
        Op::Conv3x3,
        Op::Skip,
        Op::AvgPool3x3,
        Op::None,
        Op::Skip,
        Op::Skip,
    ]);
    let path = path(&cell);
    let _guard = tch::no_grad_guard();
    let before = network
        .forward_mixed(&x, Norm::Batch, Mix::Path(&path))
        .unwrap();
    let inherited = supernet.inherited(&path);
    for (place, parameter) in network.parameters().iter().enumerate() {
        if !inherited.values().any(|&kept| kept == place) {
            let mut tensor = parameter.tensor.shallow_clone();
            let _ = tensor.fill_(f64::NAN);
        }
    }
    let after = network
        .forward_mixed(&x, Norm::Batch, Mix::Path(&path))
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn slopes_of_weights_are_differences() {
    let supernet = supernet();
    let network = network(&supernet, DOUBLE);
    let (x, targets) = (images(3, DOUBLE), Tensor::from_slice(&[1i64, 5, 0]));
    let numbers = (Tensor::arange(30, DOUBLE) * 1.3).cos().reshape([6, 5]);
    let weights = (numbers.softmax(-1, Kind::Double)).set_requires_grad(true);
    for norm in [Norm::Sample, Norm::Batch] {
        let loss = |weights: &Tensor| {
            let logits = network
                .forward_mixed(&x, norm, Mix::Weights(weights))
                .unwrap();
            cross_entropy(&logits, &targets).unwrap()
        };
        let slopes = Tensor::run_backward(&[loss(&weights)], &[&weights], false, false);
        for choice in 0..6 {
            for option in 0..5 {
                let at = |step: f64| {
                    let moved = weights.detach().copy();
                    let _ = moved.get(choice).get(option).g_add_scalar_(step);
                    loss(&moved).double_value(&[])
                };
                let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
                let found = slopes[0].double_value(&[choice, option]);
                assert!(
                    (found - expected).abs() < 1e-7,
                    "{choice} {option}: {found} {expected}"
                );
            }
        }
    }
}

// 3/5 and 2/5 of one function are that function.
#[test]
fn equal_options_mixed_are_that_option() {
    let supernet = supernet();
    let network = network(&supernet, DOUBLE);
    let x = images(3, DOUBLE);
    // The centres of all 3x3 windows are the 1x1 windows, and the rest is 0.
    let _guard = tch::no_grad_guard();
    for parameter in network.parameters() {
        let Some((layer, _)) = parameter.name.split_once("@nor_conv_3x3") else {
            continue;
        };
        let name = format!("{layer}@nor_conv_1x1.op.1.weight");
        let small = network
            .parameters()
            .iter()
            .find(|p| p.name == name)
            .unwrap();
        let mut large = parameter.tensor.shallow_clone();
        let _ = large.zero_();
        large.narrow(2, 1, 1).narrow(3, 1, 1).copy_(&small.tensor);
    }
    let alone = network
        .forward_mixed(&x, Norm::Batch, Mix::Path(&[2; 6]))
        .unwrap();
    let row = Tensor::from_slice(&[0.0, 0.0, 0.6, 0.4, 0.0]).expand([6, 5], false);
    let mixed = network
        .forward_mixed(&x, Norm::Batch, Mix::Weights(&row))
        .unwrap();
    assert!(mixed.allclose(&alone, 1e-10, 1e-12, false));
}

#[test]
fn a_network_with_gates_is_told_what_they_weigh() {
    let supernet = supernet();
    let network = network(&supernet, FLOAT);
    let x = images(2, FLOAT);
    let said = |mix: Option<Mix<'_>>| match mix {
        Some(mix) => network.forward_mixed(&x, Norm::Batch, mix),
        None => network.forward(&x, Norm::Batch),
    };
    for mix in [
        None,
        Some(Mix::Path(&[1; 5])),
        Some(Mix::Weights(&Tensor::ones([6, 4], FLOAT))),
    ] {
        let error = said(mix).unwrap_err();
        assert!(error.to_string().contains("not told"), "{error}");
    }
}

// PyTorch's momentum=None: the mean of what each batch says.
#[test]
fn statistics_are_gathered_as_means_over_batches() {
    let supernet = supernet();
    let network = network(&supernet, FLOAT);
    let cell = Cell::new([Op::Conv3x3; 6]);
    let child = child_of(&supernet, &network, &cell, Extent::Live);
    let (one, two) = (images(4, FLOAT), images(4, FLOAT) * 0.5 + 0.3);
    gather(&child, [one.shallow_clone(), two.shallow_clone()]).unwrap();
    let stem = |x: &Tensor| {
        let weight = &child.parameters()[0].tensor;
        x.conv2d(weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1)
    };
    let moments = |x: &Tensor| x.var_mean_dim([0, 2, 3].as_slice(), true, false);
    let [(var_one, mean_one), (var_two, mean_two)] = [moments(&stem(&one)), moments(&stem(&two))];
    let running = &child.running()[0];
    assert!(
        running
            .mean
            .allclose(&((mean_one + mean_two) / 2.0), 1e-5, 1e-6, false)
    );
    assert!(
        running
            .variance
            .allclose(&((var_one + var_two) / 2.0), 1e-5, 1e-6, false)
    );
    // Over the same batch again, they are its own.
    gather(&child, [one.shallow_clone()]).unwrap();
    let same = child.forward(&one, Norm::Eval).unwrap();
    let batch = child.forward(&one, Norm::Batch).unwrap();
    assert!(same.allclose(&batch, 0.2, 0.05, false), "{same} {batch}");
}
