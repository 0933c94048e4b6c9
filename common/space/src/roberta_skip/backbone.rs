//! The encoder that a layout is laid over: its sizes, the presets, and how a
//! backbone is named.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::config::Config;
use crate::space::excerpt;

/// Which family of encoders a backbone belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Devlin et al. 2019: token types, positions from 0.
    Bert,
    /// Liu et al. 2019: one token type, positions from the padding's id + 1.
    Roberta,
}

impl Kind {
    /// Its name, which is `model_type` in `config.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        [Self::Bert, Self::Roberta]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The sizes of an encoder. They say everything about its parameters' shapes.
///
/// It prints as the name of the [preset](PRESETS) that it equals, and otherwise
/// as its sizes, `bert-l6-d384-h12-i1536-v30522-p512-t2`; both parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backbone {
    /// Family.
    pub kind: Kind,
    /// Layers, `num_hidden_layers` in `config.json`.
    pub layers: usize,
    /// Width of a token's vector, `hidden_size`.
    pub width: usize,
    /// Attention heads, `num_attention_heads`; they divide the width.
    pub heads: usize,
    /// Width inside the feed-forward half, `intermediate_size`.
    pub intermediate: usize,
    /// Tokens, `vocab_size`.
    pub vocabulary: usize,
    /// Rows of the position embedding, `max_position_embeddings`. RoBERTa
    /// leaves the first two unused.
    pub positions: usize,
    /// Token types, `type_vocab_size`.
    pub token_types: usize,
}

/// The backbones that have a name.
///
/// `roberta-large` and `roberta-base` are those of Liu et al. 2019, `minilm` is
/// all-MiniLM-L6-v2, and `tiny` takes RoBERTa's tokens and is for trying out.
pub const PRESETS: &[(&str, Backbone)] = &[
    (
        "roberta-large",
        Backbone::roberta([24, 1024, 16, 4096, 50_265, 514, 1]),
    ),
    (
        "roberta-base",
        Backbone::roberta([12, 768, 12, 3072, 50_265, 514, 1]),
    ),
    (
        "minilm",
        Backbone::new(Kind::Bert, [6, 384, 12, 1536, 30_522, 512, 2]),
    ),
    ("tiny", Backbone::roberta([4, 64, 4, 128, 50_265, 514, 1])),
];

/// One letter for each size, in the order of the notation.
const LETTERS: [char; 7] = ['l', 'd', 'h', 'i', 'v', 'p', 't'];

/// The names of the sizes in messages, in the same order.
const NAMES: [&str; 7] = [
    "layers",
    "width",
    "heads",
    "intermediate width",
    "vocabulary",
    "positions",
    "token types",
];

/// The largest of each size; products of them stay far from overflow.
const LARGEST: [usize; 7] = [128, 1 << 15, 1 << 10, 1 << 17, 1 << 22, 1 << 17, 1 << 8];

impl Backbone {
    const fn new(kind: Kind, sizes: [usize; 7]) -> Self {
        let [
            layers,
            width,
            heads,
            intermediate,
            vocabulary,
            positions,
            token_types,
        ] = sizes;
        Self {
            kind,
            layers,
            width,
            heads,
            intermediate,
            vocabulary,
            positions,
            token_types,
        }
    }

    const fn roberta(sizes: [usize; 7]) -> Self {
        Self::new(Kind::Roberta, sizes)
    }

    /// The preset called `name`.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let found = PRESETS.iter().find(|(known, _)| *known == name);
        found.map(|&(_, backbone)| backbone)
    }

    /// The backbone that a Hugging Face `config.json` describes.
    ///
    /// # Errors
    /// Where `json` is no such file, describes another kind of network, or has
    /// sizes that cannot be.
    pub fn from_config(json: &str) -> Result<Self, BackboneError> {
        let config: Config = serde_json::from_str(json)?;
        let kind = Kind::by_name(&config.model_type).ok_or_else(|| BackboneError::Kind {
            found: excerpt(&config.model_type),
        })?;
        config.is_plain()?;
        Self::new(kind, config.sizes()).checked()
    }

    /// Tokens that fit into one input.
    #[must_use]
    pub fn longest_input(&self) -> usize {
        match self.kind {
            Kind::Bert => self.positions,
            Kind::Roberta => self.positions - 2,
        }
    }

    fn sizes(&self) -> [usize; 7] {
        [
            self.layers,
            self.width,
            self.heads,
            self.intermediate,
            self.vocabulary,
            self.positions,
            self.token_types,
        ]
    }

    fn checked(self) -> Result<Self, BackboneError> {
        for (place, size) in self.sizes().into_iter().enumerate() {
            let smallest = match (NAMES[place], self.kind) {
                ("positions", Kind::Roberta) => 3,
                _ => 1,
            };
            if !(smallest..=LARGEST[place]).contains(&size) {
                return Err(BackboneError::Size {
                    name: NAMES[place],
                    size,
                    smallest,
                    largest: LARGEST[place],
                });
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(BackboneError::Heads {
                width: self.width,
                heads: self.heads,
            });
        }
        Ok(self)
    }
}

impl fmt::Display for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = PRESETS.iter().find(|(_, preset)| preset == self) {
            return f.write_str(name);
        }
        f.write_str(self.kind.name())?;
        for (letter, size) in LETTERS.into_iter().zip(self.sizes()) {
            write!(f, "-{letter}{size}")?;
        }
        Ok(())
    }
}

impl FromStr for Backbone {
    type Err = BackboneError;

    fn from_str(text: &str) -> Result<Self, BackboneError> {
        if let Some(preset) = Self::preset(text) {
            return Ok(preset);
        }
        let spelled = spelled_out(text).ok_or_else(|| BackboneError::Name {
            found: excerpt(text),
        })?;
        let backbone = spelled.checked()?;
        let name = backbone.to_string();
        if name != text {
            return Err(BackboneError::Preset { name });
        }
        Ok(backbone)
    }
}

fn spelled_out(text: &str) -> Option<Backbone> {
    let mut parts = text.split('-');
    let kind = Kind::by_name(parts.next()?)?;
    let mut sizes = [0; 7];
    for (letter, size) in LETTERS.into_iter().zip(&mut sizes) {
        *size = number(parts.next()?.strip_prefix(letter)?)?;
    }
    parts.next().is_none().then(|| Backbone::new(kind, sizes))
}

/// A number as it is printed: digits, and no zero before others.
pub(super) fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Why something is no backbone.
#[derive(Debug, Error)]
pub enum BackboneError {
    /// Neither a preset nor sizes.
    #[error(
        "{found} is no backbone; expected {}, or sizes such as \
         bert-l6-d384-h6-i1536-v30522-p512-t2",
        PRESETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    )]
    Name {
        /// The beginning of what stands there.
        found: String,
    },
    /// A preset that is spelled out.
    #[error("this backbone is written {name}")]
    Preset {
        /// Its name.
        name: String,
    },
    /// A size that cannot be.
    #[error("the {name} must be {smallest} to {largest}, not {size}")]
    Size {
        /// Which size.
        name: &'static str,
        /// What was found.
        size: usize,
        /// The least that can be.
        smallest: usize,
        /// The most that is accepted.
        largest: usize,
    },
    /// Heads that do not share the width equally.
    #[error("{heads} heads do not divide a width of {width}")]
    Heads {
        /// Width of a token's vector.
        width: usize,
        /// Attention heads.
        heads: usize,
    },
    /// A network of another kind.
    #[error("model_type is {found}; only bert and roberta are known")]
    Kind {
        /// The beginning of what stands there.
        found: String,
    },
    /// A network that is no plain encoder.
    #[error("{field} is set, which is not known here: {why}")]
    Field {
        /// What is set.
        field: &'static str,
        /// What it would change.
        why: &'static str,
    },
    /// Not the JSON that was expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINILM: &str = r#"{"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384,
        "num_attention_heads": 12, "intermediate_size": 1536, "vocab_size": 30522,
        "max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu"}"#;

    #[test]
    fn a_preset_is_named_wherever_its_sizes_come_from() {
        let found = Backbone::from_config(MINILM).unwrap();
        assert_eq!(found.to_string(), "minilm");
        for (name, preset) in PRESETS {
            assert_eq!(preset.to_string(), *name);
            assert_eq!(name.parse::<Backbone>().unwrap(), *preset);
            assert_eq!(preset.checked().unwrap(), *preset);
        }
    }

    #[test]
    fn other_sizes_are_spelled_out_and_read_back() {
        let unset = "\"gelu\", \"is_decoder\": false, \"pruned_heads\": {}, \"auto_map\": null";
        let other = MINILM.replace(": 6,", ": 12,").replace("\"gelu\"", unset);
        let other = Backbone::from_config(&other).unwrap();
        let text = "bert-l12-d384-h12-i1536-v30522-p512-t2";
        assert_eq!(other.to_string(), text);
        assert_eq!(text.parse::<Backbone>().unwrap(), other);
    }

    #[test]
    fn what_is_no_backbone_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "\"\" is no backbone; expected roberta-large,"),
            ("bert", "is no backbone"),
            ("bert-l06-d384-h12-i1536-v30522-p512-t2", "is no backbone"),
            ("bert-l6-d384-h12-i1536-v30522-p512-t2-", "is no backbone"),
            ("bert-l+6-d384-h12-i1536-v30522-p512-t2", "is no backbone"),
            ("bert-l6-d384-h12-i1536-v30522-p512-t2", "is written minilm"),
            ("bert-l0-d4-h2-i8-v9-p9-t2", "layers must be 1 to 128"),
            ("bert-l2-d4-h3-i8-v9-p9-t2", "3 heads do not divide"),
            ("roberta-l2-d4-h2-i8-v9-p2-t1", "positions must be 3 to"),
            ("bert-l2-d4-h2-i8-v99999999-p9-t2", "vocabulary must be"),
        ] {
            let said = text.parse::<Backbone>().unwrap_err().to_string();
            assert!(said.contains(reason), "{text}: {said}");
        }
        for (config, reason) in [
            (
                MINILM.replace("\"bert\"", "\"gpt2\""),
                "model_type is \"gpt2\"",
            ),
            (
                MINILM.replace("\"gelu\"", "\"gelu\", \"is_decoder\": true"),
                "is_decoder is set",
            ),
            (
                MINILM.replace("\"gelu\"", "\"gelu\", \"add_cross_attention\": true"),
                "add_cross_attention is set",
            ),
            (
                MINILM.replace("\"gelu\"", "\"gelu\", \"pruned_heads\": {\"1\": [0]}"),
                "pruned_heads is set",
            ),
            (
                MINILM.replace(
                    "\"gelu\"",
                    "\"gelu\", \"auto_map\": {\"AutoModel\": \"x.Y\"}",
                ),
                "auto_map is set",
            ),
            (
                MINILM.replace(
                    "\"gelu\"",
                    "\"gelu\", \"quantization_config\": {\"bits\": 8}",
                ),
                "quantization_config is set",
            ),
            (MINILM.replace(": 6,", ": 6.5,"), "expected usize"),
            (MINILM.replace(": 6,", ": -6,"), "expected usize"),
            (
                MINILM.replace("\"vocab_size\": 30522,", ""),
                "missing field `vocab_size`",
            ),
            ("[".repeat(1 << 16), "at line 1"),
        ] {
            let said = Backbone::from_config(&config).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
    }
}
