use super::*;

fn csv(text: &str, columns: &[&str]) -> Result<Truth, TruthError> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    Truth::csv(text.as_bytes(), &columns)
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
    assert!(message("id,b\nx,2\ny,two\n", &["b"]).contains("line 3: b is \"two\""));
    assert!(message("id,b\nx,1e999\n", &["b"]).contains("line 2: b is \"1e999\""));
    assert!(message("id,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
    assert!(message("arch,b\nx,2\nx,3\n", &[]).contains("line 3: x comes twice"));
    assert!(message("id,b\nx,one\n", &[]).contains("no column of numbers"));
    assert!(message("id,b\nx,1,2\n", &[]).contains("line: 2"));
    assert!(message("", &[]).contains("no column \"id\""));
}

#[test]
fn records_say_what_training_reached() {
    let mut truth = Truth::default();
    for line in [
        r#"{"id":"a","finetune":{"epochs":3,"valid_accuracy":90.5,"f1":0.5}}"#,
        r#"{"id":"b"}"#,
        r#"{"id":"c","finetune":{"valid_accuracy":91.0}}"#,
    ] {
        truth.add_record(&Record::parse(line).unwrap()).unwrap();
    }
    assert_eq!(truth.columns, ["valid_accuracy", "f1"]);
    assert_eq!(truth.rows(), 2);
    let row = truth.find("c", None).unwrap().unwrap();
    assert_eq!(
        (truth.value(row, 0), truth.value(row, 1)),
        (Some(91.0), None)
    );
}

#[test]
fn columns_follow_the_last_colon() {
    let (file, columns) = file_and_columns("dir:x/truth.csv:a,b");
    assert_eq!(
        (file.to_str(), columns),
        (Some("dir:x/truth.csv"), vec!["a".into(), "b".into()])
    );
    assert_eq!(file_and_columns("truth.csv"), ("truth.csv".into(), vec![]));
}
