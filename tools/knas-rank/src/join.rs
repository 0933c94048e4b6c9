//! Scores that other programs have computed, from a table.

use std::cell::Cell;

use anyhow::{Context as _, bail, ensure};
use knas_records::truth::file_and_columns;
use knas_records::{Context, Failure, Record, Truth, finite};

/// A table of scores, by id or by architecture.
pub struct Join {
    table: Truth,
    named: String,
    /// How many records it had a row for.
    found: Cell<u64>,
}

impl Join {
    /// Reads what `--join FILE[:COLUMN,…]` names.
    ///
    /// # Errors
    /// The file cannot be read, lacks a column, or says two things of one candidate.
    pub fn read(named: &str, context: &Context) -> anyhow::Result<Self> {
        let (path, columns) = file_and_columns(named);
        let named = format!("--join {}", path.display());
        let table = Truth::read(&path, &columns, context).with_context(|| named.clone())?;
        Ok(Self {
            table,
            named,
            found: Cell::new(0),
        })
    }

    /// The record with the table's scores among its own. A cell that is empty is
    /// a score that is not known.
    ///
    /// # Errors
    /// The record has a score of that name already: which of the two ranks is not
    /// for this tool to choose. Inside, what is wrong with this record alone.
    pub fn add(&self, record: &Record<'_>) -> anyhow::Result<Result<String, Failure>> {
        let bad = |error: &dyn std::fmt::Display| Failure::new("rank", "bad_field", error);
        let arch = match record.get::<String>("arch") {
            Ok(arch) => arch,
            Err(error) => return Ok(Err(bad(&error))),
        };
        let row = match self.table.find(record.id(), arch.as_deref()) {
            Ok(row) => row,
            Err(error) => return Ok(Err(bad(&error))),
        };
        let mut scores = Vec::new();
        for (column, name) in self.table.columns.iter().enumerate() {
            let Some(value) = row.and_then(|row| self.table.value(row, column)) else {
                continue;
            };
            if record
                .number(&format!("scores.{name}"))
                .ok()
                .flatten()
                .is_some()
            {
                bail!(
                    "{}: {} has a score {name:?} of its own: rename the column, or name those \
                     that are wanted (FILE:COLUMN)",
                    self.named,
                    record.id()
                );
            }
            scores.push((name.clone(), Some(finite(name, value)?)));
        }
        self.found.set(self.found.get() + u64::from(row.is_some()));
        let mut joined = record.clone();
        if let Err(error) = joined.merge("scores", scores) {
            return Ok(Err(bad(&error)));
        }
        let mut text = Vec::new();
        joined.write_to(&mut text)?;
        Ok(Ok(String::from_utf8(text)?.trim_end().to_owned()))
    }

    /// Whether it was about any of the candidates.
    ///
    /// # Errors
    /// It was about none of them.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.found.get() > 0,
            "{}: it is about none of these candidates, as in \"{}\"",
            self.named,
            self.table.example()
        );
        Ok(())
    }
}
