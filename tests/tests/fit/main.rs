//! `knas-fit`.

// A failed expectation is how a test fails.
#![allow(clippy::unwrap_used)]

mod failures;

use std::fs;
use std::path::Path;

use knas_tests::{Tool, scratch, shared};
use serde_json::{Value, json};

/// Random cells without their scores, and an accuracy that grows with the
/// parameters, up to a ceiling.
fn cells(count: usize) -> Vec<Value> {
    let sample = Tool::new("knas-sample").args(["-n", &count.to_string(), "--unique=network"]);
    let mut cells = sample.run().expect_code(0).records();
    for cell in &mut cells {
        let params = cell["params"].as_f64().unwrap();
        cell["scores"] = json!({"size": params.sqrt(), "noise": (params * 0.37).sin()});
    }
    cells
}

fn accuracy(cell: &Value) -> f64 {
    0.95 - 0.5 * (-cell["params"].as_f64().unwrap() / 3e5).exp()
}

fn trained(cells: &[Value]) -> Vec<Value> {
    let mut trained = cells.to_vec();
    for cell in &mut trained {
        cell["finetune"] = json!({"valid_accuracy": accuracy(cell)});
    }
    trained
}

fn write(folder: &Path, name: &str, records: &[Value]) {
    fs::write(folder.join(name), lines(records)).unwrap();
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn fit(folder: &Path, args: &[&str]) -> Tool {
    Tool::new("knas-fit").args(args).current_dir(folder)
}

fn tau(records: &[Value], field: &str) -> f64 {
    let pairs: Vec<(f64, f64)> = records
        .iter()
        .map(|r| (r["scores"][field].as_f64().unwrap(), accuracy(r)))
        .collect();
    let mut sum = 0.0;
    for (place, a) in pairs.iter().enumerate() {
        for b in &pairs[..place] {
            sum += ((a.0 - b.0) * (a.1 - b.1)).signum();
        }
    }
    sum / (pairs.len() * (pairs.len() - 1) / 2) as f64
}

#[test]
fn a_few_labels_put_the_others_in_order() {
    let folder = scratch();
    let cells = cells(150);
    write(folder.path(), "labels", &trained(&cells[..30]));
    write(folder.path(), "cells", &cells);
    for model in ["auto", "ridge", "forest", "gp", "gcn"] {
        let run = fit(
            folder.path(),
            &["--labels", "labels", "--model", model, "cells"],
        )
        .run();
        let run = run.expect_code(0);
        let records = run.records();
        assert_eq!(records.len(), 150);
        let found = tau(&records[30..], "fit");
        assert!(found > 0.7, "{model}: {found}");
        for (record, cell) in records.iter().zip(&cells) {
            assert_eq!(record["id"], cell["id"]);
            assert_eq!(record["score"], record["scores"]["fit"]);
            assert_eq!(record["score_by"], "fit");
            assert_eq!(record["scores"]["size"], cell["scores"]["size"]);
            assert!(record["scores_std"]["fit"].as_f64().unwrap() >= 0.0);
            assert_eq!(record["fit"]["labels"], 30);
            assert_eq!(record["fit"]["model"], model);
        }
        assert!(
            run.stderr.contains("without its own: tau"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn labels_come_from_tables_fields_and_the_input() {
    let folder = scratch();
    let cells = cells(60);
    write(folder.path(), "labels", &trained(&cells[..20]));
    write(folder.path(), "cells", &cells);
    let of = |args: &[&str]| fit(folder.path(), args).run().expect_code(0).records();
    let means = |records: &[Value]| -> Vec<Value> {
        records.iter().map(|r| r["scores"]["fit"].clone()).collect()
    };
    let expected = means(&of(&["--labels", "labels", "cells"]));

    let mut table = "id,other,acc\n".to_owned();
    for cell in &cells[..20] {
        table += &format!("{},1,{}\n", cell["id"].as_str().unwrap(), accuracy(cell));
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    assert_eq!(
        means(&of(&["--labels", "table.csv:acc", "cells"])),
        expected
    );
    let run = fit(folder.path(), &["--labels", "table.csv", "cells"])
        .run()
        .expect_code(2);
    assert!(run.stderr.contains("which column?"), "{}", run.stderr);

    // Only the id and the label: what it is stands in the input.
    let bare: Vec<Value> = cells[..20]
        .iter()
        .map(|cell| json!({"id": cell["id"], "mine": {"acc": accuracy(cell)}}))
        .collect();
    write(folder.path(), "bare", &bare);
    let args = ["--labels", "bare", "--target", "mine.acc", "cells"];
    assert_eq!(means(&of(&args)), expected);

    let mut mixed = trained(&cells[..20]);
    mixed.extend_from_slice(&cells[20..]);
    write(folder.path(), "mixed", &mixed);
    assert_eq!(means(&of(&["mixed"])), expected);

    // What a labelled record lacks, the candidate of its id has.
    let mut scoreless = trained(&cells[..20]);
    for record in &mut scoreless {
        record.as_object_mut().unwrap().remove("scores");
    }
    write(folder.path(), "scoreless", &scoreless);
    assert_eq!(means(&of(&["--labels", "scoreless", "cells"])), expected);

    // Another score may rank where the first one is undefined.
    let mut undefined = cells.clone();
    undefined[30]["error"] = json!({"stage": "score", "kind": "undefined", "message": "x"});
    write(folder.path(), "undefined", &undefined);
    let records = of(&["--labels", "labels", "undefined"]);
    assert_eq!(means(&records), expected);
    assert!(records[30].get("error").is_none());

    // Their order does not matter.
    let reversed: Vec<Value> = trained(&cells[..20]).into_iter().rev().collect();
    write(folder.path(), "reversed", &reversed);
    assert_eq!(means(&of(&["--labels", "reversed", "cells"])), expected);
}

#[test]
fn what_is_worth_training_next_has_no_label_yet() {
    let folder = scratch();
    let cells = cells(60);
    write(folder.path(), "labels", &trained(&cells[..20]));
    write(folder.path(), "cells", &cells);
    for how in ["mean", "ucb", "ei", "thompson"] {
        let args = ["--labels", "labels", "--acquire", how, "cells"];
        let records = fit(folder.path(), &args).run().expect_code(0).records();
        assert_eq!(records.len(), 40);
        for record in &records {
            assert!(!cells[..20].iter().any(|cell| cell["id"] == record["id"]));
            assert_eq!(record["score_by"], format!("fit-{how}"));
            assert_eq!(record["fit"]["acquire"], how);
        }
    }
}

#[test]
fn what_it_wrote_is_nothing_to_learn_from() {
    let folder = scratch();
    let cells = cells(40);
    write(folder.path(), "labels", &trained(&cells[..20]));
    write(folder.path(), "cells", &cells);
    let once = fit(folder.path(), &["--labels", "labels", "cells"])
        .run()
        .expect_code(0);
    let again = fit(folder.path(), &["--labels", "labels"]).stdin(once.stdout.clone());
    assert_eq!(again.run().expect_code(0).stdout, once.stdout);
}

#[test]
fn a_fit_that_is_no_better_than_a_score_is_said() {
    let folder = scratch();
    let mut cells = cells(40);
    for cell in &mut cells {
        cell["scores"] = json!({"perfect": accuracy(cell)});
    }
    write(folder.path(), "labels", &trained(&cells[..12]));
    write(folder.path(), "cells", &cells);
    let args = [
        "--labels",
        "labels",
        "--features",
        "onehot,scores",
        "--model",
        "forest",
        "cells",
    ];
    let run = fit(folder.path(), &args).run().expect_code(0);
    assert!(
        run.stderr
            .contains("not better than 1.000 by perfect alone"),
        "{}",
        run.stderr
    );
}

#[test]
fn records_are_those_of_the_schema() {
    let folder = scratch();
    let cells = cells(30);
    write(folder.path(), "labels", &trained(&cells[..20]));
    write(folder.path(), "cells", &cells);
    let schema = Tool::new("knas-fit")
        .arg("--schema")
        .run()
        .expect_code(0)
        .stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let run = fit(
        folder.path(),
        &["--labels", "labels", "--acquire", "ei", "cells"],
    )
    .run();
    for record in run.expect_code(0).records() {
        let errors: Vec<String> = schema.iter_errors(&record).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// NAS-Bench-201's accuracies: with 100 labels ahead of every single feature.
#[test]
fn on_the_benchmark_it_is_ahead_of_every_single_feature() {
    let Some(truth) = shared("nb201/truth.csv") else {
        return;
    };
    let table = fs::read_to_string(truth).unwrap();
    let accuracy = |index: u64, column: usize| -> f64 {
        let line = table.lines().nth(index as usize + 1).unwrap();
        line.split(',').nth(column).unwrap().parse().unwrap()
    };
    let folder = scratch();
    let cells = Tool::new("knas-sample").args(["-n", "400", "--unique=network"]);
    let cells = cells.run().expect_code(0).records();
    let of = |cell: &Value| {
        let index = cell["id"].as_str().unwrap().rsplit('-').next().unwrap();
        accuracy(index.parse().unwrap(), 3) // cifar10_val
    };
    let mut labels = cells[..100].to_vec();
    for label in &mut labels {
        label["acc"] = json!(of(label));
    }
    write(folder.path(), "labels", &labels);
    write(folder.path(), "cells", &cells[100..]);
    let args = ["--labels", "labels", "--target", "acc", "cells"];
    let records = fit(folder.path(), &args).run().expect_code(0).records();
    let agreement = |value: &dyn Fn(&Value) -> f64| {
        let pairs: Vec<(f64, f64)> = records.iter().map(|r| (value(r), of(r))).collect();
        let mut sum = 0.0;
        for (place, a) in pairs.iter().enumerate() {
            for b in &pairs[..place] {
                sum += ((a.0 - b.0) * (a.1 - b.1)).signum();
            }
        }
        sum / (pairs.len() * (pairs.len() - 1) / 2) as f64
    };
    let found = agreement(&|r| r["scores"]["fit"].as_f64().unwrap());
    let params = agreement(&|r| r["params"].as_f64().unwrap());
    assert!(found > 0.7 && found > params, "{found} {params}");
}
