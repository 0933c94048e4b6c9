//! Other software finds the logits that knas has.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use knas_net::weights::{self, WeightFile};
use knas_net::{Network, Norm, Source};
use knas_study::{Card, Description, ImageCard};
use knas_tests::{onnxruntime, repository, scratch};
use tch::{Device, Kind, Tensor};

use crate::{BERT, CELL, CUT, ROBERTA, export, record};

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const WHOLE: (Kind, Device) = (Kind::Int64, Device::Cpu);

/// A network that is exported, as a file of weights describes it.
fn described(space: &str, arch: &str, size: &[(&str, u64)]) -> Description {
    Description {
        id: "a".to_owned(),
        space: space.to_owned(),
        arch: arch.to_owned(),
        size: size.iter().map(|&(n, v)| (n.to_owned(), v)).collect(),
        norm_epsilon: None,
    }
}

/// Of images, by channel; not those of CIFAR-10.
const MEAN: [f32; 3] = [0.5, 0.45, 0.4];
const STD: [f32; 3] = [0.25, 0.2, 0.3];

fn looks_at_images(description: &Description) -> bool {
    description.space != "roberta-skip"
}

/// Weights that training could have left, with their card.
fn trained(folder: &Path, description: &Description) {
    let size: Vec<String> = description
        .size
        .iter()
        .map(|(name, number)| format!("{name}={number}"))
        .collect();
    let size = size.join(",");
    let input = record("a", &description.space, &description.arch);
    let args = ["-f", "safetensors", "-o", "drawn", "--size", &size];
    let _ = export(folder, &args, &input).run().expect_code(0);
    let lowered = description.lower().unwrap();
    let source = WeightFile::read(&folder.join("drawn/a.safetensors")).unwrap();
    let network = Network::new(lowered.whole, Source::File(&source), FLOAT).unwrap();
    let mut tensors = network.state();
    for (name, tensor) in &mut tensors {
        if tensor.kind() != Kind::Float {
            continue;
        }
        let wave = Tensor::arange(tensor.numel() as i64, FLOAT).sin();
        let wave = wave.reshape(tensor.size());
        *tensor = match name.ends_with(".running_var") {
            true => wave * 0.3 + 0.7,
            false => &*tensor + wave * 0.1,
        };
    }
    let card = Card {
        network: description.clone(),
        class_names: ["a \"b\"", "é\\", "c"].map(str::to_owned).into(),
        images: looks_at_images(description).then(|| ImageCard::new(&MEAN, &STD)),
        texts: None,
        data: "folder".to_owned(),
        data_sha256: BTreeMap::new(),
        tool: "a test".to_owned(),
    };
    let path = folder.join("trained.safetensors");
    weights::write_with(&path, &tensors, &card.to_metadata()).unwrap();
}

/// Images of random pixels, as they are and as a network takes them.
fn images(count: i64, side: i64) -> Vec<(&'static str, Tensor)> {
    let raw = Tensor::arange(count * 3 * side * side, FLOAT) * 1.7;
    let raw = ((raw.sin() + 1.0) * 127.5)
        .round()
        .reshape([count, 3, side, side]);
    let channels = |of: [f32; 3]| Tensor::from_slice(&of).reshape([1, 3, 1, 1]);
    let (mean, std) = (channels(MEAN), channels(STD));
    vec![("input", (&raw / 255.0 - mean) / std), ("raw", raw)]
}

/// Texts of several lengths, with what fills them up.
fn texts(count: i64, length: i64, types: i64) -> Vec<(&'static str, Tensor)> {
    let places = Tensor::arange(length, WHOLE).unsqueeze(0);
    let lengths = (Tensor::arange(count, WHOLE).unsqueeze(1) * 3).remainder(length - 1) + 2;
    let mask = places.lt_tensor(&lengths).to_kind(Kind::Int64);
    let ids = (Tensor::arange(count * length, WHOLE) * 7).remainder(60);
    let ids = ids.reshape([count, length]);
    let types = places.remainder(types).expand_as(&ids).contiguous();
    vec![
        ("input_ids", ids),
        ("token_type_ids", types),
        ("attention_mask", mask),
    ]
}

/// Exports what is described and has Python compare it.
fn check(python: &Path, description: &Description, batches: &[Vec<(&'static str, Tensor)>]) {
    let folder = scratch();
    let path = folder.path();
    trained(path, description);
    let raw = batches[0].iter().any(|(name, _)| *name == "raw");
    for args in [
        &["-o", "out"][..],
        &["-o", "out", "--format", "torch"],
        &["-o", "out/raw", "--with-preprocessing"],
    ] {
        if raw || !args.contains(&"--with-preprocessing") {
            let run = export(path, args, "").arg("trained.safetensors").run();
            let _ = run.expect_code(0);
        }
    }
    let _guard = tch::no_grad_guard();
    let weights = WeightFile::read(&path.join("trained.safetensors")).unwrap();
    let live = description.lower().unwrap().live;
    let network = Network::new(live, Source::File(&weights), FLOAT).unwrap();
    let mut expected = Vec::new();
    for (place, batch) in batches.iter().enumerate() {
        let shown = match batch[0].0 {
            "input" => batch[0].1.shallow_clone(),
            _ => {
                let rows: Vec<&Tensor> = batch.iter().map(|(_, rows)| rows).collect();
                Tensor::stack(&rows, 1)
            }
        };
        let logits = network.forward(&shown, Norm::Eval).unwrap();
        expected.push((format!("logits.{place}"), logits));
        for (name, tensor) in batch {
            expected.push((format!("{name}.{place}"), tensor.shallow_clone()));
        }
    }
    weights::write(&path.join("out/expected.safetensors"), &expected).unwrap();
    let run = Command::new(python)
        .arg(repository().join("tests/tests/export/check.py"))
        .args(["out", "a"])
        .current_dir(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{description:?}\n{said}");
}

#[test]
fn cells_give_the_same_logits_elsewhere() {
    let Some(python) = onnxruntime() else {
        return;
    };
    let small = [("channels", 8), ("cells", 1), ("classes", 3), ("side", 16)];
    let usual = [("channels", 16), ("classes", 3)];
    let own = [("classes", 3), ("side", 16)];
    for (space, arch, size, side) in [
        ("nb201", CELL, &small[..], 16),
        ("nb201", CUT, &small, 16),
        ("nb201", CELL, &usual, 32),
        ("nats-sss", "8:16:16:24:8", &own, 16),
    ] {
        let description = described(space, arch, size);
        check(&python, &description, &[images(1, side), images(7, side)]);
    }
}

/// Networks with all operations that cells do without.
#[test]
fn networks_of_every_space_give_the_same_logits_elsewhere() {
    let Some(python) = onnxruntime() else {
        return;
    };
    let own = [("classes", 3), ("side", 32)];
    let cells = [("channels", 4), ("cells", 3), ("classes", 3), ("side", 32)];
    let imagenet = [
        ("channels", 4),
        ("cells", 3),
        ("stem", 8),
        ("classes", 3),
        ("side", 64),
    ];
    let silu = [("classes", 3), ("side", 32), ("silu", 1)];
    let squeezed = [("classes", 3), ("side", 32), ("se", 1)];
    let super_blocks = "SuperConvK3BNRELU(3,8,1,1)SuperResK5K5(8,16,2,8,2)\
                        SuperResK1K3K1(16,16,1,8,1)SuperResIDWE2K3(16,16,2,12,1)\
                        SuperConvK1BNRELU(16,32,1,1)";
    let small_images = [("classes", 3), ("side", 32), ("stem", 1)];
    // Channels that are not divided evenly: vertices read wider ones.
    let shared = [
        ("channels", 8),
        ("modules", 1),
        ("classes", 3),
        ("side", 16),
    ];
    let modules = "011001000100000111000001000001000000";
    let modules = format!("{modules}:conv3x3,conv3x3,conv1x1,maxpool3x3");
    for (space, arch, size) in [
        ("nb-macro", "02011202", &own[..]),
        ("nb101", &modules, &shared),
        ("nb101", "0100", &shared),
        ("tnb101-micro", "64-41414-1_02_131", &own),
        ("tnb101-micro", "64-41414-0_00_000", &own),
        ("tnb101-macro", "64-1243-basic", &own),
        ("darts", "PC_DARTS_image", &cells),
        ("darts", "DARTS_V1", &imagenet),
        (
            "mobilenet",
            "k3e3,k5e4/k7e6,k3e3/k3e3,k3e4/k5e3,k3e6/k3e3,k3e3",
            &own,
        ),
        ("mobilenet", "mobilenet_v2", &own),
        ("mobilenet", "mobilenet_v3_small", &own),
        (
            "mnasnet",
            "e1k3l1s1/e4k5l1s0/e6k3l2s1/e1k3l1s0/e1k3l1s0/e1k3l1s0/e4k3l1s1",
            &own,
        ),
        (
            "mnasnet",
            "e1k3l1s1/e4k5l1s0/e6k3l1s1/e1k3l1s0/e1k3l1s0/e1k3l1s0/e1k3l1s0",
            &silu,
        ),
        ("resnet", "basic:16x1,32x2;s16", &small_images),
        ("resnet", "bottleneck:64x2,128x1;b2;c4;s16", &own),
        ("resnet", "x:24x1,56x2;g8", &small_images),
        ("resnet", "y:24x1,56x2;g8", &own),
        ("zennas", super_blocks, &own),
        ("zennas", super_blocks, &squeezed),
    ] {
        let description = described(space, arch, size);
        let side = size.iter().find(|(name, _)| *name == "side").unwrap().1 as i64;
        check(&python, &description, &[images(1, side), images(7, side)]);
    }
}

#[test]
fn encoders_give_the_same_logits_elsewhere() {
    let Some(python) = onnxruntime() else {
        return;
    };
    for (arch, types) in [(BERT, 2), (ROBERTA, 1)] {
        let description = Description {
            norm_epsilon: Some(1e-6),
            ..described("roberta-skip", arch, &[("classes", 3), ("length", 20)])
        };
        let batches = [texts(1, 9, types), texts(7, 9, types), texts(7, 20, types)];
        check(&python, &description, &batches);
    }
}
