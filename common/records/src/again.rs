//! This program, started again. No other program is ever started.

// The one place where that is done.
#![allow(clippy::disallowed_methods)]

use std::env;
use std::io;
use std::process::Command;

use crate::workers;

/// The variables that say how OpenMP's threads wait; whoever sets one has decided.
const POLICIES: [&str; 2] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];

/// Memory of one step of training stays for the next, which needs as much,
/// instead of going back to the system and being cleared again.
const MEMORY: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.arena_max=1:\
     glibc.malloc.mmap_threshold=2000000000:\
     glibc.malloc.trim_threshold=4000000000:\
     glibc.malloc.top_pad=200000000",
);

/// The first argument of a process that works for another one of its program.
pub const WORKER: &str = "--worker";

/// A command that starts this program again: with `first`, and then the
/// arguments that it was given.
///
/// # Errors
/// When the system does not tell where the program lies.
pub fn with_first(first: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(first).args(env::args_os().skip(1));
    Ok(command)
}

/// The command line of this run, as a shell would read it: the tool's name and
/// the arguments that it was given.
pub fn command_line(tool: &str) -> String {
    let given = env::args_os().skip(1);
    // What `with_first` puts before them is no argument of the user's.
    let given = given.skip_while(|argument| argument == WORKER);
    let words = given.map(|argument| argument.to_string_lossy().replace('\0', "\u{fffd}"));
    std::iter::once(tool.to_owned())
        .chain(words)
        .map(|word| shlex::try_quote(&word).map_or_else(|_| word.clone(), Into::into))
        .collect::<Vec<String>>()
        .join(" ")
}

/// Starts this program once more in its own place where the addresses that it
/// may take are limited, with one arena of memory for all threads.
///
/// glibc gives each thread an arena of 64 MB of addresses, whether it is used or
/// not, and reads how many there may be when it is loaded. No result depends on
/// it.
pub fn with_few_addresses() {
    if workers::address_space_limit().is_none() || env::var_os(MEMORY.0).is_some() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let mut again = Command::new(program);
        again.args(env::args_os().skip(1));
        again.env(MEMORY.0, "glibc.malloc.arena_max=1");
        replace(again);
    }
}

/// Starts this program once more in its own place, with threads of libtorch
/// that sleep while they wait.
///
/// They would spin, and where other work wants the cores that costs several
/// times the time. libgomp reads its policy when it is loaded, before `main`,
/// so it can only be set for a new start; so does glibc, which is told to keep
/// memory. Where that is impossible, or somebody has decided how threads wait,
/// nothing happens. No result depends on it.
pub fn with_sleeping_threads() {
    if POLICIES.iter().any(|name| env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1));
    again.env(POLICIES[0], "PASSIVE");
    if env::var_os(MEMORY.0).is_none() {
        again.env(MEMORY.0, MEMORY.1);
    }
    replace(again);
}

#[cfg(unix)]
fn replace(mut command: Command) {
    use std::os::unix::process::CommandExt;
    // It only returns where it fails, and then this process goes on.
    let _ = command.exec();
}

#[cfg(not(unix))]
fn replace(_: Command) {}
