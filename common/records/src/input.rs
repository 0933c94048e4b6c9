//! Lines from files and standard input, each with its place.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use knas_files::text::{self, Foreign};

use crate::record::{Record, RecordError};

/// The longest line that is read: a hostile stream without an end of line must
/// not fill the memory.
pub const MAX_LINE: usize = 64 << 20;

const BUFFER: usize = 256 << 10;

/// How much of a file is looked at before anything is read.
const HEAD: u64 = 4 << 10;

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file cannot be opened or read.
    #[error("{name}: {source}")]
    Io {
        /// The file, or `stdin`.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// What is there is something else than lines of text, or than records.
    #[error("{name}: {source}")]
    Foreign {
        /// The file, or `stdin`.
        name: String,
        /// What it is.
        source: Foreign,
    },
    /// Nothing is piped in and no file is named.
    #[error("no input: name files of records, or pipe them in (--help has an example)")]
    Terminal,
}

/// Where a line comes from: `cells.ndjson:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named, or `stdin`.
    pub source: String,
    /// The line's number, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// One line, without its end.
#[derive(Debug)]
pub struct Line<'a> {
    /// The file as it was named, or `stdin`.
    pub source: &'a str,
    /// The line's number, from 1.
    pub number: u64,
    bytes: &'a [u8],
    too_long: bool,
}

impl<'a> Line<'a> {
    /// The line's text.
    ///
    /// # Errors
    /// When the line is longer than [`MAX_LINE`] or is not UTF-8.
    pub fn text(&self) -> Result<&'a str, RecordError> {
        if self.too_long {
            return Err(RecordError::TooLong(MAX_LINE));
        }
        std::str::from_utf8(self.bytes).map_err(|_| RecordError::Encoding)
    }

    /// The record on this line.
    ///
    /// # Errors
    /// When the line is not a record.
    pub fn record(&self) -> Result<Record<'a>, RecordError> {
        Record::parse(self.text()?)
    }

    /// Where the line is.
    pub fn place(&self) -> Place {
        Place {
            source: self.source.to_owned(),
            line: self.number,
        }
    }

    /// The first 80 characters, for a message.
    pub fn excerpt(&self) -> String {
        let head = &self.bytes[..self.bytes.len().min(4 * 80)];
        let text = String::from_utf8_lossy(head);
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let mut excerpt: String = text.chars().take(80).map(plain).collect();
        if excerpt.len() < self.bytes.len() {
            excerpt.push('…');
        }
        excerpt
    }
}

/// Lines of several files, one after the other. A byte-order mark and empty lines
/// are passed over.
pub struct Input {
    waiting: VecDeque<PathBuf>,
    current: Option<(String, Box<dyn BufRead + Send>)>,
    number: u64,
    /// Whether a line that is not empty has been met in the current file.
    begun: bool,
    /// Whether lines may be something else than records.
    any: bool,
    line: Vec<u8>,
}

impl Input {
    /// Opens files for reading; `-`, or no file at all, is standard input.
    ///
    /// Every file is tried before the first is read: a typing error in the
    /// last name should not cost the time that the first one takes.
    ///
    /// # Errors
    /// When a file cannot be opened or does not hold lines of records, or standard
    /// input is a terminal.
    pub fn open(files: &[PathBuf]) -> Result<Self, InputError> {
        Self::open_as(files, false)
    }

    fn open_as(files: &[PathBuf], any: bool) -> Result<Self, InputError> {
        let stdin = PathBuf::from("-");
        let files = if files.is_empty() {
            std::slice::from_ref(&stdin)
        } else {
            files
        };
        for path in files {
            if is_stdin(path) {
                if io::stdin().is_terminal() {
                    return Err(InputError::Terminal);
                }
                continue;
            }
            let name = || path.display().to_string();
            let io = |source| InputError::Io {
                name: name(),
                source,
            };
            let file = File::open(path).map_err(io)?;
            let meta = file.metadata().map_err(io)?;
            if meta.is_dir() {
                return Err(io(io::ErrorKind::IsADirectory.into()));
            }
            // What is read from a pipe is gone.
            if meta.is_file() && !any {
                let mut head = Vec::new();
                file.take(HEAD).read_to_end(&mut head).map_err(io)?;
                check_head(&head).map_err(|source| InputError::Foreign {
                    name: name(),
                    source,
                })?;
            }
        }
        Ok(Self {
            waiting: files.iter().cloned().collect(),
            current: None,
            number: 0,
            begun: false,
            any,
            line: vec![],
        })
    }

    /// As [`Input::open`], for lines that are no records, such as paths.
    ///
    /// # Errors
    /// When a file cannot be opened, or standard input is a terminal.
    pub fn open_lines(files: &[PathBuf]) -> Result<Self, InputError> {
        Self::open_as(files, true)
    }

    /// The lines of what is open already; `name` stands for it in messages.
    pub fn from_reader(name: String, reader: impl Read + Send + 'static) -> Self {
        let reader = BufReader::with_capacity(BUFFER, reader);
        Self {
            waiting: VecDeque::new(),
            current: Some((name, Box::new(reader))),
            number: 0,
            begun: false,
            any: false,
            line: vec![],
        }
    }

    /// The next line that is not empty; `None` after the last.
    ///
    /// # Errors
    /// When a file cannot be opened or read, or does not begin like lines of records.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, InputError> {
        loop {
            let Some((name, reader)) = &mut self.current else {
                let Some(path) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                self.current = Some(open(&path)?);
                self.number = 0;
                self.begun = false;
                continue;
            };
            self.line.clear();
            let read =
                read_line(reader.as_mut(), &mut self.line).map_err(|source| InputError::Io {
                    name: name.clone(),
                    source,
                })?;
            let Some(too_long) = read else {
                self.current = None;
                continue;
            };
            self.number += 1;
            let foreign = |source| InputError::Foreign {
                name: name.clone(),
                source,
            };
            if self.number == 1 {
                let marked = self.line.len() - text::body(&self.line).map_err(foreign)?.len();
                self.line.drain(..marked);
            }
            if self.line.iter().all(u8::is_ascii_whitespace) && !too_long {
                continue;
            }
            if !self.begun && !self.any {
                self.begun = true;
                check_head(&self.line).map_err(foreign)?;
            }
            break;
        }
        let Some((source, _)) = &self.current else {
            return Ok(None);
        };
        let too_long = self.line.len() > MAX_LINE;
        Ok(Some(Line {
            source,
            number: self.number,
            bytes: &self.line,
            too_long,
        }))
    }
}

/// Whether the beginning of a file, or its first line, begins something else than
/// records.
fn check_head(head: &[u8]) -> Result<(), Foreign> {
    match text::lines(head)?.next() {
        Some((_, Ok(line))) => text::begins_records(line),
        _ => Ok(()),
    }
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn open(path: &Path) -> Result<(String, Box<dyn BufRead + Send>), InputError> {
    if is_stdin(path) {
        let reader = BufReader::with_capacity(BUFFER, io::stdin());
        return Ok(("stdin".to_owned(), Box::new(reader)));
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok((name, Box::new(BufReader::with_capacity(BUFFER, file)))),
        Err(source) => Err(InputError::Io { name, source }),
    }
}

/// Reads one line without its end; `None` at the end of the file, otherwise
/// whether the line was too long (its rest is then read and thrown away).
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let limit = MAX_LINE as u64 + 1;
    let read = reader.take(limit).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Some(false));
    }
    if read as u64 == limit {
        reader.skip_until(b'\n')?;
        return Ok(Some(true));
    }
    Ok(Some(false)) // the last line of a file may lack its end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: Vec<u8>) -> Input {
        Input::from_reader("x".into(), io::Cursor::new(bytes))
    }

    #[test]
    fn lines_have_numbers_and_empty_ones_are_passed_over() {
        let mut lines = input(b"{\"id\":\"a\"}\n\n  \r\n\xff\n{\"id\":\"b\"}".to_vec());
        let first = lines.next_line().unwrap().unwrap();
        assert_eq!((first.number, first.record().unwrap().id()), (1, "a"));
        let second = lines.next_line().unwrap().unwrap();
        assert_eq!(second.place().to_string(), "x:4");
        assert!(matches!(second.record(), Err(RecordError::Encoding)));
        let third = lines.next_line().unwrap().unwrap();
        assert_eq!((third.number, third.record().unwrap().id()), (5, "b"));
        assert!(lines.next_line().unwrap().is_none());
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_record() {
        let mut lines = input(b"\xef\xbb\xbf{\"id\":\"a\"}\r\n".to_vec());
        assert_eq!(
            lines.next_line().unwrap().unwrap().record().unwrap().id(),
            "a"
        );
        assert!(lines.next_line().unwrap().is_none());
    }

    #[test]
    fn what_holds_no_lines_of_records_is_named_once() {
        for (bytes, said) in [
            (&b"\x1f\x8b\x08\0\n\n"[..], "x: it is compressed (gzip)"),
            (b"\xff\xfe{\0\n\0", "x: it is UTF-16"),
            (b"\xef\xbb\xbf\n[\n{\"id\":\"a\"}]", "x: it is a JSON array"),
            (b"{\n\"id\":\"a\"}", "x: its JSON is spread"),
            (b"id,score\na,1\n", "x: it is a table"),
        ] {
            let mut lines = input(bytes.to_vec());
            let error = lines.next_line().unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cells.csv");
        std::fs::write(&path, "score,id\n1,a\n").unwrap();
        let error = Input::open(&[path]).err().unwrap().to_string();
        assert!(error.contains("cells.csv: it is a table"), "{error}");
    }

    #[test]
    fn a_line_that_is_too_long_does_not_take_the_next_with_it() {
        let mut bytes = vec![b'x'; MAX_LINE + 10];
        bytes.extend_from_slice(b"\n{\"id\":\"a\"}\n");
        let mut lines = input(bytes);
        let long = lines.next_line().unwrap().unwrap();
        assert!(matches!(long.text(), Err(RecordError::TooLong(_))));
        assert_eq!(long.excerpt().chars().count(), 81);
        assert_eq!(
            lines.next_line().unwrap().unwrap().record().unwrap().id(),
            "a"
        );
    }

    #[test]
    fn a_missing_file_is_named_before_anything_is_read() {
        let missing = PathBuf::from("/nonexistent/cells.ndjson");
        let error = Input::open(&[PathBuf::from("/"), missing.clone()])
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("/: "), "{error}");
        let error = Input::open(&[missing]).err().unwrap();
        assert!(error.to_string().contains("cells.ndjson"), "{error}");
    }
}
