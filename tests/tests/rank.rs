//! knas-rank, run as a user runs it.

use knas_tests::{Outcome, Tool};
use serde_json::json;

const CELLS: &str = r#"{"id":"b","x":1.0,"scores":{"mgm":2,"zen":10},"macs":30,"score":2,"score_by":"mgm"}
{"id":"d","x":[1, 2],"scores":{"mgm":9e0,"zen":-1},"macs":20,"score":9e0,"score_by":"mgm"}
{"id":"c","scores":{"mgm":2,"zen":30},"macs":10,"score":2,"score_by":"mgm"}
{"id":"a","scores":{"mgm":-4,"zen":20},"macs":40,"score":-4,"score_by":"mgm"}
"#;

fn rank(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-rank").args(args).stdin(input).run()
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let text = |id: &serde_json::Value| id.as_str().unwrap_or_default().to_owned();
    outcome.column("id").iter().map(text).collect()
}

/// The lines of the input in other orders.
fn orders(input: &str) -> Vec<String> {
    let mut lines: Vec<&str> = input.lines().collect();
    let mut orders = Vec::new();
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        orders.push(lines.join("\n"));
        let reversed: Vec<&str> = lines.iter().rev().copied().collect();
        orders.push(reversed.join("\n"));
    }
    orders
}

#[test]
fn the_own_score_ranks_and_untouched_fields_keep_their_bytes() {
    let expected = r#"{"id":"d","x":[1, 2],"scores":{"mgm":9e0,"zen":-1},"macs":20,"score":9e0,"score_by":"mgm","rank":1}
{"id":"b","x":1.0,"scores":{"mgm":2,"zen":10},"macs":30,"score":2,"score_by":"mgm","rank":2}
{"id":"c","scores":{"mgm":2,"zen":30},"macs":10,"score":2,"score_by":"mgm","rank":3}
"#;
    assert_eq!(rank(&["-k", "3"], CELLS).expect_code(0).stdout, expected);
}

#[test]
fn any_number_ranks_and_a_minus_turns_it() {
    let by_macs = rank(&["--by", "-macs"], CELLS).expect_code(0);
    assert_eq!(ids(&by_macs), ["c", "d", "b", "a"]);
    assert_eq!(by_macs.column("score")[0], json!(-10.0));
    assert_eq!(by_macs.column("score_by")[0], json!("-macs"));
    assert_eq!(by_macs.column("rank"), [1, 2, 3, 4].map(|rank| json!(rank)));
    let by_path = rank(&["--by=scores.zen"], CELLS).expect_code(0);
    assert_eq!(ids(&by_path), ["c", "a", "b", "d"]);
}

#[test]
fn several_names_are_combined() {
    // Ranks by mgm: d 1, b and c 2.5, a 4; by zen: c 1, a 2, b 3, d 4.
    let sum = rank(&["--by", "mgm,zen"], CELLS).expect_code(0);
    assert_eq!(ids(&sum), ["c", "d", "b", "a"]);
    assert_eq!(
        sum.column("score"),
        [-3.5, -5.0, -5.5, -6.0].map(|score| json!(score))
    );
    assert_eq!(sum.column("score_by")[0], json!("rank-sum(mgm,zen)"));

    // log(2.5/4) + log(4/4) for c, and so on.
    let log = rank(&["--by", "mgm,zen", "--combine", "log-rank"], CELLS).expect_code(0);
    assert_eq!(ids(&log), ["c", "b", "d", "a"]);
    let score = log.column("score")[0].as_f64().expect("a number");
    assert!((score - (2.5f64 / 4.0).ln()).abs() < 1e-15);

    let pareto = rank(&["--by", "mgm,zen", "--combine", "pareto"], CELLS).expect_code(0);
    assert_eq!(ids(&pareto), ["c", "d", "a", "b"]);
    assert_eq!(
        pareto.column("score"),
        [-1.0, -1.0, -2.0, -2.0].map(|score| json!(score))
    );

    // b 2/30, c 2/10, d 9/20; a is negative.
    let product = rank(
        &["--by", "mgm,-macs", "--combine", "product", "-k", "9"],
        CELLS,
    );
    let product = product
        .expect_code(1)
        .expect_stderr("a: not_positive: mgm is -4");
    assert_eq!(ids(&product), ["d", "c", "b"]);
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let input = format!(
        "{CELLS}{}",
        r#"{"id":"f","error":{"stage":"score","kind":"timeout","message":"x"}}
{"id":"e","error":{"stage":"score","kind":"timeout","message":"x"}}
{"id":"g","space":"other","arch":"x","score":2,"score_by":"mgm"}
{"id":"b","again":1,"scores":{"mgm":2,"zen":10},"macs":30,"score":2,"score_by":"mgm"}
"#
    );
    let runs: [&[&str]; 6] = [
        &[],
        &["-k", "3"],
        &["-k", "2", "--unique"],
        &["--by", "mgm,-macs"],
        &["--by", "zen", "--format", "csv"],
        &["--by", "mgm,zen,-macs", "--combine", "pareto", "-k", "3"],
    ];
    for args in runs {
        let first = rank(args, &input).stdout;
        assert!(!first.is_empty());
        for order in orders(&input) {
            assert_eq!(rank(args, &order).stdout, first, "{args:?}\n{order}");
        }
    }
}

#[test]
fn one_of_each_class_is_kept() {
    // The last two connect nothing, in all senses; "two" neither, but for the
    // benchmark its empty sum is something else. "zero" and "one" compute the
    // same sum, by way of different nodes.
    let cell = |id, score, arch| {
        format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{arch}\",\"score\":{score}}}\n")
    };
    let input = cell(
        "zero",
        3,
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|nor_conv_3x3~2|",
    ) + &cell(
        "one",
        4,
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_3x3~1|skip_connect~2|",
    ) + &cell(
        "two",
        5,
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
    ) + &cell(
        "three",
        6,
        "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ) + &cell("four", 5, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|");
    assert_eq!(
        ids(&rank(&["--unique"], &input).expect_code(0)),
        ["three", "two", "one", "zero"]
    );
    let function = rank(&["--unique=function", "-k", "2"], &input).expect_code(0);
    assert_eq!(ids(&function), ["three", "one"]);
    // 2·f(x) and f(x) + g(x) are one expression, and two networks.
    let twins = cell(
        "shared",
        1,
        "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|",
    ) + &cell(
        "apart",
        2,
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|",
    );
    let senses = ["function", "network"].map(|sense| {
        let unique = format!("--unique={sense}");
        ids(&rank(&[&unique], &twins).expect_code(0)).len()
    });
    assert_eq!(senses, [1, 2]);
    let bad = cell("bad", 9, "|nor_conv_1x1~0|") + &input;
    let bad = rank(&["--unique", "-k", "1"], &bad).expect_code(1);
    assert_eq!(
        ids(&bad.expect_stderr("stdin:1: bad: bad_arch:")),
        ["three"]
    );
    let _ = rank(&["--unique=colour"], &input).expect_code(2);
}

#[test]
fn failed_candidates_come_last_or_are_counted() {
    let failed =
        r#"{"id":"y","error":{"stage":"score","kind":"timeout","message":"60 s"},"x":1.0}"#;
    let input = format!("{failed}\n{CELLS}");
    let all = rank(&[], &input)
        .expect_code(0)
        .expect_stderr("failed candidates passed on without a rank: 1 from");
    assert_eq!(all.stdout.lines().count(), 5);
    assert_eq!(all.stdout.lines().last(), Some(failed));
    let two = rank(&["-k", "2"], &input)
        .expect_code(0)
        .expect_stderr("failed candidates left out: 1 from");
    assert_eq!(ids(&two), ["d", "b"]);
    let skip = rank(&["--on-error", "skip"], &input).expect_code(0);
    assert_eq!(ids(&skip), ["d", "b", "c", "a"]);
}

#[test]
fn a_missing_score_fails_that_candidate_only() {
    let input = format!(
        "{CELLS}{}\n",
        r#"{"id":"x","score":1,"scores":{"zen":"high"}}"#
    );
    let missing = rank(&["--by", "mgm"], &input).expect_code(1);
    let missing =
        missing.expect_stderr("stdin:5: x: missing_score: no \"mgm\" (its scores are zen)");
    let last = &missing.records()[4];
    assert_eq!(last["error"]["stage"], "rank");
    assert_eq!(last.get("score"), None);
    for number in ["1e999", "\"high\"", "\"NaN\"", "[1]", "true"] {
        let input = format!("{{\"id\":\"x\",\"scores\":{{\"zen\":{number}}}}}\n{CELLS}");
        let outcome = rank(&["--by", "zen", "-k", "9"], &input).expect_code(1);
        let outcome = outcome.expect_stderr("stdin:1: x: non_finite:");
        assert_eq!(ids(&outcome), ["c", "a", "b", "d"]);
    }
    let typo = rank(&["--by", "mmg"], CELLS).expect_code(2);
    let typo = typo.expect_stderr("no \"mmg\" (its scores are mgm, zen)");
    let _ = typo.expect_stderr("there is no candidate to rank");
    let _ = rank(&["--by", "mgm", "--on-error", "fail"], &input).expect_code(2);
}

#[test]
fn many_failures_are_named_a_few_times() {
    let input: String = (0..100).map(|i| format!("{{\"id\":\"{i}\"}}\n")).collect();
    let outcome = rank(&["-k", "5"], &input).expect_code(2);
    let outcome = outcome.expect_stderr("… and 97 more: missing_score: ");
    assert_eq!(outcome.stderr.lines().count(), 6);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_line_that_is_no_record_loses_no_other() {
    let input = format!("nonsense\n{CELLS}{{\"id\":7}}\n{{\"id\":\"z\",\"score\":null}}\n[]\n");
    let outcome = rank(&["--by", "mgm", "-k", "4"], &input).expect_code(1);
    let outcome = outcome
        .expect_stderr("stdin:1: not a JSON object")
        .expect_stderr(": nonsense");
    let outcome = outcome
        .expect_stderr("stdin:6: no \"id\"")
        .expect_stderr("stdin:7: z: missing");
    assert_eq!(ids(&outcome), ["d", "b", "c", "a"]);
    let empty = rank(&["-k", "5"], "").expect_code(2);
    let empty = empty.expect_stderr("there is no candidate to rank");
    assert_eq!(empty.stdout, "");
}

#[test]
fn scores_of_different_names_are_not_compared() {
    let input = format!("{CELLS}{}\n", r#"{"id":"e","score":3,"score_by":"zen"}"#);
    let outcome = rank(&[], &input)
        .expect_code(2)
        .expect_stderr("stdin:5: e has a score by \"zen\"");
    assert_eq!(outcome.stdout, "");
    let settings = r#"{"id":"a","score":3,"scored":{"seeds":[0]}}
{"id":"b","score":4,"scored":{"seeds":[1]}}
"#;
    let outcome = rank(&[], settings)
        .expect_code(0)
        .expect_stderr("a and b were scored with different");
    assert_eq!(ids(&outcome), ["b", "a"]);
}

/// What two rankings made of their own ranks has no common order, nor has a
/// score without a name beside one with a name.
#[test]
fn rankings_are_not_merged() {
    let by = ["--by", "mgm,zen", "--combine", "log-rank"];
    let first = rank(&by, CELLS).expect_code(0).stdout;
    let other: String = ["a", "b", "c", "d"]
        .iter()
        .fold(CELLS.to_owned(), |cells, id| {
            cells.replace(&format!("\"id\":\"{id}\""), &format!("\"id\":\"{id}2\""))
        });
    let second = rank(&by, &other).expect_code(0).stdout;
    // Ranked again, and from a file that overlaps, it is one ranking.
    assert_eq!(rank(&[], &first).expect_code(0).stdout, first);
    let overlap = format!("{first}{}", first.lines().next().unwrap());
    let _ = rank(&["-k", "1"], &overlap).expect_code(0);
    let both = first.clone() + &second;
    let merged = rank(&[], &both).expect_code(2);
    let merged = merged.expect_stderr("both have rank 1 by log-rank(mgm,zen)");
    assert_eq!(merged.stdout, "");
    assert_eq!(rank(&by, &both).expect_code(0).records().len(), 8);

    let ranked = "{\"id\":\"x\",\"score\":1,\"score_by\":\"log-rank(gram-entropy,meco-relu)\"}\n";
    for (other, named) in [
        ("", "by nothing that is named"),
        (",\"score_by\":\"mgm\"", "by \"mgm\""),
    ] {
        let plain = format!("{{\"id\":\"y\",\"score\":2{other}}}\n");
        for input in [format!("{ranked}{plain}"), format!("{plain}{ranked}")] {
            let refused = rank(&[], &input).expect_code(2);
            let _ = refused
                .expect_stderr(named)
                .expect_stderr("name one score with --by");
        }
    }
}

/// How many lack what ranks is said, whatever is written.
#[test]
fn records_without_the_score_are_counted() {
    let input = format!("{CELLS}{{\"id\":\"x\",\"scores\":{{\"mgm\":1}}}}\n{{\"id\":\"y\"}}\n");
    for (args, done) in [
        (&[][..], "passed on without a rank"),
        (&["-k", "2"], "left out"),
    ] {
        let args = [&["--by", "mgm,zen", "--combine", "log-rank"], args].concat();
        let run = rank(&args, &input).expect_code(1);
        let said = format!(
            "{done}: 0 from earlier stages, 2 from this one, of which 2 have no value of \
             log-rank(mgm,zen)"
        );
        let _ = run.expect_stderr(&said);
    }
}

#[test]
fn wrong_usage_is_refused() {
    for args in [
        &["-k", "0"][..],
        &["-k", "x"],
        &["--by", "a,-a"],
        &["--by", "a,,b"],
        &["--combine", "sum"],
        &["--format", "xml"],
        &["--wrong"],
        &["/nonexistent.ndjson"],
    ] {
        let outcome = rank(args, CELLS).expect_code(2);
        assert_eq!(outcome.stdout, "", "{args:?}");
        assert!(!outcome.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn sheets_have_the_same_rows() {
    let input = r#"{"id":"a,\"b\"","arch":"|x~0|","params":1531546,"macs":220119680,"scores":{"mgm":1e-7},"score":1e-7,"score_by":"mgm"}
{"id":"c","arch":"|y~0|","params":12345,"macs":20000000,"scores":{"mgm":2.5,"zen":3},"score":2.5,"score_by":"mgm"}
{"id":"z","error":{"stage":"score","kind":"timeout","message":"x"}}
"#;
    let csv = "rank,id,score,score_by,params,macs,scores.mgm,scores.zen,arch\n\
               1,c,2.5,mgm,12345,20000000,2.5,3,|y~0|\n\
               2,\"a,\"\"b\"\"\",1e-7,mgm,1531546,220119680,1e-7,,|x~0|\n";
    assert_eq!(rank(&["--format", "csv"], input).expect_code(0).stdout, csv);
    let tsv = rank(&["--format", "tsv", "-k", "1"], input)
        .expect_code(0)
        .stdout;
    assert_eq!(
        tsv.lines().last(),
        Some("1\tc\t2.5\tmgm\t12345\t20000000\t2.5\t3\t|y~0|")
    );
    let table = rank(&["--format", "table"], input).expect_code(0).stdout;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["rank", "id", "mgm", "params", "macs", "zen", "arch"]
    );
    assert_eq!(
        rows[2],
        ["1", "c", "2.5", "0.012", "M", "20.00", "M", "3", "|y~0|"]
    );
    let markdown = rank(&["--format", "markdown", "-k", "1"], input)
        .expect_code(0)
        .stdout;
    let expected = "| 1 | c | 2.5 | 0.012 M | 20.00 M | 3 | \\|y\\~0\\| |";
    assert_eq!(markdown.lines().last(), Some(expected));
}

#[test]
fn help_schema_and_completions_are_printed() {
    let short = rank(&["-h"], "").expect_code(0).stdout;
    assert!(short.lines().count() <= 24, "{short}");
    assert!(
        rank(&["--help"], "")
            .expect_code(0)
            .stdout
            .contains("knas-rank -k 5")
    );
    let schema = rank(&["--schema"], "").expect_code(0).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let input = format!("{CELLS}{{\"id\":\"x\"}}\n");
    for record in rank(&["--by", "mgm,zen"], &input).expect_code(1).records() {
        assert!(validator.is_valid(&record), "{record}");
    }
    assert!(!validator.is_valid(&json!({"id": "x", "rank": 0})));
    assert!(
        rank(&["--generate", "man"], "")
            .expect_code(0)
            .stdout
            .contains(".TH knas-rank")
    );
}
