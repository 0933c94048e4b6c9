//! What is known about candidates: accuracies, from a CSV file or from records.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use knas_records::{Context, Record};
use serde_json::{Map, Value};

/// Names of columns that say which candidate a row is about.
const KEYS: [&str; 3] = ["id", "index", "arch"];

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
    pub fn read(path: &Path, columns: &[String], context: &Context) -> anyhow::Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("{name}"))?;
        let mut reader = BufReader::new(file);
        let head = reader.fill_buf().with_context(|| format!("{name}"))?;
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        let truth = if first == Some(&b'{') {
            drop(reader);
            Self::records(path, columns, context)
        } else {
            Self::csv(reader, columns)
        };
        truth.with_context(|| format!("--truth {name}"))
    }

    fn csv(reader: impl Read, wanted: &[String]) -> anyhow::Result<Self> {
        let mut lines = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = lines.headers()?.clone();
        // Spreadsheets like to begin a file with a byte-order mark.
        let header: Vec<&str> = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}'))
            .collect();
        let place = |name: &str| header.iter().position(|column| *column == name);
        let [id, index, arch] = KEYS.map(place);
        ensure!(
            id.or(index).or(arch).is_some(),
            "there is no column \"id\", \"index\" or \"arch\"; the first line is {:?}",
            header.join(",")
        );
        let mut columns: Vec<(usize, bool)> = Vec::new();
        for name in wanted {
            let place = place(name).with_context(|| {
                format!(
                    "there is no column {name:?}; the first line is {:?}",
                    header.join(",")
                )
            })?;
            columns.push((place, true));
        }
        if wanted.is_empty() {
            let others = (0..header.len()).filter(|&place| !KEYS.contains(&header[place]));
            columns.extend(others.map(|place| (place, false)));
        }

        let mut truth = Self::default();
        let mut text_columns = vec![false; columns.len()];
        for line in lines.records() {
            let line = line?;
            let number = line.position().map_or(0, csv::Position::line);
            let cell = |place: Option<usize>| {
                place
                    .and_then(|place| line.get(place))
                    .filter(|text| !text.is_empty())
            };
            let mut values = Vec::with_capacity(columns.len());
            for (&(place, named), is_text) in columns.iter().zip(&mut text_columns) {
                let value = match cell(Some(place)) {
                    None => None,
                    Some(text) => match text.parse::<f64>() {
                        Ok(value) if value.is_finite() => Some(value),
                        Ok(value) if value.is_nan() => None,
                        _ if !named => {
                            *is_text = true;
                            None
                        }
                        _ => bail!("line {number}: {} is {text:?}, not a number", header[place]),
                    },
                };
                values.push(value);
            }
            let id = cell(id)
                .map(str::to_owned)
                .or_else(|| cell(index).map(|i| format!("nb201-{i}")));
            let arch = cell(arch).map(str::to_owned);
            truth
                .add(Row { id, arch, values })
                .with_context(|| format!("line {number}"))?;
        }
        truth.columns = columns
            .iter()
            .map(|&(place, _)| header[place].to_owned())
            .collect();
        truth.keep_columns(
            &text_columns
                .iter()
                .map(|is_text| !is_text)
                .collect::<Vec<_>>(),
        );
        ensure!(!truth.columns.is_empty(), "there is no column of numbers");
        Ok(truth)
    }

    fn records(path: &Path, columns: &[String], context: &Context) -> anyhow::Result<Self> {
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
    pub fn add_record(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
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

    fn add(&mut self, row: Row) -> anyhow::Result<()> {
        let place = self.rows.len();
        if let Some(id) = &row.id {
            let before = self.by_id.insert(id.clone(), place);
            ensure!(before.is_none(), "{id} comes twice");
        } else if let Some(arch) = &row.arch {
            let before = self.by_arch.get(arch);
            ensure!(before.is_none(), "{arch} comes twice");
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
    pub fn len(&self) -> usize {
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
    pub fn find(&self, id: &str, arch: Option<&str>) -> anyhow::Result<Option<usize>> {
        let Some(&place) = self.by_id.get(id) else {
            return Ok(arch.and_then(|arch| self.by_arch.get(arch)).copied());
        };
        if let (Some(arch), Some(known)) = (arch, &self.rows[place].arch) {
            ensure!(
                arch == known,
                "its arch is {arch}, but in the truth {id} is {known}"
            );
        }
        Ok(Some(place))
    }

    /// One accuracy.
    pub fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.rows[row].values[column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str, columns: &[&str]) -> anyhow::Result<Truth> {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        Truth::csv(text.as_bytes(), &columns)
    }

    #[test]
    fn numbers_are_columns_and_keys_are_not() {
        let text = "\u{feff}index, arch ,acc,name,f1\n5,|x|,93.5,dog,\n6,|y|,nan,cat,0.5\n";
        let truth = csv(text, &[]).unwrap();
        assert_eq!(truth.columns, ["acc", "f1"]);
        let row = truth.find("nb201-5", None).unwrap().unwrap();
        assert_eq!(
            (truth.value(row, 0), truth.value(row, 1)),
            (Some(93.5), None)
        );
        let row = truth.find("other", Some("|y|")).unwrap().unwrap();
        assert_eq!(
            (truth.value(row, 0), truth.value(row, 1)),
            (None, Some(0.5))
        );
        assert_eq!(truth.find("other", Some("|z|")).unwrap(), None);
        assert!(truth.find("nb201-5", Some("|y|")).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message =
            |text: &str, columns: &[&str]| format!("{:#}", csv(text, columns).unwrap_err());
        assert!(message("a,b\n1,2\n", &[]).contains("no column \"id\""));
        assert!(message("id,b\nx,2\n", &["c"]).contains("no column \"c\""));
        assert!(message("id,b\nx,2\ny,two\n", &["b"]).contains("line 3: b is \"two\""));
        assert!(message("id,b\nx,1e999\n", &["b"]).contains("line 2: b is \"1e999\""));
        assert!(message("id,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
        assert!(message("arch,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
        assert!(message("id,b\nx,one\n", &[]).contains("no column of numbers"));
        assert!(message("id,b\nx,1,2\n", &[]).contains("line: 2"));
        assert!(message("", &[]).contains("no column \"id\""));
    }

    #[test]
    fn records_say_what_training_reached() {
        let mut truth = Truth::default();
        for line in [
            r#"{"id":"a","finetune":{"epochs":3,"valid_accuracy":90.5,"f1":0.5}}"#,
            r#"{"id":"b"}"#,
            r#"{"id":"c","finetune":{"valid_accuracy":91.0}}"#,
        ] {
            truth.add_record(&Record::parse(line).unwrap()).unwrap();
        }
        assert_eq!(truth.columns, ["valid_accuracy", "f1"]);
        assert_eq!(truth.len(), 2);
        let row = truth.find("c", None).unwrap().unwrap();
        assert_eq!(
            (truth.value(row, 0), truth.value(row, 1)),
            (Some(91.0), None)
        );
    }
}
