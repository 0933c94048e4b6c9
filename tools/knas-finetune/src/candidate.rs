//! One candidate: its network, its training, its checkpoint.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use knas_net::weights::WeightFile;
use knas_net::{Init, Initial, Network, Source};
use knas_records::meta::Measurement;
use knas_records::{Context, Failure, Record};
use knas_space::nb201::Cell;
use knas_train::{Checkpoint, End, ImageTask, Sgd, Start, TrainError, Trainer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tch::Kind;

use crate::log::Log;
use crate::outcome::{Reached, Stop, bad_record, fail};
use crate::plan::Plan;
use crate::progress::{Clock, words};

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

/// First weights from a file, and the file's hash.
struct Weights {
    file: WeightFile,
    sha256: String,
}

impl<'p> Worker<'p> {
    /// Sets up the calling thread.
    pub fn new(plan: &'p Plan, context: &'p Context, log: Option<&'p Log>) -> Self {
        tch::set_num_threads(i32::try_from(plan.hyper.threads).unwrap_or(1));
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
        let cell = cell(record).map_err(Stop::Failed)?;
        let weights = self.first_weights(record).map_err(Stop::Failed)?;
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
        match self.train_cell(record, &cell, weights, until, site, &mut go_on) {
            Ok(reached) => Ok(Reached {
                meta: measurement.map(Measurement::stop),
                ..reached
            }),
            Err(TrainError::Interrupted) => Err(Stop::Interrupted),
            Err(error) => Err(Stop::Failed(fail(error.kind(), error))),
        }
    }

    fn train_cell(
        &self,
        record: &Record<'_>,
        cell: &Cell,
        weights: Option<Weights>,
        until: u64,
        site: Option<&Site>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Reached, TrainError> {
        let recipe = self.plan.recipe;
        let started_from = weights.as_ref().map(|weights| weights.sha256.clone());
        let mut checkpoint = match site {
            None => None,
            Some(site) => {
                let about = self.about(record, cell, started_from.as_deref());
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
                    started_from: started_from.clone(),
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
                    return Ok(reached(done, end, found.test, Some(there)));
                }
                _ => {}
            }
        }

        let file = weights.as_ref().map(|weights| &weights.file);
        let task = self.task(cell, file)?;
        let optimiser = Sgd::new(
            self.plan.hyper.momentum.unwrap_or(0.0),
            self.plan.hyper.weight_decay,
        );
        let mut trainer = Trainer::new(&task, optimiser, recipe);
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
            }
        }
        Ok(reached(trainer.history(), end, test, checkpoint.as_ref()))
    }

    /// The network around a cell, and the images.
    ///
    /// # Errors
    /// When it cannot be built, or the weights do not fit it.
    pub fn task(
        &self,
        cell: &Cell,
        weights: Option<&WeightFile>,
    ) -> Result<ImageTask<'p>, TrainError> {
        let initial = Initial {
            init: Init::Default,
            seed: self.plan.seed,
        };
        let source = weights.map_or(Source::Random(initial), Source::File);
        let options = (Kind::Float, self.plan.device);
        Ok(ImageTask {
            cell: *cell,
            network: Network::new(cell, self.plan.skeleton, source, options)?,
            data: &self.plan.data,
            batch: usize::try_from(self.plan.hyper.batch).unwrap_or(usize::MAX),
            seed: self.plan.seed,
            augment: self.plan.augment,
            label_smoothing: self.plan.hyper.label_smoothing,
            unused: initial,
        })
    }

    /// All that a training depends on: a checkpoint of another one is refused.
    fn about(&self, record: &Record<'_>, cell: &Cell, started_from: Option<&str>) -> Value {
        let mut hyper = self.plan.hyper.clone();
        hyper.weights_sha256 = started_from.map(str::to_owned);
        json!({
            "id": record.id(),
            "space": "nb201",
            "arch": cell.to_string(),
            "network": self.plan.network(),
            "data": self.plan.data_name,
            "data_sha256": self.plan.data_sha256,
            "hyper": hyper,
            "tool": concat!("knas-finetune ", env!("CARGO_PKG_VERSION")),
            "libtorch": knas_net::LIBTORCH,
        })
    }

    fn first_weights(&self, record: &Record<'_>) -> Result<Option<Weights>, Failure> {
        let Some(path) = &self.plan.weights else {
            return Ok(None);
        };
        let path = named_by(path, record)?;
        let bytes = fs::read(&path)
            .map_err(|error| fail("weights", format_args!("{}: {error}", path.display())))?;
        let digest = Sha256::digest(&bytes);
        Ok(Some(Weights {
            file: WeightFile::from_bytes(&path, &bytes).map_err(|error| fail("weights", error))?,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }))
    }

    fn report(&self, record: &Record<'_>, epoch: &knas_train::Epoch, clock: &Clock) {
        let epochs = self.plan.recipe.epochs;
        let left = clock.mean() * u32::try_from(epochs - epoch.epoch).unwrap_or(u32::MAX);
        let speed = self.plan.data.train.len() as f64 / clock.training.as_secs_f64();
        self.context.info(format_args!(
            "{}: epoch {}/{epochs}: loss {:.4}, validation {:.4}, {speed:.0} images/s, {} left",
            record.id(),
            epoch.epoch,
            epoch.train.loss,
            epoch.valid.accuracy,
            words(left),
        ));
        self.logged(|log| log.epoch(record.id(), epochs, epoch, Some(speed)));
    }

    /// Epochs that a checkpoint has and the log may lack.
    fn log_again(&self, record: &Record<'_>, history: &[knas_train::Epoch]) {
        for epoch in history {
            self.logged(|log| log.epoch(record.id(), self.plan.recipe.epochs, epoch, None));
        }
    }

    /// A log that cannot be written is no reason to stop training.
    fn logged(&self, write: impl FnOnce(&Log) -> std::io::Result<()>) {
        if let Some(log) = self.log
            && let Err(error) = write(log)
            && log.complain_once()
        {
            self.context
                .warn(format_args!("{}: {error}", log.path().display()));
        }
    }
}

/// The cell that a record describes.
pub fn cell(record: &Record<'_>) -> Result<Cell, Failure> {
    let text = |name: &str| {
        let value = record.get::<String>(name).map_err(bad_record)?;
        value.ok_or_else(|| fail("bad_record", format_args!("there is no \"{name}\"")))
    };
    let space = text("space")?;
    if space != "nb201" {
        let message = format!("knas-finetune does not know the space {space:?}; it knows nb201");
        return Err(fail("unknown_space", message));
    }
    text("arch")?
        .parse()
        .map_err(|error| fail("bad_arch", error))
}

/// The file itself, or in a folder the one named by the record's id.
pub fn named_by(path: &Path, record: &Record<'_>) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
    Ok(path.join(format!("{stem}.safetensors")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_cell_is_named() {
        let kind = |line: &str| cell(&Record::parse(line).unwrap()).unwrap_err().kind;
        assert_eq!(kind(r#"{"id":"a"}"#), "bad_record");
        assert_eq!(kind(r#"{"id":"a","space":"x","arch":""}"#), "unknown_space");
        assert_eq!(kind(r#"{"id":"a","space":"nb201","arch":"|"}"#), "bad_arch");
    }
}
