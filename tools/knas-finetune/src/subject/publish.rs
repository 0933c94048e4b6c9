//! A model's folder as Hugging Face lays it out, for other software.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The files that a tokeniser may have.
const TOKENIZER: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
];

/// Makes the folder `DIR/ID` beside the weights `DIR/ID.safetensors`: with
/// `config.json`, the files of the tokeniser, and the weights as
/// `model.safetensors`, which is the same file by another name where the file
/// system has such, and otherwise a copy. What is there is written anew.
///
/// # Errors
/// When a file cannot be read or written.
pub fn folder(weights: &Path, config: &Value, tokenizer: &Path) -> io::Result<()> {
    let folder = weights.with_extension("");
    fs::create_dir_all(&folder)?;
    let text = format!("{config:#}\n");
    replace(&folder.join("config.json"), |new| fs::write(new, &text))?;
    for name in TOKENIZER {
        let from = tokenizer.join(name);
        if from.is_file() {
            replace(&folder.join(name), |new| fs::copy(&from, new).map(drop))?;
        }
    }
    replace(&folder.join("model.safetensors"), |new| {
        fs::hard_link(weights, new).or_else(|_| fs::copy(weights, new).map(drop))
    })
}

/// Makes a file under another name first, so that no reader sees a part of it.
fn replace(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let _ = fs::remove_file(&new); // of a run that was killed
    make(&new)?;
    fs::rename(&new, path)?;
    // Where both are names of one file, renaming leaves them as they are.
    let _ = fs::remove_file(&new);
    Ok(())
}
