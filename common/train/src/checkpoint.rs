//! What a killed run goes on from.
//!
//! Three files stand for one candidate:
//!
//! | file | holds |
//! |---|---|
//! | `ID.safetensors` | the model of the best epoch so far, under its official names; in the end, where all examples are trained on once more, the model of that |
//! | `ID.optimizer.safetensors` | what the next epoch depends on: the model as it is (`model.…`), its average (`average.…`) and the optimiser's state (`momentum.…`) |
//! | `ID.json` | the [`Manifest`]: epochs, settings, and SHA-256 of all three |
//!
//! A new set is written beside the old one, as `….new`. Renaming the manifest
//! is the moment at which it counts: before it, the old set is whole; after it,
//! a file whose content is not the manifest's is still called `….new`, and gets
//! its name when the checkpoint is next opened. A run that is killed at any
//! moment leaves one or the other, and so does a full disk. Content that is
//! neither is refused.

mod files;
mod manifest;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use knas_files::Hashing;
use knas_files::write::rename;
use knas_net::weights::{WeightFile, WeightsError, write_to};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::{Outcome, Refit, TrainError, Trainer};

use files::{checked, new, read_file, remove_new, settle, write_through};
pub use manifest::{Manifest, difference};

/// The largest file that is read.
const MAX_FILE: u64 = 16 << 30;

/// Why a checkpoint cannot be used, or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source} ({})", path.display(), kept(*epoch))]
    Write {
        /// The file.
        path: PathBuf,
        /// The epoch of the checkpoint that is there.
        epoch: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {reason}; remove this candidate's files to train it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is a checkpoint, and none was expected.
    #[error("{} exists: --resume goes on from it; to train anew, remove it or name another folder", .0.display())]
    Exists(PathBuf),
    /// The checkpoint belongs to another training.
    #[error("{} is of another training: {difference}", path.display())]
    Differs {
        /// The manifest.
        path: PathBuf,
        /// What is different.
        difference: String,
    },
    /// Another process trains the same candidate.
    #[error("{} is locked: another process trains this candidate", .0.display())]
    Busy(PathBuf),
    /// The name cannot stand for files of its own.
    #[error("\"{0}.safetensors\" would be another candidate's file")]
    Name(String),
}

fn kept(epoch: u64) -> String {
    match epoch {
        0 => "nothing is there to go on from".to_owned(),
        epoch => format!("the checkpoint of epoch {epoch} is kept; --resume goes on from it"),
    }
}

/// What to do with a checkpoint that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// There must be none.
    Anew,
    /// Go on from it.
    Resume,
}

/// One candidate's checkpoint, which no other process writes meanwhile.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    stem: String,
    manifest: Manifest,
    metadata: BTreeMap<String, String>,
    lock: PathBuf,
    _locked: File,
}

impl Checkpoint {
    /// The checkpoint of `stem` in a folder, which is made where it is missing.
    /// `stem` is a file name without separators; `about` is what else the
    /// training depends on, and must be the same whenever it is taken up.
    ///
    /// # Errors
    /// When the folder cannot be used, or a checkpoint is there that must not
    /// be, is damaged, belongs to another training, or is being written.
    pub fn open(
        folder: &Path,
        stem: &str,
        about: Value,
        start: Start,
    ) -> Result<Self, CheckpointError> {
        if stem.ends_with(".optimizer") {
            return Err(CheckpointError::Name(stem.to_owned()));
        }
        let write = |path: &Path| {
            let path = path.to_path_buf();
            move |source| CheckpointError::Write {
                path,
                epoch: 0,
                source,
            }
        };
        fs::create_dir_all(folder).map_err(write(folder))?;
        let lock = folder.join(format!("{stem}.lock"));
        let locked = File::create(&lock).map_err(write(&lock))?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::Busy(lock)),
            Err(TryLockError::Error(source)) => return Err(write(&lock)(source)),
        }
        let mut checkpoint = Self {
            folder: folder.to_path_buf(),
            stem: stem.to_owned(),
            manifest: Manifest::new(about),
            metadata: BTreeMap::new(),
            lock,
            _locked: locked,
        };
        checkpoint.look(start)?;
        Ok(checkpoint)
    }

    /// Has the files of models that are saved from here on tell this beside their
    /// tensors.
    pub fn tell(&mut self, metadata: BTreeMap<String, String>) {
        self.metadata = metadata;
    }

    /// Finds out what is there.
    fn look(&mut self, start: Start) -> Result<(), CheckpointError> {
        let path = self.manifest_path();
        if !path.exists() {
            // Weights without a manifest are somebody else's.
            return match self.files().into_iter().find(|file| file.exists()) {
                Some(foreign) => Err(CheckpointError::Exists(foreign)),
                None => Ok(()),
            };
        }
        if start == Start::Anew {
            return Err(CheckpointError::Exists(path));
        }
        let found = Manifest::read(&path)?;
        if let Some(difference) = difference(&found.about, &self.manifest.about) {
            return Err(CheckpointError::Differs { path, difference });
        }
        for (file, hash) in self.files().iter().zip(found.hashes()) {
            settle(file, hash)?;
        }
        self.manifest = found;
        Ok(())
    }

    /// What has been reached.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The file of the best epoch's model.
    pub fn weights(&self) -> PathBuf {
        let [weights, _] = self.files();
        weights
    }

    fn files(&self) -> [PathBuf; 2] {
        ["safetensors", "optimizer.safetensors"]
            .map(|suffix| self.folder.join(format!("{}.{suffix}", self.stem)))
    }

    fn manifest_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem))
    }

    /// Takes up what was saved, where something was.
    ///
    /// # Errors
    /// When a file is not what was written, or does not fit the model.
    pub fn restore(&self, trainer: &mut Trainer<'_>) -> Result<(), TrainError> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        let [weights, optimizer] = self.files();
        let [weights_hash, optimizer_hash] = self.manifest.hashes();
        let best = WeightFile::from_bytes(&weights, &checked(&weights, weights_hash)?)?;
        let state = WeightFile::from_bytes(&optimizer, &checked(&optimizer, optimizer_hash)?)?;
        trainer.restore(self.manifest.history.clone(), &state, &best)
    }

    /// Takes up the training on all examples, where some of it was saved.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    pub fn restore_refit(&self, refit: &mut Refit<'_>) -> Result<(), TrainError> {
        let Some(history) = &self.manifest.refit else {
            return Ok(());
        };
        let [_, optimizer] = self.files();
        let [_, hash] = self.manifest.hashes();
        let state = WeightFile::from_bytes(&optimizer, &checked(&optimizer, hash)?)?;
        refit.restore(history.clone(), &state)
    }

    /// Saves a training after an epoch.
    ///
    /// # Errors
    /// When a file cannot be written; what was saved before is then kept.
    pub fn save(&mut self, trainer: &Trainer<'_>) -> Result<(), TrainError> {
        let next = Manifest {
            epoch: trainer.history().len() as u64,
            history: trainer.history().to_vec(),
            ..self.manifest.clone()
        };
        let model = trainer.is_best().then(|| trainer.model());
        self.store(next, model.transpose()?, &trainer.state())
    }

    /// Saves the training on all examples after an epoch, with the last its model.
    ///
    /// # Errors
    /// As [`Checkpoint::save`].
    pub fn save_refit(&mut self, refit: &Refit<'_>) -> Result<(), TrainError> {
        let next = Manifest {
            refit: Some(refit.history().to_vec()),
            ..self.manifest.clone()
        };
        let model = refit.is_done().then(|| refit.model());
        self.store(next, model.transpose()?, &refit.state())
    }

    /// Writes a model, where it is another one, and what the next epoch depends on.
    fn store(
        &mut self,
        mut next: Manifest,
        model: Option<Vec<(String, Tensor)>>,
        state: &[(String, Tensor)],
    ) -> Result<(), TrainError> {
        let [weights, optimizer] = self.files();
        let mut fresh = Vec::new();
        let write = || -> Result<(), TrainError> {
            if let Some(model) = model {
                fresh.push(weights.clone());
                next.weights_sha256 = self.write(&weights, &model, &self.metadata)?;
            }
            fresh.push(optimizer.clone());
            next.optimizer_sha256 = self.write(&optimizer, state, &BTreeMap::new())?;
            Ok(())
        };
        if let Err(error) = write() {
            remove_new(&fresh);
            return Err(error);
        }
        Ok(self.commit(next, &fresh)?)
    }

    /// Writes tensors beside their file, one after another; gives their SHA-256.
    fn write(
        &self,
        file: &Path,
        tensors: &[(String, Tensor)],
        metadata: &BTreeMap<String, String>,
    ) -> Result<String, TrainError> {
        let io = |source| self.write_error(file, source);
        let created = File::create(new(file)).map_err(io)?;
        let mut out = Hashing::new(BufWriter::with_capacity(1 << 20, created));
        match write_to(file, tensors, metadata, &mut out) {
            Err(WeightsError::Io { source, .. }) => return Err(io(source).into()),
            written => written?,
        }
        let (out, hash) = out.finish();
        let written = out.into_inner().map_err(|error| io(error.into_error()))?;
        written.sync_all().map_err(io)?;
        Ok(hash)
    }

    /// Notes how the best epoch's model is judged, where training on all examples follows.
    ///
    /// # Errors
    /// As [`Checkpoint::save`].
    pub fn judged(&mut self, outcome: Outcome) -> Result<(), TrainError> {
        self.note(outcome, false)
    }

    /// Notes that there will be no further epoch, and how the model is judged.
    ///
    /// # Errors
    /// As [`Checkpoint::save`].
    pub fn finish(&mut self, outcome: Outcome) -> Result<(), TrainError> {
        self.note(outcome, true)
    }

    fn note(&mut self, outcome: Outcome, finished: bool) -> Result<(), TrainError> {
        let next = Manifest {
            finished,
            test: outcome.test,
            confusion: outcome.confusion,
            ..self.manifest.clone()
        };
        Ok(self.commit(next, &[])?)
    }

    /// Has a manifest count, and with it the files written beside the old ones.
    fn commit(&mut self, next: Manifest, fresh: &[PathBuf]) -> Result<(), CheckpointError> {
        let path = self.manifest_path();
        if let Err(source) = write_through(&new(&path), &next.to_bytes()) {
            remove_new(fresh);
            remove_new(std::slice::from_ref(&path));
            return Err(self.write_error(&path, source));
        }
        let named = |file: &Path| rename(&new(file), file);
        named(&path).map_err(|source| self.write_error(&path, source))?;
        self.manifest = next;
        for file in fresh {
            named(file).map_err(|source| self.write_error(file, source))?;
        }
        Ok(())
    }

    fn write_error(&self, path: &Path, source: io::Error) -> CheckpointError {
        CheckpointError::Write {
            path: path.to_path_buf(),
            epoch: self.manifest.epoch,
            source,
        }
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        // While it is still locked; a lock file that stays does no harm.
        let _ = fs::remove_file(&self.lock);
    }
}

/// The manifest of a candidate's checkpoint and its weights, for evaluation
/// only; none where there is no manifest.
///
/// # Errors
/// When the checkpoint is damaged.
pub fn read(folder: &Path, stem: &str) -> Result<Option<(Manifest, WeightFile)>, TrainError> {
    let path = folder.join(format!("{stem}.json"));
    if !path.exists() {
        return Ok(None);
    }
    let manifest = Manifest::read(&path)?;
    let weights = folder.join(format!("{stem}.safetensors"));
    let [hash, _] = manifest.hashes();
    let bytes = match checked(&new(&weights), hash) {
        Ok(bytes) => bytes,
        Err(_) => checked(&weights, hash)?,
    };
    Ok(Some((manifest, WeightFile::from_bytes(&weights, &bytes)?)))
}
