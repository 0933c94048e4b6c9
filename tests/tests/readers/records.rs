//! Files of records: byte-order marks, line ends, and what is none.

use knas_tests::{Tool, scratch};

use crate::{cells, put, score};

/// Every tool that reads records, reading those of `file`.
fn readers(file: &str) -> Vec<(&'static str, Tool)> {
    let tool = |name: &str, args: &[&str]| Tool::new(name).args(args).arg(file);
    vec![
        ("rank", tool("knas-rank", &[])),
        ("score", score(&["--data", "noise", file])),
        ("eval", tool("knas-eval", &["--format", "ndjson"])),
        ("report", tool("knas-report", &[])),
        ("finetune", tool("knas-finetune", &["--data", "noise"])),
        (
            "parents",
            tool("knas-sample", &["--mutate", "2", "--parents"]),
        ),
        (
            "truth",
            tool("knas-eval", &["--format", "ndjson", file, "--truth"]),
        ),
        ("page's truth", tool("knas-report", &[file, "--truth"])),
    ]
}

#[test]
fn a_mark_and_line_ends_change_nothing() {
    let folder = scratch();
    let plain = put(folder.path(), "plain", cells());
    let odd = format!("\u{feff}\n{}\r\n\r\n", cells().replace('\n', "\r\n"));
    let odd = put(folder.path(), "plaim", odd); // a name as long as the other
    for ((name, as_usual), (_, other)) in readers(&plain).into_iter().zip(readers(&odd)) {
        if name == "finetune" {
            continue; // noise is not trained on
        }
        let (as_usual, other) = (as_usual.run().expect_code(0), other.run().expect_code(0));
        assert_eq!(as_usual.stdout, other.stdout, "{name}");
        assert!(!as_usual.stdout.is_empty(), "{name}");
    }
}

#[test]
fn what_is_no_file_of_records_is_named_once() {
    let folder = scratch();
    let wide: Vec<u8> = cells().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let pretty = "{\n  \"id\": \"a\",\n  \"score\": 1\n}\n";
    for (bytes, said) in [
        (&b"\x1f\x8b\x08\0\0\0\n\0\n\0\n"[..], "compressed (gzip)"),
        (b"PK\x03\x04\0\0\n\0\n", "compressed (zip)"),
        (b"\xfd7zXZ\0\n\0\n", "compressed (xz)"),
        (&wide, "UTF-16"),
        (&[&b"\xff\xfe"[..], &wide].concat(), "UTF-16"),
        (b"[{\"id\":\"a\"},\n{\"id\":\"b\"}]\n", "a JSON array"),
        (pretty.as_bytes(), "spread over several lines"),
        (b"id,score\na,1\nb,2\n", "a table"),
    ] {
        let file = put(folder.path(), "odd", bytes);
        for (name, tool) in readers(&file) {
            if name.contains("truth") && said == "a table" {
                continue;
            }
            let run = tool.run().expect_code(2).expect_stderr(said);
            assert!(run.stdout.is_empty(), "{name}: {}", run.streams());
            assert_eq!(run.stderr.lines().count(), 1, "{name}: {}", run.streams());
            assert!(run.stderr.contains("/odd"), "{name}: {}", run.streams());
        }
        let run = Tool::new("knas-rank").stdin(bytes).run();
        let _ = run.expect_code(2).expect_stderr("stdin: it");
    }
}

#[test]
fn a_first_line_that_is_merely_wrong_loses_no_other() {
    for first in ["{\"id\":\"a\",\"sc", "oops, a message", "[1,2", "\u{0}"] {
        let input = format!("{first}\n{{\"id\":\"b\",\"score\":1}}\n");
        let run = Tool::new("knas-rank").stdin(input).run().expect_code(1);
        assert_eq!(run.column("id"), ["b"], "{first}");
    }
}

#[test]
fn blanks_in_lists_say_nothing() {
    let folder = scratch();
    let file = put(folder.path(), "cells", cells());
    let truth = put(folder.path(), "truth.csv", "id,a,b\nx,1,2\n");
    let same = |name: &str, with: &[&str], without: &[&str]| {
        let run = |args: &[&str]| Tool::new(name).args(args).arg(&file).run().stdout;
        assert!(!run(with).is_empty(), "{name} {with:?}");
        assert_eq!(run(with), run(without), "{name}");
    };
    same(
        "knas-rank",
        &["--by", "mgm, params"],
        &["--by", "mgm,params"],
    );
    same(
        "knas-eval",
        &["--by", " mgm ,macs", "-k", "1, 2"],
        &["--by", "mgm,macs", "-k", "1,2"],
    );
    let scored = score(&["--data", "noise", "--proxy", "params, macs", &file]);
    assert_eq!(scored.run().expect_code(0).records().len(), 3);
    let run = Tool::new("knas-eval").args(["--truth", &format!("{truth}:a, c"), &file]);
    let _ = run.run().expect_code(2).expect_stderr("no column \"c\"");
    let run = Tool::new("knas-rank").args(["--by", "mgm,", &file]);
    let _ = run
        .run()
        .expect_code(2)
        .expect_stderr("an entry of the list is empty");
}
