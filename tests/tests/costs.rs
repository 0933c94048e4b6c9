//! What networks cost to use: latency and memory, from knas-score to a budget.

use std::fs;
use std::path::Path;

use knas_tests::{Tool, model, records, records_of, repository, scratch};
use serde_json::{Value, json};

fn tool(name: &str, folder: &Path, args: &[&str]) -> Tool {
    Tool::new(name).current_dir(folder).args(args)
}

const NOISE: [&str; 6] = ["--data", "noise", "--samples", "4", "--cells", "1"];

#[test]
fn a_cost_ranks_by_its_negative_and_says_how_far_it_spread() {
    let scratch = scratch();
    let folder = scratch.path();
    let cells = ["-n", "3", "--cells", "1", "-o", "cells.ndjson"];
    let _ = records_of("knas-sample", folder, &cells);
    let proxies = [
        "--proxy",
        "latency,mgm,memory",
        "--seeds",
        "2",
        "cells.ndjson",
    ];
    let scored = records_of("knas-score", folder, &[&NOISE[..], &proxies].concat());
    for record in &scored {
        let [median, low, high] = ["/scores/latency", "/latency/low", "/latency/high"]
            .map(|name| record.pointer(name).unwrap().as_f64().unwrap());
        assert!(0.0 < low && low <= median && median <= high, "{record}");
        assert!(record["latency"]["runs"].as_u64() >= Some(15), "{record}");
        assert_eq!(record["score"].as_f64(), Some(-median));
        assert_eq!(record["score_by"], "-latency");
        // Times do not depend on the seed; the others have a deviation over two.
        let deviations = &record["scores_std"];
        assert!(deviations.get("latency").is_none() && deviations["mgm"].is_number());
        let blocks = record["scored"].as_array().unwrap();
        let told = |name: &str| {
            let has = |block: &&Value| block["names"].as_array().unwrap().contains(&json!(name));
            blocks.iter().find(has).unwrap()
        };
        assert!(told("latency")["machine"].is_string(), "{record}");
        assert_eq!(told("latency")["norm"], "eval");
        assert!(told("mgm").get("machine").is_none(), "{record}");
    }
    // The 16 channels of 32 × 32 numbers of 4 bytes, and what they are made of.
    let memory = |record: &Value| record["scores"]["memory"].as_f64().unwrap() as u64;
    assert!(
        scored.iter().all(|record| memory(record) >= 2 * 65_536),
        "{scored:?}"
    );
    // What is computed, and not measured, is the same again; `all` holds no times.
    let again = ["--proxy", "costs", "--seeds", "2", "cells.ndjson"];
    let again = records_of("knas-score", folder, &[&NOISE[..], &again].concat());
    for (one, other) in scored.iter().zip(&again) {
        assert_eq!(memory(one), memory(other));
        assert_eq!(other["score_by"], "-memory");
        assert_eq!(one["params"].as_f64(), other["scores"]["params"].as_f64());
    }
    let run = [
        &NOISE[..],
        &["-j", "2", "--proxy", "latency", "cells.ndjson"],
    ]
    .concat();
    let said = &tool("knas-score", folder, &run)
        .run()
        .expect_code(0)
        .stderr
        .clone();
    assert!(
        said.contains("latency is measured") && said.contains("-j 1"),
        "{said}"
    );
}

/// Though another run would measure other times; and one that fails costs no other.
#[test]
fn what_was_measured_is_kept_on_resuming() {
    let scratch = scratch();
    let folder = scratch.path();
    let file = folder.join("scores.ndjson");
    let args = ["--proxy", "latency", "--resume", "-o", "scores.ndjson"];
    let args = [&NOISE[..], &args, &["cells.ndjson"]].concat();
    let all = ["-n", "3", "--cells", "1", "-o", "cells.ndjson"];
    let _ = records_of("knas-sample", folder, &all);
    let input = fs::read_to_string(folder.join("cells.ndjson")).unwrap();
    let (first, rest) = input.split_once('\n').unwrap();
    fs::write(folder.join("cells.ndjson"), format!("{first}\n")).unwrap();
    let _ = tool("knas-score", folder, &args).run().expect_code(0);
    let before = fs::read_to_string(&file).unwrap();
    let bad = r#"{"id":"bad","space":"nb201","arch":"|"}"#;
    fs::write(
        folder.join("cells.ndjson"),
        format!("{first}\n{bad}\n{rest}"),
    )
    .unwrap();
    let _ = tool("knas-score", folder, &args).run().expect_code(1);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&before), "{before}{after}");
    let found = records(&after);
    assert_eq!(found.len(), 4);
    for record in &found {
        let failed = record["id"] == "bad";
        assert_eq!(record.get("error").is_some(), failed, "{record}");
        let median = record.pointer("/scores/latency");
        assert_eq!(median.is_none(), failed, "{record}");
    }

    // By its negative, whether that is its own score or is asked for.
    let ranked = |by: &[&str]| -> Vec<Value> {
        let args = [by, &["scores.ndjson"]].concat();
        let run = tool("knas-rank", folder, &args).run();
        let ranked = records(&run.expect_code(0).stdout);
        ranked.iter().map(|record| record["id"].clone()).collect()
    };
    let mut fast: Vec<&Value> = found.iter().filter(|one| one["id"] != "bad").collect();
    let time = |record: &Value| record["scores"]["latency"].as_f64().unwrap();
    fast.sort_by(|one, other| time(one).total_cmp(&time(other)));
    let fast = fast.into_iter().map(|one| one["id"].clone());
    let fast: Vec<Value> = fast.chain([json!("bad")]).collect();
    assert_eq!(ranked(&[]), fast);
    assert_eq!(ranked(&["--by", "-latency"]), fast);

    // What another machine measured is no part of this run, nor of one ranking.
    let (one, others) = after.split_once('\n').unwrap();
    let machine = found[0]["scored"]["machine"].as_str().unwrap();
    let elsewhere = format!("{}\n{others}", one.replace(machine, "another"));
    fs::write(&file, elsewhere).unwrap();
    let run = tool("knas-score", folder, &args).run().expect_code(2);
    assert!(run.stderr.contains("machine"), "{}", run.stderr);
    let run = ["--by", "-macs", "--budget", "latency=1e9", "scores.ndjson"];
    let run = tool("knas-rank", folder, &run).run().expect_code(0);
    assert!(run.stderr.contains("machine"), "{}", run.stderr);
}

#[test]
fn a_process_of_its_own_measures_as_well() {
    let scratch = scratch();
    let folder = scratch.path();
    let cells = ["-n", "2", "--cells", "1", "-o", "cells.ndjson"];
    let _ = records_of("knas-sample", folder, &cells);
    let args = ["--proxy", "latency", "--timeout", "60", "cells.ndjson"];
    for record in records_of("knas-score", folder, &[&NOISE[..], &args].concat()) {
        let median = record["scores"]["latency"].as_f64().unwrap();
        assert!(record["latency"]["low"].as_f64().unwrap() <= median);
        assert!(median <= record["latency"]["high"].as_f64().unwrap());
    }
    let listed = records_of("knas-score", folder, &["--list-proxies=ndjson"]);
    let measured = listed.iter().filter(|one| one["measured"] == true);
    let measured: Vec<&Value> = measured.map(|one| &one["name"]).collect();
    assert_eq!(measured, ["latency"]);
    let costs = listed
        .iter()
        .filter(|one| one["direction"] == "smaller is better");
    let costs: Vec<&Value> = costs.map(|one| &one["name"]).collect();
    assert_eq!(costs, ["memory", "latency"]);
}

#[test]
fn texts_have_costs_too() {
    let scratch = scratch();
    let folder = scratch.path();
    model::mrpc(folder);
    let tokenizer = model::tokenizer(folder);
    fs::write(
        folder.join("tiny.ndjson"),
        model::layout("a", "1|2|3~0|head:mean"),
    )
    .unwrap();
    let data = ["--data", "mrpc:MRPC", "--samples", "4", "--tokenizer"];
    let args = [&data[..], &[tokenizer.to_str().unwrap()]].concat();
    let args = [&args[..], &["--proxy", "memory,latency", "tiny.ndjson"]].concat();
    for record in records_of("knas-score", folder, &args) {
        assert!(record["scores"]["latency"].as_f64() > Some(0.0), "{record}");
        assert!(record["scores"]["memory"].as_f64() > Some(0.0), "{record}");
        assert_eq!(record["score_by"], "-memory");
    }
}

/// Four candidates, the better the dearer; one of them does not say what it takes.
fn dear(folder: &Path) {
    let record = |place: u32| {
        let scores = match place {
            3 => json!({"mgm": 4}),
            _ => json!({"mgm": place, "latency": 2 * place, "gram-entropy": place, "meco-relu": 1}),
        };
        json!({"id": format!("c{place}"), "params": 100 * place, "scores": scores})
    };
    let text: Vec<String> = (0..4).map(|place| record(place).to_string()).collect();
    fs::write(folder.join("dear.ndjson"), text.join("\n")).unwrap();
}

#[test]
fn a_budget_leaves_out_what_costs_more() {
    let scratch = scratch();
    let folder = scratch.path();
    dear(folder);
    let ids = |args: &[&str], code: i32| {
        let run = tool("knas-rank", folder, &[args, &["dear.ndjson"]].concat()).run();
        let run = run.expect_code(code);
        let ranked = run.records();
        let ranked = ranked.iter().filter(|record| record["rank"].is_number());
        let ids: Vec<String> = ranked
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(" "), run.stderr.clone())
    };
    let (found, said) = ids(&["--by", "mgm", "--budget", "params=150"], 0);
    assert_eq!(found, "c1 c0");
    assert!(
        said.contains("2 candidates cost more than params=150"),
        "{said}"
    );
    let (found, said) = ids(
        &["--by", "mgm", "-k", "1", "--budget", "latency=2,params=1e6"],
        1,
    );
    assert_eq!(found, "c1");
    assert!(said.contains("--budget: no \"latency\""), "{said}");
    assert!(said.contains("1 candidates cost more"), "{said}");
    let (found, _) = ids(&["--by", "auto,-latency", "--budget", "params=250"], 0);
    assert_eq!(found.split(' ').count(), 3);
    let (found, _) = ids(&["--by", "mgm,-latency", "--combine", "pareto"], 1);
    assert_eq!(found.split(' ').count(), 3);
    for (budget, code, said) in [
        ("params=-1", 2, "no candidate to rank"),
        ("params", 2, "NAME=MOST"),
        ("params=x", 2, "NAME=MOST"),
        ("=3", 2, "NAME=MOST"),
    ] {
        let (_, stderr) = ids(&["--by", "mgm", "--budget", budget], code);
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// One flag of the makefile of a search.
#[test]
fn a_search_keeps_to_a_budget() {
    if knas_tests::program("make").is_none() {
        return;
    }
    let scratch = scratch();
    let folder = scratch.path();
    let makefile = repository().join("scripts/search.mk");
    let binaries = knas_tests::binary("knas-rank");
    let binaries = binaries.parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let run = std::process::Command::new("make")
        .arg("-f")
        .arg(makefile)
        .args(["SHARDS=1", "K=2", "SAMPLE=-n 6 --cells 1", "ranked"])
        .arg("SCORE=--data noise --samples 4 --cells 1 --proxy mgm")
        .arg("BUDGET=memory=200000,latency=1000")
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", binaries.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let ranked = records(&fs::read_to_string(folder.join("search/ranked.ndjson")).unwrap());
    assert!(!ranked.is_empty());
    for record in &ranked {
        assert!(
            record["scores"]["memory"].as_f64() <= Some(200_000.0),
            "{record}"
        );
        assert!(
            record["scores"]["latency"].as_f64() <= Some(1000.0),
            "{record}"
        );
        assert_eq!(record["score_by"], "mgm");
    }
}
