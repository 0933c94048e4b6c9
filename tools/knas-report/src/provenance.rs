//! What scores rest on, read once for each text of `scored`; and settings as
//! people read them.

use std::collections::HashMap;

use knas_records::provenance::{Provenance, Settings};
use knas_records::{Record, RecordError};
use serde_json::Value;

/// What records say in `scored`, by its text: most say the same.
#[derive(Debug, Default)]
pub struct Known(HashMap<String, Provenance>);

impl Known {
    /// What the scores of this record rest on.
    ///
    /// # Errors
    /// It is not what `scored` should be.
    pub fn of(&mut self, record: &Record<'_>) -> Result<&Provenance, RecordError> {
        let raw = record.raw("scored");
        let text = raw.as_ref().map_or("", |raw| raw.get());
        if !self.0.contains_key(text) {
            self.0.insert(text.to_owned(), Provenance::of(record)?);
        }
        Ok(&self.0[text])
    }
}

/// Samples that each network is shown under these settings, in all seeds; none
/// where a score has inputs of its own.
pub fn passes(settings: &Settings) -> Option<f64> {
    let own = settings.contains_key("inputs");
    let samples = settings.get("samples").filter(|_| !own)?.as_f64()?;
    Some(samples * settings.get("seeds")?.as_array()?.len() as f64)
}

/// Settings as people read them: name and value, objects in one line.
pub fn facts(settings: &Settings) -> Vec<(String, String)> {
    let known = settings.iter().filter(|(_, value)| !value.is_null());
    known
        .map(|(name, value)| (name.replace('_', " "), plain(value)))
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(name, value)| format!("{} {name}", plain(value)));
            entries.collect::<Vec<_>>().join(", ")
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_told_in_lines() {
        let settings =
            json!({ "network": { "channels": 16, "cells": 5 }, "data_sha256": [0, 1], "x": null });
        let expected = [("network", "16 channels, 5 cells"), ("data sha256", "0, 1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(facts(settings.as_object().unwrap()), expected);
    }

    #[test]
    fn a_score_with_inputs_of_its_own_is_shown_no_samples() {
        let passes = |settings: Value| super::passes(settings.as_object().unwrap());
        assert_eq!(
            passes(json!({ "samples": 50, "seeds": [0, 1] })),
            Some(100.0)
        );
        assert_eq!(
            passes(json!({ "samples": 50, "seeds": [0], "inputs": "ones" })),
            None
        );
    }
}
