//! `scripts/score-parallel.sh` and what it survives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::{Tool, binary, scratch};

use crate::machines::{self, Machine};
use crate::{TINY, binaries, cells, command, expect, has, lines, lose, said, scores, script};

fn parallel(folder: &Path, options: &[&str]) -> Command {
    let mut command = script("score-parallel.sh", folder);
    command.args(["-o", "scores"]).args(options).arg("cells");
    command.arg("--").args(TINY).arg("--quiet");
    command
}

/// Starts it and waits until so many candidates are scored.
fn started(command: &mut Command, part: &Path, at_least: usize) -> Child {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while lines(part) < at_least {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            panic!("it ended at {} lines: {}", lines(part), said(&output));
        }
        assert!(
            begin.elapsed() < Duration::from_secs(120),
            "{} lines",
            lines(part)
        );
        thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Two machines, one of which is lost long before the end: its records go to the other.
#[test]
fn a_lost_machine_costs_nothing_but_time() {
    if !machines::can_be_made() || !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    let cells = cells(400);
    let path = format!("{}:/usr/bin:/bin", binaries().display());
    let mut machines = ["first", "second"].map(|name| {
        fs::create_dir(folder.path().join(name)).unwrap();
        Machine::new(&folder.path().join(name), &path)
    });
    fs::write(folder.path().join("cells"), &cells).unwrap();
    let listed = format!("# two\n1/{}\n{}\n", machines[0].login, machines[1].login);
    fs::write(folder.path().join("machines"), listed).unwrap();

    let options = ["--sshloginfile", "machines", "--joblog", "log"];
    let mut run = parallel(folder.path(), &options);
    let run = started(&mut run, &folder.path().join("scores.part"), 60);
    machines[1].lose();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("were lost"), "{}", said(&output));
    let found = fs::read_to_string(folder.path().join("scores")).unwrap();
    assert!(found == scores(&cells), "other bytes than from one process");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let ends = |login: &str| log.lines().filter(|line| line.contains(login)).count();
    assert_eq!(ends(&machines[0].login), 2, "{log}"); // in both rounds
    assert_eq!(ends(&machines[1].login), 1, "{log}");
}

#[test]
fn what_was_killed_or_interrupted_goes_on() {
    if !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    let part = folder.path().join("scores.part");
    let cells = cells(120);
    fs::write(folder.path().join("cells"), &cells).unwrap();
    let new = || parallel(folder.path(), &["--jobs", "2"]);

    let mut run = started(&mut new(), &part, 20);
    lose(run.id());
    run.wait().unwrap();
    let run = started(&mut new(), &part, 50);
    let kill = ["-TERM", &run.id().to_string()];
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(lines(&part) < 120 && !folder.path().join("scores").exists());

    let output = expect(&mut new(), 0);
    assert!(said(&output).contains("records kept"), "{}", said(&output));
    let found = fs::read_to_string(folder.path().join("scores")).unwrap();
    assert!(found == scores(&cells));
    assert!(!part.exists());
}

/// A stand-in notes which GPU it was given and computes on the processor.
#[test]
fn each_gpu_has_one_process() {
    if !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    let program = folder.path().join("stand in");
    let text = format!(
        "#!/usr/bin/env bash\necho \"$CUDA_VISIBLE_DEVICES ${{@: -2}}\" >>gpus\n\
         exec {} \"${{@:1:$#-2}}\"\n",
        binary("knas-score").display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let cells = cells(10);
    fs::write(folder.path().join("cells"), &cells).unwrap();
    let options = ["--gpus", "3,1", "--program", program.to_str().unwrap()];
    expect(&mut parallel(folder.path(), &options), 0);
    let found = fs::read_to_string(folder.path().join("scores")).unwrap();
    assert!(found == scores(&cells));
    let gpus = fs::read_to_string(folder.path().join("gpus")).unwrap();
    let mut gpus: Vec<&str> = gpus.lines().collect();
    gpus.sort_unstable();
    assert_eq!(gpus, ["1 --gpu 0", "3 --gpu 0"]);
}

#[test]
fn candidates_that_fail_are_not_taken_for_lost() {
    if !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    let twice = cells(2);
    let bad = "{\"id\":\"x\\ty\",\"space\":3}\nno record\n\n";
    let text = format!("{twice}{bad}{twice}");
    fs::write(folder.path().join("cells"), &text).unwrap();
    let output = expect(&mut parallel(folder.path(), &[]), 1);
    assert!(
        said(&output).contains("2 candidates failed"),
        "{}",
        said(&output)
    );
    let plain = Tool::new("knas-score").args(TINY).stdin(text).run();
    let found = fs::read_to_string(folder.path().join("scores")).unwrap();
    assert_eq!(found, plain.expect_code(1).stdout);
}

#[test]
fn what_failed_in_an_earlier_run_is_tried_again() {
    if !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    let cells = cells(4);
    fs::write(folder.path().join("cells"), &cells).unwrap();
    let whole = scores(&cells);
    let mut lines: Vec<&str> = whole.lines().collect();
    let id = lines[1].split('"').nth(3).unwrap();
    let failed = format!(
        "{{\"id\":\"{id}\",\"error\":{{\"stage\":\"score\",\"kind\":\"timeout\",\"message\":\"late\"}}}}"
    );
    lines[1] = &failed;
    fs::write(folder.path().join("scores.part"), lines.join("\n") + "\n").unwrap();
    expect(&mut parallel(folder.path(), &[]), 0);
    let found = fs::read_to_string(folder.path().join("scores")).unwrap();
    assert_eq!(found, whole);

    // Another architecture under the same id.
    let other = cells.lines().next().unwrap().replacen("~0", "~0|none~0", 1);
    fs::write(folder.path().join("cells"), format!("{cells}{other}\n")).unwrap();
    let output = expect(&mut parallel(folder.path(), &[]), 2);
    assert!(said(&output).contains("lines 1 and 5"), "{}", said(&output));
}

#[test]
fn what_cannot_work_is_said() {
    if !has("parallel") || !has("jq") {
        return;
    }
    let folder = scratch();
    fs::write(folder.path().join("cells"), cells(3)).unwrap();
    let output = expect(&mut parallel(folder.path(), &["--program", "/no/such"]), 2);
    assert!(
        said(&output).contains("3 candidates are missing"),
        "{}",
        said(&output)
    );

    // Records that were scored in another way, as by a run with other flags.
    let other = scores(&cells(1)).replace("\"samples\":4", "\"samples\":5");
    fs::write(folder.path().join("scores.part"), other).unwrap();
    let output = expect(&mut parallel(folder.path(), &[]), 2);
    assert!(
        said(&output).contains("2 different ways"),
        "{}",
        said(&output)
    );

    for (arguments, message) in [
        (&["cells"][..], "-o FILE is missing"),
        (&["-o"], "-o needs a value"),
        (&["-o", "x", "--jobs", "0"], "--jobs is a number"),
        (&["-o", "x", "--gpus", "0;ls"], "--gpus is a list"),
        (
            &["-o", "x", "--sshloginfile", "none"],
            "none cannot be read",
        ),
        (&["-o", "x", "--bring", "p"], "--bring needs --sshloginfile"),
        (&["-o", "x", "--seed", "1"], "come after --"),
    ] {
        let output = expect(
            script("score-parallel.sh", folder.path()).args(arguments),
            2,
        );
        assert!(said(&output).contains(message), "{}", said(&output));
    }
    let help = expect(script("score-parallel.sh", folder.path()).arg("--help"), 0);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--round-robin --line-buffer") && !help.contains("set -e"));
}

/// The command lines in the script's head.
#[test]
fn the_plain_command_line_works() {
    if !has("parallel") {
        return;
    }
    let folder = scratch();
    let cells = cells(20);
    fs::write(folder.path().join("cells"), &cells).unwrap();
    let line = format!(
        "parallel --pipe -N1 --round-robin --line-buffer -j 2 'knas-score {} -q' <cells",
        TINY.join(" ")
    );
    let output = expect(command("bash", folder.path()).args(["-c", &line]), 0);
    let sort = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(sort(&found), sort(&scores(&cells)));
}
