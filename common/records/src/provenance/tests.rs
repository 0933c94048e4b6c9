use super::*;

fn record(text: &str) -> Record<'_> {
    Record::parse(text).unwrap()
}

fn settings(text: &str) -> Arc<Settings> {
    Arc::new(serde_json::from_str(text).unwrap())
}

fn written(record: &Record<'_>) -> String {
    record.raw("scored").unwrap().get().to_owned()
}

#[test]
fn one_block_holds_for_all_scores_or_each_names_its_own() {
    let (few, many) = (settings(r#"{"samples":4}"#), settings(r#"{"samples":8}"#));
    let mut both = record(r#"{"id":"a","scores":{"x":1,"y":2},"scores_undefined":{"z":"why"}}"#);
    set(&mut both, |_| Some(&few)).unwrap();
    assert_eq!(written(&both), r#"{"samples":4}"#);

    set(&mut both, |name| {
        Some(if name == "y" { &many } else { &few })
    })
    .unwrap();
    let list = r#"[{"names":["x","z"],"samples":4},{"names":["y"],"samples":8}]"#;
    assert_eq!(written(&both), list);
    let read = Provenance::of(&both).unwrap();
    assert_eq!(read.settings("z"), Some(&few));
    assert_eq!(read.settings("y"), Some(&many));
    assert_eq!(read.settings("w"), None);

    // A score of which nothing is known is not claimed for a block that is alone.
    set(&mut both, |name| (name == "y").then_some(&many)).unwrap();
    assert_eq!(written(&both), r#"[{"names":["y"],"samples":8}]"#);
    let mut none = record(r#"{"id":"a","scores":{"x":1},"scored":{"samples":1}}"#);
    set(&mut none, |_| None).unwrap();
    assert_eq!(written(&none), r#"{"samples":1}"#);
}

#[test]
fn what_is_no_block_is_an_error() {
    for wrong in ["5", "[5]", r#"{"names":"x"}"#, r#"[{"names":[1]}]"#] {
        let text = format!(r#"{{"id":"a","scored":{wrong}}}"#);
        let error = Provenance::of(&record(&text)).unwrap_err().to_string();
        assert!(error.contains("field \"scored\""), "{error}");
    }
    for empty in [r#"{"id":"a"}"#, r#"{"id":"a","scored":null}"#] {
        assert_eq!(
            Provenance::of(&record(empty)).unwrap(),
            Provenance::default()
        );
    }
}

fn compared(names: &[&str], records: &[&str]) -> Option<String> {
    let mut comparison = Comparison::default();
    for text in records {
        comparison.see(&record(text), names.iter().copied());
    }
    comparison.warning()
}

#[test]
fn differences_are_named_with_their_records() {
    let same = r#"{"id":"a","scored":{"data":"noise","data_sha256":["x"],"seeds":[0]}}"#;
    let other = r#"{"id":"b","scored":{"data":"cifar10","data_sha256":["y"],"seeds":[0]}}"#;
    assert_eq!(compared(&["mgm"], &[same, same]), None);
    assert_eq!(
        compared(&["mgm", "zen"], &[same, same, other]).unwrap(),
        "a and b were scored with different data (noise, cifar10): values of mgm, zen may not be \
         comparable"
    );
    let hash = r#"{"id":"c","scored":{"data":"noise","data_sha256":["y"],"seeds":[0],"new":1}}"#;
    let said = compared(&["mgm"], &[same, hash]).unwrap();
    assert!(
        said.contains("data_sha256 ([\"x\"], [\"y\"]), new (none, 1):"),
        "{said}"
    );
}

#[test]
fn only_what_the_named_scores_rest_on_is_compared() {
    let one =
        r#"{"id":"a","scored":[{"names":["mgm"],"samples":4},{"names":["zen"],"samples":4}]}"#;
    let two =
        r#"{"id":"b","scored":[{"names":["mgm"],"samples":4},{"names":["zen"],"samples":8}]}"#;
    let alone = r#"{"id":"c","scored":{"samples":4}}"#;
    assert_eq!(compared(&["mgm"], &[one, two, alone]), None);
    assert_eq!(compared(&["params", "x.y"], &[one, two]), None);
    for name in ["zen", "-zen", "scores.zen", "log-rank(mgm,-zen)"] {
        let said = compared(&[name], &[one, two]).unwrap();
        assert!(
            said.ends_with("samples (4, 8): values of zen may not be comparable"),
            "{said}"
        );
    }
    // What says nothing, or is no provenance, is not compared.
    let silent = [
        r#"{"id":"d","scores":{"zen":1}}"#,
        r#"{"id":"e","scored":5}"#,
    ];
    assert_eq!(compared(&["zen"], &[one, silent[0], silent[1], one]), None);
}

#[test]
fn samples_do_not_matter_to_a_score_with_inputs_of_its_own() {
    let scored = |id: &str, data: &str, seed: u64| {
        format!(
            r#"{{"id":"{id}","scored":{{"data":"{data}","samples":{seed},"inputs":"ones","seeds":[{seed}]}}}}"#
        )
    };
    let (a, b) = (scored("a", "noise", 0), scored("b", "cifar10", 0));
    assert_eq!(compared(&["synflow"], &[&a, &b]), None);
    let said = compared(&["synflow"], &[&a, &scored("c", "cifar10", 1)]).unwrap();
    assert!(said.contains("seeds ([0], [1])"), "{said}");
}

#[test]
fn training_is_compared_by_how_it_was_done() {
    let trained = |id: &str, accuracy: f64, epochs: u64, threads: u64| {
        format!(
            r#"{{"id":"{id}","scored":{{"seeds":["{id}"]}},"finetune":{{"valid_accuracy":{accuracy},
            "data":"cifar10","hyper":{{"epochs":{epochs},"threads":{threads}}}}}}}"#
        )
    };
    let (a, b, c) = (
        trained("a", 0.5, 3, 1),
        trained("b", 0.6, 3, 2),
        trained("c", 0.5, 12, 1),
    );
    let by = ["finetune.valid_accuracy"];
    assert_eq!(compared(&by, &[&a, &b]), None);
    let said = compared(&by, &[&a, &b, &c]).unwrap();
    assert!(
        said.starts_with("a and c were trained with different hyper.epochs (3, 12):"),
        "{said}"
    );
}

#[test]
fn fits_to_other_labels_cannot_be_compared() {
    let fit = |id: &str, labels: &str, tau: f64| {
        let block =
            format!(r#"{{"model":"gp","labels_sha256":"{labels}","left_out_kendall":{tau}}}"#);
        format!(
            r#"{{"id":"{id}","scores":{{"fit":1}},"score":1,"score_by":"fit-ei","fit":{block}}}"#
        )
    };
    for name in ["fit", "fit-ei"] {
        let mut comparison = Comparison::default();
        for text in [fit("a", "x", 0.5), fit("b", "x", 0.5)] {
            comparison.see(&record(&text), [name]);
        }
        assert_eq!(comparison.warning(), None);
        comparison.see(&record(&fit("c", "y", 0.5)), [name]);
        let warning = comparison.warning().unwrap();
        assert!(
            warning.contains("a and c") && warning.contains("labels_sha256"),
            "{warning}"
        );
    }
}
