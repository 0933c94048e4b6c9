//! A space whose networks have no size but their own, from the sample to the file
//! that is evaluated alone.

use knas_tests::Tool;
use serde_json::{Value, json};

use crate::{Bench, reached};

const SIZE: &str = "{\"classes\":10,\"side\":32}";

fn tool(bench: &Bench, name: &str, args: &[&str]) -> Tool {
    Tool::new(name).args(args).current_dir(bench.path())
}

/// Three networks, the last of which the direct pass is made for.
fn widths() -> String {
    let archs = ["8:16:24:16:8", "24:8:8:16:8", "16:32:32:64:64"];
    let args = archs.iter().flat_map(|arch| ["--arch", arch]);
    let sample = Tool::new("knas-sample").args(["--space", "nats-sss"]);
    sample.args(args).run().expect_code(0).stdout
}

#[test]
fn widths_are_scored_and_a_run_is_taken_up() {
    let bench = Bench::set_up();
    let args = ["--data", "noise", "--samples", "8", "--proxy"];
    let proxies = "mgm,params,naswot,swap-reg,linear-regions";
    let score = tool(&bench, "knas-score", &args).args([proxies, "-o", "s.ndjson", "-q"]);
    let _ = score.stdin(widths()).run().expect_code(0);
    let text = std::fs::read_to_string(bench.path().join("s.ndjson")).unwrap();
    let records: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let pass = |record: &Value| record["scored"][0]["engine"]["pass"].clone();
    let passes: Vec<Value> = records.iter().map(pass).collect();
    assert_eq!(passes[..2], ["libtorch", "libtorch"]);
    assert!(["direct", "libtorch"].contains(&passes[2].as_str().unwrap()));
    let size: Value = serde_json::from_str(SIZE).unwrap();
    for record in &records {
        assert_eq!(record["scored"][0]["network"], size);
        assert_eq!(record["scores"]["params"], json!(record["params"].as_f64()));
        assert!(record["scores"]["swap-reg"].is_f64(), "{record}");
        let reason = record["scores_undefined"]["linear-regions"].to_string();
        assert!(reason.contains("no network of one thin cell"), "{reason}");
    }
    // What is there is kept, and is the same.
    let again = tool(&bench, "knas-score", &args);
    let again = again.args([proxies, "-o", "s.ndjson", "-q", "--resume"]);
    let _ = again.stdin(widths()).run().expect_code(0);
    let now = std::fs::read_to_string(bench.path().join("s.ndjson")).unwrap();
    assert_eq!(now, text);
    // A size that only other spaces have.
    let narrow = tool(&bench, "knas-score", &args).args(["mgm", "--channels", "8", "-q"]);
    let run = narrow.stdin(widths()).run().expect_code(1);
    for record in run.records() {
        assert_eq!(record["error"]["kind"], "bad_size");
        let message = record["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("nats-sss has no size \"channels\""),
            "{message}"
        );
    }
}

#[test]
fn widths_are_trained_evaluated_and_exported() {
    let bench = Bench::set_up();
    let data = ["--data", &bench.data, "-q"];
    let train = tool(&bench, "knas-finetune", &data)
        .args([
            "--batch",
            "40",
            "--epochs",
            "2",
            "--lr",
            "0.05",
            "--checkpoint-dir",
            "run",
        ])
        .stdin(widths().lines().next().unwrap());
    let trained = train.run().expect_code(0).records().remove(0);
    assert_eq!(
        trained["finetune"]["network"],
        serde_json::from_str::<Value>(SIZE).unwrap()
    );
    let file = trained["finetune"]["checkpoint"].as_str().unwrap();
    let alone = tool(&bench, "knas-finetune", &data).args(["--evaluate", file]);
    let alone = alone.run().expect_code(0).records().remove(0);
    assert_eq!(
        alone["evaluated"]["valid_accuracy"],
        reached(&trained, "valid_accuracy")
    );
    let export = tool(
        &bench,
        "knas-export",
        &["-f", "text", "-o", "out", file, "-q"],
    );
    let exported = export.run().expect_code(0).records().remove(0);
    let text = std::fs::read_to_string(
        bench
            .path()
            .join(exported["export"]["path"].as_str().unwrap()),
    );
    assert!(text.unwrap().contains("stem.0 [8, 3, 3, 3]"));
    // A record that claims what no data here are.
    for (name, size) in [("side", 1u64 << 40), ("side", 0), ("classes", 7)] {
        let mut other = trained.clone();
        other["finetune"]["network"][name] = size.into();
        let run = tool(&bench, "knas-finetune", &data).args(["--evaluate"]);
        let run = run.stdin(other.to_string()).run().expect_code(1);
        assert_eq!(
            run.records()[0]["error"]["kind"],
            "other_size",
            "{}",
            run.stdout
        );
    }
}
