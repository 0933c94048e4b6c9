//! Networks of any size, on images of any side.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};

const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|nor_conv_3x3~1|none~2|";

/// Three classes of eight pictures each, which are not square.
fn pictures(folder: &Path) {
    for class in 0..3 {
        let place = folder.join("pictures").join(format!("class {class}"));
        fs::create_dir_all(&place).unwrap();
        for number in 0..8 {
            let picture = RgbImage::from_fn(40, 30, |x, y| {
                let wave = (x * (class + 1) + y + number) / 5 % 2;
                Rgb([0, 1, 2].map(|of| if of == class { 90 } else { 30 } + 90 * wave as u8))
            });
            picture.save(place.join(format!("{number}.png"))).unwrap();
        }
    }
}

fn tool(name: &str, folder: &Path, args: &[&str]) -> Tool {
    let cache = folder.join("nothing here");
    let tool = Tool::new(name).args(args).current_dir(folder);
    tool.env("XDG_CACHE_HOME", cache)
}

fn record(id: &str, size: Value) -> String {
    let record = json!({"id": id, "space": "nb201", "arch": CELL, "size": size});
    format!("{record}\n")
}

/// What is said of each record that failed: its id, the kind and the message.
fn failures(run: &Outcome) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let records = run.records();
    let failed = records.iter().filter(|record| record["error"].is_object());
    let failed = failed.map(|record| {
        let error = &record["error"];
        (
            text(&record["id"]),
            text(&error["kind"]),
            text(&error["message"]),
        )
    });
    failed.collect()
}

/// From the sample to the prediction, in two spaces, at a side that no data set has.
#[test]
fn a_size_goes_through_all_tools() {
    let folder = scratch();
    let path = folder.path();
    pictures(path);
    for (space, flags, side) in [
        ("nb201", "side=16,classes=3,channels=4,cells=1", 16),
        ("tnb101-macro", "side=48,classes=3", 48),
    ] {
        let args = ["--space", space, "-n", "1", "--seed", "4", "--size", flags];
        let sampled = tool("knas-sample", path, &args).run().expect_code(0);
        let first = &sampled.records()[0];
        assert_eq!(first["size"]["side"], side);
        let id = first["id"].as_str().unwrap();

        let data = ["--data", "folder:pictures"];
        let args = [&data[..], &["-n", "6", "--proxy", "mgm,params,macs"]].concat();
        let scored = tool("knas-score", path, &args).stdin(sampled.stdout.as_str());
        let scored = scored.run().expect_code(0);
        let found = &scored.records()[0];
        assert_eq!(found["scored"]["network"]["side"], side);
        assert_eq!(found["scored"]["network"]["classes"], 3);
        for count in ["params", "macs"] {
            assert_eq!(found["scores"][count].as_f64(), first[count].as_f64());
        }

        let args = [&data[..], &["--epochs", "1", "--batch", "6"]].concat();
        let args = [&args[..], &["--checkpoint-dir", "run", "-q"]].concat();
        let trained = tool("knas-finetune", path, &args).stdin(scored.stdout.as_str());
        let trained = trained.run().expect_code(0);
        let network = &trained.records()[0]["finetune"]["network"];
        assert_eq!(
            (&network["side"], &network["classes"]),
            (&side.into(), &3.into())
        );

        let weights = format!("run/{id}.safetensors");
        let args = [&data[..], &["--evaluate", "-q", &weights]].concat();
        let evaluated = tool("knas-finetune", path, &args).run().expect_code(0);
        assert_eq!(
            evaluated.records()[0]["evaluated"]["valid_accuracy"],
            trained.records()[0]["finetune"]["valid_accuracy"]
        );

        let args = ["--model", &weights, "pictures"];
        let guessed = tool("knas-predict", path, &args).run().expect_code(0);
        assert_eq!(guessed.records().len(), 24);

        let args = ["--format", "text", "-o", "models"];
        let exported = tool("knas-export", path, &args).stdin(trained.stdout.as_str());
        let _ = exported.run().expect_code(0);
        let text = fs::read_to_string(path.join(format!("models/{id}.txt"))).unwrap();
        let shape = format!("3×{side}×{side}");
        assert!(text.contains(&shape), "{shape} is not in {text}");
    }
}

/// Networks of several sides in one run have the scores that each has alone, whatever
/// the number of jobs.
#[test]
fn sizes_do_not_touch_each_other() {
    let folder = scratch();
    let sizes = [
        json!({"side": 16, "channels": 4, "cells": 1}),
        json!({"side": 32, "channels": 4, "cells": 1}),
        json!({"side": 16, "channels": 4, "cells": 1, "classes": 4}),
        json!({"side": 16, "channels": 6, "cells": 1}),
        json!({"side": 16, "channels": 4, "cells": 1}),
    ];
    let lines = sizes.iter().enumerate();
    let lines: Vec<String> = lines
        .map(|(n, size)| record(&format!("n{n}"), size.clone()))
        .collect();
    let score = |input: &str, jobs: &str| {
        let args = [
            "--data", "noise", "-n", "4", "-q", "--proxy", "mgm", "-j", jobs,
        ];
        let run = tool("knas-score", folder.path(), &args).stdin(input).run();
        run.expect_code(0)
    };
    let alone: String = lines.iter().map(|line| score(line, "1").stdout).collect();
    let input = lines.concat();
    assert_eq!(score(&input, "1").stdout, alone);
    assert_eq!(score(&input, "2").stdout, alone);
    let records = score(&input, "2").records();
    assert_eq!(records[0]["scores"], records[4]["scores"]);
    for other in 1..4 {
        assert_ne!(records[0]["scores"], records[other]["scores"]);
    }
    let hash = |n: usize| &records[n]["scored"]["data_sha256"];
    assert_eq!(hash(0), hash(3));
    assert_ne!(hash(0), hash(1));
}

/// Whoever says otherwise is named, and costs no other candidate.
#[test]
fn contradictions_are_told() {
    let folder = scratch();
    let path = folder.path();
    pictures(path);
    let score = |args: &[&str], input: &str| {
        let args = [&["-n", "2", "-q"], args].concat();
        tool("knas-score", path, &args).stdin(input).run()
    };
    let small = json!({"channels": 4, "cells": 1});
    let input = record("good", small.clone())
        + &record("wide", json!({"channels": 8, "cells": 1}))
        + &record("odd", json!({"channels": 4, "cells": 1, "side": 30}))
        + &record("tiny", json!({"channels": 4, "cells": 1, "side": 4}))
        + &record("other", json!({"channels": 4, "cells": 1, "width": 3}))
        + &record("five", json!({"channels": 4, "cells": 1, "classes": 5}));
    let run = score(&["--data", "folder:pictures", "--channels", "4"], &input);
    let run = run.expect_code(1);
    assert!(run.records()[0]["score"].is_number());
    let found = failures(&run);
    for ((id, kind, message), (of, kind_of, said)) in found.iter().zip([
        (
            "wide",
            "other_size",
            "the command line says channels=4, and the record channels=8",
        ),
        ("odd", "bad_size", "must be a multiple of 4"),
        (
            "tiny",
            "data",
            "a side of 4 pixels is not between 8 and 512",
        ),
        (
            "other",
            "bad_size",
            "no size \"width\"; it has channels, cells, classes, side",
        ),
        (
            "five",
            "other_size",
            "folder says classes=3, and the record classes=5",
        ),
    ]) {
        assert_eq!((&**id, &**kind), (of, kind_of), "{message}");
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(found.len(), 5);

    let good = record("good", small);
    for (args, said) in [
        (
            &["--size", "side=7"][..],
            "a side of 7 pixels is not between 8 and 512",
        ),
        (&["--size", "side=2000"], "between 1 and 1024"),
        (&["--size", "colour=2"], "no size \"colour\""),
        (
            &["--size", "classes=4"],
            "folder says classes=3, and the command line classes=4",
        ),
        (
            &["--size", "channels=4", "--channels", "5"],
            "the flags say channels=4 and channels=5",
        ),
        (&["--size", "channels"], "it is NAME=N"),
    ] {
        let args = [&["--data", "folder:pictures"], args].concat();
        let _ = score(&args, &good).expect_code(2).expect_stderr(said);
    }
}

/// Samples of other sizes are neither gone on with nor mutated.
#[test]
fn samples_of_other_sizes_stay_apart() {
    let folder = scratch();
    let path = folder.path();
    let sample = |args: &[&str]| tool("knas-sample", path, args);
    let size = ["--size", "side=64,channels=8"];
    let first = sample(&[&["-n", "3", "-o", "first"], &size[..]].concat());
    let _ = first.run().expect_code(0);
    let text = fs::read_to_string(path.join("first")).unwrap();
    let usual = sample(&["-n", "3"]).run().expect_code(0);
    for (line, usual) in text.lines().zip(usual.records()) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["size"], json!({"side": 64, "channels": 8}));
        assert!(usual.get("size").is_none() && usual["id"] == record["id"]);
        assert_ne!(record["params"], usual["params"]);
    }
    let again = sample(&[&["-n", "4", "-o", "first", "--resume"], &size[..]].concat());
    let _ = again.run().expect_code(0);
    let other = sample(&["-n", "4", "-o", "first", "--resume"]).run();
    let _ = other
        .expect_code(2)
        .expect_stderr("its size is channels=8,side=64, not the usual one");

    let parents = ["-q", "--mutate", "2", "--parents", "first"];
    let other = sample(&parents).run().expect_code(2);
    let _ = other.expect_stderr("its size is channels=8,side=64, not the usual one (see --size)");
    let mutants = sample(&[&parents[..], &size].concat()).run().expect_code(0);
    assert_eq!(
        mutants.column("size")[0],
        json!({"side": 64, "channels": 8})
    );

    let told = sample(&["--list-spaces=mobilenet"]).run().expect_code(0);
    for said in ["width", "percent", "side", "224", "classes", "1000"] {
        assert!(told.stdout.contains(said), "{}", told.stdout);
    }
}
