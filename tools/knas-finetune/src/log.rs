//! `--log`: one JSON object for every epoch.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use knas_files::{Target, write};
use knas_train::Epoch;
use serde::{Deserialize, Serialize};

/// A log that several threads write, each epoch of a candidate once.
pub struct Log {
    path: PathBuf,
    inner: Mutex<Inner>,
    complained: AtomicBool,
}

struct Inner {
    file: File,
    seen: HashSet<(String, u64)>,
    /// Whether what is there goes with the first epoch.
    replaces: bool,
}

#[derive(Serialize)]
struct Entry<'e> {
    id: &'e str,
    epoch: u64,
    epochs: u64,
    learning_rate: f64,
    train_loss: f64,
    train_accuracy: f64,
    valid_loss: f64,
    valid_accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_f1: Option<f64>,
    /// Training examples a second, where this run trained the epoch; called by
    /// what they are.
    #[serde(flatten)]
    speed: BTreeMap<String, f64>,
}

/// What is needed of an entry to know it again.
#[derive(Deserialize)]
struct Key {
    id: String,
    epoch: u64,
}

impl Log {
    /// Opens a log: to be gone on with, or to be replaced as soon as there is an
    /// epoch to write; a run that trains nothing leaves it as it is.
    ///
    /// # Errors
    /// When the file cannot be written; or, with `resume`, holds something else.
    pub fn open(path: &Path, resume: bool) -> Result<Self> {
        let cannot = || format!("--log {}", path.display());
        let target = write::resolve(path).with_context(cannot)?;
        let mut log = Self {
            path: path.to_owned(),
            inner: Mutex::new(Inner {
                file: match &target {
                    Target::Open(path) => write::open(path),
                    Target::File { path, .. } => OpenOptions::new()
                        .read(true)
                        .write(true)
                        .create(true)
                        .truncate(false)
                        .open(path),
                }
                .with_context(cannot)?,
                seen: HashSet::new(),
                replaces: !resume && matches!(target, Target::File { .. }),
            }),
            complained: AtomicBool::new(false),
        };
        if let (true, Target::File { .. }) = (resume, target) {
            let inner = log.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
            let (seen, end) = entries(&inner.file).with_context(cannot)?;
            inner.seen = seen;
            // A torn last line, of a run that was killed, goes.
            inner.file.set_len(end).with_context(cannot)?;
            inner.file.seek(io::SeekFrom::End(0)).with_context(cannot)?;
        }
        Ok(log)
    }

    /// Writes an epoch, unless it is there. `speed` is what the training examples
    /// are, and how many there were a second.
    ///
    /// # Errors
    /// Those of the file.
    pub fn epoch(
        &self,
        id: &str,
        epochs: u64,
        epoch: &Epoch,
        speed: Option<(&str, f64)>,
    ) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.seen.insert((id.to_owned(), epoch.epoch)) {
            return Ok(());
        }
        let entry = Entry {
            id,
            epoch: epoch.epoch,
            epochs,
            learning_rate: epoch.learning_rate,
            train_loss: epoch.train.loss,
            train_accuracy: epoch.train.accuracy,
            valid_loss: epoch.valid.loss,
            valid_accuracy: epoch.valid.accuracy,
            valid_f1: epoch.valid.f1,
            speed: speed.into_iter().map(per_second).collect(),
        };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        if std::mem::take(&mut inner.replaces) {
            inner.file.set_len(0)?;
        }
        inner.file.write_all(&line)
    }

    /// Whether this is the first trouble with the log.
    pub fn complain_once(&self) -> bool {
        !self.complained.swap(true, Ordering::Relaxed)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn per_second((examples, speed): (&str, f64)) -> (String, f64) {
    let name = format!("{examples}_per_second");
    (name, (speed * 10.0).round() / 10.0)
}

/// The epochs in a log, and where the last whole line ends.
fn entries(file: &File) -> Result<(HashSet<(String, u64)>, u64)> {
    let (mut seen, mut end) = (HashSet::new(), 0);
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let key = serde_json::from_slice(&line);
        let Key { id, epoch } = key.with_context(|| format!("line {number} is no epoch"))?;
        seen.insert((id, epoch));
        end += read as u64;
    }
    Ok((seen, end))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use knas_train::Metrics;

    use super::*;

    #[test]
    fn every_epoch_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let metrics = Metrics {
            loss: 1.5,
            accuracy: 0.25,
            f1: None,
        };
        let epoch = |number| Epoch {
            epoch: number,
            learning_rate: 0.1,
            train: metrics,
            valid: metrics,
        };
        let log = Log::open(&path, false).unwrap();
        log.epoch("a", 3, &epoch(1), Some(("images", 812.34)))
            .unwrap();
        let first = "{\"id\":\"a\",\"epoch\":1,\"epochs\":3,\"learning_rate\":0.1,\
                     \"train_loss\":1.5,\"train_accuracy\":0.25,\"valid_loss\":1.5,\
                     \"valid_accuracy\":0.25,\"images_per_second\":812.3}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        fs::write(&path, format!("{first}{{\"id\":\"a\",\"ep")).unwrap();

        let log = Log::open(&path, true).unwrap();
        log.epoch("a", 3, &epoch(1), None).unwrap();
        log.epoch("a", 3, &epoch(2), None).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(first));
        assert_eq!(text.lines().count(), 2);

        fs::write(&path, "hello\n").unwrap();
        let error = Log::open(&path, true).err().unwrap();
        assert!(format!("{error:#}").contains("line 1 is no epoch"));
        let log = Log::open(&path, false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n");
        log.epoch("a", 3, &epoch(1), Some(("images", 812.34)))
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }
}
