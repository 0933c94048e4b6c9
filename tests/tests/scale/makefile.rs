//! `scripts/search.mk`: nothing half-written is ever taken for finished.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use knas_tests::{repository, scratch};
use serde_json::Value;

use crate::{TINY, binaries, cells, command, expect, has, lines, said, scores};

/// A search in `folder`; `make -jJOBS ARGUMENT…`.
pub fn search(folder: &Path, arguments: &[&str]) -> Command {
    let mut make = command("make", folder);
    make.arg("-f").arg(repository().join("scripts/search.mk"));
    make.arg(format!(
        "SCORE={} --proxy mgm,params --quiet",
        TINY.join(" ")
    ));
    make.args(arguments);
    make
}

/// CIFAR-10 in its official format, with few and random images.
fn small_cifar10(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let mut state = 1u32;
    for batch in ["1", "2", "3", "4", "5"]
        .map(|n| format!("data_batch_{n}"))
        .into_iter()
        .chain(["test_batch".to_owned()])
    {
        let image = |label: u8| {
            let mut bytes = vec![label];
            bytes.extend((0..3072).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }));
            bytes
        };
        let images: Vec<u8> = (0..20u8).map(|n| n % 10).flat_map(image).collect();
        fs::write(folder.join(format!("{batch}.bin")), images).unwrap();
    }
}

const TRAIN: &str = "FINETUNE=--data cifar10:data --epochs 2 --batch 10 --channels 4 --cells 1 -q";

#[test]
fn a_whole_search_runs_side_by_side() {
    if !has("make") {
        return;
    }
    let folder = scratch();
    small_cifar10(&folder.path().join("data"));
    let new = |jobs: &str, place: &str| {
        let place = format!("DIR={place}");
        let sizes = ["SAMPLE=-n 12", "SHARDS=3", "K=3", TRAIN, jobs, &place];
        search(folder.path(), &sizes)
    };
    expect(&mut new("-j4", "a"), 0);
    expect(&mut new("-j1", "b"), 0);
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    for shard in ["1", "2", "3"] {
        let file = format!("scores-{shard}.ndjson");
        assert_eq!(read(&format!("a/{file}")), read(&format!("b/{file}")));
    }
    for file in ["ranked.ndjson", "winner-2.ndjson", "eval.txt"] {
        assert_eq!(
            read(&format!("a/{file}")),
            read(&format!("b/{file}")),
            "{file}"
        );
    }
    let ranked = read("a/ranked.ndjson");
    let trained: Vec<String> = (1..=3)
        .map(|n| read(&format!("a/trained-{n}.ndjson")))
        .collect();
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
    for (line, trained) in ranked.lines().zip(&trained) {
        assert_eq!(id(line), id(trained));
    }
    let accuracy = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["finetune"]["valid_accuracy"].as_f64().unwrap()
    };
    let best = accuracy(&read("a/best.ndjson"));
    assert!(trained.iter().all(|line| accuracy(line) <= best));
    assert!(read("a/report.html").contains("</html>"));
    assert!(read("a/eval.txt").contains("params"));

    // Nothing is left to do, and other settings are not mixed in.
    let when = |file: &str| -> SystemTime {
        let meta = fs::metadata(folder.path().join(file)).unwrap();
        meta.modified().unwrap()
    };
    let before = when("a/report.html");
    expect(&mut new("-j4", "a"), 0);
    assert_eq!(when("a/report.html"), before);
    let output = expect(new("-j4", "a").arg("K=2"), 2);
    assert!(
        said(&output).contains("made with other settings"),
        "{}",
        said(&output)
    );
}

/// Nor does what a fit proposes cost more than the budget; all that is within it is
/// trained, and then there is nothing left to propose.
#[test]
fn later_rounds_keep_to_the_budget() {
    if !has("make") {
        return;
    }
    let folder = scratch();
    small_cifar10(&folder.path().join("data"));
    let cheap = |record: &Value| record["params"].as_f64().unwrap() <= 5_700.0;
    let read = |file: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.path().join("search").join(file)).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let train = format!("{TRAIN} --epochs 1");
    let arguments = [
        "SAMPLE=-n 24 --channels 4 --cells 1",
        "SHARDS=1",
        "K=3",
        "ROUNDS=3",
        "BATCH=4",
        "BUDGET=params=5700",
        // With so few images accuracies may all be equal.
        "FIT=--acquire ei --target finetune.valid_loss",
        &train,
    ];
    expect(&mut search(folder.path(), &arguments), 0);
    let affordable = read("scores-1.ndjson").into_iter().filter(cheap).count();
    assert_eq!(affordable, 7);
    let trained: Vec<Value> = (1..=11)
        .flat_map(|n| read(&format!("trained-{n}.ndjson")))
        .collect();
    assert!(trained.iter().all(cheap));
    assert_eq!(trained.len(), affordable);
    assert_eq!(read("best.ndjson").len(), 1);
}

/// A shard whose process dies is no shard; the next run goes on within it.
#[test]
fn a_failed_shard_is_taken_up_again() {
    if !has("make") {
        return;
    }
    let folder = scratch();
    // It dies after its third record, once.
    let stand_in = folder.path().join("bin/knas-score");
    fs::create_dir(folder.path().join("bin")).unwrap();
    let text = format!(
        "#!/usr/bin/env bash\nwhile [ $# -gt 1 ]; do\n    args+=(\"$1\")\n    shift\ndone\n\
         [ -e {0}/died ] && exec {1}/knas-score \"${{args[@]}}\" \"$1\"\ntouch {0}/died\n\
         head -n 3 \"$1\" | {1}/knas-score \"${{args[@]}}\"\n\
         mv search/scores-1.ndjson search/scores-1.ndjson.part\nkill -KILL $$\n",
        folder.path().display(),
        binaries().display()
    );
    fs::write(&stand_in, text).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        stand_in.parent().unwrap().display(),
        crate::path().into_string().unwrap()
    );
    let new = || {
        let mut make = search(
            folder.path(),
            &["SAMPLE=-n 16", "SHARDS=2", "K=4", "ranked"],
        );
        make.env("PATH", &path);
        make
    };
    expect(&mut new(), 2);
    let place = folder.path().join("search");
    assert!(!place.join("scores-1.ndjson").exists());
    assert!(!place.join("ranked.ndjson").exists());
    assert_eq!(lines(&place.join("scores-1.ndjson.part")), 3);
    expect(&mut new(), 0);
    let mut all: Vec<String> = ["1", "2"]
        .iter()
        .flat_map(|n| {
            let text = fs::read_to_string(place.join(format!("scores-{n}.ndjson"))).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    all.sort_unstable();
    assert_eq!(all.len(), 16);
    let ids = |text: &str| {
        let mut ids: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&all.join("\n")), ids(&scores(&cells(16))));
}

/// Candidates that fail do not make their shard a failed one.
#[test]
fn failed_candidates_go_along() {
    if !has("make") {
        return;
    }
    let folder = scratch();
    // A cell that is cut off from its input has no logarithm of a gradient.
    let arch = |op: &str| format!("--arch '|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|'");
    let ops = ["none", "skip_connect", "nor_conv_1x1", "avg_pool_3x3"];
    let sample = format!("SAMPLE={}", ops.map(arch).join(" "));
    let arguments = [
        &sample,
        "SHARDS=2",
        "K=4",
        "ranked",
        "SCORE=--data noise --channels 4 --cells 1 -n 4 --proxy mgm-log -q",
    ];
    expect(&mut search(folder.path(), &arguments), 0);
    let read = |file: &str| fs::read_to_string(folder.path().join("search").join(file)).unwrap();
    let scored = read("scores-1.ndjson") + &read("scores-2.ndjson");
    assert_eq!(scored.lines().count(), 4);
    assert_eq!(scored.matches("\"error\":").count(), 1);
    assert_eq!(read("ranked.ndjson").lines().count(), 3);
}
