//! Batches of texts: each text once, little padding, and parts.
#![allow(clippy::unwrap_used)]

use std::fs;

use knas_data::{DataSpec, Extent, Limits, TextBatch, TextSource, Texts, Tokeniser};

/// 400 texts of 3 to 18 tokens, of which four in five are to train with.
fn texts() -> Texts {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = |i: usize| {
        let words = "a ".repeat(i * 7 % 16 + 1);
        format!("{{\"text\": \"{words}\", \"label\": {}}}\n", i % 2)
    };
    fs::write(&path, (0..400).map(line).collect::<String>()).unwrap();
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na";
    fs::write(folder.path().join("vocab.txt"), words).unwrap();
    let tokeniser = Tokeniser::open(folder.path(), 32).unwrap();
    let source = TextSource::open(&DataSpec::Jsonl(path)).unwrap();
    let parts = source.training(&tokeniser, Limits::default()).unwrap();
    parts.train
}

/// The texts of a batch as tokens without padding, and their labels.
fn rows(batch: &TextBatch) -> Vec<(Vec<i64>, i64)> {
    let texts = batch.input.chunks(3 * batch.length);
    let ids = texts.map(|text| {
        let (ids, rest) = text.split_at(batch.length);
        let (types, mask) = rest.split_at(batch.length);
        assert!(types.iter().all(|&kind| kind == 0));
        let real = mask.iter().filter(|&&real| real == 1).count();
        assert!(ids[real..].iter().all(|&id| id == 0));
        ids[..real].to_vec()
    });
    ids.zip(batch.target.iter().copied()).collect()
}

fn all<'b>(batches: impl IntoIterator<Item = &'b TextBatch>) -> Vec<(Vec<i64>, i64)> {
    let mut all: Vec<_> = batches.into_iter().flat_map(rows).collect();
    all.sort();
    all
}

#[test]
fn batches_hold_every_text_once_and_hardly_pad() {
    let texts = texts();
    let whole: Vec<_> = texts.batches(1).collect();
    assert_eq!((texts.len(), all(&whole).len()), (320, 320));
    assert!(whole.is_sorted_by_key(|batch| batch.length));
    let tokens: usize = whole.iter().map(|batch| batch.length).sum();
    let places = |batches: &[TextBatch]| -> usize {
        batches.iter().map(|batch| batch.length * batch.len()).sum()
    };
    for epoch in 0..3 {
        let batches: Vec<_> = texts.epoch(6, 1, epoch).collect();
        assert_eq!(batches.len(), 54);
        assert_eq!(all(&batches), all(&whole));
        // In the drawn order alone, a batch of six would be a half too long.
        let padded = places(&batches) as f64 / tokens as f64;
        assert!(padded < 1.05, "{padded}");
        // Neither short texts nor long ones come first.
        let lengths: Vec<usize> = batches.iter().map(|batch| batch.length).collect();
        let mean = |part: &[usize]| part.iter().sum::<usize>() as f64 / part.len() as f64;
        let (first, last) = (mean(&lengths[..27]), mean(&lengths[27..]));
        assert!((first - last).abs() < 3.0, "{first} {last}");
        let again: Vec<_> = texts.epoch(6, 1, epoch).collect();
        assert_eq!(batches, again);
        let other: Vec<_> = texts.epoch(6, 2, epoch).collect();
        assert_ne!(batches, other);
    }
}

#[test]
fn parts_of_a_batch_are_its_texts_in_order_without_needless_padding() {
    let texts = texts();
    let batch = texts.epoch(7, 0, 0).next().unwrap();
    for (count, sizes) in [
        (1, vec![7]),
        (2, vec![4, 3]),
        (3, vec![3, 3, 1]),
        (7, vec![1; 7]),
        (100, vec![1; 7]),
    ] {
        let parts: Vec<_> = batch.parts(count).collect();
        assert_eq!(parts.iter().map(TextBatch::len).collect::<Vec<_>>(), sizes);
        let together: Vec<_> = parts.iter().flat_map(rows).collect();
        assert_eq!(together, rows(&batch));
        for part in &parts {
            let longest = rows(part).iter().map(|(ids, _)| ids.len()).max();
            assert_eq!(longest, Some(part.length));
        }
    }
    let extent = Extent {
        vocabulary: 6,
        types: 1,
        length: 18,
    };
    assert_eq!(texts.extent(), extent);
}
