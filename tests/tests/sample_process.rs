//! knas-sample as a process: its output, its end, its start.

use std::fs;
use std::io::{BufRead, BufReader, Read};

use knas_tests::{Tool, scratch};

fn all() -> Tool {
    Tool::new("knas-sample").arg("--all")
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = all().spawn();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert!(first.starts_with("{\"id\":\"nb201-0\""));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_file_is_complete_or_taken_up_where_it_was_left() {
    let folder = scratch();
    let expected = all().run().expect_code(0).stdout;
    let file = folder.path().join("cells.ndjson");
    let into_file = all().arg("-o").arg(&file);
    let _ = into_file.run().expect_code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    // what a run leaves that was killed within its 101st record
    let torn = expected.match_indices('\n').nth(99).unwrap().0 + 30;
    fs::remove_file(&file).unwrap();
    fs::write(folder.path().join("cells.ndjson.part"), &expected[..torn]).unwrap();
    let resumed = into_file.clone().arg("--resume").run().expect_code(0);
    assert!(resumed.stderr.contains("100 records kept"));
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    fs::write(&file, "{\"id\":\"a\",\"space\":\"other\"}\n").unwrap();
    let _ = into_file
        .arg("--resume")
        .run()
        .expect_code(2)
        .expect_stderr("its space is not \"nb201\"");
}

#[test]
fn output_that_cannot_be_written_is_fatal() {
    let folder = scratch();
    let _ = all().arg("-o").arg(folder.path()).run().expect_code(2);
    let _ = all().arg("-o").arg("no/such/folder/x").run().expect_code(2);
    #[cfg(target_os = "linux")]
    let _ = all()
        .args(["-o", "/dev/full"])
        .run()
        .expect_code(2)
        .expect_stderr("/dev/full");
}

#[test]
fn records_are_what_the_schema_says() {
    let schema = Tool::new("knas-sample")
        .arg("--schema")
        .run()
        .expect_code(0);
    let schema = serde_json::from_str(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for record in Tool::new("knas-sample").run().records() {
        validator.validate(&record).unwrap();
    }
    assert!(!validator.is_valid(&serde_json::json!({"id": 5})));
}

#[test]
fn help_ends_with_the_pipeline_and_pages_can_be_made() {
    let run = |args: &[&str]| {
        Tool::new("knas-sample")
            .args(args)
            .run()
            .expect_code(0)
            .stdout
    };
    assert!(run(&["--help"]).contains("knas-sample -n 100 | knas-score | knas-rank"));
    assert!(run(&["-h"]).lines().count() <= 25);
    assert!(run(&["--version"]).starts_with("knas-sample "));
    assert!(run(&["--generate", "man"]).contains(".TH knas-sample"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["--generate", &format!("complete-{shell}")]).contains("unique"));
    }
}
