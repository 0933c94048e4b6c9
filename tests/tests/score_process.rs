//! knas-score as a process: killed and resumed, interrupted, without a reader,
//! without room.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::{Tool, binary, scratch};

const SMALL: [&str; 11] = [
    "--data",
    "noise",
    "--channels",
    "8",
    "--cells",
    "2",
    "-n",
    "16",
    "--quiet",
    "-j",
    "2",
];

fn cells(count: &str) -> String {
    Tool::new("knas-sample")
        .args(["-n", count])
        .run()
        .expect_code(0)
        .stdout
}

fn score(output: &Path, resume: bool) -> Tool {
    let tool = Tool::new("knas-score").args(SMALL).arg("-o").arg(output);
    if resume { tool.arg("--resume") } else { tool }
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Starts a run and waits until its part has some lines.
fn started(tool: &Tool, input: &str, part: &Path, at_least: usize) -> std::process::Child {
    let mut child = tool
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let begin = Instant::now();
    while lines(part) < at_least {
        assert!(
            begin.elapsed() < Duration::from_secs(120),
            "no {at_least} lines in {}",
            part.display()
        );
        thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    let folder = scratch();
    let input = cells("40");
    let whole = folder.path().join("whole.ndjson");
    let _ = score(&whole, false)
        .stdin(input.as_str())
        .run()
        .expect_code(0);
    let whole = fs::read_to_string(whole).unwrap();

    let file = folder.path().join("killed.ndjson");
    let part = folder.path().join("killed.ndjson.part");
    for (attempt, at_least) in [3, 9, 17].into_iter().enumerate() {
        let mut child = started(&score(&file, attempt > 0), &input, &part, at_least);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!file.exists());
        // A torn line, as a crash of the machine can leave one.
        let mut torn = fs::OpenOptions::new().append(true).open(&part).unwrap();
        torn.write_all(b"{\"id\":\"nb201-").unwrap();
    }
    let _ = score(&file, true)
        .stdin(input.as_str())
        .run()
        .expect_code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    assert!(!part.exists());
}

#[test]
fn a_resumed_run_computes_only_what_is_missing_and_keeps_to_its_settings() {
    let folder = scratch();
    let file = folder.path().join("scores.ndjson");
    let input = cells("12");
    let half: String = input
        .lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect();
    let _ = score(&file, false).stdin(half).run().expect_code(0);
    let before = fs::read_to_string(&file).unwrap();
    let _ = score(&file, true)
        .stdin(input.as_str())
        .run()
        .expect_code(0);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&before));
    assert_eq!(after.lines().count(), 12);

    let other = score(&file, true)
        .args(["--seed", "1"])
        .stdin(input.as_str())
        .run();
    let _ = other
        .expect_code(2)
        .expect_stderr("was scored with other settings");
    let other = score(&file, true)
        .args(["--proxy", "mgm,grad-norm"])
        .stdin(input)
        .run();
    let _ = other.expect_code(2).expect_stderr("has no score grad-norm");
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
}

#[test]
fn an_interrupt_leaves_whole_records_and_says_130() {
    let folder = scratch();
    for signal in ["INT", "TERM"] {
        let file = folder.path().join(signal);
        let part = folder.path().join(format!("{signal}.part"));
        let mut child = started(&score(&file, false), &cells("400"), &part, 4);
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!file.exists());
        let text = fs::read_to_string(&part).unwrap();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

/// Each record reaches a waiting reader when it is done, not when all are.
#[test]
fn records_are_flushed_one_by_one_and_a_reader_may_leave() {
    let mut child = Command::new(binary("knas-score"))
        .args(SMALL)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let input = cells("200");
    stdin
        .write_all(input.lines().next().unwrap().as_bytes())
        .unwrap();
    stdin.write_all(b"\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap(); // would wait for ever if it were buffered
    assert!(line.contains("\"score\""));
    drop(stdout);
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
}

#[test]
fn a_full_disk_ends_the_run_with_a_message() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = Command::new(binary("knas-score"))
        .args(SMALL)
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(cells("3").as_bytes())
        .unwrap();
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(2));
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(
        said.contains("knas-score: error: cannot write to standard output: No space left"),
        "{said}"
    );
}

#[test]
fn a_directory_is_no_output() {
    let folder = scratch();
    let run = score(folder.path(), false).stdin(cells("1")).run();
    let _ = run
        .expect_code(2)
        .expect_stderr("cannot write")
        .expect_stderr("directory");
}
