//! Runs that are killed, interrupted or refused, and taken up again.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::Tool;
use serde_json::Value;

use crate::{Bench, cells, reached};

const EPOCHS: u64 = 16;

/// A run in a folder of its own, so that all runs name the same paths.
fn tool(bench: &Bench, folder: &str, resume: bool) -> Tool {
    let folder = bench.path().join(folder);
    fs::create_dir_all(&folder).unwrap();
    let input = bench.path().join("cells.ndjson");
    if !input.exists() {
        fs::write(&input, cells("2")).unwrap();
    }
    let epochs = EPOCHS.to_string();
    let args = [
        "--epochs",
        &epochs,
        "--checkpoint-dir",
        "run",
        "-o",
        "out.ndjson",
        "-j",
        "2",
    ];
    let tool = bench
        .finetune(&args)
        .args(["--log", "log.ndjson"])
        .arg(input);
    let tool = if resume { tool.arg("--resume") } else { tool };
    tool.current_dir(folder)
}

pub fn start(tool: &Tool) -> Child {
    let mut command = tool.command();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The names in a folder, whose files may come and go meanwhile.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|e| e.file_name().into_string().unwrap())
        .collect()
}

/// All files of a folder, by name.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|e| {
            (
                e.file_name().into_string().unwrap(),
                fs::read(e.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

fn assert_same(bench: &Bench, folder: &str) {
    let (whole, other) = (bench.path().join("whole"), bench.path().join(folder));
    let text = |folder: &Path| fs::read_to_string(folder.join("out.ndjson")).unwrap();
    assert_eq!(text(&whole), text(&other));
    for (left, right) in files(&whole.join("run"))
        .iter()
        .zip(files(&other.join("run")))
    {
        assert_eq!(left.0, right.0);
        assert!(left.1 == right.1, "{} is not the same", left.0);
    }
    // Each epoch of each candidate once, in whatever order.
    let log = fs::read_to_string(other.join("log.ndjson")).unwrap();
    let epoch = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        (entry["id"].to_string(), entry["epoch"].as_u64().unwrap())
    };
    let mut epochs: Vec<_> = log.lines().map(epoch).collect();
    epochs.sort();
    epochs.dedup();
    assert_eq!(
        (epochs.len(), log.lines().count()),
        (2 * EPOCHS as usize, 2 * EPOCHS as usize)
    );
}

fn epoch(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let manifest: Option<Value> = serde_json::from_str(&text).ok();
    manifest
        .and_then(|manifest| manifest["epoch"].as_u64())
        .unwrap_or(0)
}

/// Waits until a candidate's checkpoint has come to an epoch.
fn wait_for(path: &Path, at_least: u64) {
    let begin = Instant::now();
    while epoch(path) < at_least {
        let waited = begin.elapsed();
        assert!(
            waited < Duration::from_secs(300),
            "no epoch {at_least} in {}",
            path.display()
        );
        thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn a_run_killed_ten_times_ends_with_the_same_bytes() {
    let bench = Bench::set_up();
    let _ = tool(&bench, "whole", false).run().expect_code(0);
    let first = bench.path().join("cells.ndjson");
    let id: Value =
        serde_json::from_str(fs::read_to_string(first).unwrap().lines().next().unwrap()).unwrap();
    let manifest = bench
        .path()
        .join("killed/run")
        .join(format!("{}.json", id["id"].as_str().unwrap()));
    for kill in 0..10u64 {
        let mut child = start(&tool(&bench, "killed", kill > 0));
        // Some way into a run, and then any moment of an epoch.
        wait_for(&manifest, (kill * 3 / 2).min(EPOCHS - 2));
        thread::sleep(Duration::from_micros(kill * 7919 % 83 * 1000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!bench.path().join("killed/out.ndjson").exists());
    }
    assert!(
        epoch(&manifest) < EPOCHS,
        "the last run was not killed half-way"
    );
    let _ = tool(&bench, "killed", true).run().expect_code(0);
    assert_same(&bench, "killed");
}

#[test]
fn an_interrupted_run_says_130_and_goes_on() {
    let bench = Bench::set_up();
    let _ = tool(&bench, "whole", false).run().expect_code(0);
    for signal in ["INT", "TERM"] {
        let mut child = start(&tool(&bench, signal, false));
        let run = bench.path().join(signal).join("run");
        let begin = Instant::now();
        while !run.is_dir() || !names(&run).iter().any(|name| name.ends_with(".json")) {
            assert!(begin.elapsed() < Duration::from_secs(300));
            thread::sleep(Duration::from_millis(5));
        }
        let mut kill = Command::new("kill");
        kill.args(["-s", signal, &child.id().to_string()]);
        assert!(kill.status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!bench.path().join(signal).join("out.ndjson").exists());
        // Nothing half-written is left, and no lock.
        for (name, _) in files(&run) {
            assert!(
                !name.ends_with(".new") && !name.ends_with(".lock"),
                "{name}"
            );
        }
        let _ = tool(&bench, signal, true).run().expect_code(0);
        assert_same(&bench, signal);
    }
}

#[test]
fn what_was_changed_or_cut_off_is_refused_by_name_and_the_others_go_on() {
    let bench = Bench::set_up();
    let input = cells("2");
    let train = |args: &[&str]| {
        let run = bench
            .finetune(&["--epochs", "2", "--checkpoint-dir", "run"])
            .args(args);
        run.stdin(input.as_str()).run()
    };
    let whole = train(&[]).expect_code(0).records();
    let id = whole[0]["id"].as_str().unwrap();
    for suffix in ["safetensors", "optimizer.safetensors", "json"] {
        let name = format!("{id}.{suffix}");
        let path = bench.path().join("run").join(&name);
        let good = fs::read(&path).unwrap();
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bad in [&changed[..], &good[..good.len() / 2]] {
            fs::write(&path, bad).unwrap();
            let run = train(&["--resume"]).expect_code(1);
            let records = run.records();
            assert_eq!(records[0]["error"]["kind"], "checkpoint");
            assert_eq!(records[0]["error"]["stage"], "finetune");
            let message = records[0]["error"]["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("run/{name} is damaged")),
                "{message}"
            );
            assert_eq!(records[1], whole[1]);
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
        fs::write(&path, good).unwrap();
    }
    assert_eq!(train(&["--resume"]).expect_code(0).records(), whole);
    // Without --resume nothing is overwritten, and another recipe is refused.
    let _ = train(&[])
        .expect_code(2)
        .expect_stderr(".json exists: --resume");
    let text = train(&["--resume", "--lr", "0.2"]).expect_code(1).stdout;
    assert_eq!(
        text.matches("hyper.lr: 0.1 there, 0.2 here").count(),
        2,
        "{text}"
    );
    assert_eq!(train(&["--resume"]).expect_code(0).records(), whole);
}

#[test]
fn evaluation_gives_the_recorded_accuracies() {
    let bench = Bench::set_up();
    let train = ["--epochs", "5", "--checkpoint-dir", "run"];
    let trained = bench
        .finetune(&train)
        .stdin(cells("3"))
        .run()
        .expect_code(0);
    let evaluate = |args: &[&str]| {
        let run = bench.finetune(&["--evaluate"]).args(args);
        run.stdin(trained.stdout.as_str()).run()
    };
    let run = evaluate(&[]).expect_code(0);
    for (record, before) in run.records().iter().zip(trained.records()) {
        assert_eq!(record["finetune"], before["finetune"]);
        for field in ["valid_accuracy", "valid_loss", "test_accuracy", "test_loss"] {
            assert_eq!(
                record["evaluated"][field], before["finetune"][field],
                "{field}"
            );
        }
    }
    assert_eq!(run.stderr, "");
    assert_eq!(
        evaluate(&["--checkpoint-dir", "run"]).expect_code(0).stdout,
        run.stdout
    );
    assert_eq!(
        evaluate(&["--weights", "run"]).expect_code(0).stdout,
        run.stdout
    );

    let first = &trained.records()[0];
    let path = bench
        .path()
        .join(first["finetune"]["checkpoint"].as_str().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 0x40;
    fs::write(&path, &bytes).unwrap();
    let refused = evaluate(&[]).expect_code(1);
    let message = refused.records()[0]["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains(".safetensors is damaged"), "{message}");
    // Weights alone are evaluated as they are, and the difference is told.
    let other = bench.path().join("alone.safetensors");
    fs::copy(&path, &other).unwrap();
    let line = trained.stdout.lines().next().unwrap();
    let run = bench.finetune(&["--evaluate", "--weights", "alone.safetensors"]);
    let run = run.stdin(line).run().expect_code(0);
    assert!(
        run.records()[0]["evaluated"]["valid_loss"].as_f64() != Some(reached(first, "valid_loss"))
    );
}
