//! Texts into tokens, as a model's own folder says.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{
    AddedToken, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

use crate::DataError;

/// The largest file of a tokeniser that is read.
const MAX_FILE: u64 = 256 << 20;

/// The tokens of a text or of a pair of texts, with those that mark where they
/// begin and end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Their numbers in the vocabulary.
    pub ids: Vec<u32>,
    /// Which text of the pair each belongs to, as the model counts: BERT's
    /// second text is 1, RoBERTa knows but 0.
    pub types: Vec<u32>,
}

/// What makes texts into tokens.
#[derive(Debug)]
pub struct Tokeniser {
    path: PathBuf,
    tokenizer: Tokenizer,
    padding: u32,
}

impl Tokeniser {
    /// The tokeniser of a model's folder, which gives a text or a pair at most
    /// `length` tokens; of a pair, the longer text loses tokens first.
    ///
    /// The folder holds `tokenizer.json`; or `vocab.json` and `merges.txt`, which
    /// is RoBERTa's byte-level BPE with `<s> A </s></s> B </s>`; or `vocab.txt`,
    /// which is BERT's WordPiece with `[CLS] A [SEP] B [SEP]`, in lower case
    /// unless `tokenizer_config.json` says `"do_lower_case": false`.
    ///
    /// # Errors
    /// Where none of these is there or a file is not what it should be, and
    /// where `length` leaves no room for a text.
    pub fn open(folder: &Path, length: usize) -> Result<Self, DataError> {
        let whole = folder.join("tokenizer.json");
        let (vocabulary, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let words = folder.join("vocab.txt");
        let (path, made) = if whole.is_file() {
            let made = sized(&whole).and_then(|()| complete(&whole));
            (whole, made)
        } else if vocabulary.is_file() && merges.is_file() {
            let made = sized(&vocabulary)
                .and_then(|()| sized(&merges))
                .and_then(|()| roberta(&vocabulary, &merges));
            (vocabulary, made)
        } else if words.is_file() {
            let made = sized(&words).and_then(|()| bert(&words, folder));
            (words, made)
        } else {
            let hint = "a tokeniser needs tokenizer.json, vocab.json with merges.txt, or vocab.txt";
            return Err(DataError::MissingFile {
                path: whole,
                hint: hint.to_owned(),
            });
        };
        made.and_then(|tokenizer| Self::limited(&path, tokenizer, length))
            .map_err(|reason| DataError::Tokeniser { path, reason })
    }

    fn limited(path: &Path, mut tokenizer: Tokenizer, length: usize) -> Result<Self, String> {
        let padding = ["<pad>", "[PAD]"].iter();
        let padding = padding
            .filter_map(|token| tokenizer.token_to_id(token))
            .next();
        let padding = padding.ok_or("there is no token <pad> or [PAD]")?;
        let marks = tokenizer.get_post_processor();
        let marks = marks.map_or(0, |p| tokenizers::PostProcessor::added_tokens(p, true));
        if length <= marks + 1 {
            return Err(format!(
                "{length} tokens leave no room for a pair of texts beside {marks} that mark \
                 their ends"
            ));
        }
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        // Batches are padded to their own longest text.
        text(
            tokenizer
                .with_padding(None)
                .with_truncation(Some(truncation))
                .map(drop),
        )?;
        Ok(Self {
            path: path.into(),
            tokenizer,
            padding,
        })
    }

    /// The tokens of a text, or of a pair.
    ///
    /// # Errors
    /// Where the tokeniser cannot represent them.
    pub fn encode(&self, first: &str, second: Option<&str>) -> Result<Tokens, DataError> {
        let encoding = guarded(|| match second {
            Some(second) => self.tokenizer.encode_fast((first, second), true),
            None => self.tokenizer.encode_fast(first, true),
        });
        let encoding = encoding.map_err(|reason| DataError::Tokeniser {
            path: self.path.clone(),
            reason,
        })?;
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        })
    }

    /// The id of the token that fills up shorter texts.
    #[must_use]
    pub fn padding(&self) -> u32 {
        self.padding
    }

    /// Every token's id is below this.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        let largest = self.tokenizer.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }
}

/// That of a `tokenizer.json`.
fn complete(path: &Path) -> Result<Tokenizer, String> {
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice::<Value>(&bytes).map_err(|e| format!("no JSON: {e}"))?;
    guarded(|| Tokenizer::from_bytes(&bytes))
}

/// What `work` gives. The library panics on some descriptions that make no
/// sense, and nobody's file ends a run.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.map_or_else(|_| Err("the tokenizer makes no sense".to_owned()), text)
}

/// RoBERTa's, as `transformers` sets it up.
fn roberta(vocabulary: &Path, merges: &Path) -> Result<Tokenizer, String> {
    let [vocabulary, merges] = [vocabulary, merges].map(|path| path.to_string_lossy());
    let model = text(BPE::from_file(&vocabulary, &merges).build())?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |token: &str| AddedToken::from(token, true);
    let tokens = ["<s>", "<pad>", "</s>", "<unk>"].map(special);
    let mask = special("<mask>").lstrip(true);
    for token in tokens.iter().chain([&mask]) {
        known(&tokenizer, &token.content)?;
    }
    text(tokenizer.add_special_tokens(tokens.into_iter().chain([mask])))?;
    let mark = |token: &str| Ok::<_, String>((token.to_owned(), known(&tokenizer, token)?));
    let processing = RobertaProcessing::new(mark("</s>")?, mark("<s>")?);
    let bytes = ByteLevel::default().add_prefix_space(false);
    tokenizer
        .with_pre_tokenizer(Some(bytes))
        .with_post_processor(Some(processing.add_prefix_space(false)));
    Ok(tokenizer)
}

/// BERT's.
fn bert(words: &Path, folder: &Path) -> Result<Tokenizer, String> {
    let model = WordPiece::from_file(&words.to_string_lossy());
    let model = text(model.unk_token("[UNK]".to_owned()).build())?;
    let mut tokenizer = Tokenizer::new(model);
    let tokens = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
    for token in tokens {
        known(&tokenizer, token)?;
    }
    text(tokenizer.add_special_tokens(tokens.map(|token| AddedToken::from(token, true))))?;
    let mark = |token: &str| Ok::<_, String>((token.to_owned(), known(&tokenizer, token)?));
    let processing = BertProcessing::new(mark("[SEP]")?, mark("[CLS]")?);
    let lowercase = lowercase(&folder.join("tokenizer_config.json"))?;
    let normalizer = BertNormalizer::new(true, true, None, lowercase);
    text(tokenizer.with_normalizer(Some(normalizer)))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(processing));
    Ok(tokenizer)
}

fn known(tokenizer: &Tokenizer, token: &str) -> Result<u32, String> {
    let id = tokenizer.token_to_id(token);
    id.ok_or_else(|| format!("there is no token {token}"))
}

fn lowercase(config: &Path) -> Result<bool, String> {
    if !config.is_file() {
        return Ok(true);
    }
    sized(config)?;
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", config.display());
    let bytes = fs::read(config).map_err(|e| wrong(&e))?;
    let config: Value = serde_json::from_slice(&bytes).map_err(|e| wrong(&e))?;
    Ok(config.get("do_lower_case") != Some(&Value::Bool(false)))
}

fn sized(path: &Path) -> Result<(), String> {
    let length = fs::metadata(path).map_err(|e| e.to_string())?.len();
    match length > MAX_FILE {
        true => Err(format!("larger than {} MiB", MAX_FILE >> 20)),
        false => Ok(()),
    }
}

fn text<T>(result: tokenizers::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
