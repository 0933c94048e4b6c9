//! knas-score on encoders and texts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use knas_tests::model::{self, layout};
use knas_tests::{Outcome, Tool, scratch, shared};
use serde_json::{Value, json};

fn score(data: &str, args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-score")
        .args(["--data", data, "-n", "12"])
        .args(args)
        .stdin(input)
        .run()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn pretrained_encoders_are_scored_with_their_provenance() {
    let folder = scratch();
    let (weights, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let input = layout("plain", "1|2|3|head") + &layout("more", "1|2~0|3|head~1:mean");
    let args = [
        "--weights",
        text(&weights),
        "--proxy",
        "mgm,gram-entropy,text,params",
    ];
    let run = score(&data, &args, &input).expect_code(0);
    let records = run.records();
    assert_eq!(records.len(), 2);
    for record in &records {
        let scores = record["scores"].as_object().unwrap();
        let names = [
            "mgm",
            "gram-entropy",
            "attention-confidence",
            "head-importance",
            "synaptic-saliency",
            "synaptic-diversity",
            "activation-distance",
            "params",
        ];
        assert_eq!(scores.keys().collect::<Vec<_>>(), names);
        let scored = &record["scored"];
        assert_eq!(scored["norm"], "layer");
        assert_eq!(scored["init"], "file");
        assert_eq!(scored["weights_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(scored["network"], json!({"classes": 2, "length": 40}));
        assert_eq!(scored["data"], "jsonl");
    }
    assert_ne!(records[0]["scores"]["mgm"], records[1]["scores"]["mgm"]);
    // One job or two, in any order.
    let swapped: String = input.lines().rev().flat_map(|line| [line, "\n"]).collect();
    let again = score(&data, &[&args[..], &["-j", "2"]].concat(), &swapped).expect_code(0);
    let by_id = |records: Vec<Value>| -> BTreeMap<String, Value> {
        let pairs = records.into_iter();
        pairs.map(|r| (r["id"].to_string(), r)).collect()
    };
    assert_eq!(by_id(again.records()), by_id(records));
}

/// Drawn weights belong to places, so layers of other numbers are the same
/// network; those of a pre-trained model are not.
#[test]
fn layers_of_other_numbers_are_scored_as_what_they_are() {
    let folder = scratch();
    let (weights, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let input = layout("a", "1|2|head") + &layout("b", "1|3|head");
    let drawn = score(&data, &["--tokenizer", text(&weights)], &input).expect_code(0);
    let scores = drawn.column("score");
    assert_eq!(scores[0], scores[1]);
    assert_eq!(drawn.records()[0]["scored"]["init"], "bert");
    let read = score(&data, &["--weights", text(&weights)], &input).expect_code(0);
    let scores = read.column("score");
    assert_ne!(scores[0], scores[1]);
}

/// What is dumped is what was scored: read again, it gives the same score.
#[test]
fn weights_that_were_dumped_give_the_same_score() {
    let folder = scratch();
    let (model, data) = (model::tokenizer(folder.path()), model::texts(folder.path()));
    let dump = folder.path().join("dump");
    let input = layout("one", "1|3~0|head:sum");
    let tokenizer = ["--tokenizer", text(&model)];
    let args = [&tokenizer[..], &["--dump", text(&dump)]].concat();
    let first = score(&data, &args, &input).expect_code(0);
    assert!(dump.join("one.safetensors").is_file());
    let args = [&tokenizer[..], &["--weights", text(&dump)]].concat();
    let second = score(&data, &args, &input).expect_code(0);
    assert_eq!(first.column("score"), second.column("score"));
}

#[test]
fn what_does_not_fit_fails_by_itself() {
    let folder = scratch();
    let (weights, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let good = layout("good", "1|2|3|head");
    let input = [
        &*good,
        &layout("torn", "1|2|3"),
        &good.replace("good", "other").replace("d8-", "d16-"),
        "{\"id\":\"cell\",\"space\":\"nb201\",\"arch\":\"|none~0|\"}\n",
        "{\"id\":\"dark\",\"space\":\"nb202\",\"arch\":\"\"}\n",
    ]
    .concat();
    let run = score(&data, &["--weights", text(&weights)], &input).expect_code(1);
    let run = run
        .expect_stderr("stdin:2: torn: bad_arch: ")
        .expect_stderr("stdin:3: other: weights: ")
        .expect_stderr("its backbone is bert-l3-d8-h2-i16-v60-p40-t2, not bert-l3-d16-")
        .expect_stderr("stdin:4: cell: other_space: nb201 looks at images")
        .expect_stderr("stdin:5: dark: unknown_space: ");
    assert!(run.records()[0].get("score").is_some());
    // A smaller vocabulary than the tokenizer's, and images for an encoder.
    let narrow = good.replace("v60", "v9");
    let _ = score(&data, &["--tokenizer", text(&weights)], &narrow)
        .expect_code(1)
        .expect_stderr("tokenizer: the backbone has a vocabulary of 9");
    let _ = score("noise", &["--cells", "1", "--channels", "4"], &good)
        .expect_code(1)
        .expect_stderr("good: other_space: roberta-skip reads texts");
}

#[test]
fn flags_and_files_that_are_wrong_end_the_run() {
    let folder = scratch();
    let (weights, data) = (
        model::pretrained(folder.path()),
        model::texts(folder.path()),
    );
    let weights = text(&weights);
    let fails = |data: &str, args: &[&str], reason: &str| {
        let run = score(data, args, &layout("a", "1|2|3|head")).expect_code(2);
        let run = run.expect_stderr(reason);
        assert!(run.stdout.is_empty());
    };
    fails(&data, &[], "texts need --weights DIR");
    fails(
        &data,
        &["--weights", weights, "--cells", "2"],
        "--cells is for images",
    );
    fails("noise", &["--length", "20"], "--length is for texts");
    fails(
        &data,
        &["--weights", weights, "--proxy", "naswot"],
        "\"naswot\" is for images",
    );
    fails("noise", &["--proxy", "layers"], "\"layers\" is for texts");
    fails(
        &data,
        &["--weights", weights, "--length", "3"],
        "leave no room",
    );
    let pairs = folder.path().join("pairs.jsonl");
    let wrong = |line: &str, reason: &str| {
        let lines = fs::read_to_string(&pairs).unwrap();
        let path = folder.path().join("wrong.jsonl");
        fs::write(&path, lines + line).unwrap();
        fails(
            &format!("jsonl:{}", path.display()),
            &["--weights", weights],
            reason,
        );
    };
    wrong(
        "{\"text\":\"a\",\"label\":-1}\n",
        "wrong.jsonl, line 41: \"label\" is",
    );
    wrong(
        "{\"text_pair\":\"a\",\"label\":1}\n",
        "wrong.jsonl, line 41: there is no \"text\"",
    );
    // A model's folder that is not what it should be.
    let model = Path::new(weights);
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(
        model.join("config.json"),
        config.replace("\"bert\"", "\"t5\""),
    )
    .unwrap();
    fails(
        &data,
        &["--weights", weights],
        "config.json: model_type is \"t5\"",
    );
    fs::write(model.join("config.json"), config).unwrap();
    fs::rename(
        model.join("model.safetensors"),
        model.join("pytorch_model.bin"),
    )
    .unwrap();
    fails(&data, &["--weights", weights], "is a pickle");
}

/// GLUE's own files, where they are.
#[test]
fn pairs_of_glue_are_scored() {
    let folder = scratch();
    let weights = model::pretrained(folder.path());
    for (name, set) in [("mrpc", "glue/MRPC"), ("rte", "glue/RTE")] {
        let Some(set) = shared(set) else { continue };
        let data = format!("{name}:{}", set.display());
        let run = score(
            &data,
            &["--weights", text(&weights)],
            &layout("a", "1|2|3|head"),
        );
        let run = run.expect_code(0);
        assert_eq!(run.records()[0]["scored"]["data"], name);
    }
}
