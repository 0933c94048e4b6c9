//! knas-predict, run as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use image::{Rgb, RgbImage};
use knas_data::{Texts, Tokeniser};
use knas_net::{Network, Norm, Source};
use knas_study::Card;
use knas_tests::{Tool, model, scratch};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|nor_conv_3x3~1|none~2|";

/// A picture of 32 × 32 pixels: in each class other colours, with some noise.
fn picture(class: u32, number: u32) -> RgbImage {
    RgbImage::from_fn(32, 32, |x, y| {
        let noise = ((x * 7 + y * 13 + number * 31) % 61) as u8;
        let colour = |channel: u32| if channel == class { 180 } else { 20 };
        Rgb([0, 1, 2].map(|channel| colour(channel) + noise))
    })
}

/// Three classes of ten pictures each, and a network that has seen them.
fn trained(folder: &Path) -> Value {
    for (class, name) in (0..).zip(["blue ocean", "green", "red"]) {
        let place = folder.join("pictures").join(name);
        fs::create_dir_all(&place).unwrap();
        for number in 0..10 {
            let path = place.join(format!("{number}.png"));
            picture(2 - class, number).save(path).unwrap();
        }
    }
    let record = json!({"id": "a", "space": "nb201", "arch": CELL});
    let run = Tool::new("knas-finetune")
        .args([
            "--data",
            "folder:pictures",
            "--channels",
            "4",
            "--cells",
            "1",
        ])
        .args(["--epochs", "6", "--batch", "5", "--checkpoint-dir", "run"])
        .args(["-o", "trained.ndjson"])
        .current_dir(folder)
        .stdin(format!("{record}\n"))
        .run();
    let _ = run.expect_code(0);
    let text = fs::read_to_string(folder.join("trained.ndjson")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn predict(folder: &Path, args: &[&str]) -> Tool {
    let tool = Tool::new("knas-predict").current_dir(folder);
    tool.args(["--model", "run/a.safetensors"]).args(args)
}

fn network(path: &Path) -> (Card, Network) {
    let (card, weights) = Card::open(path).unwrap();
    let live = card.network.lower().unwrap().live;
    let options = (Kind::Float, Device::Cpu);
    let network = Network::new(live, Source::File(&weights), options).unwrap();
    (card, network)
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap();
    text.lines().map(line).collect()
}

/// Against the definition: pixels to numbers, logits, softmax, the largest.
#[test]
fn classes_are_those_by_hand() {
    let folder = scratch();
    let path = folder.path();
    let _ = trained(path);
    let run = predict(path, &["pictures", "--batch", "7"])
        .run()
        .expect_code(0);
    let found = lines(&run.stdout);
    let (_, network) = network(&path.join("run/a.safetensors"));
    let names = ["blue ocean", "green", "red"];
    let mut expected = Vec::new();
    for (class, name) in (0..).zip(names) {
        for number in 0..10 {
            let pixels = picture(2 - class, number);
            let numbers: Vec<f32> = [0, 1, 2]
                .into_iter()
                .flat_map(|channel| {
                    let mean = [0.4914f32, 0.4822, 0.4465][channel];
                    let std = [0.2470f32, 0.2435, 0.2616][channel];
                    let one = move |p: &Rgb<u8>| (f32::from(p.0[channel]) / 255.0 - mean) / std;
                    pixels.pixels().map(one).collect::<Vec<_>>()
                })
                .collect();
            let input = Tensor::from_slice(&numbers).reshape([1, 3, 32, 32]);
            let logits = tch::no_grad(|| network.forward(&input, Norm::Eval).unwrap());
            let best = logits.argmax(-1, false).int64_value(&[0]) as usize;
            let softmax = logits
                .softmax(-1, Kind::Double)
                .double_value(&[0, best as i64]);
            expected.push((format!("pictures/{name}/{number}.png"), best, softmax));
        }
    }
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found.len(), expected.len());
    for (found, (input, best, probability)) in found.iter().zip(&expected) {
        assert_eq!(found["input"], **input);
        assert_eq!(found["class"], names[*best]);
        let difference = found["probability"].as_f64().unwrap() - probability;
        assert!(difference.abs() < 2e-6, "{found} {probability}");
        assert_eq!(found["top"][0]["class"], found["class"]);
        let top = found["top"].as_array().unwrap().iter();
        let sum: f64 = top
            .map(|guess| guess["probability"].as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-5, "{found}");
    }
    // It has learnt something, so that classes differ.
    let right = |line: &&Value| {
        line["input"]
            .as_str()
            .unwrap()
            .contains(line["class"].as_str().unwrap())
    };
    assert!(found.iter().filter(right).count() > 15, "{found:?}");
}

#[test]
fn paths_come_from_anywhere_and_one_that_is_no_image_fails_alone() {
    let folder = scratch();
    let path = folder.path();
    let record = trained(path);
    assert_eq!(record["finetune"]["checkpoint"], "run/a.safetensors");
    fs::write(path.join("broken.png"), "no image").unwrap();
    let wide =
        image::imageops::resize(&picture(0, 0), 90, 40, image::imageops::FilterType::Nearest);
    wide.save(path.join("wide.png")).unwrap();
    let named = ["wide.png", "broken.png", "gone.png", "pictures/red/1.png"];
    let run = predict(path, &named).args(["-k", "1"]).run().expect_code(1);
    let found = lines(&run.stdout);
    let kinds: Vec<&Value> = found.iter().map(|line| &line["error"]["kind"]).collect();
    assert_eq!(json!(kinds), json!([null, "bad_input", "bad_input", null]));
    assert_eq!(found[3]["top"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("broken.png"), "{}", run.stderr);
    // The same by a record, from standard input.
    let tool = Tool::new("knas-predict").current_dir(path);
    let again = tool
        .args(["--model", "trained.ndjson", "-k", "1"])
        .stdin(named.join("\n"))
        .run()
        .expect_code(1);
    assert_eq!(again.stdout, run.stdout);
    // Whoever wants no failures among the answers gets none.
    let run = predict(path, &named).args(["--on-error", "skip"]).run();
    assert_eq!(lines(&run.expect_code(1).stdout).len(), 2);
    let run = predict(path, &named).args(["--on-error", "fail"]).run();
    assert_eq!(run.code, Some(2));
}

#[test]
fn output_follows_the_schema() {
    let folder = scratch();
    let path = folder.path();
    let _ = trained(path);
    let schema = Tool::new("knas-predict")
        .arg("--schema")
        .run()
        .expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let run = predict(path, &["pictures/red", "gone.png"])
        .run()
        .expect_code(1);
    let found = lines(&run.stdout);
    assert_eq!(found.len(), 11);
    for line in &found {
        assert!(schema.is_valid(line), "{line}");
    }
}

#[test]
fn texts_are_classified_as_by_hand() {
    let folder = scratch();
    let path = folder.path();
    let _ = model::pretrained(path);
    let data = model::texts(path);
    // Labels may be names.
    let names = ["other", "same"];
    let pairs = fs::read_to_string(path.join("pairs.jsonl")).unwrap();
    let named = (0..2).fold(pairs, |pairs, label| {
        let name = format!("\"label\":\"{}\"", names[label]);
        pairs.replace(&format!("\"label\":{label}"), &name)
    });
    fs::write(path.join("pairs.jsonl"), named).unwrap();
    let run = Tool::new("knas-finetune")
        .args([
            "--data",
            &data,
            "--tokenizer",
            "model",
            "--epochs",
            "1",
            "--lr",
            "1e-3",
        ])
        .args(["--length", "12", "--checkpoint-dir", "run"])
        .current_dir(path)
        .stdin(model::layout("a", "1|2|3~0|head:mean"))
        .run();
    let _ = run.expect_code(0);
    let mut input = fs::read_to_string(path.join("pairs.jsonl")).unwrap();
    input += "{\"label\":1}\nno json\n";
    let run = predict(path, &["--batch", "9"])
        .stdin(input.clone())
        .run()
        .expect_code(1);
    let found = lines(&run.stdout);
    let (card, network) = network(&path.join("run/a.safetensors"));
    assert_eq!(card.texts.unwrap().length, 12);
    let tokeniser = Tokeniser::open(&path.join("model"), 12).unwrap();
    assert_eq!(found.len(), 42);
    for (line, found) in input.lines().zip(&found).take(40) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(found["input"], line);
        let tokens = tokeniser.encode(line["text"].as_str().unwrap(), line["text_pair"].as_str());
        let texts = Texts::unlabelled(vec![tokens.unwrap()], tokeniser.padding());
        let (shown, _) = texts.whole().tensors(Device::Cpu);
        let logits = tch::no_grad(|| network.forward(&shown, Norm::Eval).unwrap());
        let probabilities = logits.softmax(-1, Kind::Double);
        let class = names.iter().position(|name| found["class"] == **name);
        let probability = probabilities.double_value(&[0, class.unwrap() as i64]);
        assert!(probability >= 0.5 - 1e-6, "{found}");
        let difference = found["probability"].as_f64().unwrap() - probability;
        assert!(difference.abs() < 2e-6, "{found} {probability}");
    }
    assert_eq!(found[40]["error"]["kind"], "bad_input");
    assert_eq!(found[41]["error"]["kind"], "bad_input");
}

#[test]
fn what_cannot_be_used_is_said() {
    let folder = scratch();
    let path = folder.path();
    let _ = trained(path);
    fs::write(path.join("two.ndjson"), "{\"id\":\"a\"}\n{\"id\":\"b\"}\n").unwrap();
    fs::write(path.join("one.ndjson"), "{\"id\":\"a\"}\n").unwrap();
    let tool = |args: &[&str]| Tool::new("knas-predict").args(args).current_dir(path);
    for (args, said) in [
        (&["pictures"][..], "--model FILE"),
        (&["--model", "two.ndjson", "pictures"], "several records"),
        (
            &["--model", "one.ndjson", "pictures"],
            "finetune.checkpoint",
        ),
        (
            &["--model", "run/a.optimizer.safetensors", "pictures"],
            "does not say what network",
        ),
        (
            &[
                "--model",
                "run/a.safetensors",
                "--tokenizer",
                "x",
                "pictures",
            ],
            "for texts",
        ),
        (
            &[
                "--model",
                "run/a.safetensors",
                "-o",
                "x",
                "--resume",
                "pictures",
            ],
            "--resume",
        ),
    ] {
        let run = tool(args).run().expect_code(2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

/// What waits for somebody to write into it is no image, and nobody waits for it.
#[test]
fn a_pipe_and_a_picture_in_the_way_cost_nothing_else() {
    let folder = scratch();
    let path = folder.path();
    let _ = trained(path);
    let pipe = Command::new("mkfifo").arg(path.join("pipe.png")).status();
    assert!(pipe.unwrap().success());
    let run = predict(
        path,
        &["pipe.png", "pictures/red/1.png", "pictures/red/2.png"],
    )
    .run();
    let found = lines(&run.expect_code(1).stdout);
    assert_eq!(found[0]["error"]["kind"], "bad_input");
    assert_eq!(
        (&found[1]["class"], &found[2]["class"]),
        (&json!("red"), &json!("red"))
    );
    let before = fs::read(path.join("pictures/red/1.png")).unwrap();
    let run = predict(path, &["pictures", "-o", "pictures/red/1.png"]).run();
    let _ = run.expect_code(2).expect_stderr("same file");
    assert_eq!(fs::read(path.join("pictures/red/1.png")).unwrap(), before);
    // Two trainings of one id cannot be told apart by it.
    fs::create_dir(path.join("other")).unwrap();
    fs::copy(
        path.join("run/a.safetensors"),
        path.join("other/a.safetensors"),
    )
    .unwrap();
    let files = ["run/a.safetensors", "other/a.safetensors"];
    let tool = Tool::new("knas-finetune").args(["--evaluate", "--data", "folder:pictures"]);
    let run = tool.args(files).current_dir(path).run();
    let _ = run.expect_code(2).expect_stderr("both weights of a");
}
