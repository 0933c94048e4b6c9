//! knas-eval, run as a user runs it.

mod active;
mod input;
mod process;
mod results;

use std::fmt::Write as _;
use std::fs;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Thirty candidates with two scores and ties in everything.
fn cells() -> String {
    let mut cells = String::new();
    for k in 0..30 {
        let (mgm, params) = (7 * k % 11 + k, k * k % 13);
        let _ = writeln!(
            cells,
            "{{\"id\":\"c{k:02}\",\"arch\":\"|x{k}|\",\"params\":{params},\"scores\":{{\"mgm\":{mgm}}},\
             \"scores_std\":{{\"mgm\":0.5}}}}"
        );
    }
    cells
}

/// Their accuracies.
fn truth(folder: &TempDir) -> String {
    let mut table = String::from("id,arch,acc,ep12\n");
    for k in 0..30 {
        let _ = writeln!(table, "c{k:02},|x{k}|,{},{}", 50 + k / 2, k / 3);
    }
    write(folder, "truth.csv", &table)
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("the file can be written");
    path.to_str().expect("a UTF-8 path").to_owned()
}

fn eval(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-eval").args(args).stdin(input).run()
}

/// Lines of JSON, and of these the one about a score.
fn about<'a>(lines: &'a [Value], score: &str) -> &'a Value {
    let found = lines
        .iter()
        .find(|line| line["score"] == score || line["coarse"] == score);
    found.unwrap_or_else(|| panic!("no line is about {score}: {lines:?}"))
}

#[track_caller]
fn close(value: &Value, expected: f64) {
    let value = value.as_f64().expect("a number");
    assert!(
        (value - expected).abs() < 1e-12,
        "{value} is not {expected}"
    );
}
