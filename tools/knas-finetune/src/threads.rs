//! How libtorch's threads wait for each other.

use std::process::Command;

/// The variables that say how threads wait; whoever sets one has decided.
const POLICIES: [&str; 2] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];

/// Starts this program once more, with threads that sleep while they wait.
///
/// They would spin, and where other work wants the cores that costs several
/// times the time. libgomp reads its policy when it is loaded, before `main`,
/// so it can only be set for a new start. Where that is impossible, or somebody
/// has decided, nothing happens.
pub fn sleep_while_waiting() {
    if POLICIES.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1));
    again.env(POLICIES[0], "PASSIVE");
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
