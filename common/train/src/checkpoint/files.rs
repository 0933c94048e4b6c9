//! The files of a checkpoint, each beside the one that it takes the place of.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use knas_files::write::rename;
use knas_files::{ReadError, capped, sha256, sha256_of};

use super::{CheckpointError, MAX_FILE};

/// The name of what is to take a file's place.
pub(super) fn new(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// What could not be written whole; it may not be there.
pub(super) fn remove_new(files: &[PathBuf]) {
    for file in files {
        let _ = fs::remove_file(new(file));
    }
}

/// Gives a file its name where a killed run did not come to it.
pub(super) fn settle(file: &Path, hash: &str) -> Result<(), CheckpointError> {
    let error = match intact(file, hash) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let new = new(file);
    if intact(&new, hash).is_err() {
        return Err(error);
    }
    rename(&new, file).map_err(|source| CheckpointError::Write {
        path: file.to_path_buf(),
        epoch: 0,
        source,
    })
}

fn intact(path: &Path, hash: &str) -> Result<(), CheckpointError> {
    let found = sha256_of(path).map_err(|source| CheckpointError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    match found == hash {
        true => Ok(()),
        false => Err(damaged(path)),
    }
}

/// The bytes of a file, which are those that were written.
pub(super) fn checked(path: &Path, hash: &str) -> Result<Vec<u8>, CheckpointError> {
    let bytes = read_file(path, MAX_FILE)?;
    match sha256(&bytes) == hash {
        true => Ok(bytes),
        false => Err(damaged(path)),
    }
}

fn damaged(path: &Path) -> CheckpointError {
    CheckpointError::Damaged {
        path: path.to_path_buf(),
        reason: "its content is not what was written (SHA-256)".to_owned(),
    }
}

/// The bytes of a file, which may have so many.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, CheckpointError> {
    capped(path, limit).map_err(|error| CheckpointError::Read {
        path: path.to_path_buf(),
        source: match error {
            ReadError::Io(source) => source,
            other => io::Error::other(other),
        },
    })
}

/// Writes a file and waits until it is on disk.
pub(super) fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
