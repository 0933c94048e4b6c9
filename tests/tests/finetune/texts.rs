//! Encoders on texts.

use std::fs;
use std::path::{Path, PathBuf};

use knas_tests::{Tool, model, scratch, shared};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::reached;

const BACKBONE: &str = "bert-l2-d16-h2-i32-v12-p24-t2";

/// A folder with texts, the tokeniser of a model, and three encoders.
pub struct TextBench {
    folder: TempDir,
}

impl TextBench {
    pub fn set_up() -> Self {
        let folder = scratch();
        let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd";
        fs::create_dir(folder.path().join("model")).unwrap();
        fs::write(folder.path().join("model/vocab.txt"), words).unwrap();
        fs::write(folder.path().join("texts.jsonl"), texts()).unwrap();
        fs::write(folder.path().join("encoders.ndjson"), encoders(BACKBONE)).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// knas-finetune on the encoders, from random weights.
    pub fn drawn(&self, args: &[&str]) -> Tool {
        self.finetune(&["--tokenizer", "model", "--lr", "0.003"])
            .arg("encoders.ndjson")
            .args(args)
    }

    /// knas-finetune on the texts.
    pub fn finetune(&self, args: &[&str]) -> Tool {
        Tool::new("knas-finetune")
            .args(["--data", "jsonl:texts.jsonl", "-q"])
            .args(args)
            .current_dir(self.path())
    }

    /// A folder with a model that has learnt a little, and its record.
    pub fn pretrained(&self) -> Value {
        let line = fs::read_to_string(self.path().join("encoders.ndjson")).unwrap();
        let args = ["--tokenizer", "model", "--lr", "0.003", "-e", "2"];
        let run = self.finetune(&args).args(["--checkpoint-dir", "pre"]);
        let run = run.stdin(line.lines().next().unwrap());
        run.run().expect_code(0).records()[0].clone()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }
}

/// Pairs, of which class 1 has an a in the second text.
fn texts() -> String {
    let mut state = 1u64;
    let mut letters = move |count: usize| -> String {
        let mut letter = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            ["a ", "b ", "c ", "d "][(state >> 60) as usize % 4]
        };
        (0..count).map(|_| letter()).collect()
    };
    let line = |i: usize| {
        let [first, second] = [letters(1 + i % 5), letters(1 + i % 3)];
        let label = u8::from(second.contains('a'));
        let pair = json!({"text": first, "text_pair": second, "label": label});
        format!("{pair}\n")
    };
    (0..200).map(line).collect()
}

/// The backbone itself, one with an extra connection, and a shorter one.
fn encoders(backbone: &str) -> String {
    let line = |(id, nodes): (&str, &str)| {
        let arch = format!("{backbone}:{nodes}");
        let record = json!({"id": id, "space": "roberta-skip", "arch": arch});
        format!("{record}\n")
    };
    let all = [
        ("plain", "1|2|head"),
        ("skip", "1|2~0|head~1:mean"),
        ("short", "2|head"),
    ];
    all.into_iter().map(line).collect()
}

#[test]
fn encoders_learn_and_say_how() {
    let bench = TextBench::set_up();
    let run = bench.drawn(&["-e", "25"]).run().expect_code(0);
    let schema = Tool::new("knas-finetune").arg("--schema").run().stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for record in run.records() {
        assert!(schema.is_valid(&record), "{record}");
        let found = &record["finetune"];
        assert!(reached(&record, "valid_accuracy") > 0.9, "{record}");
        assert_eq!(found["examples"], json!({"train": 161, "valid": 39}));
        assert_eq!(found["network"], json!({"classes": 2, "length": 128}));
        assert_eq!(found["data"], "jsonl");
        assert!(found.get("test_accuracy").is_none() && found.get("valid_f1").is_none());
        let hyper = &found["hyper"];
        let expected = json!({
            "optimizer": "adamw", "epochs": 25, "batch": 16, "lr": 0.003,
            "schedule": "warm-up-linear", "weight_decay": 0.1, "augment": "none",
            "label_smoothing": 0.0,
            "dropout": {"attention": 0.1, "classifier": 0.1, "hidden": 0.1},
            "seed": 0, "init": "bert", "threads": 2,
        });
        assert_eq!(*hyper, expected);
    }
}

#[test]
fn neither_jobs_nor_order_nor_halving_changes_a_number() {
    let bench = TextBench::set_up();
    let run = |args: &[&str]| bench.drawn(&["-e", "4"]).args(args).run().expect_code(0);
    let one = run(&["-j", "1"]);
    assert_eq!(run(&["-j", "3"]).stdout, one.stdout);
    assert_ne!(run(&["--seed", "1"]).stdout, one.stdout);
    let halved = run(&["--halving", "2"]).records();
    let whole = |record: &&Value| record["finetune"]["stopped"] == "epochs";
    assert_eq!(halved.iter().filter(whole).count(), 1);
    for (halved, alone) in halved.iter().zip(one.records()) {
        match whole(&halved) {
            true => assert_eq!(*halved, alone),
            false => assert_eq!(halved["finetune"]["stopped"], "halving"),
        }
    }
    let best = run(&["--select", "best"]).records();
    let accuracy = |record: &Value| reached(record, "valid_accuracy");
    let most = one.records().iter().map(accuracy).fold(0.0, f64::max);
    assert_eq!((best.len(), accuracy(&best[0])), (1, most));
}

/// As the lists of `model.safetensors` and `config.json` by transformers' own
/// `BertForSequenceClassification(config).save_pretrained`.
#[test]
fn a_plain_backbone_is_a_folder_of_hugging_face() {
    let bench = TextBench::set_up();
    let args = ["-e", "1", "--checkpoint-dir", "run"];
    let _ = bench.drawn(&args).run().expect_code(0);
    let path = |name: &str| bench.path().join("run").join(name);
    assert!(!path("skip").exists() && !path("short").exists());
    let weights = fs::read(path("plain/model.safetensors")).unwrap();
    assert!(weights == fs::read(path("plain.safetensors")).unwrap());
    assert_eq!(
        bench.read("run/plain/vocab.txt"),
        bench.read("model/vocab.txt")
    );
    let config: Value = serde_json::from_str(&bench.read("run/plain/config.json")).unwrap();
    assert_eq!(
        config["architectures"],
        json!(["BertForSequenceClassification"])
    );
    assert_eq!(config["id2label"], json!({"0": "LABEL_0", "1": "LABEL_1"}));
    for (name, size) in [
        ("num_hidden_layers", 2),
        ("hidden_size", 16),
        ("vocab_size", 12),
    ] {
        assert_eq!(config[name], size);
    }
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&weights[8..8 + header]).unwrap();
    let table = table.as_object().unwrap();
    let shape = |name: &str| table[name]["shape"].clone();
    // Beside them stands what the file tells of itself.
    assert_eq!(table.len(), 5 + 2 * 16 + 4 + 1);
    for (name, expected) in [
        ("bert.embeddings.word_embeddings.weight", json!([12, 16])),
        (
            "bert.embeddings.position_embeddings.weight",
            json!([24, 16]),
        ),
        (
            "bert.embeddings.token_type_embeddings.weight",
            json!([2, 16]),
        ),
        ("bert.embeddings.LayerNorm.bias", json!([16])),
        (
            "bert.encoder.layer.0.attention.self.query.weight",
            json!([16, 16]),
        ),
        (
            "bert.encoder.layer.1.attention.output.LayerNorm.weight",
            json!([16]),
        ),
        (
            "bert.encoder.layer.1.intermediate.dense.weight",
            json!([32, 16]),
        ),
        ("bert.encoder.layer.1.output.dense.weight", json!([16, 32])),
        ("bert.pooler.dense.bias", json!([16])),
        ("classifier.weight", json!([2, 16])),
    ] {
        assert_eq!(shape(name), expected, "{name}");
    }
    // With --resume it is made again where it has gone.
    fs::remove_dir_all(path("plain")).unwrap();
    let _ = bench.drawn(&args).arg("--resume").run().expect_code(0);
    assert!(path("plain/model.safetensors").is_file());
    assert!(!path("plain/model.safetensors.new").exists());
}

#[test]
fn evaluation_gives_the_recorded_numbers_from_any_kind_of_weights() {
    let bench = TextBench::set_up();
    let args = ["-e", "3", "--checkpoint-dir", "run", "-o", "trained.ndjson"];
    let _ = bench.drawn(&args).run().expect_code(0);
    let evaluate = |args: &[&str]| {
        let run = bench.finetune(&["--evaluate", "--tokenizer", "model"]);
        run.args(args).run().expect_code(0).records()
    };
    for source in [&[][..], &["--checkpoint-dir", "run"], &["--weights", "run"]] {
        for record in evaluate(&[&["trained.ndjson"], source].concat()) {
            for field in ["valid_accuracy", "valid_loss"] {
                assert_eq!(record["evaluated"][field], record["finetune"][field]);
            }
        }
    }
    let plain = bench
        .read("trained.ndjson")
        .lines()
        .next()
        .unwrap()
        .to_owned();
    fs::write(bench.path().join("one.ndjson"), plain).unwrap();
    let folder = evaluate(&["--weights", "run/plain", "one.ndjson"]);
    assert_eq!(
        folder[0]["evaluated"]["valid_loss"],
        folder[0]["finetune"]["valid_loss"]
    );
}

/// Training that starts from a model's folder, with what may stay as it is.
#[test]
fn a_pretrained_model_is_where_training_starts() {
    let bench = TextBench::set_up();
    let before = bench.pretrained();
    let further = |args: &[&str]| {
        let run = bench.finetune(&["--weights", "pre/plain", "-e", "1", "encoders.ndjson"]);
        run.args(args).run().expect_code(0).records()
    };
    let still = further(&["--lr", "1e-12"]);
    let near = reached(&still[0], "valid_loss") - reached(&before, "valid_loss");
    assert!(near.abs() < 1e-6, "{near}");
    let hyper = &still[0]["finetune"]["hyper"];
    let manifest: Value = serde_json::from_str(&bench.read("pre/plain.json")).unwrap();
    assert_eq!(hyper["init"], "file");
    assert_eq!(hyper["weights_sha256"], manifest["weights_sha256"]);

    let frozen = [
        "--lr",
        "0.003",
        "--freeze-embeddings",
        "--accumulate",
        "3",
        "--checkpoint-dir",
        "run",
    ];
    let trained = further(&frozen);
    let hyper = &trained[0]["finetune"]["hyper"];
    assert_eq!(
        (&hyper["frozen"], &hyper["accumulate"]),
        (&json!("embeddings"), &json!(3))
    );
    let tensor = |file: &str, name: &str| tensor(&bench.path().join(file), name);
    let (embedding, layer) = (
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.1.output.dense.weight",
    );
    let pre = |name| tensor("pre/plain.safetensors", name);
    for id in ["plain", "skip", "short"] {
        let file = format!("run/{id}.safetensors");
        assert_eq!(tensor(&file, embedding), pre(embedding));
        assert_ne!(tensor(&file, layer), pre(layer));
    }
}

/// The bytes of a tensor in a file.
fn tensor(path: &PathBuf, name: &str) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let at = |end: usize| table[name]["data_offsets"][end].as_u64().unwrap() as usize;
    bytes[8 + header..][at(0)..at(1)].to_vec()
}

/// Real sentences, with the tokeniser of RoBERTa, on a small encoder.
#[test]
fn paraphrases_are_judged_by_accuracy_and_f1() {
    let (Some(mrpc), Some(tokenizer)) = (shared("glue/MRPC"), shared("roberta-base")) else {
        return;
    };
    let arch = "roberta-l1-d8-h2-i8-v50265-p514-t1:1|head";
    let line = json!({"id": "a", "space": "roberta-skip", "arch": arch}).to_string();
    let log = scratch();
    let run = Tool::new("knas-finetune")
        .arg("--data")
        .arg(format!("mrpc:{}", mrpc.display()))
        .arg("--tokenizer")
        .arg(tokenizer)
        .args(["-e", "1", "--train-limit", "64", "--test-limit", "32"])
        .args(["--log", "log.ndjson"])
        .current_dir(log.path())
        .stdin(line)
        .run()
        .expect_code(0)
        .expect_stderr(" (F1 0.")
        .expect_stderr(" texts/s, ");
    let record = &run.records()[0];
    // Equal parts of both classes, and F1 is between 0 and 1 whatever is said.
    for field in ["valid_f1", "test_f1"] {
        assert!((0.0..=1.0).contains(&reached(record, field)), "{record}");
    }
    assert_eq!(
        record["finetune"]["examples"],
        json!({"train": 64, "valid": 64, "test": 32})
    );
    let entry = fs::read_to_string(log.path().join("log.ndjson")).unwrap();
    let entry: Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(entry["valid_f1"], record["finetune"]["valid_f1"]);
    assert!(entry["texts_per_second"].as_f64().unwrap() > 0.0);
}

/// Its tokenizer, length and epsilon are those of training.
#[test]
fn a_file_of_weights_alone_gives_the_recorded_numbers() {
    let folder = scratch();
    let path = folder.path();
    let _ = model::pretrained(path);
    let data = model::texts(path);
    let finetune = |args: &[&str]| {
        let tool = Tool::new("knas-finetune").current_dir(path);
        tool.args(["--data", &data, "--quiet"]).args(args)
    };
    let train = ["--weights", "model", "--length", "12", "--epochs", "1"];
    let run = finetune(&train)
        .args(["--lr", "1e-3", "--checkpoint-dir", "run"])
        .stdin(model::layout("a", "1|2|3~0|head:mean"))
        .run();
    let trained = run.expect_code(0).records()[0]["finetune"].clone();
    fs::rename(path.join("run/a.safetensors"), path.join("b.safetensors")).unwrap();
    let run = finetune(&["--evaluate", "b.safetensors"]).run();
    let evaluated = run.expect_code(0).records()[0]["evaluated"].clone();
    for field in ["valid_accuracy", "valid_loss"] {
        assert_eq!(evaluated[field], trained[field], "{field}");
    }
    assert_eq!(
        evaluated["data_sha256"]["valid"],
        trained["data_sha256"]["valid"]
    );
    for (args, said) in [
        (&["b.safetensors"][..], "--evaluate evaluates"),
        (
            &["--evaluate", "b.safetensors", "-"],
            "either records or files",
        ),
        (
            &["--evaluate", "--weights", "x", "b.safetensors"],
            "its own weights",
        ),
    ] {
        let run = finetune(args).stdin("").run().expect_code(2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}
