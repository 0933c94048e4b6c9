//! Gradients of networks of every space for images.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, Network, Norm, Source};
use knas_proxy::{Evaluation, Overrides, Samples, ScoreError, Subject, by_name, score};
use knas_space::{Architecture, Extent, Input, Setting, Sizes, spaces};
use tch::{Device, Kind, Tensor};

const IMAGES: i64 = 3;
const SEED: u64 = 5;

/// As small as the space has them, and larger images than a network halves.
fn small(architecture: &dyn Architecture, side: usize) -> Setting {
    let space = architecture.space();
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

fn value(
    name: &str,
    architecture: &dyn Architecture,
    setting: &Setting,
    samples: &Samples,
) -> Result<f64, ScoreError> {
    let subject = Subject {
        architecture,
        setting: setting.clone(),
        weights: None,
        seed: SEED,
        device: Device::Cpu,
    };
    let overrides = Overrides::default();
    let mut evaluation = Evaluation::new(subject, samples, overrides);
    score(by_name(name).unwrap(), &mut evaluation)
}

/// Σ over weights of |Σ over images of the sign of the gradient|, and the mean of the
/// Gram matrix of the gradients, of which each is that of a pass over one image.
fn by_definition(network: &Network, samples: &Samples) -> (f64, f64) {
    let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
    let mut rows = Vec::new();
    let (mut signs, mut weights) = (Vec::new(), 0.0);
    for image in 0..IMAGES {
        let logits = network.forward(&samples.inputs.narrow(0, image, 1), Norm::Batch);
        let loss = cross_entropy(&logits.unwrap(), &samples.targets.narrow(0, image, 1));
        let gradients = Tensor::run_backward(&[loss.unwrap()], &parameters, false, false);
        let flat = |g: &Tensor| g.to_kind(Kind::Double).flatten(0, -1);
        rows.push(Tensor::cat(
            &gradients.iter().map(flat).collect::<Vec<_>>(),
            0,
        ));
        signs.push(gradients.iter().map(Tensor::sign).collect::<Vec<_>>());
    }
    for (place, parameter) in network.parameters().iter().enumerate() {
        if parameter.name.ends_with("weight") && parameter.tensor.dim() > 1 {
            let sum = signs
                .iter()
                .map(|image| &image[place])
                .fold(parameter.tensor.zeros_like(), |sum, sign| sum + sign);
            weights += sum.abs().sum(Kind::Double).double_value(&[]);
        }
    }
    let rows = Tensor::stack(&rows, 0);
    let gram = rows.matmul(&rows.transpose(0, 1));
    (weights, gram.mean(Kind::Double).double_value(&[]))
}

#[test]
fn gradients_of_single_images_are_those_of_passes_over_them() {
    for space in spaces().iter().filter(|space| !space.reads_texts()) {
        let architecture = space.sample(2).next().unwrap();
        let architecture = &*architecture;
        let side = 64;
        let (setting, samples) = (small(architecture, side), samples(side));
        let graph = architecture.lower(&setting, Extent::Live).unwrap();
        let initial = Initial {
            init: Init::Default,
            seed: SEED,
        };
        let options = (Kind::Float, Device::Cpu);
        let network = Network::new(graph, Source::Random(initial), options).unwrap();
        let (signs, mean) = by_definition(&network, &samples);
        let of = |name| value(name, architecture, &setting, &samples).unwrap();
        let near = |found: f64, expected: f64, far: f64| (found / expected - 1.0).abs() < far;
        // Signs of what is almost 0 are rounding errors.
        assert!(
            near(of("gradsign"), signs, 2e-3),
            "{architecture}: {} {signs}",
            of("gradsign")
        );
        assert!(
            near(of("mgm"), mean, 1e-4),
            "{architecture}: {} {mean}",
            of("mgm")
        );
    }
}

#[test]
fn a_network_that_sees_nothing_of_a_single_image_has_no_score_of_it() {
    let space = knas_space::named("nb-macro").unwrap();
    let architecture = space.sample(0).next().unwrap();
    let setting = small(&*architecture, 8);
    let samples = samples(8);
    let said = value("mgm", &*architecture, &setting, &samples).unwrap_err();
    assert!(matches!(said, ScoreError::Undefined { .. }));
    assert!(
        said.to_string().contains("the last maps have one position"),
        "{said}"
    );
    let batch = value("snip", &*architecture, &setting, &samples);
    assert!(batch.unwrap().is_finite());
}
