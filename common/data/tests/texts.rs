//! Files of texts: what is read from them, and what is refused.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use knas_data::{DataError, DataSpec, ImageSource, Limits, TextSource, Tokeniser};
use tch::{Device, Kind};

fn open(spec: &str) -> Result<TextSource, DataError> {
    TextSource::open(&spec.parse()?)
}

fn named(name: &str, path: &Path) -> Result<TextSource, DataError> {
    open(&format!("{name}:{}", path.display()))
}

/// A tokeniser whose tokens are the words a to e.
fn letters(folder: &Path) -> Tokeniser {
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\n\"";
    fs::write(folder.join("vocab.txt"), words).unwrap();
    Tokeniser::open(folder, 8).unwrap()
}

const MRPC: &str = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";
const RTE: &str = "index\tsentence1\tsentence2\tlabel\n";

#[test]
fn tables_are_read_with_their_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    file(
        "train.tsv",
        format!("{MRPC}1\t1\t2\t\" a b\tc\n0\t3\t4\td\t\"\"\n"),
    );
    file("dev.tsv", format!("{MRPC}1\t1\t2\ta\tb"));
    let tokeniser = letters(folder.path());
    let source = named("mrpc", folder.path()).unwrap();
    assert_eq!(
        (source.name(), source.classes(), source.train_len()),
        ("mrpc", 2, 2)
    );
    let sample = source.sample(2, 0, &tokeniser).unwrap();
    let quoted = sample.indices.iter().position(|&index| index == 0).unwrap();
    assert_eq!(sample.batch.target[quoted], 1);
    assert_eq!(sample.batch.target[1 - quoted], 0);
    let (input, _) = sample.batch.tensors(Device::Cpu);
    assert_eq!(input.size(), [2, 3, 7]);
    let rows = |text: usize| Vec::<Vec<i64>>::try_from(input.get(text as i64)).unwrap();
    assert_eq!(
        rows(quoted),
        [[2, 10, 5, 6, 3, 7, 3], [0, 0, 0, 0, 0, 1, 1], [1; 7]]
    );
    assert_eq!(
        rows(1 - quoted),
        [
            [2, 8, 3, 10, 10, 3, 0],
            [0, 0, 0, 1, 1, 1, 0],
            [1, 1, 1, 1, 1, 1, 0]
        ]
    );
    let parts = source.training(&tokeniser, Limits::default()).unwrap();
    assert_eq!((parts.train.len(), parts.valid.len()), (2, 1));
    assert!(parts.test.is_none());
    file("msr_paraphrase_test.txt", format!("{MRPC}0\t1\t2\ta\tb\n"));
    let parts = named("mrpc", folder.path()).unwrap();
    let parts = parts.training(&tokeniser, Limits::default()).unwrap();
    assert_eq!(parts.test.unwrap().labels(), [0]);
}

#[test]
fn json_lines_are_read_and_a_fifth_of_each_class_validates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let lines: String = (0..30)
        .map(|i| match i % 3 {
            0 => format!("{{\"text\": \"a b {i}\", \"label\": 0, \"more\": [1]}}\r\n"),
            1 => "{\"text\": \"a\", \"text_pair\": null, \"label\": 1}\n".to_owned(),
            _ => "{\"text\": \"a\", \"text_pair\": \"c d\", \"label\": 2}\n".to_owned(),
        })
        .collect();
    fs::write(&path, lines).unwrap();
    let tokeniser = letters(folder.path());
    let source = named("jsonl", &path).unwrap();
    assert_eq!((source.classes(), source.train_len()), (3, 30));
    assert_eq!(source.default_length(), 128);
    let parts = source.training(&tokeniser, Limits::default()).unwrap();
    assert_eq!((parts.train.len(), parts.valid.len()), (24, 6));
    assert_eq!(parts.valid.labels(), [0, 1, 2, 0, 1, 2]);
    let mut all = [parts.train.indices(), parts.valid.indices()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());

    // Every text comes once an epoch, in another order each time.
    let order = |epoch| {
        let batches: Vec<_> = parts.train.epoch(5, 1, epoch).collect();
        let mut sizes: Vec<usize> = batches.iter().map(|b| b.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [4, 5, 5, 5, 5]);
        let targets: Vec<i64> = batches.into_iter().flat_map(|b| b.target).collect();
        let count = |class| targets.iter().filter(|&&target| target == class).count();
        assert_eq!([count(0), count(1), count(2)], [8, 8, 8]);
        targets
    };
    assert_eq!(order(0), order(0));
    assert_ne!(order(0), order(1));
    let limits = Limits {
        train: Some(6),
        valid: Some(3),
        test: None,
        ..Limits::default()
    };
    let few = source.training(&tokeniser, limits).unwrap();
    assert_eq!(few.train.labels(), [0, 1, 2, 0, 1, 2]);
    assert_eq!(few.valid.indices(), parts.valid.indices()[..3].to_vec());
}

/// Names are numbered in their own order, not in that of the lines.
#[test]
fn labels_may_be_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let tokeniser = letters(folder.path());
    let read = |labels: [&str; 3]| {
        let lines: String = (0..30)
            .map(|i| format!("{{\"text\": \"a {i}\", \"label\": {}}}\n", labels[i % 3]))
            .collect();
        fs::write(&path, lines).unwrap();
        let source = named("jsonl", &path).unwrap();
        let parts = source.training(&tokeniser, Limits::default()).unwrap();
        let hash = parts.train.content_hash();
        (hash, source.classes(), source.class_names().to_vec())
    };
    let (hash, classes, names) = read(["\"ok\"", "\"Bad\"", "\"ö k\""]);
    assert_eq!(
        (classes, &names[..]),
        (3, &["Bad", "ok", "ö k"].map(str::to_owned)[..])
    );
    let numbers = read(["1", "0", "2"]);
    assert_eq!(numbers, (hash, 3, Vec::new()));
    for (labels, said) in [
        (
            ["\"a\"", "1", "\"b\""],
            "line 2: \"label\" is \"1\", and those before are names",
        ),
        (["0", "\"a\"", "1"], "those before are numbers"),
        (
            ["\"a\"", "\"a\"", "\"a\""],
            "every label of the file is \"a\"",
        ),
        (["\"a\"", "\" \"", "\"a\""], "line 2: \"label\" is empty"),
    ] {
        let lines: String = labels
            .iter()
            .map(|label| format!("{{\"text\": \"a\", \"label\": {label}}}\n"))
            .collect();
        fs::write(&path, lines).unwrap();
        let error = named("jsonl", &path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn marks_empty_lines_and_line_ends_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tokeniser = letters(folder.path());
    let rows = "0\ta b\tc\tentailment\n1\tb\ta c\tnot_entailment\n";
    let json = "{\"text\": \"a b\", \"label\": 0}\n{\"text\": \"c\", \"label\": 1}\n";
    let hash = |name: &str, text: &str, odd: bool| {
        let text = match odd {
            false => text.to_owned(),
            true => format!("\u{feff}\n{}\n \t\r\n", text.replace('\n', "\r\n\r\n")),
        };
        for file in ["train.tsv", "dev.tsv"] {
            fs::write(folder.path().join(file), &text).unwrap();
        }
        let path = match name {
            "jsonl" => folder.path().join("train.tsv"),
            _ => folder.path().to_path_buf(),
        };
        let source = named(name, &path).unwrap();
        source.sample(2, 0, &tokeniser).unwrap().hash
    };
    let rte = format!("{RTE}{rows}");
    assert_eq!(hash("rte", &rte, true), hash("rte", &rte, false));
    assert_eq!(hash("jsonl", json, true), hash("jsonl", json, false));
}

#[test]
fn samples_are_nested_and_their_hash_is_of_the_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = |i: usize| {
        format!(
            "{{\"text\": \"{}\", \"label\": {}}}\n",
            ["a", "b c"][i % 2],
            i % 2
        )
    };
    fs::write(&path, (0..20).map(line).collect::<String>()).unwrap();
    let tokeniser = letters(folder.path());
    let source = named("jsonl", &path).unwrap();
    let few = source.sample(4, 3, &tokeniser).unwrap();
    assert_eq!(
        few.indices,
        source.sample(20, 3, &tokeniser).unwrap().indices[..4]
    );
    assert_ne!(
        few.indices,
        source.sample(4, 4, &tokeniser).unwrap().indices
    );
    // With `choose` as above the tests of knas_stats::random:
    // ids = [[2, 5, 3], [2, 6, 7, 3]]
    // h = hashlib.sha256(b'knas-texts-1' + struct.pack('<Q', 4))
    // for i in choose(words(3, 'sample'), 20, 4):
    //     t = ids[i % 2]
    //     h.update(struct.pack('<QIQ', i, i % 2, len(t)) + struct.pack(f'<{2 * len(t)}I', *t, *[0] * len(t)))
    // print(h.hexdigest())
    assert_eq!(
        few.hash,
        "a276f365d15f0abe7e2f21bab6f5af6949304a07cec50efd3023507a7bdcfe8c"
    );
    for wanted in [0, 21] {
        let said = source
            .sample(wanted, 0, &tokeniser)
            .unwrap_err()
            .to_string();
        assert!(said.ends_with("from jsonl: ask for 1 to 20"), "{said}");
    }
}

#[test]
fn what_is_no_example_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.tsv");
    let said = |name: &str, bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let spec = if name == "jsonl" {
            &path
        } else {
            folder.path()
        };
        named(name, spec).unwrap_err().to_string()
    };
    let rte = |rows: &[u8]| said("rte", &[RTE.as_bytes(), rows].concat());
    for (message, expected) in [
        (said("rte", b""), "train.tsv has no examples"),
        (said("rte", RTE.as_bytes()), "train.tsv has no examples"),
        (
            said("rte", b"index\tsentence1\tlabel\n"),
            "train.tsv, line 1: no column \"sentence2\" among \"index, sentence1, label\"",
        ),
        (rte(b"0\ta\tb\n"), "train.tsv, line 2: 3 columns, not 4"),
        (
            rte(b"0\ta\tb\tentailment\n\n1\tc\n"),
            "line 4: 2 columns, not 4",
        ),
        (
            said("rte", b"\nsentence1\tlabel\tsentence2\tlabel\n"),
            "line 2: two columns are called \"label\"",
        ),
        (
            said("rte", b"\x1f\x8b\x08\0\0"),
            "train.tsv: it is compressed (gzip)",
        ),
        (said("mrpc", b"\xff\xfeQ\0u\0"), "train.tsv: it is UTF-16"),
        (said("jsonl", b"\xff\xfe{\0\n\0"), "train.tsv: it is UTF-16"),
        (
            said("jsonl", b"\n[\n{\"text\": \"a\", \"label\": 0}]\n"),
            "train.tsv: it is a JSON array",
        ),
        (
            said("jsonl", b"{\n\"text\": \"a\", \"label\": 0}\n"),
            "train.tsv: its JSON is spread over several lines",
        ),
        (
            rte(b"0\ta\tb\tyes\n"),
            "line 2: the label \"yes\" is not entailment or not_entailment",
        ),
        (
            rte(b"0\ta\tb\tentailment\n1\tab\xffc\tb\tentailment\n"),
            "line 3: byte 0xff after 4 bytes is not UTF-8",
        ),
        (
            said("mrpc", format!("{MRPC}2\t1\t2\ta\tb\n").as_bytes()),
            "line 2: the label \"2\" is not 0 or 1",
        ),
        (said("jsonl", b"\n\n"), "train.tsv has no examples"),
        (said("jsonl", b"[1]\n"), "line 1: \"[1]\" is no JSON object"),
        (
            said("jsonl", b"{\"text\": \"a\"}\n"),
            "line 1: there is no \"label\"",
        ),
        (
            said("jsonl", b"{\"label\": 1}\n"),
            "line 1: there is no \"text\"",
        ),
        (
            said("jsonl", b"{\"text\": 3, \"label\": 1}\n"),
            "line 1: \"text\" is \"3\", not a text",
        ),
        (
            said("jsonl", b"{\"text\": \"a\", \"label\": -1}\n"),
            "line 1: \"label\" is \"-1\", not a whole number from 0 to 999",
        ),
        (
            said("jsonl", b"{\"text\": \"a\", \"label\": 0}\n"),
            "line 1: every label of the file is 0",
        ),
        (
            said(
                "jsonl",
                b"{\"text\": \"a\", \"label\": 0}\n{\"text\": \"a\", \"label\": 7}\n",
            ),
            "line 2: the label is 7, but no example has the label 1",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let missing = said("rte", format!("{RTE}0\ta\tb\tentailment\n").as_bytes());
    assert!(
        missing.contains("dev.tsv: a folder of GLUE holds"),
        "{missing}"
    );
}

#[test]
fn images_and_texts_are_told_apart() {
    let said = open("noise").unwrap_err().to_string();
    assert_eq!(
        said,
        "noise is made of images, and this needs texts: give rte:DIR, mrpc:DIR or jsonl:FILE"
    );
    let spec: DataSpec = "rte:x".parse().unwrap();
    assert!(spec.is_text());
    let said = ImageSource::open(&spec, Path::new(""))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("rte is made of texts"), "{said}");
}

#[test]
fn real_glue_has_the_known_counts() {
    let (Some(rte), Some(mrpc)) = (
        knas_tests::shared("glue/RTE"),
        knas_tests::shared("glue/MRPC"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tokeniser = letters(folder.path());
    let ones = |labels: &[u32]| labels.iter().filter(|&&label| label == 1).count();
    // cut -f4 RTE/train.tsv | sort | uniq -c, and cut -f1 MRPC/train.tsv | sort | uniq -c
    let source = named("rte", &rte).unwrap();
    assert_eq!(source.default_length(), 256);
    let parts = source.training(&tokeniser, Limits::default()).unwrap();
    assert_eq!(
        (parts.train.len(), ones(parts.train.labels())),
        (2_490, 1_241)
    );
    assert_eq!((parts.valid.len(), ones(parts.valid.labels())), (277, 131));
    assert!(parts.test.is_none());
    let source = named("mrpc", &mrpc).unwrap();
    let parts = source.training(&tokeniser, Limits::default()).unwrap();
    assert_eq!(
        (parts.train.len(), ones(parts.train.labels())),
        (3_668, 2_474)
    );
    assert_eq!((parts.valid.len(), ones(parts.valid.labels())), (408, 279));
    let test = parts.test.unwrap();
    assert_eq!((test.len(), ones(test.labels())), (1_725, 1_147));
    // A batch of real texts, which keep their quotes.
    let (input, target) = source
        .sample(50, 0, &tokeniser)
        .unwrap()
        .batch
        .tensors(Device::Cpu);
    assert_eq!((input.size()[0], target.size()), (50, vec![50]));
    assert_eq!((input.kind(), target.kind()), (Kind::Int64, Kind::Int64));
}
