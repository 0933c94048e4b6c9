//! Recipes, and the flags of how candidates learn.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use knas_tests::Tool;
use serde_json::{Value, json};

use crate::texts::TextBench;
use crate::{Bench, cells, reached};

/// All that can be asked for together.
pub const ALL: [&str; 16] = [
    "--recipe",
    "small-data",
    "--warm-up",
    "0.7",
    "--class-weights",
    "balanced",
    "--erasing",
    "0.25",
    "--cutout",
    "4",
    "--clip",
    "2",
    "--nesterov",
    "false",
    "--patience",
    "5",
];

/// The tensors of a file, by name, as bytes.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let entries = table.as_object().unwrap().iter();
    let entries = entries.filter(|(name, _)| *name != "__metadata__");
    let tensor = |(name, entry): (&String, &Value)| {
        let [from, to] = [0, 1].map(|at| entry["data_offsets"][at].as_u64().unwrap() as usize);
        (name.clone(), bytes[8 + header..][from..to].to_vec())
    };
    entries.map(tensor).collect()
}

#[test]
fn a_record_says_the_recipe_and_all_values() {
    let bench = Bench::set_up();
    let schema = Tool::new("knas-finetune").arg("--schema").run().stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let train = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "2"]).args(args);
        let run = run.stdin(cells("1")).run().expect_code(0);
        let record = run.records().remove(0);
        assert!(schema.is_valid(&record), "{record}");
        record["finetune"]["hyper"].clone()
    };
    let hyper = train(&ALL);
    let expected = json!({
        "recipe": "small-data", "optimizer": "sgd", "epochs": 2, "batch": 40, "lr": hyper["lr"],
        "schedule": "cosine", "warm_up": 0.7, "momentum": 0.9, "nesterov": false,
        "weight_decay": hyper["weight_decay"], "clip": 2.0, "augment": "flip-crop",
        "mixup": hyper["mixup"], "erasing": hyper["erasing"], "cutout": 4,
        "label_smoothing": 0.1, "class_weights": "balanced", "ema": hyper["ema"], "patience": 5,
        "seed": 0, "init": "default", "threads": 2
    });
    assert_eq!(hyper, expected);
    for name in ["lr", "weight_decay", "mixup", "erasing", "ema"] {
        assert!(hyper[name].as_f64().unwrap() > 0.0, "{name}");
    }
    // What is switched off is not said, and what is not asked for neither.
    let off = "--recipe small-data --warm-up 0 --mixup 0 --erasing 0 --ema 0 --label-smoothing 0";
    let hyper = train(&off.split(' ').collect::<Vec<_>>());
    assert!(hyper.get("mixup").is_none() && hyper.get("ema").is_none());
    let plain = train(&[]);
    let names: Vec<&String> = plain.as_object().unwrap().keys().collect();
    let usual = [
        "optimizer",
        "epochs",
        "batch",
        "lr",
        "schedule",
        "momentum",
        "weight_decay",
        "augment",
        "label_smoothing",
        "seed",
        "init",
        "threads",
    ];
    assert_eq!(names, usual);
}

#[test]
fn every_option_changes_what_is_learnt_and_no_run_differs_from_itself() {
    let bench = Bench::set_up();
    let input = cells("1");
    let loss = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "2"]).args(args);
        let records = run.stdin(input.as_str()).run().expect_code(0).records();
        reached(&records[0], "valid_loss")
    };
    let options: [&[&str]; 10] = [
        &[],
        &["--warm-up", "1"],
        &["--mixup", "0.2"],
        &["--erasing", "0.5"],
        &["--cutout", "8"],
        &["--clip", "0.5"],
        &["--nesterov", "false"],
        &["--ema", "0.9"],
        &["--label-smoothing", "0.1"],
        &["--recipe", "darts", "--lr", "0.1", "--batch", "40"],
    ];
    let mut losses: Vec<f64> = options.iter().map(|args| loss(args)).collect();
    assert_eq!(loss(options[2]), losses[2]);
    // All classes have as many images, so that weights change nothing.
    assert_eq!(loss(&["--class-weights", "balanced"]), losses[0]);
    losses.sort_by(f64::total_cmp);
    losses.dedup();
    assert_eq!(losses.len(), options.len(), "{losses:?}");
}

#[test]
fn only_the_classifier_is_trained_where_the_body_is_frozen() {
    let bench = Bench::set_up();
    let input = cells("1");
    let train = |args: &[&str]| bench.finetune(args).stdin(input.as_str()).run();
    let first = train(&["--epochs", "2", "--checkpoint-dir", "first"]).expect_code(0);
    let id = first.records()[0]["id"].as_str().unwrap().to_owned();
    let file = |folder: &str| bench.path().join(folder).join(format!("{id}.safetensors"));
    let then = [
        "--epochs",
        "2",
        "--checkpoint-dir",
        "then",
        "--freeze",
        "body",
    ];
    let _ = train(&then).expect_code(2).expect_stderr("--weights");
    let frozen = train(&[&then[..], &["--weights", "first", "--new-head"]].concat());
    let frozen = frozen.expect_code(0).records().remove(0);
    assert_eq!(frozen["finetune"]["hyper"]["frozen"], "body");
    let (before, after) = (tensors(&file("first")), tensors(&file("then")));
    for (name, value) in &before {
        let is_head = name.starts_with("classifier.");
        // How many batches statistics are of is not in a network that is not trained.
        if !name.ends_with("num_batches_tracked") {
            assert_eq!(*value != after[name], is_head, "{name}");
        }
    }
    let clash = ["--weights", "first", "--freeze-embeddings"];
    let clash = train(&[&then[..], &clash].concat()).expect_code(2);
    let _ = clash.expect_stderr("cannot be used with");
}

#[test]
fn other_values_are_refused_by_name_when_a_run_is_taken_up() {
    let bench = Bench::set_up();
    let input = cells("1");
    let train = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "3"]).args(args);
        run.stdin(input.as_str()).run()
    };
    let kept = [&ALL[..], &["--checkpoint-dir", "run"]].concat();
    let whole = train(&kept).expect_code(0).stdout;
    let taken_up = |more: &[&str]| train(&[&kept[..], &["--resume"], more].concat());
    assert_eq!(taken_up(&[]).expect_code(0).stdout, whole);
    for (flags, said) in [
        (&["--mixup", "0"][..], "hyper.mixup: 0.1 there, null here"),
        (&["--erasing", "0.5"], "hyper.erasing: 0.25 there, 0.5 here"),
        (&["--ema", "0.5"], "0.5 here"),
        (&["--warm-up", "1"], "hyper.warm_up: 0.7 there, 1.0 here"),
        (&["--cutout", "5"], "hyper.cutout: 4 there, 5 here"),
        (&["--clip", "3"], "hyper.clip: 2.0 there, 3.0 here"),
        (
            &["--nesterov", "true"],
            "hyper.nesterov: false there, null here",
        ),
        (
            &["--class-weights", "none"],
            "hyper.class_weights: \"balanced\" there",
        ),
        (
            &["--recipe", "nb201"],
            "hyper.recipe: \"small-data\" there, \"nb201\" here",
        ),
        (&["--refit"], "hyper.refit: null there, true here"),
    ] {
        let run = taken_up(flags).expect_code(1);
        let message = run.records()[0]["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(said), "{flags:?}: {message}");
    }
    // So are records that are in the output.
    let _ = train(&[&ALL[..], &["-o", "out.ndjson"]].concat()).expect_code(0);
    let other = ["-o", "out.ndjson", "--resume", "--mixup", "0.3"];
    let other = train(&[&ALL[..], &other].concat()).expect_code(2);
    let _ = other.expect_stderr("hyper.mixup: 0.1 there, 0.3 here");
}

#[test]
fn what_cannot_be_is_said() {
    let bench = Bench::set_up();
    for (flags, said) in [
        (
            "--warm-up 3 --epochs 3",
            "--warm-up is 3 epochs of --epochs 3",
        ),
        (
            "--recipe small-data --epochs 3",
            "the warm-up of --recipe small-data is",
        ),
        ("--recipe roberta", "--recipe roberta is for texts"),
        ("--recipe smalldata", "small-data"),
        (
            "--nesterov true --momentum 0",
            "--nesterov true needs a --momentum above 0",
        ),
        ("--ema 1", "less than 1"),
        ("--mixup 0.0001", "from 0.001 to 1000, or 0"),
        ("--erasing 1.5", "from 0 to 1"),
        ("--refit --evaluate", "cannot be used with"),
    ] {
        let args: Vec<&str> = flags.split(' ').collect();
        let run = bench.finetune(&args).stdin(cells("1")).run();
        let _ = run.expect_code(2).expect_stderr(said);
    }
    let bench = TextBench::set_up();
    for (flags, said) in [
        ("--mixup 0.2", "--mixup is for images"),
        ("--erasing 0.2", "--erasing is for images"),
        ("--cutout 2", "--cutout is for images"),
        ("--nesterov true", "--nesterov is for images"),
        ("--recipe small-data", "--recipe small-data is for images"),
    ] {
        let args: Vec<&str> = flags.split(' ').collect();
        let _ = bench.drawn(&args).run().expect_code(2).expect_stderr(said);
    }
}

#[test]
fn encoders_learn_by_what_makes_sense_for_them() {
    let bench = TextBench::set_up();
    let train = |args: &[&str]| bench.drawn(&["-e", "3"]).args(args).run().expect_code(0);
    let all = [
        "--recipe",
        "roberta",
        "--warm-up",
        "0.5",
        "--class-weights",
        "balanced",
        "--ema",
        "0.9",
        "--clip",
        "1",
        "--accumulate",
        "2",
        "--refit",
        "--checkpoint-dir",
        "run",
    ];
    let run = train(&all);
    for record in run.records() {
        let hyper = &record["finetune"]["hyper"];
        let said = ["recipe", "warm_up", "class_weights", "ema", "clip", "refit"];
        let said = said.map(|name| hyper[name].clone());
        let expected = [
            json!("roberta"),
            json!(0.5),
            json!("balanced"),
            json!(0.9),
            json!(1.0),
        ];
        assert_eq!(said[..5], expected);
        assert_eq!((&said[5], &hyper["lr"]), (&json!(true), &json!(0.003)));
        let examples = &record["finetune"]["examples"];
        let both = examples["train"].as_u64().unwrap() + examples["valid"].as_u64().unwrap();
        assert_eq!(record["finetune"]["refit"]["examples"], both);
    }
    assert_eq!(
        train(&[&all[..], &["--resume"]].concat()).stdout,
        run.stdout
    );
    let plain = train(&[]).records();
    for (record, plain) in run.records().iter().zip(&plain) {
        assert!(reached(record, "valid_loss") != reached(plain, "valid_loss"));
    }
}

#[test]
fn the_classifier_of_an_encoder_is_trained_alone() {
    let bench = TextBench::set_up();
    let record = bench.pretrained();
    let id = record["id"].as_str().unwrap();
    // A plain backbone leaves a folder that is a model.
    let weights = format!("pre/{id}");
    let args = [
        "--weights",
        &weights,
        "--freeze",
        "body",
        "-e",
        "1",
        "--lr",
        "0.01",
    ];
    let run = bench.finetune(&args).args(["--checkpoint-dir", "then"]);
    let run = run.stdin(record.to_string()).run().expect_code(0);
    assert_eq!(run.records()[0]["finetune"]["hyper"]["frozen"], "body");
    let file = |folder: &str| tensors(&bench.path().join(format!("{folder}/{id}.safetensors")));
    let (before, after) = (file("pre"), file("then"));
    for (name, value) in &before {
        let is_head = name.starts_with("classifier") || name.contains("pooler");
        assert_eq!(*value != after[name], is_head, "{name}");
    }
}
