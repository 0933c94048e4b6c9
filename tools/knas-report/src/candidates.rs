//! Records, gathered by candidate.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use knas_records::provenance::{self, Provenance, Settings};
use knas_records::schema::{Blocks, Meta};
use knas_records::{Comparison, Context, Failure, Input, Record, RecordError};
use serde_json::{Map, Value};

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
    /// 1 is best.
    pub rank: Option<f64>,
    /// The value that ranks it.
    pub score: Option<f64>,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// Time and energy, by stage.
    pub meta: BTreeMap<String, Meta>,
    /// Epochs that it was trained for.
    pub epochs: Option<f64>,
    /// What each of its scores rests on, by name.
    pub scored: BTreeMap<String, Arc<Settings>>,
    /// Scores that are undefined for it, and why.
    pub undefined: BTreeMap<String, String>,
    /// What its training rests on.
    pub trained: Option<Arc<Settings>>,
    /// Its numbers, by the place of their column.
    pub numbers: Vec<(usize, f64)>,
}

/// All candidates, and the columns of their numbers.
#[derive(Debug, Default)]
pub struct Candidates {
    /// In the order of their first record.
    pub all: Vec<Candidate>,
    /// Kind and name of each column, in the order of their first appearance.
    pub columns: Vec<(Kind, String)>,
    /// The column of the value that ranks: that of the first record's `score_by`.
    pub by: Option<usize>,
    places: HashMap<String, usize>,
}

impl Candidates {
    /// Reads records. Those of one id are taken together: what a later one
    /// says stands.
    ///
    /// # Errors
    /// Input that cannot be read; a line that is no record, or a field of
    /// another type, with `--on-error fail`.
    pub fn read(mut input: Input, context: &Context) -> anyhow::Result<Self> {
        let mut candidates = Self::default();
        context.start_progress(None, "records");
        while let Some(line) = input.next_line()? {
            context.advance();
            let record = match line.record() {
                Ok(record) => record,
                Err(reason) => {
                    context.bad_line(&line, &reason)?;
                    continue;
                }
            };
            let place = candidates.place(record.id());
            if let Err(reason) = candidates.take(place, &record) {
                let failure = Failure::new("report", "bad_field", reason);
                context.error(format_args!("{}: {}: {failure}", line.place(), record.id()));
                candidates.all[place].failure = Some(failure);
                context.count_failure()?;
            }
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
        let mut numbers = Vec::new();
        let score = record.number("score")?;
        let score_by: Option<String> = record.get("score_by")?;
        if let Some(score) = score {
            let name = score_by.clone().unwrap_or_else(|| "score".to_owned());
            let column = self.column(Kind::Score, &name);
            self.by.get_or_insert(column);
            numbers.push((column, score));
        }
        let scores: Map<String, Value> = record.get("scores")?.unwrap_or_default();
        let _: Option<Blocks> = record.get("scored")?; // as it should be
        let said = Provenance::of(record)?;
        let names = scores.keys().chain(&score_by);
        let scored: Vec<_> = names
            .map(|name| (name.clone(), said.settings(name).cloned()))
            .collect();
        for name in scores.keys() {
            if let Some(value) = record.number(&format!("scores.{name}"))? {
                numbers.push((self.column(Kind::Score, name), value));
            }
        }
        for name in ["params", "macs"] {
            if let Some(value) = record.number(name)? {
                numbers.push((self.column(Kind::Count, name), value));
            }
        }
        let trained: Map<String, Value> = record.get("finetune")?.unwrap_or_default();
        for (name, value) in &trained {
            // Accuracy on what was learnt says nothing about candidates.
            let measures = name.contains("accuracy") || name.contains("f1");
            let measures = measures && !name.starts_with("train");
            if let (true, Some(value)) = (measures, value.as_f64()) {
                numbers.push((self.column(Kind::Trained, name), value));
            }
        }

        let undefined: BTreeMap<_, _> = record.get("scores_undefined")?.unwrap_or_default();

        let candidate = &mut self.all[place];
        candidate
            .undefined
            .retain(|name, _| !scores.contains_key(name));
        candidate.undefined.extend(undefined);
        for (column, value) in numbers {
            candidate.numbers.retain(|(known, _)| *known != column);
            candidate.numbers.push((column, value));
        }
        update(&mut candidate.score, score);
        update(&mut candidate.space, record.get("space")?);
        update(&mut candidate.arch, record.get("arch")?);
        update(&mut candidate.rank, record.number("rank")?);
        update(&mut candidate.failure, record.get("error")?);
        for (name, settings) in scored {
            match settings {
                Some(settings) => candidate.scored.insert(name, settings),
                None => candidate.scored.remove(&name),
            };
        }
        update(&mut candidate.trained, provenance::trained_with(record));
        update(&mut candidate.epochs, record.number("finetune.epochs")?);
        candidate
            .meta
            .extend(record.get::<BTreeMap<_, _>>("meta")?.unwrap_or_default());
        Ok(())
    }

    /// Whether the numbers of all candidates rest on the same.
    pub fn compared(&self) -> Comparison {
        let mut comparison = Comparison::default();
        for one in &self.all {
            for (name, settings) in &one.scored {
                comparison.hold(&one.id, name, settings);
            }
            if let Some(settings) = &one.trained {
                comparison.hold(&one.id, "finetune.valid_accuracy", settings);
            }
        }
        comparison
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
        assert_eq!(candidates.by, Some(0));
        assert_eq!(candidates.all[0].epochs, Some(3.0));
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
    fn fields_of_another_type_are_named() {
        for (line, field) in [
            (r#"{"id":"a","score":"high"}"#, "score"),
            (
                r#"{"id":"a","scores":{"mgm":null,"zico":"x"}}"#,
                "scores.zico",
            ),
            (r#"{"id":"a","arch":5}"#, "arch"),
            (r#"{"id":"a","meta":{"score":5}}"#, "meta"),
        ] {
            let mut candidates = Candidates::default();
            let record = Record::parse(line).unwrap();
            let place = candidates.place(record.id());
            let error = candidates.take(place, &record).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{field}\"")), "{error}");
        }
    }
}
