//! `ID.json`: what a checkpoint is of, and how far it is.

use std::path::Path;

use knas_files::sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckpointError, read_file};
use crate::{Confusion, Epoch, Metrics, Outcome};

/// The version of the layout.
pub(super) const FORMAT: &str = "knas-checkpoint-1";

/// The largest manifest that is read.
const MAX_MANIFEST: u64 = 256 << 20;

/// What a checkpoint is of, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub(super) format: String,
    /// The number of its last epoch.
    pub epoch: u64,
    /// What the training depends on.
    pub about: Value,
    /// Its epochs so far.
    pub history: Vec<Epoch>,
    /// Of the training on all examples that follows, what came of each epoch so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<Vec<Metrics>>,
    /// Whether there will be no further epoch.
    pub finished: bool,
    /// How the best epoch's model tested, once its training has ended; in the end, how
    /// the model did that was trained on all examples, where there is one.
    pub test: Option<Metrics>,
    /// What it took for what, as [`Outcome`](crate::Outcome) has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    pub(super) weights_sha256: String,
    pub(super) optimizer_sha256: String,
    /// Of this very text, with nothing in this place.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn new(about: Value) -> Self {
        Self {
            format: FORMAT.to_owned(),
            epoch: 0,
            about,
            history: Vec::new(),
            refit: None,
            finished: false,
            test: None,
            confusion: None,
            weights_sha256: String::new(),
            optimizer_sha256: String::new(),
            sha256: String::new(),
        }
    }

    /// How the model was judged, once training has ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            test: self.test,
            confusion: self.confusion.clone(),
        }
    }

    pub(super) fn hashes(&self) -> [&str; 2] {
        [&self.weights_sha256, &self.optimizer_sha256]
    }

    pub(super) fn read(path: &Path) -> Result<Self, CheckpointError> {
        let damaged = |reason: String| CheckpointError::Damaged {
            path: path.to_path_buf(),
            reason,
        };
        let bytes = read_file(path, MAX_MANIFEST)?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|e| damaged(format!("no checkpoint ({e})")))?;
        if manifest.format != FORMAT {
            let found = &manifest.format;
            return Err(damaged(format!("its format is \"{found}\", not {FORMAT}")));
        }
        if manifest.own_hash() != manifest.sha256 {
            return Err(damaged("its content has been changed (SHA-256)".to_owned()));
        }
        Ok(manifest)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let signed = Self {
            sha256: self.own_hash(),
            ..self.clone()
        };
        signed.text()
    }

    fn own_hash(&self) -> String {
        let unsigned = Self {
            sha256: String::new(),
            ..self.clone()
        };
        sha256(&unsigned.text())
    }

    fn text(&self) -> Vec<u8> {
        // Strings and finite numbers; if it ever failed, the hash would tell.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// The first place in which two values differ, in words; none if they agree.
#[must_use]
pub fn difference(there: &Value, here: &Value) -> Option<String> {
    if let (Value::Object(there), Value::Object(here)) = (there, here) {
        let names = there.keys().chain(here.keys());
        return names.into_iter().find_map(|name| {
            let value =
                |object: &serde_json::Map<_, Value>| object.get(name).cloned().unwrap_or_default();
            let difference = difference(&value(there), &value(here))?;
            let dot = if difference.starts_with(':') { "" } else { "." };
            Some(format!("{name}{dot}{difference}"))
        });
    }
    (there != here).then(|| format!(": {there} there, {here} here"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let there = json!({"hyper": {"lr": 0.1, "batch": 4}, "data": "a"});
        let here = json!({"hyper": {"lr": 0.2, "batch": 4}, "data": "b"});
        let text = difference(&there, &here).unwrap();
        assert_eq!(text, "hyper.lr: 0.1 there, 0.2 here");
        let text = difference(&json!({}), &json!({"x": 1})).unwrap();
        assert_eq!(text, "x: null there, 1 here");
        assert_eq!(difference(&there, &there), None);
    }
}
