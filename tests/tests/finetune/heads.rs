//! Classifiers for another number of classes, and networks of another size.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use knas_tests::model::{self, layout};
use knas_tests::{Tool, scratch};
use serde_json::Value;

use crate::{Bench, cells, reached};

/// A picture of one grey point.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

/// Images in three classes.
pub fn folder(path: &Path) -> String {
    let picture = BASE64_STANDARD.decode(PNG).unwrap();
    for class in ["a", "b", "c"] {
        fs::create_dir_all(path.join("three").join(class)).unwrap();
        for number in 0..4 {
            let name = format!("three/{class}/{number}.png");
            fs::write(path.join(name), &picture).unwrap();
        }
    }
    format!("folder:{}", path.join("three").display())
}

/// The weights of the first convolution in a file.
fn stem(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let end = |at: usize| {
        let offset = &table["stem.0.weight"]["data_offsets"][at];
        offset.as_u64().unwrap() as usize
    };
    let numbers = bytes[8 + header..][end(0)..end(1)].chunks_exact(4);
    numbers
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

#[test]
fn a_network_for_other_classes_gives_its_body() {
    let bench = Bench::set_up();
    let input = cells("1");
    let first = bench.finetune(&["--epochs", "1", "--checkpoint-dir", "first"]);
    let first = first.stdin(input.as_str()).run().expect_code(0).records();
    let id = first[0]["id"].as_str().unwrap();
    let data = folder(bench.path());
    let file = format!("first/{id}.safetensors");
    let train = |weights: &str, more: &[&str]| {
        let run = Tool::new("knas-finetune")
            .args(["--data", &data, "--channels", "4", "--cells", "1", "-q"])
            .args(["--epochs", "1", "--lr", "1e-9", "--weights", weights])
            .args(["--checkpoint-dir", "then"])
            .args(more);
        let run = run.current_dir(bench.path());
        run.stdin(input.as_str()).run()
    };
    let refused = train(&file, &[]).expect_code(2);
    let refused = refused.expect_stderr("its classifier is for 10 classes, not 3");
    let refused = refused.expect_stderr("--new-head keeps the rest and draws a classifier");
    assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.streams());

    for weights in ["first", &file] {
        let _ = fs::remove_dir_all(bench.path().join("then"));
        let run = train(weights, &["--new-head"]).expect_code(0);
        let hyper = &run.records()[0]["finetune"]["hyper"];
        assert_eq!(hyper["init"], "file");
        assert_eq!(hyper["head"], "drawn");
        let before = stem(&bench.path().join(&file));
        let after = stem(&bench.path().join(format!("then/{id}.safetensors")));
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(before.len() == after.len() && before.iter().zip(&after).all(close));
    }
    let alone = bench.finetune(&["--new-head"]).stdin(input.as_str()).run();
    let _ = alone.expect_code(2).expect_stderr("--weights");
}

#[test]
fn an_encoder_for_other_classes_gives_its_body() {
    let scratch = scratch();
    let (model, two) = (
        model::pretrained(scratch.path()),
        model::texts(scratch.path()),
    );
    let three: String = (0..30)
        .map(|n| format!("{{\"text\":\"a b\",\"label\":{}}}\n", n % 3))
        .collect();
    fs::write(scratch.path().join("three.jsonl"), three).unwrap();
    let three = format!("jsonl:{}/three.jsonl", scratch.path().display());
    let train = |data: &str, more: &[&str]| {
        let run = Tool::new("knas-finetune")
            .args(["--epochs", "1", "--data", data, "--weights"])
            .arg(&model)
            .args(more);
        run.stdin(layout("plain", "1|2|3|head")).run()
    };
    let _ = train(&two, &[]).expect_code(0);
    let refused = train(&three, &[]).expect_code(2);
    let refused = refused.expect_stderr("its classifier is for 2 classes, not 3");
    let _ = refused.expect_stderr("--new-head");
    let run = train(&three, &["--new-head"]).expect_code(0);
    let run = run.expect_stderr("the classifier is drawn");
    assert_eq!(run.records()[0]["finetune"]["hyper"]["head"], "drawn");
}

#[test]
fn what_was_trained_at_another_size_is_evaluated_at_it() {
    let bench = Bench::set_up();
    let train = bench.finetune(&["--epochs", "1", "--checkpoint-dir", "run"]);
    let trained = train.stdin(cells("2")).run().expect_code(0);
    let evaluate = |args: &[&str]| {
        let run = Tool::new("knas-finetune").args(["--evaluate", "-q"]);
        let run = run.args(args).current_dir(bench.path());
        run.stdin(trained.stdout.as_str()).run()
    };
    let data = ["--data", &bench.data];
    for record in evaluate(&data).expect_code(0).records() {
        let again = record["evaluated"]["valid_accuracy"].as_f64();
        assert_eq!(again, Some(reached(&record, "valid_accuracy")));
    }
    let other = evaluate(&[&data[..], &["--channels", "5"]].concat()).expect_code(1);
    let _ = other.expect_stderr("the command line says channels=5, and its training channels=4");
    let images = folder(bench.path());
    let other = evaluate(&["--data", &images]).expect_code(1);
    let _ = other.expect_stderr("folder says classes=3, and its training classes=10");
}

#[test]
fn texts_are_cut_as_they_were_in_training() {
    let folder = scratch();
    let (model, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let tool = |args: &[&str]| {
        let tool = Tool::new("knas-finetune").args(["--data", &data]);
        tool.args(args).current_dir(folder.path())
    };
    let model = model.to_str().unwrap();
    let train = tool(&["--epochs", "1", "--length", "6", "--weights", model]);
    let train = train.args(["--checkpoint-dir", "run"]);
    let input = layout("a", "1|2|3|head") + &layout("b", "1|2~0|3|head:mean");
    let trained = train.stdin(input).run().expect_code(0).stdout;
    let evaluate = |args: &[&str]| {
        let tool = tool(&["--evaluate", "--tokenizer", model]).args(args);
        tool.stdin(trained.as_str()).run()
    };
    for record in evaluate(&[]).expect_code(0).records() {
        let (again, first) = (&record["evaluated"], &record["finetune"]);
        assert_eq!(again["valid_accuracy"], first["valid_accuracy"]);
        assert_eq!(again["data_sha256"]["valid"], first["data_sha256"]["valid"]);
    }
    let other = evaluate(&["--length", "8"]).expect_code(1);
    let _ = other.expect_stderr("it was trained with a length of 6 tokens, not 8");
}
