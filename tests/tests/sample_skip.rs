//! `knas-sample --space roberta-skip`: encoders with extra connections.

use std::collections::HashSet;
use std::fs;

use knas_tests::{Outcome, Tool, scratch, shared};
use serde_json::Value;

fn sample(args: &[&str]) -> Outcome {
    Tool::new("knas-sample")
        .args(["--space", "roberta-skip"])
        .args(args)
        .run()
}

fn texts(outcome: &Outcome, field: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    outcome.column(field).iter().map(text).collect()
}

#[test]
fn the_encoder_comes_first_and_counts_as_one() {
    let drawn = sample(&["--preset", "minilm", "-n", "50", "--with-baseline"]).expect_code(0);
    let first = drawn.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "{\"id\":\"roberta-skip-minilm-plain\",\"space\":\"roberta-skip\",\
         \"arch\":\"minilm:1|2|3|4|5|6|head\",\"params\":22713986,\"macs\":1434600192}"
    );
    let ids: HashSet<String> = texts(&drawn, "id").into_iter().collect();
    assert_eq!(ids.len(), 50);
    for arch in texts(&drawn, "arch") {
        let links = arch.matches('~').count();
        assert!(links <= 4 && arch.starts_with("minilm:1|2"), "{arch}");
    }
    let again = sample(&["--preset", "minilm", "-n", "20", "--with-baseline"]).expect_code(0);
    assert!(drawn.stdout.starts_with(&again.stdout));
    let other = sample(&["--preset", "minilm", "-n", "20", "--seed", "1"]).expect_code(0);
    assert_ne!(texts(&other, "id"), texts(&again, "id"));
}

#[test]
fn links_and_layers_left_out_are_bounded_and_all_are_found() {
    // 4 layers have 10 possible links: 1 + 2·10 layouts with all layers; of the
    // four ways to leave one out each has 6 possible links.
    let all = sample(&["--preset", "tiny", "--links", "1", "-n", "22"]);
    let all = all
        .expect_code(1)
        .expect_stderr("only 21 of the 22 records");
    assert_eq!(all.records().len(), 21);
    let more = [
        "--preset", "tiny", "--links", "1", "--drop", "1", "-n", "73",
    ];
    assert_eq!(sample(&more).expect_code(0).records().len(), 21 + 4 * 13);
    let few = [
        "--preset",
        "minilm",
        "--drop",
        "2",
        "--where",
        "params < 20e6",
        "-n",
        "5",
    ];
    for arch in texts(&sample(&few).expect_code(0), "arch") {
        assert_eq!(arch.matches('|').count(), 4, "{arch}");
    }
}

#[test]
fn a_folder_says_what_the_encoder_is() {
    let folder = scratch();
    let config = r#"{"model_type": "bert", "num_hidden_layers": 2, "hidden_size": 8,
        "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 30,
        "max_position_embeddings": 20, "type_vocab_size": 2, "layer_norm_eps": 1e-12}"#;
    let path = folder.path().to_str().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, config).unwrap();
    let plain = sample(&["--preset", path, "--with-baseline", "-n", "1"]).expect_code(0);
    assert_eq!(
        texts(&plain, "arch"),
        ["bert-l2-d8-h2-i16-v30-p20-t2:1|2|head"]
    );
    for (text, says) in [
        (
            config.replace("bert", "t5"),
            "config.json: model_type is \"t5\"",
        ),
        ("{}".to_owned(), "config.json: missing field `model_type`"),
        (
            config.replace("8,", "9,"),
            "2 heads do not divide a width of 9",
        ),
        ("{".repeat(2 << 20), "config.json: "),
    ] {
        fs::write(&file, text).unwrap();
        let refused = sample(&["--preset", path])
            .expect_code(2)
            .expect_stderr(says);
        assert!(refused.stderr.len() < 1000, "{}", refused.stderr);
    }
    let none = sample(&["--preset", "bart"]).expect_code(2);
    let _ = none.expect_stderr("\"bart\" is neither roberta-large, roberta-base, minilm, tiny nor");
    if let Some(real) = shared("roberta-base/config.json") {
        let real = fs::read_to_string(real).unwrap();
        fs::write(
            &file,
            real.replacen('{', "{\"model_type\": \"roberta\",", 1),
        )
        .unwrap();
        let real = sample(&["--preset", path, "-n", "3"]).expect_code(0);
        let archs = texts(&real, "arch");
        assert!(
            archs
                .iter()
                .all(|arch| arch.starts_with("roberta-base:1|2"))
        );
    }
}

#[test]
fn notations_are_read_and_what_is_none_is_named() {
    let arch = "minilm:1|2|3~0|4|5~1~3|6|head~4:mean";
    assert_eq!(
        texts(&sample(&["--arch", arch]).expect_code(0), "arch"),
        [arch]
    );
    let says = "\"head\" cannot also take \"6\": sources ascend";
    let _ = sample(&["--arch", "minilm:1|2|3|4|5|6|head~6:mean"])
        .expect_code(2)
        .expect_stderr(says);
    let _ = sample(&["--preset", "tiny", "--arch", arch])
        .expect_code(2)
        .expect_stderr("the backbone is tiny");
}

#[test]
fn mutants_are_one_decision_away_and_can_be_told_apart() {
    let parents = sample(&["--preset", "minilm", "-n", "3"])
        .expect_code(0)
        .stdout;
    let mutate = |args: &[&str]| {
        Tool::new("knas-sample")
            .args([
                "--space",
                "roberta-skip",
                "--mutate",
                "30",
                "--parents",
                "-",
            ])
            .args(args)
            .stdin(parents.as_str())
            .run()
            .expect_code(0)
    };
    let mutants = mutate(&["--links", "6"]);
    assert_eq!(mutants.stdout, mutate(&["--links", "6"]).stdout);
    let (ids, archs) = (texts(&mutants, "id"), texts(&mutants, "arch"));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 30);
    assert!(ids.iter().all(|id| !parents.contains(id.as_str())));
    assert!(archs.iter().all(|arch| arch.starts_with("minilm:1|2")));
}

#[test]
fn what_one_space_has_the_other_refuses() {
    for (args, says) in [
        (
            &["--all"][..],
            "roberta-skip cannot be enumerated; -n draws from it",
        ),
        (&["--range", "0..5"], "roberta-skip cannot be enumerated"),
        (
            &["--unique=benchmark"],
            "roberta-skip knows network, function",
        ),
    ] {
        let _ = sample(args).expect_code(2).expect_stderr(says);
    }
    for args in [
        &["--preset", "tiny"][..],
        &["--links", "2"],
        &["--drop", "0"],
    ] {
        let run = Tool::new("knas-sample").args(args).run();
        let _ = run
            .expect_code(2)
            .expect_stderr("nb201 has no preset, base, extra connections or layers to leave out");
    }
    let run = Tool::new("knas-sample").arg("--with-baseline").run();
    let _ = run.expect_code(2).expect_stderr("nb201 has no baseline");
    let listed = sample(&["--list-spaces"]).expect_code(0).stdout;
    assert!(
        listed.contains("roberta-skip               -  BERT and RoBERTa"),
        "{listed}"
    );
}

#[test]
fn layers_of_other_numbers_are_one_function() {
    let archs = [
        "--arch",
        "tiny:1|3|head",
        "--arch",
        "tiny:2|4|head",
        "--arch",
        "tiny:1|3|head",
    ];
    let count = |more: &[&str]| {
        let args: Vec<&str> = archs.iter().chain(more).copied().collect();
        sample(&args).expect_code(0).records().len()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--unique"]), 2);
    assert_eq!(count(&["--unique=function"]), 1);
}

/// Scored and trained records of this space, as later tools see them.
#[test]
fn rank_eval_and_report_take_these_records() {
    let folder = scratch();
    let drawn = sample(&["--preset", "tiny", "-n", "12", "--with-baseline"]).expect_code(0);
    let mut truth = String::from("id,accuracy\n");
    let mut scored = String::new();
    for (place, mut record) in drawn.records().into_iter().enumerate() {
        truth += &format!("{},{}\n", record["id"].as_str().unwrap(), 70 + place % 5);
        record["scores"] = serde_json::json!({"mgm": place});
        record["score"] = place.into();
        record["score_by"] = "mgm".into();
        scored += &format!("{record}\n");
    }
    fs::write(folder.path().join("truth.csv"), truth).unwrap();
    let run = |tool: &str, args: &[&str]| {
        let tool = Tool::new(tool).args(args).current_dir(folder.path());
        tool.stdin(scored.as_str()).run().expect_code(0)
    };
    let best = run("knas-rank", &["-k", "12", "--unique=network"]);
    assert_eq!(best.records().len(), 12);
    assert_eq!(texts(&best, "id")[11], "roberta-skip-tiny-plain");
    let told = run("knas-eval", &["--truth", "truth.csv"]).stdout;
    assert!(told.contains("mgm"), "{told}");
    let _ = run(
        "knas-report",
        &["-o", "report.html", "--truth", "truth.csv"],
    );
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    for arch in texts(&drawn, "arch") {
        assert!(page.contains(&arch), "{arch}");
    }
}
