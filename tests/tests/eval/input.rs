//! What is read: records, truths, and what is wrong with them.

use super::*;

#[test]
fn candidates_are_joined_by_id_index_or_arch() {
    let folder = scratch();
    let records = "{\"id\":\"nb201-3\",\"arch\":\"|a|\",\"score\":1,\"score_by\":\"zen\"}\n\
                   {\"id\":\"nb201-4\",\"arch\":\"|b|\",\"score\":2,\"score_by\":\"zen\"}\n\
                   {\"id\":\"nb201-5\",\"arch\":\"|c|\",\"score\":3,\"score_by\":\"zen\"}\n\
                   {\"id\":\"nb201-4\",\"arch\":\"|b|\",\"score\":2,\"score_by\":\"zen\"}\n\
                   {\"id\":\"x\",\"error\":{\"stage\":\"score\",\"kind\":\"timeout\",\"message\":\"\"}}\n";
    for (name, table) in [
        ("index.csv", "index,acc\n3,1\n4,2\n9,3\n"),
        ("id.csv", "acc,id\n1,nb201-3\n2,nb201-4\n3,nb201-9\n"),
        ("arch.csv", "arch,acc\n|a|,1\n|b|,2\n|z|,3\n"),
    ] {
        let path = write(&folder, name, table);
        let outcome = eval(&["--truth", &path, "--format", "ndjson"], records).expect_code(0);
        let outcome = outcome
            .expect_stderr("candidates without truth: 1 (nb201-5 …)")
            .expect_stderr("truths without a candidate: 1")
            .expect_stderr("failed candidates without scores, left out: 1");
        let lines = outcome.records();
        assert_eq!(
            (lines.len(), &lines[0]["score"]),
            (1, &json!("zen")),
            "{name}"
        );
        assert_eq!(lines[0]["all"]["spearman"]["value"], 1.0);
    }
    let twice = write(&folder, "all.csv", "index,acc\n3,1\n4,2\n5,3\n");
    let outcome = eval(&["--truth", &twice], records).expect_code(0);
    let _ = outcome
        .expect_stderr("records that came again with the same content, each counted once: 1");
    let mismatch = write(
        &folder,
        "other.csv",
        "index,arch,acc\n3,|a|,1\n4,|b|,2\n5,|d|,3\n",
    );
    let outcome = eval(&["--truth", &mismatch], records).expect_code(1);
    let _ = outcome.expect_stderr("stdin:3: nb201-5: bad_field: its arch is |c|");
}

#[test]
fn what_lacks_one_score_is_judged_by_its_others() {
    let folder = scratch();
    let truth = write(&folder, "truth.csv", "index,acc\n1,1\n2,2\n3,3\n4,4\n");
    let failure = r#"{"stage":"score","kind":"undefined","message":"zen is undefined"}"#;
    let records = format!(
        "{{\"id\":\"nb201-1\",\"scores\":{{\"mgm\":5,\"zen\":1}}}}\n\
         {{\"id\":\"nb201-2\",\"scores\":{{\"mgm\":6,\"zen\":2}}}}\n\
         {{\"id\":\"nb201-3\",\"scores\":{{\"mgm\":7,\"zen\":3}}}}\n\
         {{\"id\":\"nb201-4\",\"scores\":{{\"mgm\":1}},\"error\":{failure}}}\n"
    );
    let lines = eval(&["--truth", &truth, "--format", "ndjson"], &records);
    let lines = lines.expect_code(0).records();
    let spearman = |line: &serde_json::Value| line["all"]["spearman"]["value"].as_f64().unwrap();
    assert_eq!(lines[0]["score"], json!("mgm"));
    // The ranks 2, 3, 4, 1 beside 1, 2, 3, 4: 1 − 6·12/(4·15).
    assert!((spearman(&lines[0]) + 0.2).abs() < 1e-12);
    assert_eq!(
        (&lines[1]["score"], spearman(&lines[1])),
        (&json!("zen"), 1.0)
    );
}

/// What knas-rank made of several scores is judged beside them.
#[test]
fn a_combined_score_is_judged_beside_its_parts() {
    let folder = scratch();
    let truth = write(&folder, "truth.csv", "index,acc\n1,1\n2,2\n3,3\n");
    let mut records = String::new();
    for (id, mgm, score) in [(1, 5, -3), (2, 7, -2), (3, 6, -1)] {
        let by = "log-rank(mgm,zen)";
        let _ = writeln!(
            records,
            "{{\"id\":\"nb201-{id}\",\"scores\":{{\"mgm\":{mgm}}},\"score\":{score},\"score_by\":\"{by}\"}}"
        );
    }
    let lines = eval(&["--truth", &truth, "--format", "ndjson"], &records);
    let found: Vec<_> = lines
        .expect_code(0)
        .records()
        .iter()
        .map(|line| json!([line["score"], line["all"]["spearman"]["value"]]))
        .collect();
    assert_eq!(
        found,
        [json!(["mgm", 0.5]), json!(["log-rank(mgm,zen)", 1.0])]
    );
}

#[test]
fn trained_records_are_a_truth() {
    let folder = scratch();
    let mut trained = String::new();
    for k in 0..12 {
        let _ = writeln!(
            trained,
            "{{\"id\":\"c{k}\",\"score\":{},\"score_by\":\"mgm\",\"finetune\":{{\"epochs\":3,\"valid_accuracy\":{}}}}}",
            k * k,
            k
        );
    }
    let own = eval(&["--format", "ndjson"], &trained)
        .expect_code(0)
        .records();
    assert_eq!(own.len(), 1);
    assert_eq!(
        (&own[0]["truth"], &own[0]["score"]),
        (&json!("valid_accuracy"), &json!("mgm"))
    );
    assert_eq!(own[0]["all"]["kendall"]["value"], 1.0);
    let path = write(&folder, "trained.ndjson", &trained);
    let epochs = path.clone() + ":finetune.epochs,valid_accuracy";
    let lines = eval(
        &["--truth", &epochs, "--by", "-score", "--format", "ndjson"],
        &trained,
    );
    let lines = lines.expect_code(0).records();
    assert_eq!(lines[0].pointer("/all/spearman"), None); // every one has 3 epochs
    assert_eq!(lines[1]["all"]["spearman"]["value"], -1.0);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = scratch();
    let truth = truth(&folder);
    let missing = truth.clone() + ":accuracy";
    let text = write(&folder, "text.csv", "id,acc\nc01,good\n");
    let named_text = text.clone() + ":acc";
    let twice = write(&folder, "twice.csv", "id,acc\nc01,1\nc01,2\n");
    let foreign = write(&folder, "foreign.csv", "id,acc\nd01,1\n");
    let keyless = write(&folder, "keyless.csv", "name,acc\nd01,1\n");
    let directory = folder.path().to_str().expect("a UTF-8 path").to_owned();
    for (args, message) in [
        (["--truth", "/nonexistent.csv"], "/nonexistent.csv"),
        (
            ["--truth", &missing],
            "no column \"accuracy\"; the first line is \"id,arch,acc,ep12\"",
        ),
        (
            ["--truth", &named_text],
            "line 2: acc is \"good\", not a number",
        ),
        (["--truth", &text], "no column of numbers"),
        (["--truth", &twice], "line 3: c01 comes twice"),
        (
            ["--truth", &foreign],
            "ids are like \"c00\" here, and like \"d01\" there",
        ),
        (
            ["--truth", &keyless],
            "no column \"id\", \"index\" or \"arch\"",
        ),
        (["--truth", &directory], "directory"),
        (["--format", "ndjson"], "--truth FILE names a table"),
        (["-o", &directory], "cannot write"),
        (["--resamples", "x"], "--resamples"),
    ] {
        let outcome = eval(&args, &cells()).expect_code(2).expect_stderr(message);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
    let by = |names: &str| eval(&["--truth", &truth, "--by", names], &cells()).expect_code(2);
    let _ = by("mmg").expect_stderr("no candidate has \"mmg\" (their scores are mgm)");
    let _ = by("mgm,mgm").expect_stderr("twice");
    let _ = eval(&["--truth", &truth], "")
        .expect_code(2)
        .expect_stderr("no candidate has a truth");
}

#[test]
fn a_bad_line_or_score_loses_no_other() {
    let folder = scratch();
    let truth = truth(&folder) + ":acc";
    let input = cells().replacen("\"mgm\":0", "\"mgm\":1e999", 1).replacen(
        "{\"id\":\"c05\"",
        "nonsense {\"id\":\"c05\"",
        1,
    );
    let outcome = eval(&["--truth", &truth, "--format", "ndjson"], &input).expect_code(1);
    let outcome = outcome
        .expect_stderr("stdin:6: not a JSON object")
        .expect_stderr("stdin:1: c00: bad_field: field \"scores\": number out of range");
    assert_eq!(about(&outcome.records(), "mgm")["all"]["n"], 28);
    let _ = eval(&["--truth", &truth, "--on-error", "fail"], &input).expect_code(2);
}
