//! Ranked records as rows and columns.

use std::collections::BTreeSet;

use knas_records::Record;
use knas_records::sheet::{Format, Sheet, millions, short};
use serde_json::{Map, Value};

/// Counts of the default network.
const COUNTS: [&str; 2] = ["params", "macs"];

/// The sheet of the records: rank, id, score, counts, scores, what training
/// reached, and the architecture, as far as any of the records has them.
pub fn sheet(records: Vec<Record<'_>>, format: Format) -> Sheet {
    let for_people = format.is_for_people();
    let ranked_by = common_score_by(&records);
    let mut names = numbers(&records);
    if for_people {
        // Other columns show these already.
        names.retain(|(_, name)| ranked_by.as_ref() != Some(name) && !COUNTS.contains(&&**name));
    }

    let mut sheet = Sheet::new();
    sheet.number("rank");
    sheet.text("id");
    match ranked_by.filter(|_| for_people) {
        Some(name) => sheet.number(name),
        None => sheet.number("score"),
    }
    if !for_people {
        sheet.text("score_by");
    }
    let counts = COUNTS.into_iter().filter(|name| any(&records, name));
    let counts: Vec<&str> = counts.collect();
    for name in &counts {
        sheet.number(*name);
    }
    for (path, name) in &names {
        sheet.number(if for_people { name } else { path });
    }
    sheet.text("arch");

    for record in &records {
        let number = |path: &str, shown: fn(f64) -> String| {
            if for_people {
                record
                    .number(path)
                    .ok()
                    .flatten()
                    .map_or_else(String::new, shown)
            } else {
                text(record, path)
            }
        };
        let mut row = vec![
            text(record, "rank"),
            text(record, "id"),
            number("score", short),
        ];
        if !for_people {
            row.push(text(record, "score_by"));
        }
        row.extend(counts.iter().map(|name| number(name, millions)));
        row.extend(names.iter().map(|(path, _)| number(path, short)));
        row.push(text(record, "arch"));
        sheet.row(row);
    }
    sheet
}

/// The value of a field as it was written; strings without their quotes.
fn text(record: &Record<'_>, path: &str) -> String {
    match record.raw(path) {
        None => String::new(),
        Some(raw) => match serde_json::from_str::<Value>(raw.get()) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) | Err(_) => String::new(),
            Ok(_) => raw.get().to_owned(),
        },
    }
}

fn any(records: &[Record<'_>], name: &str) -> bool {
    records.iter().any(|record| record.raw(name).is_some())
}

/// The name of the score that ranked, where it is the same for all.
fn common_score_by(records: &[Record<'_>]) -> Option<String> {
    let name = text(records.first()?, "score_by");
    let same = records
        .iter()
        .all(|record| text(record, "score_by") == name);
    (same && !name.is_empty()).then_some(name)
}

/// Path and name of every number in `scores` and `finetune`, in the order in
/// which the ranked records bring them.
fn numbers(records: &[Record<'_>]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    for record in records {
        for field in ["scores", "finetune"] {
            let Ok(Some(entries)) = record.get::<Map<String, Value>>(field) else {
                continue;
            };
            for (name, value) in entries {
                let path = format!("{field}.{name}");
                if value.is_number() && seen.insert(path.clone()) {
                    names.push((path, name));
                }
            }
        }
    }
    names
}
