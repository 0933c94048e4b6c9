//! Candidates and their scores, read from records and joined with the truth.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use knas_records::ids::{self, Repeats};
use knas_records::{Comparison, Context, Failure, Input, Place, Record, Truth};
use knas_stats::Score;
use serde_json::{Map, Value};

/// The baselines that a score has to beat.
pub const BASELINES: [&str; 2] = ["params", "macs"];

/// Everything that is judged: candidates in the order of their ids.
#[derive(Debug)]
pub struct Candidates {
    /// The scores, baselines last.
    pub scores: Vec<Score>,
    /// Ids, in order.
    pub ids: Vec<String>,
    /// For each candidate its row of the truth.
    pub rows: Vec<usize>,
    /// For each candidate its record, where records are to be kept.
    pub lines: Vec<String>,
}

/// One record, as far as it matters here.
struct Candidate {
    row: usize,
    place: Place,
    /// By name: the value, and its deviation over seeds.
    scores: BTreeMap<String, (f64, Option<f64>)>,
    line: Option<String>,
}

impl Candidates {
    /// Reads records, and joins them with the truth or, where there is none,
    /// with what training reached in the records themselves. `by` names the
    /// scores; none stand for all. With `keep`, the text of the records is kept.
    ///
    /// # Errors
    /// Input that cannot be read, or nothing to judge.
    pub fn read(
        mut input: Input,
        by: &[String],
        truth: Option<Truth>,
        keep: bool,
        context: &Context,
    ) -> anyhow::Result<(Self, Truth)> {
        let from_records = truth.is_none();
        let mut truth = truth.unwrap_or_default();
        let mut found: BTreeMap<String, Candidate> = BTreeMap::new();
        let mut names = Names::new(by)?;
        let mut left_out = LeftOut::default();
        let mut comparison = Comparison::default();
        let mut repeats = Repeats::default();
        while let Some(line) = input.next_line()? {
            context.advance();
            let record = match line.record() {
                Ok(record) => record,
                Err(reason) => {
                    context.bad_line(&line, &reason)?;
                    continue;
                }
            };
            // One that has no value of one score has its values of the others.
            if record.has_failed() && record.raw("scores").is_none() {
                left_out.failed += 1;
                continue;
            }
            let known = found.get(record.id());
            let read = || {
                if from_records {
                    truth.add_record(&record)?;
                }
                let arch = record.get::<String>("arch")?;
                let row = truth.find(record.id(), arch.as_deref())?;
                let scores = row.map(|_| names.read(&record)).transpose()?;
                anyhow::Ok(row.zip(scores))
            };
            match ({ read }(), known) {
                (Ok(Some((row, scores))), Some(known)) => {
                    let (id, place) = (record.id(), line.place());
                    if (known.row, &known.scores) == (row, &scores) {
                        repeats.add(id, &place, &known.place);
                    } else {
                        let failure = ids::failure("eval", &known.place);
                        context.left_out(id, &place, &failure)?;
                    }
                }
                (Ok(Some((row, scores))), None) => {
                    comparison.see(&record, scores.keys().map(String::as_str));
                    let candidate = Candidate {
                        row,
                        scores,
                        place: line.place(),
                        line: keep.then(|| line.text().map(str::to_owned)).transpose()?,
                    };
                    found.insert(record.id().to_owned(), candidate);
                }
                (Ok(None), _) => left_out.without_truth(record.id()),
                (Err(error), known) => {
                    let failure = match known {
                        Some(known) => ids::failure("eval", &known.place),
                        None => Failure::new("eval", "bad_field", error),
                    };
                    context.left_out(record.id(), &line.place(), &failure)?;
                }
            }
        }
        repeats.report(context);
        left_out.report(found.len(), &truth, context);
        for warning in [comparison.warning(), truth.warning()].iter().flatten() {
            context.caution(warning);
        }
        if found.is_empty() {
            if truth.example() == "nothing" {
                bail!(
                    "nothing is known of these candidates: --truth FILE names a table of \
                     accuracies; or give records that knas-finetune has trained"
                );
            }
            let example = left_out.example.as_deref().unwrap_or("nothing");
            bail!(
                "no candidate has a truth: ids are like {example:?} here, and like {:?} there",
                truth.example()
            );
        }
        Ok((Self::from_found(found, &names)?, truth))
    }

    fn from_found(mut found: BTreeMap<String, Candidate>, names: &Names) -> anyhow::Result<Self> {
        let mut scores = Vec::new();
        for name in names.all() {
            let of = |candidate: &Candidate| candidate.scores.get(&name).copied();
            let score = Score {
                values: found
                    .values()
                    .map(|c| of(c).map(|(value, _)| value))
                    .collect(),
                deviations: found
                    .values()
                    .map(|c| of(c).and_then(|(_, std)| std))
                    .collect(),
                name: name.clone(),
            };
            if score.values.iter().any(Option::is_some) {
                scores.push(score);
            } else if !BASELINES.contains(&name.as_str()) {
                bail!("no candidate has {name:?}{}", names.known());
            }
        }
        ensure!(
            !scores.is_empty(),
            "no candidate has a score; name a field with --by"
        );
        let rows = found.values().map(|candidate| candidate.row).collect();
        let lines = found.values_mut().filter_map(|c| c.line.take()).collect();
        Ok(Self {
            scores,
            ids: found.into_keys().collect(),
            rows,
            lines,
        })
    }
}

/// The names of the scores that are judged.
struct Names {
    asked: Vec<String>,
    /// Names met in records, in the order of their first appearance.
    met: Vec<String>,
}

impl Names {
    fn new(by: &[String]) -> anyhow::Result<Self> {
        for (place, name) in by.iter().enumerate() {
            ensure!(!matches!(name.as_str(), "" | "-"), "--by has an empty name");
            ensure!(!by[..place].contains(name), "--by names {name:?} twice");
        }
        Ok(Self {
            asked: by.to_vec(),
            met: Vec::new(),
        })
    }

    /// The names to be judged, baselines last.
    fn all(&self) -> Vec<String> {
        let judged = if self.asked.is_empty() {
            &self.met
        } else {
            &self.asked
        };
        let plain = |name: &&String| !BASELINES.contains(&name.as_str());
        let mut all: Vec<String> = judged.iter().filter(plain).cloned().collect();
        all.extend(BASELINES.map(str::to_owned));
        all
    }

    fn known(&self) -> String {
        match self.met.as_slice() {
            [] => String::new(),
            met => format!(" (their scores are {})", met.join(", ")),
        }
    }

    /// The scores of one record.
    fn read(
        &mut self,
        record: &Record<'_>,
    ) -> anyhow::Result<BTreeMap<String, (f64, Option<f64>)>> {
        let entries: Map<String, Value> = record.get("scores")?.unwrap_or_default();
        for name in entries.keys() {
            self.meet(name);
        }
        // One that is made of several, as by knas-rank, is none of the entries.
        if record.raw("score").is_some() {
            let name: Option<String> = record.get("score_by")?;
            self.meet(name.as_deref().unwrap_or("score"));
        }
        let mut scores = BTreeMap::new();
        for name in self.all() {
            let plain = name.strip_prefix('-').unwrap_or(&name);
            let sign = if plain.len() < name.len() { -1.0 } else { 1.0 };
            let mut value = record.number(&format!("scores.{plain}"))?;
            if value.is_none() {
                value = record.number(plain)?;
            }
            if value.is_none() && self.is_own_score(record, &name)? {
                value = record.number("score")?;
            }
            if let Some(value) = value {
                // That of a fit is not one between seeds.
                let deviation = match plain {
                    "fit" => None,
                    _ => record.number(&format!("scores_std.{plain}"))?,
                };
                scores.insert(name, (sign * value, deviation));
            }
        }
        Ok(scores)
    }

    fn is_own_score(&self, record: &Record<'_>, name: &str) -> anyhow::Result<bool> {
        Ok(record
            .get::<String>("score_by")?
            .is_some_and(|by| by == name))
    }

    fn meet(&mut self, name: &str) {
        if !self.met.iter().any(|met| met == name) {
            self.met.push(name.to_owned());
        }
    }
}

/// Records that are not judged.
#[derive(Default)]
struct LeftOut {
    failed: u64,
    without: u64,
    example: Option<String>,
}

impl LeftOut {
    fn without_truth(&mut self, id: &str) {
        self.without += 1;
        self.example.get_or_insert_with(|| id.to_owned());
    }

    fn report(&self, judged: usize, truth: &Truth, context: &Context) {
        if self.failed > 0 {
            context.warn(format_args!(
                "failed candidates without scores, left out: {}",
                self.failed
            ));
        }
        if self.without > 0 {
            let example = self.example.as_deref().unwrap_or_default();
            context.warn(format_args!(
                "candidates without truth: {} ({example} …)",
                self.without
            ));
        }
        let rest = truth.rows().saturating_sub(judged);
        if rest > 0 {
            context.info(format_args!("truths without a candidate: {rest}"));
        }
    }
}
