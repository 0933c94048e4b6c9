//! The files of texts: GLUE's tables and JSON lines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use knas_files::text;
use serde_json::Value;

use super::labels::Labels;
use crate::DataError;

/// The largest file that is read.
const MAX_FILE: u64 = 4 << 30;
/// A text, or two, and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub text: String,
    pub pair: Option<String>,
    pub label: u32,
}

/// RTE's classes, by label.
pub(super) const RTE: [&str; 2] = ["entailment", "not_entailment"];

/// GLUE's RTE: `sentence1`, `sentence2`, `label`.
pub(super) fn rte(path: &Path) -> Result<Vec<Example>, DataError> {
    let columns = ["sentence1", "sentence2", "label"];
    table(path, columns, &RTE)
}

/// GLUE's MRPC, and Microsoft's own files: `#1 String`, `#2 String`, `Quality`.
pub(super) fn mrpc(path: &Path) -> Result<Vec<Example>, DataError> {
    table(path, ["#1 String", "#2 String", "Quality"], &["0", "1"])
}

/// Tab-separated values without quoting: two texts, and the label's name.
fn table(path: &Path, columns: [&str; 3], labels: &[&str]) -> Result<Vec<Example>, DataError> {
    let bytes = read(path)?;
    let wrong = |line: usize, reason: String| DataError::Line {
        path: path.into(),
        line,
        reason,
    };
    let mut lines = lines(path, &bytes)?;
    let (top, header): (usize, Vec<&str>) = match lines.next() {
        Some((line, text)) => (
            line,
            text.map_err(|e| wrong(line, e))?.split('\t').collect(),
        ),
        None => return Err(DataError::NoExamples { path: path.into() }),
    };
    let place = |column: &str| {
        let mut places = (0..header.len()).filter(|&place| header[place] == column);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(wrong(top, format!("two columns are called \"{column}\""))),
            (None, _) => {
                let there = excerpt(&header.join(", "));
                Err(wrong(top, format!("no column \"{column}\" among {there}")))
            }
        }
    };
    let [first, second, label] = [place(columns[0])?, place(columns[1])?, place(columns[2])?];
    let examples: Vec<Example> = lines
        .map(|(line, text)| {
            let fields: Vec<&str> = text.map_err(|e| wrong(line, e))?.split('\t').collect();
            if fields.len() != header.len() {
                let reason = format!("{} columns, not {}", fields.len(), header.len());
                return Err(wrong(line, reason));
            }
            let class = labels.iter().position(|name| *name == fields[label]);
            let class = class.ok_or_else(|| {
                let (found, known) = (excerpt(fields[label]), labels.join(" or "));
                wrong(line, format!("the label {found} is not {known}"))
            })?;
            Ok(Example {
                text: fields[first].to_owned(),
                pair: Some(fields[second].to_owned()),
                label: class as u32,
            })
        })
        .collect::<Result<_, _>>()?;
    match examples.is_empty() {
        true => Err(DataError::NoExamples { path: path.into() }),
        false => Ok(examples),
    }
}

/// One JSON object a line: `text`, perhaps `text_pair`, `label`; and the names of
/// the classes, where labels are names.
pub(super) fn jsonl(path: &Path) -> Result<(Vec<Example>, Vec<String>), DataError> {
    let bytes = read(path)?;
    let wrong = |line: usize, reason: String| DataError::Line {
        path: path.into(),
        line,
        reason,
    };
    let (mut examples, mut labels) = (Vec::new(), Labels::default());
    for (line, text) in lines(path, &bytes)? {
        let text = text.map_err(|e| wrong(line, e))?;
        if examples.is_empty() {
            text::begins_records(text).map_err(foreign(path))?;
        }
        let example = example(text, line, &mut labels).map_err(|reason| wrong(line, reason))?;
        examples.push(example);
    }
    if examples.is_empty() {
        return Err(DataError::NoExamples { path: path.into() });
    }
    let names = labels
        .settle(&mut examples)
        .map_err(|(line, reason)| wrong(line, reason))?;
    Ok((examples, names))
}

fn example(line: &str, number: usize, labels: &mut Labels) -> Result<Example, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| format!("no JSON: {e}"))?;
    let text = |name: &str| match value.get(name) {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        None | Some(Value::Null) => Ok(None),
        Some(other) => Err(format!(
            "\"{name}\" is {}, not a text",
            excerpt(&other.to_string())
        )),
    };
    if !value.is_object() {
        return Err(format!("{} is no JSON object", excerpt(line)));
    }
    let label = value.get("label").ok_or("there is no \"label\"")?;
    Ok(Example {
        label: labels.number(label, number)?,
        text: text("text")?.ok_or("there is no \"text\"")?,
        pair: text("text_pair")?,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    if !path.is_file() {
        let hint = "a folder of GLUE holds train.tsv and dev.tsv; jsonl:FILE names a file".into();
        return Err(DataError::MissingFile {
            path: path.into(),
            hint,
        });
    }
    let file = File::open(path).map_err(DataError::read(path))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(DataError::read(path))?;
    if bytes.len() as u64 > MAX_FILE {
        let limit = format!("larger than {} GiB", MAX_FILE >> 30);
        return Err(DataError::read(path)(std::io::Error::other(limit)));
    }
    Ok(bytes)
}

/// The lines of a file that are not empty, with their numbers, from 1.
fn lines<'b>(
    path: &Path,
    bytes: &'b [u8],
) -> Result<impl Iterator<Item = (usize, Result<&'b str, String>)>, DataError> {
    text::lines(bytes).map_err(foreign(path))
}

fn foreign(path: &Path) -> impl FnOnce(text::Foreign) -> DataError + '_ {
    move |source| DataError::Foreign {
        path: path.into(),
        source,
    }
}

/// The beginning of a text from outside, quoted and fit to be printed.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
