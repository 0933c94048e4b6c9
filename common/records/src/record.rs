//! One record: a JSON object whose fields keep their order and their text.
//!
//! Fields are held as raw JSON. What a stage does not own is therefore written
//! exactly as it was read: `1.0` stays `1.0`, and an integer beyond 2^53 keeps
//! all its digits.

mod object;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::{RawValue, Value};

use object::{Field, Fields, Text, descend, put, write_object};

/// The largest integer that every JSON reader holds exactly: 2^53.
const EXACT_INTEGER: u64 = 1 << 53;

/// Why a line is not a record, or why a field is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The line is longer than a record may be.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The text is not one JSON object.
    #[error("not a JSON object: {0}")]
    Json(serde_json::Error),
    /// It would be one, but for a number that JSON does not have.
    #[error(
        "{0} is no number of JSON: whatever wrote it is to leave the field out, or say why it \
         has no value (Python's json refuses with allow_nan=False)"
    )]
    NotANumber(&'static str),
    /// There is no usable `id`.
    #[error("no \"id\" (a non-empty string)")]
    NoId,
    /// A field has another type than it should have.
    #[error("field \"{name}\": {source}")]
    Field {
        /// The field's name.
        name: String,
        /// What serde makes of it.
        source: serde_json::Error,
    },
    /// A field that has to be there is not.
    #[error("there is no \"{0}\"")]
    Missing(String),
    /// The id cannot be the name of a file.
    #[error(
        "the id cannot name a file (1 to 200 letters, digits, '-', '_' and '.', not '.' first)"
    )]
    FileName,
    /// A number that must be finite is not.
    #[error("{0} is not a finite number")]
    NonFinite(String),
}

/// Why a candidate failed: the value of a record's `error` field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The stage in which it failed: `sample`, `score`, `rank`, `finetune`, `fit`, `eval`, `report`, `export`, `predict`.
    pub stage: String,
    /// A word for programs, such as `non_finite`, `bad_arch`, `out_of_memory`, `timeout`.
    pub kind: String,
    /// A sentence for people.
    pub message: String,
}

impl Failure {
    /// The kind of a candidate of which only the score that ranks is undefined:
    /// mathematics, which other scores can do without.
    pub const UNDEFINED: &str = "undefined";

    /// A failure of `stage`, of `kind`, explained by `message`.
    pub fn new(stage: &str, kind: &str, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self {
            stage: stage.into(),
            kind: kind.into(),
            message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// One candidate: an `id` and further fields, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    id: Cow<'a, str>,
    fields: Vec<Field<'a>>,
}

/// What is wrong with a text that is not JSON.
fn not_json(text: &str, error: serde_json::Error) -> RecordError {
    let place = error.column().saturating_sub(1);
    let rest = text.get(place..).unwrap_or_default();
    let numbers = ["NaN", "Infinity", "-Infinity"];
    match numbers.into_iter().find(|number| rest.starts_with(number)) {
        // Of -Infinity the sign is taken for a number's.
        Some("Infinity") if text[..place].ends_with('-') => RecordError::NotANumber("-Infinity"),
        Some(number) => RecordError::NotANumber(number),
        None => RecordError::Json(error),
    }
}

impl<'a> Record<'a> {
    /// Reads a record from the text of one line.
    ///
    /// # Errors
    /// When the text is not one JSON object, names a field twice, or has no
    /// `id` that is a non-empty string.
    pub fn parse(text: &'a str) -> Result<Self, RecordError> {
        let Fields(fields) = serde_json::from_str(text).map_err(|e| not_json(text, e))?;
        let raw = fields
            .iter()
            .find(|(name, _)| name == "id")
            .map(|(_, raw)| raw);
        let id = match raw {
            Some(Cow::Borrowed(raw)) => serde_json::from_str::<Text<'a>>(raw.get()).ok(),
            _ => None,
        };
        match id {
            Some(Text(id)) if !id.is_empty() => Ok(Self { id, fields }),
            _ => Err(RecordError::NoId),
        }
    }

    /// A record with nothing but an `id`.
    pub fn new(id: impl Into<String>) -> Record<'static> {
        let id = id.into();
        let mut record = Record {
            id: Cow::Owned(id.clone()),
            fields: Vec::with_capacity(8),
        };
        record.put("id", raw_string(&id));
        record
    }

    /// The record with everything it borrowed copied, to be sent elsewhere.
    pub fn into_owned(self) -> Record<'static> {
        let own = |(name, raw): Field<'a>| -> Field<'static> {
            (Cow::Owned(name.into_owned()), Cow::Owned(raw.into_owned()))
        };
        Record {
            id: Cow::Owned(self.id.into_owned()),
            fields: self.fields.into_iter().map(own).collect(),
        }
    }

    /// The record's unique, stable name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id as the name of a file, for output of one file a record.
    ///
    /// # Errors
    /// When the id could leave the folder, hide, or be another file elsewhere:
    /// letters, digits, `-`, `_` and `.` are allowed, with no `.` at the start.
    pub fn file_stem(&self) -> Result<&str, RecordError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let long = (1..=200).contains(&self.id.len());
        match self.id.bytes().all(plain) && !self.id.starts_with('.') && long {
            true => Ok(&self.id),
            false => Err(RecordError::FileName),
        }
    }

    /// The JSON text of a field, or of a field inside objects: `scored.seeds`.
    ///
    /// A field whose own name has dots is found before a path is tried.
    pub fn raw(&self, path: &str) -> Option<Cow<'_, RawValue>> {
        if let Some((_, raw)) = self.fields.iter().find(|(name, _)| name == path) {
            return Some(Cow::Borrowed(raw));
        }
        // Shortest head first, so that names with dots work at every depth.
        path.match_indices('.').find_map(|(dot, _)| {
            let (_, raw) = self.fields.iter().find(|(name, _)| *name == path[..dot])?;
            descend(raw, &path[dot + 1..])
        })
    }

    /// A field as a type of the caller's; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// When the field is there but of another type.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, RecordError> {
        let Some(raw) = self.raw(path) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get()).map_err(|source| RecordError::Field {
            name: path.into(),
            source,
        })
    }

    /// A field that has to be there, as a type of the caller's.
    ///
    /// # Errors
    /// When it is absent, `null` or of another type.
    pub fn need<T: DeserializeOwned>(&self, path: &str) -> Result<T, RecordError> {
        let found = self.get(path)?;
        found.ok_or_else(|| RecordError::Missing(path.to_owned()))
    }

    /// A numeric field; integers beyond 2^53, which records hold as strings, too.
    ///
    /// # Errors
    /// When the field is there but is not a finite number.
    pub fn number(&self, path: &str) -> Result<Option<f64>, RecordError> {
        let Some(raw) = self.raw(path) else {
            return Ok(None);
        };
        let text = raw.get();
        let digits = text
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(text);
        match digits.parse::<f64>() {
            _ if text == "null" => Ok(None),
            Ok(value) if value.is_finite() && (text == digits || is_integer(digits)) => {
                Ok(Some(value))
            }
            _ => Err(RecordError::NonFinite(format!("field \"{path}\""))),
        }
    }

    /// Sets a field: in its place when the record has it, at the end otherwise.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON. Non-finite numbers are the
    /// caller's to refuse, with [`finite`]: serde would write them as `null`.
    pub fn set(&mut self, name: &str, value: &impl Serialize) -> Result<(), RecordError> {
        let raw = serde_json::value::to_raw_value(value).map_err(|source| RecordError::Field {
            name: name.into(),
            source,
        })?;
        self.put(name, raw);
        Ok(())
    }

    /// Sets entries of an object field, or takes those away that are none;
    /// others stay as they are. No empty object is left.
    ///
    /// # Errors
    /// When the field is there but is not an object, or a value cannot be written.
    pub fn merge<V: Serialize>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = (String, Option<V>)>,
    ) -> Result<(), RecordError> {
        let field = |source| RecordError::Field {
            name: name.into(),
            source,
        };
        let raw = self.raw(name).map(Cow::into_owned);
        let text = raw.as_ref().map_or("{}", |raw| raw.get());
        let Fields(mut object) = serde_json::from_str(text).map_err(field)?;
        for (key, value) in entries {
            match value {
                Some(value) => {
                    let raw = serde_json::value::to_raw_value(&value).map_err(field)?;
                    put(&mut object, &key, raw);
                }
                None => object.retain(|(known, _)| *known != key),
            }
        }
        if object.is_empty() {
            self.remove(name);
            return Ok(());
        }
        let mut text = Vec::new();
        write_object(&object, &mut text).map_err(|e| field(serde_json::Error::custom(e)))?;
        let text = String::from_utf8(text).map_err(|_| RecordError::Encoding)?;
        self.put(name, RawValue::from_string(text).map_err(field)?);
        Ok(())
    }

    /// Takes a field away; nothing happens when there is none.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(field, _)| field != name);
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_ref())
    }

    /// Whether an earlier stage, or this one, marked the candidate as failed.
    pub fn has_failed(&self) -> bool {
        self.fields
            .iter()
            .any(|(name, raw)| name == "error" && raw.get() != "null")
    }

    /// Whether it has failed only in that the score that ranked it is undefined:
    /// another score may rank it.
    pub fn is_undefined(&self) -> bool {
        let failure = self.get::<Failure>("error").ok().flatten();
        failure.is_some_and(|failure| failure.kind == Failure::UNDEFINED)
    }

    /// Marks the candidate as failed, and takes away what would rank it.
    pub fn fail(&mut self, failure: &Failure) {
        for name in ["score", "score_by", "rank"] {
            self.remove(name);
        }
        let text = format!(
            "{{\"stage\":{},\"kind\":{},\"message\":{}}}",
            raw_string(&failure.stage),
            raw_string(&failure.kind),
            raw_string(&failure.message)
        );
        if let Ok(raw) = RawValue::from_string(text) {
            self.put("error", raw);
        }
    }

    /// Writes the record as one line.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        write_object(&self.fields, out)?;
        out.write_all(b"\n")
    }

    fn put(&mut self, name: &str, raw: Box<RawValue>) {
        put(&mut self.fields, name, raw);
    }
}

/// A finite number as JSON; an error that calls it `what` otherwise.
///
/// # Errors
/// [`RecordError::NonFinite`] for NaN and the infinities.
pub fn finite(what: &str, value: f64) -> Result<Number, RecordError> {
    Number::from_f64(value)
        .ok_or_else(|| RecordError::NonFinite(format!("{what} is {value}, which")))
}

/// An integer as JSON: a number up to 2^53, a string beyond, since many
/// readers hold numbers as doubles.
pub fn integer(value: u64) -> Value {
    if value > EXACT_INTEGER {
        Value::String(value.to_string())
    } else {
        value.into()
    }
}

fn is_integer(digits: &str) -> bool {
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn raw_string(text: &str) -> Box<RawValue> {
    match RawValue::from_string(Value::from(text).to_string()) {
        Ok(raw) => raw,
        Err(_) => RawValue::NULL.to_owned(), // a JSON string always is JSON
    }
}

#[cfg(test)]
mod tests;
