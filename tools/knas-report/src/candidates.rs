//! Records, gathered by candidate.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use knas_records::ids::{self, Ids, Met, about};
use knas_records::provenance::{Settings, trained_with};
use knas_records::schema::Meta;
use knas_records::{Comparison, Context, Failure, Input, Record, RecordError};
use serde_json::{Map, Value};

use crate::provenance::Known;

/// What a number says about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A score, or the value that ranks.
    Score,
    /// Parameters or multiply-accumulates.
    Count,
    /// What training reached.
    Trained,
    /// What is known from elsewhere.
    Truth,
}

/// One candidate, as far as its records tell.
#[derive(Debug, Default)]
pub struct Candidate {
    /// Its name.
    pub id: String,
    /// Its search space.
    pub space: Option<String>,
    /// Its architecture, in the notation of its space.
    pub arch: Option<String>,
    /// The column of the value by which its last record is ranked.
    pub by: Option<usize>,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// Time and energy, by stage.
    pub meta: BTreeMap<String, Meta>,
    /// What training says of itself: the field `finetune`.
    pub training: Option<Map<String, Value>>,
    /// What its scores rest on, by the place of their column.
    pub scored: Vec<(usize, Arc<Settings>)>,
    /// What its training rests on.
    pub trained: Option<Arc<Settings>>,
    /// Its numbers, by the place of their column.
    pub numbers: Vec<(usize, f64)>,
    /// Standard deviations over seeds, by the place of their column.
    pub deviations: Vec<(usize, f64)>,
    /// Why scores have no value, by the place of their column.
    pub undefined: Vec<(usize, String)>,
}

/// All candidates, and the columns of their numbers.
#[derive(Debug, Default)]
pub struct Candidates {
    /// In the order of their first record.
    pub all: Vec<Candidate>,
    /// Kind and name of each column, in the order of their first appearance.
    pub columns: Vec<(Kind, String)>,
    provenance: Known,
    /// For the columns of scores that records have together: milliseconds of
    /// scoring, and of how many records.
    pub scoring: BTreeMap<Vec<usize>, (f64, usize)>,
    places: HashMap<String, usize>,
    /// A candidate of which two records say different things, and the column.
    changed: Option<(String, String)>,
}

impl Candidates {
    /// Reads records. Those of one id are taken together: what a later one
    /// says stands, unless it is another architecture.
    ///
    /// # Errors
    /// Input that cannot be read; a line that is no record, or a field of
    /// another type, with `--on-error fail`.
    pub fn read(mut input: Input, context: &Context) -> anyhow::Result<Self> {
        let mut candidates = Self::default();
        let mut ids = Ids::default();
        while let Some(line) = input.next_line()? {
            context.advance();
            let record = match line.record() {
                Ok(record) => record,
                Err(reason) => {
                    context.bad_line(&line, &reason)?;
                    continue;
                }
            };
            let (id, content) = (record.id(), about(&record));
            if record.raw("arch").is_some()
                && let Met::Other(first) = ids.meet(id, content, line.source, line.number)
            {
                let failure = ids::failure("report", &first);
                context.left_out(id, &line.place(), &failure)?;
                continue;
            }
            let place = candidates.place(id);
            if let Err(reason) = candidates.take(place, &record) {
                let failure = Failure::new("report", "bad_field", reason);
                context.left_out(record.id(), &line.place(), &failure)?;
                candidates.all[place].failure = Some(failure);
            }
        }
        if let Some((id, name)) = &candidates.changed {
            context.warn(format_args!(
                "records of one id have different values of one name ({name} of {id}, …): \
                 the later one is shown"
            ));
        }
        Ok(candidates)
    }

    fn place(&mut self, id: &str) -> usize {
        if let Some(&place) = self.places.get(id) {
            return place;
        }
        let place = self.all.len();
        self.places.insert(id.to_owned(), place);
        self.all.push(Candidate {
            id: id.to_owned(),
            ..Candidate::default()
        });
        place
    }

    fn take(&mut self, place: usize, record: &Record<'_>) -> Result<(), RecordError> {
        let meta: BTreeMap<String, Meta> = record.get("meta")?.unwrap_or_default();
        let mut numbers = Vec::new();
        let mut by = None;
        if let Some(score) = record.number("score")? {
            let name: Option<String> = record.get("score_by")?;
            let column = self.column(Kind::Score, name.as_deref().unwrap_or("score"));
            by = Some(column);
            numbers.push((column, score));
        }
        let mut scored = self.numbers(record, "scores")?;
        let deviations = self.numbers(record, "scores_std")?;
        let undefined: BTreeMap<String, String> =
            record.get("scores_undefined")?.unwrap_or_default();
        let undefined = undefined.into_iter();
        let undefined = undefined.map(|(name, why)| (self.column(Kind::Score, &name), why));
        let undefined: Vec<(usize, String)> = undefined.collect();
        numbers.extend(&scored);
        for name in ["params", "macs"] {
            if let Some(value) = record.number(name)? {
                numbers.push((self.column(Kind::Count, name), value));
            }
        }
        let training: Option<Map<String, Value>> = record.get("finetune")?;
        for (name, value) in training.iter().flatten() {
            // Accuracy on what was learnt says nothing about candidates.
            let measures = name.contains("accuracy") || name.contains("f1");
            let measures = measures && !name.starts_with("train");
            if let (true, Some(value)) = (measures, value.as_f64()) {
                numbers.push((self.column(Kind::Trained, name), value));
            }
        }
        if let Some(meta) = meta.get("score") {
            scored.retain(|(column, _)| self.columns[*column].0 == Kind::Score);
            let mut together: Vec<usize> = scored.iter().map(|(column, _)| *column).collect();
            together.sort_unstable();
            let (sum, count) = self.scoring.entry(together).or_default();
            *sum += meta.milliseconds;
            *count += 1;
        }
        let said = self.provenance.of(record)?;
        let own = numbers.iter().map(|(column, _)| *column);
        let own = own.filter(|&column| self.columns[column].0 == Kind::Score);
        let rests: Vec<(usize, Option<Arc<Settings>>)> = own
            .map(|column| (column, said.settings(&self.columns[column].1).cloned()))
            .collect();

        let candidate = &mut self.all[place];
        for &(column, value) in &numbers {
            let other = |(known, old): &(usize, f64)| *known == column && *old != value;
            if candidate.numbers.iter().any(other) {
                let name = self.columns[column].1.clone();
                self.changed.get_or_insert((candidate.id.clone(), name));
            }
            put(&mut candidate.numbers, column, value);
            candidate.undefined.retain(|(known, _)| *known != column);
        }
        for (column, value) in deviations {
            put(&mut candidate.deviations, column, value);
        }
        for (column, why) in undefined {
            put(&mut candidate.undefined, column, why);
        }
        for (column, settings) in rests {
            match settings {
                Some(settings) => put(&mut candidate.scored, column, settings),
                None => candidate.scored.retain(|(known, _)| *known != column),
            }
        }
        update(&mut candidate.trained, trained_with(record));
        update(&mut candidate.by, by);
        update(&mut candidate.space, record.get("space")?);
        update(&mut candidate.arch, record.get("arch")?);
        update(&mut candidate.failure, record.get("error")?);
        update(&mut candidate.training, training);
        candidate.meta.extend(meta);
        Ok(())
    }

    /// What is to be said where the numbers of candidates rest on different
    /// things.
    pub fn warning(&self) -> Option<String> {
        let mut comparison = Comparison::default();
        for one in &self.all {
            for (column, settings) in &one.scored {
                comparison.hold(&one.id, &self.columns[*column].1, settings);
            }
            if let Some(settings) = &one.trained {
                comparison.hold(&one.id, "finetune.valid_accuracy", settings);
            }
        }
        comparison.warning()
    }

    /// The numbers of an object of scores, by their columns.
    fn numbers(
        &mut self,
        record: &Record<'_>,
        field: &str,
    ) -> Result<Vec<(usize, f64)>, RecordError> {
        let entries: Map<String, Value> = record.get(field)?.unwrap_or_default();
        let mut numbers = Vec::with_capacity(entries.len());
        for (name, value) in &entries {
            // What is no plain number is read, or refused, by the record.
            let value = match value.as_f64() {
                Some(value) => Some(value),
                None => record.number(&format!("{field}.{name}"))?,
            };
            if let Some(value) = value {
                numbers.push((self.column(Kind::Score, name), value));
            }
        }
        Ok(numbers)
    }

    /// The place of a column, which is made where there is none. A count that
    /// was asked for as a score is one column.
    pub fn column(&mut self, kind: Kind, name: &str) -> usize {
        let kind = match name {
            "params" | "macs" => Kind::Count,
            _ => kind,
        };
        let same = |(known, column): &(Kind, String)| *known == kind && column == name;
        if let Some(place) = self.columns.iter().position(same) {
            return place;
        }
        self.columns.push((kind, name.to_owned()));
        self.columns.len() - 1
    }
}

/// What a later record says stands.
fn put<T>(entries: &mut Vec<(usize, T)>, column: usize, value: T) {
    match entries.iter_mut().find(|(known, _)| *known == column) {
        Some((_, known)) => *known = value,
        None => entries.push((column, value)),
    }
}

fn update<T>(known: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *known = said;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(lines: &[&str]) -> Candidates {
        let mut candidates = Candidates::default();
        for line in lines {
            let record = Record::parse(line).unwrap();
            let place = candidates.place(record.id());
            candidates.take(place, &record).unwrap();
        }
        candidates
    }

    fn numbers(candidates: &Candidates, place: usize) -> BTreeMap<&str, f64> {
        let numbers = candidates.all[place].numbers.iter();
        let named = |(column, value): &(usize, f64)| (&*candidates.columns[*column].1, *value);
        numbers.map(named).collect()
    }

    #[test]
    fn records_of_one_id_are_taken_together() {
        let candidates = gathered(&[
            r#"{"id":"a","scores":{"mgm":1.5,"naswot":7},"score":1.5,"score_by":"mgm"}"#,
            r#"{"id":"b","params":"9007199254740993","score":2,"score_by":"mgm"}"#,
            r#"{"id":"a","scores":{"mgm":2.5},"finetune":{"epochs":3,"valid_accuracy":0.5,"valid_loss":2,"train_accuracy":1}}"#,
        ]);
        assert_eq!(candidates.all.len(), 2);
        let expected = [("mgm", 2.5), ("naswot", 7.0), ("valid_accuracy", 0.5)];
        assert_eq!(numbers(&candidates, 0), BTreeMap::from(expected));
        let expected = [("mgm", 2.0), ("params", 9_007_199_254_740_993.0)];
        assert_eq!(numbers(&candidates, 1), BTreeMap::from(expected));
        assert_eq!(candidates.all[0].by, Some(0));
    }

    #[test]
    fn a_rank_expression_is_a_column_and_a_count_is_one() {
        let candidates = gathered(&[
            r#"{"id":"a","params":5,"scores":{"params":5,"mgm":1},"score":-3,"score_by":"rank-sum(mgm,params)"}"#,
        ]);
        let expected = [
            (Kind::Score, "rank-sum(mgm,params)"),
            (Kind::Count, "params"),
            (Kind::Score, "mgm"),
        ];
        let columns = candidates.columns.iter();
        let columns: Vec<_> = columns.map(|(kind, name)| (*kind, &**name)).collect();
        assert_eq!(columns, expected);
    }

    #[test]
    fn a_score_is_undefined_until_it_has_a_value() {
        let undefined = r#"{"id":"a","scores":{"mgm":1},"scores_undefined":{"zico":"flat"}}"#;
        let candidates = gathered(&[undefined]);
        assert_eq!(candidates.all[0].undefined, [(1, "flat".to_owned())]);
        let candidates = gathered(&[undefined, r#"{"id":"a","scores":{"zico":2}}"#]);
        assert!(candidates.all[0].undefined.is_empty());
    }

    #[test]
    fn fields_of_another_type_are_named() {
        for (line, field) in [
            (r#"{"id":"a","score":"high"}"#, "score"),
            (
                r#"{"id":"a","scores":{"mgm":null,"zico":"x"}}"#,
                "scores.zico",
            ),
            (r#"{"id":"a","arch":5}"#, "arch"),
            (r#"{"id":"a","meta":{"score":5}}"#, "meta"),
            (r#"{"id":"a","scored":5}"#, "scored"),
        ] {
            let mut candidates = Candidates::default();
            let record = Record::parse(line).unwrap();
            let place = candidates.place(record.id());
            let error = candidates.take(place, &record).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{field}\"")), "{error}");
        }
    }
}
