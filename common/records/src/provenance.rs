//! What numbers rest on, and whether those of several records can be compared.
//!
//! A record says it in `scored`: one block for all scores that it carries, or a
//! list of blocks, each with the `names` of its scores ([`Scored`]). What
//! training reached says it in `finetune` itself. Blocks are compared as the
//! JSON that they are, so that one of another version, with other fields, is
//! told apart and passed on whole.
//!
//! [`Scored`]: crate::schema::Scored

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::record::{Record, RecordError};

/// The fields of a block, without `names`.
pub type Settings = Map<String, Value>;

/// What begins the path of a number that training reached.
const TRAINED: &str = "finetune.";

/// The score of knas-fit, and the field that says what it was learnt from.
const FIT: &str = "fit";

/// Fields of `finetune` that say how a candidate was trained.
const TRAINED_WITH: [&str; 6] = [
    "data",
    "data_sha256",
    "network",
    "hyper",
    "tool",
    "libtorch",
];

/// The field that says what computed, which moves last digits alone.
const ENGINE: &str = "engine";

/// Fields of a block that say which samples networks were shown.
const SAMPLES: [&str; 3] = ["data", "data_sha256", "samples"];

/// A value that is shown in a message; longer ones are only named.
const SHOWN: usize = 24;

/// Names that a message lists; the rest is counted.
const LISTED: usize = 6;

/// What the scores of one record rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance(Vec<Block>);

#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// The scores; none where all of the record's rest on it.
    names: Option<Vec<String>>,
    settings: Arc<Settings>,
}

impl Provenance {
    /// What the record says; nothing where it has no `scored`.
    ///
    /// # Errors
    /// When `scored` is neither an object nor a list of objects, or a `names`
    /// is no list of texts.
    pub fn of(record: &Record<'_>) -> Result<Self, RecordError> {
        match record.raw("scored") {
            Some(raw) => Self::parse(raw.get()),
            None => Ok(Self::default()),
        }
    }

    fn parse(text: &str) -> Result<Self, RecordError> {
        let field = |source| RecordError::Field {
            name: "scored".to_owned(),
            source,
        };
        let blocks: Vec<Settings> = match serde_json::from_str(text).map_err(field)? {
            Value::Null => vec![],
            Value::Array(blocks) => serde_json::from_value(Value::Array(blocks)).map_err(field)?,
            one => vec![serde_json::from_value(one).map_err(field)?],
        };
        let block = |mut settings: Settings| {
            let names = settings.shift_remove("names").map(serde_json::from_value);
            Ok(Block {
                names: names.transpose().map_err(field)?,
                settings: Arc::new(settings),
            })
        };
        Ok(Self(
            blocks.into_iter().map(block).collect::<Result<_, _>>()?,
        ))
    }

    /// What the score of this name rests on, where the record says it.
    pub fn settings(&self, name: &str) -> Option<&Arc<Settings>> {
        let holds = |block: &&Block| match &block.names {
            Some(names) => names.iter().any(|known| known == name),
            None => true,
        };
        self.0.iter().find(holds).map(|block| &block.settings)
    }
}

/// The names of the scores that a record carries, those that are undefined too,
/// in their order.
///
/// # Errors
/// When `scores` or `scores_undefined` is not an object.
pub fn scores(record: &Record<'_>) -> Result<Vec<String>, RecordError> {
    let mut names: Vec<String> = Vec::new();
    for field in ["scores", "scores_undefined"] {
        let entries: Map<String, Value> = record.get(field)?.unwrap_or_default();
        names.extend(entries.into_iter().map(|(name, _)| name));
    }
    Ok(names)
}

/// Says in a record what each of the scores that it carries rests on. Where one
/// block holds for all of them it stands alone. Names are in alphabetical order,
/// so that records of one run say the same, whatever is undefined in which.
///
/// # Errors
/// As [`scores`].
pub fn set<'s>(
    record: &mut Record<'_>,
    settings: impl Fn(&str) -> Option<&'s Arc<Settings>>,
) -> Result<(), RecordError> {
    let mut blocks: Vec<(Vec<String>, &Settings)> = Vec::new();
    let mut all_known = true;
    let mut carried = scores(record)?;
    carried.sort_unstable();
    for name in carried {
        let Some(settings) = settings(&name) else {
            all_known = false; // of a program that does not say
            continue;
        };
        match blocks.iter_mut().find(|(_, known)| *known == &**settings) {
            Some((names, _)) => names.push(name),
            None => blocks.push((vec![name], settings)),
        }
    }
    match blocks.as_slice() {
        [] => Ok(()),
        [(_, settings)] if all_known => record.set("scored", settings),
        several => {
            let named = several.iter().map(|(names, settings)| {
                let mut block = Settings::new();
                block.insert("names".to_owned(), names.as_slice().into());
                block.extend((*settings).clone());
                block
            });
            record.set("scored", &named.collect::<Vec<_>>())
        }
    }
}

/// Where two blocks differ, as a reader is told: `data (noise, cifar10), seeds
/// ([0], [1])`. Empty where they do not, or in no more than what computed.
pub fn difference(one: &Settings, other: &Settings) -> String {
    let mut fields = Vec::new();
    let essential = |settings: &Settings| {
        let mut settings = settings.clone();
        settings.shift_remove(ENGINE);
        settings
    };
    differing(&essential(one), &essential(other), "", &mut fields);
    // Other data have another hash, which needs no saying.
    if fields.iter().any(|(name, _)| name == "data") {
        fields.retain(|(name, _)| !name.starts_with("data_"));
    }
    let texts: Vec<String> = fields
        .into_iter()
        .map(|(name, values)| match values {
            Some([one, other]) => format!("{name} ({one}, {other})"),
            None => name,
        })
        .collect();
    listed(&texts)
}

/// The paths at which two objects differ, with their values where those are short.
fn differing(
    one: &Settings,
    other: &Settings,
    path: &str,
    fields: &mut Vec<(String, Option<[String; 2]>)>,
) {
    let new = other.keys().filter(|&name| !one.contains_key(name));
    for name in one.keys().chain(new) {
        let (a, b) = (one.get(name), other.get(name));
        let path = format!("{path}{name}");
        match (a, b) {
            _ if a == b => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                differing(a, b, &(path + "."), fields);
            }
            _ => {
                let text = |value: Option<&Value>| match value {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => "none".to_owned(),
                };
                let values = [text(a), text(b)];
                let short = values.iter().all(|value| value.chars().count() <= SHOWN);
                fields.push((path, short.then_some(values)));
            }
        }
    }
}

fn listed(texts: &[String]) -> String {
    let more = texts.len().saturating_sub(LISTED);
    let shown = texts[..texts.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether numbers of several records rest on the same: the one place in which
/// that is decided, for every tool that puts records in an order.
#[derive(Debug, Default)]
pub struct Comparison {
    /// By name: what the first record's rests on, and its id.
    first: BTreeMap<String, (Arc<Settings>, String)>,
    /// Names of which records rest on different things.
    differ: BTreeSet<String>,
    /// The first difference.
    example: Option<Example>,
    /// The text of a `scored`, read: most records have that of the one before.
    read: Option<(String, Provenance)>,
    /// The text of a `fit`, read.
    fitted: Option<(String, Arc<Settings>)>,
}

#[derive(Debug)]
struct Example {
    ids: [String; 2],
    /// Not scored.
    trained: bool,
    fields: String,
}

impl Comparison {
    /// Looks at the numbers of these names in a record: a score, a combination
    /// such as `log-rank(mgm,-macs)`, or a path such as
    /// `finetune.valid_accuracy`. What says nothing about where it comes from
    /// cannot be compared, and is not.
    pub fn see<'n>(&mut self, record: &Record<'_>, names: impl IntoIterator<Item = &'n str>) {
        let mut trained = None;
        for name in names.into_iter().flat_map(components) {
            let settings = if name.starts_with(TRAINED) {
                let settings = trained.get_or_insert_with(|| trained_with(record));
                settings.clone()
            } else {
                self.scored_with(record, name)
            };
            if let Some(settings) = settings
                && !self.agrees(name, &settings)
                && !is_field(record, name)
            {
                self.hold(record.id(), name, &settings);
            }
        }
    }

    /// Holds what a number of a record rests on against what the first one's
    /// of that name does.
    pub fn hold(&mut self, id: &str, name: &str, settings: &Arc<Settings>) {
        if self.agrees(name, settings) {
            return;
        }
        let Some((first, first_id)) = self.first.get(name) else {
            let first = (Arc::clone(settings), id.to_owned());
            self.first.insert(name.to_owned(), first);
            return;
        };
        self.example.get_or_insert_with(|| Example {
            ids: [first_id.clone(), id.to_owned()],
            trained: name.starts_with(TRAINED),
            fields: difference(first, settings),
        });
        self.differ.insert(name.to_owned());
    }

    /// Whether there is nothing to be noted any more.
    fn agrees(&self, name: &str, settings: &Arc<Settings>) -> bool {
        let same = |(first, _): &(Arc<Settings>, _)| {
            Arc::ptr_eq(first, settings) || essence(first) == essence(settings)
        };
        self.differ.contains(name) || self.first.get(name).is_some_and(same)
    }

    fn scored_with(&mut self, record: &Record<'_>, name: &str) -> Option<Arc<Settings>> {
        if name == FIT || name.starts_with("fit-") {
            return self.fitted_with(record);
        }
        let raw = record.raw("scored")?;
        let known = matches!(&self.read, Some((text, _)) if text == raw.get());
        if !known {
            // What cannot be read says nothing.
            let read = Provenance::parse(raw.get()).unwrap_or_default();
            self.read = Some((raw.get().to_owned(), read));
        }
        self.read.as_ref()?.1.settings(name).cloned()
    }

    /// What a fit was learnt from, and how.
    fn fitted_with(&mut self, record: &Record<'_>) -> Option<Arc<Settings>> {
        let raw = record.raw(FIT)?;
        if !matches!(&self.fitted, Some((text, _)) if text == raw.get()) {
            let mut settings: Settings = record.get(FIT).ok()??;
            settings.shift_remove("tool");
            self.fitted = Some((raw.get().to_owned(), Arc::new(settings)));
        }
        self.fitted
            .as_ref()
            .map(|(_, settings)| Arc::clone(settings))
    }

    /// What is to be said where records differ.
    pub fn warning(&self) -> Option<String> {
        let Example {
            ids: [one, other],
            trained,
            fields,
        } = self.example.as_ref()?;
        let verb = if *trained { "trained" } else { "scored" };
        let names: Vec<String> = self.differ.iter().cloned().collect();
        Some(format!(
            "{one} and {other} were {verb} with different {fields}: values of {} may not be \
             comparable",
            listed(&names)
        ))
    }
}

/// Without what does not matter: what computed, and the samples to a score with
/// inputs of its own.
fn essence(settings: &Settings) -> Vec<(&String, &Value)> {
    let own = settings.contains_key("inputs");
    let matters = |name: &str| name != ENGINE && !(own && SAMPLES.contains(&name));
    let mut fields: Vec<_> = settings.iter().filter(|(name, _)| matters(name)).collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

/// Whether a name is that of a field, such as `params`, and not of a score.
fn is_field(record: &Record<'_>, name: &str) -> bool {
    let path = format!("scores.{name}");
    let elsewhere = name == "score" || name.starts_with(TRAINED);
    !elsewhere && record.raw(name).is_some() && record.raw(&path).is_none()
}

/// What training rests on, where the record's candidate was trained.
pub fn trained_with(record: &Record<'_>) -> Option<Arc<Settings>> {
    let mut settings: Settings = record.get("finetune").ok()??;
    settings.retain(|name, _| TRAINED_WITH.contains(&name.as_str()));
    if let Some(Value::Object(hyper)) = settings.get_mut("hyper") {
        hyper.shift_remove("threads"); // moves the last bits of sums alone
    }
    (!settings.is_empty()).then(|| Arc::new(settings))
}

/// The names in a name: those of `log-rank(mgm,-macs)`, or itself; without a
/// minus and without the `scores.` of a path.
fn components(name: &str) -> impl Iterator<Item = &str> {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name);
    inner.split(',').map(|name| {
        let name = name.strip_prefix('-').unwrap_or(name);
        name.strip_prefix("scores.").unwrap_or(name)
    })
}

#[cfg(test)]
mod tests;
