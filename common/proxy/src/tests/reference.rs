//! Every score beside its definition in plain PyTorch.

use std::path::Path;

use knas_net::weights::{WeightFile, write};

use super::*;

const ARCH: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|\
                    +|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";

// What `scripts/reference/scores.py ARCH --example --seed 3` prints: PyTorch 2.11
// and NumPy, where every score is written out with the lines of its definition.
// It knows nothing of the code here but the random streams.
const EXPECTED: &[(&str, f64)] = &[
    ("mgm", 53.993357896432016),
    ("mgm-conv", 51.61669120457919),
    ("mgm-layer", 0.94725189291986),
    ("mgm-log", -2.234737241575485),
    ("grad-norm", 30.77744966409367),
    ("mgm-offdiag", 4.755261475909417),
    ("gram-entropy", 2.0107342786957134),
    ("gradsign", 29230.0),
    ("snip", 26.599312275648117),
    ("grasp", 3.41314210742712),
    ("fisher", 0.030648076368221096),
    ("zico", 144.16322418605267),
    ("synflow", 26.55140724522058),
    ("jacob-cov", -13.833022495212223),
    ("epe", 32.15718457547398),
    ("naswot", 86.9288954747026),
    ("swap", 1418.0),
    ("swap-reg", 1111.4504385618563),
    ("linear-regions", 2872.0),
    ("ntk-cond", -3.730580003661538),
    ("ntk-mean", 48.67628336805589),
    ("ntk-norm", 3948.2276206438337),
    ("lga", 0.5918331884665314),
    ("zen", -7.1718270697058015),
    ("az-expressivity", 11.140378575044114),
    ("az-progressivity", -0.14126771964835272),
    ("az-trainability", -0.28246581817196015),
    ("meco", 20.078010016146976),
    ("meco-relu", 7.5271919122899265),
    ("rwe", 0.16666666666666666),
];

/// Numbers without a pattern that anything computes alike; `example_values` of
/// the script.
pub(super) fn values(name: &str, shape: &[i64]) -> Tensor {
    let start: f64 = name.bytes().map(f64::from).sum();
    let fan_in: i64 = shape.iter().skip(1).product();
    let scaled = |j: i64| {
        let j = j as f64;
        let value = (start + 0.37 * j + 0.011 * j * j).sin();
        let value = match (name, shape.len()) {
            ("input", _) => value,
            (_, 1) if name.ends_with("bias") => 0.2 * value,
            (_, 1) => 1.0 + 0.2 * value,
            _ => value * 1.5 / (fan_in as f64).sqrt(),
        };
        value as f32
    };
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (0..count).map(scaled).collect();
    Tensor::from_slice(&values).reshape(shape)
}

pub(super) fn example() -> Samples {
    let targets: Vec<i64> = (0..12).map(|i| i * i % 10).collect();
    Samples {
        inputs: values("input", &[12, 3, 8, 8]),
        targets: Tensor::from_slice(&targets),
    }
}

pub(super) fn example_weights(cell: &Cell, skeleton: Skeleton, path: &Path) -> WeightFile {
    let initial = Initial {
        init: Init::Default,
        seed: 0,
    };
    let options = (Kind::Float, Device::Cpu);
    let graph = lower(cell, &skeleton, Extent::Live).unwrap();
    let network = Network::new(graph, Source::Random(initial), options).unwrap();
    let parameters = network.parameters().iter();
    let state: Vec<(String, Tensor)> = parameters
        .map(|p| (p.name.clone(), values(&p.name, &p.tensor.size())))
        .collect();
    write(path, &state).unwrap();
    WeightFile::read(path).unwrap()
}

#[test]
fn scores_are_those_of_plain_pytorch() {
    let cell: Cell = ARCH.parse().unwrap();
    let skeleton = Skeleton::new(4, 1, 10, 8).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let weights = example_weights(&cell, skeleton, &dir.path().join("w.safetensors"));
    let subject = Subject {
        architecture: &cell,
        setting: skeleton.setting(),
        weights: Some(&weights),
        new_head: false,
        seed: 3,
        device: Device::Cpu,
    };
    let samples = example();
    let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
    let mut wrong = Vec::new();
    for (name, expected) in EXPECTED {
        let value = score(by_name(name).unwrap(), &mut evaluation);
        let close = |value: f64| (value - expected).abs() <= 2e-4 * expected.abs();
        if !value.as_ref().is_ok_and(|&value| close(value)) {
            wrong.push(format!("{name}: {value:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let missing = for_images().into_iter().map(|proxy| proxy.info().name);
    let missing: Vec<&str> = missing
        .filter(|name| EXPECTED.iter().all(|(known, _)| known != name))
        .collect();
    assert_eq!(missing, ["mgm-released", "memory", "params", "macs"]);
}
