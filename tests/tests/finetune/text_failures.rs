//! Encoders that cannot be trained, and runs that are killed.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::Tool;
use serde_json::{Value, json};

use crate::texts::TextBench;

/// All files under a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn a_run_killed_at_any_moment_ends_with_the_same_bytes() {
    let bench = TextBench::set_up();
    let args = [
        "-e",
        "24",
        "-j",
        "2",
        "--accumulate",
        "2",
        "--patience",
        "20",
    ];
    let run = |out: &str, resume: bool| {
        let run = bench
            .drawn(&args)
            .args(["--checkpoint-dir", "run", "-o", out]);
        if resume { run.arg("--resume") } else { run }
    };
    let _ = run("whole.ndjson", false).run().expect_code(0);
    let whole = files(&bench.path().join("run"));
    fs::remove_dir_all(bench.path().join("run")).unwrap();

    let manifest = bench.path().join("run/plain.json");
    let epoch = || {
        let text = fs::read_to_string(&manifest).unwrap_or_default();
        let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
        manifest["epoch"].as_u64().unwrap_or(0)
    };
    for kill in 0..6u64 {
        let mut command = run("parts.ndjson", kill > 0).command();
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while epoch() < kill * 3 {
            assert!(begin.elapsed() < Duration::from_secs(300));
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(Duration::from_micros(kill * 7919 % 83 * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!bench.path().join("parts.ndjson").exists());
    }
    let _ = run("parts.ndjson", true).run().expect_code(0);
    assert_eq!(bench.read("parts.ndjson"), bench.read("whole.ndjson"));
    let parts = files(&bench.path().join("run"));
    assert_eq!(whole.len(), parts.len());
    for ((name, whole), (other, part)) in whole.iter().zip(&parts) {
        assert_eq!(name, other);
        assert!(whole == part, "{name} is not the same");
    }
    // Another recipe is refused by name.
    let other = run("other.ndjson", true).arg("--freeze-embeddings").run();
    let text = other.expect_code(1);
    assert!(
        bench
            .read("other.ndjson")
            .contains("hyper.frozen: null there"),
        "{}",
        text.streams()
    );
}

#[test]
fn what_does_not_fit_is_named_and_the_rest_is_trained() {
    let bench = TextBench::set_up();
    let _ = bench.pretrained();
    let line = |id: &str, space: &str, arch: &str| {
        let record = json!({"id": id, "space": space, "arch": arch});
        format!("{record}\n")
    };
    let cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    let good = "bert-l2-d16-h2-i32-v12-p24-t2:1|2|head";
    let input = [
        line("a", "nb201", cell),
        line("b", "nb202", good),
        line("c", "roberta-skip", "minilm:1|9|head"),
        line("d", "roberta-skip", "tiny:1|2|3|4|head"),
        line("e", "roberta-skip", good),
    ]
    .concat();
    let run = bench.finetune(&["--weights", "pre/plain", "-e", "1"]);
    let records = run.stdin(input.as_str()).run().expect_code(1).records();
    let error = |place: usize, name: &str| records[place]["error"][name].as_str().unwrap_or("none");
    for (place, kind, message) in [
        (
            0,
            "other_space",
            "nb201 looks at images, and --data is made of texts",
        ),
        (1, "unknown_space", "\"nb202\", only nb201, nats-sss, "),
        (2, "bad_arch", ""),
        (3, "weights", "pre/plain: its backbone is bert-l2-d16"),
        (4, "none", "none"),
    ] {
        assert_eq!(error(place, "kind"), kind);
        let said = error(place, "message");
        assert!(said.contains(message), "{said}");
    }
    // Too small a backbone for the texts, drawn.
    for (arch, message) in [
        (
            "bert-l1-d8-h2-i8-v8-p24-t2:1|head",
            "vocabulary of 8, and these texts need 9",
        ),
        (
            "bert-l1-d8-h2-i8-v12-p6-t2:1|head",
            "of 6, and these texts need",
        ),
        (
            "bert-l1-d8-h2-i8-v12-p24-t1:1|head",
            "token types of 1, and these texts need 2",
        ),
    ] {
        let run = bench.finetune(&["--tokenizer", "model", "-e", "1"]);
        let run = run
            .stdin(line("a", "roberta-skip", arch))
            .run()
            .expect_code(1);
        assert!(run.stdout.contains(message), "{}", run.streams());
    }
}

#[test]
fn weights_that_are_not_whole_are_refused_by_name() {
    let bench = TextBench::set_up();
    let _ = bench.pretrained();
    let path = bench.path().join("pre/plain/model.safetensors");
    let good = fs::read(&path).unwrap();
    let changed = |from: &str, to: &str| {
        // The table of names and shapes, at the same length.
        let header = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
        let table = String::from_utf8(good[8..8 + header].to_vec()).unwrap();
        assert!(table.contains(from) && from.len() == to.len(), "{table}");
        let table = table.replacen(from, to, 1).into_bytes();
        [&good[..8], &table, &good[8 + header..]].concat()
    };
    let train = |bytes: &[u8]| {
        fs::remove_file(&path).unwrap(); // it is a checkpoint's by another name
        fs::write(&path, bytes).unwrap();
        let run = bench.finetune(&["--weights", "pre/plain", "-e", "1", "encoders.ndjson"]);
        run.run()
    };
    let name = "bert.encoder.layer.1.output.dense.bias";
    let run = train(&changed(name, "bert.encoder.layer.1.output.dense.bia5")).expect_code(2);
    let missing = format!("model.safetensors: no tensor \"{name}\"");
    assert_eq!(run.stderr.matches(&missing).count(), 1, "{}", run.streams());
    let run = train(&changed("[12,16]", "[16,12]")).expect_code(2);
    assert!(run.stderr.contains("[16, 12]"), "{}", run.streams());
    // The classifier is drawn where there is none, but not to be evaluated.
    let headless = changed("\"classifier.weight\"", "\"classifier.weighd\"");
    let _ = train(&headless).expect_code(0);
    let run = bench.finetune(&["--evaluate", "--weights", "pre/plain", "encoders.ndjson"]);
    let run = run.run().expect_code(1);
    assert!(
        run.stdout.contains("no tensor \\\"classifier.weight\\\""),
        "{}",
        run.streams()
    );
    // A file that is none, or is a pickle, and an unknown model end the run.
    let _ = train(&good[..50])
        .expect_code(2)
        .expect_stderr("not a safetensors file");
    fs::remove_file(&path).unwrap();
    fs::write(bench.path().join("pre/plain/pytorch_model.bin"), "").unwrap();
    let run = || {
        bench
            .finetune(&["--weights", "pre/plain", "encoders.ndjson"])
            .run()
    };
    let _ = run().expect_code(2).expect_stderr("save_pretrained");
    let config = bench
        .read("pre/plain/config.json")
        .replace("\"bert\"", "\"gpt2\"");
    fs::write(bench.path().join("pre/plain/config.json"), config).unwrap();
    let _ = run().expect_code(2).expect_stderr("model_type is \"gpt2\"");
}

#[test]
fn flags_and_files_that_make_no_sense_end_the_run() {
    let bench = TextBench::set_up();
    for flag in [
        &["--channels", "4"][..],
        &["--cells", "1"],
        &["--momentum", "0.5"],
        &["--no-augment"],
    ] {
        let run = bench.drawn(flag).run().expect_code(2);
        let said = format!("{} is for images, and --data jsonl:", flag[0]);
        let _ = run.expect_stderr(&said);
    }
    let images = bench.path().join("images");
    for class in ["a", "b"] {
        fs::create_dir_all(images.join(class)).unwrap();
    }
    for flag in [
        &["--tokenizer", "model"][..],
        &["--length", "8"],
        &["--freeze-embeddings"],
        &["--accumulate", "2"],
    ] {
        let run = Tool::new("knas-finetune");
        let run = run.args(["--data", "folder:images"]).args(flag);
        let run = run.current_dir(bench.path()).run().expect_code(2);
        let _ = run.expect_stderr(&format!("{} is for texts", flag[0]));
    }
    let alone = bench.finetune(&["encoders.ndjson"]).run().expect_code(2);
    let _ = alone.expect_stderr("texts need --tokenizer DIR, or --weights DIR");
    let data = "jsonl:texts.jsonl";
    for (args, said) in [
        (
            &["--data", data, "--tokenizer", "model", "--length", "4"][..],
            "4 tokens leave no room",
        ),
        (
            &["--data", data, "--tokenizer", "nowhere"],
            "a tokeniser needs tokenizer.json",
        ),
        (&["--data", data, "--weights", "model"], "config.json"),
        (
            &["--data", "rte:nowhere", "--tokenizer", "model"],
            "no file nowhere/train.tsv",
        ),
    ] {
        let run = Tool::new("knas-finetune")
            .args(args)
            .current_dir(bench.path());
        let _ = run.run().expect_code(2).expect_stderr(said);
    }
    let texts = bench
        .read("texts.jsonl")
        .replacen("\"label\":1", "\"label\":-1", 1);
    fs::write(bench.path().join("texts.jsonl"), texts).unwrap();
    let _ = bench
        .drawn(&[])
        .run()
        .expect_code(2)
        .expect_stderr("\"label\" is \"-1\"");
}
