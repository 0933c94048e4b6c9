//! The `config.json` with which other software loads an encoder's weights.

use knas_space::roberta_skip::{Backbone, Kind as Family};
use serde_json::{Value, json};

use super::Settings;

impl Settings {
    /// The `config.json` of `transformers` for a classifier of `classes` classes
    /// on this backbone: what `from_pretrained` needs beside the weights that
    /// [`Encoder::state`](super::Encoder::state) names.
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
