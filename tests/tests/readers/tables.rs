//! Tables of accuracies.

use knas_tests::{Tool, scratch};

use crate::{cells, put};

const TRUTHS: [&str; 2] = ["knas-eval", "knas-report"];

/// The ids of the three cells.
fn ids() -> Vec<String> {
    let lines = cells();
    let id = |line: &str| line.split('"').nth(3).unwrap().to_owned();
    lines.lines().map(id).collect()
}

#[test]
fn one_bad_cell_takes_only_itself_out() {
    let folder = scratch();
    let file = put(folder.path(), "cells", cells());
    let [a, b, c] = ids().try_into().unwrap();
    let table = format!("\u{feff}id,one,two,name\r\n\r\n{a},1,5,x\r\n{b},n/a,6,y\r\n{c},3,7,z\r\n");
    let truth = put(folder.path(), "truth.csv", table);
    for column in ["", ":one"] {
        for name in TRUTHS {
            let run = Tool::new(name).args(["--truth", &format!("{truth}{column}"), &file]);
            let run = run.run().expect_code(1);
            let run = run.expect_stderr("truth.csv, line 4: one is \"n/a\", not a number");
            let run = run.expect_stderr("rows and cells that cannot be used: 1");
            assert!(run.stdout.contains("one"), "{}", run.streams());
        }
    }
    let run = Tool::new("knas-eval").args(["--truth", &truth, "--format", "ndjson", &file]);
    let run = run.run().expect_code(1);
    let run = run.expect_stderr("columns without a number, left out: name");
    let lines = run.records();
    let found = |column: &str| lines.iter().filter(|line| line["truth"] == column).count();
    assert!(found("one") > 0 && found("two") > 0 && found("name") == 0);
    let strict = Tool::new("knas-eval").args(["--on-error", "fail", "--truth", &truth, &file]);
    let _ = strict.run().expect_code(2);
}

#[test]
fn what_cannot_be_decided_is_refused() {
    let folder = scratch();
    let file = put(folder.path(), "cells", cells());
    for (table, column, said) in [
        ("id,a,a\nx,1,2\n", "", "two columns are called \"a\""),
        ("id,a\nx,one\n", ":a", "no cell of column \"a\" is a number"),
        ("id,a\nx,one\n", "", "no column of numbers"),
        ("id,a\nx,\n", "", "no column of numbers"),
        ("name,a\nx,1\n", "", "no column \"id\""),
    ] {
        let truth = put(folder.path(), "truth.csv", table);
        for name in TRUTHS {
            let run = Tool::new(name).args(["--truth", &format!("{truth}{column}"), &file]);
            let _ = run.run().expect_code(2).expect_stderr(said);
        }
    }
}
