//! What goes in and what comes out, without a browser.

use std::fs;

use knas_tests::Tool;

use serde_json::json;

use crate::Search;

#[test]
fn the_page_is_one_file_that_loads_nothing() {
    let search = Search::of(120);
    let html = fs::read_to_string(search.page()).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert!(html.contains("default-src 'none'"));
    for loads in [
        " src=",
        "<link rel=\"stylesheet\"",
        "@import",
        "url(",
        "<iframe",
        "<base",
    ] {
        assert!(!html.contains(loads), "{loads}");
    }
    assert!(!search.path("report.html.part").exists());
}

#[test]
fn a_page_says_what_the_records_say() {
    let search = Search::of(120);
    let html = fs::read_to_string(search.page()).unwrap();
    // 120 candidates, every fiftieth failed; 5 trained for 15 minutes each.
    for text in [
        "<b>118</b>",
        "2 failed",
        "mgm is NaN",
        "1 h 16 min",
        "Validation accuracy, %",
        "trained here for 6 epochs",
        "445 g for a kilowatt-hour",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn the_same_records_make_the_same_page() {
    let search = Search::of(60);
    let first = fs::read(search.page()).unwrap();
    assert_eq!(first, fs::read(search.page()).unwrap());
    let piped = Tool::new("knas-report")
        .args(["--truth", "truth.csv", "--log", "epochs.ndjson"])
        .current_dir(search.folder.path())
        .stdin(fs::read(search.path("records.ndjson")).unwrap())
        .run()
        .expect_code(0);
    assert_eq!(piped.stdout.as_bytes(), first);
}

#[test]
fn records_of_one_id_are_one_candidate() {
    let search = Search::of(20);
    search.write("scored.ndjson", "{\"id\":\"a\",\"score\":2,\"score_by\":\"mgm\"}\n{\"id\":\"b\",\"score\":1,\"score_by\":\"mgm\"}\n");
    search.write(
        "trained.ndjson",
        "{\"id\":\"b\",\"finetune\":{\"epochs\":2,\"test_accuracy\":0.625}}\n",
    );
    let both = search
        .report(&["scored.ndjson", "trained.ndjson"])
        .expect_code(0);
    assert!(
        both.stdout.contains("test accuracy, %</dt><dd>62.50"),
        "{}",
        both.stdout
    );
    assert!(both.stdout.contains("<b>2</b><span>none failed"));
}

#[test]
fn plots_are_files_too() {
    let search = Search::of(60);
    let args = "records.ndjson --truth truth.csv --log epochs.ndjson --svg plots -k 2";
    let args: Vec<&str> = args.split(' ').collect();
    let outcome = search.report(&args).expect_code(0);
    assert_eq!(outcome.stdout, "", "--svg alone writes no page");
    let mut names: Vec<String> = fs::read_dir(search.path("plots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = "accuracy agreement cell-1 cell-2 cost distribution-acc distribution-macs \
        distribution-mgm distribution-naswot distribution-ntk-cond distribution-other \
        distribution-params distribution-valid_accuracy size training-loss validation-accuracy";
    let expected: Vec<String> = expected
        .split_whitespace()
        .map(|name| format!("{name}.svg"))
        .collect();
    assert_eq!(names, expected);
    for name in names {
        let svg = fs::read_to_string(search.path("plots").join(&name)).unwrap();
        assert!(svg.starts_with("<?xml"), "{name}");
        for missing in ["var(", "NaN", "inf"] {
            assert!(!svg.contains(missing), "{name} has {missing}");
        }
    }
}

#[test]
fn plots_for_papers_have_their_size_and_no_titles() {
    let search = Search::of(60);
    let args = "records.ndjson --truth truth.csv --log epochs.ndjson --svg plots --svg-size 340x240 --no-titles";
    let args: Vec<&str> = args.split(' ').collect();
    let _ = search.report(&args).expect_code(0);
    for name in ["accuracy", "distribution-mgm", "training-loss"] {
        let svg = fs::read_to_string(search.path(&format!("plots/{name}.svg"))).unwrap();
        assert!(svg.contains("width=\"340\" height=\"240\""), "{name}");
        assert!(
            !svg.contains("<title>Dist") && !svg.contains("class=\"strong"),
            "{name}"
        );
        assert!(
            svg.contains("viewBox=\"0 0 340 240\""),
            "{name} is drawn for its size"
        );
    }
    // What has no axes keeps its shape.
    let cell = fs::read_to_string(search.path("plots/cell-1.svg")).unwrap();
    assert!(
        cell.contains("viewBox=\"0 0 306 168\" width=\"340\""),
        "{cell}"
    );
    for wrong in ["340", "340x10", "x240", "9000x9000"] {
        let _ = search
            .report(&["records.ndjson", "--svg", "plots", "--svg-size", wrong])
            .expect_code(2)
            .expect_stderr("WIDTHxHEIGHT is needed");
    }
}

#[test]
fn few_candidates_and_all_failed_have_a_page() {
    let search = Search::of(1);
    for records in [
        "{\"id\":\"a\"}\n",
        "{\"id\":\"a\",\"score\":1}\n",
        "{\"id\":\"a\",\"score\":0,\"scores\":{\"x\":1e300,\"y\":-1e-300}}\n{\"id\":\"b\",\"score\":0}\n",
        "{\"id\":\"a\",\"error\":{\"stage\":\"score\",\"kind\":\"timeout\",\"message\":\"late\"}}\n",
    ] {
        search.write("few.ndjson", records);
        let page = search.report(&["few.ndjson"]).expect_code(0).stdout;
        assert!(page.ends_with("</html>\n"), "{records}");
        let (page, _) = page.rsplit_once("<script>").unwrap();
        for wrong in ["NaN", ">inf", "Infinity"] {
            assert!(
                !page.replace("mgm is NaN", "").contains(wrong),
                "{wrong} for {records}"
            );
        }
    }
}

#[test]
fn bad_lines_cost_only_themselves() {
    let search = Search::of(20);
    search.write("bad.ndjson", "{\"id\":\"a\",\"score\":1}\nnonsense\n{\"id\":\"b\",\"score\":\"high\"}\n{\"id\":\"c\",\"score\":2}\n");
    let outcome = search.report(&["bad.ndjson"]).expect_code(1);
    let outcome = outcome
        .expect_stderr("bad.ndjson:2: not a JSON object")
        .expect_stderr("bad.ndjson:3: b: bad_field: field \"score\"");
    assert!(outcome.stdout.contains("<b>2</b>"), "{}", outcome.streams());
    let log = "{\"id\":\"a\",\"epoch\":1,\"train_loss\":1}\n{\"id\":\"a\"}\n";
    search.write("log.ndjson", log);
    let _ = search
        .report(&["records.ndjson", "--log", "log.ndjson", "-o", "x.html"])
        .expect_code(1)
        .expect_stderr("log.ndjson:2: field \"epoch\"");
}

#[test]
fn what_makes_a_page_impossible_is_named() {
    let search = Search::of(20);
    for (args, message) in [
        ("missing.ndjson", "missing.ndjson: No such file"),
        ("/dev/null", "there is no record to show"),
        ("records.ndjson --truth missing.csv", "--truth missing.csv"),
        (
            "records.ndjson --truth truth.csv:none",
            "there is no column \"none\"; the first line is \"arch,acc,other\"",
        ),
        (
            "records.ndjson --truth other.csv",
            "no candidate is in it: ids are like \"nb201-",
        ),
        ("records.ndjson --log missing.ndjson", "missing.ndjson"),
        ("records.ndjson -o .", "cannot write ."),
        ("records.ndjson --svg truth.csv", "--svg truth.csv"),
        (
            "records.ndjson --grid-intensity=-1",
            "a number from 0 on is needed",
        ),
    ] {
        search.write("other.csv", "id,acc\nelse,5\n");
        let args: Vec<&str> = args.split(' ').collect();
        let _ = search.report(&args).expect_code(2).expect_stderr(message);
    }
}

#[test]
fn a_truth_about_another_architecture_is_a_failure_of_its_candidate() {
    let search = Search::of(1);
    search.write(
        "two.ndjson",
        "{\"id\":\"a\",\"arch\":\"x\",\"score\":1}\n{\"id\":\"b\",\"arch\":\"y\",\"score\":2}\n",
    );
    search.write("two.csv", "id,arch,acc\na,x,50\nb,z,60\n");
    let page = search
        .report(&["two.ndjson", "--truth", "two.csv"])
        .expect_code(0)
        .stdout;
    assert!(page.contains("its arch is y, but in the truth b is z"));
}

#[test]
fn all_accuracies_of_the_truth_are_taken_or_those_that_are_named() {
    let search = Search::of(60);
    let first = search
        .report(&["records.ndjson", "--truth", "truth.csv"])
        .expect_code(0)
        .stdout;
    assert!(first.contains("held against <b>acc</b>") && first.contains("Against other"));
    let both = search
        .report(&["records.ndjson", "--truth", "truth.csv:other,acc"])
        .expect_code(0);
    assert!(both.stdout.contains("held against <b>other</b>"));
    assert!(both.stdout.contains("acc, %"));

    let truth = "id,acc,latency\na,0.5,120\nb,0.6,130\n";
    search.write("latency.csv", truth);
    search.write(
        "two.ndjson",
        "{\"id\":\"a\",\"score\":1}\n{\"id\":\"b\",\"score\":2}\n",
    );
    let page = search
        .report(&["two.ndjson", "--truth", "latency.csv"])
        .expect_code(0)
        .expect_stderr("no accuracies, and left out: latency");
    assert!(page.stdout.contains("60.00") && !page.stdout.contains("latency"));
}

#[test]
fn two_rankings_are_not_merged() {
    let search = Search::of(1);
    let scored = "{\"id\":\"a\",\"scores\":{\"mgm\":1},\"score\":1,\"score_by\":\"mgm\"}\n\
        {\"id\":\"b\",\"scores\":{\"mgm\":3},\"score\":3,\"score_by\":\"mgm\"}\n\
        {\"id\":\"c\",\"scores\":{\"mgm\":2},\"score\":2,\"score_by\":\"mgm\"}\n";
    let ranked = "{\"id\":\"a\",\"rank\":1,\"score\":9,\"score_by\":\"auto\"}\n";
    search.write("scored.ndjson", scored);
    search.write("ranked.ndjson", ranked);
    let files = ["scored.ndjson", "ranked.ndjson"];
    let page = search
        .report(&files)
        .expect_code(0)
        .expect_stderr("the page ranks by mgm, and not by auto (1); name one with --by")
        .stdout;
    assert!(page.contains("3 candidates, ranked by <b>mgm</b>"));
    assert!(page.contains("data-place=\"0\">b</button>"));
    let page = search.report(&[files[0], files[1], "--by", "auto"]);
    let page = page.expect_code(0).stdout;
    assert!(page.contains("3 candidates, 1 of them ranked by <b>auto</b>"));
    assert!(page.contains("data-place=\"0\">a</button>"));
    let _ = search
        .report(&["scored.ndjson", "--by", "mgn"])
        .expect_code(2)
        .expect_stderr("--by mgn: no candidate has it; there are mgm");
}

#[test]
fn training_settings_confusion_and_commands_are_told() {
    let search = Search::of(1);
    let record = |id: &str, valid: f64, test: f64| {
        json!({ "id": id, "score": valid, "score_by": "mgm",
            "scores": { "mgm": valid }, "scores_undefined": { "zico": "a variance is 0" },
            "scored": [{ "names": ["mgm"], "data": "noise", "samples": 50, "seeds": [0] },
                { "names": ["zico"], "data": "cifar10", "samples": 64, "seeds": [1] }],
            "finetune": { "epochs": 2, "valid_accuracy": valid, "test_accuracy": test, "data": "cifar10",
                "hyper": { "optimizer": "sgd", "lr": 0.1 }, "classes": ["cat", "dog"],
                "confusion": [[8, 2], [1, 9]] },
            "meta": { "finetune": { "device": "cpu", "host": "h", "milliseconds": 5,
                "command": "knas-finetune --data 'my folder'" } } })
    };
    let records = format!("{}\n{}\n", record("a", 0.7, 0.9), record("b", 0.8, 0.6));
    search.write("trained.ndjson", &records);
    let page = search.report(&["trained.ndjson"]).expect_code(0).stdout;
    for text in [
        "<code>knas-finetune --data &#39;my folder&#39;</code>",
        "<dt>Optimizer</dt><dd>sgd</dd>",
        "<dt>Samples</dt><dd>50</dd>",
        "<dt>Scores</dt><dd>mgm</dd>",
        "Confusion matrix of the winner, b",
        "cat taken for dog: 2",
        "Hardest: cat 80.0 %, dog 90.0 %",
        "test accuracy, % against valid accuracy, %",
        // Chosen by validation, though a is better on test examples.
        "<dt>Winner</dt><dd><b>60.00 %</b>",
        "30.00 below 90.00, the best test_accuracy among the 2 here",
    ] {
        assert!(page.contains(text), "{text}");
    }
}
