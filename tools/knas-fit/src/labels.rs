//! Labelled candidates: from records, from a table, from the input itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use knas_predictor::features::Kind;
use knas_records::ids::about;
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
        labels.complete(&args.features.0, input, context)?;
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
            if record.has_failed() && !record.is_undefined() {
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
        let mut used = HashSet::new();
        for (place, line) in lines {
            let record = Record::parse(line)?;
            let find = || -> anyhow::Result<Option<usize>> {
                let arch: Option<String> = record.get("arch")?;
                Ok(truth.find(record.id(), arch.as_deref())?)
            };
            match find() {
                Ok(Some(row)) => {
                    let has_failed = record.has_failed() && !record.is_undefined();
                    if let Some(label) = truth.value(row, 0) {
                        used.insert(row);
                        if has_failed {
                            continue;
                        }
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
        let labels = (0..truth.rows()).filter(|&row| truth.value(row, 0).is_some());
        let labels = labels.count();
        let unknown = labels - used.len();
        if unknown > 0 {
            context.error(format_args!(
                "{unknown} of the {labels} labels are about candidates that are not in the \
                 input; nothing is learnt from them"
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
        let new = Labelled {
            line: line.to_owned(),
            label,
            place: place.clone(),
        };
        let Some(known) = self.known.get_mut(record.id()) else {
            self.known.insert(record.id().to_owned(), new);
            return Ok(());
        };
        if known.label != label {
            bail!(
                "{} has two labels, {} ({}) and {label} ({place}); keep one",
                record.id(),
                known.label,
                known.place
            );
        }
        if about(&Record::parse(&known.line)?) != about(record) {
            bail!(
                "{}: {}: {} has the same id and says something else; keep one",
                place,
                record.id(),
                known.place
            );
        }
        // It says the same again: whatever the order, the same one is learnt from.
        if new.line < known.line {
            *known = new;
        }
        Ok(())
    }

    /// Where labelled records lack what there is to learn from, an architecture
    /// or scores, takes it from the candidates of the same id.
    fn complete(
        &mut self,
        features: &[Kind],
        input: &mut Input,
        context: &Context,
    ) -> anyhow::Result<()> {
        let scores = features.is_empty() || features.contains(&Kind::Scores);
        let lacks = |line: &str, names: &[&str]| -> anyhow::Result<bool> {
            let record = Record::parse(line)?;
            Ok(names.iter().all(|name| record.raw(name).is_none()))
        };
        let bare = |line: &str| lacks(line, &["arch", "scores", "params"]);
        let wants = |line: &str| -> anyhow::Result<bool> {
            Ok(bare(line)? || scores && lacks(line, &["scores", "scores_undefined"])?)
        };
        let mut wanting = Vec::new();
        for (id, labelled) in &self.known {
            if wants(&labelled.line)? {
                wanting.push(id.clone());
            }
        }
        if wanting.is_empty() {
            return Ok(());
        }
        let lines = gather(input, context)?;
        let mut candidates: HashMap<String, &str> = HashMap::new();
        for (_, line) in &lines {
            // Of two of one id the same one, whatever their order.
            let known = candidates.entry(Record::parse(line)?.id().to_owned());
            let known = known.or_insert(line);
            *known = (*known).min(line);
        }
        for id in wanting {
            if let Some(line) = candidates.get(&id) {
                if let Some(labelled) = self.known.get_mut(&id) {
                    labelled.line = (*line).to_owned();
                }
            } else if !bare(&self.known[&id].line)? {
                // It has what it has.
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
            bail!(
                "{what} has no label {:?} that could be learnt from",
                self.target
            );
        }
        Ok(self)
    }
}
