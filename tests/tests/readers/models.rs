//! Folders and files of models: what is wrong with one is told once.

use std::fs;
use std::path::Path;

use knas_tests::model::{self, layout};
use knas_tests::{Tool, scratch};
use serde_json::{Value, json};

use crate::{cells, put, score};

const TOOLS: [&str; 2] = ["knas-score", "knas-finetune"];

/// A tool on three encoders, which fails with one line.
fn refused(tool: &str, weights: &Path, data: &str, said: &str) {
    let input = ["1|2|3|head", "1|2~0|3|head:mean", "1|2|3~0|head:mean"];
    let input = input.iter().enumerate();
    let input: String = input
        .map(|(n, nodes)| layout(&n.to_string(), nodes))
        .collect();
    let run = Tool::new(tool)
        .args(["-q", "-j", "1", "--data", data, "--weights"])
        .arg(weights)
        .stdin(input)
        .run();
    let run = run.expect_code(2).expect_stderr(said);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.streams());
    assert!(run.stdout.is_empty(), "{}", run.streams());
}

/// Changes a field of a JSON file; null takes it out.
fn change(path: &Path, field: &str, value: Value) {
    let text = fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    let mut json: Value = serde_json::from_str(&text).unwrap();
    json[field] = value;
    fs::write(path, json.to_string()).unwrap();
}

#[test]
fn a_folder_of_the_hubs_cache_leads_to_the_model() {
    let folder = scratch();
    let (model, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let cache = folder.path().join("models--org--name");
    let snapshot = cache.join("snapshots/0a1b");
    fs::create_dir_all(cache.join("snapshots")).unwrap();
    fs::rename(&model, &snapshot).unwrap();
    let said = format!(
        "no config.json: it is a folder of the hub's cache, whose model is in its \
                        snapshot: name {}",
        snapshot.display()
    );
    for tool in TOOLS {
        refused(tool, &cache, &data, &said);
    }
    let sample = Tool::new("knas-sample").args(["--space", "roberta-skip", "--preset"]);
    let _ = sample
        .clone()
        .arg(&cache)
        .run()
        .expect_code(2)
        .expect_stderr(&said);
    let _ = sample.args(["-n", "1"]).arg(&snapshot).run();
    let drawn = Tool::new("knas-score").args(["--data", &data, "--tokenizer"]);
    let drawn = drawn.arg(&cache);
    let _ = drawn
        .stdin(layout("a", "1|2|3|head"))
        .run()
        .expect_code(2)
        .expect_stderr("name ");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for tool in TOOLS {
        refused(tool, &empty, &data, "empty has no config.json");
    }
}

#[test]
fn what_is_wrong_with_a_model_is_told_once() {
    let folder = scratch();
    let (model, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let config = model.join("config.json");
    let plain = fs::read(&config).unwrap();
    for (field, value) in [
        ("is_decoder", json!(true)),
        ("add_cross_attention", json!(true)),
        ("pruned_heads", json!({"0": [1]})),
        ("auto_map", json!({"AutoModel": "model.Model"})),
        ("hidden_act", json!("relu")),
        ("position_embedding_type", json!("relative_key")),
    ] {
        change(&config, field, value);
        for tool in TOOLS {
            refused(tool, &model, &data, field);
        }
        fs::write(&config, &plain).unwrap();
    }
    // Settings of the tokenizer that cannot be obeyed.
    let tokenizer = model.join("tokenizer_config.json");
    for (field, value) in [
        ("padding_side", json!("left")),
        ("do_basic_tokenize", json!(false)),
        ("cls_token", json!("<s>")),
    ] {
        change(&tokenizer, field, value);
        for tool in TOOLS {
            refused(tool, &model, &data, field);
        }
        fs::remove_file(&tokenizer).unwrap();
    }
    // Weights in a type that is not read, weights that are missing.
    let weights = model.join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let name = "bert.encoder.layer.2.output.dense.weight";
    let changed = |edit: &dyn Fn(&mut Value)| {
        let mut table: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
        edit(&mut table);
        let table = table.to_string();
        let length = (table.len() as u64).to_le_bytes();
        [&length[..], table.as_bytes(), &bytes[8 + header..]].concat()
    };
    let rounded = changed(&|table| {
        let shape = table[name]["shape"].clone();
        let count: u64 = shape
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .product();
        table[name] = json!({"dtype": "U32", "shape": [count], "data_offsets":
            table[name]["data_offsets"]});
    });
    let renamed = changed(&|table| {
        let entry = table.as_object_mut().unwrap().remove(name).unwrap();
        table["other"] = entry;
    });
    for (bytes, said) in [
        (&rounded, "stored as U32, which is not read"),
        (&renamed, &*format!("no tensor \"{name}\"")),
        (&b"no safetensors".to_vec(), "not a safetensors file"),
    ] {
        fs::write(&weights, bytes).unwrap();
        for tool in TOOLS {
            refused(tool, &model, &data, said);
        }
    }
}

#[test]
fn one_file_of_weights_for_all_is_read_once() {
    let folder = scratch();
    let dumped = folder.path().join("dumped");
    let dump = score(&["--data", "noise", "--dump", dumped.to_str().unwrap()]);
    let records = dump.stdin(cells()).run().expect_code(0).records();
    let id = records[0]["id"].as_str().unwrap();
    let file = dumped.join(format!("{id}.safetensors"));
    let file = file.to_str().unwrap();
    let run = score(&["--data", "noise", "--weights", file])
        .stdin(cells())
        .run();
    // Whether the weights of one cell suffice for another is that one's affair.
    assert_eq!(run.records().len(), 3);
    assert_eq!(run.records()[0]["score"], records[0]["score"]);
    // So is the size, since other spaces have networks of it.
    let narrow = ["--data", "noise", "--channels", "5", "--weights", file];
    let run = score(&narrow).stdin(cells()).run().expect_code(1);
    for record in run.records() {
        let said = record["error"]["message"].as_str().unwrap();
        assert!(said.contains("tensor \"stem.0.weight\" is [4, 3, 3, 3], not [5, 3, 3, 3]"));
    }

    let broken = put(folder.path(), "broken.safetensors", "no weights");
    let run = score(&["--data", "noise", "--weights", &broken, "-q"]);
    let run = run.stdin(cells()).run().expect_code(2);
    let run = run.expect_stderr("not a safetensors file");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.streams());
}
