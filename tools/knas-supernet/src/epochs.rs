//! What is told of epochs as they end, on stderr and in `--log`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use knas_files::{Target, write};
use knas_records::Context;
use knas_search::Epoch;
use serde::Serialize;

use crate::found::Found;

/// `--log`: one JSON object for every epoch, or round.
pub struct Log {
    path: PathBuf,
    file: File,
}

#[derive(Serialize)]
struct Entry<'e> {
    epoch: u64,
    epochs: u64,
    learning_rate: f64,
    train_loss: f64,
    train_accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_accuracy: Option<f64>,
    theta: &'e [Vec<f64>],
    /// The architecture that would be written, were this the last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
}

impl Log {
    /// A log that replaces what is there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let file = match write::resolve(path) {
            Ok(Target::Open(path)) => write::open(&path),
            Ok(Target::File { path, .. }) => File::create(path),
            Err(error) => Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            file: file.with_context(|| format!("--log {}", path.display()))?,
        })
    }

    /// Writes an epoch, of so many, and what would be found by it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn epoch(&mut self, epoch: &Epoch, epochs: u64, found: Option<&Found>) -> Result<()> {
        let entry = Entry {
            epoch: epoch.epoch,
            epochs,
            learning_rate: epoch.learning_rate,
            train_loss: epoch.train.loss,
            train_accuracy: epoch.train.accuracy,
            valid_loss: epoch.valid.map(|valid| valid.loss),
            valid_accuracy: epoch.valid.map(|valid| valid.accuracy),
            theta: &epoch.theta,
            found: found.map(|found| found.one.id()),
            probability: found.and_then(|found| found.probability),
        };
        self.write(&entry)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, entry: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        written.with_context(|| format!("--log {}", self.path.display()))
    }
}

/// Tells of an epoch, of so many, and what would be found by it.
pub fn tell(epoch: &Epoch, epochs: u64, found: Option<&Found>, context: &Context) {
    let Epoch {
        epoch: number,
        train,
        valid,
        ..
    } = epoch;
    context.screen().note(format!("epoch {number}/{epochs}"));
    let valid =
        valid.map(|valid| format!(", second half {:.4} ({:.4})", valid.loss, valid.accuracy));
    let found = found.map(|found| format!(": {}", found.one.id()));
    context.info(format_args!(
        "epoch {number}/{epochs}: loss {:.4} ({:.4}){}{}",
        train.loss,
        train.accuracy,
        valid.unwrap_or_default(),
        found.unwrap_or_default(),
    ));
}
