//! Texts into tokens, as a model's own folder says.

mod settings;

use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use knas_files::{model, text};
use serde_json::{Map, Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, Tokenizer, TruncationParams, TruncationStrategy};

use crate::DataError;
use settings::Settings;

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
    /// which is BERT's WordPiece with `[CLS] A [SEP] B [SEP]`, in lower case. What
    /// `tokenizer_config.json` says beside them stands, as in `transformers`, or is
    /// refused.
    ///
    /// # Errors
    /// Where none of these is there or a file is not what it should be, and
    /// where `length` leaves no room for a text.
    pub fn open(folder: &Path, length: usize) -> Result<Self, DataError> {
        let whole = folder.join("tokenizer.json");
        let (vocabulary, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let words = folder.join("vocab.txt");
        let made = |path: &Path, make: fn(&Path, &Path, &Settings) -> Result<Tokenizer, String>| {
            let wrong = |path: PathBuf| move |reason| DataError::Tokeniser { path, reason };
            let config = folder.join("tokenizer_config.json");
            let settings = match config.is_file() {
                true => Settings::read(&read(&config).map_err(wrong(config.clone()))?),
                false => Ok(Settings::default()),
            };
            let settings = settings.map_err(wrong(config))?;
            make(path, folder, &settings)
                .and_then(|tokenizer| Self::limited(path, tokenizer, length, &settings))
                .map_err(wrong(path.to_owned()))
        };
        if whole.is_file() {
            made(&whole, complete)
        } else if vocabulary.is_file() && merges.is_file() {
            made(&vocabulary, roberta)
        } else if words.is_file() {
            made(&words, bert)
        } else {
            let usual =
                "a tokeniser needs tokenizer.json, vocab.json with merges.txt, or vocab.txt";
            let hint = match model::config(folder) {
                Err(cache) if cache.has_snapshots() => cache.to_string(),
                _ => usual.to_owned(),
            };
            Err(DataError::MissingFile { path: whole, hint })
        }
    }

    fn limited(
        path: &Path,
        mut tokenizer: Tokenizer,
        length: usize,
        settings: &Settings,
    ) -> Result<Self, String> {
        let usual = ["<pad>", "[PAD]"].map(str::to_owned);
        let mut names = settings.padding.iter().chain(&usual);
        let padding = names.find_map(|token| tokenizer.token_to_id(token));
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
            direction: settings.truncated,
            max_length: length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        // Batches are padded to their own longest text.
        said(
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
fn complete(path: &Path, _: &Path, settings: &Settings) -> Result<Tokenizer, String> {
    let mut whole = json_of(path)?;
    settings.apply(&mut whole)?;
    guarded(|| Tokenizer::from_bytes(whole.to_string()))
}

/// What `work` gives. The library panics on some descriptions that make no
/// sense, and nobody's file ends a run.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.map_or_else(|_| Err("the tokenizer makes no sense".to_owned()), said)
}

/// RoBERTa's, as `transformers` sets it up.
fn roberta(vocabulary: &Path, folder: &Path, settings: &Settings) -> Result<Tokenizer, String> {
    let merges = merges(&folder.join("merges.txt"))?;
    let model = json!({"type": "BPE", "vocab": json_of(vocabulary)?, "merges": merges});
    let model: BPE = serde_json::from_str(&model.to_string()).map_err(|e| e.to_string())?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |token: &str| AddedToken::from(token, true);
    let tokens = ["<s>", "<pad>", "</s>", "<unk>"].map(special);
    let mask = special("<mask>").lstrip(true);
    for token in tokens.iter().chain([&mask]) {
        known(&tokenizer, &token.content)?;
    }
    no_other_tokens(folder, &tokenizer)?;
    settings.marks(&[
        ("cls", "<s>"),
        ("sep", "</s>"),
        ("unk", "<unk>"),
        ("pad", "<pad>"),
    ])?;
    said(tokenizer.add_special_tokens(tokens.into_iter().chain([mask])))?;
    let mark = |token: &str| Ok::<_, String>((token.to_owned(), known(&tokenizer, token)?));
    let processing = RobertaProcessing::new(mark("</s>")?, mark("<s>")?);
    let space = settings.prefix_space.unwrap_or(false);
    tokenizer
        .with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(space)))
        .with_post_processor(Some(processing.add_prefix_space(space)));
    Ok(tokenizer)
}

/// The pairs of `merges.txt`, in their order.
fn merges(path: &Path) -> Result<Vec<[String; 2]>, String> {
    let wrong = |reason: String| format!("{}: {reason}", path.display());
    let bytes = read(path).map_err(wrong)?;
    let lines = text::lines(&bytes).map_err(|foreign| wrong(foreign.to_string()))?;
    let mut merges = Vec::new();
    for (number, line) in lines {
        let line = line.map_err(|e| wrong(format!("line {number}: {e}")))?;
        if line.starts_with("#version") {
            continue;
        }
        match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => {
                merges.push([left.to_owned(), right.to_owned()]);
            }
            _ => return Err(wrong(format!("line {number} is not two tokens"))),
        }
    }
    Ok(merges)
}

/// BERT's.
fn bert(words: &Path, folder: &Path, settings: &Settings) -> Result<Tokenizer, String> {
    let bytes = read(words)?;
    // Lines are numbered, so that an empty one between others counts.
    let vocabulary = WordPiece::read_bytes(text::whole(&bytes)?.trim_end().as_bytes());
    let model = WordPiece::builder().vocab(said(vocabulary)?);
    let model = said(model.unk_token("[UNK]".to_owned()).build())?;
    let mut tokenizer = Tokenizer::new(model);
    let tokens = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
    for token in tokens {
        known(&tokenizer, token)?;
    }
    no_other_tokens(folder, &tokenizer)?;
    settings.marks(&[
        ("cls", "[CLS]"),
        ("sep", "[SEP]"),
        ("unk", "[UNK]"),
        ("pad", "[PAD]"),
    ])?;
    said(tokenizer.add_special_tokens(tokens.map(|token| AddedToken::from(token, true))))?;
    let mark = |token: &str| Ok::<_, String>((token.to_owned(), known(&tokenizer, token)?));
    let processing = BertProcessing::new(mark("[SEP]")?, mark("[CLS]")?);
    let normalizer = BertNormalizer::new(
        true,
        settings.chinese.unwrap_or(true),
        settings.accents.unwrap_or(None),
        settings.lowercase.unwrap_or(true),
    );
    said(tokenizer.with_normalizer(Some(normalizer)))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(processing));
    Ok(tokenizer)
}

/// `added_tokens.json` is for tokens beside the vocabulary, which no network here
/// has room for.
fn no_other_tokens(folder: &Path, tokenizer: &Tokenizer) -> Result<(), String> {
    let path = folder.join("added_tokens.json");
    if !path.is_file() {
        return Ok(());
    }
    let added: Map<String, Value> =
        serde_json::from_value(json_of(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    let other = |token: &&String| tokenizer.token_to_id(token).is_none();
    match added.keys().find(other) {
        Some(token) => Err(format!(
            "{} adds the token {token:?}; make a tokenizer.json of both (save_pretrained of \
             transformers does)",
            path.display()
        )),
        None => Ok(()),
    }
}

fn known(tokenizer: &Tokenizer, token: &str) -> Result<u32, String> {
    let id = tokenizer.token_to_id(token);
    id.ok_or_else(|| format!("there is no token {token}"))
}

fn json_of(path: &Path) -> Result<Value, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = read(path).map_err(|e| wrong(&e))?;
    let text = text::whole(&bytes).map_err(|e| wrong(&e))?;
    serde_json::from_str(text).map_err(|e| wrong(&format!("no JSON: {e}")))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| e.to_string())?;
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    match read.map_err(|e| e.to_string())? as u64 > MAX_FILE {
        true => Err(format!("larger than {} MiB", MAX_FILE >> 20)),
        false => Ok(bytes),
    }
}

fn said<T>(result: tokenizers::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
