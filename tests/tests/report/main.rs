//! knas-report, run as a user runs it, and its page, opened in a browser.

mod browser;
mod hostile;
mod input;
mod page;
mod plots;
mod use_of;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a search of made numbers in it.
struct Search {
    folder: TempDir,
}

impl Search {
    /// `count` cells of NAS-Bench-201: scored, one in fifty failed, five trained.
    fn of(count: usize) -> Self {
        let folder = scratch();
        let sampled = Tool::new("knas-sample")
            .args(["-n", &count.to_string()])
            .run()
            .expect_code(0)
            .records();
        let (mut records, mut log) = (String::new(), String::new());
        let mut truth = String::from("arch,acc,other\n");
        for (at, mut record) in sampled.into_iter().enumerate() {
            // Repeats only after 10,007 candidates, and looks like chance.
            let chance = |times: usize| (at * times % 10_007) as f64 / 10_007.0;
            let good = chance(7919);
            let arch = record["arch"].as_str().expect("an arch").to_owned();
            let _ = writeln!(
                truth,
                "{arch},{:.3},{:.3}",
                60.0 + 34.0 * good,
                40.0 * chance(313)
            );
            if at % 50 == 49 {
                record["error"] =
                    json!({ "stage": "score", "kind": "non_finite", "message": "mgm is NaN" });
            } else {
                let mgm = (8.0 * (0.6 * good + 0.4 * chance(4111)) - 6.0).exp();
                let naswot = 1500.0 + 90.0 * good + 60.0 * chance(2393);
                record["scores"] = json!({ "mgm": mgm, "naswot": naswot, "ntk-cond": -1.0 / mgm });
                (record["score"], record["score_by"]) = (json!(mgm), json!("mgm"));
                record["scored"] = scored();
                record["meta"] = json!({ "score": meta(400.0 + 300.0 * chance(53)) });
            }
            if at < 5 {
                let id = record["id"].as_str().expect("an id").to_owned();
                for epoch in 1..=6u32 {
                    let valid = 0.3 + 0.08 * f64::from(epoch) + 0.02 * at as f64;
                    let line = json!({ "id": id, "epoch": epoch, "train_loss": 2.0 / f64::from(epoch),
                        "valid_accuracy": valid });
                    let _ = writeln!(log, "{line}");
                }
                record["finetune"] =
                    json!({ "epochs": 6, "valid_accuracy": 0.78 + 0.02 * at as f64 });
                record["meta"]["finetune"] = meta(900_000.0);
            }
            let _ = writeln!(records, "{record}");
        }
        let search = Self { folder };
        search.write("records.ndjson", &records);
        search.write("epochs.ndjson", &log);
        search.write("truth.csv", &truth);
        search
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the file can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs knas-report in the folder.
    fn report(&self, args: &[&str]) -> Outcome {
        let tool = Tool::new("knas-report").current_dir(self.folder.path());
        tool.args(args).run()
    }

    /// The page with everything on it.
    fn page(&self) -> PathBuf {
        let args = "records.ndjson --truth truth.csv --log epochs.ndjson -o report.html";
        let args: Vec<&str> = args.split(' ').collect();
        let _ = self.report(&args).expect_code(0);
        self.path("report.html")
    }
}

fn scored() -> Value {
    json!({ "data": "noise", "data_sha256": ["00"], "samples": 50, "seeds": [0], "norm": "sample",
        "init": "default", "dtype": "float32", "network": { "channels": 16, "cells": 5 },
        "tool": "knas-score 0.1.0", "libtorch": "2.11.0" })
}

fn meta(milliseconds: f64) -> Value {
    json!({ "device": "cpu", "host": "h", "milliseconds": milliseconds,
        "joules": milliseconds * 0.012, "joules_source": "estimate" })
}

/// Where screenshots are kept: in the target folder, for whoever wants to see
/// the pages of the last run.
fn artefact(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder.join(name)
}
