//! Variations of one network, from knas-sample to knas-export.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use knas_tests::{Tool, records, records_of, scratch};
use serde_json::{Value, json};

const SCORE: [&str; 6] = [
    "--data",
    "noise",
    "--samples",
    "4",
    "--proxy",
    "mgm,naswot,synflow",
];

const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|none~1|nor_conv_1x1~2|";

fn tool(name: &str, folder: &Path, args: &[&str]) -> Tool {
    Tool::new(name).current_dir(folder).args(args)
}

fn write(folder: &Path, name: &str, records: &[Value]) {
    let text: Vec<String> = records.iter().map(Value::to_string).collect();
    fs::write(folder.join(name), text.join("\n")).unwrap();
}

/// A cell in a small skeleton as a record, and as a file of ONNX.
fn base(folder: &Path) {
    let size = json!({"channels": 8, "cells": 2});
    let record = json!({"id": "cell", "space": "nb201", "arch": CELL, "size": size});
    write(folder, "cell.ndjson", &[record]);
    let _ = records_of("knas-export", folder, &["-o", "models", "cell.ndjson"]);
}

#[test]
fn variations_of_a_record_and_of_its_file_are_the_same_networks() {
    let scratch = scratch();
    let folder = scratch.path();
    base(folder);
    let sample = |base: &str| {
        let args = [
            "--space",
            "vary",
            "--base",
            base,
            "-n",
            "8",
            "--with-baseline",
        ];
        records_of("knas-sample", folder, &args)
    };
    let (of_record, of_file) = (sample("cell.ndjson"), sample("models/cell.onnx"));
    assert_eq!((of_record.len(), of_file.len()), (8, 8));
    let ids: HashSet<&str> = of_record
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 8);
    let changes = |record: &Value| {
        let arch = record["arch"].as_str().unwrap();
        arch.split_once('@').unwrap().0.to_owned()
    };
    assert_eq!(changes(&of_record[0]), "plain");
    // The same changes, of a notation and of a file: the same counts; with the file's
    // weights where layers keep their sizes, those of the network itself otherwise drawn.
    let mut kept = 0;
    for one in &of_file {
        let arch = one["arch"].as_str().unwrap();
        let same = arch.replace(arch.split_once('@').unwrap().1, &{
            let own = of_record[0]["arch"].as_str().unwrap();
            own.split_once('@').unwrap().1.to_owned()
        });
        let args = ["--space", "vary", "--arch", &same];
        let again = &records_of("knas-sample", folder, &args)[0];
        assert_eq!(
            (&again["params"], &again["macs"]),
            (&one["params"], &one["macs"])
        );
        kept += usize::from(!arch.contains("width") && !arch.contains("kernel"));
    }
    assert!(kept > 1, "{of_file:?}");
    write(folder, "files.ndjson", &of_file);
    let args = [&SCORE[..], &["--weights", "own", "files.ndjson"]].concat();
    let run = tool("knas-score", folder, &args).run();
    let run = run.expect_code(1);
    let scored = run.records();
    let scored = scored
        .iter()
        .filter(|record| record["score"].is_number())
        .count();
    assert_eq!(scored, kept, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("a network of vary has no weights of its own"),
        "{}",
        run.stderr
    );
    // Plain is what it is of, with the same first weights.
    write(folder, "plain.ndjson", &of_record[..1]);
    let score = |file: &str| {
        let args = [&SCORE[..], &[file]].concat();
        records_of("knas-score", folder, &args)[0]["scores"].clone()
    };
    assert_eq!(score("plain.ndjson"), score("cell.ndjson"));
}

#[test]
fn variations_are_mutated_and_exported() {
    let scratch = scratch();
    let folder = scratch.path();
    base(folder);
    let arch = format!("drop2,width2=0.5,kernel2=5,link1-3@nb201[cells=2,channels=8]:{CELL}");
    let args = ["--space", "vary", "--arch", &arch, "-o", "one.ndjson"];
    let said = &tool("knas-sample", folder, &args)
        .run()
        .expect_code(2)
        .stderr
        .clone();
    assert!(
        said.contains("kernel2=5: it is in block 2, which is left out"),
        "{said}"
    );
    let arch = arch.replace("kernel2", "kernel3");
    let args = ["--space", "vary", "--arch", &arch, "-o", "one.ndjson"];
    let _ = records_of("knas-sample", folder, &args);
    let mutate = [
        "--space",
        "vary",
        "--mutate",
        "5",
        "--parents",
        "one.ndjson",
    ];
    let mutants = records_of("knas-sample", folder, &mutate);
    assert_eq!(mutants.len(), 5);
    assert!(mutants.iter().all(|mutant| mutant["arch"] != arch.as_str()));
    // What is exported comes back as the same graph.
    let _ = records_of("knas-export", folder, &["-o", "out", "one.ndjson"]);
    let id = records(&fs::read_to_string(folder.join("one.ndjson")).unwrap())[0]["id"].clone();
    let file = format!("out/{}.onnx", id.as_str().unwrap());
    let args = ["--space", "onnx", &file, "-o", "again.ndjson"];
    let _ = records_of("knas-sample", folder, &args);
    let text = |record: &str, out: &str| {
        let args = ["--format", "text", "-o", out, record];
        let written = records_of("knas-export", folder, &args);
        fs::read_to_string(folder.join(written[0]["export"]["path"].as_str().unwrap())).unwrap()
    };
    let without_blocks = |text: String| {
        let kept = text.lines().filter(|line| !line.starts_with("block "));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, again) = (text("one.ndjson", "t1"), text("again.ndjson", "t2"));
    assert_eq!(without_blocks(one), without_blocks(again));
}

#[test]
fn a_network_to_vary_has_to_be_there() {
    let scratch = scratch();
    let folder = scratch.path();
    base(folder);
    fs::write(folder.join("bad.onnx"), "no model").unwrap();
    for (args, said) in [
        (&["--space", "vary", "-n", "3"][..], "--base FILE"),
        (&["--space", "vary", "--base", "none.onnx"], "none.onnx"),
        (
            &["--space", "vary", "--base", "bad.onnx"],
            "not a model of ONNX",
        ),
        (&["--space", "vary", "--base", "nb202:x"], "no space"),
        (
            &[
                "--space",
                "vary",
                "--base",
                "roberta-skip:tiny:1|2|3|4|head",
            ],
            "texts",
        ),
        (&["--base", "resnet:resnet18"], "nb201 has no"),
        (
            &[
                "--space",
                "vary",
                "--base",
                "resnet:resnet18",
                "--preset",
                "tiny",
            ],
            "no preset",
        ),
        (
            &["--space", "vary", "--base", "resnet:resnet18", "--all"],
            "cannot be enumerated",
        ),
    ] {
        let run = tool("knas-sample", folder, args).run();
        let stderr = &run.expect_code(2).stderr;
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}
