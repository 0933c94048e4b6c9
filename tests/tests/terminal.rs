//! The tools on a terminal: what stays on the screen is the result, and what
//! the tools say, and nothing of their progress.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};

use knas_tests::{Tool, binary, model, program, scratch};

const COLUMNS: [u16; 3] = [20, 60, 200];

/// What a terminal saw.
struct Session {
    /// Everything that was sent to it.
    sent: String,
    /// The lines on the screen at the end; those that wrapped are one.
    lines: Vec<String>,
}

/// Runs a command line in `folder`, with the binaries on the path, on a
/// terminal of so many columns; none where there is no `script` to make one.
fn session(columns: u16, line: &str, folder: &Path) -> Option<Session> {
    const ROWS: u16 = 1000;
    program("script")?;
    let binaries = binary("knas-score");
    let line = format!(
        "stty cols {columns} rows {ROWS}; export PATH={}:\"$PATH\"; {line}",
        binaries.parent()?.display()
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("script runs");
    let size = |count| NonZero::new(count).expect("a terminal has rows and columns");
    let mut screen = vt100::Parser::new(size(ROWS), size(columns), 0);
    screen.process(&output.stdout);
    let lines = screen.screen().contents();
    Some(Session {
        sent: String::from_utf8_lossy(&output.stdout).into_owned(),
        lines: lines
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect(),
    })
}

/// Cells, scores and a truth in `folder`.
fn prepare(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    let sample = |args: &[&str]| {
        Tool::new("knas-sample")
            .args(args)
            .run()
            .expect_code(0)
            .stdout
    };
    let cells = sample(&["-n", "6"]);
    write("cells", &cells);
    let score = Tool::new("knas-score")
        .args(SCORE.split(' ').skip(1))
        .stdin(cells.as_str());
    let scored = score.run().expect_code(0);
    write("scored", &scored.stdout);
    let ids = scored.column("id").into_iter().enumerate();
    let rows = ids.map(|(row, id)| format!("{},0.{row}\n", id.as_str().unwrap_or_default()));
    write(
        "truth.csv",
        &format!("id,accuracy\n{}", rows.collect::<String>()),
    );
}

/// Slow enough for a line of progress.
const SCORE: &str = "knas-score -j 1 --data noise -n 64 --cells 2 --proxy mgm,meco";

/// Lines with times in them differ from run to run.
fn without_times(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.parse::<f64>() {
        Ok(_) if line.starts_with("knas-") => "N",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_remains_is_the_result_and_nothing_else() {
    let folder = scratch();
    prepare(folder.path());
    let alone = format!("{SCORE} cells");
    let piped = format!("knas-sample -n 6 | {SCORE} | knas-rank -k 2 --format csv");
    let answered = format!("{SCORE} cells | cut -c1-18");
    let drawn = [alone.as_str(), &piped, &answered];
    let quick = [
        "knas-sample -n 3",
        "knas-rank --format csv scored",
        "knas-rank -k 2 scored | cut -c1-30",
        "knas-eval --truth truth.csv --format csv scored",
        "knas-report -o page.html scored",
        "knas-sample -n 40 | knas-rank --by -params -k 1 --format csv",
    ];
    for line in drawn.into_iter().chain(quick) {
        let plain = Command::new("sh")
            .args(["-c", &format!("{{ {line}; }} 2>&1")])
            .env("PATH", path())
            .current_dir(folder.path())
            .output()
            .expect("sh runs");
        let plain = String::from_utf8(plain.stdout).expect("text");
        let mut expected: Vec<String> = plain.lines().map(without_times).collect();
        expected.sort();
        for columns in COLUMNS {
            let Some(session) = session(columns, line, folder.path()) else {
                return;
            };
            let mut lines: Vec<String> = session.lines.iter().map(|l| without_times(l)).collect();
            // Standard output and standard error may come in either order.
            lines.sort();
            assert_eq!(
                lines, expected,
                "{line} at {columns} columns:\n{}",
                session.sent
            );
            if drawn.contains(&line) {
                let progress = session.sent.contains("\x1b[J") && session.sent.contains("/6")
                    || session.sent.contains("candidates");
                assert!(progress, "no progress was shown: {line}\n{}", session.sent);
            }
        }
    }
}

/// A search path with the binaries first.
fn path() -> std::ffi::OsString {
    let binary = binary("knas-score");
    let own = binary.parent().expect("a folder").to_owned();
    let system = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&system)))
        .expect("a search path")
}

#[test]
fn training_shows_its_epochs() {
    let folder = scratch();
    prepare(folder.path());
    let layouts = model::layout("a", "1|2|3|head") + &model::layout("b", "1|2|3|head~1:mean");
    fs::write(folder.path().join("layouts"), layouts).expect("a file");
    let weights = model::pretrained(folder.path());
    // So many that the line is drawn a few times, on a fast machine too.
    let line = format!(
        "knas-finetune -j 1 --data {} --weights {} --epochs 60 -o trained layouts",
        model::texts(folder.path()),
        weights.display()
    );
    let Some(session) = session(80, &line, folder.path()) else {
        return;
    };
    assert!(folder.path().join("trained").exists(), "{}", session.sent);
    let shown = session.sent.contains("/2  epoch ");
    assert!(shown, "no epoch beside the candidates:\n{}", session.sent);
    let said = |line: &String| line.starts_with("knas-finetune: ");
    assert!(session.lines.iter().all(said), "{:?}", session.lines);
}

/// A table takes the room that there is, and says what it leaves out.
#[test]
fn tables_are_as_wide_as_the_terminal() {
    let folder = scratch();
    prepare(folder.path());
    for columns in COLUMNS {
        let Some(session) = session(columns, "knas-rank scored", folder.path()) else {
            return;
        };
        let widest = session.lines.iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns.into()), "{:?}", session.lines);
        assert!(
            session.lines[0].trim_start().starts_with("rank"),
            "{:?}",
            session.lines
        );
        let left_out = session
            .lines
            .iter()
            .any(|line| line.starts_with("no room for"));
        assert_eq!(left_out, columns <= 60, "{:?}", session.lines);
    }
}

/// What an interrupt leaves is said, and how to go on.
#[test]
fn an_interrupt_is_answered() {
    let folder = scratch();
    prepare(folder.path());
    let line = "knas-score -j 1 --data noise -n 2000 --proxy swap -o out cells & \
                sleep 2; kill -INT $!; wait $!; echo code $?";
    let Some(session) = session(80, line, folder.path()) else {
        return;
    };
    let all = session.lines.join("\n");
    assert!(all.contains("code 130"), "{all}");
    assert!(
        all.contains("out.part: the same command with --resume goes on"),
        "{all}"
    );
}
