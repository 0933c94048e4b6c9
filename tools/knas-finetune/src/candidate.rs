//! One candidate's training and its checkpoint.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use knas_records::meta::Measurement;
use knas_records::schema::Hyper;
use knas_records::{Context, Record};
use knas_study::{Card, Description};
use knas_train::{
    Checkpoint, CheckpointError, End, Epoch, Metrics, Outcome, Start, TrainError, Trainer, trainer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::news::News;
use crate::outcome::{Reached, Stop, fail};
use crate::plan::Plan;
use crate::progress::Clock;
use crate::subject::Candidate;

const TOOL: &str = concat!("knas-finetune ", env!("CARGO_PKG_VERSION"));

/// How often energy counters are looked at.
const TICK: Duration = Duration::from_secs(10);

/// Where a candidate's checkpoint is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The folder.
    pub folder: PathBuf,
    /// The files' name.
    pub stem: String,
    /// What to do with what is there.
    pub start: Start,
}

/// A thread that trains one candidate after the other.
pub struct Worker<'p> {
    pub plan: &'p Plan,
    context: &'p Context,
}

/// Whoever is told what goes on.
pub type Tell<'t> = dyn Fn(News) + 't;

/// How a model is judged, and what came of the epochs of training on all examples.
type Made = (Option<Outcome>, Option<Vec<Metrics>>);

impl<'p> Worker<'p> {
    /// Sets up the calling thread.
    pub fn new(plan: &'p Plan, context: &'p Context) -> Self {
        tch::set_num_threads(plan.threads.into());
        Self { plan, context }
    }

    /// Trains the candidate as far as the epoch `until`, from its checkpoint
    /// where there is one.
    ///
    /// # Errors
    /// Why it has not come as far.
    pub fn train(
        &self,
        record: &Record<'_>,
        until: u64,
        site: Option<&Site>,
        tell: &Tell<'_>,
    ) -> Result<Reached, Stop> {
        let mut candidate = self.plan.study.subject.candidate(record)?;
        let started_from = candidate.read_weights().map_err(Stop::Failed)?;
        let alone = self.plan.jobs == 1;
        let gauge = self.plan.gauge.as_ref();
        let mut measurement = gauge.map(|gauge| match alone {
            true => gauge.start_process(),
            false => gauge.start(),
        });
        let (mut ticked, stop) = (Instant::now(), self.context.interrupt_flag());
        let mut go_on = || {
            if let Some(measurement) = &mut measurement
                && ticked.elapsed() > TICK
            {
                measurement.tick();
                ticked = Instant::now();
            }
            !stop.load(Ordering::Relaxed)
        };
        let candidate = (record, &*candidate, &started_from);
        match self.train_candidate(candidate, until, site, &mut go_on, tell) {
            Ok(reached) => Ok(Reached {
                started_from,
                meta: measurement.map(Measurement::stop),
                ..reached
            }),
            Err(TrainError::Interrupted) => Err(Stop::Interrupted),
            Err(TrainError::Checkpoint(error @ CheckpointError::Exists(_))) => Err(Stop::Refused(
                anyhow::Error::new(error).context(record.id().to_owned()),
            )),
            Err(error) => Err(Stop::Failed(fail(error.kind(), error))),
        }
    }

    fn train_candidate(
        &self,
        (record, candidate, started_from): (&Record<'_>, &dyn Candidate, &Option<String>),
        until: u64,
        site: Option<&Site>,
        go_on: &mut dyn FnMut() -> bool,
        tell: &Tell<'_>,
    ) -> Result<Reached, TrainError> {
        let recipe = self.plan.recipe;
        let mut checkpoint = match site {
            None => None,
            Some(site) => {
                let about = self.about(record, candidate, started_from);
                let mut opened = Checkpoint::open(&site.folder, &site.stem, about, site.start)?;
                opened.tell(self.card(record, candidate));
                Some(opened)
            }
        };
        let reached = |history: &[Epoch], end, made: Made, checkpoint: Option<&Checkpoint>| {
            let kept = self.plan.checkpoints.as_ref().and(checkpoint);
            Reached {
                history: history.to_vec(),
                end,
                outcome: made.0,
                refit: made.1,
                weights: kept.map(Checkpoint::weights),
                started_from: None,
                data_sha256: candidate.data_sha256(),
                meta: None,
            }
        };
        let mut before = None;
        if let Some(there) = &checkpoint {
            let found = there.manifest();
            tell(News::Before(found.history.clone()));
            let done = &found.history[..found.history.len().min(until as usize)];
            match recipe.end(done, until) {
                Some(End::Paused) => {
                    return Ok(reached(done, End::Paused, (None, None), Some(there)));
                }
                Some(end) if found.finished => {
                    self.publish(candidate, there)?;
                    let made = (Some(found.outcome()), found.refit.clone());
                    return Ok(reached(done, end, made, Some(there)));
                }
                Some(end) if found.refit.is_some() => {
                    before = Some((done.to_vec(), end, Some(found.outcome())));
                }
                _ => {}
            }
        }

        let (history, end, judged) = match before {
            Some(before) => before,
            None => self.learn(candidate, until, checkpoint.as_mut(), go_on, tell)?,
        };
        let Some(judged) = judged else {
            return Ok(reached(&history, end, (None, None), checkpoint.as_ref()));
        };
        let best = trainer::best(&history).filter(|_| self.plan.refit);
        let (outcome, refit) = match best.map(|best| best.epoch) {
            None => (judged, None),
            Some(epochs) => {
                let after = (epochs, judged);
                let made = self.refit(candidate, after, checkpoint.as_mut(), go_on, tell)?;
                (made.0, Some(made.1))
            }
        };
        if let Some(checkpoint) = &mut checkpoint {
            checkpoint.finish(outcome.clone())?;
            self.publish(candidate, checkpoint)?;
        }
        let made = (Some(outcome), refit);
        Ok(reached(&history, end, made, checkpoint.as_ref()))
    }

    /// Trains as far as the epoch `until`, and judges the best epoch's model where there
    /// is no further one.
    fn learn(
        &self,
        candidate: &dyn Candidate,
        until: u64,
        mut checkpoint: Option<&mut Checkpoint>,
        go_on: &mut dyn FnMut() -> bool,
        tell: &Tell<'_>,
    ) -> Result<(Vec<Epoch>, End, Option<Outcome>), TrainError> {
        let task = candidate.task(None)?;
        let mut trainer = Trainer::new(&*task, candidate.optimiser(), self.plan.recipe)?;
        if let Some(checkpoint) = &checkpoint {
            checkpoint.restore(&mut trainer)?;
        }
        let mut clock = Clock::default();
        let end = loop {
            if let Some(end) = trainer.end(until) {
                break end;
            }
            let start = Instant::now();
            let epoch = trainer.run_epoch(go_on)?;
            if let Some(checkpoint) = &mut checkpoint {
                checkpoint.save(&trainer)?;
            }
            clock.count(start.elapsed(), trainer.last_training());
            tell(News::Epoch {
                epoch,
                mean: clock.mean(),
                training: clock.training,
            });
        };
        let mut judged = None;
        if end != End::Paused {
            let outcome = judged.insert(trainer.judge_best()?);
            if let Some(checkpoint) = checkpoint.filter(|_| self.plan.refit) {
                checkpoint.judged(outcome.clone())?;
            }
        }
        Ok((trainer.history().to_vec(), end, judged))
    }

    /// Makes what goes with weights that are kept.
    fn publish(
        &self,
        candidate: &dyn Candidate,
        checkpoint: &Checkpoint,
    ) -> Result<(), TrainError> {
        if self.plan.checkpoints.is_none() {
            return Ok(());
        }
        let weights = checkpoint.weights();
        let written = candidate.publish(&weights);
        written.map_err(|source| {
            let (path, epoch) = (weights.with_extension(""), checkpoint.manifest().epoch);
            CheckpointError::Write {
                path,
                epoch,
                source,
            }
            .into()
        })
    }

    /// What the weights tell of themselves.
    fn card(&self, record: &Record<'_>, candidate: &dyn Candidate) -> BTreeMap<String, String> {
        let study = &self.plan.study;
        let tells = candidate.tells();
        let card = Card {
            network: Description {
                id: record.id().to_owned(),
                space: candidate.space().to_owned(),
                arch: candidate.arch(),
                size: tells.size,
                norm_epsilon: tells.norm_epsilon,
            },
            class_names: study.class_names.clone(),
            images: tells.images,
            texts: tells.texts,
            data: study.data_name.to_owned(),
            data_sha256: candidate.data_sha256(),
            tool: TOOL.to_owned(),
        };
        card.to_metadata()
    }

    /// All that a training depends on: a checkpoint of another one is refused.
    fn about(
        &self,
        record: &Record<'_>,
        candidate: &dyn Candidate,
        started_from: &Option<String>,
    ) -> Value {
        let study = &self.plan.study;
        let mut about = json!({
            "id": record.id(),
            "space": candidate.space(),
            "arch": candidate.arch(),
            "network": candidate.tells().size,
            "data": study.data_name,
            "data_sha256": candidate.data_sha256(),
            "hyper": Hyper {
                weights_sha256: started_from.clone(),
                ..study.hyper.clone()
            },
            "tool": TOOL,
            "libtorch": knas_net::LIBTORCH,
        });
        for (name, value) in candidate.about() {
            about[name] = value;
        }
        about
    }
}
