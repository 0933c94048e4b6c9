//! Training curves, from the epochs that knas-finetune logs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use knas_records::{Context, Record, RecordError};

/// Measures in the order of their plots: field, name, whether it is an accuracy.
const MEASURES: [(&str, &str, bool); 6] = [
    ("train_loss", "Training loss", false),
    ("valid_loss", "Validation loss", false),
    ("train_accuracy", "Training accuracy, %", true),
    ("valid_accuracy", "Validation accuracy, %", true),
    ("test_accuracy", "Test accuracy, %", true),
    ("valid_f1", "Validation F1, %", true),
];

/// One measure of every candidate that was trained.
#[derive(Debug)]
pub struct Measure {
    /// Its name, with its unit.
    pub name: &'static str,
    /// Candidates, the best ranked first.
    pub curves: Vec<Curve>,
}

/// One measure of one candidate.
#[derive(Debug)]
pub struct Curve {
    /// The candidate.
    pub id: String,
    /// Epoch and value, in the order of epochs.
    pub points: Vec<(f64, f64)>,
}

/// Field → id → epoch → value.
type Values = BTreeMap<&'static str, HashMap<String, BTreeMap<u64, f64>>>;

/// Reads epochs, one object with `id`, `epoch` and measures on each line. An
/// epoch that comes twice, as after a restart, counts as it came last. `ranks`
/// says which candidate comes first.
///
/// # Errors
/// Files that cannot be read; a bad line, with `--on-error fail`.
pub fn read(
    files: &[PathBuf],
    ranks: &HashMap<&str, usize>,
    context: &Context,
) -> anyhow::Result<Vec<Measure>> {
    let mut values = Values::new();
    if files.is_empty() {
        return Ok(vec![]);
    }
    let mut input = context.input(files)?;
    while let Some(line) = input.next_line()? {
        if let Err(reason) = line.record().and_then(|record| take(&record, &mut values)) {
            context.bad_line(&line, &reason)?;
        }
    }
    let measures = MEASURES.iter().filter_map(|&(field, name, percent)| {
        let curves = curves(values.remove(field)?, percent, ranks);
        Some(Measure { name, curves })
    });
    Ok(measures.collect())
}

fn take(record: &Record<'_>, values: &mut Values) -> Result<(), RecordError> {
    let Some(epoch) = record.get::<u64>("epoch")? else {
        let missing = serde::de::Error::missing_field("epoch");
        return Err(RecordError::Field {
            name: "epoch".into(),
            source: missing,
        });
    };
    for (field, _, _) in MEASURES {
        // A loss that is not finite is written as null or not at all.
        if let Some(value) = record.number(field)? {
            let candidates = values.entry(field).or_default();
            let epochs = candidates.entry(record.id().to_owned()).or_default();
            epochs.insert(epoch, value);
        }
    }
    Ok(())
}

fn curves(
    candidates: HashMap<String, BTreeMap<u64, f64>>,
    percent: bool,
    ranks: &HashMap<&str, usize>,
) -> Vec<Curve> {
    let mut curves: Vec<Curve> = candidates
        .into_iter()
        .map(|(id, epochs)| Curve {
            id,
            points: epochs.into_iter().map(|(e, v)| (e as f64, v)).collect(),
        })
        .collect();
    let rank = |curve: &Curve| ranks.get(curve.id.as_str()).copied().unwrap_or(usize::MAX);
    curves.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.id.cmp(&b.id)));
    let points = || curves.iter().flat_map(|curve| &curve.points);
    if percent && points().all(|(_, value)| *value <= 1.0) {
        for (_, value) in curves.iter_mut().flat_map(|curve| &mut curve.points) {
            *value *= 100.0; // fractions
        }
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(lines: &[&str]) -> Result<Values, RecordError> {
        let mut values = Values::new();
        for line in lines {
            take(&Record::parse(line)?, &mut values)?;
        }
        Ok(values)
    }

    #[test]
    fn epochs_come_in_order_and_the_last_word_stands() {
        let mut values = values(&[
            r#"{"id":"a","epoch":2,"train_loss":1.5,"valid_accuracy":0.5}"#,
            r#"{"id":"a","epoch":1,"train_loss":2.0,"lr":0.1,"valid_accuracy":0.25}"#,
            r#"{"id":"b","epoch":1,"train_loss":null,"valid_accuracy":1}"#,
            r#"{"id":"a","epoch":2,"train_loss":1.0}"#,
        ])
        .unwrap();
        let ranks = HashMap::from([("b", 0), ("a", 1)]);
        let loss = curves(values.remove("train_loss").unwrap(), false, &ranks);
        assert_eq!(loss.len(), 1);
        assert_eq!(loss[0].points, [(1.0, 2.0), (2.0, 1.0)]);
        let accuracy = curves(values.remove("valid_accuracy").unwrap(), true, &ranks);
        assert_eq!(accuracy[0].id, "b");
        assert_eq!(accuracy[1].points, [(1.0, 25.0), (2.0, 50.0)]);
    }

    #[test]
    fn what_is_no_epoch_is_named() {
        for line in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","epoch":-1}"#,
            r#"{"epoch":1}"#,
        ] {
            assert!(values(&[line]).is_err(), "{line}");
        }
        let error = values(&[r#"{"id":"a","epoch":1,"train_loss":"x"}"#]).unwrap_err();
        assert!(error.to_string().contains("train_loss"), "{error}");
    }
}
