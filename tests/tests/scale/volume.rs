//! Many records, and large ones.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use knas_tests::{Tool, binary, scratch};

use crate::{TINY, cells, expect};

const MANY: usize = 300_000;

/// The most memory that a process has held so far, in MB.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

fn start(tool: &str, args: &[&str]) -> Child {
    let mut command = Command::new(binary(tool));
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Records through knas-rank, whose memory is looked at before it ends.
#[test]
fn many_records_are_ranked_in_little_memory() {
    let mut rank = start("knas-rank", &["-k", "5"]);
    let mut input = BufWriter::new(rank.stdin.take().unwrap());
    let filling = "x".repeat(300);
    for n in 0..MANY {
        let score = (n * 7919) % 1_000_003;
        writeln!(
            input,
            "{{\"id\":\"r{n}\",\"note\":\"{filling}\",\"score\":{score}}}"
        )
        .unwrap();
    }
    input.flush().unwrap();
    // All but what the pipe holds has been read: some 100 MB in all.
    let held = peak(&rank);
    assert!(held < 30, "{held} MB");
    drop(input);
    let output = rank.wait_with_output().unwrap();
    assert_eq!(output.stdout.iter().filter(|&&b| b == b'\n').count(), 5);
    let mut scores: Vec<usize> = (0..MANY).map(|n| (n * 7919) % 1_000_003).collect();
    scores.sort_unstable();
    let best = scores[MANY - 1];
    let first = String::from_utf8(output.stdout).unwrap();
    assert!(
        first
            .lines()
            .next()
            .unwrap()
            .contains(&format!("\"score\":{best}"))
    );
}

/// A stream without end, of which a reader takes many: nothing piles up.
#[test]
fn many_records_are_sampled_in_little_memory() {
    let folder = scratch();
    let parents = folder.path().join("parents");
    fs::write(&parents, cells(200)).unwrap();
    let mut sample = start("knas-sample", &["--all"]);
    let mut reader = BufReader::new(sample.stdout.take().unwrap());
    let (mut line, mut read) = (String::new(), 0);
    while read < 15_000 && reader.read_line(&mut line).unwrap() > 0 {
        read += 1;
        line.clear();
    }
    let held = peak(&sample);
    assert!(held < 30, "{held} MB");
    assert_eq!(read, 15_000);
    drop(reader);
    sample.wait().unwrap();
}

/// A record of 10 MB passes through every tool that reads records.
#[test]
fn a_record_of_10_megabytes_passes_whole() {
    let filling = "é".repeat(5 << 20);
    let cell = cells(1);
    let large = cell.replacen('{', &format!("{{\"note\":\"{filling}\","), 1);
    assert!(large.len() > 10 << 20);
    for args in [&[][..], &["--timeout", "100"]] {
        let score = Tool::new("knas-score").args(TINY).args(args);
        let scored = score.stdin(large.as_str()).run().expect_code(0);
        let plain = Tool::new("knas-score")
            .args(TINY)
            .stdin(cell.as_str())
            .run();
        let note = format!("{{\"note\":\"{filling}\",");
        let whole = plain.expect_code(0).stdout.replacen('{', &note, 1);
        assert!(scored.stdout == whole);
        let rank = Tool::new("knas-rank").stdin(scored.stdout).run();
        assert!(rank.expect_code(0).stdout.starts_with(&note));
    }
    // Beyond 64 MB a line is refused, and the next one is not.
    let beyond = format!(
        "{{\"id\":\"x\",\"note\":\"{}\"}}\n{{\"id\":\"y\",\"score\":1}}\n",
        filling.repeat(7)
    );
    let run = Tool::new("knas-rank").stdin(beyond).run().expect_code(1);
    assert_eq!(run.column("id"), ["y"]);
}

/// A full disk ends every tool that writes with a message and exit code 2.
#[test]
fn a_full_disk_is_said_by_every_tool() {
    let scored = Tool::new("knas-score").args(TINY).stdin(cells(3)).run();
    let scored = scored.expect_code(0).stdout;
    let folder = scratch();
    fs::write(folder.path().join("scored"), &scored).unwrap();
    let truth = "id,accuracy\nnb201-1,1\n".to_owned();
    let ids = scored.lines().map(|line| line.split('"').nth(3).unwrap());
    let rows: Vec<String> = ids.map(|id| format!("{id},50\n")).collect();
    fs::write(folder.path().join("truth.csv"), truth + &rows.concat()).unwrap();
    for (tool, args) in [
        ("knas-sample", &["--all"][..]),
        ("knas-score", &TINY),
        ("knas-rank", &[]),
        ("knas-eval", &["--truth", "truth.csv"]),
        ("knas-report", &[]),
    ] {
        for to_stdout in [false, true] {
            let mut command = Command::new(binary(tool));
            command.args(args).current_dir(folder.path());
            if tool != "knas-sample" {
                command.arg("scored");
            }
            if to_stdout {
                command.stdout(File::create("/dev/full").unwrap());
            } else {
                command.args(["-o", "/dev/full"]);
            }
            check_full(tool, &mut command);
        }
    }
}

fn check_full(tool: &str, command: &mut Command) {
    let output = expect(command.stderr(Stdio::piped()), 2);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!("{tool}: error: ")) && said.contains("No space left"),
        "{tool}: {said}"
    );
}

/// `| head` ends every tool that writes records quietly, with exit code 0.
#[test]
fn a_reader_may_leave_every_tool() {
    let scored = Tool::new("knas-score").args(TINY).stdin(cells(60)).run();
    let scored = scored.expect_code(0).stdout;
    let folder = scratch();
    let file = folder.path().join("scored");
    // Every record has an id of its own: one that comes again would be said.
    let again = |time: u32| scored.replace(r#""id":""#, &format!(r#""id":"{time}-"#));
    fs::write(&file, (0..200).map(again).collect::<String>()).unwrap();
    for (tool, args) in [
        ("knas-sample", &["--all"][..]),
        ("knas-score", &TINY),
        ("knas-rank", &[]),
    ] {
        check_reader_leaves(tool, args, &file);
    }
}

fn check_reader_leaves(tool: &str, args: &[&str], file: &Path) {
    let mut command = Command::new(binary(tool));
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if tool != "knas-sample" {
        command.arg(file);
    }
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""), "{tool}");
}
