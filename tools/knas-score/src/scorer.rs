//! The scores of one candidate.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use knas_net::weights::{self, WeightFile};
use knas_net::{Init, Initial};
use knas_proxy::{Evaluation, Latency, Proxy, Samples, ScoreError, Subject};
use knas_records::meta::Gauge;
use knas_records::provenance::Provenance;
use knas_records::record::finite;
use knas_records::{Failure, Record, RecordError};
use serde_json::json;

use crate::candidate::{self, Candidate};
use crate::known::Known;
use crate::plan::Plan;
use crate::provenance::Of;
use crate::shown::Drawn;
use crate::weights::Weights;

const STAGE: &str = "score";

/// A score's name, and its mean and standard deviation over seeds, or why it
/// has none.
pub type Outcome = (&'static str, Result<(f64, f64), Missing>);

/// What was found of a network.
#[derive(Clone)]
pub struct Evaluated {
    outcomes: Vec<Outcome>,
    /// How long its passes took, where that was measured.
    latency: Option<Latency>,
    /// What computed its gradients.
    pass: &'static str,
}

/// Why a candidate has no value of a score.
#[derive(Clone)]
pub enum Missing {
    /// The score's definition gives none for this network: mathematics.
    Undefined(String),
    /// Something went wrong.
    Failed(Failure),
}

/// Tensors of samples, by seed.
type BySeed = Vec<(u64, Samples)>;

/// One worker: a thread's own tensors of the samples.
pub struct Scorer<'p> {
    plan: &'p Plan,
    /// Outcomes by network.
    known: &'p Known<Evaluated>,
    /// The samples that were last asked for: most runs have networks of one size.
    last: RefCell<Option<(Arc<Drawn>, Rc<BySeed>)>>,
    /// What every candidate starts from.
    pretrained: Option<WeightFile>,
    /// The one file of weights.
    file: Option<WeightFile>,
}

impl<'p> Scorer<'p> {
    /// Sets up the calling thread.
    pub fn new(plan: &'p Plan, known: &'p Known<Evaluated>) -> Self {
        tch::set_num_threads(1);
        Self {
            plan,
            known,
            last: RefCell::default(),
            pretrained: plan.shown.pretrained(),
            file: plan.weights.as_ref().and_then(Weights::shared),
        }
    }

    /// Adds the scores to a record.
    ///
    /// # Errors
    /// Why the candidate failed; scores that are defined are in the record.
    pub fn score(&self, record: &mut Record<'_>) -> Result<(), Failure> {
        let measurement = self.plan.gauge.as_ref().map(Gauge::start);
        let candidate = Candidate::of(record, &self.plan.shown)?;
        let evaluated = catch_unwind(AssertUnwindSafe(|| self.outcomes(record, &candidate)));
        let Evaluated {
            outcomes,
            latency,
            pass,
        } = evaluated.unwrap_or_else(|_| {
            Err(fail(
                "panic",
                "the evaluation panicked; this is a bug in knas",
            ))
        })?;
        let of = Of {
            network: candidate.size.clone(),
            data_sha256: candidate.drawn.hashes.clone(),
            pass,
        };
        let filled = self.fill(record, &of, &outcomes);
        filled.map_err(bad_record)?;
        if let Some(latency) = latency {
            let Latency {
                low, high, runs, ..
            } = latency;
            let spread = json!({"low": low, "high": high, "runs": runs});
            record.set("latency", &spread).map_err(bad_record)?;
        }
        if let Some(measurement) = measurement {
            let meta = [(STAGE.to_owned(), Some(measurement.stop()))];
            record.merge("meta", meta).map_err(bad_record)?;
        }
        match failure(&outcomes) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// The thread's own tensors of what a candidate is shown.
    fn samples(&self, candidate: &Candidate) -> Rc<BySeed> {
        let mut last = self.last.borrow_mut();
        if let Some((drawn, samples)) = &*last
            && Arc::ptr_eq(drawn, &candidate.drawn)
        {
            return Rc::clone(samples);
        }
        let samples = Rc::new(candidate.drawn.tensors(self.plan.device));
        *last = Some((Arc::clone(&candidate.drawn), Rc::clone(&samples)));
        samples
    }

    /// Every score, in the order asked for, and what computed gradients.
    fn outcomes(&self, record: &Record<'_>, candidate: &Candidate) -> Result<Evaluated, Failure> {
        let weights = self.plan.weights.as_ref();
        let read = weights.map(|weights| weights.of(record, candidate, self.plan.new_head));
        let read = read.transpose()?.flatten();
        let own = read.as_ref().or(self.file.as_ref());
        let weights = own.or(self.pretrained.as_ref());
        if let Some(folder) = &self.plan.dump {
            self.dump(folder, record, candidate, weights)?;
        }
        let (every_edge, network): (Vec<_>, Vec<_>) = self
            .plan
            .proxies
            .iter()
            .copied()
            .partition(|proxy| proxy.counts_every_edge());
        let evaluate = || {
            let (outcomes, latency) = self.evaluate(&network, candidate, weights);
            Evaluated {
                outcomes,
                latency,
                pass: candidate.pass(self.plan.device),
            }
        };
        let mut evaluated = match own {
            // A file's weights belong to its record.
            Some(_) => evaluate(),
            None => {
                let slot = self.known.slot(candidate.network_key(weights.is_none()));
                slot.get_or_init(evaluate).clone()
            }
        };
        let (counted, _) = self.evaluate(&every_edge, candidate, weights);
        evaluated.outcomes.extend(counted);
        let names = || self.plan.proxies.iter().map(|proxy| proxy.info().name);
        let place = |(name, _): &Outcome| names().position(|other| other == *name);
        evaluated.outcomes.sort_by_key(place);
        Ok(evaluated)
    }

    fn subject<'a>(
        &self,
        candidate: &'a Candidate,
        weights: Option<&'a WeightFile>,
        seed: u64,
    ) -> Subject<'a> {
        Subject {
            architecture: &*candidate.architecture,
            setting: candidate.setting.clone(),
            weights,
            new_head: self.plan.new_head,
            seed,
            device: self.plan.device,
        }
    }

    fn evaluate(
        &self,
        proxies: &[&dyn Proxy],
        candidate: &Candidate,
        weights: Option<&WeightFile>,
    ) -> (Vec<Outcome>, Option<Latency>) {
        let mut latency = None;
        let mut values: Vec<Result<Vec<f64>, Missing>> =
            proxies.iter().map(|_| Ok(vec![])).collect();
        for (seed, samples) in &*self.samples(candidate) {
            let subject = self.subject(candidate, weights, *seed);
            let mut evaluation = Evaluation::new(subject, samples, self.plan.overrides);
            for (proxy, values) in proxies.iter().zip(&mut values) {
                let Ok(so_far) = values else { continue };
                if proxy.info().measured && !so_far.is_empty() {
                    continue; // it does not depend on the seed
                }
                match knas_proxy::score(*proxy, &mut evaluation) {
                    Ok(value) => so_far.push(value),
                    Err(error) => *values = Err(missing(&error, *seed)),
                }
            }
            latency = latency.or(evaluation.latency());
        }
        let names = proxies.iter().map(|proxy| proxy.info().name);
        let outcomes = names.zip(values);
        let outcomes = outcomes.map(|(name, v)| (name, v.map(|v| moments(&v))));
        (outcomes.collect(), latency)
    }

    /// Writes what was found into the record. A score that was found again, with
    /// or without a value, replaces what the record had of it.
    fn fill(
        &self,
        record: &mut Record<'_>,
        network: &Of,
        outcomes: &[Outcome],
    ) -> Result<(), RecordError> {
        let before = Provenance::of(record)?;
        let several = network.data_sha256.len() > 1;
        let info = |name: &str| knas_proxy::by_name(name).map(|proxy| proxy.info());
        let (mut means, mut deviations, mut undefined) = (vec![], vec![], vec![]);
        for (name, outcome) in outcomes {
            let (mean, deviation, reason) = match outcome {
                Ok((mean, deviation)) => {
                    let measured = info(name).is_some_and(|info| info.measured);
                    let over_seeds = several && !measured;
                    let deviation = over_seeds.then(|| finite(name, *deviation)).transpose()?;
                    (Some(finite(name, *mean)?), deviation, None)
                }
                Err(Missing::Undefined(reason)) => (None, None, Some(reason)),
                Err(Missing::Failed(_)) => continue,
            };
            means.push(((*name).to_owned(), mean));
            deviations.push(((*name).to_owned(), deviation));
            undefined.push(((*name).to_owned(), reason));
        }
        record.merge("scores", means)?;
        record.merge("scores_std", deviations)?;
        record.merge("scores_undefined", undefined)?;
        if let Some((name, Ok((mean, _)))) = outcomes.first() {
            // Of a cost little is better.
            let (score, score_by) = match info(name).is_some_and(|info| info.cost) {
                true => (-*mean, format!("-{name}")),
                false => (*mean, (*name).to_owned()),
            };
            let by: Option<String> = record.get("score_by")?;
            if by.as_deref() != Some(&*score_by) || record.number("score")? != Some(score) {
                record.remove("rank"); // of another order
            }
            record.set("score", &finite(name, score)?)?;
            record.set("score_by", &score_by)?;
        }
        let renewed = |name: &str| {
            let found = outcomes.iter().find(|(known, _)| *known == name);
            found.is_some_and(|(_, outcome)| !matches!(outcome, Err(Missing::Failed(_))))
        };
        self.plan.scored.set(record, network, &before, renewed)
    }

    /// Writes what the first seed's evaluation sees.
    fn dump(
        &self,
        folder: &Path,
        record: &Record<'_>,
        candidate: &Candidate,
        weights: Option<&WeightFile>,
    ) -> Result<(), Failure> {
        let stem = record.file_stem().map_err(|e| fail("bad_id", e))?;
        let all = self.samples(candidate);
        let Some((seed, samples)) = all.first() else {
            return Ok(());
        };
        let initial = Initial {
            init: self.plan.overrides.init.unwrap_or(Init::Default),
            seed: *seed,
        };
        let subject = self.subject(candidate, weights, *seed);
        let state = candidate::state(&subject, initial);
        let mut tensors = state.map_err(|e| fail("libtorch", e))?;
        tensors.push(("input".to_owned(), samples.inputs.shallow_clone()));
        tensors.push(("target".to_owned(), samples.targets.shallow_clone()));
        let path = folder.join(format!("{stem}.safetensors"));
        weights::write(&path, &tensors).map_err(|e| fail("dump", e))
    }
}

/// Why a score has no value, of an evaluation with this seed.
fn missing(error: &ScoreError, seed: u64) -> Missing {
    match error {
        ScoreError::Undefined { reason, .. } => {
            Missing::Undefined(format!("{reason} (seed {seed})"))
        }
        error => Missing::Failed(fail(error.kind(), format!("{error} (seed {seed})"))),
    }
}

/// Why the candidate failed, where it did: because a score could not be
/// computed, or the first one, which ranks, is undefined.
fn failure(outcomes: &[Outcome]) -> Option<Failure> {
    let failed = outcomes.iter().filter_map(|(_, outcome)| match outcome {
        Err(Missing::Failed(failure)) => Some(failure),
        _ => None,
    });
    let failed: Vec<&Failure> = failed.collect();
    if let Some(first) = failed.first() {
        let messages: Vec<&str> = failed.iter().map(|f| f.message.as_str()).collect();
        return Some(fail(&first.kind, messages.join("; ")));
    }
    match outcomes.first() {
        Some((name, Err(Missing::Undefined(reason)))) => Some(fail(
            Failure::UNDEFINED,
            format!("{name} is undefined: {reason}"),
        )),
        _ => None,
    }
}

/// A failure of this stage.
pub fn fail(kind: &str, message: impl std::fmt::Display) -> Failure {
    Failure::new(STAGE, kind, message)
}

/// A failure for a record that lacks something.
pub fn bad_record(error: RecordError) -> Failure {
    fail("bad_record", error)
}

/// Mean and standard deviation (n−1) over seeds; the latter is 0 for one.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_mean_and_sample_deviation() {
        assert_eq!(moments(&[3.0]), (3.0, 0.0));
        // statistics.mean([1, 2, 4]), statistics.stdev([1, 2, 4])
        let (mean, deviation) = moments(&[1.0, 2.0, 4.0]);
        assert!((mean - 7.0 / 3.0).abs() < 1e-15);
        assert!((deviation - 1.5275252316519468).abs() < 1e-15);
    }
}
