//! Searches that are killed or interrupted, and taken up again.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::Tool;

use crate::Bench;

const EPOCHS: &str = "8";

/// A search in a folder of its own, so that all name the same paths.
fn tool(bench: &Bench, folder: &str, more: &[&str]) -> Tool {
    let folder = bench.path().join(folder);
    fs::create_dir_all(&folder).unwrap();
    let args = [
        "--epochs",
        EPOCHS,
        "--checkpoint-dir",
        "net",
        "--log",
        "log.ndjson",
    ];
    let tool = bench
        .supernet(&args)
        .args(["-o", "out.ndjson", "-n", "3"])
        .args(more);
    tool.current_dir(folder)
}

fn start(tool: &Tool) -> Child {
    let mut command = tool.command();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

fn assert_same(bench: &Bench, folder: &str) {
    for file in ["out.ndjson", "log.ndjson", "net/supernet.safetensors"] {
        let read = |folder: &str| fs::read(bench.path().join(folder).join(file)).unwrap();
        assert!(
            read("whole") == read(folder),
            "{folder}: {file} is not the same"
        );
    }
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_search_that_is_killed_ends_with_the_same_bytes() {
    let bench = Bench::set_up();
    for method in ["drnas", "one-shot"] {
        let method = ["--method", method, "--candidates", "5"];
        let args = |more: &[&'static str]| [&method, more].concat();
        let whole = tool(&bench, "whole", &args(&[]));
        let _ = whole.run().expect_code(0);
        for (folder, epochs) in [("early", 1), ("later", 5)] {
            let mut child = start(&tool(&bench, folder, &args(&[])));
            let log = bench.path().join(folder).join("log.ndjson");
            let begin = Instant::now();
            while lines(&log) < epochs && child.try_wait().unwrap().is_none() {
                assert!(
                    begin.elapsed() < Duration::from_secs(300),
                    "no epoch {epochs}"
                );
                thread::sleep(Duration::from_millis(2));
            }
            let _ = child.kill();
            let _ = child.wait();
            let resumed = tool(&bench, folder, &args(&["--resume"]));
            let _ = resumed.run().expect_code(0);
            assert_same(&bench, folder);
        }
        for folder in ["whole", "early", "later"] {
            fs::remove_dir_all(bench.path().join(folder)).unwrap();
        }
    }
}

/// Whatever is left of a moment, what follows is the same.
#[test]
fn twenty_kills_in_a_row_lose_nothing() {
    let bench = Bench::set_up();
    let _ = tool(&bench, "whole", &[]).run().expect_code(0);
    for kill in 0..20 {
        let mut child = start(&tool(
            &bench,
            "killed",
            if kill == 0 { &[] } else { &["--resume"] },
        ));
        thread::sleep(Duration::from_millis(120 + 37 * kill));
        let _ = child.kill();
        let _ = child.wait();
    }
    let _ = tool(&bench, "killed", &["--resume"]).run().expect_code(0);
    assert_same(&bench, "killed");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_what_was_done_is_kept() {
    let bench = Bench::set_up();
    let _ = tool(&bench, "whole", &[]).run().expect_code(0);
    let mut child = start(&tool(&bench, "cut", &[]));
    let log = bench.path().join("cut/log.ndjson");
    while lines(&log) < 2 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    let mut kill = std::process::Command::new("kill");
    let _ = kill
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let code = child.wait().unwrap().code();
    // It may have come to its end in the meantime.
    assert!(matches!(code, Some(130 | 0)), "{code:?}");
    assert_eq!(
        bench.path().join("cut/out.ndjson").exists(),
        code == Some(0)
    );
    let _ = tool(&bench, "cut", &["--resume"]).run().expect_code(0);
    assert_same(&bench, "cut");
}
