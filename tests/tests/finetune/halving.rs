//! Successive halving.

use std::fs;

use serde_json::Value;

use crate::{Bench, cells, reached};

#[test]
fn halving_changes_who_goes_on_and_no_number() {
    let bench = Bench::set_up();
    let input = cells("7");
    let run = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "4"]).args(args);
        run.stdin(input.as_str()).run().expect_code(0).records()
    };
    let alone = run(&[]);
    let halved = run(&["--halving", "2"]);
    // 7 for one epoch, 4 for two, 2 for all four.
    let epochs = |records: &[Value]| {
        let mut epochs: Vec<u64> = records
            .iter()
            .map(|r| reached(r, "epochs") as u64)
            .collect();
        epochs.sort_unstable();
        epochs
    };
    assert_eq!(epochs(&halved), [1, 1, 1, 2, 2, 4, 4]);
    let whole = |record: &&Value| record["finetune"]["stopped"] == "epochs";
    for (record, reference) in halved.iter().zip(&alone) {
        assert_eq!(record["id"], reference["id"]);
        if whole(&record) {
            assert_eq!(record, reference);
        } else {
            assert_eq!(record["finetune"]["stopped"], "halving");
            assert!(record["finetune"].get("test_accuracy").is_none());
        }
    }
    let best = halved.iter().filter(whole).max_by(|a, b| {
        let value = |record| reached(record, "valid_accuracy");
        value(a).total_cmp(&value(b))
    });
    let selected = run(&["--halving", "2", "--select", "best"]);
    assert_eq!(selected, [best.unwrap().clone()]);
}

#[test]
fn a_halved_run_is_taken_up_from_its_checkpoints() {
    let bench = Bench::set_up();
    let input = cells("4");
    let run = |args: &[&str]| {
        let args = ["--epochs", "4", "--halving", "2", "--checkpoint-dir"]
            .iter()
            .chain(args);
        let args: Vec<&str> = args.copied().collect();
        bench.finetune(&args).stdin(input.as_str()).run()
    };
    let whole = run(&["a"]).expect_code(0).records();
    let folder = bench.path().join("a");
    let json = |record: &Value| folder.join(format!("{}.json", record["id"].as_str().unwrap()));
    let before: Vec<String> = whole
        .iter()
        .map(|r| fs::read_to_string(json(r)).unwrap())
        .collect();
    assert_eq!(run(&["a", "--resume"]).expect_code(0).records(), whole);
    let after: Vec<String> = whole
        .iter()
        .map(|r| fs::read_to_string(json(r)).unwrap())
        .collect();
    assert_eq!(before, after);
    let _ = run(&["a"])
        .expect_code(2)
        .expect_stderr("exists: --resume goes on from it");
}

#[test]
fn a_candidate_that_fails_is_out_of_the_race_and_in_the_output() {
    let bench = Bench::set_up();
    let input = format!(
        "{{\"id\":\"x\",\"space\":\"nb201\",\"arch\":\"?\"}}\n{}",
        cells("3")
    );
    let run = bench.finetune(&["--epochs", "3", "--halving", "3"]);
    let run = run.stdin(input.as_str()).run().expect_code(1);
    let records = run.records();
    assert_eq!(records[0]["error"]["kind"], "bad_arch");
    assert_eq!(records.len(), 4);
    let stopped: Vec<&Value> = records.iter().map(|r| &r["finetune"]["stopped"]).collect();
    assert_eq!(stopped.iter().filter(|s| **s == "epochs").count(), 1);
    assert_eq!(stopped.iter().filter(|s| **s == "halving").count(), 2);
    let strict = bench.finetune(&["--epochs", "3", "--halving", "3", "--on-error", "fail"]);
    let _ = strict
        .stdin(input)
        .run()
        .expect_code(2)
        .expect_stderr("bad_arch");
}
