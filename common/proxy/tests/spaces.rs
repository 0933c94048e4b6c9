//! Gradients of networks of every space for images.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use std::fmt;

use knas_graph::{Activation, Named, Op, Parameter, Part, Role, Shape, Value};
use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Network, Norm, Source};
use knas_proxy::{Evaluation, Overrides, Samples, ScoreError, Subject, by_name, score};
use knas_space::{
    Architecture, Architectures, Equivalence, Extent, Graph, Input, LowerError, SearchSpace,
    Setting, Sizes, spaces,
};
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
        new_head: false,
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
    let of_images = |space: &&&dyn SearchSpace| !space.reads_texts() && space.lacks().is_none();
    for space in spaces().iter().filter(of_images) {
        let (side, mut drawn) = (128, space.sample(2));
        let (setting, samples) = (small(*space, side), samples(side));
        let lowered = |one: &dyn Architecture| one.lower(&setting, Extent::Live).unwrap();
        // Cells without a way through see nothing, and large networks take long.
        let sees = |graph: &Graph| graph.nodes().iter().all(|node| node.op != Op::Zeros);
        let quick = |graph: &Graph| sees(graph) && graph.cost().macs < MOST;
        let architecture = drawn.find(|one| quick(&lowered(&**one))).unwrap();
        check(&*architecture, &setting, &samples);
    }
}

/// That gradients of single images are those of passes over them, as far as single
/// precision has them.
fn check(architecture: &dyn Architecture, setting: &Setting, samples: &Samples) {
    let graph = architecture.lower(setting, Extent::Live).unwrap();
    let exact = parts(&gram(&graph, samples, Kind::Double));
    let plain = parts(&gram(&graph, samples, Kind::Float));
    let mut evaluation = evaluation(architecture, setting, samples);
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

/// A network that no space has.
struct ByHand(Graph);

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("by hand")
    }
}

impl Architecture for ByHand {
    fn id(&self) -> String {
        self.to_string()
    }

    fn space(&self) -> &'static dyn SearchSpace {
        spaces()[0]
    }

    fn lower(&self, _: &Setting, _: Extent) -> Result<Graph, LowerError> {
        Ok(self.0.clone())
    }

    fn key(&self, _: Equivalence) -> Option<String> {
        None
    }

    fn mutants(&self, _: u64) -> Architectures {
        Box::new(std::iter::empty())
    }
}

/// Operations that networks of users have and no space.
fn medley(side: usize) -> Graph {
    let named = |name| Named {
        name,
        key: name,
        part: Part::Body,
    };
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let push = |graph: &mut Graph, op, read: &[Value]| graph.push(op, read).unwrap();
    let linear = |graph: &mut Graph, input, name: &str, [outputs, inputs]: [usize; 2]| {
        let weight = graph.hold(Parameter {
            name: format!("{name}.weight"),
            aliases: Vec::new(),
            key: name.to_owned(),
            role: Role::LinearWeight,
            part: Part::Body,
            shape: vec![outputs, inputs],
            fan_in: inputs,
        });
        push(graph, Op::Linear { weight, bias: None }, &[input])
    };
    let image = graph.input();
    let x = graph.convolution(image, named("a"), 8, 3, 2).unwrap();
    let norm = Op::LocalNorm {
        reach: 1,
        alpha: 0.5,
        beta: 0.75,
        offset: 1.0,
    };
    let x = push(&mut graph, norm, &[x]);
    let x = push(
        &mut graph,
        Op::Pad {
            before: 0,
            after: 1,
        },
        &[x],
    );
    let x = graph.convolution(x, named("b"), 8, 3, 2).unwrap();
    let x = graph.batch_norm(x, named("c")).unwrap();
    let x = push(&mut graph, Op::Relu, &[x]);
    let x = push(&mut graph, Op::Shuffle { groups: 2 }, &[x]);
    let half = |first| Op::Narrow { first, channels: 4 };
    let (left, right) = (
        push(&mut graph, half(0), &[x]),
        push(&mut graph, half(4), &[x]),
    );
    let right = graph.convolution(right, named("d"), 4, 3, 1).unwrap();
    let x = push(&mut graph, Op::Concatenate, &[right, left]);
    let means = push(&mut graph, Op::GlobalPool, &[x]);
    let factors = linear(&mut graph, means, "e", [8, 8]);
    let factors = push(&mut graph, Op::Activation(Activation::Sigmoid), &[factors]);
    let x = push(&mut graph, Op::Scale, &[x, factors]);
    let x = push(&mut graph, Op::Flatten, &[x]);
    let width = match graph.shape(x) {
        Shape::Vector { width } => width,
        _ => 0,
    };
    let _ = linear(&mut graph, x, "f", [4, width]);
    graph
}

#[test]
fn operations_of_no_space_have_gradients_of_single_images() {
    let side = 16;
    let setting = small(spaces()[0], side);
    check(&ByHand(medley(side)), &setting, &samples(side));
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
