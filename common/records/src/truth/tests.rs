use super::*;

fn table(text: &str, columns: &[&str]) -> Result<(Truth, Rest), TruthError> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    Truth::table(text.as_bytes(), &columns)
}

fn csv(text: &str, columns: &[&str]) -> Result<Truth, TruthError> {
    table(text, columns).map(|(truth, _)| truth)
}

#[test]
fn numbers_are_columns_and_keys_are_not() {
    let text = "\u{feff}index, arch ,acc,name,f1\n5,|x|,93.5,dog,\n6,|y|,nan,cat,0.5\n";
    let truth = csv(text, &[]).unwrap();
    assert_eq!(truth.columns, ["acc", "f1"]);
    let row = truth.find("nb201-5", None).unwrap().unwrap();
    assert_eq!(
        (truth.value(row, 0), truth.value(row, 1)),
        (Some(93.5), None)
    );
    let row = truth.find("other", Some("|y|")).unwrap().unwrap();
    assert_eq!(
        (truth.value(row, 0), truth.value(row, 1)),
        (None, Some(0.5))
    );
    assert_eq!(truth.find("other", Some("|z|")).unwrap(), None);
    assert!(truth.find("nb201-5", Some("|y|")).is_err());
}

#[test]
fn what_is_wrong_is_named() {
    let message = |text: &str, columns: &[&str]| csv(text, columns).unwrap_err().to_string();
    assert!(message("a,b\n1,2\n", &[]).contains("no column \"id\""));
    assert!(message("id,b\nx,2\n", &["c"]).contains("no column \"c\""));
    assert!(message("id,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
    assert!(message("arch,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
    assert!(message("id,b\nx,one\n", &[]).contains("no column of numbers"));
    assert!(message("id,b,c\nx,one,1\n", &["b"]).contains("no cell of column \"b\""));
    assert!(message("id,b,b\nx,1,2\n", &[]).contains("two columns are called \"b\""));
    assert!(message("id,b,id\nx,1,2\n", &["b"]).contains("two columns are called \"id\""));
    assert!(message("\u{feff}PK,b\n", &[]).contains("no column \"id\""));
    assert!(message("", &[]).contains("no column \"id\""));
}

#[test]
fn one_bad_cell_or_row_loses_no_other() {
    let text = "id,acc,f1,name,none\r\n\r\na,1,0.5,dog,\nb,n/a,0.6,cat,\nc,3,1e999,1x,\n,,,,\n\
                d,4,0.8\ne,5,0.9,x,,,\nf,6,1,x,,9\n,7,1,x,\ng,8,1,x,\n";
    let (truth, rest) = table(text, &[]).unwrap();
    assert_eq!(truth.columns, ["acc", "f1"]);
    assert_eq!(rest.columns, ["name", "none"]);
    let said: Vec<String> = rest.unusable.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 4: acc is \"n/a\", not a number",
            "line 5: f1 is \"1e999\", not a number",
            "line 7: 3 cells, not 5",
            "line 9: 6 cells, not 5",
            "line 10: nothing says which candidate it is about",
        ]
    );
    let values = |id: &str| {
        let row = truth.find(id, None).unwrap();
        row.map(|row| (truth.value(row, 0), truth.value(row, 1)))
    };
    assert_eq!(values("a"), Some((Some(1.0), Some(0.5))));
    assert_eq!(values("b"), Some((None, Some(0.6))));
    assert_eq!(values("c"), Some((Some(3.0), None)));
    assert_eq!(values("d"), None);
    assert_eq!(values("e"), Some((Some(5.0), Some(0.9))));
    assert_eq!(values("g"), Some((Some(8.0), Some(1.0))));
    // The same where the column is named.
    let (truth, rest) = table(text, &["acc"]).unwrap();
    assert_eq!((truth.rows(), rest.unusable.len()), (5, 4));

    let text = "id,acc\r\n\r\na,1\r\nb,n/a\r\n\r\nc,3\r\nd,x\r\n";
    let (_, rest) = table(text, &[]).unwrap();
    let lines: Vec<u64> = rest.unusable.iter().map(|unusable| unusable.line).collect();
    assert_eq!(lines, [4, 7]);

    let bytes = b"id,acc\na,1\n\xe9,2\nc,3\n";
    let (truth, rest) = Truth::table(&bytes[..], &[]).unwrap();
    assert_eq!((truth.rows(), rest.unusable[0].line), (2, 3));
}

#[test]
fn tabs_and_semicolons_separate_too_and_rows_may_be_numbered() {
    for text in [
        "\tid\tacc\n0\ta\t5\n",
        ";id;acc\n0;a;5\n",
        ",id,acc\n0,a,5\n",
    ] {
        let truth = csv(text, &[]).unwrap();
        assert_eq!(truth.columns, ["acc"]);
        let row = truth.find("a", None).unwrap().unwrap();
        assert_eq!(truth.value(row, 0), Some(5.0));
    }
}

#[test]
fn what_is_no_table_is_named() {
    for (bytes, said) in [
        (&b"\x1f\x8b\x08\0\0"[..], "gzip"),
        (b"\xff\xfei\0d\0", "UTF-16"),
    ] {
        let error = Truth::table(bytes, &[]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn records_say_what_training_reached() {
    let mut truth = Truth::default();
    for line in [
        r#"{"id":"a","finetune":{"epochs":3,"valid_accuracy":90.5,"class_accuracy":[1,null],"f1":0.5}}"#,
        r#"{"id":"b"}"#,
        r#"{"id":"c","finetune":{"valid_accuracy":91.0}}"#,
        r#"{"id":"d","finetune":{"test_accuracy":92.0}}"#,
    ] {
        truth.add_record(&Record::parse(line).unwrap()).unwrap();
    }
    assert_eq!(truth.columns, ["valid_accuracy", "f1", "test_accuracy"]);
    assert_eq!(truth.rows(), 3);
    let value = |id: &str| truth.value(truth.find(id, None).unwrap().unwrap(), 2);
    assert_eq!((value("a"), value("d")), (None, Some(92.0)));
    let row = truth.find("c", None).unwrap().unwrap();
    assert_eq!(
        (truth.value(row, 0), truth.value(row, 1)),
        (Some(91.0), None)
    );
}

#[test]
fn columns_follow_the_last_colon() {
    let (file, columns) = file_and_columns("dir:x/truth.csv:a, b");
    assert_eq!(
        (file.to_str(), columns),
        (Some("dir:x/truth.csv"), vec!["a".into(), "b".into()])
    );
    assert_eq!(file_and_columns("truth.csv"), ("truth.csv".into(), vec![]));
}
