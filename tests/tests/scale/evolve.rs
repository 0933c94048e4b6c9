//! `scripts/evolve.sh`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use knas_tests::{Tool, scratch};
use serde_json::Value;

use crate::{TINY, expect, lose, said, script};

fn evolve(folder: &Path, options: &[&str]) -> Command {
    let mut command = script("evolve.sh", folder);
    command.args(["-o", "found", "--population", "12", "--parents", "3"]);
    command.args(["--children", "6"]).args(options);
    command
        .arg("--")
        .args(TINY)
        .args(["--proxy", "macs,mgm", "-q"]);
    command
}

fn records(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// By a score that grows with every larger operation, evolution must climb.
#[test]
fn it_finds_better_ones_than_random_search() {
    let folder = scratch();
    expect(
        &mut evolve(folder.path(), &["--budget", "60", "--seed", "5"]),
        0,
    );
    let found = records(&fs::read_to_string(folder.path().join("found")).unwrap());
    assert_eq!(found.len(), 60);
    let ids: HashSet<&str> = found.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 60, "every candidate is scored once");
    let random = Tool::new("knas-sample")
        .args(["-n", "60", "--seed", "5"])
        .run();
    let random = random.expect_code(0).records();
    assert_eq!(random[..12], strip(&found[..12]));
    let mean = |records: &[Value], field: &str| {
        let sum: f64 = records.iter().map(|r| r[field].as_f64().unwrap()).sum();
        sum / records.len() as f64
    };
    assert!(mean(&found[30..], "macs") > 1.5 * mean(&random, "macs"));
    assert_eq!(lines_of(folder.path()), ["found"]);
}

/// The fields that knas-sample writes.
fn strip(records: &[Value]) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        let record = record.as_object_mut().unwrap();
        record.retain(|name, _| ["id", "space", "arch", "params", "macs"].contains(&&**name));
    }
    records
}

fn lines_of(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_file() {
    let folder = scratch();
    let whole = folder.path().join("whole");
    fs::create_dir(&whole).unwrap();
    let options = ["--budget", "30"];
    expect(&mut evolve(&whole, &options), 0);
    let place = folder.path().join("killed");
    fs::create_dir(&place).unwrap();
    for moment in [300, 900, 1300] {
        let mut run = evolve(&place, &options).spawn().unwrap();
        thread::sleep(Duration::from_millis(moment));
        lose(run.id());
        run.wait().unwrap();
    }
    expect(&mut evolve(&place, &options), 0);
    let read = |folder: &Path| fs::read_to_string(folder.join("found")).unwrap();
    assert!(read(&place) == read(&whole));
}

/// However much of a generation was scored when the run was killed.
#[test]
fn a_generation_that_was_begun_is_completed() {
    let folder = scratch();
    let options = ["--budget", "24"];
    expect(&mut evolve(folder.path(), &options), 0);
    let path = |name: &str| folder.path().join(name);
    let whole = fs::read_to_string(path("found")).unwrap();
    let first = |count| -> String { whole.split_inclusive('\n').take(count).collect() };
    for (history, part) in [(12, 14), (12, 7), (18, 19)] {
        fs::write(path("found.evolving"), first(history)).unwrap();
        fs::write(path("found.evolving.part"), first(part)).unwrap();
        expect(&mut evolve(folder.path(), &options), 0);
        let found = fs::read_to_string(path("found")).unwrap();
        assert!(found == whole, "{history} and {part}");
    }
}

#[test]
fn what_cannot_work_is_said() {
    let folder = scratch();
    for (arguments, message) in [
        (&["--budget", "9"][..], "-o FILE is missing"),
        (&["-o"], "-o needs a value"),
        (&["-o", "x", "--budget", "many"], "--budget is a number"),
        (&["-o", "x", "cells"], "come after --"),
    ] {
        let output = expect(script("evolve.sh", folder.path()).args(arguments), 2);
        assert!(said(&output).contains(message), "{}", said(&output));
    }
    // No candidate has a score: there is nothing to breed from.
    let mut none = evolve(folder.path(), &["--budget", "20", "--by", "nothing"]);
    let output = expect(&mut none, 2);
    assert!(said(&output).contains("evolve.sh: "), "{}", said(&output));
}
