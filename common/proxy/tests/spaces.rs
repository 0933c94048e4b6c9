//! Gradients of networks of every space for images.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use knas_graph::Op;
use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Network, Norm, Source};
use knas_proxy::{Evaluation, Overrides, Samples, ScoreError, Subject, by_name, score};
use knas_space::{Architecture, Extent, Graph, Input, SearchSpace, Setting, Sizes, spaces};
use tch::{Device, Kind, Tensor};

const IMAGES: i64 = 3;
const SEED: u64 = 5;
/// Multiply-accumulates of a pass over one image.
const MOST: u64 = 4_000_000_000;

/// As small as the space has them, and larger images than a network halves.
fn small(space: &dyn SearchSpace, side: usize) -> Setting {
    let least = space.sizes().iter().map(|size| (size.name, size.range.0));
    Setting {
        input: Input::Images { side },
        classes: 4,
        sizes: Sizes::of(space, least).unwrap(),
    }
}

fn samples(side: usize) -> Samples {
    let shape = [IMAGES, 3, side as i64, side as i64];
    let numbers = Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu));
    let waves = (&numbers * 0.37).sin() + (&numbers * 0.0023).cos();
    Samples {
        inputs: waves.reshape(shape),
        targets: Tensor::from_slice(&[0i64, 3, 1]),
    }
}

fn evaluation<'a>(
    architecture: &'a dyn Architecture,
    setting: &Setting,
    samples: &'a Samples,
) -> Evaluation<'a> {
    let subject = Subject {
        architecture,
        setting: setting.clone(),
        weights: None,
        seed: SEED,
        device: Device::Cpu,
    };
    Evaluation::new(subject, samples, Overrides::default())
}

/// Inner products of the gradients of passes over one image each, in this precision.
fn gram(graph: &Graph, samples: &Samples, kind: Kind) -> Tensor {
    let initial = Initial {
        init: Init::Default,
        seed: SEED,
    };
    let options = (kind, Device::Cpu);
    let network = Network::new(graph.clone(), Source::Random(initial), options).unwrap();
    let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
    let row = |image| {
        let input = samples.inputs.narrow(0, image, 1).to_kind(kind);
        let logits = network.forward(&input, Norm::Batch);
        let loss = cross_entropy(&logits.unwrap(), &samples.targets.narrow(0, image, 1));
        let gradients = Tensor::run_backward(&[loss.unwrap()], &parameters, false, false);
        let flat = |(gradient, parameter): (&Tensor, &&Tensor)| match gradient.defined() {
            true => gradient.to_kind(Kind::Double).flatten(0, -1),
            false => parameter.zeros_like().to_kind(Kind::Double).flatten(0, -1),
        };
        let parts: Vec<Tensor> = gradients.iter().zip(&parameters).map(flat).collect();
        Tensor::cat(&parts, 0)
    };
    let rows = Tensor::stack(&(0..IMAGES).map(row).collect::<Vec<_>>(), 0);
    rows.matmul(&rows.transpose(0, 1))
}

/// Mean and diagonal.
fn parts(gram: &Tensor) -> Vec<f64> {
    let mut parts = vec![gram.mean(Kind::Double).double_value(&[])];
    parts.extend(Vec::<f64>::try_from(gram.diag(0)).unwrap());
    parts
}

#[test]
fn gradients_of_single_images_are_those_of_passes_over_them() {
    for space in spaces().iter().filter(|space| !space.reads_texts()) {
        let (side, mut drawn) = (128, space.sample(2));
        let (setting, samples) = (small(*space, side), samples(side));
        let lowered = |one: &dyn Architecture| one.lower(&setting, Extent::Live).unwrap();
        // Cells without a way through see nothing, and large networks take long.
        let sees = |graph: &Graph| graph.nodes().iter().all(|node| node.op != Op::Zeros);
        let quick = |graph: &Graph| sees(graph) && graph.cost().macs < MOST;
        let architecture = drawn.find(|one| quick(&lowered(&**one))).unwrap();
        let (architecture, graph) = (&*architecture, lowered(&*architecture));
        let exact = parts(&gram(&graph, &samples, Kind::Double));
        let plain = parts(&gram(&graph, &samples, Kind::Float));
        let mut evaluation = evaluation(architecture, &setting, &samples);
        let info = by_name("gradsign").unwrap().info();
        let norms = evaluation
            .sample_gradients(info)
            .unwrap()
            .squared_norms
            .clone();
        let mean = score(by_name("mgm").unwrap(), &mut evaluation).unwrap();
        let found = [vec![mean], norms].concat();
        // Some networks lose digits to single precision whoever evaluates them.
        let off = |of: &[f64]| {
            let off = of
                .iter()
                .zip(&exact)
                .map(|(one, exact)| (one / exact - 1.0).abs());
            off.fold(0.0, f64::max)
        };
        let lost = off(&plain);
        assert!(lost < 0.02, "{architecture}: {plain:?} {exact:?}");
        let most = f64::max(1e-3, 3.0 * lost);
        assert!(off(&found) < most, "{architecture}: {found:?} {exact:?}");
    }
}

#[test]
fn a_network_that_sees_nothing_of_a_single_image_has_no_score_of_it() {
    let space = knas_space::named("nb-macro").unwrap();
    let architecture = space.sample(0).next().unwrap();
    let setting = small(space, 8);
    let samples = samples(8);
    let mut evaluation = evaluation(&*architecture, &setting, &samples);
    let mut of = |name| score(by_name(name).unwrap(), &mut evaluation);
    let said = of("mgm").unwrap_err();
    assert!(matches!(said, ScoreError::Undefined { .. }));
    let reason = "the last maps have one position";
    assert!(said.to_string().contains(reason), "{said}");
    assert!(of("snip").unwrap().is_finite());
}
