//! Networks as exporters write them, read and evaluated here.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use knas_net::weights::{self, WeightFile};
use knas_net::{Network, Norm, Source};
use knas_onnx::Model;
use knas_tests::{onnxruntime, repository, scratch};
use tch::{Device, Kind, Tensor};

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// What the network of a file makes of the images beside it, and what it should.
fn logits(model: &Model, stem: &Path, side: usize) -> [Tensor; 2] {
    let tensors = model.tensors().map(|(name, shape, values)| {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        (name, Tensor::from_slice(&values).reshape(shape))
    });
    let file = stem.with_extension("weights");
    weights::write(&file, &tensors.collect::<Vec<_>>()).unwrap();
    let weights = WeightFile::read(&file).unwrap();
    let classes = model.classes();
    let graph = model.lower(side, classes).unwrap();
    let network = Network::new(graph, Source::File(&weights), FLOAT).unwrap();
    let told = WeightFile::read(&stem.with_extension("safetensors")).unwrap();
    let [side, classes] = [side, classes].map(|size| size as i64);
    let images = told.tensor("input", &[2, 3, side, side]).unwrap();
    let _guard = tch::no_grad_guard();
    let found = network.forward(&images, Norm::Eval).unwrap();
    let ends = |operator: &str| {
        let told = format!("The {operator} at its end is left out");
        model.notes().iter().any(|note| note.starts_with(&told))
    };
    let found = match (ends("Softmax"), ends("LogSoftmax")) {
        (true, _) => found.softmax(1, Kind::Float),
        (_, true) => found.log_softmax(1, Kind::Float),
        _ => found,
    };
    [found, told.tensor("logits", &[2, classes]).unwrap()]
}

#[test]
fn networks_of_other_makers_have_the_logits_of_onnxruntime() {
    let Some(python) = onnxruntime() else {
        return;
    };
    let folder = scratch();
    let run = Command::new(python)
        .arg(repository().join("scripts/reference/exports.py"))
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let told = String::from_utf8(run.stdout).unwrap();
    let mut seen = BTreeSet::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, params, side, classes] = words[..] else {
            panic!("{line}");
        };
        let stem = folder.path().join(name);
        let model = Model::read(&stem.with_extension("onnx"));
        let model = model.unwrap_or_else(|error| panic!("{name}: {error}"));
        let [params, side, classes] =
            [params, side, classes].map(|number| number.parse::<usize>().unwrap());
        assert_eq!(model.side(), Some(side), "{name}");
        assert_eq!(model.classes(), classes, "{name}");
        let [found, wanted] = logits(&model, &stem, side);
        let off = (found - &wanted).abs().max() / wanted.abs().max();
        assert!(off.double_value(&[]) < 1e-5, "{name}: {off}");
        let (network, way) = name.split_once('-').unwrap_or((name, ""));
        if way == "kept" {
            // With their norms, networks have the parameters and the names of their makers.
            let graph = model.lower(side, model.classes()).unwrap();
            assert_eq!(graph.cost().params, params as u64, "{name}");
            let names: Vec<&str> = graph.parameters().iter().map(|p| &*p.name).collect();
            let last = match network {
                "resnet18" => "layer4.1.bn2.bias",
                "mobilenet_v3_small" => "features.11.block.3.1.weight",
                "shufflenet_v2_x0_5" => "stage4.3.branch2.6.weight",
                _ => "conv3.bias",
            };
            assert!(names.contains(&last), "{name}: {names:?}");
        }
        if way == "packaged" && params > 0 {
            let graph = model.lower(side, classes).unwrap();
            assert_eq!(graph.cost().params, params as u64, "{name}");
        }
        seen.insert(network.to_owned());
    }
    let wanted = [
        "caffe",
        "densenet121",
        "inception_v1",
        "inception_v2",
        "keras",
        "medley",
        "mobilenet_v3_small",
        "resnet18",
        "resnet50",
        "shufflenet",
        "shufflenet_v2_x0_5",
        "squeezenet",
    ];
    assert!(seen.iter().eq(wanted), "{seen:?}");
}
