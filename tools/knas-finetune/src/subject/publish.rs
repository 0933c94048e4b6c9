//! A model's folder as Hugging Face lays it out, for other software.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use knas_files::{NewFile, write};
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
    write::whole(
        &folder.join("config.json"),
        format!("{config:#}\n").as_bytes(),
    )?;
    for name in TOKENIZER {
        let from = tokenizer.join(name);
        if from.is_file() {
            copy(&from, &folder.join(name))?;
        }
    }
    link(weights, &folder.join("model.safetensors"))
}

/// Gives a file a second name, or makes a copy where that is not possible.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    let mut new = name.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let _ = fs::remove_file(&new); // of a run that was killed
    if fs::hard_link(file, &new).is_err() {
        return copy(file, name);
    }
    fs::rename(&new, name)?;
    // Where both are names of one file, renaming leaves them as they are.
    let _ = fs::remove_file(&new);
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut new = NewFile::create(to)?;
    io::copy(&mut File::open(from)?, &mut new)?;
    new.finish()
}
