//! Candidates that fail, and what does not fail with them.

use std::fs;
use std::path::Path;
use std::process::Command;

use knas_tests::{Tool, missing};
use serde_json::Value;

use crate::{Bench, cells};

fn kinds(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|r| r["error"]["kind"].as_str().unwrap_or("none"))
        .collect()
}

#[test]
fn training_that_diverges_says_so() {
    let bench = Bench::set_up();
    let run = bench
        .finetune(&["--epochs", "3", "--lr", "1e30"])
        .stdin(cells("2"));
    let run = run.run().expect_code(1);
    assert_eq!(kinds(&run.records()), ["diverged", "diverged"]);
    for record in run.records() {
        let message = record["error"]["message"].as_str().unwrap();
        assert!(message.contains("in epoch 1, step "), "{message}");
        assert!(
            message.contains("a smaller learning rate may help"),
            "{message}"
        );
        assert!(record.get("finetune").is_none());
    }
}

#[test]
fn one_that_diverges_leaves_the_others_alone() {
    let bench = Bench::set_up();
    let input = cells("3");
    let train = |folder: &str, weights: &[&str]| {
        let args = ["--epochs", "2", "--checkpoint-dir", folder];
        let run = bench.finetune(&args).args(weights);
        run.stdin(input.as_str()).run()
    };
    let records = train("first", &[]).expect_code(0).records();
    let good = train("good", &["--weights", "first"]).expect_code(0);
    // One weight of the second becomes NaN.
    let id = records[1]["id"].as_str().unwrap();
    let path = bench.path().join(format!("first/{id}.safetensors"));
    let mut bytes = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let place = table["stem.0.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[8 + header + place..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let run = train("bad", &["--weights", "first"]).expect_code(1);
    assert_eq!(kinds(&run.records()), ["none", "diverged", "none"]);
    for place in [0, 2] {
        let accuracy = |records: &[Value]| records[place]["finetune"]["valid_accuracy"].clone();
        assert_eq!(accuracy(&run.records()), accuracy(&good.records()));
    }
}

/// Where a file may not grow beyond a size, writing fails as on a full disk.
#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_last_good_one() {
    let bench = Bench::set_up();
    let input = bench.path().join("cells.ndjson");
    fs::write(&input, cells("1")).unwrap();
    let run = || bench.finetune(&["--epochs", "400", "--checkpoint-dir", "run", "cells.ndjson"]);
    // Some epochs, kept by a run that is killed.
    let mut child = run().command().spawn().unwrap();
    let manifest = loop {
        let found = fs::read_dir(bench.path().join("run")).into_iter().flatten();
        let mut found = found.map(|entry| entry.unwrap().path());
        if let Some(path) = found.find(|p| p.extension().is_some_and(|e| e == "json")) {
            break path;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    child.kill().unwrap();
    child.wait().unwrap();

    let limited = run().arg("--resume").command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]);
    shell
        .arg(limited.get_program())
        .args(limited.get_args())
        .current_dir(bench.path());
    let output = shell.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["error"]["kind"], "checkpoint");
    let message = record["error"]["message"].as_str().unwrap();
    assert!(message.contains("cannot write run/nb201-"), "{message}");
    assert!(message.contains("File too large"), "{message}");
    let epoch = fs::read_to_string(&manifest).unwrap();
    let epoch: Value = serde_json::from_str(&epoch).unwrap();
    let kept = format!("the checkpoint of epoch {} is kept", epoch["epoch"]);
    assert!(message.contains(&kept), "{message}");
    // It is whole: evaluation checks it against its hash.
    let run = bench.finetune(&["--evaluate", "--checkpoint-dir", "run", "cells.ndjson"]);
    let _ = run.run().expect_code(0);
}

/// The same on a file system that is really full, where one can be made.
#[test]
fn a_full_disk_leaves_the_last_good_checkpoint() {
    let bench = Bench::set_up();
    let input = cells("1");
    let train = |folder: &str| {
        let run = bench.finetune(&["--epochs", "3", "--checkpoint-dir", folder]);
        run.stdin(input.as_str()).run()
    };
    let _ = train("roomy").expect_code(0);
    let sizes = fs::read_dir(bench.path().join("roomy")).unwrap();
    let pages = sizes.map(|entry| entry.unwrap().metadata().unwrap().len().div_ceil(4096));
    // One set of files fits and two do not.
    let size = format!("size={}", pages.sum::<u64>() * 4096 * 3 / 2);
    let disk = bench.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        missing("mount", "no small file system can be mounted here");
        return;
    }
    let run = train("disk");
    let evaluated = bench.finetune(&["--evaluate", "--checkpoint-dir", "disk"]);
    let evaluated = evaluated.stdin(input.as_str()).run();
    let names: Vec<_> = fs::read_dir(&disk)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    let run = run.expect_code(1);
    let message = run.records()[0]["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("No space left on device"), "{message}");
    assert!(
        message.contains("is kept; --resume goes on from it"),
        "{message}"
    );
    let _ = evaluated.expect_code(0);
    let mut names: Vec<String> = names
        .into_iter()
        .map(|n| n.into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        names.iter().all(|name| !name.ends_with(".new")),
        "{names:?}"
    );
}

#[test]
fn what_cannot_be_trained_is_named_and_the_rest_is_trained() {
    let bench = Bench::set_up();
    let good = cells("1");
    let arch = good
        .split("\"arch\":")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let line = |id: &str, space: &str, arch: &str| {
        format!("{{\"id\":\"{id}\",\"space\":\"{space}\",\"arch\":{arch}}}\n")
    };
    let id = good.split('"').nth(3).unwrap();
    let other = "\"|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\"";
    let input = [
        line("a", "nb201", "\"|none|\""),
        line("b", "nb202", arch),
        line("../escaped", "nb201", arch),
        "not json\n".to_owned(),
        line("c", "nb201", "7"),
        good.clone(),
        line(id, "nb201", other),
        line("c.optimizer", "nb201", arch),
    ]
    .concat();
    let run = bench.finetune(&["--epochs", "1", "--checkpoint-dir", "run"]);
    let run = run.stdin(input.as_str()).run().expect_code(1);
    let expected = [
        "bad_arch",
        "unknown_space",
        "bad_id",
        "bad_record",
        "none",
        "duplicate_id",
        "checkpoint",
    ];
    assert_eq!(kinds(&run.records()), expected);
    assert!(
        run.stderr.contains("stdin:4: not a JSON object"),
        "{}",
        run.stderr
    );
    assert!(!bench.path().join("escaped.json").exists());
    let skipped = bench.finetune(&["--epochs", "1", "--on-error", "skip"]);
    let skipped = skipped.stdin(line("b", "nb202", arch)).run().expect_code(1);
    assert_eq!(skipped.stdout, "");
    // A missing folder of weights ends the run; a missing file, its candidate.
    let _ = bench
        .finetune(&["--weights", "nowhere"])
        .run()
        .expect_code(2)
        .expect_stderr("--weights nowhere");
    let run = bench
        .finetune(&["--weights", "images"])
        .stdin(good)
        .run()
        .expect_code(1);
    assert_eq!(kinds(&run.records()), ["weights"]);
}

#[test]
fn data_that_cannot_be_trained_on_ends_the_run() {
    let nowhere = knas_tests::scratch();
    let run = |data: &[&str]| {
        let tool = Tool::new("knas-finetune").args(data).stdin(cells("1"));
        tool.env("XDG_CACHE_HOME", nowhere.path())
            .run()
            .expect_code(2)
    };
    assert!(run(&[]).stderr.contains("scripts/fetch-data.sh"));
    assert!(
        run(&["--data", "noise"])
            .stderr
            .contains("noise cannot be trained on")
    );
    assert!(
        run(&["--data", "folder:/nowhere"])
            .stderr
            .contains("/nowhere")
    );
    assert!(Path::new("/nowhere").metadata().is_err());
    for flag in [
        ["--lr", "0"],
        ["--lr", "nan"],
        ["--momentum", "1"],
        ["--train-limit", "0"],
        ["--epochs", "0"],
    ] {
        let run = Tool::new("knas-finetune").args(flag).run().expect_code(2);
        assert!(run.stderr.contains(flag[0]), "{}", run.stderr);
    }
}
