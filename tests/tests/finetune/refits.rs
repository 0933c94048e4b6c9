//! Training on all examples in the end, and all that can be asked for together, killed.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::Tool;
use serde_json::Value;

use crate::checkpoints::{files, start};
use crate::heads::folder;
use crate::learning::ALL;
use crate::{Bench, cells, reached};

/// How many epochs of each training a checkpoint has.
fn epochs(manifest: &Path) -> (u64, usize) {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let Ok(manifest) = serde_json::from_str::<Value>(&text) else {
        return (0, 0);
    };
    let refit = manifest["refit"].as_array().map_or(0, Vec::len);
    (manifest["epoch"].as_u64().unwrap_or(0), refit)
}

#[test]
fn a_run_with_everything_on_that_is_killed_ends_with_the_same_bytes() {
    let bench = Bench::set_up();
    fs::write(bench.path().join("cells.ndjson"), cells("1")).unwrap();
    let tool = |folder: &str, resume: bool| -> Tool {
        fs::create_dir_all(bench.path().join(folder)).unwrap();
        let args = ["--epochs", "10", "--refit", "--checkpoint-dir", "run"];
        let tool = bench.finetune(&args).args(ALL).arg("../cells.ndjson");
        let tool = tool.args(["-o", "out.ndjson", "--log", "log.ndjson"]);
        let tool = if resume { tool.arg("--resume") } else { tool };
        tool.current_dir(bench.path().join(folder))
    };
    let _ = tool("whole", false).run().expect_code(0);
    let text = |folder: &str| fs::read_to_string(bench.path().join(folder)).unwrap();
    let record: Value = serde_json::from_str(&text("whole/out.ndjson")).unwrap();
    let again = record["finetune"]["refit"]["epochs"].as_u64().unwrap() as usize;
    assert_eq!(record["finetune"]["best_epoch"], again);
    assert!(again > 3, "too early to be killed twice: {again}");
    let name = format!("{}.json", record["id"].as_str().unwrap());
    let manifest = bench.path().join("killed/run").join(name);
    let last = reached(&record, "epochs") as u64;
    let moments = [
        (1, 0),
        (2, 0),
        (last / 2, 0),
        (last, 0),
        (last, 1),
        (last, again - 1),
    ];
    for (kill, at) in (0u64..).zip(moments) {
        let mut child = start(&tool("killed", kill > 0));
        let begin = Instant::now();
        while epochs(&manifest) < at {
            assert!(
                begin.elapsed() < Duration::from_secs(300),
                "no epoch {at:?}"
            );
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(Duration::from_micros(kill * 7919 % 31 * 1000));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(
        !bench.path().join("killed/out.ndjson").exists(),
        "it was not killed"
    );
    let _ = tool("killed", true).run().expect_code(0);
    assert_eq!(text("whole/out.ndjson"), text("killed/out.ndjson"));
    let folder = |of: &str| files(&bench.path().join(of).join("run"));
    for (left, right) in folder("whole").iter().zip(&folder("killed")) {
        assert_eq!(left.0, right.0);
        assert!(left.1 == right.1, "{} is not the same", left.0);
    }
}

#[test]
fn the_model_that_is_kept_and_tested_is_that_of_all_examples() {
    let bench = Bench::set_up();
    let input = cells("2");
    let train = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "4"]).args(args);
        run.stdin(input.as_str()).run().expect_code(0)
    };
    let once = train(&["--checkpoint-dir", "once"]).records();
    let run = train(&["--checkpoint-dir", "again", "--refit"]);
    for (once, again) in once.iter().zip(run.records()) {
        // The first training is the same, and only that has a validation.
        for field in [
            "valid_accuracy",
            "valid_loss",
            "train_loss",
            "best_epoch",
            "epochs",
        ] {
            assert_eq!(once["finetune"][field], again["finetune"][field], "{field}");
        }
        assert_ne!(
            once["finetune"]["test_loss"],
            again["finetune"]["test_loss"]
        );
        let refit = &again["finetune"]["refit"];
        assert_eq!(
            (&refit["epochs"], &refit["examples"]),
            (&once["finetune"]["best_epoch"], &Value::from(400))
        );
        assert!(refit["train_accuracy"].as_f64().is_some());
        assert!(once["finetune"].get("refit").is_none());
    }
    // What is evaluated is that model, and nothing seems wrong with it.
    let evaluated = bench.finetune(&["--evaluate"]).stdin(run.stdout.as_str());
    let evaluated = evaluated.run().expect_code(0);
    assert_eq!(evaluated.stderr, "");
    for record in evaluated.records() {
        for field in ["test_accuracy", "test_loss", "confusion"] {
            assert_eq!(
                record["evaluated"][field], record["finetune"][field],
                "{field}"
            );
        }
    }
    // A finished run is had again from its checkpoints.
    let again = train(&["--checkpoint-dir", "again", "--refit", "--resume"]);
    assert_eq!(again.stdout, run.stdout);
}

/// Where nothing tests, the first training's model says what is taken for what.
#[test]
fn without_test_images_classes_are_judged_by_those_for_validation() {
    let bench = Bench::set_up();
    let data = folder(bench.path());
    let train = |args: &[&str]| {
        let run = Tool::new("knas-finetune").args(["--data", &data, "--epochs", "2", "-q"]);
        let run = run.args(["--channels", "4", "--cells", "1"]).args(args);
        run.stdin(cells("1"))
            .run()
            .expect_code(0)
            .records()
            .remove(0)
    };
    let (once, again) = (train(&[]), train(&["--refit"]));
    assert_eq!(again["finetune"]["refit"]["examples"], 12);
    assert!(again["finetune"].get("test_accuracy").is_none());
    assert_eq!(
        once["finetune"]["confusion"],
        again["finetune"]["confusion"]
    );
    assert!(again["finetune"]["confusion"].is_array());
}

#[test]
fn halving_with_everything_on_changes_no_number() {
    let bench = Bench::set_up();
    let input = cells("3");
    let train = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "2", "--refit"]).args(ALL);
        let run = run.args(args).stdin(input.as_str()).run();
        run.expect_code(0).records()
    };
    let (alone, halved) = (train(&[]), train(&["--halving", "2"]));
    let mut whole = 0;
    for (record, reference) in halved.iter().zip(&alone) {
        if record["finetune"]["stopped"] == "halving" {
            assert!(record["finetune"].get("refit").is_none());
        } else {
            assert_eq!(record, reference);
            assert!(record["finetune"]["refit"]["epochs"].is_u64());
            whole += 1;
        }
    }
    assert!(
        (1..3).contains(&whole),
        "{whole} candidates came to the end"
    );
    // Each in a process of its own, too.
    assert_eq!(train(&["--halving", "2", "--timeout", "300"]), halved);
    let kept = train(&["--halving", "2", "--checkpoint-dir", "run"]);
    let taken_up = train(&["--halving", "2", "--checkpoint-dir", "run", "--resume"]);
    assert_eq!(kept, taken_up);
}
