//! `knas-sample --mutate`: mutants of records from other tools.

use std::collections::HashSet;
use std::fs;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::Value;

/// Runs `--mutate count` on what `parents` holds.
fn mutate(count: &str, parents: &str, more: &[&str]) -> Outcome {
    Tool::new("knas-sample")
        .args(["--mutate", count, "--parents", "-"])
        .args(more)
        .stdin(parents)
        .run()
}

fn parents(range: &str) -> String {
    let outcome = Tool::new("knas-sample").args(["--range", range]).run();
    outcome.expect_code(0).stdout
}

fn archs(outcome: &Outcome) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    outcome.column("arch").iter().map(text).collect()
}

fn operations(arch: &str) -> Vec<&str> {
    arch.split(['|', '+']).filter(|op| !op.is_empty()).collect()
}

fn differences(one: &str, other: &str) -> usize {
    let pairs = operations(one).into_iter().zip(operations(other));
    pairs.filter(|(a, b)| a != b).count()
}

const PARENT: &str = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";

fn record(id: &str, fields: &str) -> String {
    format!("{{\"id\":\"{id}\",\"arch\":\"{PARENT}\"{fields}}}\n")
}

#[test]
fn mutants_differ_from_their_parent_in_one_edge() {
    let mutants = mutate("24", &record("nb201-6111", ""), &[]).expect_code(0);
    let archs = archs(&mutants);
    assert!(archs.iter().all(|arch| differences(arch, PARENT) == 1));
    assert_eq!(archs.into_iter().collect::<HashSet<_>>().len(), 24);
    assert_eq!(mutants.records()[0]["id"], "nb201-12724");
}

#[test]
fn more_mutants_than_there_are_is_said() {
    let mutants = mutate("25", &record("a", ""), &[]).expect_code(1);
    assert_eq!(mutants.stdout.lines().count(), 24);
    assert!(mutants.stderr.contains("only 24 of the 25 records"));
}

#[test]
fn parents_take_turns_and_their_mutants_do_not_depend_on_one_another() {
    let (first, second) = (parents("0..1"), parents("1..2"));
    let alone = |text: &str| archs(&mutate("3", text, &["--seed", "5"]).expect_code(0));
    let (a, b) = (alone(&first), alone(&second));
    let both = mutate("6", &(first + &second), &["--seed", "5"]).expect_code(0);
    assert_eq!(archs(&both), [&*a[0], &b[0], &a[1], &b[1], &a[2], &b[2]]);
}

#[test]
fn the_seed_decides_and_a_smaller_number_begins_a_larger_one() {
    let parents = parents("0..7");
    let run = |count, seed| {
        mutate(count, &parents, &["--seed", seed])
            .expect_code(0)
            .stdout
    };
    assert_eq!(run("20", "1"), run("20", "1"));
    assert_ne!(run("20", "1"), run("20", "2"));
    assert!(run("20", "1").starts_with(&run("9", "1")));
}

#[test]
fn no_mutant_comes_twice_or_is_a_parent() {
    // a cell and all of its neighbours: most mutants of these are among them
    let neighbours = mutate("24", &record("nb201-6111", ""), &[]).expect_code(0);
    let family = record("nb201-6111", "") + &neighbours.stdout;
    let known: HashSet<String> = archs(&neighbours)
        .into_iter()
        .chain([PARENT.to_owned()])
        .collect();
    let mutants = archs(&mutate("200", &family, &[]).expect_code(0));
    assert!(mutants.iter().all(|arch| !known.contains(arch)));
    assert_eq!(mutants.into_iter().collect::<HashSet<_>>().len(), 200);
}

#[test]
fn filters_apply_to_the_mutants() {
    let mutants = mutate(
        "5",
        &parents("0..50"),
        &["--where", "params<1e5", "--unique", "network"],
    );
    let params = mutants.expect_code(0).column("params");
    assert_eq!(params.len(), 5);
    assert!(
        params
            .iter()
            .all(|params| params.as_u64().unwrap() < 100_000)
    );
}

// The cell is one 1x1 convolution, by way of node 2. Whatever an edge into node
// 1 or out of it becomes, it stays that network: 12 mutants are none. Of the
// other 12, the two that cut the path are one network.
#[test]
fn a_mutant_that_is_the_same_network_as_a_parent_is_not_unique() {
    let arch = "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|";
    let parent = format!("{{\"id\":\"a\",\"arch\":\"{arch}\"}}\n");
    let mutants = mutate("24", &parent, &["--unique", "network"]).expect_code(1);
    let mutants = archs(&mutants);
    assert_eq!(mutants.len(), 11);
    for mutant in mutants {
        let changed = operations(arch)
            .into_iter()
            .zip(operations(&mutant))
            .position(|(a, b)| a != b);
        assert!(matches!(changed, Some(1 | 3 | 5)), "{mutant}");
    }
}

#[test]
fn a_parent_that_is_no_use_is_named_and_loses_no_other() {
    let text = [
        "not json\n".to_owned(),
        record("elsewhere", ",\"space\":\"roberta-skip\""),
        "{\"id\":\"nothing\"}\n".to_owned(),
        "{\"id\":\"wrong\",\"arch\":\"|x~0|\"}\n".to_owned(),
        "{\"id\":\"number\",\"arch\":5}\n".to_owned(),
        record("good", ",\"space\":\"nb201\""),
    ]
    .concat();
    let mutants = mutate("3", &text, &[])
        .expect_code(1)
        .expect_stderr("stdin:1: ")
        .expect_stderr(
            "stdin:2: elsewhere: no_parent: its space is \"roberta-skip\", not \"nb201\"",
        )
        .expect_stderr("stdin:3: nothing: no_parent: it has no \"arch\"")
        .expect_stderr("stdin:4: wrong: no_parent: \"|x~0|\" is not an architecture of nb201")
        .expect_stderr("stdin:5: number: ");
    assert_eq!(mutants.stdout.lines().count(), 3);

    let stopped = mutate("3", &text, &["--on-error", "fail"]).expect_code(2);
    assert_eq!(stopped.stdout, "");
}

#[test]
fn candidates_that_failed_are_no_parents() {
    let failed = record(
        "bad",
        ",\"error\":{\"stage\":\"score\",\"kind\":\"x\",\"message\":\"y\"}",
    );
    let other = parents("3..4");
    let mutants = mutate("2", &(failed.clone() + &other), &[]).expect_code(0);
    assert_eq!(mutants.stdout, mutate("2", &other, &[]).stdout);
    let _ = mutate("2", &failed, &[])
        .expect_code(2)
        .expect_stderr("no parent");
}

#[test]
fn parents_come_from_a_file_too() {
    let folder = scratch();
    let file = folder.path().join("parents.ndjson");
    fs::write(&file, parents("5..6")).unwrap();
    let from_file = Tool::new("knas-sample")
        .args(["--mutate", "4", "--parents"])
        .arg(&file)
        .run()
        .expect_code(0);
    assert_eq!(from_file.stdout, mutate("4", &parents("5..6"), &[]).stdout);

    let _ = Tool::new("knas-sample")
        .args(["--mutate", "4", "--parents", "missing.ndjson"])
        .current_dir(folder.path())
        .run()
        .expect_code(2)
        .expect_stderr("missing.ndjson");
}
