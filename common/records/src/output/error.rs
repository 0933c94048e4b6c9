//! Why records cannot be written, or taken up again.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::record::Record;

/// Why records cannot be written, or taken up again.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `write`, `create`, `rename`, …
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard output refuses.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// Another process writes the same file.
    #[error("{} is being written by another process", .0.display())]
    Busy(PathBuf),
    /// A line of the file to be taken up cannot be kept.
    #[error("{}:{line} cannot be kept: {reason} (remove the file, or leave out --resume)", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A kept record is about something else than the one of its id in the input.
    #[error(
        "{}: {id} cannot be kept: there it is {there}, and in the input {here} \
         (remove the file, or leave out --resume)",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The record.
        id: String,
        /// What it is in the file.
        there: String,
        /// What it is in the input.
        here: String,
    },
    /// A run without a single success would replace results.
    #[error(
        "every candidate failed, so {} is left as it was (what failed is in {})",
        file.display(), part.display()
    )]
    NothingDone {
        /// The file.
        file: PathBuf,
        /// What would have replaced it.
        part: PathBuf,
    },
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> OutputError {
    OutputError::Io {
        action,
        path: path.into(),
        source,
    }
}

/// Whether a file has anything but failed candidates.
pub(super) fn is_full_of_results(file: &Path) -> bool {
    let Ok(file) = File::open(file) else {
        return false;
    };
    let mut lines = BufReader::new(file).lines().map_while(Result::ok);
    lines.any(|line| !Record::parse(&line).is_ok_and(|record| record.has_failed()))
}
