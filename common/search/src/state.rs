//! What a killed search goes on from: one file, which also holds what it has learnt.
//!
//! `supernet.safetensors` has the weights of all options by their names, the optimiser's
//! state (`momentum.…`) and, under the key `knas-supernet`, what the search is of, θ with
//! Adam's moments, and what came of each epoch. It is written beside its place and then
//! renamed, so that a run that is killed leaves the file of its last epoch.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use knas_net::weights::{WeightFile, write_with};
use knas_train::{Optimiser as _, TrainError, checkpoint};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::{Epoch, Search, SearchError, Theta};

/// The key of what the file tells beside its tensors.
pub const KEY: &str = "knas-supernet";

/// The version of the layout.
const FORMAT: &str = "knas-supernet-1";

/// What a file of a search tells beside its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// What the search depends on: space, sizes, data, settings.
    pub about: Value,
    /// What is learnt of the options.
    pub theta: Theta,
    /// What came of each epoch.
    pub history: Vec<Epoch>,
}

/// The file of a search, which no other process writes meanwhile.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    about: Value,
    _locked: File,
}

impl State {
    /// That of a search that depends on `about`, in this folder, which is made where it
    /// is missing.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process does, or there is a file and
    /// the search is not to go on from it.
    pub fn open(folder: &Path, about: Value, resume: bool) -> Result<Self, SearchError> {
        let path = folder.join("supernet.safetensors");
        let cannot = |error: std::io::Error| SearchError::State {
            path: folder.to_owned(),
            reason: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(cannot)?;
        let lock = folder.join("supernet.lock");
        let locked = File::create(&lock).map_err(cannot)?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SearchError::Busy(lock)),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        match path.exists() && !resume {
            true => Err(SearchError::Exists(path)),
            false => Ok(Self {
                path,
                about,
                _locked: locked,
            }),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up what was saved, where something was.
    ///
    /// # Errors
    /// When the file is damaged or of another search.
    pub fn restore(&self, search: &mut Search<'_>) -> Result<(), SearchError> {
        if !self.path.exists() {
            return Ok(());
        }
        let file = WeightFile::read(&self.path).map_err(TrainError::from)?;
        let manifest = manifest(&file)?;
        let wrong = |reason: String| SearchError::State {
            path: self.path.clone(),
            reason,
        };
        if let Some(difference) = checkpoint::difference(&manifest.about, &self.about) {
            return Err(wrong(format!("it is of another search: {difference}")));
        }
        let choices = &search.supernet.choices;
        let options: Vec<usize> = choices.iter().map(|choice| choice.options.len()).collect();
        if !manifest.theta.fits(&options) {
            return Err(wrong("it is of other choices".to_owned()));
        }
        search.put(&file)?;
        let steps = manifest.history.len() as u64 * search.steps();
        search
            .sgd
            .restore(search.network.parameters(), &file, steps)?;
        search.theta = manifest.theta;
        search.history = manifest.history;
        Ok(())
    }

    /// Saves a search after an epoch.
    ///
    /// # Errors
    /// When the file cannot be written; what was saved before is then kept.
    pub fn save(&self, search: &Search<'_>) -> Result<(), SearchError> {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            about: self.about.clone(),
            theta: search.theta.clone(),
            history: search.history.clone(),
        };
        let text = serde_json::to_string(&manifest).map_err(|error| SearchError::State {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        let parameters = search.network.parameters();
        let mut tensors: Vec<(String, Tensor)> = parameters
            .iter()
            .map(|p| (p.name.clone(), p.tensor.detach()))
            .collect();
        tensors.extend(search.sgd.state(parameters));
        let metadata = BTreeMap::from([(KEY.to_owned(), text)]);
        write_with(&self.path, &tensors, &metadata).map_err(TrainError::from)?;
        Ok(())
    }
}

/// What a file of a search tells beside its tensors.
///
/// # Errors
/// When it is no such file.
pub fn manifest(file: &WeightFile) -> Result<Manifest, SearchError> {
    let wrong = |reason: String| SearchError::State {
        path: file.path().to_owned(),
        reason,
    };
    let text = file.metadata(KEY);
    let text = text.ok_or_else(|| wrong("it is no supernet of knas".to_owned()))?;
    let manifest: Manifest =
        serde_json::from_str(text).map_err(|error| wrong(format!("it is damaged: {error}")))?;
    match manifest.format == FORMAT {
        true => Ok(manifest),
        false => Err(wrong(format!(
            "its format is {:?}, not {FORMAT}",
            manifest.format
        ))),
    }
}

impl Search<'_> {
    /// Puts a file's weights in place.
    fn put(&mut self, file: &WeightFile) -> Result<(), SearchError> {
        let _guard = tch::no_grad_guard();
        for parameter in self.network.parameters() {
            let stored = file.tensor(&parameter.name, &parameter.tensor.size());
            let stored = stored.map_err(TrainError::from)?;
            let mut tensor = parameter.tensor.shallow_clone();
            tensor.f_copy_(&stored)?;
        }
        Ok(())
    }
}
