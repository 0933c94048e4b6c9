//! A score that is undefined for a network is mathematics and no failure: the
//! other scores still rank it, and nothing about it is lost on the way.

use std::fs;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::{Value, json};

/// Every score has a value of it.
const SOUND: &str = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|";
/// Nothing reaches the output: no ReLU tells images apart, and ln 0 is −∞.
const CUT: &str = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";

fn record(id: &str, arch: &str) -> String {
    format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{arch}\"}}\n")
}

fn cells() -> String {
    record("sound", SOUND) + &record("cut", CUT)
}

fn score(args: &[&str], input: &str) -> Outcome {
    let small = "--data noise --channels 4 --cells 1 -n 6";
    Tool::new("knas-score")
        .args(small.split(' '))
        .args(args)
        .stdin(input)
        .run()
}

fn tool(name: &str, args: &[&str], input: &str) -> Outcome {
    Tool::new(name).args(args).stdin(input).run()
}

#[test]
fn an_undefined_score_beside_others_is_no_failure() {
    for more in [&[][..], &["--timeout", "100"]] {
        let args = [&["--proxy", "mgm,naswot,mgm-log,zen"], more].concat();
        let run = score(&args, &cells()).expect_code(0);
        let run = run.expect_stderr(
            "2 scored, mgm-log undefined for 1, naswot undefined for 1, zen undefined for 1, 0 failed",
        );
        let [sound, cut] = &run.records()[..] else {
            panic!("{}", run.streams());
        };
        assert_eq!(sound.get("scores_undefined"), None);
        assert_eq!(sound["scores"].as_object().unwrap().len(), 4);
        assert_eq!(cut.get("error"), None);
        assert_eq!(cut["score"], cut["scores"]["mgm"]);
        assert_eq!(cut["scores"].as_object().unwrap().len(), 1);
        let reasons = cut["scores_undefined"].as_object().unwrap();
        let names: Vec<&String> = reasons.keys().collect();
        assert_eq!(names, ["naswot", "mgm-log", "zen"]);
        for reason in reasons.values() {
            assert!(reason.as_str().unwrap().ends_with(" (seed 0)"), "{reason}");
        }
        // It is said on what it is undefined, too.
        let names = cut["scored"].as_array().unwrap().iter();
        let names: Vec<&Value> = names.map(|block| &block["names"]).collect();
        assert_eq!(
            names,
            [
                &json!(["mgm", "mgm-log"]),
                &json!(["naswot"]),
                &json!(["zen"])
            ]
        );
    }
}

#[test]
fn the_score_that_ranks_fails_the_candidate_where_it_is_undefined() {
    let run = score(&["--proxy", "naswot,mgm"], &cells()).expect_code(1);
    let run = run
        .expect_stderr("stdin:2: cut: undefined: naswot is undefined: ")
        .expect_stderr("1 scored, 1 failed");
    let cut = &run.records()[1];
    assert_eq!(cut["error"]["kind"], "undefined");
    assert_eq!((cut.get("score"), cut.get("score_by")), (None, None));
    assert!(cut["scores"]["mgm"].is_number());
    assert!(cut["scores_undefined"]["naswot"].is_string());
}

/// What failed is not called undefined, and what is undefined does not hide it.
#[test]
fn a_failure_beside_an_undefined_score_stays_a_failure() {
    let run = score(&["--proxy", "mgm,naswot,mgm-released"], &cells()).expect_code(1);
    for record in run.records() {
        assert_eq!(record["error"]["kind"], "samples");
        assert_eq!(
            record["error"]["message"],
            "mgm-released needs at least 50 samples (seed 0)"
        );
        assert!(record["scores"]["mgm"].is_number());
        assert_eq!(record.get("score"), None);
    }
    assert!(run.records()[1]["scores_undefined"]["naswot"].is_string());
}

#[test]
fn scoring_again_replaces_what_was_undefined() {
    let cut = score(&["--proxy", "mgm,naswot"], &record("a", CUT));
    let cut = cut.expect_code(0).stdout;
    // The same id with another architecture: now both have values.
    let sound = score(&["--proxy", "naswot"], &cut.replace(CUT, SOUND));
    let sound = &sound.expect_code(0).records()[0];
    assert_eq!(sound.get("scores_undefined"), None);
    assert!(sound["scores"]["naswot"].is_number());
    let back = score(
        &["--proxy", "mgm,naswot"],
        &format!("{sound}\n").replace(SOUND, CUT),
    );
    let back = &back.expect_code(0).records()[0];
    assert_eq!(back["scores"].as_object().unwrap().len(), 1);
    assert!(back["scores_undefined"]["naswot"].is_string());
}

#[test]
fn every_record_that_has_a_score_is_ranked_by_it() {
    let first = score(&["--proxy", "naswot,mgm"], &cells()).stdout;
    let rank = |args: &[&str], input: &str| tool("knas-rank", args, input);
    let ranked = rank(&["--by", "mgm"], &first).expect_code(0);
    assert_eq!(ranked.stderr, "");
    assert_eq!(ranked.column("rank"), [json!(1), json!(2)]);
    assert_eq!(ranked.column("score_by"), [json!("mgm"), json!("mgm")]);
    for record in ranked.records() {
        assert_eq!(record.get("error"), None);
        assert_eq!(record["score"], record["scores"]["mgm"]);
    }
    // Whoever goes on with it finds no failed candidate.
    let eval = scratch();
    let truth = eval.path().join("truth.csv");
    fs::write(&truth, "id,accuracy\nsound,90\ncut,10\n").unwrap();
    let truth = ["--truth", truth.to_str().unwrap(), "--format", "ndjson"];
    let lines = tool("knas-eval", &truth, &ranked.stdout).expect_code(0);
    let counts = lines.records();
    let counts: Vec<_> = counts
        .iter()
        .map(|l| (&l["score"], &l["all"]["n"]))
        .collect();
    assert!(counts.contains(&(&json!("mgm"), &json!(2))), "{counts:?}");
    assert!(
        counts.contains(&(&json!("naswot"), &json!(1))),
        "{counts:?}"
    );

    // By the score that is undefined it is not ranked, and its reason is told.
    let second = score(&["--proxy", "mgm,naswot"], &cells()).stdout;
    for by in ["naswot", "mgm,naswot"] {
        let run = rank(&["--by", by], &second).expect_code(1);
        let run = run
            .expect_stderr("stdin:2: cut: undefined: naswot is undefined: ")
            .expect_stderr("0 from earlier stages, 1 from this one, of which 1 have no value of ");
        let cut = &run.records()[1];
        assert_eq!(
            (&cut["error"]["stage"], &cut["error"]["kind"]),
            (&json!("rank"), &json!("undefined"))
        );
        assert_eq!(cut.get("rank"), None);
        // That does not keep it from being ranked by another.
        assert_eq!(
            rank(&["--by", "mgm"], &run.stdout)
                .expect_code(0)
                .records()
                .len(),
            2
        );
    }
    // One that failed at the same score before is no new failure.
    let run = rank(&["--by", "naswot"], &first).expect_code(0);
    let run = run.expect_stderr("1 from earlier stages, 0 from this one");
    assert_eq!(run.records()[1]["error"]["stage"], "score");
}

#[test]
fn what_truly_failed_is_never_ranked() {
    let failed = |kind: &str, scores: &str| {
        format!(
            "{{\"id\":\"{kind}\",\"params\":9,\"scores\":{scores},\"error\":{{\"stage\":\"score\",\"kind\":\"{kind}\",\
             \"message\":\"x\"}}}}\n"
        )
    };
    let input = failed("timeout", "{}")
        + &failed("crashed", "{\"mgm\":9}")
        + &failed("non_finite", "{\"mgm\":8}")
        + "{\"id\":\"good\",\"params\":1,\"scores\":{\"mgm\":1}}\n";
    for by in ["mgm", "params"] {
        let run = tool("knas-rank", &["--by", by], &input).expect_code(0);
        let run = run.expect_stderr("failed candidates passed on without a rank: 3 from");
        let ids = run.column("id");
        assert_eq!(ids[0], "good");
        assert!(
            input.contains(run.stdout.lines().nth(1).unwrap()),
            "passed on as it was"
        );
        let best = tool("knas-rank", &["--by", by, "-k", "2"], &input).expect_code(0);
        assert_eq!(best.column("id"), ["good"]);
    }
}

#[test]
fn the_page_lists_what_is_undefined_and_why() {
    let input = score(&["--proxy", "mgm,naswot"], &cells()).stdout;
    let page = tool("knas-report", &["-q"], &input).expect_code(0).stdout;
    let (_, section) = page.split_once("<section id=\"undefined\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    assert!(
        section.contains("<td>1</td><td class=\"text\">naswot</td>"),
        "{section}"
    );
    assert!(section.contains("<p class=\"ids\">cut</p>"), "{section}");
    assert!(section.contains("(seed 0)"), "{section}");
    let sound = score(&["--proxy", "mgm,naswot"], &record("sound", SOUND)).stdout;
    let page = tool("knas-report", &["-q"], &sound).expect_code(0).stdout;
    assert!(!page.contains("id=\"undefined\""));
}
