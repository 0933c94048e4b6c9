//! `--resume`: what an earlier run left in `FILE.part` and `FILE`.
//!
//! The part is a journal: lines are only ever added to it, so that a run may be
//! killed at any moment. When a run that took up another one is complete, the
//! file is put together from the journal in the order of the input, and has the
//! bytes that an undisturbed run would have written.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use knas_files::NewFile;

use super::each_line;
use super::error::{OutputError, io_error};
use crate::ids::{about, told};
use crate::record::Record;

/// A line of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u64,
    length: u64,
}

impl Span {
    fn end(self) -> u64 {
        self.start + self.length
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    span: Span,
    about: u64,
    failed: bool,
}

/// The records that are there from an earlier run, by id.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    entries: Arc<HashMap<String, Entry>>,
    part: PathBuf,
}

impl Kept {
    /// How many need not be computed again.
    pub fn count(&self) -> usize {
        self.entries.values().filter(|entry| !entry.failed).count()
    }

    /// Whether this candidate need not be computed again. One that failed is
    /// tried again.
    ///
    /// # Errors
    /// When the record of this id is about another architecture.
    pub fn has(&self, record: &Record<'_>) -> Result<bool, OutputError> {
        match self.entries.get(record.id()) {
            Some(entry) if !entry.failed => match entry.about == about(record) {
                true => Ok(true),
                false => Err(self.other(record, entry)?),
            },
            _ => Ok(false),
        }
    }

    fn other(&self, record: &Record<'_>, entry: &Entry) -> Result<OutputError, OutputError> {
        let mut line = vec![0; usize::try_from(entry.span.length).unwrap_or(0)];
        let read = File::open(&self.part).and_then(|mut part| {
            part.seek(SeekFrom::Start(entry.span.start))?;
            part.read_exact(&mut line)
        });
        read.map_err(|source| io_error("read", &self.part, source))?;
        let line = String::from_utf8_lossy(&line);
        let there = Record::parse(&line).map_or_else(|e| e.to_string(), |there| told(&there));
        Ok(OutputError::Other {
            path: self.part.clone(),
            id: record.id().to_owned(),
            there,
            here: told(record),
        })
    }
}

/// The journal of a run that takes up another one.
pub(super) struct Journal {
    entries: Arc<HashMap<String, Entry>>,
    part: PathBuf,
    /// Where this run's lines are, old or new, in the order of the output.
    order: Vec<Span>,
    /// Where lines of an earlier run begin that this run kept or wrote anew.
    met: HashSet<u64>,
    /// Where the part ended before this run.
    pub(super) begin: u64,
    end: u64,
    /// Whether failed records that are not met stay.
    pub(super) keep_failed: bool,
}

impl Journal {
    /// Reads what is there. Lines of `finished` that the part lacks are added to
    /// it: the part alone is the journal.
    pub(super) fn take_up(
        part: &mut File,
        path: &Path,
        finished: Option<(&File, &Path)>,
        check: &mut impl FnMut(&Record<'_>) -> Result<(), String>,
    ) -> Result<Self, OutputError> {
        let mut entries: HashMap<String, Entry> = HashMap::new();
        let end = each_line(part, path, |start, record, line| {
            let entry = examined(start, record, line, check)?;
            let known = entries.get(record.id());
            if !entry.failed || known.is_none_or(|known| known.failed) {
                entries.insert(record.id().to_owned(), entry);
            }
            Ok(())
        })?;
        let ready = part.set_len(end).and_then(|()| part.seek(SeekFrom::End(0)));
        ready.map_err(|source| io_error("truncate", path, source))?;
        let begin = end;
        let mut end = end;
        if let Some((mut finished, file)) = finished {
            let rewound = finished.rewind();
            rewound.map_err(|source| io_error("read", file, source))?;
            let mut writer = BufWriter::new(&*part);
            each_line(finished, file, |_, record, line| {
                let entry = examined(end, record, line, check)?;
                let known = entries.get(record.id());
                if known.is_some_and(|known| entry.failed || !known.failed) {
                    return Ok(());
                }
                writer.write_all(line).map_err(|error| error.to_string())?;
                end += line.len() as u64;
                entries.insert(record.id().to_owned(), entry);
                Ok(())
            })?;
            let flushed = writer.flush();
            flushed.map_err(|source| io_error("write", path, source))?;
        }
        Ok(Self {
            entries: Arc::new(entries),
            part: path.into(),
            order: Vec::new(),
            met: HashSet::new(),
            begin,
            end,
            keep_failed: true,
        })
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            entries: Arc::clone(&self.entries),
            part: self.part.clone(),
        }
    }

    pub(super) fn keep(&mut self, id: &str) {
        if let Some(entry) = self.entries.get(id) {
            self.met.insert(entry.span.start);
            self.order.push(entry.span);
        }
    }

    pub(super) fn write(&mut self, id: &str, length: u64) {
        if let Some(entry) = self.entries.get(id) {
            self.met.insert(entry.span.start);
        }
        let start = self.end;
        self.end += length;
        self.order.push(Span { start, length });
    }

    fn strangers(&self) -> impl Iterator<Item = (&String, &Entry)> {
        let entries = self.entries.iter();
        entries.filter(|(_, entry)| !self.met.contains(&entry.span.start))
    }

    pub(super) fn stranger(&self) -> Option<&str> {
        let first = self.strangers().min_by_key(|(_, entry)| entry.span.start);
        first.map(|(id, _)| &**id)
    }

    pub(super) fn failed_strangers(&self) -> u64 {
        let failed = self.strangers().filter(|(_, entry)| entry.failed);
        failed.count() as u64 * u64::from(self.keep_failed)
    }

    /// The lines of the whole output in their order; none where the journal has
    /// them so already.
    pub(super) fn order(&self) -> Option<Vec<Span>> {
        let kept = |entry: &&Entry| self.keep_failed || !entry.failed;
        let strangers = self.strangers().map(|(_, entry)| entry).filter(kept);
        let mut all: Vec<Span> = strangers.map(|entry| entry.span).collect();
        all.sort_unstable_by_key(|span| span.start);
        all.extend(&self.order);
        let mut end = 0;
        let in_place = all.iter().all(|span| {
            let follows = span.start == end;
            end = span.end();
            follows
        });
        (!in_place || end != self.end).then_some(all)
    }
}

fn examined(
    start: u64,
    record: &Record<'_>,
    line: &[u8],
    check: &mut impl FnMut(&Record<'_>) -> Result<(), String>,
) -> Result<Entry, String> {
    let failed = record.has_failed();
    if !failed {
        check(record)?;
    }
    let length = line.len() as u64;
    Ok(Entry {
        span: Span { start, length },
        about: about(record),
        failed,
    })
}

/// Shows every record of a file that did not fail to `check`.
pub(super) fn examine(
    file: &File,
    path: &Path,
    check: &mut impl FnMut(&Record<'_>) -> Result<(), String>,
) -> Result<(), OutputError> {
    each_line(file, path, |_, record, line| {
        examined(0, record, line, check).map(drop)
    })
    .map(drop)
}

/// Makes a file of the part's lines in this order.
pub(super) fn assemble(part: &Path, file: &Path, order: &[Span]) -> Result<(), OutputError> {
    let made = || -> io::Result<()> {
        let mut from = BufReader::with_capacity(1 << 16, File::open(part)?);
        let mut to = BufWriter::with_capacity(1 << 16, NewFile::create(file)?);
        let mut at = 0i64;
        for span in order {
            let start = i64::try_from(span.start).map_err(io::Error::other)?;
            from.seek_relative(start - at)?;
            let copied = io::copy(&mut (&mut from).take(span.length), &mut to)?;
            if copied != span.length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at = start + i64::try_from(copied).map_err(io::Error::other)?;
        }
        to.into_inner()
            .map_err(|error| error.into_error())?
            .finish()
    };
    made().map_err(|source| io_error("write", file, source))
}
