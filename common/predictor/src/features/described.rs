//! What one record tells.

use std::collections::{BTreeMap, BTreeSet};

use knas_records::Record;
use knas_space::features::{counts, graf, one_hot};
use knas_space::{Feature, Flow};
use serde_json::{Map, Value};

use super::{FeatureError, Kind, OWN};

/// One record's features of each kind, by name.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) space: Option<String>,
    pub(super) kinds: BTreeMap<Kind, Vec<Feature>>,
    /// Names of scores that have no value for this network.
    pub(super) undefined: BTreeSet<String>,
    /// Names of scores that are no numbers.
    pub(super) odd: BTreeSet<String>,
    pub(super) flow: Option<Flow>,
}

impl Described {
    pub(super) fn of(record: &Record<'_>) -> Result<Self, FeatureError> {
        let mut described = Self {
            space: record.get("space")?,
            ..Self::default()
        };
        let arch: Option<String> = record.get("arch")?;
        let space = described.space.as_deref().and_then(knas_space::by_name);
        if let (Some(space), Some(arch)) = (space, arch) {
            let architecture = space.parse(&arch)?;
            if let Some(flow) = architecture.flow() {
                described.kinds.insert(Kind::Counts, counts(&flow));
                described.kinds.insert(Kind::Graf, graf(&flow));
                described.flow = Some(flow);
            }
            let decisions = architecture.decisions();
            described.kinds.insert(Kind::OneHot, one_hot(&decisions));
        }
        let mut cost = Vec::new();
        for name in ["params", "macs"] {
            if let Some(value) = record.number(name)? {
                let name = name.to_owned();
                cost.push(Feature { name, value });
            }
        }
        described.kinds.insert(Kind::Cost, cost);
        let entries: Map<String, Value> = record.get("scores")?.unwrap_or_default();
        let mut scores = Vec::new();
        for (name, value) in entries {
            match number(&value) {
                _ if name == OWN || value.is_null() => {}
                Some(value) => scores.push(Feature { name, value }),
                None => drop(described.odd.insert(name)),
            }
        }
        scores.sort_by(|a, b| a.name.cmp(&b.name));
        described.kinds.insert(Kind::Scores, scores);
        let undefined: Option<Map<String, Value>> = record.get("scores_undefined")?;
        described.undefined = undefined
            .unwrap_or_default()
            .into_iter()
            .map(|e| e.0)
            .collect();
        Ok(described)
    }

    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        self.value(kind, name).is_some() || kind == Kind::Scores && self.undefined.contains(name)
    }

    pub(super) fn value(&self, kind: Kind, name: &str) -> Option<f64> {
        let features = self.kinds.get(&kind)?;
        let place = match kind {
            // A record may carry any number of them, in order.
            Kind::Scores => features
                .binary_search_by(|f| f.name.as_str().cmp(name))
                .ok(),
            _ => features.iter().position(|f| f.name == name),
        };
        place.map(|place| features[place].value)
    }
}

/// A score as a record holds it: integers that JSON's readers would round are
/// strings.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(digits) => digits.parse::<i128>().ok().map(|whole| whole as f64),
        _ => None,
    };
    number.filter(|value| value.is_finite())
}
