use super::*;

/// Candidates of these ids, and of these values of mgm.
pub fn search(candidates: Vec<(&str, Option<f64>)>) -> Search {
    let mut all = Candidates::default();
    let column = all.column(Kind::Score, "mgm");
    for (id, score) in candidates {
        all.all.push(Candidate {
            id: id.into(),
            by: score.map(|_| column),
            numbers: score.map(|score| (column, score)).into_iter().collect(),
            ..Candidate::default()
        });
    }
    Search::new(all, None).unwrap()
}

/// Candidates `a`, `b`, … with these rows of values; NaN for none.
fn table(columns: &[(Kind, &str)], rows: &[&[f64]], asked: Option<&str>) -> anyhow::Result<Search> {
    let mut all = Candidates::default();
    let places = columns.iter().map(|(kind, name)| all.column(*kind, name));
    let places: Vec<usize> = places.collect();
    for (id, row) in ('a'..).zip(rows) {
        let numbers = places.iter().copied().zip(row.iter().copied());
        let numbers = numbers.filter(|(_, value)| !value.is_nan());
        all.all.push(Candidate {
            id: id.into(),
            by: (!row[0].is_nan()).then_some(places[0]),
            numbers: numbers.collect(),
            ..Candidate::default()
        });
    }
    Search::new(all, asked)
}

fn ids(search: &Search) -> Vec<&str> {
    search
        .candidates
        .iter()
        .map(|one| one.id.as_str())
        .collect()
}

const NONE: f64 = f64::NAN;

#[test]
fn scores_come_before_ids_and_what_has_none_has_no_rank() {
    let found = search(vec![
        ("c", Some(1.0)),
        ("b", Some(1.0)),
        ("d", None),
        ("a", Some(2.0)),
    ]);
    assert_eq!(ids(&found), ["a", "b", "c", "d"]);
    assert_eq!(found.ranked, 3);
}

#[test]
fn two_rankings_are_never_one() {
    let mut all = Candidates::default();
    let (mgm, auto) = (
        all.column(Kind::Score, "mgm"),
        all.column(Kind::Score, "auto"),
    );
    for (id, by, numbers) in [
        ("a", auto, vec![(mgm, 1.0), (auto, 9.0)]),
        ("b", mgm, vec![(mgm, 2.0)]),
        ("c", mgm, vec![(mgm, 3.0)]),
    ] {
        all.all.push(Candidate {
            id: id.into(),
            by: Some(by),
            numbers,
            ..Candidate::default()
        });
    }
    let found = Search::new(all, None).unwrap();
    assert_eq!(ids(&found), ["c", "b", "a"]);
    let by = found.by.unwrap();
    assert_eq!((by.name.as_str(), by.column), ("mgm", 0));
    assert_eq!(by.others, [("auto".to_owned(), 1)]);
}

#[test]
fn what_is_asked_for_ranks() {
    let columns = [(Kind::Score, "mgm"), (Kind::Count, "macs")];
    let rows: [&[f64]; 3] = [&[1.0, 5.0], &[2.0, 6.0], &[NONE, 4.0]];
    let by = |asked| table(&columns, &rows, Some(asked));
    let found = by("-macs").unwrap();
    assert_eq!((ids(&found), found.ranked), (vec!["c", "a", "b"], 3));
    assert_eq!(found.columns[0].name, "macs");
    assert_eq!(ids(&by("macs").unwrap()), ["b", "a", "c"]);
    let error = by("mgn").unwrap_err().to_string();
    assert_eq!(error, "--by mgn: no candidate has it; there are mgm, macs");
}

#[test]
fn the_winner_is_chosen_by_validation() {
    let columns = [
        (Kind::Score, "mgm"),
        (Kind::Trained, "valid_accuracy"),
        (Kind::Trained, "test_accuracy"),
    ];
    let rows: [&[f64]; 4] = [
        &[4.0, 0.7, 0.9],
        &[3.0, 0.8, 0.6],
        &[2.0, 0.8, 0.7],
        &[1.0, NONE, NONE],
    ];
    let winner = table(&columns, &rows, None).unwrap().winner(1).unwrap();
    assert_eq!((winner.place, winner.chosen), (1, Some((1, 3))));

    let columns = [
        (Kind::Score, "mgm"),
        (Kind::Truth, "cifar10_test"),
        (Kind::Truth, "cifar10_val"),
    ];
    let found = table(&columns, &rows, None).unwrap();
    // Only the first two by rank are looked at.
    let winner = found.winner(2).unwrap();
    assert_eq!((winner.place, winner.chosen), (0, Some((2, 2))));
    let first = table(&columns[..2], &rows, None)
        .unwrap()
        .winner(3)
        .unwrap();
    assert_eq!((first.place, first.chosen), (0, None));
}

#[test]
fn columns_that_few_have_come_last_in_the_table() {
    let columns = [
        (Kind::Score, "mgm"),
        (Kind::Truth, "acc"),
        (Kind::Count, "params"),
    ];
    let rows: [&[f64]; 3] = [&[1.0, 90.0, 5.0], &[2.0, NONE, 6.0], &[3.0, NONE, 7.0]];
    let found = table(&columns, &rows, None).unwrap();
    let names = found.table_order().into_iter();
    let names: Vec<&str> = names.map(|at| found.columns[at].name.as_str()).collect();
    assert_eq!(names, ["mgm", "params", "acc"]);
}

#[test]
fn fractions_become_percent_and_percents_stay() {
    let columns = [(Kind::Trained, "valid_accuracy"), (Kind::Truth, "acc")];
    let found = table(&columns, &[&[0.5, 93.5]], None).unwrap();
    let shown = found.columns.iter();
    let shown: Vec<_> = shown.map(|one| (one.label(), one.values[0])).collect();
    let expected = [("valid accuracy, %", Some(50.0)), ("acc, %", Some(93.5))];
    assert_eq!(
        shown,
        expected.map(|(label, value)| (label.to_owned(), value))
    );
    assert_eq!(found.accuracy(), Some(1));
}

#[test]
fn agreement_needs_enough_candidates() {
    let some = |count: usize| {
        let rows: Vec<[f64; 2]> = (0..count).map(|at| [at as f64, -(at as f64)]).collect();
        let rows: Vec<&[f64]> = rows.iter().map(<[f64; 2]>::as_slice).collect();
        let columns = [(Kind::Score, "up"), (Kind::Score, "down")];
        table(&columns, &rows, None).unwrap().agreement[0][1]
    };
    assert_eq!((some(9), some(10)), (None, Some(-1.0)));
}

#[test]
fn costs_have_units() {
    let names = ["latency", "-latency", "memory", "mgm"];
    let columns = names.map(|name| (Kind::Score, name));
    let found = table(&columns, &[&[1.5, -1.5, 65_536.0, 2.0]], None).unwrap();
    let labels: Vec<String> = found.columns.iter().map(|one| one.label()).collect();
    assert_eq!(
        labels,
        ["latency, ms", "-latency, ms", "memory, bytes", "mgm"]
    );
}
