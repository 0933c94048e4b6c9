//! A `config.json`, as far as it tells a backbone.

use serde::Deserialize;
use serde_json::Value;

use super::backbone::BackboneError;

/// What a backbone takes from `config.json`; the rest is the network's affair.
#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) model_type: String,
    num_hidden_layers: usize,
    hidden_size: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    is_decoder: Option<Value>,
    add_cross_attention: Option<Value>,
    pruned_heads: Option<Value>,
    auto_map: Option<Value>,
    quantization_config: Option<Value>,
}

impl Config {
    /// Whether the network is the plain encoder of its family, which sizes say
    /// everything about.
    pub(super) fn is_plain(&self) -> Result<(), BackboneError> {
        for (field, value, why) in [
            (
                "is_decoder",
                &self.is_decoder,
                "tokens would not see those after them",
            ),
            (
                "add_cross_attention",
                &self.add_cross_attention,
                "layers would have more parts",
            ),
            (
                "pruned_heads",
                &self.pruned_heads,
                "layers would lack heads",
            ),
            (
                "auto_map",
                &self.auto_map,
                "a program of its own would say what it computes",
            ),
            (
                "quantization_config",
                &self.quantization_config,
                "weights would be rounded",
            ),
        ] {
            let unset = match value {
                None | Some(Value::Null | Value::Bool(false)) => true,
                Some(Value::Object(entries)) => entries.is_empty(),
                Some(Value::Array(entries)) => entries.is_empty(),
                Some(_) => false,
            };
            if !unset {
                return Err(BackboneError::Field { field, why });
            }
        }
        Ok(())
    }

    /// Layers, width, heads, width inside the feed-forward half, vocabulary,
    /// positions, token types.
    pub(super) fn sizes(&self) -> [usize; 7] {
        [
            self.num_hidden_layers,
            self.hidden_size,
            self.num_attention_heads,
            self.intermediate_size,
            self.vocab_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ]
    }
}
