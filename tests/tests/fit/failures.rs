//! Labels and candidates that are no use, and runs that were cut off.

use std::fs;

use knas_tests::scratch;
use serde_json::{Value, json};

use crate::{accuracy, cells, fit, lines, trained, write};

#[test]
fn bad_labels_are_named() {
    let folder = scratch();
    let cells = cells(40);
    let good = trained(&cells[..20]);
    write(folder.path(), "cells", &cells);
    let said = |labels: &[Value], code: i32| {
        write(folder.path(), "labels", labels);
        let run = fit(folder.path(), &["--labels", "labels", "cells"]).run();
        run.expect_code(code).stderr
    };
    assert!(said(&good[..1], 2).contains("too few"));
    assert!(said(&cells[..20], 2).contains("no label \"finetune.valid_accuracy\""));

    let mut equal = good.clone();
    for record in &mut equal {
        record["finetune"]["valid_accuracy"] = json!(0.5);
    }
    assert!(said(&equal, 2).contains("all 20 labels are equal"));

    let mut twice = good.clone();
    twice.push(good[3].clone());
    twice[20]["finetune"]["valid_accuracy"] = json!(0.123);
    let id = good[3]["id"].as_str().unwrap();
    let text = said(&twice, 2);
    assert!(text.contains(id) && text.contains("two labels"), "{text}");

    let mut wrong = good.clone();
    wrong[2]["finetune"]["valid_accuracy"] = json!("high");
    let text = said(&wrong, 1);
    assert!(
        text.contains("labels:3: ") && text.contains("bad_label"),
        "{text}"
    );

    let mut other = good.clone();
    other[1]["space"] = json!("roberta-skip");
    other[1]["arch"] = json!("tiny:1|2|3|4|head");
    assert!(said(&other, 2).contains("is of the space \"roberta-skip\""));

    let mut unknown = good.clone();
    unknown.push(json!({"id": "nb201-x", "finetune": {"valid_accuracy": 0.7}}));
    let text = said(&unknown, 1);
    assert!(
        text.contains("nb201-x") && text.contains("not in the input"),
        "{text}"
    );

    // One that cannot be described costs no other one its place.
    let mut wrong = good.clone();
    wrong[4]["arch"] = json!("|none~0|");
    let text = said(&wrong, 1);
    assert!(
        text.contains("labels:5: ") && text.contains("bad_arch"),
        "{text}"
    );

    let mut twice = good.clone();
    twice.push(good[3].clone());
    twice[20]["arch"] = good[5]["arch"].clone();
    let text = said(&twice, 2);
    assert!(
        text.contains(id) && text.contains("something else"),
        "{text}"
    );

    let table = "id,acc\nnb201-x,1\n".to_owned()
        + &good
            .iter()
            .map(|r| format!("{},{}\n", r["id"].as_str().unwrap(), accuracy(r)))
            .collect::<String>();
    fs::write(folder.path().join("table.csv"), table).unwrap();
    let run = fit(folder.path(), &["--labels", "table.csv", "cells"])
        .run()
        .expect_code(1);
    assert!(run.stderr.contains("1 of the 21 labels"), "{}", run.stderr);
    assert_eq!(run.records().len(), 40);
}

#[test]
fn a_candidate_that_lacks_something_fails_alone() {
    let folder = scratch();
    let mut cells = cells(40);
    write(folder.path(), "labels", &trained(&cells[..20]));
    cells[25]["scores"].as_object_mut().unwrap().remove("noise");
    cells[26]["space"] = json!("nb301");
    cells[27]["arch"] = json!("|none~0|");
    cells[28]["scores"]["size"] = json!("large");
    let text = lines(&cells) + "no record\n";
    let run = fit(folder.path(), &["--labels", "labels"])
        .stdin(text)
        .run()
        .expect_code(1);
    let records = run.records();
    assert_eq!(records.len(), 40);
    for (place, kind) in [
        (25, "missing_feature"),
        (26, "other_space"),
        (27, "bad_arch"),
        (28, "bad_field"),
    ] {
        assert_eq!(records[place]["error"]["kind"], kind);
        assert_eq!(records[place]["error"]["stage"], "fit");
        assert!(records[place].get("score").is_none());
    }
    assert!(run.stderr.contains("stdin:41: "), "{}", run.stderr);
    let good = records
        .iter()
        .filter(|record| record.get("error").is_none());
    assert_eq!(good.count(), 36);
}

#[test]
fn a_run_is_taken_up_with_the_same_labels_alone() {
    let folder = scratch();
    let cells = cells(40);
    write(folder.path(), "labels", &trained(&cells[..20]));
    write(folder.path(), "fewer", &trained(&cells[..19]));
    write(folder.path(), "cells", &cells);
    let run = |labels: &str| {
        fit(
            folder.path(),
            &["--labels", labels, "-o", "out", "--resume", "cells"],
        )
        .run()
    };
    let _ = run("labels").expect_code(0);
    let whole = fs::read_to_string(folder.path().join("out")).unwrap();
    // As a run that was killed leaves it.
    let cut: String = whole.split_inclusive('\n').take(10).collect();
    fs::remove_file(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out.part"), cut + "{\"id\":\"nb2").unwrap();
    let _ = run("labels").expect_code(0);
    assert_eq!(
        fs::read_to_string(folder.path().join("out")).unwrap(),
        whole
    );
    let refused = run("fewer").expect_code(2);
    assert!(
        refused.stderr.contains("other labels"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("out")).unwrap(),
        whole
    );
}
