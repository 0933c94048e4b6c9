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
    let kept = out.kept();
    let has = |id| kept.has(&record(id)).unwrap();
    assert_eq!(kept.count(), 2);
    assert!(has("a") && has("b") && !has("c"));
    out.keep("a");
    out.keep("b");
    out.write(&record("c")).unwrap();
    out.finish().unwrap();
    let expected = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    // A finished file is extended in the same way, and stays until then.
    let mut out = Output::file(&file, true, accept).unwrap();
    assert!(out.kept().has(&record("c")).unwrap());
    assert_eq!(out.stranger(), Some("a"));
    out.write(&record("d")).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    out.finish().unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{expected}{{\"id\":\"d\"}}\n")
    );
}

#[test]
fn the_order_is_that_of_the_input_and_failures_are_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    let failed = r#"{"id":"b","error":{"stage":"s","kind":"k","message":"m"}}"#;
    let old = r#"{"id":"z","error":{"stage":"s","kind":"k","message":"m"}}"#;
    fs::write(&file, format!("{{\"id\":\"c\"}}\n{failed}\n{old}\n")).unwrap();
    let resume = || {
        let mut out = Output::file(&file, true, accept).unwrap();
        assert!(!out.kept().has(&record("b")).unwrap());
        out.write(&record("a")).unwrap();
        out.write(&record("b")).unwrap();
        out.keep("c");
        assert_eq!(out.failed_strangers(), 1);
        out
    };
    drop(resume()); // killed: what it did is in the journal
    let mut out = Output::file(&file, true, accept).unwrap();
    for id in ["a", "b", "c"] {
        assert!(out.kept().has(&record(id)).unwrap());
        out.keep(id);
    }
    out.finish().unwrap();
    let done = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{old}\n{done}"));
    assert!(!dir.path().join("out.part").exists());
}

#[test]
fn failed_strangers_go_where_failures_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    let old = r#"{"id":"z","error":{"stage":"s","kind":"k","message":"m"}}"#;
    fs::write(&file, format!("{old}\n")).unwrap();
    let mut out = Output::file(&file, true, accept).unwrap();
    out.without_failed();
    out.write(&record("a")).unwrap();
    out.finish().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"id\":\"a\"}\n");
}

#[test]
fn another_architecture_under_the_same_id_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    fs::write(&file, "{\"id\":\"a\",\"arch\":\"x\"}\n").unwrap();
    let kept = Output::file(&file, true, accept).unwrap().kept();
    let other = Record::parse(r#"{"id":"a","arch":"y"}"#).unwrap();
    let error = kept.has(&other).unwrap_err().to_string();
    assert!(
        error.contains(r#"there it is "x", and in the input "y""#),
        "{error}"
    );
}

#[test]
fn results_are_not_replaced_by_failures_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    let failure = crate::record::Failure::new("s", "k", "m");
    let run = || {
        let mut out = Output::file(&file, false, accept).unwrap();
        let mut failed = record("a");
        failed.fail(&failure);
        out.write(&failed).unwrap();
        out.finish()
    };
    run().unwrap();
    run().unwrap(); // failures may replace failures
    fs::write(&file, "{\"id\":\"a\"}\n").unwrap();
    let error = run().unwrap_err().to_string();
    assert!(error.contains("is left as it was"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"id\":\"a\"}\n");
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
