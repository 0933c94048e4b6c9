//! What every score rests on: records say it truly, and every tool that puts
//! records in an order compares it.

use std::fs;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};

/// Convolutions, a pool and a skip: every score has a value.
const SOUND: &str = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|";
/// Nothing reaches the output.
const CUT: &str = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";

fn record(id: &str, arch: &str) -> String {
    format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{arch}\"}}\n")
}

fn score(args: &[&str], input: &str) -> Outcome {
    let small = "--data noise --channels 4 --cells 1 -j 1";
    Tool::new("knas-score")
        .args(small.split(' '))
        .args(args)
        .stdin(input)
        .run()
}

/// The scores of one record, made by one run after the other.
fn rescored(runs: &[&str]) -> Value {
    let mut lines = record("a", SOUND);
    for run in runs {
        let args: Vec<&str> = run.split(' ').collect();
        lines = score(&args, &lines).expect_code(0).stdout;
    }
    serde_json::from_str(&lines).unwrap()
}

/// The block that holds for a score, without its names.
fn block(record: &Value, name: &str) -> Value {
    let scored = &record["scored"];
    let names = |block: &&Value| block["names"].as_array().unwrap().contains(&json!(name));
    let mut block = match scored.as_array() {
        Some(blocks) => blocks.iter().find(names).unwrap().clone(),
        None => scored.clone(),
    };
    block.as_object_mut().unwrap().remove("names");
    block
}

fn names(record: &Value) -> Vec<Value> {
    let blocks = record["scored"].as_array().unwrap().iter();
    blocks.map(|block| block["names"].clone()).collect()
}

#[test]
fn scores_of_several_runs_keep_what_each_rests_on() {
    let first = "-n 4 --proxy grad-norm,mgm --seeds 2";
    let both = rescored(&[first, "-n 8 --proxy mgm,naswot --seed 3"]);
    // A score that is replaced leaves the block that it was in.
    assert_eq!(
        names(&both),
        [json!(["grad-norm"]), json!(["mgm"]), json!(["naswot"])]
    );
    let fields = |name: &str| {
        let block = block(&both, name);
        ["samples", "seeds", "norm", "init"].map(|field| block[field].clone())
    };
    let one = [json!(4), json!([0, 1]), json!("sample"), json!("default")];
    assert_eq!(fields("grad-norm"), one);
    let two = [json!(8), json!([3]), json!("sample"), json!("default")];
    assert_eq!(fields("mgm"), two);
    let three = [json!(8), json!([3]), json!("batch"), json!("default")];
    assert_eq!(fields("naswot"), three);
    // Over one seed there is no deviation, and none is left of two.
    assert_eq!(both["scores_std"].as_object().unwrap().len(), 1);
    assert!(both["scores_std"]["grad-norm"].is_number());

    // What was made in the same way is one block, in however many runs.
    let same = rescored(&["-n 4 --proxy grad-norm", "-n 4 --proxy mgm,params"]);
    assert_eq!(same["scored"], block(&same, "mgm"));
    let again = rescored(&[first, "-n 8 --proxy mgm", "-n 8 --proxy grad-norm"]);
    assert_eq!(again["scored"]["samples"], 8);
    assert_eq!(again.get("scores_std"), None);
}

#[test]
fn a_score_of_unknown_origin_is_claimed_by_no_block() {
    let foreign = record("a", SOUND).replace("}\n", ",\"scores\":{\"mine\":1}}\n");
    let run = score(&["-n", "4"], &foreign).expect_code(0);
    assert_eq!(names(&run.records()[0]), [json!(["mgm"])]);
    let wrong = foreign.replace("}}\n", "},\"scored\":5}\n");
    let run = score(&["-n", "4"], &wrong).expect_code(1);
    let _ = run.expect_stderr("stdin:1: a: bad_record: field \"scored\"");
}

/// As records were written that knew one block for everything.
#[test]
fn one_block_over_all_scores_is_read() {
    let old = json!({"data": "cifar10", "data_sha256": ["00"], "samples": 50, "seeds": [0],
        "norm": "each score's own", "init": "default", "dtype": "float32",
        "network": {"channels": 16}, "tool": "knas-score 0.1.0", "libtorch": "2.11.0"});
    let old_record = record("a", SOUND).replace(
        "}\n",
        &format!(",\"scores\":{{\"zen\":1,\"mgm\":2}},\"scored\":{old}}}\n"),
    );
    let run = score(&["-n", "4"], &old_record).expect_code(0);
    let new = &run.records()[0];
    assert_eq!(names(new), [json!(["mgm"]), json!(["zen"])]);
    assert_eq!(block(new, "zen"), old);
    assert_eq!(block(new, "mgm")["samples"], 4);
}

/// The flags that a block stands for; where a flag has no word for it, it is
/// what its scores have by default.
fn flags(names: &str, block: &Value) -> Vec<String> {
    let number = |path: &str| block.pointer(path).unwrap().to_string();
    let mut flags: Vec<String> = ["--proxy", names, "--data", block["data"].as_str().unwrap()]
        .map(str::to_owned)
        .into();
    for (flag, path) in [
        ("-n", "/samples"),
        ("--seed", "/seeds/0"),
        ("--channels", "/network/channels"),
        ("--cells", "/network/cells"),
    ] {
        flags.extend([flag.to_owned(), number(path)]);
    }
    flags.push("--seeds".to_owned());
    flags.push(block["seeds"].as_array().unwrap().len().to_string());
    for (field, known) in [
        ("norm", ["sample", "batch"]),
        ("init", ["default", "kaiming"]),
    ] {
        let value = block[field].as_str().unwrap();
        if known.contains(&value) {
            flags.extend([format!("--{field}"), value.to_owned()]);
        }
    }
    flags
}

/// Every score, computed again under exactly what its record says.
#[test]
fn every_score_is_what_it_is_under_the_settings_it_names() {
    for more in [
        &["--seed", "2"][..],
        &["--init", "kaiming", "--norm", "sample"],
    ] {
        let args = [&["--proxy", "all", "-n", "50"], more].concat();
        let all = &score(&args, &record("a", SOUND)).expect_code(0).records()[0];
        let mut count = 0;
        for block in all["scored"].as_array().unwrap() {
            let names = block["names"].as_array().unwrap().iter();
            let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
            let run = Tool::new("knas-score")
                .args(flags(&names.join(","), block))
                .stdin(record("a", SOUND))
                .run();
            let again = &run.expect_code(0).records()[0];
            for name in names {
                let value = &again["scores"][name];
                assert_eq!(*value, all["scores"][name], "{name} under {block}");
                count += 1;
            }
            let mut said = block.clone();
            said.as_object_mut().unwrap().remove("names");
            assert_eq!(again["scored"], said);
        }
        assert_eq!(count, all["scores"].as_object().unwrap().len());
        assert!(count > 25, "{all}");
    }
}

#[test]
fn what_a_run_would_make_otherwise_is_not_kept() {
    let folder = scratch();
    let file = folder.path().join("scores.ndjson");
    let cells = record("a", SOUND) + &record("b", CUT);
    let run = |more: &[&str]| {
        let all = [
            "-n",
            "4",
            "--proxy",
            "mgm,naswot",
            "-o",
            file.to_str().unwrap(),
        ];
        score(&[&all[..], more].concat(), &cells)
    };
    let _ = run(&[]).expect_code(0);
    let whole = fs::read_to_string(&file).unwrap();
    let _ = run(&["--resume"])
        .expect_code(0)
        .expect_stderr("2 records kept");
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    for (flag, value, said) in [
        ("--norm", "batch", "norm (sample, batch)"),
        ("--init", "kaiming", "init (default, kaiming)"),
        ("--seed", "1", "seeds ([0], [1])"),
        ("--seeds", "2", "seeds ([0], [0,1])"),
        ("--samples", "5", "samples (4, 5)"),
        ("--channels", "5", "network.channels (4, 5)"),
    ] {
        let refused = run(&["--resume", flag, value]).expect_code(2);
        let _ = refused
            .expect_stderr("a was scored with other settings")
            .expect_stderr(said);
        assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    }
}

/// Records of two scores: of `zen`, b says something else than a and c do.
fn mixed() -> String {
    let line = |id: &str, value: u32, seed: u32| {
        let mut block = json!({"data": "noise", "data_sha256": ["00"], "samples": 8, "seeds": [0],
            "norm": "sample", "init": "default", "dtype": "float32", "network": {"channels": 4},
            "tool": "knas-score 0.1.0", "libtorch": "2.11.0", "names": ["mgm"]});
        let mgm = block.clone();
        block["names"] = json!(["zen"]);
        block["seeds"] = json!([seed]);
        let record = json!({"id": id, "params": value, "scores": {"mgm": value, "zen": value},
            "score": value, "score_by": "mgm", "scored": [mgm, block],
            "finetune": {"valid_accuracy": 0.5, "epochs": 3, "data": "noise", "hyper": {"epochs": seed}}});
        format!("{record}\n")
    };
    line("a", 1, 0) + &line("b", 2, 7) + &line("c", 3, 0)
}

const SEEDS: &str = "a and b were scored with different seeds ([0], [7])";
const EPOCHS: &str = "a and b were trained with different hyper.epochs (0, 7)";

#[test]
fn ranking_compares_what_the_scores_that_rank_rest_on() {
    let rank = |args: &[&str]| Tool::new("knas-rank").args(args).stdin(mixed()).run();
    for quiet in [&[][..], &["-q"]] {
        for by in ["zen", "-zen", "mgm,zen", "scores.zen"] {
            let run = rank(&[&["--by", by], quiet].concat()).expect_code(0);
            let run = run.expect_stderr(SEEDS);
            assert!(
                run.stderr.contains("values of zen may not"),
                "{}",
                run.stderr
            );
        }
        let trained = ["--by", "finetune.valid_accuracy"];
        let _ = rank(&[&trained, quiet].concat())
            .expect_code(0)
            .expect_stderr(EPOCHS);
        for by in [&[][..], &["--by", "mgm"], &["--by", "params"]] {
            let run = rank(&[by, quiet].concat()).expect_code(0);
            assert_eq!(run.stderr, "", "{by:?}");
        }
    }
}

#[test]
fn judging_compares_what_the_scores_that_are_judged_rest_on() {
    let folder = scratch();
    let file = folder.path().join("truth.csv");
    fs::write(&file, "id,accuracy\na,1\nb,2\nc,3\n").unwrap();
    let eval = |args: &[&str]| Tool::new("knas-eval").args(args).stdin(mixed()).run();
    for quiet in [&[][..], &["-q"]] {
        let truth = ["--truth", file.to_str().unwrap()];
        let _ = eval(&[&truth, quiet].concat())
            .expect_code(0)
            .expect_stderr(SEEDS);
        let by = eval(&[&truth, &["--by", "mgm"], quiet].concat()).expect_code(0);
        assert_eq!(by.stderr, "");
        // What training reached, in the records themselves and as a truth.
        let own = eval(&[&["--by", "mgm"], quiet].concat());
        let _ = own.expect_code(0).expect_stderr(EPOCHS);
        let trained = folder.path().join("trained.ndjson");
        fs::write(&trained, mixed()).unwrap();
        let truth = ["--truth", trained.to_str().unwrap(), "--by", "mgm"];
        let _ = eval(&[&truth, quiet].concat())
            .expect_code(0)
            .expect_stderr(EPOCHS);
    }
}

#[test]
fn the_page_compares_and_tells_the_settings_apart() {
    let report = |records: &str| Tool::new("knas-report").stdin(records).arg("-q").run();
    let run = report(&mixed()).expect_code(0).expect_stderr(SEEDS);
    let said = run
        .stdout
        .matches("class=\"warning\">a and b were scored")
        .count();
    assert_eq!(said, 1, "{}", run.stdout);
    assert!(run.stdout.contains("<dt>Scores</dt><dd>mgm, zen</dd>"));
    assert!(run.stdout.contains("<dt>Seeds</dt><dd>7</dd>"));
    let alike: String = mixed()
        .lines()
        .filter(|line| !line.contains("\"b\""))
        .collect();
    let run = report(&alike.replace("}{", "}\n{")).expect_code(0);
    assert_eq!(run.stderr, "");
    assert!(!run.stdout.contains("class=\"warning\""));
    // What a later record of a candidate says stands.
    let later = mixed()
        + &mixed()
            .lines()
            .nth(1)
            .unwrap()
            .replace("[7]", "[0]")
            .replace(":7", ":0");
    let run = report(&later).expect_code(0);
    assert_eq!(run.stderr, "");
}

/// Whoever runs it, and however silent: noise is never scored on without a word,
/// and no data set is found or missed by the environment alone.
#[test]
fn noise_is_announced_without_a_home_and_when_quiet_too() {
    let empty = scratch();
    let run = |home: Option<&str>| {
        let mut command = Tool::new("knas-score")
            .args(["-q", "-n", "2", "--channels", "4", "--cells", "1"])
            .command();
        command
            .env_remove("XDG_CACHE_HOME")
            .env_remove("HOME")
            .current_dir(empty.path());
        if let Some(home) = home {
            command.env("HOME", home);
        }
        command.arg("/dev/null").output().unwrap()
    };
    let outcome = run(Some(empty.path().to_str().unwrap()));
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(said.contains("scoring on noise"), "{said}");
    // Without HOME it is the home that the system knows of, and not a folder
    // that happens to be named so where the tool runs.
    fs::create_dir_all(empty.path().join("knas/cifar10")).unwrap();
    let outcome = run(None);
    assert_eq!(outcome.status.code(), Some(0));
}

#[test]
fn blocks_keep_to_the_published_schema() {
    let schema = Tool::new("knas-score").arg("--schema").run().expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let cells = record("a", SOUND) + &record("b", CUT);
    let run = score(&["-n", "50", "--proxy", "mgm,params,zen,naswot"], &cells).expect_code(0);
    for record in run.records() {
        let errors: Vec<String> = validator
            .iter_errors(&record)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{record}: {errors:?}");
        assert!(record["scored"].is_array());
        let mut wrong = record.clone();
        wrong["scored"][0]["samples"] = json!("many");
        assert!(!validator.is_valid(&wrong));
    }
}
