//! Searches on several processes and machines, as makefiles and as loops; what
//! they survive; and how the tools get to other machines.
#![cfg(target_os = "linux")]
// A failed expectation is how a test fails.
#![allow(clippy::unwrap_used)]

mod active;
mod chaos;
mod evolve;
mod install;
mod machines;
mod makefile;
mod memory;
mod parallel;
mod schedulers;
mod volume;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use knas_tests::{Tool, binary, missing, repository};

/// Flags that make a candidate cost milliseconds.
const TINY: [&str; 8] = [
    "--data",
    "noise",
    "--channels",
    "4",
    "--cells",
    "1",
    "--samples",
    "4",
];

/// Where the binaries are.
fn binaries() -> PathBuf {
    binary("knas-score").parent().unwrap().to_owned()
}

/// A search path with the binaries first.
fn path() -> OsString {
    let system = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(binaries()).chain(env::split_paths(&system))).unwrap()
}

/// Whether a program is there; a test that needs it skips itself otherwise.
fn has(program: &str) -> bool {
    let found = env::split_paths(&path()).any(|folder| folder.join(program).is_file());
    if !found {
        missing(program, "install the package that has it");
    }
    found
}

/// A program that finds the binaries, in `folder`.
fn command(program: impl AsRef<Path>, folder: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(folder).env("PATH", path());
    command
}

/// One of the scripts.
fn script(name: &str, folder: &Path) -> Command {
    command(repository().join("scripts").join(name), folder)
}

/// Runs a command that is to end with `code`.
#[track_caller]
fn expect(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{said}");
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn cells(count: usize) -> String {
    let tool = Tool::new("knas-sample").args(["-n", &count.to_string()]);
    tool.run().expect_code(0).stdout
}

/// What knas-score makes of `cells` in one process.
fn scores(cells: &str) -> String {
    let tool = Tool::new("knas-score").args(TINY);
    tool.stdin(cells).run().expect_code(0).stdout
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// A process and all that it has started, the youngest first; each is stopped
/// before its children are counted, so that none is missed.
fn family(process: u32) -> Vec<u32> {
    stop(process);
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let mut all: Vec<u32> = threads
        .into_iter()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|children| {
            let ids = children.split_whitespace().map(|id| id.parse().unwrap());
            ids.collect::<Vec<u32>>()
        })
        .flat_map(family)
        .collect();
    all.push(process);
    all
}

/// Returns when the process does not run any more.
fn stop(process: u32) {
    let id = process.to_string();
    let _ = Command::new("kill").args(["-STOP", &id]).output();
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // PID (NAME) STATE …, where a name may have parentheses, too.
        let state = stat.rsplit(')').next().unwrap_or_default();
        !matches!(
            state.trim_start().chars().next(),
            None | Some('T' | 'Z' | 'X')
        )
    };
    while runs() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends a process and all that it has started, as a loss of power would.
fn lose(process: u32) {
    let ids: Vec<String> = family(process).iter().map(u32::to_string).collect();
    // Some may have ended by themselves.
    let _ = Command::new("kill").arg("-KILL").args(ids).output();
}
