//! What cannot be exported.

use std::fs;
use std::path::Path;

use knas_tests::scratch;
use serde_json::json;

use crate::{BERT, CELL, export, record};

#[test]
fn a_record_that_cannot_be_exported_fails_alone() {
    let folder = scratch();
    let sized = json!({"id": "e", "space": "nb201", "arch": CELL, "size": {"cells": 2}});
    let input = [
        record("a", "nb201", "|x"),
        record("b", "nb202", CELL),
        record("../c", "nb201", CELL),
        format!("{}\n", json!({"id": "d"})),
        format!("{sized}\n"),
        record("f", "nb201", CELL),
    ];
    let args = ["-o", "out", "--size", "cells=1"];
    let run = export(folder.path(), &args, &input.concat())
        .run()
        .expect_code(1);
    let records = run.records();
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record["error"]["kind"].as_str().unwrap_or("-"))
        .collect();
    let expected = [
        "bad_arch",
        "unknown_space",
        "bad_id",
        "bad_record",
        "other_size",
        "-",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(records[0]["error"]["stage"], "export");
    assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = scratch();
    let path = folder.path();
    let small = [
        "-f",
        "safetensors",
        "-o",
        "drawn",
        "--size",
        "channels=4,cells=1",
    ];
    let _ = export(path, &small, &record("a", "nb201", CELL))
        .run()
        .expect_code(0);
    let weights = "drawn/a.safetensors";
    let run = export(
        path,
        &["-o", "out", "--weights", weights],
        &record("a", "nb201", CELL),
    )
    .run();
    let run = run.expect_code(1);
    let message = run.records()[0]["error"]["message"].to_string();
    assert!(message.contains("stem.0.weight"), "{message}");
    // What it was drawn at is not in the file.
    let run = export(path, &["-o", "out", weights], "")
        .run()
        .expect_code(2);
    assert!(
        run.stderr.contains("does not say what network"),
        "{}",
        run.stderr
    );
    // A file that would be read and replaced.
    let before = fs::read(path.join(weights)).unwrap();
    let args = ["-f", "torch", "-o", "drawn", "--checkpoint-dir", "drawn"];
    let size = ["--size", "channels=4,cells=1"];
    let run = export(path, &args, &record("a", "nb201", CELL))
        .args(size)
        .run();
    let run = run.expect_code(1);
    assert!(run.stderr.contains("same file"), "{}", run.stderr);
    assert_eq!(fs::read(path.join(weights)).unwrap(), before);
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let folder = scratch();
    let input = record("a", "roberta-skip", BERT);
    for (args, code, said) in [
        (&[][..], 2, "-o DIR"),
        (&["-o", "out", "--resume"], 2, "--resume"),
        (&["-o", "out", "--size", "cells"], 2, "NAME=N"),
        (&["-o", "out", "--with-preprocessing"], 1, "for images"),
        (
            &["-o", "out", "-f", "torch", "--with-preprocessing"],
            2,
            "--format onnx",
        ),
        (
            &["-o", "out", "--size", "classes=3,classes=4"],
            2,
            "the flags say classes=3 and classes=4",
        ),
        (&["-o", "out", "--size", "cells=3"], 1, "classes, length"),
    ] {
        let run = export(folder.path(), args, &input).run().expect_code(code);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

/// Weights of a small network, drawn from this seed.
fn drawn(folder: &Path, out: &str, seed: &str) -> String {
    let args = ["-f", "safetensors", "-o", out, "--seed", seed];
    let args = [&args[..], &["--size", "channels=4,cells=1"]].concat();
    let run = export(folder, &args, &record("a", "nb201", CELL)).run();
    let run = run.expect_code(0);
    let file = run.records()[0]["export"]["path"].clone();
    file.as_str().unwrap().to_owned()
}

#[test]
fn nothing_that_is_read_is_replaced() {
    let folder = scratch();
    let path = folder.path();
    // The records themselves.
    fs::write(path.join("a.txt"), record("a", "nb201", CELL)).unwrap();
    let run = export(path, &["-f", "text", "-o", ".", "a.txt"], "").run();
    let run = run.expect_code(1).expect_stderr("same file");
    assert!(run.stdout.contains("\"error\""), "{}", run.stdout);
    let kept = fs::read_to_string(path.join("a.txt")).unwrap();
    assert_eq!(kept, record("a", "nb201", CELL));
}

#[test]
fn two_trainings_of_one_network_are_two_things() {
    let folder = scratch();
    let path = folder.path();
    let files = [drawn(path, "one", "1"), drawn(path, "two", "2")];
    let line = |file: &str| {
        let record = json!({
            "id": "a", "space": "nb201", "arch": CELL,
            "size": {"channels": 4, "cells": 1}, "finetune": {"checkpoint": file},
        });
        format!("{record}\n")
    };
    let input = files.each_ref().map(|file| line(file)).concat();
    let run = export(path, &["-o", "out"], &input).run().expect_code(1);
    assert_eq!(run.records()[1]["error"]["kind"], "duplicate_id");
    // The same one again is once more the same.
    let input = [line(&files[0]), line(&files[0])].concat();
    let run = export(path, &["-o", "out"], &input).run().expect_code(0);
    assert_eq!(run.records().len(), 1);
    // The graph needs no weights, and so none are missed.
    let input = line("gone.safetensors");
    let run = export(path, &["-o", "out", "-f", "text"], &input).run();
    let _ = run.expect_code(0);
    // How images are prepared for them, these weights do not say.
    let run = export(
        path,
        &["-o", "out", "--with-preprocessing"],
        &line(&files[0]),
    )
    .run();
    let run = run.expect_code(1);
    let message = run.records()[0]["error"]["message"].to_string();
    assert!(message.contains("do not say how images"), "{message}");
}
