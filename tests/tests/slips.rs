//! The slips of a first hour: each gets a line that names the way out.

use std::fs;
use std::process::Command;

use knas_tests::{Tool, scratch};

/// What is typed, after the tool's name, and what must be said.
const SLIPS: [(&str, &str, &str); 22] = [
    ("knas-score", "--proxy mgn cells", "'mgm'"),
    ("knas-score", "--list-proxies=gradnorm", "'grad-norm'"),
    ("knas-sample", "--space nb210", "'nb201'"),
    ("knas-rank", "cells", "name one with --by"),
    ("knas-rank", "--by mgn scored", "its scores are mgm"),
    ("knas-rank", "--format tabel scored", "'table'"),
    (
        "knas-rank",
        "--combine pareot --by mgm,params scored",
        "'pareto'",
    ),
    ("knas-rank", "--unique=benchmrk scored", "'benchmark'"),
    ("knas-rank", "table.csv", "--truth"),
    ("knas-rank", "pretty.json", "jq -c ."),
    ("knas-rank", "nan", "NaN is no number of JSON"),
    ("knas-rank", "infinite", "-Infinity is no number of JSON"),
    ("knas-eval", "scored", "--truth FILE"),
    (
        "knas-eval",
        "--truth table.csv:accc scored",
        "there is no column \"accc\"",
    ),
    ("knas-score", "--data cifa10 cells", "cifar10[:DIR]"),
    ("knas-score", "--data noise layouts", "reads texts"),
    ("knas-score", "--data noise missing", "missing"),
    ("knas-finetune", "--data noise cells", "folder:DIR"),
    ("knas-finetune", "--select bets cells", "'best'"),
    ("knas-finetune", "--recipe small cells", "'small-data'"),
    ("knas-sample", "--where parms<1e6", "params"),
    (
        "knas-sample",
        "--space roberta-skip --preset minilmm -n 1",
        "minilm",
    ),
];

#[test]
fn each_is_answered_with_the_way_out() {
    let folder = scratch();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let sample = |args: &str| {
        let run = Tool::new("knas-sample").args(args.split(' ')).run();
        run.expect_code(0).stdout
    };
    let cells = sample("-n 2");
    write("cells", &cells);
    write(
        "layouts",
        &sample("--space roberta-skip --preset tiny -n 1"),
    );
    let small = [
        "-q",
        "--data",
        "noise",
        "-n",
        "4",
        "--cells",
        "1",
        "--channels",
        "4",
    ];
    let scored = Tool::new("knas-score").args(small).stdin(cells).run();
    write("scored", &scored.expect_code(0).stdout);
    write("table.csv", "id,acc\nnb201-1,3\n");
    write("pretty.json", "{\n  \"id\": \"a\",\n  \"score\": 1\n}\n");
    write("nan", "{\"id\":\"a\",\"scores\":{\"mgm\":NaN}}\n");
    write("infinite", "{\"id\":\"a\",\"score\":-Infinity}\n");
    for (tool, args, says) in SLIPS {
        let run = Tool::new(tool)
            .args(args.split(' '))
            .current_dir(folder.path())
            .run();
        assert_ne!(run.code, Some(0), "{tool} {args}");
        assert!(
            run.stderr.contains(says),
            "{tool} {args}: no {says}\n{}",
            run.stderr
        );
        // No wall of text: whoever slipped reads the first lines.
        assert!(
            run.stderr.lines().count() <= 8,
            "{tool} {args}:\n{}",
            run.stderr
        );
    }
}

/// The words of a closed list are completed by every shell.
#[test]
fn values_from_lists_are_completed() {
    let lists = [
        (
            "knas-sample",
            &["nb201", "roberta-skip", "minilm", "benchmark"][..],
        ),
        (
            "knas-score",
            &[
                "mgm",
                "gram-entropy",
                "auto",
                "cifar10",
                "folder",
                "kaiming",
            ],
        ),
        ("knas-rank", &["meco-relu", "auto", "log-rank", "latex"]),
        (
            "knas-finetune",
            &["cifar100", "best", "emit", "small-data", "balanced"],
        ),
        ("knas-eval", &["mgm", "params", "markdown"]),
        ("knas-report", &["always", "skip"]),
    ];
    for (tool, words) in lists {
        for shell in ["bash", "zsh", "fish"] {
            let script = Tool::new(tool)
                .args(["--generate", &format!("complete-{shell}")])
                .run();
            let script = script.expect_code(0).stdout;
            for word in words {
                assert!(script.contains(word), "{tool} {shell}: {word}");
            }
        }
    }
    // What bash completes is bash.
    let script = Tool::new("knas-score")
        .args(["--generate", "complete-bash"])
        .run();
    let checked = Command::new("bash")
        .args(["-n", "-c", &script.stdout])
        .status();
    assert!(checked.is_ok_and(|status| status.success()));
}
