//! Samples beside the records that they come from.

use super::*;

const CELL: &str = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|";

fn line(id: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","space":"nb201","arch":"{CELL}"{more}}}"#)
}

fn columns(lines: &[String], wanted: &[Kind]) -> Result<Columns, (Option<usize>, FeatureError)> {
    let records: Vec<Record<'_>> = lines.iter().map(|l| Record::parse(l).unwrap()).collect();
    Columns::of(&records, wanted)
}

#[test]
fn a_sample_has_the_values_of_its_record() {
    let lines = [
        line(
            "a",
            r#","params":5,"macs":7,"scores":{"b":2.5,"a":1.5,"fit":9}"#,
        ),
        line("b", r#","params":6,"macs":8,"scores":{"a":1,"b":2,"c":3}"#),
    ];
    let found = columns(&lines, &[]).unwrap();
    assert_eq!(found.left_out, ["c"]);
    assert_eq!(
        found.kinds(),
        [Kind::Scores, Kind::Cost, Kind::Counts, Kind::Graf]
    );
    let sample = found.sample(&Record::parse(&lines[0]).unwrap()).unwrap();
    // scores a, b; params, macs; skips, 1x1, 3x3, pools; 15 sets of 6 features.
    assert_eq!(sample.values[..8], [1.5, 2.5, 5.0, 7.0, 1.0, 0.0, 2.0, 0.0]);
    assert_eq!(sample.values.len(), 8 + 90);
    let layout = found.layout();
    assert_eq!(layout.groups, [0..2, 2..4, 4..8, 8..98]);
    assert_eq!(layout.scores, 0..2);
}

#[test]
fn undefined_scores_are_the_lowest_and_missing_ones_an_error() {
    let lines = [
        line("a", r#","scores":{"x":3,"y":1}"#),
        line(
            "b",
            r#","scores":{"y":2},"scores_undefined":{"x":"the determinant is 0"}"#,
        ),
        line("c", r#","scores":{"x":5,"y":2}"#),
    ];
    let found = columns(&lines, &[Kind::Scores]).unwrap();
    let sample = |text: &str| found.sample(&Record::parse(text).unwrap());
    assert_eq!(sample(&lines[1]).unwrap().values, [3.0, 2.0]);
    let said = sample(&line("d", r#","scores":{"x":1}"#))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("no value of y, "), "{said}");
}

#[test]
fn spaces_are_not_mixed() {
    let other = r#"{"id":"t","space":"roberta-skip","arch":"tiny:1|2|3|4|head"}"#.to_owned();
    let (place, error) = columns(&[line("a", ""), other.clone()], &[]).unwrap_err();
    assert_eq!(place, Some(1));
    assert!(error.to_string().contains("\"roberta-skip\""), "{error}");
    let found = columns(&[line("a", "")], &[]).unwrap();
    assert!(found.sample(&Record::parse(&other).unwrap()).is_err());
    assert!(columns(&[other], &[]).is_ok());
}

#[test]
fn what_cannot_be_had_is_said() {
    for (text, wanted) in [
        (line("a", ""), Kind::Scores),
        (line("a", ""), Kind::Cost),
        (r#"{"id":"a","params":1,"macs":2}"#.to_owned(), Kind::Graf),
    ] {
        assert!(columns(&[text], &[wanted]).is_err(), "{wanted}");
    }
    let bare = r#"{"id":"a"}"#.to_owned();
    assert!(matches!(
        columns(&[bare], &[]),
        Err((None, FeatureError::Nothing))
    ));
    let wrong = line("a", "").replace("skip_connect", "skip");
    assert!(matches!(
        columns(&[wrong], &[]),
        Err((Some(0), FeatureError::Arch(_)))
    ));
    assert!(
        check(&Record::parse(&line("a", "").replace("skip_connect", "skip")).unwrap()).is_err()
    );
}

#[test]
fn what_is_no_number_is_no_value_of_its_candidate_alone() {
    let odd = line(
        "a",
        r#","scores":{"x":"high","y":null,"z":"9007199254740993","w":2}"#,
    );
    let plain = line("b", r#","scores":{"x":1,"y":2,"z":3,"w":4}"#);
    let found = columns(&[odd.clone(), plain.clone()], &[Kind::Scores]).unwrap();
    assert_eq!(found.scores().collect::<Vec<_>>(), ["w", "z"]);
    assert_eq!(found.left_out, ["x", "y"]);
    let sample = found.sample(&Record::parse(&odd).unwrap()).unwrap();
    assert_eq!(sample.values, [2.0, 9_007_199_254_740_992.0]);
    let all = columns(&[plain], &[Kind::Scores]).unwrap();
    let error = all.sample(&Record::parse(&odd).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the score x is not a finite number"),
        "{error}"
    );
}
