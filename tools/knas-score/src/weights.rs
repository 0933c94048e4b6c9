//! Weights of single candidates: one file for all of them, one for each, or their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use knas_net::weights::WeightFile;
use knas_records::{Failure, Record};
use knas_study::{is_own, own};

use crate::candidate::Candidate;
use crate::scorer::fail;
use crate::shown::{Shown, with_new_head};

/// Where the weights of candidates are.
pub enum Weights {
    /// In files named by their ids.
    Folder(PathBuf),
    /// In one file, held only as long as a thread takes to have its own view.
    File(Mutex<WeightFile>),
    /// In the candidates themselves.
    Own,
}

impl Weights {
    /// Those at `path`, which is a file or a folder. What is wrong with a file for
    /// every candidate is wrong now.
    ///
    /// # Errors
    /// When a file cannot be read, or tells other classes apart.
    pub fn open(path: &Path, shown: &Shown, new_head: bool) -> Result<Self> {
        if is_own(path) {
            return Ok(Self::Own);
        }
        if path.is_dir() {
            let named =
                |file: fs::DirEntry| file.path().extension() == Some("safetensors".as_ref());
            let mut files = fs::read_dir(path).context("--weights")?.flatten();
            ensure!(
                files.any(named),
                "--weights {}: the folder has no ID.safetensors of any candidate",
                path.display()
            );
            return Ok(Self::Folder(path.to_owned()));
        }
        let read = || -> Result<WeightFile> {
            let file = WeightFile::read(path)?;
            if let Some(classes) = shown.classes().filter(|_| !new_head) {
                file.fits_classes(classes)?;
            }
            Ok(file)
        };
        Ok(Self::File(Mutex::new(read().map_err(with_new_head)?)))
    }

    /// The calling thread's own view of the one file.
    pub fn shared(&self) -> Option<WeightFile> {
        match self {
            Self::Folder(_) | Self::Own => None,
            Self::File(file) => Some(file.lock().unwrap_or_else(PoisonError::into_inner).view()),
        }
    }

    /// Those of one candidate, where they are not the same for all.
    ///
    /// # Errors
    /// When they cannot be read, or it has none.
    pub fn of(
        &self,
        record: &Record<'_>,
        candidate: &Candidate,
        new_head: bool,
    ) -> Result<Option<WeightFile>, Failure> {
        let found = match self {
            Self::File(_) => return Ok(None),
            Self::Folder(folder) => {
                let stem = record.file_stem().map_err(|e| fail("bad_id", e))?;
                let file = folder.join(format!("{stem}.safetensors"));
                WeightFile::read(&file).map_err(|e| fail("weights", e))
            }
            Self::Own => {
                let own = own(&*candidate.architecture, &candidate.setting, new_head);
                own.map(|(file, _)| file)
                    .map_err(|e| fail("weights", e.with_new_head()))
            }
        };
        found.map(Some)
    }
}
