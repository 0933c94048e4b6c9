//! What a trained network takes an input for.

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::Failure;

/// What a trained network takes an input for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "knas prediction")]
pub struct Prediction {
    /// The path of an image, or the line of a text.
    pub input: Value,
    /// The most probable class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Label>,
    /// How probable it is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The most probable classes, the most probable one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<Vec<Guess>>,
    /// Why there is none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// A class, and how probable it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Guess {
    /// The class.
    pub class: Label,
    /// Its probability, 0 to 1.
    pub probability: f64,
}

/// A class by name, or by number where it has no name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Label {
    /// Its name.
    Name(String),
    /// Its number, from 0.
    Number(u64),
}

/// The JSON Schema of a prediction.
pub fn prediction() -> Value {
    schema_for!(Prediction).to_value()
}
