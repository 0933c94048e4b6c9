//! Records keep what they are given, and refuse what is none.

use super::*;

fn text(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    record.write_to(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn untouched_fields_keep_their_bytes_and_order() {
    let line = r#"{"z":1.0,"id":"a","big":123456789012345678901,"o":{"x": [1, 2e0]},"é\n":null}"#;
    let mut record = Record::parse(line).unwrap();
    record.set("score", &1.5).unwrap();
    record.set("z", &2).unwrap();
    assert_eq!(
        text(&record),
        "{\"z\":2,\"id\":\"a\",\"big\":123456789012345678901,\"o\":{\"x\": [1, 2e0]},\
         \"é\\n\":null,\"score\":1.5}\n"
    );
    assert_eq!(text(&record.clone().into_owned()), text(&record));
}

#[test]
fn what_is_not_a_record_is_refused() {
    let wrong = [
        "",
        "1",
        "[]",
        "{",
        r#"{"id":1}"#,
        r#"{"id":""}"#,
        r#"{"a":1}"#,
        r#"{"id":"a"} x"#,
    ];
    for line in wrong {
        assert!(Record::parse(line).is_err(), "{line}");
    }
    let twice = Record::parse(r#"{"id":"a","b":1,"b":2}"#).unwrap_err();
    assert!(twice.to_string().contains("\"b\" comes twice"), "{twice}");
    let many: String = (0..40).map(|i| format!(",\"k{i}\":0")).collect();
    assert!(Record::parse(&format!(r#"{{"id":"a"{many},"k7":1}}"#)).is_err());
    assert!(Record::parse(&format!(r#"{{"id":"a"{many}}}"#)).is_ok());
}

#[test]
fn a_number_that_json_does_not_have_is_called_by_its_name() {
    for number in ["NaN", "Infinity", "-Infinity"] {
        let text = format!(r#"{{"id":"é","scores":{{"mgm":{number}}}}}"#);
        let said = Record::parse(&text).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("{number} is no number of JSON")),
            "{said}"
        );
    }
    let said = Record::parse(r#"{"id":"a","score":Nothing}"#).unwrap_err();
    assert!(matches!(said, RecordError::Json(_)), "{said}");
}

#[test]
fn numbers_are_found_by_path() {
    let line = r#"{"id":"a","p":"9007199254740993","s":{"mgm":2.5,"a.b":{"c":3}},"t":"x","n":null,"h":1e999}"#;
    let record = Record::parse(line).unwrap();
    assert_eq!(record.number("s.mgm").unwrap(), Some(2.5));
    assert_eq!(record.number("s.a.b.c").unwrap(), Some(3.0));
    assert_eq!(record.number("p").unwrap(), Some(9007199254740992.0));
    assert_eq!(record.number("n").unwrap(), None);
    assert_eq!(record.number("s.none").unwrap(), None);
    assert!(record.number("t").is_err());
    assert!(record.number("h").is_err());
    assert!(record.number("s").is_err());
}

#[test]
fn merging_keeps_other_entries() {
    let mut record = Record::parse(r#"{"id":"a","scores":{"zen":1.0,"mgm":2}}"#).unwrap();
    record
        .merge(
            "scores",
            [("mgm".to_owned(), Some(3)), ("new".to_owned(), Some(4))],
        )
        .unwrap();
    assert_eq!(
        text(&record),
        "{\"id\":\"a\",\"scores\":{\"zen\":1.0,\"mgm\":3,\"new\":4}}\n"
    );
    let mut wrong = Record::parse(r#"{"id":"a","scores":[]}"#).unwrap();
    assert!(
        wrong
            .merge("scores", [("mgm".to_owned(), Some(3))])
            .is_err()
    );
}

#[test]
fn a_failed_record_cannot_be_ranked() {
    let mut record = Record::parse(r#"{"id":"a","score":1,"rank":2,"score_by":"mgm"}"#).unwrap();
    assert!(!record.has_failed());
    record.fail(&Failure::new("score", "non_finite", "mgm is \"NaN\""));
    assert!(record.has_failed());
    let expected =
        r#"{"id":"a","error":{"stage":"score","kind":"non_finite","message":"mgm is \"NaN\""}}"#;
    assert_eq!(text(&record).trim_end(), expected);
}

#[test]
fn ids_become_files_only_where_that_is_safe() {
    assert_eq!(Record::new("nb201-6111").file_stem().unwrap(), "nb201-6111");
    for id in [
        "../x",
        "a/b",
        "..",
        ".hidden",
        "a\\b",
        "a b",
        "é",
        "a\0",
        &"a".repeat(201),
    ] {
        assert!(Record::new(id).file_stem().is_err(), "{id}");
    }
}

#[test]
fn integers_beyond_2_to_the_53_are_strings() {
    assert_eq!(integer(1 << 53).to_string(), "9007199254740992");
    assert_eq!(integer((1 << 53) + 1).to_string(), "\"9007199254740993\"");
    assert!(
        finite("mgm", f64::NAN)
            .unwrap_err()
            .to_string()
            .contains("mgm is NaN")
    );
}
