//! Searches that are killed at random moments, and started again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::scratch;

use crate::makefile::search;
use crate::{expect, has};

const RUNS: u64 = 50;

fn small(folder: &Path) -> Command {
    let mut make = search(
        folder,
        &["-j2", "SAMPLE=-n 40", "SHARDS=2", "K=5", "ranked"],
    );
    make.stdout(Stdio::null()).stderr(Stdio::null());
    make
}

/// Every file of a finished search.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.join("search")).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

/// The moment of a run's end, in parts of a whole run: a fixed sequence.
fn moment(run: u64) -> f64 {
    let mut x = (run + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn fifty_searches_killed_at_random_end_alike() {
    if !has("make") {
        return;
    }
    let folder = scratch();
    let whole = folder.path().join("whole");
    fs::create_dir(&whole).unwrap();
    let begin = Instant::now();
    expect(&mut small(&whole), 0);
    let length = begin.elapsed();
    let expected = files(&whole);
    assert!(expected.contains_key("ranked.ndjson"));

    let killed: u64 = thread::scope(|scope| {
        let runs = |first: u64| {
            let (folder, expected) = (folder.path(), &expected);
            move || {
                (first..RUNS)
                    .step_by(2)
                    .map(|run| u64::from(one(&folder.join(run.to_string()), run, length, expected)))
                    .sum::<u64>()
            }
        };
        let halves = [0, 1].map(|first| scope.spawn(runs(first)));
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    // Machines differ in speed; but most runs must have been cut off.
    assert!(
        killed > RUNS / 2,
        "only {killed} runs were killed before they ended"
    );
}

/// One search, killed and started again; whether it was killed before its end.
fn one(folder: &Path, run: u64, length: Duration, expected: &BTreeMap<String, Vec<u8>>) -> bool {
    fs::create_dir(folder).unwrap();
    let mut make = small(folder).process_group(0).spawn().unwrap();
    thread::sleep(length.mul_f64(moment(run)));
    let was_running = make.try_wait().unwrap().is_none();
    let group = format!("-{}", make.id());
    let mut kill = Command::new("kill");
    let _ = kill.args(["-KILL", "--", &group]).output();
    make.wait().unwrap();
    for (name, bytes) in files_if_any(folder) {
        assert!(
            name.ends_with(".part") || expected[&name] == bytes,
            "run {run}: {name} is not whole"
        );
    }
    expect(&mut small(folder), 0);
    let found = files(folder);
    assert!(found == *expected, "run {run}: {:?}", found.keys());
    was_running
}

fn files_if_any(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    if folder.join("search").exists() {
        files(folder)
    } else {
        BTreeMap::new()
    }
}
