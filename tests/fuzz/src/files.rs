//! Targets whose parsers read files.

use std::fs;
use std::path::Path;

use knas_data::{DataSpec, ImageSource, Limits, PIXELS, TextSource, Tokeniser};
use knas_net::weights::WeightFile;
use tempfile::TempDir;

/// A folder in memory, where there is such a place.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary folder can be made")
}

/// Opens a data set and reads all of it, if it can be.
fn read(spec: &DataSpec) {
    let Ok(source) = ImageSource::open(spec, Path::new("/nonexistent")) else {
        return;
    };
    let count = source.train_len().min(4);
    if let Ok(sample) = source.sample(count, 1, true) {
        assert_eq!(sample.batch.target.len(), count);
        assert_eq!(sample.batch.input.len(), count * PIXELS);
        let classes = source.classes() as i64;
        assert!(sample.batch.target.iter().all(|&label| label < classes));
        assert!(sample.batch.input.iter().all(|value| value.is_finite()));
    }
    let limit = Some(4);
    let limits = Limits {
        train: limit,
        valid: limit,
        test: limit,
        ..Limits::default()
    };
    let _ = source.training(limits);
}

/// One file of CIFAR-10 in its official format, beside others that are right.
///
/// # Panics
/// Where what was read breaks a promise.
pub fn cifar(bytes: &[u8]) {
    let folder = scratch();
    let mut images = Vec::new();
    for label in 0..2 {
        images.push(label);
        images.extend([label; PIXELS]);
    }
    for name in [
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
    ] {
        fs::write(folder.path().join(format!("{name}.bin")), &images).unwrap();
    }
    for name in ["data_batch_1", "test_batch"] {
        fs::write(folder.path().join(format!("{name}.bin")), bytes).unwrap();
    }
    read(&DataSpec::Cifar10(Some(folder.path().into())));
}

/// An image in a folder of images, under both kinds of names.
///
/// # Panics
/// Where what was read breaks a promise.
pub fn folder(bytes: &[u8]) {
    let folder = scratch();
    for (class, name) in [("a", "1.png"), ("b", "2.jpg")] {
        let class = folder.path().join(class);
        fs::create_dir(&class).unwrap();
        fs::write(class.join(name), bytes).unwrap();
    }
    read(&DataSpec::Folder(folder.path().into()));
}

/// A file of weights: a tensor has the shape that was asked for, or is refused.
///
/// # Panics
/// Where what was read breaks a promise.
pub fn safetensors(bytes: &[u8]) {
    let Ok(file) = WeightFile::from_bytes(Path::new("weights"), bytes) else {
        return;
    };
    for shape in [&[2, 2][..], &[4], &[]] {
        for name in ["w", "stem.0.weight"] {
            if let Ok(Some(tensor)) = file.optional(name, shape) {
                assert_eq!(tensor.size(), shape);
            }
        }
    }
}

/// A file of texts: GLUE's two tables, and JSON lines.
///
/// # Panics
/// Where what was read breaks a promise.
pub fn texts(bytes: &[u8]) {
    let folder = scratch();
    let path = folder.path().to_path_buf();
    for name in ["train.tsv", "dev.tsv", "msr_paraphrase_test.txt"] {
        fs::write(path.join(name), bytes).unwrap();
    }
    let lines = path.join("train.tsv");
    for spec in [
        DataSpec::Rte(path.clone()),
        DataSpec::Mrpc(path),
        DataSpec::Jsonl(lines),
    ] {
        if let Ok(source) = TextSource::open(&spec) {
            assert!(source.train_len() > 0 && source.classes() > 1);
        }
    }
}

/// Each of the files that say how texts are made into tokens, beside a
/// vocabulary and merges that are right.
///
/// # Panics
/// Where what was read breaks a promise.
pub fn tokeniser(bytes: &[u8]) {
    const VOCABULARY: &str =
        r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"<mask>":4,"a":5,"b":6,"ab":7}"#;
    const LENGTH: usize = 8;
    for name in [
        "tokenizer.json",
        "vocab.json",
        "merges.txt",
        "vocab.txt",
        "tokenizer_config.json",
    ] {
        let folder = scratch();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        if !matches!(name, "tokenizer.json" | "vocab.txt") {
            write("vocab.json", VOCABULARY.as_bytes());
            write("merges.txt", b"#version: 0.2\na b\n");
        }
        write(name, bytes);
        let Ok(tokeniser) = Tokeniser::open(folder.path(), LENGTH) else {
            continue;
        };
        for pair in [None, Some("b a \u{e9}\u{1f600}")] {
            if let Ok(tokens) = tokeniser.encode("ab ab  abba ", pair) {
                assert!(tokens.ids.len() <= LENGTH && tokens.ids.len() == tokens.types.len());
            }
        }
    }
}
