//! knas-rank as a process: files, pipes, memory and start-up.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use knas_tests::{Outcome, Tool, scratch};

const CELLS: &str = "{\"id\":\"a\",\"score\":1}\n{\"id\":\"b\",\"score\":2}\n";

fn rank(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-rank").args(args).stdin(input).run()
}

#[test]
fn the_output_file_appears_whole_or_not_at_all() {
    let folder = scratch();
    let path = folder.path().join("best.ndjson");
    let name = path.to_str().expect("a UTF-8 path");
    let _ = rank(&["-k", "1", "-o", name], CELLS).expect_code(0);
    let _ = rank(&["-k", "2", "-o", name, "--resume"], CELLS).expect_code(0);
    let text = std::fs::read_to_string(&path).expect("the file is there");
    assert_eq!(text.lines().count(), 2);
    let directory = folder.path().to_str().expect("a UTF-8 path");
    let _ = rank(&["-o", directory], CELLS)
        .expect_code(2)
        .expect_stderr("cannot write");
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let mut child = Tool::new("knas-rank")
        .command()
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut pipe = child.stdin.take().expect("standard input is piped");
    pipe.write_all(CELLS.as_bytes()).expect("the tool reads");
    drop(pipe);
    let output = child.wait_with_output().expect("the tool ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for format in ["ndjson", "csv", "table"] {
        let mut child = Tool::new("knas-rank").args(["--format", format]).spawn();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut pipe = child.stdin.take().expect("piped");
        for i in 0..20_000 {
            writeln!(pipe, "{{\"id\":\"c{i}\",\"score\":{i}}}").expect("the tool reads");
        }
        drop(pipe);
        let mut first = String::new();
        stdout.read_line(&mut first).expect("a line comes");
        drop(stdout);
        let output = child.wait_with_output().expect("the tool ends");
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

/// The peak memory, in KiB, of ranking so many records.
fn peak_memory(records: usize) -> u64 {
    let mut child = Tool::new("knas-rank").args(["-k", "5"]).spawn();
    let mut pipe = child.stdin.take().expect("piped");
    let mut text = String::new();
    for i in 0..records {
        let _ = writeln!(
            text,
            "{{\"id\":\"c{i}\",\"arch\":\"|x~0|\",\"score\":{}}}",
            i % 9973
        );
        if text.len() > 1 << 16 || i + 1 == records {
            pipe.write_all(text.as_bytes()).expect("the tool reads");
            text.clear();
        }
    }
    let status = format!("/proc/{}/status", child.id());
    let status = std::fs::read_to_string(status).expect("the tool still waits for more");
    drop(pipe);
    let mut best = String::new();
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_string(&mut best).expect("UTF-8");
    assert!(child.wait().expect("the tool ends").success());
    assert_eq!(best.lines().count(), 5.min(records));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.expect("Linux says so").trim().trim_end_matches(" kB");
    peak.parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_input() {
    let (few, many) = (peak_memory(10_000), peak_memory(500_000));
    assert!(
        many < few + 1024,
        "{few} KiB for 10,000 records, {many} KiB for 500,000"
    );
}
