//! Where records go: standard output, or `FILE.part` until it is complete.
//!
//! A file under its own name is always whole. While a run lasts, and after one
//! that was killed, its records are in `FILE.part`; `--resume` takes them up.
//! A link keeps pointing where it points, and its target is what is written; a
//! device, pipe or open file is written to, and never replaced.

mod error;
mod journal;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use knas_files::{Target as Place, write};

use crate::progress::Screen;
use crate::record::Record;
use crate::terminal;

pub use error::OutputError;
use error::{io_error, is_full_of_results};
use journal::Journal;
pub use journal::Kept;

/// A stream of records.
pub struct Output {
    target: Target,
    /// What an earlier run left, where it is taken up.
    journal: Option<Journal>,
    done: u64,
    failed: u64,
}

enum Target {
    Stdout(BufWriter<OnScreen>),
    /// A terminal, pipe or device given by name: written as it is.
    Direct(BufWriter<File>, PathBuf),
    Part {
        writer: BufWriter<File>,
        part: PathBuf,
        file: PathBuf,
    },
}

/// Standard output, without the line of progress in its way.
struct OnScreen {
    screen: Screen,
    stdout: io::Stdout,
}

impl Write for OnScreen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdout = &mut self.stdout;
        self.screen.around_results(|| stdout.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let stdout = &mut self.stdout;
        self.screen.around_results(|| stdout.flush())
    }
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::stdout_beside(Screen::default())
    }

    /// Standard output, which may be the screen that shows progress.
    pub(crate) fn stdout_beside(screen: Screen) -> Self {
        let stdout = OnScreen {
            screen,
            stdout: io::stdout(),
        };
        Self::to(Target::Stdout(BufWriter::with_capacity(1 << 16, stdout)))
    }

    /// How many characters fit beside one another, where it is a terminal.
    pub fn width(&self) -> Option<usize> {
        match &self.target {
            Target::Stdout(_) => terminal::width(io::stdout()),
            Target::Direct(file, _) => terminal::width(file.get_ref()),
            Target::Part { .. } => None,
        }
    }

    fn to(target: Target) -> Self {
        Self {
            target,
            journal: None,
            done: 0,
            failed: 0,
        }
    }

    /// `FILE.part`, to be renamed to `file` by [`Output::finish`].
    ///
    /// With `resume`, complete lines of `file` and of `FILE.part` are taken up;
    /// those that have not failed are shown to `check` first. A torn last line is
    /// dropped.
    ///
    /// # Errors
    /// When the file cannot be created or read, another process writes it, or
    /// `check` objects to a line that is to be kept.
    pub fn file(
        file: &Path,
        resume: bool,
        mut check: impl FnMut(&Record<'_>) -> Result<(), String>,
    ) -> Result<Self, OutputError> {
        let found = write::resolve(file).map_err(|source| io_error("write", file, source))?;
        let (file, there) = match found {
            Place::File { path, there } => (path, there),
            Place::Open(path) => {
                let direct = write::open(&path).map_err(|e| io_error("open", &path, e))?;
                return Ok(Self::to(Target::Direct(BufWriter::new(direct), path)));
            }
        };
        let finished = match there {
            Some(_) if resume => {
                Some(File::open(&file).map_err(|source| io_error("read", &file, source))?)
            }
            _ => None,
        };
        if let Some(finished) = &finished {
            journal::examine(finished, &file, &mut check)?; // before anything is touched
        }
        let part = with_suffix(&file, ".part");
        let mut opened = open_part(&part)?;
        if let Some(there) = &there {
            let inherited = write::inherit(&opened, there);
            inherited.map_err(|source| io_error("write", &part, source))?;
        }
        let mut journal = None;
        if resume {
            journal = Some(Journal::take_up(
                &mut opened,
                &part,
                finished.as_ref().map(|finished| (finished, &*file)),
                &mut check,
            )?);
        } else {
            let emptied = opened.set_len(0);
            emptied.map_err(|source| io_error("truncate", &part, source))?;
        }
        Ok(Self {
            journal,
            ..Self::to(Target::Part {
                writer: BufWriter::with_capacity(1 << 16, opened),
                part,
                file,
            })
        })
    }

    /// The records that are there from an earlier run, for whoever reads the
    /// input, which may be another thread.
    pub fn kept(&self) -> Kept {
        self.journal.as_ref().map(Journal::kept).unwrap_or_default()
    }

    /// Whether records of an earlier run are taken up.
    pub fn resumes(&self) -> bool {
        self.journal.is_some()
    }

    /// Leaves out failed records of an earlier run that this one does not meet.
    pub fn without_failed(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.keep_failed = false;
        }
    }

    /// A record of an earlier run that neither was kept nor written anew.
    pub fn stranger(&self) -> Option<&str> {
        self.journal.as_ref().and_then(Journal::stranger)
    }

    /// How many failed records of an earlier run were not met by this one.
    pub fn failed_strangers(&self) -> u64 {
        let failed = self.journal.as_ref().map(Journal::failed_strangers);
        failed.unwrap_or_default()
    }

    /// Keeps the record of this id that is there from an earlier run, in this place.
    pub fn keep(&mut self, id: &str) {
        self.done += 1;
        if let Some(journal) = &mut self.journal {
            journal.keep(id);
        }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// When the target refuses; a reader that went away is
    /// [`io::ErrorKind::BrokenPipe`].
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), OutputError> {
        match record.has_failed() {
            true => self.failed += 1,
            false => self.done += 1,
        }
        let written = match &self.journal {
            None => record.write_to(self),
            Some(_) => {
                let mut line = Vec::new();
                record.write_to(&mut line).and_then(|()| {
                    if let Some(journal) = &mut self.journal {
                        journal.write(record.id(), line.len() as u64);
                    }
                    self.write_all(&line)
                })
            }
        };
        written.map_err(|source| self.error(source))
    }

    /// Writes text that is not a record, such as a table.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn write_text(&mut self, text: &str) -> Result<(), OutputError> {
        self.done += 1;
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

    /// Ends a complete run: the part becomes the file, with the records in the
    /// order in which they were kept and written. Before them stand those of an
    /// earlier run that this one did not meet.
    ///
    /// # Errors
    /// When the target refuses, or every record failed and the file has some that
    /// did not. The part is then left as it is.
    pub fn finish(mut self) -> Result<(), OutputError> {
        self.flush_records()?;
        let Target::Part { writer, part, file } = &self.target else {
            return Ok(());
        };
        if self.failed > 0 && self.done == 0 && self.journal.is_none() && is_full_of_results(file) {
            let (file, part) = (file.clone(), part.clone());
            return Err(OutputError::NothingDone { file, part });
        }
        if let Some(order) = self.journal.as_ref().and_then(Journal::order) {
            journal::assemble(part, file, &order)?;
            return fs::remove_file(part).map_err(|source| io_error("remove", part, source));
        }
        let synced = writer.get_ref().sync_all();
        synced.map_err(|source| io_error("write", part, source))?;
        write::rename(part, file).map_err(|source| io_error("rename", part, source))
    }

    /// Ends a run that is refused: what an earlier one left is as it was.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn discard(mut self) -> Result<(), OutputError> {
        self.flush_records()?;
        let Target::Part { writer, part, .. } = &self.target else {
            return Ok(());
        };
        match self.journal.as_ref().map_or(0, |journal| journal.begin) {
            0 => fs::remove_file(part),
            begin => writer.get_ref().set_len(begin),
        }
        .map_err(|source| io_error("truncate", part, source))
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

/// The part of a file, which no other process writes meanwhile.
fn open_part(part: &Path) -> Result<File, OutputError> {
    // Through a link, or into a pipe, something else than the part would be lost.
    if fs::symlink_metadata(part).is_ok_and(|meta| !meta.is_file()) {
        let source = io::Error::other("it is there, and is no regular file");
        return Err(io_error("create", part, source));
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(part)
        .map_err(|source| io_error("create", part, source))?;
    match opened.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OutputError::Busy(part.into())),
        Err(TryLockError::Error(source)) => return Err(io_error("lock", part, source)),
    }
    // Between opening and locking, its last writer may have given it its name.
    match fs::metadata(part) {
        Ok(meta) if is_same(&meta, &opened) => Ok(opened),
        _ => Err(OutputError::Busy(part.into())),
    }
}

#[cfg(unix)]
fn is_same(meta: &fs::Metadata, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let opened = file.metadata();
    opened.is_ok_and(|opened| (opened.dev(), opened.ino()) == (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &File) -> bool {
    true
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Shows a file's complete lines, with where each begins, to `take`; returns
/// where the last one ends. A torn last line is not shown.
fn each_line(
    file: &File,
    path: &Path,
    mut take: impl FnMut(u64, &Record<'_>, &[u8]) -> Result<(), String>,
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
        let foreign = |reason: String| OutputError::Foreign {
            path: path.into(),
            line: number,
            reason,
        };
        let text = std::str::from_utf8(&line).map_err(|e| foreign(e.to_string()))?;
        let record = Record::parse(text).map_err(|e| foreign(e.to_string()))?;
        take(end, &record, &line).map_err(foreign)?;
        end += read as u64;
    }
}

#[cfg(test)]
mod tests;
