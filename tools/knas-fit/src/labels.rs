//! Labelled candidates: from records, from a table, from the input itself.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use knas_records::truth::file_and_columns;
use knas_records::{Context, Failure, Input, Place, Record, Truth};

use crate::cli::Args;

/// Bytes that tell records from a table.
const HEAD: u64 = 4096;

/// A candidate whose label is known.
pub struct Labelled {
    /// Its record, as it was read.
    pub line: String,
    /// Its label.
    pub label: f64,
    /// Where the label stands, for messages.
    pub place: Place,
}

/// Everything that labels are about, by id.
#[derive(Default)]
pub struct Labels {
    /// The labelled candidates.
    pub known: BTreeMap<String, Labelled>,
    /// What the labels are called.
    pub target: String,
    /// The candidates, where they had to be read before anything could be learnt.
    pub read: Option<Vec<(Place, String)>>,
}

/// Reads the labels that the arguments name. Takes what it needs of the input.
///
/// # Errors
/// Files that cannot be read, a label that is no number, or no labels.
pub fn read(args: &Args, input: &mut Input, context: &Context) -> anyhow::Result<Labels> {
    let mut labels = Labels {
        target: args.target.clone(),
        ..Labels::default()
    };
    let Some(named) = &args.labels else {
        let lines = gather(input, context)?;
        labels.add_records(&lines, &args.target, context)?;
        labels.read = Some(lines);
        return labels.some("the input");
    };
    let (path, columns) = file_and_columns(named);
    let told = || format!("--labels {}", path.display());
    let (head, whole) = open(&path).with_context(told)?;
    if matches!(head, Some(b'{' | b'[')) {
        if !columns.is_empty() {
            bail!(
                "{}: records have no columns; name a field with --target",
                told()
            );
        }
        let mut file = Input::from_reader(path.display().to_string(), whole);
        let lines = gather(&mut file, context)?;
        labels.add_records(&lines, &args.target, context)?;
        labels.complete(input, context)?;
    } else {
        let (truth, rest) = Truth::table(whole, &columns).with_context(told)?;
        rest.report(&path, context)?;
        let [column] = truth.columns.as_slice() else {
            let all = truth.columns.join(",");
            bail!("{}:COLUMN: which column? There are {all}", told());
        };
        labels.target = column.clone();
        let lines = gather(input, context)?;
        labels.add_table(&lines, &truth, context)?;
        labels.read = Some(lines);
    }
    labels.some(&told())
}

/// A file that may be a pipe, and its first character.
fn open(path: &Path) -> std::io::Result<(Option<u8>, impl Read + use<>)> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let first = text.trim_ascii_start().first().copied();
    Ok((first, Cursor::new(head).chain(file)))
}

/// Reads all records, with their places; lines that are none are reported.
fn gather(input: &mut Input, context: &Context) -> anyhow::Result<Vec<(Place, String)>> {
    let mut lines = Vec::new();
    while let Some(line) = input.next_line()? {
        match line.record() {
            Ok(_) => lines.push((line.place(), line.text()?.to_owned())),
            Err(reason) => context.bad_line(&line, &reason)?,
        }
    }
    Ok(lines)
}

impl Labels {
    /// Takes the records that have the field.
    fn add_records(
        &mut self,
        lines: &[(Place, String)],
        target: &str,
        context: &Context,
    ) -> anyhow::Result<()> {
        for (place, line) in lines {
            let record = Record::parse(line)?;
            if record.has_failed() {
                continue;
            }
            match record.number(target) {
                Ok(Some(label)) => self.add(&record, line, label, place)?,
                Ok(None) => {}
                Err(error) => {
                    let failure = Failure::new("fit", "bad_label", error);
                    context.left_out(record.id(), place, &failure)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the records that the table has a value for.
    fn add_table(
        &mut self,
        lines: &[(Place, String)],
        truth: &Truth,
        context: &Context,
    ) -> anyhow::Result<()> {
        let mut used = HashMap::new();
        for (place, line) in lines {
            let record = Record::parse(line)?;
            let find = || -> anyhow::Result<Option<usize>> {
                let arch: Option<String> = record.get("arch")?;
                Ok(truth.find(record.id(), arch.as_deref())?)
            };
            match find() {
                Ok(Some(row)) => {
                    used.insert(row, ());
                    if let Some(label) = truth.value(row, 0).filter(|_| !record.has_failed()) {
                        self.add(&record, line, label, place)?;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let failure = Failure::new("fit", "bad_label", error);
                    context.left_out(record.id(), place, &failure)?;
                }
            }
        }
        let unknown = truth.rows() - used.len();
        if unknown > 0 {
            context.error(format_args!(
                "{unknown} of the {} labels are about candidates that are not in the input; \
                 nothing is learnt from them",
                truth.rows()
            ));
            context.count_failure()?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        record: &Record<'_>,
        line: &str,
        label: f64,
        place: &Place,
    ) -> anyhow::Result<()> {
        let labelled = Labelled {
            line: line.to_owned(),
            label,
            place: place.clone(),
        };
        match self.known.insert(record.id().to_owned(), labelled) {
            None => Ok(()),
            Some(other) if other.label == label => Ok(()), // it says the same again
            Some(other) => bail!(
                "{} has two labels, {} ({}) and {label} ({place}); keep one",
                record.id(),
                other.label,
                other.place
            ),
        }
    }

    /// Where labelled records say nothing about their architecture, takes that
    /// from the candidates of the same id.
    fn complete(&mut self, input: &mut Input, context: &Context) -> anyhow::Result<()> {
        let bare = |line: &str| -> anyhow::Result<bool> {
            let record = Record::parse(line)?;
            Ok(["arch", "scores", "params"]
                .iter()
                .all(|name| record.raw(name).is_none()))
        };
        let mut wanting = Vec::new();
        for (id, labelled) in &self.known {
            if bare(&labelled.line)? {
                wanting.push(id.clone());
            }
        }
        if wanting.is_empty() {
            return Ok(());
        }
        let lines = gather(input, context)?;
        let mut candidates: HashMap<String, &str> = HashMap::new();
        for (_, line) in &lines {
            candidates.insert(Record::parse(line)?.id().to_owned(), line);
        }
        for id in wanting {
            if let Some(line) = candidates.get(&id) {
                if let Some(labelled) = self.known.get_mut(&id) {
                    labelled.line = (*line).to_owned();
                }
            } else if let Some(unknown) = self.known.remove(&id) {
                let failure = Failure::new(
                    "fit",
                    "unknown_candidate",
                    "it has a label, but neither an architecture nor scores, and is not in \
                     the input; nothing is learnt from it",
                );
                context.left_out(&id, &unknown.place, &failure)?;
            }
        }
        self.read = Some(lines);
        Ok(())
    }

    fn some(self, what: &str) -> anyhow::Result<Self> {
        if self.known.is_empty() {
            bail!("{what} has no label {:?}", self.target);
        }
        Ok(self)
    }
}
