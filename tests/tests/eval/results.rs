//! Numbers: held against scipy, numpy and what can be worked out by hand.

use std::path::Path;

use knas_tests::shared;

use super::*;

// from scipy.stats import spearmanr, kendalltau       # scipy 1.17.1
// k = range(30)
// mgm, params = [(7 * k) % 11 + k for k in k], [k * k % 13 for k in k]
// acc = [50 + k // 2 for k in k]
// spearmanr(mgm, acc).statistic, kendalltau(mgm, acc).statistic, and of params
// best = [k for k in k if acc[k] >= sorted(acc)[::-1][14]]      # 16 of them
// spearmanr([mgm[k] for k in best], [acc[k] for k in best]).statistic, …
#[test]
fn correlations_are_as_in_scipy_and_selections_as_by_hand() {
    let folder = scratch();
    let truth = truth(&folder) + ":acc";
    let outcome = eval(
        &["--truth", &truth, "--format", "ndjson", "-k", "1,4,99"],
        &cells(),
    );
    let lines = outcome.expect_code(0).records();
    assert_eq!(lines.len(), 2);
    let mgm = about(&lines, "mgm");
    assert_eq!(
        (&mgm["all"]["n"], &mgm["best_half"]["n"]),
        (&json!(30), &json!(16))
    );
    close(&mgm["all"]["spearman"]["value"], 0.9430653839734922);
    close(&mgm["all"]["kendall"]["value"], 0.8141603913585719);
    close(&mgm["best_half"]["spearman"]["value"], 0.8047478161629564);
    close(&mgm["best_half"]["kendall"]["value"], 0.6383106423916776);
    assert_eq!(mgm.get("best_tenth"), None);
    // The best by mgm are c28, c25, c29, c26, with 64, 62, 64 and 63; the best
    // four accuracies are 64, 64, 63, 63.
    assert_eq!(mgm["top"], json!({"id": "c28", "value": 64.0}));
    let expected = json!([
        {"k": 1, "regret": 0.0, "precision": 1.0},
        {"k": 4, "regret": 0.0, "precision": 0.75},
    ]);
    assert_eq!(mgm["at_k"], expected);
    assert_eq!(mgm["beats"], json!([{"baseline": "params", "share": 1.0}]));
    // A deviation of 0.5 blurs whole numbers a little.
    let seeds = mgm["between_seeds"].as_f64().expect("a number");
    assert!(seeds > 0.98 && seeds < 1.0, "{seeds}");
    for statistic in ["spearman", "kendall"] {
        let found = &mgm["all"][statistic];
        let end = |name: &str| found[name].as_f64().expect("a number");
        assert!(
            end("lo") < end("value") && end("value") < end("hi"),
            "{found}"
        );
    }

    let params = about(&lines, "params");
    close(&params["all"]["spearman"]["value"], -0.032880481182344094);
    close(&params["all"]["kendall"]["value"], -0.02490059602779987);
    close(
        &params["best_half"]["kendall"]["value"],
        -0.16366341767699427,
    );
    // c05, c08, c18, c21 share the largest count; ties are broken by id.
    assert_eq!(params["top"], json!({"id": "c05", "value": 52.0}));
    assert_eq!(
        params["at_k"][1],
        json!({"k": 4, "regret": 4.0, "precision": 0.0})
    );
}

#[test]
fn every_format_says_the_same() {
    let folder = scratch();
    let truth = truth(&folder);
    let run = |format: &str| {
        let args = [
            "--truth", &truth, "--format", format, "--by", "mgm", "-k", "4",
        ];
        eval(&args, &cells()).expect_code(0).stdout
    };
    let csv = run("csv");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    // Two truths, each with mgm and params.
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    let cell = |row: usize, name: &str| {
        let column = rows[0].iter().position(|column| *column == name);
        rows[row][column.expect("the column is there")].to_owned()
    };
    assert_eq!(
        (cell(1, "truth"), cell(1, "score")),
        ("acc".into(), "mgm".into())
    );
    let spearman: f64 = cell(1, "spearman").parse().expect("a number");
    close(&json!(spearman), 0.9430653839734922);
    assert_eq!(cell(1, "precision_at_4"), "0.75");
    assert_eq!(cell(3, "truth"), "ep12");

    let table = run("table");
    assert!(table.contains(".943 ["), "{table}");
    assert_eq!(table.matches("Order by").count(), 2);
    let markdown = run("markdown");
    assert!(markdown.contains("| mgm | 30 | .943 \\["), "{markdown}");
    assert!(markdown.contains("| mgm | 64 | 0 | 75.0 % |"), "{markdown}");
}

#[test]
fn the_two_step_search_is_played() {
    let folder = scratch();
    let truth = truth(&folder);
    let protocol = "pool=30,k=4,fine=ep12,test=acc,reps=100";
    let outcome = eval(
        &[
            "--truth",
            &truth,
            "--protocol",
            protocol,
            "--format",
            "ndjson",
        ],
        &cells(),
    );
    let lines = outcome.expect_code(0).records();
    // Of c28, c25, c29, c26 the fine step sees 9, 8, 9, 8, and takes the first id.
    assert_eq!(about(&lines, "mgm")["mean"], 64.0);
    // Of c05, c08, c18, c21: 1, 2, 6, 7.
    assert_eq!(about(&lines, "params")["mean"], 60.0);
    // c27, c28 and c29 have 9.
    assert_eq!(about(&lines, "(none)")["mean"], 63.0);
    let random = &about(&lines, "(random)");
    let end = |name: &str| random[name].as_f64().expect("a number");
    assert!(
        end("lo") < end("mean") && end("mean") < end("hi"),
        "{random}"
    );
    let both = eval(
        &[
            "--truth",
            &truth,
            "--protocol",
            protocol,
            "--protocol",
            "pool=9,k=2,fine=acc,reps=5",
        ],
        &cells(),
    );
    let both = both.expect_code(0).stdout;
    assert!(both.contains("acc reached by 100 searches"), "{both}");
    assert!(both.contains("ep12 reached by 5 searches"), "{both}");
    let args = ["--truth", &truth, "--protocol", "pool=31,k=4,fine=ep12"];
    let _ = eval(&args, &cells())
        .expect_code(2)
        .expect_stderr("more than the 30 candidates");
    let args = ["--truth", &truth, "--protocol", "pool=9,k=4,fine=ep13"];
    let _ = eval(&args, &cells())
        .expect_code(2)
        .expect_stderr("no column \"ep13\"");
    let args = ["--truth", &truth, "--protocol", "pool=9,k=10,fine=ep12"];
    let _ = eval(&args, &cells())
        .expect_code(2)
        .expect_stderr("k=10 is more than pool=9");
}

/// A truth of two data sets: each is searched by the early accuracy of its own,
/// and the paper's figure stands beside the paper's search alone.
#[test]
fn every_data_set_is_searched_by_its_own_early_accuracy() {
    let folder = scratch();
    let (mut table, mut records) = (
        String::from(
            "id,cifar10_test,cifar10_val_ep12,cifar100_test,cifar100_val_ep12,imagenet16_test\n",
        ),
        String::new(),
    );
    // On cifar10 the best candidates are the first by id, on cifar100 the last;
    // early accuracy tells so, each for its own.
    for k in 0..300 {
        let down = 299 - k;
        let _ = writeln!(table, "c{k:03},{down},{down},{k},{k},{k}");
        let _ = writeln!(
            records,
            "{{\"id\":\"c{k:03}\",\"scores\":{{\"mgm\":{}}}}}",
            k % 7
        );
    }
    let truth = write(&folder, "truth.csv", &table);
    let run = |protocol: &str| {
        let args = [
            "--truth",
            &truth,
            "--format",
            "ndjson",
            "--protocol",
            protocol,
        ];
        eval(&args, &records).expect_code(0)
    };
    for fine in ["cifar10_val_ep12", "cifar100_val_ep12", "val_ep12"] {
        let outcome = run(&format!("pool=300,k=20,reps=3,fine={fine}"));
        let outcome = outcome.expect_stderr("left out: imagenet16_test");
        let lines = outcome.records();
        let truths: Vec<&Value> = lines.iter().map(|line| &line["truth"]).collect();
        assert!(
            truths
                .iter()
                .all(|truth| ["cifar10_test", "cifar100_test"].contains(&truth.as_str().unwrap()))
        );
        for (data, figure) in [("cifar10", 93.38), ("cifar100", 70.78)] {
            let of: Vec<Value> = lines
                .iter()
                .filter(|line| line["truth"] == format!("{data}_test"))
                .cloned()
                .collect();
            assert!(
                of.iter()
                    .all(|line| line["fine"] == format!("{data}_val_ep12"))
            );
            assert_eq!(about(&of, "(none)")["mean"], 299.0, "{fine}");
            assert_eq!(about(&of, "(paper)")["mean"], figure);
        }
    }
    for other in [
        "pool=200,k=20,fine=val_ep12",
        "pool=300,k=30,fine=val_ep12",
        "pool=300,k=20,fine=cifar10_val_ep12,test=cifar100_test",
        "pool=300,k=20,fine=cifar10_test,test=cifar100_test",
    ] {
        let found = run(&format!("{other},reps=2"));
        assert!(!found.stdout.contains("(paper)"), "{other}");
    }
}

/// Over all of NAS-Bench-201, where its accuracies are at hand.
// import csv, json; from scipy.stats import spearmanr, kendalltau
// params = {r['id']: r['params'] for r in map(json.loads, open('all.ndjson'))}  # knas-sample --all
// rows = list(csv.DictReader(open('truth.csv')))
// x = [params['nb201-' + r['index']] for r in rows]; y = [float(r['cifar10_test']) for r in rows]
// spearmanr(x, y).statistic, kendalltau(x, y).statistic
#[test]
fn parameters_rank_the_benchmark_as_in_scipy() {
    let Some(truth) = shared("nb201/truth.csv") else {
        return;
    };
    let cells = Tool::new("knas-sample")
        .arg("--all")
        .run()
        .expect_code(0)
        .stdout;
    let column = |name: &str| format!("{}:{name}", Path::new(&truth).display());
    let args = [
        "--truth",
        &column("cifar10_test"),
        "--format",
        "ndjson",
        "--resamples",
        "20",
    ];
    let lines = eval(&args, &cells).expect_code(0).records();
    let params = about(&lines, "params");
    assert_eq!(params["all"]["n"], 15_625);
    close(&params["all"]["spearman"]["value"], 0.7526938517364276);
    close(&params["all"]["kendall"]["value"], 0.5778485929525706);
    close(
        &params["best_tenth"]["spearman"]["value"],
        0.10909552577144548,
    );

    let protocol = "pool=300,k=20,fine=cifar10_val_ep12,reps=400";
    let args = [
        "--truth",
        &column("cifar10_test"),
        "--protocol",
        protocol,
        "--format",
        "ndjson",
    ];
    let lines = eval(&args, &cells).expect_code(0).records();
    let mean = |coarse: &str| about(&lines, coarse)["mean"].as_f64().expect("a number");
    assert_eq!((mean("(paper)"), mean("(best)")), (93.38, 94.373));
    // Means of 5,000 searches in numpy; a mean of 400 has a deviation of .05.
    assert!((mean("(random)") - 92.994).abs() < 0.2);
    assert!((mean("(none)") - 93.943).abs() < 0.05);
    assert!((mean("params") - 93.853).abs() < 0.1);
}
