//! knas-finetune, run as a user runs it.

mod checkpoints;
mod data;
mod failures;
mod files;
mod halving;
mod heads;
mod learning;
mod pytorch;
mod refits;
mod results;
mod spaces;
mod text_failures;
mod texts;
mod timeouts;

use std::fs;
use std::path::Path;

use knas_tests::{Tool, scratch};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with images, and what knas-finetune needs to be fast on them.
pub struct Bench {
    folder: TempDir,
    data: String,
}

impl Bench {
    /// A folder of its own.
    pub fn set_up() -> Self {
        let folder = scratch();
        let data = data::made(folder.path());
        Self { folder, data }
    }

    /// The folder in which tools run.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// knas-finetune on a network of 4 channels and one cell, for three epochs.
    pub fn finetune(&self, args: &[&str]) -> Tool {
        Tool::new("knas-finetune")
            .args(["--data", &self.data, "--channels", "4", "--cells", "1"])
            .args(["--batch", "40", "--quiet"])
            .args(args)
            .current_dir(self.path())
    }

    /// The JSON file called `name`.
    pub fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path().join(name)).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// Random cells.
pub fn cells(count: &str) -> String {
    let run = Tool::new("knas-sample").args(["-n", count]).run();
    run.expect_code(0).stdout
}

/// A number of a record's `finetune`.
pub fn reached(record: &Value, field: &str) -> f64 {
    let value = record["finetune"][field].as_f64();
    value.unwrap_or_else(|| panic!("no finetune.{field} in {record}"))
}
