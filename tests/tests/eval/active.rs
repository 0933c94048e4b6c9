//! `knas-eval --protocol active,…`: active search beside the others.

use std::fmt::Write as _;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::Value;
use tempfile::TempDir;

use crate::write;

/// Distinct networks, a table in which accuracy follows parameters and one
/// score, and a score that is of no use.
fn space(folder: &TempDir) -> (String, String) {
    let sample = Tool::new("knas-sample").args(["-n", "250", "--unique=network"]);
    let (mut cells, mut table) = (String::new(), "id,val,test\n".to_owned());
    for mut cell in sample.run().expect_code(0).records() {
        let params = cell["params"].as_f64().expect("a number");
        let depth = cell["arch"]
            .as_str()
            .expect("a text")
            .matches("3x3")
            .count() as f64;
        let value = 90.0 - 30.0 * (-params / 4e5 - 0.2 * depth).exp();
        let id = cell["id"].as_str().expect("a text").to_owned();
        let _ = writeln!(table, "{id},{value},{}", value - 1.0);
        cell["scores"] = serde_json::json!({"useless": (params * 0.7).sin()});
        let _ = writeln!(cells, "{cell}");
    }
    (
        write(folder, "cells", &cells),
        write(folder, "truth.csv", &table),
    )
}

fn play(cells: &str, truth: &str, protocol: &str, more: &[&str]) -> Outcome {
    let args = ["--truth", truth, "--protocol", protocol];
    Tool::new("knas-eval")
        .args(args)
        .args(more)
        .arg(cells)
        .run()
}

const SHORT: &str = "active,init=5,batch=5,budget=40,pool=100,reps=4,fine=val";

fn found(curves: &[Value], strategy: &str, trainings: usize, field: &str) -> f64 {
    let curve = curves.iter().find(|curve| curve["strategy"] == strategy);
    let curve = curve.unwrap_or_else(|| panic!("no {strategy}"));
    curve["points"][trainings - 1][field]
        .as_f64()
        .expect("a number")
}

#[test]
fn what_is_learnt_finds_more_than_chance() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    for model in ["auto", "gp", "forest", "ridge"] {
        let run = play(
            &cells,
            &truth,
            &format!("{SHORT},model={model}"),
            &["--format", "ndjson"],
        );
        let curves = run.expect_code(0).records();
        let names: Vec<&str> = curves
            .iter()
            .filter_map(|c| c["strategy"].as_str())
            .collect();
        assert_eq!(
            names,
            [
                "(active)",
                "useless",
                "params",
                "macs",
                "(evolution)",
                "(random)"
            ]
        );
        for curve in &curves {
            assert_eq!(
                (&curve["kind"], &curve["truth"], &curve["n"]),
                (&"curve".into(), &"test".into(), &250.into())
            );
            let points = curve["points"].as_array().expect("points");
            assert_eq!(points.len(), 40);
            let means: Vec<f64> = points.iter().filter_map(|p| p["mean"].as_f64()).collect();
            assert!(means.is_sorted(), "{curve}");
        }
        let active = found(&curves, "(active)", 40, "regret");
        assert!(
            active < 0.5 * found(&curves, "(random)", 40, "regret"),
            "{model}: {active}"
        );
        // Before anything is learnt, they are drawn alike.
        assert!(found(&curves, "(active)", 1, "regret") > active);
    }
}

#[test]
fn the_same_seed_plays_the_same_searches_in_any_number_of_threads() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    let run = |more: &[&str]| {
        let outcome = play(
            &cells,
            &truth,
            SHORT,
            &[&["--format", "csv"], more].concat(),
        );
        outcome.expect_code(0).stdout
    };
    let one = run(&["-j", "1"]);
    assert_eq!(one, run(&["-j", "2"]));
    assert_ne!(one, run(&["--seed", "1"]));
    assert_eq!(one.lines().count(), 1 + 6 * 40);
}

#[test]
fn a_good_score_begins_better_than_chance() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    let begun = |first: &str| {
        let run = play(
            &cells,
            &truth,
            &format!("{SHORT}{first}"),
            &["--format", "ndjson"],
        );
        found(&run.expect_code(0).records(), "(active)", 5, "regret")
    };
    assert!(begun(",first=params") < begun(""));
    let wrong = play(&cells, &truth, &format!("{SHORT},first=zen"), &[]).expect_code(2);
    assert!(wrong.stderr.contains("first=zen"), "{}", wrong.stderr);
}

#[test]
fn a_table_says_where_searches_stand() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    let table = play(&cells, &truth, SHORT, &[]).expect_code(0).stdout;
    for word in [
        "(active)",
        "(evolution)",
        "after 20",
        "after 40",
        "best after",
    ] {
        assert!(table.contains(word), "{table}");
    }
}

/// Searches with other settings have other headings, and every row says which.
#[test]
fn searches_of_other_settings_are_not_mixed() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    let other = format!("{SHORT},model=ridge,features=counts+cost");
    let run = |format: &str, second: &str| {
        let more = ["--protocol", second, "--format", format];
        play(&cells, &truth, SHORT, &more)
    };
    let table = run("markdown", &other).expect_code(0).stdout;
    assert_eq!(table.matches("searches have found").count(), 2, "{table}");
    assert!(
        table.contains("by ridge and ei from counts+cost"),
        "{table}"
    );
    let rows = run("csv", &other).expect_code(0).stdout;
    assert!(rows.contains(",ridge,ei,counts+cost,"), "{rows}");
    let curves = run("ndjson", &other).expect_code(0).records();
    let features: Vec<&Value> = curves.iter().map(|curve| &curve["features"]).collect();
    assert!(features.contains(&&serde_json::json!(["counts", "cost"])));
    // One file has one kind of rows; nothing is left out in silence.
    let two_step = "pool=100,k=20,fine=val,reps=4";
    let refused = run("csv", two_step).expect_code(2);
    assert!(
        refused.stderr.contains("--format ndjson"),
        "{}",
        refused.stderr
    );
    assert!(run("ndjson", two_step).expect_code(0).records().len() > 6);
}

#[test]
fn what_cannot_be_played_is_said() {
    let folder = scratch();
    let (cells, truth) = space(&folder);
    for (protocol, said) in [
        ("active,fine=val,budget=300", "more than the 250 candidates"),
        ("active,fine=f1", "no column \"f1\""),
        ("active,fine=val,model=tree", "model=tree"),
        ("active,fine=val,features=paths", "\"paths\""),
        ("active,fine=val,init=2", "init=2"),
    ] {
        let run = play(&cells, &truth, protocol, &[]).expect_code(2);
        assert!(run.stderr.contains(said), "{protocol}: {}", run.stderr);
    }
}
