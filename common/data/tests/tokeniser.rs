//! Tokenisers from the files of a model's folder.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use knas_data::Tokeniser;

/// A byte-level BPE of a few tokens, as RoBERTa's files have it.
fn write_roberta(folder: &Path) {
    let vocabulary = r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"a":4,"b":5,"Ġ":6,"ab":7,"Ġab":8,
        "Ã":9,"©":10,"<mask>":11}"#;
    fs::write(folder.join("vocab.json"), vocabulary).unwrap();
    fs::write(folder.join("merges.txt"), "#version: 0.2\na b\nĠ ab\n").unwrap();
}

/// A WordPiece of a few tokens, as BERT's file has it.
fn write_bert(folder: &Path) {
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] un ##able ##s cafe ! able Able";
    fs::write(folder.join("vocab.txt"), words.replace(' ', "\n") + "\n").unwrap();
}

fn open(folder: &Path, length: usize) -> Tokeniser {
    Tokeniser::open(folder, length).unwrap()
}

fn ids(tokeniser: &Tokeniser, first: &str, second: Option<&str>) -> Vec<u32> {
    tokeniser.encode(first, second).unwrap().ids
}

// Expected ids come from these lines of Python, over the same files:
//
// from transformers import AddedToken, BertTokenizer, RobertaTokenizer
// mask = AddedToken('<mask>', lstrip=True, special=True)     (as RoBERTa was published)
// r = RobertaTokenizer.from_pretrained(folder, mask_token=mask)
// b = BertTokenizer.from_pretrained(folder)      (do_lower_case=False where said)
// print(r(text, pair, truncation='longest_first', max_length=length)['input_ids'])

#[test]
fn bpe_is_read_from_two_files() {
    let folder = tempfile::tempdir().unwrap();
    write_roberta(folder.path());
    let tokeniser = open(folder.path(), 512);
    assert_eq!((tokeniser.padding(), tokeniser.vocabulary()), (1, 12));
    assert_eq!(ids(&tokeniser, "ab ab  ba", None), [0, 7, 8, 6, 6, 5, 4, 2]);
    assert_eq!(ids(&tokeniser, "", None), [0, 2]);
    assert_eq!(ids(&tokeniser, "a<mask>", None), [0, 4, 11, 2]);
    let pair = tokeniser.encode("ab", Some("é b")).unwrap();
    assert_eq!(pair.ids, [0, 7, 2, 2, 9, 10, 6, 5, 2]);
    assert_eq!(pair.types, [0; 9]);
}

#[test]
fn the_longer_text_of_a_pair_loses_tokens_first() {
    let folder = tempfile::tempdir().unwrap();
    write_roberta(folder.path());
    let tokeniser = open(folder.path(), 12);
    let (a, b) = ("ab ".repeat(30), "b ".repeat(30));
    let both = ids(&tokeniser, &a, Some(&b));
    assert_eq!(both, [0, 7, 8, 8, 8, 2, 2, 5, 6, 5, 6, 2]);
    let first = ids(&tokeniser, &a, Some("b"));
    assert_eq!(first, [0, 7, 8, 8, 8, 8, 8, 8, 2, 2, 5, 2]);
}

#[test]
fn wordpiece_is_read_from_one_file() {
    let folder = tempfile::tempdir().unwrap();
    write_bert(folder.path());
    let tokeniser = open(folder.path(), 512);
    let single = ids(&tokeniser, "Unables CAFÉ!", None);
    assert_eq!(single, [2, 5, 6, 7, 8, 9, 3]);
    assert_eq!(ids(&tokeniser, "", None), [2, 3]);
    let pair = tokeniser.encode("able!", Some("zzz unable")).unwrap();
    assert_eq!(pair.ids, [2, 10, 9, 3, 1, 5, 6, 3]);
    assert_eq!(pair.types, [0, 0, 0, 0, 1, 1, 1, 1]);

    let config = folder.path().join("tokenizer_config.json");
    fs::write(config, r#"{"do_lower_case": false}"#).unwrap();
    let cased = open(folder.path(), 512);
    assert_eq!(ids(&cased, "Able Un", None), [2, 11, 1, 3]);
}

/// With a `tokenizer.json` too, `tokenizer_config.json` has the last word, as in
/// transformers (`BertTokenizerFast`, `RobertaTokenizerFast`).
#[test]
fn settings_beside_a_whole_tokeniser_overrule_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let whole = |normalizer: &str| {
        format!(
            r###"{{"version": "1.0", "added_tokens": [], "normalizer": {normalizer},
            "pre_tokenizer": {{"type": "BertPreTokenizer"}}, "decoder": null,
            "post_processor": null, "model": {{"type": "WordPiece", "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {{"[PAD]": 0, "[UNK]": 1, "able": 2, "Able": 3, "cafe": 4, "café": 5,
                "中": 6, "中中": 7}}}}}}"###
        )
    };
    let berts = r#"{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true}"#;
    write("tokenizer.json", &whole(berts));
    let text = "Able café 中中";
    for (config, expected) in [
        ("{}", &[2, 4, 6, 6][..]),
        (
            r#"{"do_lower_case": true, "model_max_length": 512}"#,
            &[2, 4, 6, 6],
        ),
        (r#"{"do_lower_case": false}"#, &[3, 5, 6, 6]),
        (
            "\u{feff}{\"do_lower_case\": false, \"strip_accents\": true}",
            &[3, 4, 6, 6],
        ),
        (r#"{"strip_accents": false}"#, &[2, 5, 6, 6]),
        (r#"{"tokenize_chinese_chars": false}"#, &[2, 4, 7]),
    ] {
        write("tokenizer_config.json", config);
        let found = ids(&open(folder.path(), 9), text, None);
        assert_eq!(found, expected, "{config}");
    }
    write("tokenizer_config.json", r#"{"truncation_side": "left"}"#);
    assert_eq!(ids(&open(folder.path(), 2), text, None), [6, 6]);
    let refused = |config: &str, reason: &str| {
        write("tokenizer_config.json", config);
        let said = Tokeniser::open(folder.path(), 9).unwrap_err().to_string();
        assert!(said.contains(reason), "{said}");
    };
    refused(r#"{"padding_side": "left"}"#, "padding_side is \"left\"");
    refused(r#"{"strip_accents": 1}"#, "strip_accents is 1");
    refused(
        r#"{"do_basic_tokenize": false}"#,
        "do_basic_tokenize is false",
    );
    refused("[", "tokenizer_config.json: ");
    write("tokenizer.json", &whole(r#"{"type": "Lowercase"}"#));
    refused(
        r#"{"do_lower_case": false}"#,
        "sets do_lower_case, and the normalizer",
    );
}

#[test]
fn marks_line_ends_and_empty_lines_change_no_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    let odd = |name: &str| {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
        fs::write(path, format!("\u{feff}{text}\r\n\r\n")).unwrap();
    };
    write_bert(folder.path());
    let expected = (ids(&open(folder.path(), 9), "unable!", None), 12);
    odd("vocab.txt");
    let found = open(folder.path(), 9);
    assert_eq!((ids(&found, "unable!", None), found.vocabulary()), expected);
    write_roberta(folder.path());
    let expected = ids(&open(folder.path(), 9), "ab ab", None);
    odd("vocab.json");
    odd("merges.txt");
    assert_eq!(ids(&open(folder.path(), 9), "ab ab", None), expected);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("tokenizer_config.json", r#"{"add_prefix_space": true}"#);
    assert_eq!(ids(&open(folder.path(), 9), "ab", None), [0, 8, 2]);
    write("added_tokens.json", r#"{"<new>": 12}"#);
    let said = Tokeniser::open(folder.path(), 9).unwrap_err().to_string();
    assert!(said.contains("adds the token \"<new>\""), "{said}");
}

#[test]
fn a_whole_tokeniser_is_read_but_not_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let json = r#"{"version": "1.0", "added_tokens": [],
        "truncation": {"max_length": 3, "strategy": "OnlyFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "model": {"type": "WordLevel", "unk_token": "[PAD]",
            "vocab": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4}}}"#;
    fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    let tokeniser = open(folder.path(), 6);
    assert_eq!(ids(&tokeniser, "a a a a a a a a", None), [1, 3, 3, 3, 3, 2]);
    assert_eq!(ids(&tokeniser, "a", Some("b")), [1, 3, 2, 4, 2]);
}

#[test]
fn real_roberta_has_the_known_ids() {
    let Some(folder) = knas_tests::shared("roberta-base") else {
        return;
    };
    let whole = open(&folder, 512);
    assert_eq!((whole.padding(), whole.vocabulary()), (1, 50_265));
    let known: [(&str, &[u32]); 7] = [
        ("Hello world!", &[0, 31414, 232, 328, 2]),
        ("  two leading spaces", &[0, 1437, 80, 981, 5938, 2]),
        (
            "Zażółć gęślą jaźń, café",
            &[
                0, 1301, 102, 1277, 4394, 1479, 5173, 4807, 821, 649, 27, 1277, 3726, 462, 649,
                5782, 14001, 1277, 3070, 1277, 11936, 6, 26059, 2,
            ],
        ),
        (
            "I 😀 you 👩\u{200d}💻",
            &[
                0, 100, 17841, 7471, 47, 26964, 15375, 17, 8384, 6569, 10659, 2023, 2,
            ],
        ),
        ("", &[0, 2]),
        (
            "tab\tand\nnew line",
            &[0, 34108, 50117, 463, 50118, 4651, 516, 2],
        ),
        (
            "don't </s> <mask> it's",
            &[0, 7254, 75, 1437, 2, 50264, 24, 18, 2],
        ),
    ];
    for (text, expected) in known {
        assert_eq!(ids(&whole, text, None), expected, "{text:?}");
    }
    assert_eq!(
        ids(&whole, "It's a pair.", Some("Isn't it?")),
        [0, 243, 18, 10, 1763, 4, 2, 2, 43041, 75, 24, 116, 2]
    );

    // words = ' '.join(f'word{i}' for i in range(600))
    let words: Vec<String> = (0..600).map(|i| format!("word{i}")).collect();
    let words = words.join(" ");
    assert_eq!(ids(&open(&folder, 4096), &words, None).len(), 1216);
    let short = open(&folder, 128);
    let single = ids(&short, &words, None);
    assert_eq!(single.len(), 128);
    assert_eq!(single[..4], [0, 14742, 288, 2136]);
    assert_eq!(single[125..], [2136, 5379, 2]);
    let pair = ids(&short, &words, Some("short one"));
    assert_eq!(pair.len(), 128);
    assert_eq!(pair[120..], [4156, 2136, 2466, 2, 2, 20263, 65, 2]);
    let (a, b) = (["a"; 300].join(" "), ["b"; 300].join(" "));
    assert_eq!(
        ids(&open(&folder, 16), &a, Some(&b)),
        [
            0, 102, 10, 10, 10, 10, 10, 2, 2, 428, 741, 741, 741, 741, 741, 2
        ]
    );
}

#[test]
fn what_is_no_tokeniser_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let said = |length| {
        Tokeniser::open(folder.path(), length)
            .unwrap_err()
            .to_string()
    };
    assert!(
        said(9).contains("tokenizer.json, vocab.json with merges.txt"),
        "{}",
        said(9)
    );

    write_bert(folder.path());
    assert!(
        said(4).contains("vocab.txt: 4 tokens leave no room"),
        "{}",
        said(4)
    );
    fs::write(path("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n").unwrap();
    assert!(
        said(9).contains("vocab.txt: there is no token [SEP]"),
        "{}",
        said(9)
    );
    fs::write(path("vocab.txt"), b"[PAD]\n\xff\n").unwrap();
    assert!(said(9).contains("vocab.txt: "), "{}", said(9));
    write_bert(folder.path());
    fs::write(path("tokenizer_config.json"), "{").unwrap();
    assert!(
        said(9).contains("tokenizer_config.json: EOF"),
        "{}",
        said(9)
    );
    fs::remove_file(path("tokenizer_config.json")).unwrap();

    write_roberta(folder.path());
    fs::write(path("merges.txt"), "#version: 0.2\na z\n").unwrap();
    assert!(said(9).contains("vocab.json: "), "{}", said(9));
    fs::write(path("vocab.json"), "[1, 2]").unwrap();
    assert!(said(9).contains("vocab.json: "), "{}", said(9));
    fs::write(path("vocab.json"), r#"{"<s>": 0, "<pad>": 1}"#).unwrap();
    fs::write(path("merges.txt"), "#version: 0.2\n").unwrap();
    assert!(said(9).contains("there is no token </s>"), "{}", said(9));

    // The library panics on the last two.
    for json in [
        "",
        "{}",
        "[]",
        r#"{"version": "1.0", "model": {"type": "BPE"}}"#,
        r#"{"version": "1.0", "decoder": nul, "model": {}}"#,
        r#"{"version": "1.0", "normalizer": {"type": "Precompiled", "precompiled_charsmap": "A"},
            "model": {"type": "WordPiece", "vocab": {}}}"#,
    ] {
        fs::write(path("tokenizer.json"), json).unwrap();
        assert!(said(9).contains("tokenizer.json: "), "{}", said(9));
    }
}
