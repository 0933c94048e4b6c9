//! What is written, and on what it depends.

use std::fs;

use knas_tests::Tool;
use serde_json::{Value, json};

use crate::{Bench, cells, data, reached};

#[test]
fn records_gain_what_training_reached() {
    let bench = Bench::set_up();
    let input = cells("2");
    let run = bench
        .finetune(&["--epochs", "6", "--lr", "0.05"])
        .stdin(input.as_str())
        .run()
        .expect_code(0);
    let schema = Tool::new("knas-finetune").arg("--schema").run().stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (record, line) in run.records().iter().zip(input.lines()) {
        let before: Value = serde_json::from_str(line).unwrap();
        let names: Vec<&String> = record.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "space", "arch", "params", "macs", "finetune"]);
        assert_eq!(record["id"], before["id"]);
        assert!(schema.is_valid(record), "{record}");
        let found = &record["finetune"];
        assert_eq!(
            found["examples"],
            json!({"train": 200, "valid": 200, "test": 100})
        );
        assert_eq!(
            (&found["epochs"], &found["stopped"]),
            (&json!(6), &json!("epochs"))
        );
        assert_eq!(found["network"]["channels"], 4);
        assert_eq!(found["hyper"]["lr"], 0.05);
        assert_eq!(found["hyper"]["batch"], 40);
        assert_eq!(found["checkpoint"], Value::Null);
        let rows: Vec<Vec<u64>> = serde_json::from_value(found["confusion"].clone()).unwrap();
        assert_eq!(rows.iter().flatten().sum::<u64>(), 100);
        let right: u64 = (0..10).map(|class| rows[class][class]).sum();
        assert_eq!(reached(record, "test_accuracy"), right as f64 / 100.0);
        let of_fourth = rows[3][3] as f64 / rows[3].iter().sum::<u64>() as f64;
        assert_eq!(found["class_accuracy"][3], of_fourth);
        assert_eq!(found["classes"][3], "cat");
        for part in ["valid", "test"] {
            let accuracy = reached(record, &format!("{part}_accuracy"));
            // Ten classes; the patterns are plain enough to be learnt in part.
            assert!((0.2..=1.0).contains(&accuracy), "{record}");
            assert!(reached(record, &format!("{part}_loss")) < 2.3);
        }
    }
}

#[test]
fn jobs_order_and_other_records_change_nothing() {
    let bench = Bench::set_up();
    let input = cells("4");
    let run = |args: &[&str], input: &str| {
        let run = bench.finetune(&["--epochs", "2"]).args(args);
        run.stdin(input).run().expect_code(0).stdout
    };
    let one = run(&["-j", "1"], &input);
    assert_eq!(one.lines().count(), 4);
    assert_eq!(run(&["-j", "4"], &input), one);
    let reverse = |text: &str| {
        text.lines()
            .rev()
            .map(|l| format!("{l}\n"))
            .collect::<String>()
    };
    assert_eq!(run(&["-j", "2"], &reverse(&input)), reverse(&one));
    let last = input.lines().last().unwrap();
    assert_eq!(run(&[], last).trim_end(), one.lines().last().unwrap());
    assert_ne!(
        run(&["--seed", "1"], last).trim_end(),
        one.lines().last().unwrap()
    );
}

#[test]
fn a_record_that_had_failed_is_passed_on_untouched() {
    let bench = Bench::set_up();
    let failed =
        r#"{"id":"x","error":{"stage":"score","kind":"non_finite","message":"m"}, "a": 1.0}"#;
    let input = format!("{failed}\n{}", cells("1"));
    let run = bench
        .finetune(&["--epochs", "1"])
        .stdin(input)
        .run()
        .expect_code(0);
    assert_eq!(
        run.stdout.lines().next().unwrap(),
        failed.replace(", \"a\": 1.0", ",\"a\":1.0")
    );
    assert_eq!(run.records().len(), 2);
}

#[test]
fn epochs_are_reported_and_logged() {
    let bench = Bench::set_up();
    let run = Tool::new("knas-finetune")
        .args(["--data", &bench.data, "--channels", "4", "--cells", "1"])
        .args(["--epochs", "2", "--log", "log.ndjson"])
        .current_dir(bench.path())
        .stdin(cells("2"))
        .run()
        .expect_code(0);
    for epoch in ["epoch 1/2: loss ", "epoch 2/2: loss "] {
        assert_eq!(run.stderr.matches(epoch).count(), 2, "{}", run.streams());
    }
    for part in [", validation 0.", " images/s, ", " left\n"] {
        assert_eq!(run.stderr.matches(part).count(), 4, "{}", run.streams());
    }
    let log = fs::read_to_string(bench.path().join("log.ndjson")).unwrap();
    assert_eq!(log.lines().count(), 4);
    for record in run.records() {
        let entry = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let last = entry
            .filter(|e| e["id"] == record["id"])
            .max_by_key(|e| e["epoch"].as_u64());
        let last = last.unwrap();
        assert_eq!(last["epoch"], 2);
        assert!(last["images_per_second"].as_f64().unwrap() > 0.0);
        if record["finetune"]["best_epoch"] == 2 {
            assert_eq!(last["valid_accuracy"], record["finetune"]["valid_accuracy"]);
        }
    }
}

#[test]
fn patience_stops_when_nothing_gets_better() {
    let bench = Bench::set_up();
    // At such a rate nothing is learnt, and the first epoch may well stay the best.
    let args = ["--epochs", "40", "--lr", "1e-12", "--patience", "2"];
    let run = bench.finetune(&args).stdin(cells("1")).run().expect_code(0);
    let record = &run.records()[0];
    assert_eq!(record["finetune"]["stopped"], "patience");
    assert_eq!(
        reached(record, "epochs"),
        reached(record, "best_epoch") + 2.0
    );
    assert!(reached(record, "epochs") < 40.0);
}

/// What was learnt from is another place than where training starts.
#[test]
fn weights_are_where_training_starts() {
    let bench = Bench::set_up();
    let input = cells("1");
    let first = ["--epochs", "4", "--checkpoint-dir", "first"];
    let before = bench
        .finetune(&first)
        .stdin(input.as_str())
        .run()
        .expect_code(0);
    let further = |weights: &str| {
        let args = ["--epochs", "1", "--lr", "1e-9", "--weights", weights];
        let run = bench
            .finetune(&args)
            .stdin(input.as_str())
            .run()
            .expect_code(0);
        run.records()[0].clone()
    };
    let id = before.records()[0]["id"].as_str().unwrap().to_owned();
    let after = further("first");
    assert_eq!(after, further(&format!("first/{id}.safetensors")));
    assert_eq!(after["finetune"]["hyper"]["init"], "file");
    let hash = after["finetune"]["hyper"]["weights_sha256"]
        .as_str()
        .unwrap();
    assert_eq!(
        bench.json(&format!("first/{id}.json"))["weights_sha256"],
        hash
    );
    // Weights hardly move at that rate; running statistics follow new batches.
    let near = (reached(&after, "valid_loss") - reached(&before.records()[0], "valid_loss")).abs();
    assert!(near < 0.3, "{after} {}", before.stdout);
}

/// The whole pipeline, on real images where they have been fetched.
#[test]
fn the_best_of_a_pipeline_is_one_trained_record() {
    let bench = Bench::set_up();
    let data = data::real().unwrap_or_else(|| bench.data.clone());
    let size = [
        "--channels",
        "4",
        "--cells",
        "1",
        "--data",
        &data,
        "--quiet",
    ];
    let scored = Tool::new("knas-score")
        .args(size)
        .stdin(cells("30"))
        .run()
        .expect_code(0);
    let ranked = Tool::new("knas-rank")
        .args(["-k", "3"])
        .stdin(scored.stdout)
        .run();
    let ranked = ranked.expect_code(0);
    let trained = |args: &[&str]| {
        let small = [
            "--epochs",
            "2",
            "--train-limit",
            "600",
            "--test-limit",
            "500",
            "--batch",
            "60",
        ];
        let run = Tool::new("knas-finetune").args(size).args(small).args(args);
        run.stdin(ranked.stdout.as_str()).run().expect_code(0)
    };
    let all = trained(&[]).records();
    let best = trained(&["--select", "best"]).records();
    assert_eq!((all.len(), best.len()), (3, 1));
    let highest = all.iter().map(|record| reached(record, "valid_accuracy"));
    assert_eq!(
        highest.fold(0.0, f64::max),
        reached(&best[0], "valid_accuracy")
    );
    assert!(all.contains(&best[0]));
    assert!(best[0]["scores"]["mgm"].is_f64() && best[0]["rank"].is_u64());
}
