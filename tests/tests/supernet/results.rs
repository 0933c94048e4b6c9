//! What it writes.

use std::fs;

use knas_tests::Tool;
use serde_json::Value;

use crate::Bench;

#[test]
fn records_are_those_of_knas_sample_and_say_how_they_were_found() {
    let bench = Bench::set_up();
    let schema = bench.supernet(&["--schema"]).run().expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for method in ["drnas", "darts", "one-shot", "freedarts"] {
        let args = ["--method", method, "-n", "4", "--candidates", "6"];
        let run = bench.supernet(&args).run().expect_code(0);
        let records = run.records();
        assert_eq!(records.len(), 4, "{method}");
        for record in &records {
            let errors: Vec<_> = schema.iter_errors(record).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?} {record}");
            let arch = record["arch"].as_str().unwrap();
            let sampled = Tool::new("knas-sample").args(["--arch", arch]).run();
            let sampled = &sampled.expect_code(0).records()[0];
            for (name, value) in sampled.as_object().unwrap() {
                assert_eq!(&record[name], value, "{method} {name}");
            }
            let found = &record["supernet"];
            assert_eq!(found["method"], method);
            assert_eq!(found["network"]["channels"], 2);
            let epochs = if method == "freedarts" { 0 } else { 3 };
            assert_eq!(
                (&found["epochs"], &found["seed"]),
                (&epochs.into(), &0.into())
            );
        }
        let numbers = |field: &str| -> Vec<Option<f64>> {
            records
                .iter()
                .map(|r| r["supernet"][field].as_f64())
                .collect()
        };
        if method == "freedarts" {
            continue;
        }
        let by = if method == "one-shot" {
            "valid_accuracy"
        } else {
            "probability"
        };
        assert!(numbers(by).iter().all(Option::is_some), "{method}");
        assert!(
            numbers(by).is_sorted_by(|a, b| a >= b),
            "{method}: {:?}",
            numbers(by)
        );
        assert_eq!(numbers("margin")[0].is_some(), method != "one-shot");
    }
}

#[test]
fn what_is_taken_away_is_told_round_by_round() {
    let bench = Bench::set_up();
    for (more, rounds, allowed) in [
        (&["--method", "freedarts"][..], 4, 5),
        (
            &[
                "--method",
                "te-nas",
                "--by",
                "mgm,linear-regions",
                "--samples",
                "8",
                "--repeats",
                "2",
            ],
            3,
            4,
        ),
        (
            &[
                "--method",
                "te-nas",
                "--by",
                "auto",
                "--samples",
                "8",
                "--repeats",
                "1",
            ],
            3,
            4,
        ),
    ] {
        let args = [more, &["--log", "log.ndjson"]].concat();
        let run = bench.supernet(&args).run().expect_code(0);
        let log = fs::read_to_string(bench.path().join("log.ndjson")).unwrap();
        let log: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(log.len(), rounds, "{more:?}");
        let mut gone = vec![Vec::new(); 6];
        for round in &log {
            let removed = round["removed"].as_array().unwrap();
            assert_eq!(removed.len(), 6);
            for (gone, removed) in gone.iter_mut().zip(removed) {
                gone.push(removed["option"].as_str().unwrap().to_owned());
            }
        }
        // What is left on each edge is what is written.
        let record = &run.records()[0];
        let arch = record["arch"].as_str().unwrap();
        let kept: Vec<&str> = arch
            .split(['|', '+', '~'])
            .filter(|word| word.len() > 3)
            .collect();
        assert_eq!(kept.len(), 6);
        for (kept, gone) in kept.iter().zip(&gone) {
            assert!(!gone.iter().any(|option| option == kept), "{kept} {gone:?}");
            assert_eq!(gone.len(), allowed - 1);
        }
        assert_eq!(record["supernet"]["method"], more[1]);
        assert!(record["supernet"].get("hyper").is_none());
        let again = bench.supernet(&args).run().expect_code(0);
        assert_eq!(run.stdout, again.stdout);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let bench = Bench::set_up();
    let out = |seed: &str| {
        let args = ["--seed", seed, "--log", "log.ndjson", "-n", "3"];
        let run = bench.supernet(&args).run().expect_code(0);
        (
            run.stdout,
            fs::read_to_string(bench.path().join("log.ndjson")).unwrap(),
        )
    };
    let (first, again, other) = (out("1"), out("1"), out("2"));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn the_log_has_a_line_for_every_epoch() {
    let bench = Bench::set_up();
    let args = ["--log", "log.ndjson", "--warm-up", "1"];
    let run = bench.supernet(&args).run().expect_code(0);
    let log = fs::read_to_string(bench.path().join("log.ndjson")).unwrap();
    let epochs: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(epochs.len(), 3);
    for (number, epoch) in (1..).zip(&epochs) {
        assert_eq!(epoch["epoch"], number);
        assert!(epoch["train_loss"].as_f64().unwrap() > 0.0);
        // Nothing is learnt of the options before the warm-up is over.
        assert_eq!(epoch.get("valid_loss").is_some(), number > 1);
        let theta = epoch["theta"].as_array().unwrap();
        assert_eq!(theta.len(), 6);
        assert!(theta.iter().all(|row| row.as_array().unwrap().len() == 5));
    }
    assert_ne!(epochs[0]["theta"], epochs[1]["theta"]);
    assert_eq!(epochs[2]["found"], run.records()[0]["id"]);
}

#[test]
fn parents_leave_only_their_options() {
    let bench = Bench::set_up();
    let cell = |edge: &str| {
        format!("|{edge}~0|+|{edge}~0|nor_conv_1x1~1|+|skip_connect~0|none~1|{edge}~2|")
    };
    let (one, two) = (cell("nor_conv_3x3"), cell("avg_pool_3x3"));
    let sampled = Tool::new("knas-sample")
        .args(["--arch", &one, "--arch", &two])
        .run();
    fs::write(
        bench.path().join("parents.ndjson"),
        sampled.expect_code(0).stdout,
    )
    .unwrap();
    let args = [
        "--parents",
        "parents.ndjson",
        "-n",
        "100",
        "--method",
        "darts",
    ];
    let run = bench.supernet(&args).run().expect_code(1);
    // Three edges have two options each.
    let records = run.records();
    assert_eq!(records.len(), 8, "{}", run.stderr);
    for record in records {
        let arch = record["arch"].as_str().unwrap();
        assert!(
            arch.contains("nor_conv_1x1~1|+|skip_connect~0|none~1|"),
            "{arch}"
        );
    }
}
