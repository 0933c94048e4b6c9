//! knas-sample as a user runs it: what the flags select.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use knas_tests::{Outcome, Tool, binary, shared};
use serde_json::Value;

fn sample(args: &[&str]) -> Outcome {
    Tool::new("knas-sample").args(args).run().expect_code(0)
}

fn ids(args: &[&str]) -> Vec<String> {
    strings(&sample(args), "id")
}

fn strings(outcome: &Outcome, field: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    outcome.column(field).iter().map(text).collect()
}

fn refused(args: &[&str], says: &str) {
    let outcome = Tool::new("knas-sample").args(args).run();
    let outcome = outcome.expect_code(2).expect_stderr(says);
    assert_eq!(outcome.stdout, "", "{args:?}");
}

#[test]
fn without_flags_there_are_100_distinct_cells_and_always_the_same() {
    let first = sample(&[]);
    let all: HashSet<String> = strings(&first, "id").into_iter().collect();
    assert_eq!(all.len(), 100);
    assert_eq!(first.stdout, sample(&[]).stdout);
    assert_eq!(first.stdout, sample(&["-n", "100", "--seed", "0"]).stdout);
    assert_ne!(first.stdout, sample(&["--seed", "1"]).stdout);
    assert_eq!(first.stderr, "");
}

#[test]
fn a_smaller_sample_begins_a_larger_one() {
    let (small, large) = (sample(&["-n", "50"]), sample(&["-n", "100"]));
    assert!(large.stdout.starts_with(&small.stdout));
    assert_eq!(small.stdout.lines().count(), 50);
}

#[test]
fn a_record_has_its_fields_in_their_order() {
    assert_eq!(
        sample(&["--range", "0..1"]).stdout,
        "{\"id\":\"nb201-0\",\"space\":\"nb201\",\"arch\":\"|avg_pool_3x3~0|+|nor_conv_1x1~0|\
         skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|\",\"params\":129306,\
         \"macs\":15647360}\n"
    );
}

#[test]
fn all_are_the_15625_cells_in_official_order() {
    let all = sample(&["--all"]);
    let expected: Vec<String> = (0..15_625).map(|index| format!("nb201-{index}")).collect();
    assert_eq!(strings(&all, "id"), expected);

    let archs = strings(&all, "arch");
    assert_eq!(
        archs[6111],
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    );
    if let Some(truth) = shared("nb201/truth.csv") {
        let truth = fs::read_to_string(truth).unwrap();
        for (line, arch) in truth.lines().skip(1).zip(&archs) {
            assert_eq!(line.split(',').nth(1), Some(arch.as_str()));
        }
    }
}

#[test]
fn one_cell_of_each_class_is_the_first_in_order() {
    for (args, count) in [
        (&["--all", "--unique"][..], 6466),
        (&["--all", "--unique=benchmark"], 6466),
        (&["--all", "--unique", "function"], 4930),
        (&["--all", "--unique", "network"], 5260),
    ] {
        let outcome = sample(args);
        assert_eq!(outcome.stdout.lines().count(), count, "{args:?}");
        let indices: Vec<u64> = strings(&outcome, "id")
            .iter()
            .map(|id| id.strip_prefix("nb201-").unwrap().parse().unwrap())
            .collect();
        assert!(indices.is_sorted() && indices[0] == 0);
    }
}

// Three notations of f(x), by hand: a 3x3 convolution on the edge to the last
// node; on the first edge and then a skip; and the first of them with a 1x1
// convolution that nothing reads.
#[test]
fn cells_that_are_the_same_are_written_once() {
    let direct = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|";
    let passed_on = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|";
    let unread = "|nor_conv_1x1~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|";
    let other = "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|";
    let mut args = Vec::new();
    for arch in [direct, other, passed_on, unread, direct] {
        args.extend(["--arch", arch]);
    }
    let as_given = strings(&sample(&args), "arch");
    assert_eq!(as_given, [direct, other, passed_on, unread, direct]);
    args.extend(["--unique", "network"]);
    assert_eq!(strings(&sample(&args), "arch"), [direct, other]);
}

#[test]
fn a_range_is_a_part_of_all() {
    assert_eq!(
        ids(&["--range", "10..13"]),
        ["nb201-10", "nb201-11", "nb201-12"]
    );
    assert_eq!(ids(&["--range", "15623.."]), ["nb201-15623", "nb201-15624"]);
    assert_eq!(ids(&["--range", "..2"]), ["nb201-0", "nb201-1"]);
    refused(&["--range", "0..15626"], "0..15625");
    refused(&["--range", "5..5"], "A must be less than B");
    refused(&["--range", "-1..5"], "A..B");
}

#[test]
fn shards_split_whatever_is_selected() {
    for args in [
        &["--range", "0..100"][..],
        &["-n", "10"],
        &["--all", "--unique"],
    ] {
        let whole = ids(args);
        let shards: Vec<Vec<String>> = ["1/3", "2/3", "3/3"]
            .map(|shard| ids(&[args, &["--shard", shard]].concat()))
            .into();
        for (place, id) in whole.iter().enumerate() {
            assert_eq!(&shards[place % 3][place / 3], id);
        }
        let total: usize = shards.iter().map(Vec::len).sum();
        assert_eq!(total, whole.len());
    }
    refused(&["--shard", "0/3"], "I from 1 to N");
    refused(&["--shard", "4/3"], "I from 1 to N");
}

#[test]
fn a_filter_leaves_what_satisfies_it() {
    let all = sample(&["--all"]).records();
    let small = |record: &&Value| {
        record["params"].as_u64().unwrap() < 400_000
            && record["macs"].as_u64().unwrap() > 50_000_000
    };
    let expected: Vec<&Value> = all.iter().filter(small).collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    let filtered = sample(&["--all", "--where", "params < 4e5 && macs > 50e6"]);
    assert_eq!(filtered.records().iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_sample_counts_what_satisfies_the_filter() {
    let outcome = sample(&["-n", "30", "--where", "params<1e5"]);
    let params = outcome.column("params");
    assert_eq!(params.len(), 30);
    assert!(
        params
            .iter()
            .all(|params| params.as_u64().unwrap() < 100_000)
    );
    // and those that come first in the whole sample
    let whole = ids(&["-n", "15625"]);
    let place = |id: &String| whole.iter().position(|other| other == id).unwrap();
    assert!(strings(&outcome, "id").iter().map(place).is_sorted());
}

/// That of knas-score, of the network of the sample's size.
#[test]
fn memory_is_what_a_score_says() {
    let sizes = ["-n", "40", "--channels", "4", "--cells", "1"];
    let all = sample(&sizes);
    let scored = Tool::new("knas-score")
        .args(["--data", "noise", "-n", "2", "--proxy", "memory", "-q"])
        .stdin(all.stdout.as_str())
        .run()
        .expect_code(0);
    let memory = |record: &Value| record["scores"]["memory"].as_f64().unwrap();
    let records = scored.records();
    let mut found: Vec<f64> = records.iter().map(memory).collect();
    found.sort_by(f64::total_cmp);
    let middle = found[20];
    assert!(found[0] < middle, "{found:?}");
    let few: Vec<&Value> = records.iter().filter(|one| memory(one) < middle).collect();
    let expression = format!("params < 1e9 && memory < {middle}");
    let args = [&sizes[2..], &["--all", "--where", &expression]].concat();
    let filtered = strings(&sample(&args), "id");
    for one in &records {
        let id = one["id"].as_str().unwrap().to_owned();
        assert_eq!(filtered.contains(&id), few.contains(&one), "{one}");
    }
}

#[test]
fn fewer_than_asked_for_are_written_and_said() {
    let outcome = Tool::new("knas-sample")
        .args(["-n", "10", "--where", "id == 'nb201-7'"])
        .run()
        .expect_code(1)
        .expect_stderr("only 1 of the 10 records asked for");
    assert_eq!(strings(&outcome, "id"), ["nb201-7"]);
    let outcome = Tool::new("knas-sample")
        .args(["-n", "6467", "--unique"])
        .run()
        .expect_code(1);
    assert_eq!(outcome.stdout.lines().count(), 6466);
    refused(
        &["-n", "15626"],
        "more than the 15625 architectures of nb201",
    );
}

#[test]
fn a_wrong_expression_is_pointed_at() {
    refused(
        &["--where", "params<1 && parms<2"],
        "column 13: no field \"parms\"",
    );
    refused(&["--where", "params"], "is a number, not true or false");
    refused(&["--where", &"(".repeat(10_000)], "longer than");
}

#[test]
fn a_wrong_architecture_names_its_edge() {
    refused(
        &["--arch", "|none~0|+|none~0|none~1|+|conv~0|none~1|none~2|"],
        "edge 4 (node 0 to node 3) has the unknown operation \"conv\"; allowed are none,",
    );
    refused(&["--arch", "\u{1b}[31m"], "\\u{1b}");
}

#[test]
fn contradictions_are_refused() {
    let parents = ["--mutate", "1", "--parents", "-"];
    refused(&["-n", "5", "--all"], "cannot be used with");
    refused(&["--all", "--range", "0..5"], "cannot be used with");
    refused(&["--range", "0..5", "--arch", "x"], "cannot be used with");
    refused(
        &[&parents[..], &["-n", "5"]].concat(),
        "cannot be used with",
    );
    refused(&["--mutate", "5"], "--parents");
    refused(&["--parents", "-"], "--mutate");
    refused(&["--resume"], "--output");
    refused(&["-n", "0"], "0");
    refused(&["--unique", "colour"], "benchmark, function, network");
    refused(&["--space", "nb202"], "nb201");
}

#[test]
fn records_that_nobody_reads_are_spoken_of() {
    let pipe = |args: &str| {
        let tool = binary("knas-sample");
        let line = format!(
            "printf '{{\"id\":\"a\"}}\\n' | {{ sleep 0.5; {} {args}; }}",
            tool.display()
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(pipe("-n 1").contains("--mutate COUNT --parents -"));
    assert_eq!(pipe("-n 1 -q"), "");
}

#[test]
fn spaces_are_listed() {
    let list = sample(&["--list-spaces"]).stdout;
    let nb201 = list
        .lines()
        .find(|line| line.starts_with("nb201 "))
        .unwrap();
    assert!(nb201.contains("15625") && nb201.contains("NAS-Bench-201"));
}
