//! What `tokenizer_config.json` says about how texts become tokens.
//!
//! `transformers` lets it overrule what the other files say, and so it does here.
//! What cannot be obeyed is refused.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::TruncationDirection;

/// What it says; nothing where it is silent.
#[derive(Debug)]
pub(super) struct Settings {
    /// Whether letters become small, `do_lower_case`.
    pub lowercase: Option<bool>,
    /// Whether accents go, `strip_accents`; null leaves that to the case.
    pub accents: Option<Option<bool>>,
    /// Whether every Chinese character is a word, `tokenize_chinese_chars`.
    pub chinese: Option<bool>,
    /// Whether a text begins with a space, `add_prefix_space`.
    pub prefix_space: Option<bool>,
    /// The end at which a text is cut, `truncation_side`.
    pub truncated: TruncationDirection,
    /// The token that fills up, `pad_token`.
    pub padding: Option<String>,
    /// `cls_token`, `sep_token`, `unk_token` and `pad_token`, by the first half of
    /// the name.
    tokens: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lowercase: None,
            accents: None,
            chinese: None,
            prefix_space: None,
            truncated: TruncationDirection::Right,
            padding: None,
            tokens: Map::new(),
        }
    }
}

/// The file, as far as it matters.
#[derive(Deserialize)]
struct Config {
    do_lower_case: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    add_prefix_space: Option<bool>,
    do_basic_tokenize: Option<bool>,
    truncation_side: Option<String>,
    padding_side: Option<String>,
}

impl Settings {
    /// Those of a file's bytes.
    ///
    /// # Errors
    /// When it is no such file, or asks for what cannot be done.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = knas_files::text::whole(bytes)?;
        let config: Config = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let all: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let accents = match all.get("strip_accents") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(Value::Bool(strip)) => Some(Some(*strip)),
            Some(other) => {
                return Err(format!("strip_accents is {other}, not true, false or null"));
            }
        };
        let truncated = match config.truncation_side.as_deref() {
            None | Some("right") => TruncationDirection::Right,
            Some("left") => TruncationDirection::Left,
            Some(other) => return Err(format!("truncation_side is {other:?}, not left or right")),
        };
        if let Some(side) = config.padding_side.filter(|side| side != "right") {
            return Err(format!(
                "padding_side is {side:?}; only \"right\" is known, since positions count from \
                 a text's first token"
            ));
        }
        if config.do_basic_tokenize == Some(false) {
            return Err("do_basic_tokenize is false; only true is known".to_owned());
        }
        // A token is a string, or an object with its content.
        let content = |value: &Value| match value {
            Value::Object(token) => token.get("content").cloned(),
            Value::String(_) => Some(value.clone()),
            _ => None,
        };
        let named = all.iter().filter_map(|(name, value)| {
            let name = name.strip_suffix("_token")?;
            Some((name.to_owned(), content(value)?))
        });
        let tokens: Map<String, Value> = named.collect();
        let padding = tokens.get("pad").and_then(Value::as_str);
        Ok(Self {
            lowercase: config.do_lower_case,
            accents,
            chinese: config.tokenize_chinese_chars,
            prefix_space: config.add_prefix_space,
            truncated,
            padding: padding.map(str::to_owned),
            tokens,
        })
    }

    /// Changes what a `tokenizer.json` says.
    ///
    /// # Errors
    /// When it has nothing that could be changed so.
    pub fn apply(&self, whole: &mut Value) -> Result<(), String> {
        let accents = self
            .accents
            .map(|strip| strip.map_or(Value::Null, Value::Bool));
        let cases = [
            (
                "do_lower_case",
                "lowercase",
                self.lowercase.map(Value::Bool),
            ),
            ("strip_accents", "strip_accents", accents),
            (
                "tokenize_chinese_chars",
                "handle_chinese_chars",
                self.chinese.map(Value::Bool),
            ),
        ];
        let is_words = whole["model"]["type"] == "WordPiece";
        let is_berts = whole["normalizer"]["type"] == "BertNormalizer";
        for (name, field, value) in cases {
            match value {
                Some(value) if is_berts => whole["normalizer"][field] = value,
                // For byte-level tokens, transformers does not heed them either.
                Some(_) if is_words => {
                    return Err(format!(
                        "tokenizer_config.json sets {name}, and the normalizer of tokenizer.json \
                         is not BertNormalizer, which has such a setting: make one agree with the \
                         other"
                    ));
                }
                _ => {}
            }
        }
        if let Some(space) = self.prefix_space {
            for part in ["pre_tokenizer", "post_processor"] {
                let found = whole.get_mut(part);
                if let Some(found) = found.and_then(|part| part.get_mut("add_prefix_space")) {
                    *found = space.into();
                }
            }
        }
        Ok(())
    }

    /// Whether the tokens that mark a text have these names.
    ///
    /// # Errors
    /// Which one has not.
    pub fn marks(&self, expected: &[(&str, &str)]) -> Result<(), String> {
        for (name, token) in expected {
            match self.tokens.get(*name) {
                Some(found) if found != token => {
                    return Err(format!(
                        "tokenizer_config.json sets {name}_token to {found}; only \"{token}\" is \
                         known without a tokenizer.json"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
