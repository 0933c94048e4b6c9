//! Checkpoints, read by other software.

use std::fs;
use std::path::Path;
use std::process::Command;

use knas_tests::{Tool, pytorch, repository};
use serde_json::Value;

use crate::Bench;

// With TinyNetwork of scripts/bench/nb201.py:
//
// for name, tensor in TinyNetwork(ARCH, channels=4, cells=1).state_dict().items():
//     print(name, *tensor.shape)
const OFFICIAL: &str = include_str!("official_names.txt");

/// Its first edge into node 2 reaches nothing, as the second into node 3 is none.
const ARCH: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|nor_conv_3x3~1|none~2|";

fn trained(bench: &Bench) -> Value {
    let input = format!("{{\"id\":\"a\",\"space\":\"nb201\",\"arch\":\"{ARCH}\"}}\n");
    let run = bench.finetune(&["--epochs", "4", "--checkpoint-dir", "run"]);
    run.stdin(input).run().expect_code(0).records()[0].clone()
}

fn table(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    serde_json::from_slice(&bytes[8..8 + header]).unwrap()
}

#[test]
fn names_and_shapes_are_the_official_ones() {
    let bench = Bench::set_up();
    trained(&bench);
    let table = table(&bench.path().join("run/a.safetensors"));
    let mut found: Vec<String> = Vec::new();
    let tensors = table.as_object().unwrap().iter();
    for (name, entry) in tensors.filter(|(name, _)| *name != "__metadata__") {
        let shape = entry["shape"].as_array().unwrap().iter();
        found.push(shape.fold(name.clone(), |text, size| format!("{text} {size}")));
    }
    found.sort();
    let mut official: Vec<&str> = OFFICIAL.lines().collect();
    official.sort_unstable();
    assert_eq!(found, official);
}

/// What a file of weights tells of itself suffices to use it.
#[test]
fn a_checkpoint_alone_says_what_it_is() {
    let bench = Bench::set_up();
    let record = trained(&bench);
    let table = table(&bench.path().join("run/a.safetensors"));
    let told = &table["__metadata__"];
    assert_eq!(told["format"], "pt");
    let card: Value = serde_json::from_str(told["knas"].as_str().unwrap()).unwrap();
    assert_eq!((&card["id"], &card["arch"]), (&"a".into(), &ARCH.into()));
    let trained = &record["finetune"];
    assert_eq!(card["size"], trained["network"]);
    assert_eq!(card["data_sha256"], trained["data_sha256"]);
    assert_eq!(card["class_names"][9], "truck");
    assert_eq!(card["images"]["mean"][0], 0.4914);
    // Without its record, and without what else was left beside it.
    fs::create_dir(bench.path().join("alone")).unwrap();
    let alone = bench.path().join("alone/model.safetensors");
    fs::copy(bench.path().join("run/a.safetensors"), alone).unwrap();
    let evaluate = Tool::new("knas-finetune")
        .args([
            "--evaluate",
            "--data",
            "cifar10:images",
            "alone/model.safetensors",
        ])
        .current_dir(bench.path());
    let evaluated = evaluate.run().expect_code(0).records()[0].clone();
    for part in ["valid_accuracy", "test_accuracy", "test_loss"] {
        assert_eq!(evaluated["evaluated"][part], trained[part], "{part}");
    }
    let export = Tool::new("knas-export")
        .args(["-f", "torch", "-o", "out", "run/a.safetensors"])
        .current_dir(bench.path());
    let exported = export.run().expect_code(0).records()[0].clone();
    assert_eq!(exported["id"], "a");
    assert_eq!(exported["export"]["weights"], "run/a.safetensors");
    let module = fs::read_to_string(bench.path().join("out/a.py")).unwrap();
    assert!(module.contains("\"ship\",\"truck\"]"), "{module}");
    let weights = |name: &str| fs::read(bench.path().join(name)).unwrap();
    // All but the number of batches, which no evaluation depends on.
    assert_eq!(
        weights("out/a.safetensors").len(),
        weights("run/a.safetensors").len()
    );
}

#[test]
fn pytorch_loads_the_model_and_finds_the_same_accuracy() {
    let Some(python) = pytorch() else {
        return;
    };
    let bench = Bench::set_up();
    let record = trained(&bench);
    let output = Command::new(python)
        .arg(repository().join("tests/tests/finetune/load.py"))
        .arg(repository().join("scripts/bench"))
        .args([ARCH, "run/a.safetensors", "images/test_batch.bin"])
        .current_dir(bench.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["accuracy"], record["finetune"]["test_accuracy"]);
    let loss = found["loss"].as_f64().unwrap() - record["finetune"]["test_loss"].as_f64().unwrap();
    assert!(loss.abs() < 1e-4, "{found} {record}");
}
