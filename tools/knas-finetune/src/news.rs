//! What is told of a candidate's training while it goes on.

use std::time::Duration;

use knas_records::{Context, Record};
use knas_train::{Epoch, Metrics};
use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::plan::Plan;
use crate::progress::words;

/// Something to be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Epochs that an earlier run trained, which the log may lack.
    Before(Vec<Epoch>),
    /// An epoch has ended.
    Epoch {
        /// It.
        epoch: Epoch,
        /// How long one takes on average.
        mean: Duration,
        /// How long the training part of this one took.
        training: Duration,
    },
    /// An epoch of the training on all examples has ended.
    Refit {
        /// Its number, from 1.
        epoch: u64,
        /// How many there will be.
        epochs: u64,
        /// What came of it.
        train: Metrics,
        /// How long one takes on average.
        mean: Duration,
    },
}

/// Tells users, and the log.
pub struct Teller<'p> {
    plan: &'p Plan,
    context: &'p Context,
    log: Option<&'p Log>,
}

impl<'p> Teller<'p> {
    /// For this run.
    pub fn new(plan: &'p Plan, context: &'p Context, log: Option<&'p Log>) -> Self {
        Self { plan, context, log }
    }

    /// Tells this of a candidate.
    pub fn tell(&self, record: &Record<'_>, news: &News) {
        match news {
            News::Before(history) => {
                for epoch in history {
                    self.logged(|log| log.epoch(record.id(), self.plan.recipe.epochs, epoch, None));
                }
            }
            News::Epoch {
                epoch,
                mean,
                training,
            } => self.report(record, epoch, *mean, *training),
            News::Refit {
                epoch,
                epochs,
                train,
                mean,
            } => {
                let screen = self.context.screen();
                screen.note(format!("epoch {epoch}/{epochs} on all"));
                self.context.info(format_args!(
                    "{}: epoch {epoch}/{epochs} on all examples: loss {:.4}, {} left",
                    record.id(),
                    train.loss,
                    words(*mean * u32::try_from(epochs - epoch).unwrap_or(u32::MAX)),
                ));
            }
        }
    }

    fn report(&self, record: &Record<'_>, epoch: &Epoch, mean: Duration, training: Duration) {
        let epochs = self.plan.recipe.epochs;
        let screen = self.context.screen();
        screen.note(format!("epoch {}/{epochs}", epoch.epoch));
        let left = mean * u32::try_from(epochs - epoch.epoch).unwrap_or(u32::MAX);
        let study = &self.plan.study;
        let examples = study.examples.get("train").copied().unwrap_or_default();
        let speed = examples as f64 / training.as_secs_f64();
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
        let speed = Some((study.examples_are, speed));
        self.logged(|log| log.epoch(record.id(), epochs, epoch, speed));
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
