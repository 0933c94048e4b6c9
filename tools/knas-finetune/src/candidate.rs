//! One candidate's training and its checkpoint.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use knas_records::meta::Measurement;
use knas_records::schema::Hyper;
use knas_records::{Context, Record};
use knas_train::{Checkpoint, CheckpointError, End, Start, TrainError, Trainer};
use serde_json::{Value, json};

use crate::log::Log;
use crate::outcome::{Reached, Stop, fail};
use crate::plan::Plan;
use crate::progress::{Clock, words};
use crate::subject::Candidate;

/// How often energy counters are looked at.
const TICK: Duration = Duration::from_secs(10);

/// Where a candidate's checkpoint is.
#[derive(Clone, Debug)]
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
    log: Option<&'p Log>,
}

impl<'p> Worker<'p> {
    /// Sets up the calling thread.
    pub fn new(plan: &'p Plan, context: &'p Context, log: Option<&'p Log>) -> Self {
        tch::set_num_threads(plan.threads.into());
        Self { plan, context, log }
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
    ) -> Result<Reached, Stop> {
        let candidate = self.plan.study.subject.candidate(record);
        let mut candidate = candidate.map_err(Stop::Failed)?;
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
        match self.train_candidate(record, &*candidate, &started_from, until, site, &mut go_on) {
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
        record: &Record<'_>,
        candidate: &dyn Candidate,
        started_from: &Option<String>,
        until: u64,
        site: Option<&Site>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Reached, TrainError> {
        let recipe = self.plan.recipe;
        let mut checkpoint = match site {
            None => None,
            Some(site) => {
                let about = self.about(record, candidate, started_from);
                Some(Checkpoint::open(
                    &site.folder,
                    &site.stem,
                    about,
                    site.start,
                )?)
            }
        };
        let reached =
            |history: &[knas_train::Epoch], end, test, checkpoint: Option<&Checkpoint>| {
                let kept = self.plan.checkpoints.as_ref().and(checkpoint);
                Reached {
                    history: history.to_vec(),
                    end,
                    test,
                    weights: kept.map(Checkpoint::weights),
                    started_from: None,
                    meta: None,
                }
            };
        if let Some(there) = &checkpoint {
            let found = there.manifest();
            self.log_again(record, &found.history);
            let done = &found.history[..found.history.len().min(until as usize)];
            match recipe.end(done, until) {
                Some(End::Paused) => {
                    return Ok(reached(done, End::Paused, None, Some(there)));
                }
                Some(end) if found.finished => {
                    self.publish(candidate, there)?;
                    return Ok(reached(done, end, found.test, Some(there)));
                }
                _ => {}
            }
        }

        let task = candidate.task(None)?;
        let mut trainer = Trainer::new(&*task, candidate.optimiser(), recipe);
        if let Some(checkpoint) = &checkpoint {
            checkpoint.restore(&mut trainer)?;
        }
        let mut clock = Clock::default();
        let end = loop {
            if let Some(end) = recipe.end(trainer.history(), until) {
                break end;
            }
            let start = Instant::now();
            let epoch = trainer.run_epoch(go_on)?;
            if let Some(checkpoint) = &mut checkpoint {
                checkpoint.save(&trainer)?;
            }
            clock.count(start.elapsed(), trainer.last_training());
            self.report(record, &epoch, &clock);
        };
        let mut test = None;
        if end != End::Paused {
            test = trainer.test_best()?;
            if let Some(checkpoint) = &mut checkpoint {
                checkpoint.finish(test)?;
                self.publish(candidate, checkpoint)?;
            }
        }
        Ok(reached(trainer.history(), end, test, checkpoint.as_ref()))
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
            "space": study.space,
            "arch": candidate.arch(),
            "network": study.network,
            "data": study.data_name,
            "data_sha256": study.data_sha256,
            "hyper": Hyper {
                weights_sha256: started_from.clone(),
                ..study.hyper.clone()
            },
            "tool": concat!("knas-finetune ", env!("CARGO_PKG_VERSION")),
            "libtorch": knas_net::LIBTORCH,
        });
        for (name, value) in candidate.about() {
            about[name] = value;
        }
        about
    }

    fn report(&self, record: &Record<'_>, epoch: &knas_train::Epoch, clock: &Clock) {
        let epochs = self.plan.recipe.epochs;
        let screen = self.context.screen();
        screen.note(format!("epoch {}/{epochs}", epoch.epoch));
        let left = clock.mean() * u32::try_from(epochs - epoch.epoch).unwrap_or(u32::MAX);
        let study = &self.plan.study;
        let examples = study.examples.get("train").copied().unwrap_or_default();
        let speed = examples as f64 / clock.training.as_secs_f64();
        let f1 = epoch.valid.f1.map(|f1| format!(" (F1 {f1:.4})"));
        self.context.info(format_args!(
            "{}: epoch {}/{epochs}: loss {:.4}, validation {:.4}{}, {speed:.0} {}/s, {} left",
            record.id(),
            epoch.epoch,
            epoch.train.loss,
            epoch.valid.accuracy,
            f1.unwrap_or_default(),
            study.examples_are,
            words(left),
        ));
        self.logged(|log| {
            log.epoch(
                record.id(),
                epochs,
                epoch,
                Some((study.examples_are, speed)),
            )
        });
    }

    /// Epochs that a checkpoint has and the log may lack.
    fn log_again(&self, record: &Record<'_>, history: &[knas_train::Epoch]) {
        for epoch in history {
            self.logged(|log| log.epoch(record.id(), self.plan.recipe.epochs, epoch, None));
        }
    }

    /// A log that cannot be written is no reason to stop training, but the run has
    /// not done all that was asked for.
    fn logged(&self, write: impl FnOnce(&Log) -> std::io::Result<()>) {
        if let Some(log) = self.log
            && let Err(error) = write(log)
            && log.complain_once()
        {
            let path = log.path().display();
            self.context.error(format_args!(
                "--log {path}: {error}; the epochs are not logged"
            ));
            self.context.note_trouble();
        }
    }
}
