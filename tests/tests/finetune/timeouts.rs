//! --timeout: candidates in processes of their own.

use std::fs;

use crate::{Bench, cells};

/// A process of its own changes nothing, with checkpoints, halving and a log too.
#[test]
fn processes_of_their_own_give_the_same_bytes() {
    let bench = Bench::set_up();
    let input = cells("3") + "{\"id\":\"x\",\"space\":\"nb201\",\"arch\":\"?\"}\n";
    let run = |args: &[&str]| {
        let run = bench.finetune(&["--epochs", "2"]).args(args);
        run.stdin(input.as_str()).run().expect_code(1)
    };
    for args in [&[][..], &["--halving", "2"], &["--select", "best"]] {
        let plain = run(args);
        let apart = run(&[args, &["--timeout", "1000", "-j", "2"]].concat());
        assert_eq!(apart.stdout, plain.stdout, "{args:?}");
        assert_eq!(apart.stderr, plain.stderr, "{args:?}");
    }
    let logged = |name: &str, args: &[&str]| {
        let (log, folder) = (format!("{name}.log"), format!("{name}.d"));
        run(&[args, &["--log", &log, "--checkpoint-dir", &folder]].concat());
        let text = fs::read_to_string(bench.path().join(log)).unwrap();
        text.lines().count()
    };
    assert_eq!(logged("here", &[]), 6);
    assert_eq!(logged("apart", &["--timeout", "1000"]), 6);
}

/// One that takes too long fails, and goes on from its checkpoint when there is
/// more time.
#[test]
fn a_candidate_that_takes_too_long_is_given_up_and_taken_up() {
    let bench = Bench::set_up();
    let input = cells("2");
    let run = |seconds: u32, args: &[&str]| {
        let time = seconds.to_string();
        let endless = ["--epochs", "1000000", "--timeout", &time, "-j", "1"];
        let run = bench.finetune(&endless).args(["--checkpoint-dir", "c"]);
        let records = run.args(args).stdin(input.as_str()).run();
        let records = records.expect_code(1).records();
        assert_eq!(records.len(), 2);
        for record in &records {
            let error = &record["error"];
            assert_eq!(error["stage"], "finetune");
            assert_eq!(error["kind"], "timeout");
            let message = format!("not trained after {seconds} s (--timeout); with more time");
            assert!(error["message"].as_str().unwrap().starts_with(&message));
        }
        records
    };
    let epochs = |records: &[serde_json::Value]| -> Vec<u64> {
        let manifest = |record: &serde_json::Value| {
            let id = record["id"].as_str().unwrap();
            let text = fs::read_to_string(bench.path().join(format!("c/{id}.json")));
            let text = text.unwrap_or_else(|_| "{}".to_owned());
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            manifest["epoch"].as_u64().unwrap_or(0)
        };
        records.iter().map(manifest).collect()
    };
    let mut before = epochs(&run(1, &[]));
    for args in [&["--resume"][..], &["--resume", "--halving", "1000"]] {
        // How long an epoch takes depends on the machine and what else it does.
        let grown = [1, 2, 4, 8, 16, 32, 64].into_iter().find_map(|seconds| {
            let now = epochs(&run(seconds, args));
            now.iter().zip(&before).all(|(a, b)| a > b).then_some(now)
        });
        before = grown.expect("an epoch in a minute");
    }
}
