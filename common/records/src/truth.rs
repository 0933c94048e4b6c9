//! What is known about candidates: accuracies, from a CSV file or from records.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::input::InputError;
use crate::record::{Record, RecordError};
use crate::tool::{Context, Fatal};

/// Names of columns that say which candidate a row is about.
const KEYS: [&str; 3] = ["id", "index", "arch"];

/// Why a file says nothing about candidates, or nothing that is certain.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// Nothing says which candidate a row is about.
    #[error("there is no column \"id\", \"index\" or \"arch\"; the first line is {0:?}")]
    NoKey(String),
    /// A column that was asked for is missing.
    #[error("there is no column {name:?}; the first line is {header:?}")]
    NoColumn {
        /// The column.
        name: String,
        /// The file's first line.
        header: String,
    },
    /// No column holds numbers.
    #[error("there is no column of numbers")]
    NoNumbers,
    /// A cell of a column that was asked for is not a number.
    #[error("{column} is {text:?}, not a number")]
    NotANumber {
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// There are two rows about one candidate.
    #[error("{0} comes twice")]
    Twice(String),
    /// Something is wrong on one line.
    #[error("line {line}: {source}")]
    Line {
        /// The line's number, from 1.
        line: u64,
        /// What is wrong there.
        source: Box<TruthError>,
    },
    /// The row of a candidate's id is about another architecture.
    #[error("its arch is {arch}, but in the truth {id} is {known}")]
    OtherArch {
        /// The candidate.
        id: String,
        /// Its own architecture.
        arch: String,
        /// The row's.
        known: String,
    },
    /// A field of a record is not what it should be.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Records cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A line was bad, and `--on-error fail` asks to end there.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// The file and the columns that `FILE[:COLUMN[,COLUMN]]` names. A file whose
/// own name has a colon is found under its whole name first.
pub fn file_and_columns(text: &str) -> (PathBuf, Vec<String>) {
    match text.rsplit_once(':') {
        Some((file, columns)) if !Path::new(text).exists() => {
            (file.into(), columns.split(',').map(str::to_owned).collect())
        }
        _ => (text.into(), Vec::new()),
    }
}

/// A table of accuracies, each known or not.
#[derive(Debug, Default)]
pub struct Truth {
    /// Names of the columns.
    pub columns: Vec<String>,
    rows: Vec<Row>,
    by_id: HashMap<String, usize>,
    by_arch: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Row {
    id: Option<String>,
    arch: Option<String>,
    values: Vec<Option<f64>>,
}

impl Truth {
    /// Reads a file: records where its first character is a brace, CSV otherwise.
    ///
    /// # Errors
    /// The file cannot be read, lacks a column, or says two things about one candidate.
    pub fn read(path: &Path, columns: &[String], context: &Context) -> Result<Self, TruthError> {
        let mut reader = BufReader::new(File::open(path)?);
        let head = reader.fill_buf()?;
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            Self::records(path, columns, context)
        } else {
            Self::csv(reader, columns)
        }
    }

    /// Reads a table of comma-separated values. Without `wanted`, all columns
    /// that hold numbers are taken.
    ///
    /// # Errors
    /// As [`Truth::read`].
    pub fn csv(reader: impl Read, wanted: &[String]) -> Result<Self, TruthError> {
        let mut lines = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = Header::new(lines.headers()?);
        let [id, index, arch] = KEYS.map(|name| header.place(name));
        if id.or(index).or(arch).is_none() {
            return Err(TruthError::NoKey(header.line()));
        }
        let columns = header.columns(wanted)?;

        let mut truth = Self::default();
        let mut numeric = vec![true; columns.len()];
        for line in lines.records() {
            let line = line?;
            let number = line.position().map_or(0, csv::Position::line);
            let cell = |place: Option<usize>| {
                place
                    .and_then(|place| line.get(place))
                    .filter(|text| !text.is_empty())
            };
            let mut values = Vec::with_capacity(columns.len());
            for (&place, numeric) in columns.iter().zip(&mut numeric) {
                let value = cell(Some(place)).map_or(Ok(None), value);
                *numeric &= value.is_ok();
                if let (Err(text), false) = (value, wanted.is_empty()) {
                    let (column, text) = (header.0[place].clone(), text.to_owned());
                    return Err(TruthError::NotANumber { column, text }.at(number));
                }
                values.push(value.unwrap_or(None));
            }
            let id = cell(id)
                .map(str::to_owned)
                .or_else(|| cell(index).map(|i| format!("nb201-{i}")));
            let arch = cell(arch).map(str::to_owned);
            truth
                .add(Row { id, arch, values })
                .map_err(|error| error.at(number))?;
        }
        truth.columns = columns
            .iter()
            .map(|&place| header.0[place].clone())
            .collect();
        truth.keep_columns(&numeric);
        if truth.columns.is_empty() {
            return Err(TruthError::NoNumbers);
        }
        Ok(truth)
    }

    fn records(path: &Path, columns: &[String], context: &Context) -> Result<Self, TruthError> {
        let mut truth = Self::with_columns(columns);
        let mut input = context.input(&[path.to_owned()])?;
        while let Some(line) = input.next_line()? {
            match line.record() {
                Ok(record) if record.has_failed() => {}
                Ok(record) => truth.add_record(&record)?,
                Err(reason) => context.bad_line(&line, &reason)?,
            }
        }
        Ok(truth)
    }

    /// A table without rows, with these columns, or with those that the first
    /// records bring.
    pub fn with_columns(columns: &[String]) -> Self {
        Self {
            columns: columns.to_vec(),
            ..Self::default()
        }
    }

    /// Adds what training reached: the named columns, or every accuracy and F1
    /// in `finetune`.
    ///
    /// # Errors
    /// The candidate is there already, or a named field is not a number.
    pub fn add_record(&mut self, record: &Record<'_>) -> Result<(), TruthError> {
        let Some(entries) = record.get::<Map<String, Value>>("finetune")? else {
            return Ok(());
        };
        if self.columns.is_empty() {
            let measures = |name: &&String| name.contains("accuracy") || name.contains("f1");
            self.columns = entries.keys().filter(measures).cloned().collect();
        }
        let mut values = Vec::new();
        for name in &self.columns {
            let inside = record.number(&format!("finetune.{name}"))?;
            values.push(match inside {
                Some(value) => Some(value),
                None => record.number(name)?,
            });
        }
        let arch = record.get("arch")?;
        self.add(Row {
            id: Some(record.id().to_owned()),
            arch,
            values,
        })
    }

    fn add(&mut self, row: Row) -> Result<(), TruthError> {
        let place = self.rows.len();
        if let Some(id) = &row.id {
            if self.by_id.insert(id.clone(), place).is_some() {
                return Err(TruthError::Twice(id.clone()));
            }
        } else if let Some(arch) = &row.arch
            && self.by_arch.contains_key(arch)
        {
            return Err(TruthError::Twice(arch.clone()));
        }
        if let Some(arch) = &row.arch {
            self.by_arch.entry(arch.clone()).or_insert(place);
        }
        self.rows.push(row);
        Ok(())
    }

    fn keep_columns(&mut self, keep: &[bool]) {
        let mut kept = keep.iter();
        self.columns.retain(|_| kept.next() == Some(&true));
        for row in &mut self.rows {
            let mut kept = keep.iter();
            row.values.retain(|_| kept.next() == Some(&true));
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Some id of a row, for a message.
    pub fn example(&self) -> &str {
        let row = self.rows.first();
        row.and_then(|row| row.id.as_deref().or(row.arch.as_deref()))
            .unwrap_or("nothing")
    }

    /// The place of the column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The row about a candidate: by its id, or else by its architecture.
    ///
    /// # Errors
    /// The row of this id is about another architecture.
    pub fn find(&self, id: &str, arch: Option<&str>) -> Result<Option<usize>, TruthError> {
        let Some(&place) = self.by_id.get(id) else {
            return Ok(arch.and_then(|arch| self.by_arch.get(arch)).copied());
        };
        match (arch, &self.rows[place].arch) {
            (Some(arch), Some(known)) if arch != known => Err(TruthError::OtherArch {
                id: id.to_owned(),
                arch: arch.to_owned(),
                known: known.clone(),
            }),
            _ => Ok(Some(place)),
        }
    }

    /// One accuracy.
    pub fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.rows[row].values[column]
    }
}

impl TruthError {
    fn at(self, line: u64) -> Self {
        Self::Line {
            line,
            source: Box::new(self),
        }
    }
}

/// The names in the first line of a CSV file.
struct Header(Vec<String>);

impl Header {
    fn new(line: &csv::StringRecord) -> Self {
        // Spreadsheets like to begin a file with a byte-order mark.
        let names = line.iter().map(|name| name.trim_start_matches('\u{feff}'));
        Self(names.map(str::to_owned).collect())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }

    fn line(&self) -> String {
        self.0.join(",")
    }

    /// The places of the columns that are wanted; without any, of all that may
    /// be accuracies.
    fn columns(&self, wanted: &[String]) -> Result<Vec<usize>, TruthError> {
        if wanted.is_empty() {
            let others = (0..self.0.len()).filter(|&at| !KEYS.contains(&self.0[at].as_str()));
            return Ok(others.collect());
        }
        let place = |name: &String| {
            self.place(name).ok_or_else(|| TruthError::NoColumn {
                name: name.clone(),
                header: self.line(),
            })
        };
        wanted.iter().map(place).collect()
    }
}

/// A cell's number; none where it is not known; the text where it is neither.
fn value(text: &str) -> Result<Option<f64>, &str> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        Ok(value) if value.is_nan() => Ok(None),
        _ => Err(text),
    }
}

#[cfg(test)]
mod tests;
