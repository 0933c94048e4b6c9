//! What a published encoder's `config.json` tells beside its sizes, and the
//! `config.json` with which other software loads an encoder's weights.

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use super::{Backbone, Kind as Family};
use crate::space::excerpt;

/// What a forward pass depends on beside sizes and weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Added to the variances of layer norms, `layer_norm_eps`.
    pub norm_epsilon: f64,
    /// The share that dropout takes of the embeddings and of what each half of
    /// a layer adds, `hidden_dropout_prob`.
    pub hidden_dropout: f64,
    /// The share that it takes of the attention weights,
    /// `attention_probs_dropout_prob`.
    pub attention_dropout: f64,
    /// The share that it takes of what the classifier reads,
    /// `classifier_dropout`, or `hidden_dropout_prob` where that is not set.
    pub classifier_dropout: f64,
}

impl Settings {
    /// Those that the family was published with.
    #[must_use]
    pub fn of(family: Family) -> Self {
        Self {
            norm_epsilon: match family {
                Family::Bert => 1e-12,
                Family::Roberta => 1e-5,
            },
            hidden_dropout: 0.1,
            attention_dropout: 0.1,
            classifier_dropout: 0.1,
        }
    }

    /// Those of a `config.json`; what it does not set is the family's.
    ///
    /// # Errors
    /// What in it cannot be, or is not known here.
    pub fn from_config(json: &str, family: Family) -> Result<Self, SettingsError> {
        let config: Config = serde_json::from_str(json)?;
        for (name, found, known) in [
            ("hidden_act", config.hidden_act, "gelu"),
            (
                "position_embedding_type",
                config.position_embedding_type,
                "absolute",
            ),
        ] {
            if let Some(found) = found.filter(|found| found != known) {
                let found = excerpt(&found);
                return Err(SettingsError::Unknown { name, found, known });
            }
        }
        if family == Family::Roberta && config.pad_token_id.is_some_and(|id| id != 1) {
            return Err(SettingsError::Padding);
        }
        let usual = Self::of(family);
        let hidden_dropout = config.hidden_dropout_prob.unwrap_or(usual.hidden_dropout);
        let attention = config.attention_probs_dropout_prob;
        let settings = Self {
            norm_epsilon: config.layer_norm_eps.unwrap_or(usual.norm_epsilon),
            hidden_dropout,
            attention_dropout: attention.unwrap_or(usual.attention_dropout),
            classifier_dropout: config.classifier_dropout.unwrap_or(hidden_dropout),
        };
        let rates = [
            ("hidden_dropout_prob", settings.hidden_dropout),
            ("attention_probs_dropout_prob", settings.attention_dropout),
            ("classifier_dropout", settings.classifier_dropout),
        ];
        for (name, rate) in rates {
            if !(0.0..1.0).contains(&rate) {
                return Err(SettingsError::Share { name, rate });
            }
        }
        match settings.norm_epsilon {
            epsilon if epsilon >= 0.0 && epsilon.is_finite() => Ok(settings),
            epsilon => Err(SettingsError::Epsilon(epsilon)),
        }
    }

    /// The `config.json` of `transformers` for a classifier of `classes` classes
    /// on this backbone: what `from_pretrained` needs beside the weights that
    /// an encoder's parameters name.
    #[must_use]
    pub fn config(&self, backbone: &Backbone, classes: u64) -> Value {
        let (architecture, padding) = match backbone.kind {
            Family::Bert => ("BertForSequenceClassification", 0),
            Family::Roberta => ("RobertaForSequenceClassification", 1),
        };
        let mut config = json!({
            "architectures": [architecture],
            "model_type": backbone.kind.name(),
            "num_hidden_layers": backbone.layers,
            "hidden_size": backbone.width,
            "num_attention_heads": backbone.heads,
            "intermediate_size": backbone.intermediate,
            "vocab_size": backbone.vocabulary,
            "max_position_embeddings": backbone.positions,
            "type_vocab_size": backbone.token_types,
            "hidden_act": "gelu",
            "layer_norm_eps": self.norm_epsilon,
            "hidden_dropout_prob": self.hidden_dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            "classifier_dropout": self.classifier_dropout,
            "position_embedding_type": "absolute",
            "pad_token_id": padding,
            "torch_dtype": "float32",
        });
        // As many labels as there are classes; transformers counts these.
        for class in 0..classes {
            let (label, number) = (format!("LABEL_{class}"), class.to_string());
            config["id2label"][number] = label.clone().into();
            config["label2id"][label] = class.into();
        }
        config
    }
}

/// Why a `config.json` has no settings that are known here.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// It asks for another kind of layer.
    #[error("{name} is {found}; only {known} is known")]
    Unknown {
        /// What it sets.
        name: &'static str,
        /// The beginning of what stands there.
        found: String,
        /// What would be right.
        known: &'static str,
    },
    /// Padding has another number.
    #[error("pad_token_id is not 1, and RoBERTa counts positions from there")]
    Padding,
    /// A share that dropout cannot take.
    #[error("{name} is {rate}, not from 0 to less than 1")]
    Share {
        /// What it sets.
        name: &'static str,
        /// What stands there.
        rate: f64,
    },
    /// An epsilon that cannot be added to variances.
    #[error("layer_norm_eps is {0}, not from 0 up")]
    Epsilon(f64),
    /// Not the JSON that was expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// What the settings take from `config.json`.
#[derive(Deserialize)]
struct Config {
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    pad_token_id: Option<i64>,
    layer_norm_eps: Option<f64>,
    hidden_dropout_prob: Option<f64>,
    attention_probs_dropout_prob: Option<f64>,
    classifier_dropout: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for name in [
            "minilm",
            "roberta-base",
            "bert-l2-d8-h2-i16-v60-p64-t2",
            "roberta-l2-d8-h2-i16-v60-p64-t1",
        ] {
            let backbone: Backbone = name.parse().unwrap();
            let settings = Settings {
                norm_epsilon: 1e-7,
                hidden_dropout: 0.2,
                attention_dropout: 0.3,
                classifier_dropout: 0.4,
            };
            let config = settings.config(&backbone, 3);
            assert_eq!(config["id2label"]["2"], "LABEL_2");
            assert_eq!(config["label2id"]["LABEL_2"], 2);
            let text = config.to_string();
            assert_eq!(Backbone::from_config(&text).unwrap(), backbone);
            let read = Settings::from_config(&text, backbone.kind).unwrap();
            assert_eq!(read, settings);
        }
    }
}
