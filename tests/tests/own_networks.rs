//! Networks in files of ONNX as candidates, from knas-sample to knas-predict.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use knas_tests::{Tool, records, records_of, scratch};
use serde_json::{Value, json};

const CELLS: [&str; 2] = [
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
    "|skip_connect~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|",
];

/// A tool in a folder.
fn tool(name: &str, folder: &Path, args: &[&str]) -> Tool {
    Tool::new(name).current_dir(folder).args(args)
}

/// Pictures of as many classes, which colours tell apart.
fn pictures(folder: &Path, classes: u32) {
    for class in 0..classes {
        let place = folder.join("pictures").join(format!("class {class}"));
        fs::create_dir_all(&place).unwrap();
        for number in 0..8_u32 {
            let picture = RgbImage::from_fn(32, 32, |x, y| {
                let noise = ((x * 7 + y * 13 + number * 31) % 61) as u8;
                Rgb([0, 1, 2].map(|channel| noise + if channel == class { 180 } else { 20 }))
            });
            picture.save(place.join(format!("{number}.png"))).unwrap();
        }
    }
}

/// Two cells as records in `cells.ndjson`, their weights in `cells/`, and both together
/// in files of ONNX in `models/`.
fn models(folder: &Path) {
    let cell = |(number, arch)| {
        let size = json!({"channels": 4, "cells": 1, "classes": 3});
        json!({"id": format!("cell{number}"), "space": "nb201", "arch": arch, "size": size})
    };
    let cells: Vec<String> = (0..)
        .zip(CELLS)
        .map(|cell_of| cell(cell_of).to_string())
        .collect();
    fs::write(folder.join("cells.ndjson"), cells.join("\n")).unwrap();
    let _ = records_of("knas-export", folder, &["-o", "models", "cells.ndjson"]);
    let args = ["--format", "safetensors", "-o", "cells", "cells.ndjson"];
    let _ = records_of("knas-export", folder, &args);
}

const FILES: [&str; 4] = ["--space", "onnx", "models/cell0.onnx", "models/cell1.onnx"];

#[test]
fn a_file_is_scored_as_what_it_was_made_from() {
    let (scratch, noise) = (scratch(), ["--data", "noise", "--samples", "8"]);
    let folder = scratch.path();
    models(folder);
    let own = records_of("knas-sample", folder, &[&FILES[..], &["-o", "-"]].concat());
    let sizes = ["--size", "channels=4,cells=1,classes=3"];
    let arch = CELLS.map(|cell| ["--arch", cell]).concat();
    let cells = records_of("knas-sample", folder, &[&arch[..], &sizes].concat());
    for (own, cell) in own.iter().zip(&cells) {
        assert_eq!(
            (&own["params"], &own["macs"]),
            (&cell["params"], &cell["macs"])
        );
        assert!(own.get("size").is_none(), "{own}");
    }
    let own: Vec<String> = own.iter().map(Value::to_string).collect();
    fs::write(folder.join("own.ndjson"), own.join("\n")).unwrap();
    let scores = |file: &str, weights: &[&str]| {
        let proxies = ["--proxy", "mgm,naswot,synflow,zen,params,jacob-cov"];
        let args = [&noise[..], &["--seed", "3"], &proxies, weights, &[file]].concat();
        let scored = records_of("knas-score", folder, &args);
        let scores = scored.iter().map(|record| record["scores"].clone());
        (scores.collect::<Vec<_>>(), scored)
    };
    let (of_files, scored) = scores("own.ndjson", &["--weights", "own"]);
    assert_eq!(of_files, scores("cells.ndjson", &["--weights", "cells"]).0);
    let settings = &scored[0]["scored"][0];
    assert_eq!(settings["init"], "own");
    assert!(settings.get("head").is_none(), "{settings}");
    // Drawn weights are others, and so is a drawn classifier, with which classes are
    // those of the data.
    assert_ne!(of_files, scores("own.ndjson", &[]).0);
    let five = ["--weights", "own", "--size", "classes=5"];
    let run = tool(
        "knas-score",
        folder,
        &[&noise[..], &five, &["own.ndjson"]].concat(),
    )
    .run();
    let said = &run.expect_code(1).stderr;
    assert!(
        said.contains("models/cell0.onnx tells 3 classes apart, and not 5"),
        "{said}"
    );
    assert!(said.contains("--new-head"), "{said}");
    let (with_new, scored) = scores("own.ndjson", &[&five[..], &["--new-head"]].concat());
    assert_ne!(of_files, with_new);
    let settings = &scored[0]["scored"][0];
    assert_eq!(
        (&settings["init"], &settings["head"]),
        (&json!("own"), &json!("drawn"))
    );
    assert_eq!(settings["network"]["classes"], 5);
    // A notation is no file of weights.
    let args = [&noise[..], &["--weights", "own", "cells.ndjson"]].concat();
    let run = tool("knas-score", folder, &args).run();
    let said = &run.expect_code(1).stderr;
    assert!(
        said.contains("a network of nb201 has no weights of its own"),
        "{said}"
    );
}

#[test]
fn a_file_is_trained_evaluated_exported_and_predicts() {
    let scratch = scratch();
    let folder = scratch.path();
    models(folder);
    pictures(folder, 3);
    let _ = records_of(
        "knas-sample",
        folder,
        &[&FILES[..], &["-o", "own.ndjson"]].concat(),
    );
    let data = ["--data", "folder:pictures", "--batch", "4"];
    let evaluate = ["--evaluate", "--weights", "own", "own.ndjson"];
    let before = records_of("knas-finetune", folder, &[&data[..], &evaluate].concat());
    assert_eq!(before[0]["evaluated"]["weights"], "models/cell0.onnx");
    let train = [
        "--weights",
        "own",
        "--epochs",
        "8",
        "--checkpoint-dir",
        "run",
        "own.ndjson",
    ];
    let trained = records_of("knas-finetune", folder, &[&data[..], &train].concat());
    let hyper = &trained[0]["finetune"]["hyper"];
    assert_eq!(hyper["init"], "own");
    let arch = trained[0]["arch"].as_str().unwrap();
    let hash = arch.rsplit_once("@sha256:").unwrap().1;
    assert_eq!(hyper["weights_sha256"], hash);
    let reached = |record: &Value| record["finetune"]["valid_loss"].as_f64();
    assert!(
        reached(&trained[0]) < Some(0.5),
        "{}",
        trained[0]["finetune"]
    );
    // A new head on the body of a file, for other classes.
    pictures(folder, 5);
    let more = [
        &data[..],
        &[
            "--new-head",
            "--weights",
            "own",
            "--epochs",
            "1",
            "own.ndjson",
        ],
    ];
    let with_new = records_of("knas-finetune", folder, &more.concat());
    assert_eq!(with_new[0]["finetune"]["hyper"]["head"], "drawn");
    assert_eq!(with_new[0]["finetune"]["network"]["classes"], 5);
    // What was trained goes out as it came in, and its weights say what they are.
    let id = trained[0]["id"].as_str().unwrap();
    let weights = format!("run/{id}.safetensors");
    let text = |record: &str, folder_of: &str, more: &[&str]| {
        let args = [&["--format", "text", "-o", folder_of], more, &[record]].concat();
        let written = records_of("knas-export", folder, &args);
        fs::read_to_string(folder.join(written[0]["export"]["path"].as_str().unwrap())).unwrap()
    };
    let _ = records_of("knas-export", folder, &["-o", "again", &weights]);
    let again = [
        "--space",
        "onnx",
        &format!("again/{id}.onnx"),
        "-o",
        "again.ndjson",
    ];
    let _ = records_of("knas-sample", folder, &again);
    assert_eq!(
        text("again.ndjson", "t1", &[]),
        text("own.ndjson", "t2", &[])
    );
    let model = ["--model", &weights, "pictures/class 1/0.png"];
    let predicted = records_of("knas-predict", folder, &model);
    assert_eq!(predicted[0]["class"], "class 1", "{}", predicted[0]);
    // The file itself as ONNX again: weights and all.
    let _ = records_of(
        "knas-export",
        folder,
        &["-o", "copy", "--weights", "own", "own.ndjson"],
    );
    let copy = [
        "--space",
        "onnx",
        &format!("copy/{id}.onnx"),
        "-o",
        "copy.ndjson",
    ];
    let _ = records_of("knas-sample", folder, &copy);
    let score = |of: &str| {
        let args = ["--data", "noise", "--samples", "4", "--weights", "own", of];
        records_of("knas-score", folder, &args)[0]["scores"].clone()
    };
    assert_eq!(score("copy.ndjson"), score("own.ndjson"));
}

#[test]
fn what_is_no_candidate_costs_itself_alone() {
    let scratch = scratch();
    let folder = scratch.path();
    models(folder);
    fs::copy(
        folder.join("models/cell1.onnx"),
        folder.join("models/same.onnx"),
    )
    .unwrap();
    fs::write(folder.join("models/bad.onnx"), "no model").unwrap();
    let more = ["models/bad.onnx", "models/none.onnx", "models/same.onnx"];
    let args = [&FILES[..], &more, &["-o", "own.ndjson"]].concat();
    let run = tool("knas-sample", folder, &args).run();
    let said = run.expect_code(1).stderr.clone();
    assert_eq!(
        records(&fs::read_to_string(folder.join("own.ndjson")).unwrap()).len(),
        2
    );
    for part in [
        "\"models/bad.onnx\": not a model of ONNX",
        "\"models/none.onnx\": No such file",
        "models/same.onnx holds the same as models/cell1.onnx",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // Files of other sizes than the flags tell, and flags that no file has.
    let run = tool(
        "knas-sample",
        folder,
        &[&FILES[..], &["--size", "side=1024"]].concat(),
    )
    .run();
    let found = records(&run.expect_code(0).stdout);
    assert_eq!(found[0]["size"], json!({"side": 1024}));
    for (args, said) in [
        (
            &[&FILES[..], &["--size", "depth=3"]].concat()[..],
            "no size \"depth\"",
        ),
        (&["--space", "onnx"], "before it is told files"),
        (&["--space", "onnx", "-n", "3"], "before it is told files"),
        (&["models/cell0.onnx"], "nb201 is not made of files"),
        (
            &["--space", "onnx", "models/bad.onnx"],
            "no FILE is a candidate",
        ),
        (
            &[
                "--space",
                "onnx",
                "models/cell0.onnx",
                "-o",
                "models/cell0.onnx",
            ],
            "same file",
        ),
    ] {
        let run = tool("knas-sample", folder, args).run();
        let stderr = &run.expect_code(2).stderr;
        assert!(stderr.contains(said), "{stderr}");
    }
    // A run that goes on knows what is there.
    let resumed = [&FILES[..], &["-o", "own.ndjson", "--resume"]].concat();
    let _ = tool("knas-sample", folder, &resumed).run().expect_code(0);
    let other = [&resumed[..], &["--size", "side=64"]].concat();
    let said = &tool("knas-sample", folder, &other)
        .run()
        .expect_code(2)
        .stderr
        .clone();
    assert!(said.contains("size"), "{said}");
    // A file that has changed since, and one that is gone, fail alone.
    let bytes = fs::read(folder.join("models/cell1.onnx")).unwrap();
    fs::write(folder.join("models/cell0.onnx"), &bytes).unwrap();
    let score = ["--data", "noise", "--samples", "4", "own.ndjson"];
    let run = tool("knas-score", folder, &score).run();
    let run = run.expect_code(1);
    assert!(
        run.stderr.contains("the file has changed"),
        "{}",
        run.stderr
    );
    let scored = run.records();
    assert_eq!(scored[0]["error"]["kind"], "bad_arch");
    assert!(scored[1]["score"].is_number(), "{}", scored[1]);
}
