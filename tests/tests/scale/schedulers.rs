//! The examples for schedulers, run as a scheduler runs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use knas_tests::{repository, scratch};

use crate::{TINY, cells, command, expect, scores, script};

/// All shards hold together what one process scores.
fn check(folder: &Path, shards: usize, count: usize) {
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let parts = (1..=shards).map(|n| {
        let file = folder.join(format!("scores-{n}.ndjson"));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.lines().count() <= count.div_ceil(shards));
        lines(&text)
    });
    let all: BTreeSet<String> = parts.flatten().collect();
    assert_eq!(all, lines(&scores(&cells(count))));
}

#[test]
fn a_slurm_array_scores_every_shard() {
    let folder = scratch();
    for task in ["1", "2", "3", "2"] {
        let mut run = script("slurm-array.sh", folder.path());
        run.arg("out").args(TINY).arg("-q");
        run.env("SLURM_ARRAY_TASK_ID", task);
        run.env("SLURM_ARRAY_TASK_COUNT", "3");
        run.env("KNAS_SAMPLE", "-n 10");
        expect(&mut run, 0);
    }
    check(&folder.path().join("out"), 3, 10);
    // A part of the array once more fills in what is missing, in the same shards;
    // other candidates, and tasks beyond them, are refused.
    fs::remove_file(folder.path().join("out/scores-2.ndjson")).unwrap();
    for (task, sample, code) in [("1", 10, 0), ("2", 10, 0), ("4", 10, 2), ("2", 11, 2)] {
        let mut run = script("slurm-array.sh", folder.path());
        run.arg("out").args(TINY).arg("-q");
        run.env("SLURM_ARRAY_TASK_ID", task);
        run.env("SLURM_ARRAY_TASK_COUNT", "2");
        run.env("KNAS_SAMPLE", format!("-n {sample}"));
        expect(&mut run, code);
    }
    check(&folder.path().join("out"), 3, 10);
    let mut alone = script("slurm-array.sh", folder.path());
    expect(alone.arg("out").env_remove("SLURM_ARRAY_TASK_ID"), 1);
}

#[test]
fn a_kubernetes_job_scores_every_shard() {
    let text = fs::read_to_string(repository().join("scripts/kubernetes-job.yaml")).unwrap();
    let block = text.split_once("            - |\n").unwrap().1;
    let inside = |line: &&str| line.starts_with("              ");
    let program: Vec<&str> = block
        .lines()
        .take_while(inside)
        .map(str::trim_start)
        .collect();
    assert!(program.len() >= 4, "{program:?}");
    let folder = scratch();
    for index in ["0", "1"] {
        let mut run = command("sh", folder.path());
        run.args(["-euc", &program.join("\n")]);
        run.env("JOB_COMPLETION_INDEX", index).env("SHARDS", "2");
        run.env("DIR", folder.path()).env("SAMPLE", "-n 9");
        run.env("SCORE", format!("{} -q", TINY.join(" ")));
        expect(&mut run, 0);
    }
    check(folder.path(), 2, 9);
    let mut other = command("sh", folder.path());
    other.args(["-euc", &program.join("\n")]);
    other.env("JOB_COMPLETION_INDEX", "0").env("SHARDS", "3");
    other.env("DIR", folder.path()).env("SAMPLE", "-n 9");
    expect(&mut other, 2);
}
