//! Every tool writes files in one way, takes an id for one candidate, and takes
//! up what an earlier run left.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use knas_tests::{Outcome, Tool, scratch};

/// Three scored cells of NAS-Bench-201, with what training reached.
const CELLS: [&str; 3] = [
    r#"{"id":"a","space":"nb201","arch":"|avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|","score":1.5,"score_by":"x","scores":{"x":1.5},"finetune":{"valid_accuracy":0.5}}"#,
    r#"{"id":"b","space":"nb201","arch":"|skip_connect~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|none~2|","score":2.5,"score_by":"x","scores":{"x":2.5},"finetune":{"valid_accuracy":0.6}}"#,
    r#"{"id":"c","space":"nb201","arch":"|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|","score":0.5,"score_by":"x","scores":{"x":0.5},"finetune":{"valid_accuracy":0.4}}"#,
];

fn cells() -> String {
    CELLS.map(|line| format!("{line}\n")).concat()
}

const TINY: [&str; 9] = [
    "--data",
    "noise",
    "-n",
    "4",
    "--cells",
    "1",
    "--channels",
    "4",
    "-j1",
];

/// Every tool that needs no data, with what it takes to write something.
fn tools() -> Vec<(&'static str, Tool)> {
    let tool = |name| Tool::new(name).stdin(cells());
    vec![
        ("knas-sample", tool("knas-sample").args(["-n", "3"])),
        ("knas-score", tool("knas-score").args(TINY)),
        ("knas-rank", tool("knas-rank")),
        ("knas-rank", tool("knas-rank").args(["--format", "csv"])),
        ("knas-eval", tool("knas-eval")),
        ("knas-report", tool("knas-report")),
    ]
}

#[cfg(unix)]
#[test]
fn links_devices_and_modes_stay_what_they_are() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    for (name, tool) in tools() {
        let folder = scratch();
        let path = |name: &str| folder.path().join(name);
        let wanted = tool.run().expect_code(0).stdout;
        symlink("there", path("link")).unwrap();
        fs::write(path("there"), "old").unwrap();
        fs::set_permissions(path("there"), fs::Permissions::from_mode(0o604)).unwrap();
        let _ = tool
            .clone()
            .arg("-o")
            .arg(path("link"))
            .run()
            .expect_code(0);
        assert!(path("link").is_symlink(), "{name}");
        assert_eq!(fs::read_to_string(path("there")).unwrap(), wanted, "{name}");
        let mode = fs::metadata(path("there")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o604, "{name}");

        symlink("/proc/self/fd/1", path("stdout")).unwrap();
        let run = tool.clone().arg("-o").arg(path("stdout")).run();
        assert_eq!(run.expect_code(0).stdout, wanted, "{name}");
        assert!(path("stdout").is_symlink(), "{name}");

        symlink("/dev/full", path("full")).unwrap();
        let run = tool.clone().args(["-q", "-o"]).arg(path("full")).run();
        let _ = run.expect_code(2).expect_stderr("No space left");
        assert!(path("full").is_symlink(), "{name}");
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["full", "link", "stdout", "there"], "{name}");
    }
}

/// What is printed without records, too.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    for name in ["knas-sample", "knas-rank", "knas-score", "knas-finetune"] {
        for flag in ["--help", "--version", "--schema", "--generate=man"] {
            let full = fs::File::options().write(true).open("/dev/full").unwrap();
            let mut command = Tool::new(name).arg(flag).command();
            let output = command.stdin(Stdio::null()).stdout(full).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{name} {flag}: {said}");
            assert!(said.contains("No space left"), "{name} {flag}: {said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_read_is_never_written() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), cells()).unwrap();
    fs::hard_link(path("in"), path("hard")).unwrap();
    std::os::unix::fs::symlink("in", path("soft")).unwrap();
    let part = path("x.part");
    fs::hard_link(path("in"), &part).unwrap();
    let refused = |tool: Tool| {
        let run = tool.current_dir(folder.path()).run();
        let _ = run.expect_code(2).expect_stderr("are the same file");
        assert_eq!(fs::read_to_string(path("in")).unwrap(), cells());
    };
    for output in ["in", "./in", "hard", "soft", "x"] {
        refused(Tool::new("knas-rank").args(["in", "-o", output]));
    }
    for args in [
        "knas-score in -o soft",
        "knas-eval in -o soft",
        "knas-report in -o soft",
        "knas-finetune in -o soft",
        "knas-sample --mutate 2 --parents in -o soft",
        "knas-eval other --truth in -o soft",
        "knas-report other --truth in -o soft",
        "knas-report other --log in -o soft",
        "knas-score other --weights in -o soft",
        "knas-score other --data jsonl:in -o soft",
        "knas-finetune other --log in -o soft",
        "knas-finetune in --log soft -o new",
        "knas-finetune other --log new -o ./new",
    ] {
        let (name, args) = args.split_once(' ').unwrap();
        refused(Tool::new(name).args(args.split(' ')));
    }
    // Standard input and output have names, too.
    for append in [true, false] {
        let file = fs::OpenOptions::new()
            .append(true)
            .open(path("in"))
            .unwrap();
        let tool = Tool::new("knas-rank").current_dir(folder.path());
        let mut command = match append {
            true => tool.arg("in").command(),
            false => tool.args(["-o", "in"]).command(),
        };
        match append {
            true => command.stdout(file),
            false => command.stdin(fs::File::open(path("in")).unwrap()),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(fs::read_to_string(path("in")).unwrap(), cells());
    }
}

#[test]
fn results_are_not_replaced_where_nothing_was_done() {
    let folder = scratch();
    let out = folder.path().join("out");
    let score = |input: &str, code| {
        let tool = Tool::new("knas-score").args(TINY).arg("-o").arg(&out);
        tool.stdin(input).run().expect_code(code)
    };
    let _ = score(&cells(), 0);
    let results = fs::read_to_string(&out).unwrap();
    let bad = r#"{"id":"a","space":"nb201","arch":"?"}"#;
    let _ = score(bad, 2).expect_stderr("is left as it was");
    assert_eq!(fs::read_to_string(&out).unwrap(), results);
    let _ = score(&format!("{bad}\n{}", CELLS[1]), 1);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 2);
}

/// The tools that read records.
fn readers() -> Vec<(&'static str, Tool)> {
    vec![
        ("knas-score", Tool::new("knas-score").args(TINY)),
        ("knas-rank", Tool::new("knas-rank")),
        ("knas-rank", Tool::new("knas-rank").args(["-k", "2"])),
        (
            "knas-rank",
            Tool::new("knas-rank").args(["--by", "x,finetune.valid_accuracy"]),
        ),
        ("knas-eval", Tool::new("knas-eval")),
        (
            "knas-sample",
            Tool::new("knas-sample").args(["--mutate", "4", "--parents", "-"]),
        ),
    ]
}

#[test]
fn a_record_that_comes_again_counts_once() {
    for (name, tool) in readers() {
        let once = tool.clone().stdin(cells()).run().expect_code(0);
        let again = tool.stdin(cells() + CELLS[1] + "\n").run().expect_code(0);
        assert_eq!(again.stdout, once.stdout, "{name}");
        let _ = again
            .expect_stderr("records that came again with the same content, each counted once: 1")
            .expect_stderr("stdin:2 and stdin:4");
    }
}

#[test]
fn an_id_that_stands_for_two_candidates_is_an_error_with_both_places() {
    let other = CELLS[1].replace("nor_conv_1x1", "nor_conv_3x3");
    let other = other.replace("2.5", "2.25");
    for (name, tool) in readers() {
        let run = tool.stdin(cells() + &other + "\n").run().expect_code(1);
        let said = run.stderr.lines().find(|line| line.contains("same id"));
        let said = said.unwrap_or_else(|| panic!("{name}: {}", run.streams()));
        for place in ["stdin:2", "stdin:4", "b: "] {
            assert!(said.contains(place), "{name}: {said}");
        }
    }
}

fn resumed(file: &Path, input: &str, args: &[&str]) -> Outcome {
    let tool = Tool::new("knas-score").args(TINY).args(args);
    tool.arg("--resume").arg("-o").arg(file).stdin(input).run()
}

#[test]
fn failures_are_tried_again_in_their_place() {
    let folder = scratch();
    let file = folder.path().join("out");
    let whole = Tool::new("knas-score").args(TINY).stdin(cells()).run();
    let whole = whole.expect_code(0).stdout;
    let late = resumed(&file, &cells(), &["--timeout", "0.001"]).expect_code(1);
    assert!(late.stderr.contains("timeout"), "{}", late.streams());
    let _ = resumed(&file, &cells(), &[]).expect_code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);

    // One in the middle; and one that is no longer asked for is not forgotten.
    let failed = r#"{"id":"b","error":{"stage":"score","kind":"timeout","message":"late"}}"#;
    let mut lines: Vec<&str> = whole.lines().collect();
    lines[1] = failed;
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let rest = format!("{}\n{}\n", CELLS[0], CELLS[2]);
    let _ = resumed(&file, &rest, &[])
        .expect_code(1)
        .expect_stderr("failed candidates of an earlier run");
    let _ = resumed(&file, &cells(), &[]).expect_code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
}

#[test]
fn what_was_made_for_something_else_is_refused() {
    let folder = scratch();
    let file = folder.path().join("out");
    let _ = resumed(&file, &cells(), &[]).expect_code(0);
    let before = fs::read_to_string(&file).unwrap();
    let other = cells().replace("nor_conv_1x1", "nor_conv_3x3");
    let _ = resumed(&file, &other, &[])
        .expect_code(2)
        .expect_stderr("b cannot be kept: there it is");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);

    let cells = folder.path().join("cells");
    let sample = |args: &[&str]| {
        let tool = Tool::new("knas-sample").args(args).arg("-o").arg(&cells);
        tool.run()
    };
    let _ = sample(&["-n", "5"]).expect_code(0);
    let before = fs::read_to_string(&cells).unwrap();
    for flags in [&["-n", "5", "--seed", "1"][..], &["-n", "4"]] {
        let args = [flags, &["--resume"]].concat();
        let _ = sample(&args).expect_code(2).expect_stderr("do not give");
        assert_eq!(fs::read_to_string(&cells).unwrap(), before);
    }
    let _ = sample(&["-n", "7", "--resume"]).expect_code(0);
    let seven = Tool::new("knas-sample").args(["-n", "7"]).run().stdout;
    assert_eq!(fs::read_to_string(&cells).unwrap(), seven);
}
