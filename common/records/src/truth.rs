//! What is known about candidates: accuracies, from a table or from records.

mod table;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use knas_files::text::{self, Foreign};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::input::{Input, InputError};
use crate::provenance::Comparison;
use crate::record::{Record, RecordError};
use crate::tool::Fatal;

pub use table::{Rest, Unusable};

/// How much of a file tells what it is.
const HEAD: u64 = 4 << 10;
/// What is wrong with a table is named as often as that; the rest is counted.
const NAMED: usize = 20;

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
    /// A column that was asked for holds no number.
    #[error("no cell of column {column:?} is a number{}", first.as_ref().map(|cell| format!(": {cell}")).unwrap_or_default())]
    Nothing {
        /// The column.
        column: String,
        /// The first cell that is something else.
        first: Option<Unusable>,
    },
    /// Two columns have one name.
    #[error("two columns are called {0:?}: which one is meant?")]
    ColumnTwice(String),
    /// It is neither a table nor records.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// It is larger than tables are.
    #[error("it is larger than {} GiB", .0 >> 30)]
    TooLarge(u64),
    /// There are two rows about one candidate, which differ.
    #[error("{0} comes twice, and says something else")]
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
            let columns = columns.split(',').map(|name| name.trim().to_owned());
            (file.into(), columns.collect())
        }
        _ => (text.into(), Vec::new()),
    }
}

/// A table of accuracies, each known or not.
#[derive(Debug, Default)]
pub struct Truth {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Whether no record adds a column.
    fixed: bool,
    rows: Vec<Row>,
    by_id: HashMap<String, usize>,
    by_arch: HashMap<String, usize>,
    trained: Comparison,
}

#[derive(Debug, Default, PartialEq)]
struct Row {
    id: Option<String>,
    arch: Option<String>,
    /// By column; none of the columns that a later record brought.
    values: Vec<Option<f64>>,
}

impl Truth {
    /// Reads a file: records where its first character is a brace, a table
    /// otherwise. What is wrong with one row or cell is reported and counted as a
    /// failure, as a line that is no record.
    ///
    /// # Errors
    /// The file cannot be read, lacks a column, or says two things about one candidate.
    pub fn read(path: &Path, columns: &[String], context: &Context) -> Result<Self, TruthError> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        let body = text::body(&head)?.trim_ascii_start();
        let holds_records = matches!(body.first(), Some(b'{' | b'['));
        // It may be a pipe, which is read but once.
        let whole = Cursor::new(head).chain(file);
        if holds_records {
            let input = Input::from_reader(path.display().to_string(), whole);
            return Self::records(input, columns, context);
        }
        let (truth, rest) = table::read(whole, columns)?;
        rest.report(path, context)?;
        Ok(truth)
    }

    /// Reads a table. Without `wanted`, all columns that hold numbers are taken.
    ///
    /// # Errors
    /// It is no table, lacks a column, names one twice, or has no number in one
    /// that is wanted; a candidate comes twice.
    pub fn table(reader: impl Read, wanted: &[String]) -> Result<(Self, Rest), TruthError> {
        table::read(reader, wanted)
    }

    fn records(
        mut input: Input,
        columns: &[String],
        context: &Context,
    ) -> Result<Self, TruthError> {
        let mut truth = Self::with_columns(columns);
        let (mut failed, mut untrained) = (0_u64, 0_u64);
        while let Some(line) = input.next_line()? {
            match line.record() {
                Ok(record) if record.has_failed() => failed += 1,
                Ok(record) if record.raw("finetune").is_none() => untrained += 1,
                Ok(record) => truth.add_record(&record)?,
                Err(reason) => context.bad_line(&line, &reason)?,
            }
        }
        if failed + untrained > 0 {
            context.warn(format_args!(
                "records of the truth without an accuracy, left out: {failed} failed, \
                 {untrained} not trained"
            ));
        }
        Ok(truth)
    }

    /// A truth without rows, with these columns, or with those that records
    /// bring.
    pub fn with_columns(columns: &[String]) -> Self {
        Self {
            columns: columns.to_vec(),
            fixed: !columns.is_empty(),
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
        for (name, value) in &entries {
            // A list is one by class.
            let measures = name.contains("accuracy") || name.contains("f1");
            if !measures || value.is_array() {
                continue;
            }
            if !self.fixed && !self.columns.contains(name) {
                self.columns.push(name.clone());
            }
        }
        let mut values = Vec::new();
        for name in &self.columns {
            let inside = record.number(&format!("finetune.{name}"))?;
            values.push(match inside {
                Some(value) => Some(value),
                None => record.number(name)?,
            });
        }
        self.trained.see(record, ["finetune.valid_accuracy"]);
        let arch = record.get("arch")?;
        self.add(Row {
            id: Some(record.id().to_owned()),
            arch,
            values,
        })
    }

    fn add(&mut self, row: Row) -> Result<(), TruthError> {
        let place = self.rows.len();
        let known = match (&row.id, &row.arch) {
            (Some(id), _) => self.by_id.get(id).map(|&known| (id, known)),
            (None, Some(arch)) => self.by_arch.get(arch).map(|&known| (arch, known)),
            (None, None) => None,
        };
        if let Some((name, known)) = known {
            // One that says the same again counts once.
            return match self.rows[known] == row {
                true => Ok(()),
                false => Err(TruthError::Twice(name.clone())),
            };
        }
        if let Some(id) = &row.id {
            self.by_id.insert(id.clone(), place);
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

    /// What is to be said where records were trained in different ways.
    pub fn warning(&self) -> Option<String> {
        self.trained.warning()
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
        self.rows[row].values.get(column).copied().flatten()
    }
}

impl Rest {
    /// Reports what is unusable in a table, and counts it as failures.
    ///
    /// # Errors
    /// With `--on-error fail`.
    pub fn report(&self, path: &Path, context: &Context) -> Result<(), Fatal> {
        let path = path.display();
        for (place, unusable) in self.unusable.iter().enumerate() {
            if place < NAMED {
                context.error(format_args!("{path}, {unusable}"));
            }
            context.count_failure()?;
        }
        if !self.unusable.is_empty() {
            context.error(format_args!(
                "{path}: rows and cells that cannot be used: {}; all others are (an empty cell \
                 is one that is not known)",
                self.unusable.len()
            ));
        }
        if !self.columns.is_empty() {
            context.info(format_args!(
                "{path}: columns without a number, left out: {}",
                self.columns.join(", ")
            ));
        }
        Ok(())
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

#[cfg(test)]
mod tests;
