//! Where records go: standard output, or `FILE.part` until it is complete.
//!
//! A file under its own name is always whole. While a run lasts, and after one
//! that was killed, its records are in `FILE.part`; `--resume` takes them up.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
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
    /// A line of the file to be taken up is not a record.
    #[error("{}:{line} cannot be kept: {reason} (remove the file, or leave out --resume)", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// A stream of records.
pub struct Output {
    target: Target,
    kept: Kept,
}

/// The ids of records that need not be computed again.
#[derive(Debug, Default)]
pub struct Kept(HashMap<String, u64>);

impl Kept {
    /// Whether a record of this id is there. Each record answers once, so that
    /// an id that comes twice is written twice.
    pub fn take(&mut self, id: &str) -> bool {
        match self.0.get_mut(id) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

enum Target {
    Stdout(BufWriter<io::Stdout>),
    /// A terminal, pipe or device given by name: written as it is.
    Direct(BufWriter<File>, PathBuf),
    Part {
        writer: BufWriter<File>,
        part: PathBuf,
        file: PathBuf,
    },
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Self {
        Self {
            target: Target::Stdout(BufWriter::with_capacity(1 << 16, io::stdout())),
            kept: Kept::default(),
        }
    }

    /// `FILE.part`, to be renamed to `file` by [`Output::finish`].
    ///
    /// With `resume`, complete lines of `file` and of `FILE.part` are kept, each
    /// shown to `check` first; a torn last line is dropped.
    ///
    /// # Errors
    /// When the file cannot be created or read, another process writes it, or
    /// `check` objects to a line that is to be kept.
    pub fn file(
        file: &Path,
        resume: bool,
        mut check: impl FnMut(&Record<'_>) -> Result<(), String>,
    ) -> Result<Self, OutputError> {
        let meta = fs::metadata(file).ok();
        if meta.as_ref().is_some_and(fs::Metadata::is_dir) {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(OutputError::Io {
                action: "write",
                path: file.into(),
                source,
            });
        }
        if meta.is_some_and(|meta| !meta.is_file()) {
            let opened = OpenOptions::new().write(true).open(file);
            let direct = opened.map_err(|source| io_error("open", file, source))?;
            let target = Target::Direct(BufWriter::new(direct), file.into());
            return Ok(Self {
                target,
                kept: Kept::default(),
            });
        }

        let finished = match File::open(file) {
            Ok(finished) if resume => Some(finished),
            _ => None,
        };
        if let Some(finished) = &finished {
            each_line(finished, file, &mut check, |_, _| Ok(()))?; // before anything is touched
        }
        let part = with_suffix(file, ".part");
        let mut opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|source| io_error("create", &part, source))?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OutputError::Busy(part)),
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &part, source)),
        }

        let mut kept: HashMap<String, u64> = HashMap::new();
        let mut end = 0;
        if resume {
            end = each_line(&opened, &part, &mut check, |id, _| {
                *kept.entry(id.to_owned()).or_default() += 1;
                Ok(())
            })?;
        }
        opened
            .set_len(end)
            .and_then(|()| opened.seek(io::SeekFrom::End(0)))
            .map_err(|source| io_error("truncate", &part, source))?;
        let mut writer = BufWriter::with_capacity(1 << 16, opened);
        if let Some(mut finished) = finished {
            // A finished file that is to be extended: the part starts as a
            // copy of it, which a killed run may have left half-way.
            finished
                .rewind()
                .map_err(|source| io_error("read", file, source))?;
            let mut copied = kept.clone();
            each_line(&finished, file, &mut check, |id, line| {
                match copied.get_mut(id) {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        Ok(())
                    }
                    _ => {
                        *kept.entry(id.to_owned()).or_default() += 1;
                        writer.write_all(line)
                    }
                }
            })?;
        }
        Ok(Self {
            target: Target::Part {
                writer,
                part,
                file: file.into(),
            },
            kept: Kept(kept),
        })
    }

    /// Whether a record of this id is there from an earlier run; see [`Kept::take`].
    pub fn take_kept(&mut self, id: &str) -> bool {
        self.kept.take(id)
    }

    /// The ids of the records that are there from an earlier run, for whoever
    /// reads the input in another thread.
    pub fn take_kept_ids(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    /// How many records are there from an earlier run.
    pub fn kept(&self) -> u64 {
        self.kept.0.values().sum()
    }

    /// Writes one record.
    ///
    /// # Errors
    /// When the target refuses; a reader that went away is
    /// [`io::ErrorKind::BrokenPipe`].
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), OutputError> {
        record.write_to(self).map_err(|source| self.error(source))
    }

    /// Writes text that is not a record, such as a table.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn write_text(&mut self, text: &str) -> Result<(), OutputError> {
        self.write_all(text.as_bytes())
            .map_err(|source| self.error(source))
    }

    /// Hands what is buffered to the system, so that the next tool can go on
    /// and a killed run loses nothing that was done.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn flush_records(&mut self) -> Result<(), OutputError> {
        self.flush().map_err(|source| self.error(source))
    }

    /// Ends a complete run: the part becomes the file.
    ///
    /// # Errors
    /// When the target refuses. The part is then left as it is.
    pub fn finish(mut self) -> Result<(), OutputError> {
        self.flush_records()?;
        if let Target::Part { writer, part, file } = &self.target {
            writer
                .get_ref()
                .sync_all()
                .map_err(|source| io_error("write", part, source))?;
            fs::rename(part, file).map_err(|source| io_error("rename", part, source))?;
        }
        Ok(())
    }

    fn error(&self, source: io::Error) -> OutputError {
        match &self.target {
            Target::Stdout(_) => OutputError::Stdout(source),
            Target::Direct(_, path) | Target::Part { part: path, .. } => {
                io_error("write", path, source)
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.target {
            Target::Stdout(writer) => writer,
            Target::Direct(writer, _) | Target::Part { writer, .. } => writer,
        }
    }
}

/// For writers such as the `csv` crate's. Errors lose their path this way.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OutputError {
    OutputError::Io {
        action,
        path: path.into(),
        source,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Shows a file's complete lines, with their ids, to `take`, once `check`
/// has nothing against them; returns where the last one ends.
fn each_line(
    file: &File,
    path: &Path,
    check: &mut impl FnMut(&Record<'_>) -> Result<(), String>,
    mut take: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> Result<u64, OutputError> {
    let mut reader = BufReader::new(file);
    let (mut end, mut number, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        let read = read.map_err(|source| io_error("read", path, source))?;
        if line.last() != Some(&b'\n') {
            return Ok(end); // the end of the file, or a line that was torn off
        }
        number += 1;
        end += read as u64;
        let foreign = |reason: String| OutputError::Foreign {
            path: path.into(),
            line: number,
            reason,
        };
        let text = std::str::from_utf8(&line).map_err(|e| foreign(e.to_string()))?;
        let record = Record::parse(text).map_err(|e| foreign(e.to_string()))?;
        check(&record).map_err(foreign)?;
        take(record.id(), &line).map_err(|source| io_error("take up", path, source))?;
    }
}

#[cfg(test)]
mod tests;
