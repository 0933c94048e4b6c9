//! knas-score, run as a user runs it: what it writes, and that it is the same
//! whatever the jobs, the order and the run.

use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};

/// A network small enough for a test, on noise.
const SMALL: [&str; 9] = [
    "--data",
    "noise",
    "--channels",
    "4",
    "--cells",
    "1",
    "--samples",
    "6",
    "--quiet",
];

fn cells(args: &[&str]) -> String {
    Tool::new("knas-sample")
        .args(args)
        .run()
        .expect_code(0)
        .stdout
}

fn score(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-score")
        .args(SMALL)
        .args(args)
        .stdin(input)
        .run()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn records_gain_scores_and_where_they_come_from() {
    let input = cells(&["-n", "3"]);
    let run = score(&["--proxy", "grad-norm,mgm,params,macs"], &input).expect_code(0);
    for (record, line) in run.records().iter().zip(input.lines()) {
        let before: Value = serde_json::from_str(line).unwrap();
        for field in ["id", "space", "arch", "params", "macs"] {
            assert_eq!(record[field], before[field]);
        }
        assert_eq!(record["score"], record["scores"]["grad-norm"]);
        assert_eq!(record["score_by"], "grad-norm");
        assert!(record["scores"]["mgm"].as_f64().unwrap() > 0.0);
        let scored = &record["scored"];
        assert_eq!(scored["data"], "noise");
        assert_eq!(scored["samples"], 6);
        assert_eq!(scored["seeds"], json!([0]));
        assert_eq!(scored["norm"], "sample");
        assert_eq!(
            scored["network"],
            json!({"channels":4,"cells":1,"classes":10,"side":32})
        );
        assert_eq!(scored["data_sha256"][0].as_str().unwrap().len(), 64);
        assert!(record.get("meta").is_none());
    }
    let records = run.records();
    let names: Vec<&String> = records[0].as_object().unwrap().keys().collect();
    assert_eq!(names[..5], ["id", "space", "arch", "params", "macs"]);
}

#[test]
fn the_default_size_counts_as_the_sample_does() {
    let run = Tool::new("knas-score")
        .args(["--data", "noise", "-n", "2", "-q", "--proxy", "params,macs"])
        .stdin(cells(&["-n", "5"]))
        .run()
        .expect_code(0);
    for record in run.records() {
        assert_eq!(
            record["scores"]["params"].as_f64(),
            record["params"].as_f64()
        );
        assert_eq!(record["scores"]["macs"].as_f64(), record["macs"].as_f64());
    }
}

#[test]
fn bytes_depend_on_neither_jobs_nor_order_nor_run() {
    let input = cells(&["-n", "24"]);
    let one = score(&["-j", "1"], &input).expect_code(0).stdout;
    assert_eq!(score(&["-j", "2"], &input).expect_code(0).stdout, one);
    assert_eq!(score(&["-j", "5"], &input).expect_code(0).stdout, one);
    let mut lines: Vec<&str> = input.lines().collect();
    lines.reverse();
    lines.rotate_left(7);
    let shuffled = score(&["-j", "2"], &lines.join("\n")).expect_code(0).stdout;
    assert_ne!(shuffled, one);
    assert_eq!(sorted(&shuffled), sorted(&one));
    // Nor on the other records.
    let alone = score(&["-j", "1"], lines[0]).expect_code(0).stdout;
    assert!(one.contains(&alone));
}

/// Cells that are one network, made from the six operations of a random cell: what
/// dead edges are, which of two nodes comes first, and whether an edge starts at a
/// node or at a skip from it makes no difference.
fn classes(of: [&str; 6], by: [&str; 6]) -> [[String; 2]; 4] {
    let cell = |[a, b, c, d, e, f]: [&str; 6]| {
        cells(&[
            "--arch",
            &format!("|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"),
        ])
    };
    let [a, b, c, d, e, f] = of;
    let [g, h, ..] = by;
    let (none, skip) = ("none", "skip_connect");
    [
        [[a, b, c, d, e, none], [a, g, h, d, e, none]],
        [[a, b, none, d, none, f], [b, g, h, d, f, none]],
        [[a, b, none, d, e, f], [b, a, none, d, f, e]],
        [[skip, b, none, d, e, f], [skip, none, b, e, d, f]],
    ]
    .map(|class| class.map(cell))
}

/// Scored once and given to every member, against scoring each member by itself,
/// in a run with members of other classes.
#[test]
fn cells_that_are_one_network_get_the_same_bits() {
    let drawn = Tool::new("knas-sample")
        .args(["-n", "4", "--seed", "17"])
        .run();
    let archs = drawn.column("arch");
    let operations: Vec<[&str; 6]> = archs
        .iter()
        .map(|arch| {
            let edges = arch.as_str().unwrap().split(['|', '+']);
            let names = edges.filter_map(|edge| Some(edge.split_once('~')?.0));
            names.collect::<Vec<_>>().try_into().unwrap()
        })
        .collect();
    let classes: Vec<[String; 2]> = operations
        .chunks(2)
        .flat_map(|pair| classes(pair[0], pair[1]))
        .collect();
    let scores = |input: &str| {
        let proxies = "kernel,az,snip,synflow,naswot,zico,meco";
        let records = score(&["--proxy", proxies, "-n", "50"], input).records();
        let of = |record: &Value| (record["scores"].clone(), record["error"].clone());
        records.iter().map(of).collect::<Vec<_>>()
    };
    let members: Vec<&str> = classes.iter().flatten().map(String::as_str).collect();
    let together = scores(&members.concat());
    assert_eq!(together.len(), members.len());
    for place in 0..2 {
        let apart: Vec<&str> = classes.iter().map(|class| class[place].as_str()).collect();
        for (class, alone) in scores(&apart.concat()).iter().enumerate() {
            assert_eq!(together[2 * class + place], *alone, "{}", apart[class]);
            assert_eq!(together[2 * class], *alone, "{}", apart[class]);
        }
    }
}

/// `auto` is the same scores to the tool that computes them and to the one that
/// ranks by them; a cell that is cut off from its input comes last.
#[test]
fn auto_is_scored_and_ranked() {
    let cut_off = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    let input = cells(&["-n", "3"]) + &cells(&["--arch", cut_off]);
    let scored = score(&["--proxy", "auto", "-n", "8"], &input).expect_code(0);
    let scores = scored.records()[0]["scores"].as_object().unwrap().clone();
    let names: Vec<String> = scores.keys().cloned().collect();
    let rank = |args: &[&str]| {
        let tool = Tool::new("knas-rank").args(args);
        tool.stdin(scored.stdout.as_str()).run()
    };
    let auto = rank(&["--by", "auto"]).expect_code(0);
    let by = format!("log-rank({})", names.join(","));
    assert_eq!(auto.column("score_by"), [by.as_str(); 4].map(Value::from));
    assert_eq!(auto.records()[3]["arch"], cut_off);
    let spelled = rank(&["--by", &names.join(","), "--combine", "log-rank"]);
    assert_eq!(auto.stdout, spelled.stdout);
    let mixed = rank(&["--by", "auto,-params"]).expect_code(0);
    let by = format!("log-rank({},-params)", names.join(","));
    assert_eq!(mixed.column("score_by"), [by.as_str(); 4].map(Value::from));
    let pareto = rank(&["--by", "auto", "--combine", "pareto"]).expect_code(2);
    let _ = pareto.expect_stderr(&format!("name its scores: {}", names.join(",")));
}

#[test]
fn seeds_are_averaged() {
    let input = cells(&["-n", "2"]);
    let of = |args: &[&str]| score(args, &input).expect_code(0).records();
    let values: Vec<Vec<Value>> = ["7", "8", "9"].map(|seed| of(&["--seed", seed])).into();
    let mean = of(&["--seed", "7", "--seeds", "3"]);
    for cell in 0..2 {
        let singles = values.iter().map(|v| v[cell]["score"].as_f64().unwrap());
        let expected = singles.clone().sum::<f64>() / 3.0;
        let spread = singles.map(|v| (v - expected).powi(2)).sum::<f64>() / 2.0;
        let close =
            |value: &Value, expected: f64| (value.as_f64().unwrap() / expected - 1.0).abs() < 1e-12;
        assert!(close(&mean[cell]["score"], expected));
        assert!(close(&mean[cell]["scores_std"]["mgm"], spread.sqrt()));
        assert_eq!(mean[cell]["scored"]["seeds"], json!([7, 8, 9]));
        assert!(values[0][cell].get("scores_std").is_none());
    }
}

#[test]
fn what_was_dumped_gives_the_same_score_when_read_back() {
    let folder = scratch();
    let dump = folder.path().join("dump");
    let dump = dump.to_str().unwrap();
    let input = cells(&["-n", "4"]);
    let drawn = score(&["--dump", dump, "--seed", "3"], &input)
        .expect_code(0)
        .records();
    let read = score(&["--weights", dump, "--seed", "3"], &input)
        .expect_code(0)
        .records();
    for (drawn, read) in drawn.iter().zip(&read) {
        assert_eq!(drawn["scores"], read["scores"]);
        assert_eq!(read["scored"]["init"], "file");
    }
    let one = format!("{dump}/{}.safetensors", drawn[0]["id"].as_str().unwrap());
    let line = input.lines().next().unwrap();
    let read = score(&["--weights", &one, "--seed", "3"], line)
        .expect_code(0)
        .records();
    assert_eq!(drawn[0]["scores"], read[0]["scores"]);
}

#[test]
fn other_scores_of_a_record_stay() {
    let input = r#"{"id":"a","scores":{"zen":1.50,"mgm":-1},"space":"nb201","arch":"|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"}"#;
    let run = score(&[], input).expect_code(0);
    assert!(
        run.stdout.contains("\"scores\":{\"zen\":1.50,\"mgm\":"),
        "{}",
        run.stdout
    );
    assert!(run.records()[0]["scores"]["mgm"].as_f64().unwrap() > 0.0);
}

#[test]
fn meta_tells_about_machine_and_run_only_when_asked() {
    let run = score(&["--meta"], &cells(&["-n", "1"])).expect_code(0);
    let meta = &run.records()[0]["meta"]["score"];
    assert_eq!(meta["device"], "cpu");
    assert!(meta["milliseconds"].as_f64().unwrap() > 0.0);
    assert!(meta["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(meta["joules"].as_f64().unwrap() > 0.0);
}

#[test]
fn without_data_it_is_noise_and_says_so() {
    let empty = scratch();
    let run = Tool::new("knas-score")
        .args(["--channels", "4", "--cells", "1", "-n", "2"])
        .env("XDG_CACHE_HOME", empty.path())
        .stdin(cells(&["-n", "1"]))
        .run()
        .expect_code(0)
        .expect_stderr("scoring on noise");
    assert_eq!(run.records()[0]["scored"]["data"], "noise");
}

#[test]
fn output_keeps_to_the_published_schema() {
    let schema = Tool::new("knas-score").arg("--schema").run().expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut input = cells(&["-n", "3"]);
    input += r#"{"id":"broken","space":"nb201","arch":"|x|"}"#;
    let run = score(
        &["--seeds", "2", "--meta", "--proxy", "kernel", "-n", "50"],
        &input,
    )
    .expect_code(1);
    assert_eq!(run.records().len(), 4);
    for record in run.records() {
        let errors: Vec<String> = validator
            .iter_errors(&record)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{record}: {errors:?}");
    }
    assert!(!validator.is_valid(&json!({"id": "a", "score": "high"})));
}

#[test]
fn the_scores_are_listed() {
    let table = Tool::new("knas-score")
        .arg("--list-proxies")
        .run()
        .expect_code(0)
        .stdout;
    let records = Tool::new("knas-score")
        .arg("--list-proxies=ndjson")
        .run()
        .expect_code(0);
    assert!(records.records().len() >= 9);
    for name in records.column("name") {
        assert!(table.contains(name.as_str().unwrap()), "{name}");
    }
}
