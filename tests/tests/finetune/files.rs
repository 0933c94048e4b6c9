//! What knas-finetune writes and takes up, beside checkpoints.

use std::fs;

use crate::{Bench, cells};

const TRAIN: [&str; 6] = ["--epochs", "1", "--checkpoint-dir", "run", "-o", "out"];

#[test]
fn a_refused_run_leaves_results_and_log() {
    let bench = Bench::set_up();
    let input = cells("2");
    let (first, _) = input.split_once('\n').unwrap();
    let train = |input: &str, more: &[&str]| {
        let tool = bench.finetune(&TRAIN).args(["--log", "log"]).args(more);
        tool.stdin(input).run()
    };
    let read = |name: &str| fs::read_to_string(bench.path().join(name)).unwrap();
    let _ = train(&input, &[]).expect_code(0);
    let (out, log) = (read("out"), read("log"));
    assert_eq!((out.lines().count(), log.lines().count()), (2, 2));
    for input in [&input, first] {
        let _ = train(input, &[])
            .expect_code(2)
            .expect_stderr("exists: --resume goes on from it");
        assert_eq!((read("out"), read("log")), (out.clone(), log.clone()));
    }
    let _ = train(&input, &["--resume"]).expect_code(0);
    assert_eq!(read("out"), out);
    // A candidate that is new beside one that is refused changes nothing either.
    let more = cells("3");
    let (_, new) = more.trim_end().rsplit_once('\n').unwrap();
    let _ = train(&format!("{new}\n{first}\n"), &[]).expect_code(2);
    assert_eq!(read("out"), out);
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_is_an_error() {
    let bench = Bench::set_up();
    let run = bench.finetune(&["--epochs", "2", "--log", "/dev/full"]);
    let run = run.stdin(cells("1")).run().expect_code(1);
    assert_eq!(run.records()[0]["finetune"]["epochs"], 2);
    assert_eq!(run.stderr.matches("--log /dev/full: No space").count(), 1);
    assert!(run.stderr.contains("error: "), "{}", run.streams());
}

#[test]
fn ids_and_flags_that_come_twice_follow_the_rule_of_all_tools() {
    let bench = Bench::set_up();
    let input = cells("2");
    let train = |input: String| {
        // The last of a flag counts.
        let tool = bench.finetune(&["--epochs", "7", "--epochs", "1"]);
        tool.stdin(input).run()
    };
    let once = train(input.clone()).expect_code(0);
    assert_eq!(once.records()[0]["finetune"]["epochs"], 1);
    let twice = train(input.clone() + &input).expect_code(0);
    assert_eq!(twice.stdout, once.stdout);
    let other = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    let id = once.records()[0]["id"].as_str().unwrap().to_owned();
    let other = format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{other}\"}}\n");
    let run = train(input + &other).expect_code(1);
    assert_eq!(run.records()[2]["error"]["kind"], "duplicate_id");
    let _ = run.expect_stderr("stdin:3").expect_stderr("stdin:1");
}
