//! knas-supernet, run as a user runs it.

// As knas-finetune's tests have it.
#[path = "../finetune/data.rs"]
#[allow(dead_code)]
mod data;
mod failures;
mod results;
mod resume;

use std::path::Path;

use knas_tests::{Tool, scratch};
use tempfile::TempDir;

/// A folder with images, and what knas-supernet needs to be fast on them.
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

    /// knas-supernet on a network of 2 channels and one cell, for three epochs.
    pub fn supernet(&self, args: &[&str]) -> Tool {
        Tool::new("knas-supernet")
            .args(["--data", &self.data, "--channels", "2", "--cells", "1"])
            .args([
                "--batch",
                "50",
                "--epochs",
                "3",
                "--quiet",
                "--threads",
                "1",
            ])
            .args(args)
            .current_dir(self.path())
    }
}
