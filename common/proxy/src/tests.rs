//! Scores against their literal definitions.

use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Network, Norm, Role, Source};
use knas_space::Extent;
use knas_space::nb201::network::lower;
use knas_space::nb201::{CELLS, Cell, Skeleton};
use knas_stats::random::stream;
use tch::{Device, Kind, Tensor};

use super::*;

mod digits;
mod invariances;
mod properties;
mod provenance;
mod reference;
mod texts;

fn samples(count: usize, side: usize) -> Samples {
    // Tests run side by side; threads of libtorch would only get in the way.
    tch::set_num_threads(1);
    let mut values = vec![0f32; count * 3 * side * side];
    let mut random = stream(5, "test images", &[]);
    random.fill_normal(&mut values);
    let shape = [count, 3, side, side].map(|n| n as i64);
    let targets: Vec<i64> = (0..count).map(|_| random.below(10) as i64).collect();
    Samples {
        inputs: Tensor::from_slice(&values).reshape(shape),
        targets: Tensor::from_slice(&targets),
    }
}

fn subject(cell: &Cell) -> Subject<'_> {
    let skeleton = Skeleton::new(8, 1, 10, 16).unwrap();
    Subject {
        architecture: cell,
        setting: skeleton.setting(),
        weights: None,
        new_head: false,
        seed: 3,
        device: Device::Cpu,
    }
}

/// The scores of networks that look at images.
fn for_images() -> Vec<&'static dyn Proxy> {
    let of_images = |proxy: &&dyn Proxy| proxy.info().scope.holds(false);
    group("all").into_iter().filter(of_images).collect()
}

fn passes(forward: usize, backward: usize) -> Passes {
    Passes { forward, backward }
}

fn value(name: &str, evaluation: &mut Evaluation<'_>) -> f64 {
    score(by_name(name).unwrap(), evaluation).unwrap()
}

/// Gradients of every single sample from a pass of its own, batch norm in train
/// mode: sample × (role, flat gradient), as the paper defines them.
fn literal(subject: Subject<'_>, samples: &Samples) -> Vec<Vec<(Role, Tensor)>> {
    let initial = Initial {
        init: Init::Default,
        seed: subject.seed,
    };
    let options = (Kind::Float, Device::Cpu);
    let graph = subject.lower(Extent::Live).unwrap();
    let network = Network::new(graph, Source::Random(initial), options).unwrap();
    let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
    let one = |i| {
        let logits = network
            .forward(&samples.inputs.narrow(0, i, 1), Norm::Batch)
            .unwrap();
        let loss = cross_entropy(&logits, &samples.targets.narrow(0, i, 1)).unwrap();
        let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
        let flat = |g: &Tensor| g.to_kind(Kind::Double).flatten(0, -1);
        network
            .parameters()
            .iter()
            .zip(&gradients)
            .map(|(p, g)| (p.role, flat(g)))
            .collect()
    };
    (0..samples.count()).map(one).collect()
}

/// K_ij over the parameters that `of` picks.
fn gram(gradients: &[Vec<(Role, Tensor)>], of: impl Fn(Role) -> bool) -> Tensor {
    let row = |g: &Vec<(Role, Tensor)>| {
        let picked: Vec<&Tensor> = g.iter().filter(|(r, _)| of(*r)).map(|(_, g)| g).collect();
        Tensor::cat(&picked, 0)
    };
    let rows: Vec<Tensor> = gradients.iter().map(row).collect();
    let matrix = Tensor::stack(&rows, 0);
    matrix.matmul(&matrix.transpose(0, 1))
}

fn close(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= 1e-4 * expected.abs()
}

/// Ten cells with all operations among them.
fn cells() -> Vec<Cell> {
    [0, 1, 4, 9, 13, 857, 1999, 6111, 9930, 15_624]
        .map(|i| Cell::from_index(i).unwrap())
        .into()
}

#[test]
fn one_pass_gives_the_mean_of_the_gram_matrix() {
    let samples = samples(12, 16);
    for cell in cells() {
        let gradients = literal(subject(&cell), &samples);
        let (whole, conv) = (
            gram(&gradients, |_| true),
            gram(&gradients, |r| r == Role::ConvWeight),
        );
        let n = gradients.len() as f64;
        let sum = whole.sum(Kind::Double).double_value(&[]);
        let trace = whole.trace().double_value(&[]);

        let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
        let mgm = value("mgm", &mut evaluation);
        assert!(close(mgm, sum / (n * n)), "{cell}: {mgm} {}", sum / (n * n));
        let conv = conv.mean(Kind::Double).double_value(&[]);
        assert!(close(value("mgm-conv", &mut evaluation), conv), "{cell}");
        let offdiag = value("mgm-offdiag", &mut evaluation);
        // Cancellation: the tolerance is that of the terms, not of their difference.
        let expected = (sum - trace) / (n * (n - 1.0));
        assert!(
            (offdiag - expected).abs() <= 1e-4 * (trace / (n * n)),
            "{cell}: {offdiag} {expected}"
        );
    }
}

#[test]
fn aggregates_follow_their_definitions() {
    let samples = samples(6, 16);
    let cell = Cell::from_index(6111).unwrap();
    let gradients = literal(subject(&cell), &samples);
    let tensors = gradients[0].len();
    let means: Vec<f64> = (0..tensors)
        .map(|t| {
            let rows: Vec<&Tensor> = gradients.iter().map(|g| &g[t].1).collect();
            let mean = Tensor::stack(&rows, 0).mean_dim([0i64].as_slice(), false, Kind::Double);
            mean.square().sum(Kind::Double).double_value(&[])
        })
        .collect();
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    let mean = |f: fn(f64) -> f64| means.iter().map(|&m| f(m)).sum::<f64>() / tensors as f64;
    assert!(close(value("mgm-layer", &mut evaluation), mean(|m| m)));
    let counted = (0..tensors).filter(|&t| gradients[0][t].0 != Role::NormBias);
    let logarithms: Vec<f64> = counted.map(|t| means[t].ln()).collect();
    let expected = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
    assert!(close(value("mgm-log", &mut evaluation), expected));
    assert!(close(
        value("grad-norm", &mut evaluation),
        mean(f64::sqrt) * tensors as f64
    ));
    assert_eq!(evaluation.passes(), passes(1, 1));
}

/// The released code's loops, line by line.
#[test]
fn the_released_score_follows_its_loops() {
    let samples = samples(50, 16);
    for cell in [
        Cell::from_index(1).unwrap(),
        Cell::from_index(9930).unwrap(),
    ] {
        let gradients = literal(subject(&cell), &samples);
        let mut conv = 0.0;
        let long = (0..gradients[0].len()).filter(|&t| gradients[0][t].1.numel() >= 50);
        for tensor in long.take(11) {
            for entry in 0..50 {
                let over = |images: std::ops::Range<usize>| {
                    let values: Vec<f64> = images
                        .map(|k| gradients[k][tensor].1.double_value(&[entry]))
                        .collect();
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    values.into_iter().map(move |v| v - mean)
                };
                conv += over(0..25)
                    .zip(over(25..50))
                    .map(|(a, b)| a * b)
                    .sum::<f64>()
                    / 2500.0;
            }
        }
        let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
        let released = value("mgm-released", &mut evaluation);
        assert!(
            (released - conv).abs() <= 1e-4 * conv.abs().max(1e-6),
            "{released} {conv}"
        );
    }
}

#[test]
fn large_batches_are_worked_off_in_parts() {
    let samples = samples(150, 16);
    let cell = Cell::from_index(9930).unwrap();
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    let gradients = literal(subject(&cell), &samples);
    let whole = gram(&gradients, |_| true);
    let n = 150.0;
    let sum = whole.sum(Kind::Double).double_value(&[]);
    let expected = (sum - whole.trace().double_value(&[])) / (n * (n - 1.0));
    assert!(close(value("mgm", &mut evaluation), sum / (n * n)));
    assert!((value("mgm-offdiag", &mut evaluation) - expected).abs() < 1e-3 * expected.abs());
    assert_eq!(evaluation.passes(), passes(2, 2));
}

/// Only the classifier's bias has a gradient: scores are what follows from it,
/// and where nothing follows there is an error.
#[test]
fn a_cell_that_is_cut_off_is_scored_or_refused_by_the_mathematics() {
    let samples = samples(50, 16);
    let cell: Cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
        .parse()
        .unwrap();
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    let mgm = value("mgm", &mut evaluation);
    assert!(mgm > 0.0);
    assert!(close(value("grad-norm", &mut evaluation), mgm.sqrt()));
    assert_eq!(value("mgm-conv", &mut evaluation), 0.0);
    assert_eq!(value("mgm-released", &mut evaluation), 0.0);
    assert!(value("mgm-offdiag", &mut evaluation).is_finite());
    let error = score(by_name("mgm-log").unwrap(), &mut evaluation).unwrap_err();
    assert_eq!(error.kind(), "undefined");
    assert!(
        error.to_string().starts_with("mgm-log is undefined: "),
        "{error}"
    );
}

#[test]
fn names_are_distinct_and_groups_are_found() {
    for proxy in PROXIES {
        let info = proxy.info();
        assert_eq!(by_name(info.name).unwrap().info().summary, info.summary);
        assert!(
            group(info.groups[0])
                .iter()
                .any(|p| p.info().name == info.name)
        );
    }
    // What differs from run to run is not among all of them.
    let measured = PROXIES.iter().filter(|proxy| proxy.info().measured);
    let measured: Vec<&str> = measured.map(|proxy| proxy.info().name).collect();
    assert_eq!(measured, ["latency"]);
    assert_eq!(group("all").len(), PROXIES.len() - 1);
    assert!(group("none").is_empty());
}

/// Whatever --norm asks for; and of as long a text as there is, whichever comes first.
#[test]
fn latency_is_that_of_a_network_in_use() {
    let cell = Cell::from_index(6111).unwrap();
    let (images, texts) = (samples(2, 16), texts::texts(2));
    let overrides = Overrides {
        norm: Some(Norm::Sample),
        init: None,
    };
    let mut evaluation = Evaluation::new(subject(&cell), &images, overrides);
    let latency = by_name("latency").unwrap();
    assert_eq!(evaluation.mode(latency.info()).norm, Norm::Eval);
    assert_eq!(evaluation.latency(), None);
    let median = value("latency", &mut evaluation);
    let found = evaluation.latency().unwrap();
    assert_eq!(found.median, median);
    assert!(0.0 < found.low && found.low <= median && median <= found.high);
    assert!(found.runs >= 15, "{found:?}");
    assert_eq!(images.first().unwrap().size(), [1, 3, 16, 16]);
    let last = Samples {
        inputs: texts.inputs.narrow(0, 2, 1),
        targets: texts.targets.narrow(0, 2, 1),
    };
    assert_eq!(last.first().unwrap().size(), texts.first().unwrap().size());
    let (shorter, _) = last.part(0, 1).unwrap();
    assert!(shorter.size()[2] < last.first().unwrap().size()[2]);
}
