//! What has nothing to work on says so and fails, and replaces nothing.

use std::fs;

use knas_tests::{Tool, scratch};

use crate::images::images;
use crate::{cells, put};

#[test]
fn what_selects_nothing_fails() {
    let folder = scratch();
    let file = put(folder.path(), "cells", cells());
    let failed =
        "{\"id\":\"a\",\"error\":{\"stage\":\"score\",\"kind\":\"timeout\",\"message\":\"\"}}\n";
    let failed = put(folder.path(), "failed", failed);
    let truth = put(folder.path(), "truth.csv", "id,fine\nx,1\n");
    let protocol = "pool=300,k=20,fine=test_accuracy,test=test_accuracy";
    for (tool, args, said) in [
        (
            "knas-sample",
            &["--all", "--where", "params < 0"][..],
            "none passes",
        ),
        (
            "knas-sample",
            &["-n", "5", "--where", "params < 0"],
            "none passes",
        ),
        (
            "knas-sample",
            &["--space", "roberta-skip", "--where", "params < 0"],
            "of 262144 architectures, none passes",
        ),
        (
            "knas-sample",
            &["--mutate", "3", "--parents", &failed],
            "no parent",
        ),
        ("knas-rank", &["-k", "2", &failed], "no candidate to rank"),
        (
            "knas-rank",
            &["-k", "2", "--by", "zen", &file],
            "no candidate to rank",
        ),
        (
            "knas-rank",
            &["--by", "zen", "--format", "csv", &file],
            "no candidate to rank",
        ),
        (
            "knas-eval",
            &["--truth", &truth, &file],
            "no candidate has a truth",
        ),
        (
            "knas-eval",
            &["--by", "zen", &file],
            "no candidate has \"zen\"",
        ),
        (
            "knas-eval",
            &["--protocol", protocol, &file],
            "more than the 3 candidates",
        ),
        (
            "knas-eval",
            &["--protocol", "pool=2,k=1,fine=test_accuracy", &file],
            "no column but",
        ),
        ("knas-report", &["/dev/null"], "no record to show"),
    ] {
        let output = put(folder.path(), "before", "what was there");
        let run = Tool::new(tool).args(args).args(["-o", &output]).run();
        let run = run.expect_code(2).expect_stderr(said);
        let left = fs::read_to_string(&output).unwrap();
        assert_eq!(left, "what was there", "{tool} {args:?}: {}", run.streams());
    }
}

/// Where failed candidates are passed on, they are, and the run fails.
#[test]
fn candidates_that_cannot_be_ranked_are_passed_on() {
    let run = Tool::new("knas-rank")
        .args(["--by", "zen"])
        .stdin(cells())
        .run();
    let run = run.expect_code(2).expect_stderr("no candidate to rank");
    assert_eq!(run.records().len(), 3);
    assert!(
        run.records()
            .iter()
            .all(|record| record.get("error").is_some())
    );
}

#[test]
fn training_that_has_nothing_to_choose_from_fails() {
    let folder = scratch();
    let data = images(folder.path());
    let failed = r#"{"id":"a","error":{"stage":"score","kind":"timeout","message":""}}"#;
    let run = |args: &[&str]| {
        let run = Tool::new("knas-finetune").args(["--data", &data]);
        run.args(args).stdin(failed).run().expect_code(2)
    };
    let chosen = run(&["--select", "best"]).expect_stderr("--select: no candidate was trained");
    assert_eq!(chosen.stdout, "");
    let halved = run(&["--halving", "2"]).expect_stderr("--halving: there is no candidate");
    assert_eq!(halved.column("id"), ["a"]);
}
