//! A file under its name is whole, whatever became of the runs before.

use super::*;

fn record(id: &str) -> Record<'static> {
    Record::new(id)
}

fn accept(_: &Record<'_>) -> Result<(), String> {
    Ok(())
}

#[test]
fn the_name_appears_only_when_the_run_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.ndjson");
    let mut out = Output::file(&file, false, accept).unwrap();
    out.write(&record("a")).unwrap();
    assert!(!file.exists());
    assert!(matches!(
        Output::file(&file, false, accept),
        Err(OutputError::Busy(_))
    ));
    out.finish().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"id\":\"a\"}\n");
    assert!(!dir.path().join("out.ndjson.part").exists());
}

#[test]
fn a_killed_run_is_taken_up_without_its_torn_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    fs::write(
        dir.path().join("out.part"),
        "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c",
    )
    .unwrap();
    let mut out = Output::file(&file, true, accept).unwrap();
    assert_eq!(out.kept(), 2);
    assert!(out.take_kept("a") && !out.take_kept("a") && !out.take_kept("c"));
    out.write(&record("c")).unwrap();
    out.finish().unwrap();
    let expected = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    // A finished file is extended in the same way, and stays until then.
    let mut out = Output::file(&file, true, accept).unwrap();
    assert!(out.take_kept("c"));
    out.write(&record("d")).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    out.finish().unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{expected}{{\"id\":\"d\"}}\n")
    );
}

#[test]
fn what_may_not_be_mixed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    fs::write(&file, "{\"id\":\"a\"}\nhello\n").unwrap();
    let error = Output::file(&file, true, accept).err().unwrap().to_string();
    assert!(error.contains("out:2 cannot be kept"), "{error}");
    let refuse = |_: &Record<'_>| Err("other seeds".to_owned());
    let error = Output::file(&file, true, refuse).err().unwrap().to_string();
    assert!(
        error.contains("out:1") && error.contains("other seeds"),
        "{error}"
    );
}

#[test]
fn a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Output::file(dir.path(), false, accept)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("cannot write"), "{error}");
}
