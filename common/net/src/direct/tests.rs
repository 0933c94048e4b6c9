//! Whole networks against libtorch in double precision.

use knas_space::nb201::network::{lower, lower_thin};
use knas_space::nb201::{Cell as Arch, Skeleton};
use knas_space::roberta_skip::{self, Layout, Settings, Task};
use knas_space::{Extent, nats_sss};
use tch::{Device, Kind, Tensor};

use crate::direct::Plan;
use crate::init::{Init, Initial};
use crate::layers::{Norm, cross_entropy};
use crate::network::{Network, Source};

/// A gradient through `forward` and autograd.
fn through_libtorch(
    network: &Network,
    inputs: &Tensor,
    targets: &Tensor,
    norm: Norm,
) -> Vec<Tensor> {
    let logits = network.forward(inputs, norm).unwrap();
    let loss = cross_entropy(&logits, targets).unwrap();
    let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
    let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
    let gradient = |(g, p): (&Tensor, &Tensor)| match g.defined() {
        true => g.to_kind(Kind::Double),
        false => p.zeros_like().to_kind(Kind::Double).detach(),
    };
    gradients.iter().zip(parameters).map(gradient).collect()
}

/// The distance from `expected`, as a share of the length of all of it.
fn error(gradients: &[Tensor], expected: &[Tensor]) -> f64 {
    let length = |t: &Tensor| t.square().sum(Kind::Double).double_value(&[]);
    let pairs = gradients.iter().zip(expected);
    let difference: f64 = pairs
        .map(|(a, b)| length(&(a.to_kind(Kind::Double) - b)))
        .sum();
    (difference / expected.iter().map(length).sum::<f64>()).sqrt()
}

#[test]
fn gradients_are_those_of_libtorch() {
    let drawn = [
        (6111, [16, 1, 32]),
        (0, [16, 2, 16]),
        (777, [32, 1, 16]),
        (15_624, [16, 2, 16]),
        (3, [16, 1, 16]),
        (1234, [16, 1, 16]),
        (9999, [16, 1, 16]),
        (14_000, [16, 2, 16]),
    ];
    let drawn = drawn.map(|(index, size)| (Arch::from_index(index).unwrap(), size));
    // Cut off; only passed on, or pooled; one convolution that counts twice.
    let odd = [
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|none~2|",
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|",
    ];
    let odd = odd.map(|text| (text.parse::<Arch>().unwrap(), [16, 1, 16]));
    let cells = drawn.into_iter().chain(odd);
    let cells = cells.map(|(arch, [channels, cells, side])| {
        let skeleton = Skeleton::new(channels, cells, 10, side).unwrap();
        let graph = lower(&arch, &skeleton, Extent::Live).unwrap();
        (arch.to_string(), graph, side as usize)
    });
    // The one of another space that it serves.
    let widths = "16:32:32:64:64".parse().unwrap();
    let other = nats_sss::lower(&widths, 16, 10).unwrap();
    for (arch, graph, side) in cells.chain([(widths.to_string(), other, 16)]) {
        let initial = Initial {
            init: Init::Default,
            seed: 3,
        };
        let network = |kind| {
            let source = Source::Random(initial);
            Network::new(graph.clone(), source, (kind, Device::Cpu)).unwrap()
        };
        // More than one group.
        let images = super::GROUP as i64 + 2;
        let shape = [images, 3, side as i64, side as i64];
        let count: i64 = shape.iter().product();
        let mut values = vec![0f32; count as usize];
        knas_stats::random::stream(5, "images", &[]).fill_normal(&mut values);
        let inputs = Tensor::from_slice(&values).reshape(shape);
        let targets = (Tensor::arange(images, (Kind::Int64, Device::Cpu)) * 7 + 4).remainder(10);
        let single = network(Kind::Float);
        let mut stem = None;
        for norm in [Norm::Sample, Norm::Batch] {
            let direct = single.direct_gradients(&inputs, &targets, norm);
            let wide = inputs.to_kind(Kind::Double);
            let exact = through_libtorch(&network(Kind::Double), &wide, &targets, norm);
            let torch = through_libtorch(&single, &inputs, &targets, norm);
            // Both are in single precision, and about equally far from the exact values:
            // roundings of the one and of the other are drawn anew on every processor.
            let ours = error(&direct.unwrap().unwrap(), &exact);
            let theirs = error(&torch, &exact);
            assert!(
                ours <= 8.0 * theirs + 1e-6,
                "{arch} {norm:?}: {ours} {theirs}"
            );
            stem = exact.into_iter().next();
        }

        // To the bit those of batches of one.
        let one = |i| {
            let (inputs, targets) = (inputs.narrow(0, i, 1), targets.narrow(0, i, 1));
            single
                .direct_gradients(&inputs, &targets, Norm::Sample)
                .unwrap()
        };
        let ones: Vec<_> = (0..images).flat_map(one).collect();
        let mut shown = Vec::new();
        let mut take = |place, rows: Tensor| {
            let rows_of_one: Vec<&Tensor> = ones.iter().map(|one| &one[place]).collect();
            assert_eq!(rows, Tensor::stack(&rows_of_one, 0), "{arch} {place}");
            shown.push(place);
            Ok(())
        };
        let whole = single.each_sample_norm_gradient(&inputs, &targets, &mut take);
        // All of them, but where the cell cuts the stem off from the loss.
        let reaches = stem.unwrap().count_nonzero(None::<i64>).int64_value(&[]) > 0;
        assert_eq!(whole.unwrap(), reaches, "{arch}");
        let places = if reaches {
            0..single.parameters().len()
        } else {
            0..0
        };
        assert_eq!(shown, places.collect::<Vec<_>>(), "{arch}");
    }
}

#[test]
fn every_cell_has_a_plan() {
    let skeleton = Skeleton::new(16, 1, 10, 16).unwrap();
    for cell in Arch::all() {
        let graph = lower(&cell, &skeleton, Extent::Live).unwrap();
        assert!(Plan::of(&graph).is_some(), "{cell}");
    }
}

#[test]
fn other_networks_have_none() {
    let thin = lower_thin(&Arch::from_index(6111).unwrap(), 16).unwrap();
    // Zeros that are added to something.
    let zeros = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|skip_connect~2|";
    let skeleton = Skeleton::new(16, 1, 10, 16).unwrap();
    let zeros = lower(&zeros.parse().unwrap(), &skeleton, Extent::Whole).unwrap();
    let layout: Layout = "bert-l1-d8-h2-i16-v60-p20-t2:1|head".parse().unwrap();
    let settings = Settings::of(layout.backbone().kind);
    let encoder = roberta_skip::network::lower(&layout, &settings, Task::usual(&layout));
    let widths = nats_sss::lower(&"16:32:32:64:56".parse().unwrap(), 16, 10).unwrap();
    for graph in [thin, zeros, widths, encoder.unwrap()] {
        assert!(Plan::of(&graph).is_none(), "{graph}");
    }
}
