//! knas-score --timeout: a candidate that hangs, crashes or takes too much
//! memory costs only itself.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::{Outcome, Tool, binary, scratch};
use serde_json::Value;

const SMALL: &[&str] = &[
    "--data",
    "noise",
    "--channels",
    "4",
    "--cells",
    "1",
    "-n",
    "4",
    "--quiet",
];

fn cells(count: usize) -> String {
    let tool = Tool::new("knas-sample").args(["-n", &count.to_string()]);
    tool.run().expect_code(0).stdout
}

fn score(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-score")
        .args(SMALL)
        .args(args)
        .stdin(input)
        .run()
}

/// The processes that `parent` has started.
fn children(parent: u32) -> Vec<String> {
    let file = format!("/proc/{parent}/task");
    let threads = fs::read_dir(file).unwrap();
    let listed = threads.map(|thread| thread.unwrap().path().join("children"));
    let listed = listed.map(|file| fs::read_to_string(file).unwrap_or_default());
    let all: Vec<String> = listed.collect();
    let ids = all.iter().flat_map(|ids| ids.split_whitespace());
    ids.map(str::to_owned).collect()
}

fn signal(signal: &str, process: &str) {
    let sent = Command::new("kill").args(["-s", signal, process]).status();
    assert!(sent.unwrap().success());
}

fn is_running(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

fn within<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let waited = begin.elapsed();
        assert!(waited < Duration::from_secs(seconds), "{what}: {waited:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A run of one job that scores a first candidate and waits for others.
struct Run {
    child: Child,
    stdin: Option<std::process::ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Run {
    fn new(args: &[&str]) -> Self {
        let mut child = Command::new(binary("knas-score"))
            .args(SMALL)
            .args(["-j", "1"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
        }
    }

    fn give(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn take(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn job(&self) -> String {
        let mut jobs = children(self.child.id());
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    fn end(&mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.child.wait().unwrap().code()
    }
}

#[test]
fn processes_of_their_own_give_the_same_bytes() {
    let mut input = cells(6);
    input += "{\"id\":\"x\",\"space\":\"nb201\",\"arch\":\"|none~0|\"}\nno record\n";
    input += "{\"id\":\"y\",\"error\":{\"stage\":\"sample\",\"kind\":\"k\",\"message\":\"m\"}}\n";
    let plain = score(&[], &input).expect_code(1);
    for jobs in ["1", "2"] {
        let isolated = score(&["--timeout", "100", "-j", jobs], &input).expect_code(1);
        assert_eq!(isolated.stdout, plain.stdout);
        assert_eq!(isolated.stderr, plain.stderr);
    }
}

#[test]
fn a_candidate_that_takes_too_long_is_given_up() {
    let input = cells(3);
    let args = ["--timeout", "0.2", "-n", "2000", "--cells", "3", "-j", "2"];
    let run = score(&args, &input).expect_code(1);
    let errors = run.column("error");
    assert_eq!(errors.len(), 3);
    for error in errors {
        assert_eq!(error["stage"], "score");
        assert_eq!(error["kind"], "timeout");
        assert_eq!(error["message"], "no score after 0.2 s (--timeout)");
    }
    let _ = run.expect_stderr("timeout: no score after");
}

/// A process that is stopped hangs as hard as any.
#[test]
fn a_hang_costs_one_candidate() {
    let input = cells(3);
    let lines: Vec<&str> = input.lines().collect();
    let expected = score(&[], &input).expect_code(0).records();
    let mut run = Run::new(&["--timeout", "3"]);
    run.give(lines[0]);
    assert_eq!(run.take(), expected[0]);
    let job = run.job();
    signal("STOP", &job);
    // Larger than what a pipe holds: not even giving it the record may hang.
    let filling = "x".repeat(1 << 20);
    run.give(&lines[1].replacen('{', &format!("{{\"note\":\"{filling}\","), 1));
    let late = run.take();
    assert_eq!(late["error"]["kind"], "timeout");
    assert_eq!(late["note"], *filling);
    assert!(!is_running(&job));
    run.give(lines[2]);
    assert_eq!(run.take(), expected[2]);
    assert_eq!(run.end(), Some(1));
}

/// As the system does when memory runs out.
#[test]
fn a_killed_process_costs_one_candidate() {
    let input = cells(3);
    let lines: Vec<&str> = input.lines().collect();
    let expected = score(&[], &input).expect_code(0).records();
    let mut run = Run::new(&["--timeout", "100"]);
    run.give(lines[0]);
    assert_eq!(run.take(), expected[0]);
    signal("KILL", &run.job());
    run.give(lines[1]);
    let lost = run.take();
    assert_eq!(lost["error"]["kind"], "crashed");
    let message = lost["error"]["message"].as_str().unwrap();
    assert!(message.contains("signal: 9"), "{message}");
    run.give(lines[2]);
    assert_eq!(run.take(), expected[2]);
    assert_eq!(run.end(), Some(1));
}

#[test]
fn nothing_stays_behind() {
    let input = cells(2);
    for how in ["KILL", "TERM"] {
        let mut run = Run::new(&["--timeout", "100"]);
        run.give(input.lines().next().unwrap());
        run.take();
        let job = run.job();
        signal(how, &run.child.id().to_string());
        let code = run.child.wait().unwrap().code();
        assert_eq!(code, (how == "TERM").then_some(130));
        within(10, "the job's process ends", || {
            (!is_running(&job)).then_some(())
        });
    }
}

/// Ctrl-C in a terminal reaches every process of the group.
#[test]
fn an_interrupt_finishes_what_was_begun() {
    let folder = scratch();
    let file = folder.path().join("scores.ndjson");
    let mut run = Run::new(&["--timeout", "100", "-n", "64", "-o", file.to_str().unwrap()]);
    for line in cells(40).lines() {
        run.give(line);
    }
    let part = folder.path().join("scores.ndjson.part");
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    within(60, "some records", || (lines(&part) >= 2).then_some(()));
    for process in [run.job(), run.child.id().to_string()] {
        signal("INT", &process);
    }
    assert_eq!(run.end(), Some(130));
    let text = fs::read_to_string(part).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() < 40);
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert!(record.get("error").is_none(), "{record}");
    }
}

#[test]
fn a_time_is_a_positive_number() {
    for time in ["0", "-1", "soon", "NaN", "inf", "1e300"] {
        let run = score(&[&format!("--timeout={time}")], "").expect_code(2);
        let _ = run.expect_stderr("a number of seconds above 0");
    }
}
