//! What became of a candidate, and what its record says about it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use knas_records::record::finite;
use knas_records::schema::{ByClass, Finetune, Hyper, Meta, Refit};
use knas_records::{Failure, Record, RecordError};
use knas_train::{Confusion, End, Epoch, Metrics, Outcome, trainer};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The name of this stage in records.
pub const STAGE: &str = "finetune";

/// How far a candidate's training has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reached {
    /// Its epochs.
    pub history: Vec<Epoch>,
    /// Why there are no more.
    pub end: End,
    /// How its model is judged, once training has ended.
    pub outcome: Option<Outcome>,
    /// What came of the epochs of the training on all examples, where there is one.
    pub refit: Option<Vec<Metrics>>,
    /// The file of the model.
    pub weights: Option<PathBuf>,
    /// SHA-256 of the file that the first weights came from.
    pub started_from: Option<String>,
    /// SHA-256 of the examples of each part.
    pub data_sha256: BTreeMap<String, String>,
    /// What this run spent on it.
    pub meta: Option<Meta>,
}

/// What a record says of classes; their counts only where they are few.
pub fn by_class(names: &[String], classes: u64, confusion: Option<&Confusion>) -> ByClass {
    /// As many as CIFAR-100 has: a matrix is their square.
    const FEW: usize = 100;
    let classes = usize::try_from(classes).unwrap_or(0);
    let recognised = confusion.map(|confusion| confusion.recognised(classes));
    let few = confusion.filter(|_| classes <= FEW);
    ByClass {
        classes: names.to_vec(),
        class_accuracy: recognised.unwrap_or_default(),
        confusion: few.map_or_else(Vec::new, |confusion| confusion.rows(classes)),
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Why a candidate's training has not come as far as it should.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Failure),
    /// It would overwrite what an earlier run left, or no process can be had: the
    /// run ends.
    Refused(anyhow::Error),
    /// The run is to end.
    Interrupted,
    /// It takes too long.
    Late,
}

/// A failure of this stage.
pub fn fail(kind: &str, message: impl std::fmt::Display) -> Failure {
    Failure::new(STAGE, kind, message)
}

/// A failure for a record that lacks something.
pub fn bad_record(error: RecordError) -> Failure {
    fail("bad_record", error)
}

/// By what candidates are compared: validation accuracy, then validation loss.
#[derive(Clone, Copy, Debug)]
pub struct Merit {
    accuracy: f64,
    loss: f64,
}

impl Merit {
    /// Better first; equal ones have the same place.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_accuracy = other.accuracy.total_cmp(&self.accuracy);
        by_accuracy.then(self.loss.total_cmp(&other.loss))
    }
}

impl Reached {
    /// How good it is; none before the first epoch.
    pub fn merit(&self) -> Option<Merit> {
        let best = trainer::best(&self.history)?;
        Some(Merit {
            accuracy: best.valid.accuracy,
            loss: best.valid.loss,
        })
    }

    /// Whether training went to its end.
    pub fn is_whole(&self) -> bool {
        self.end != End::Paused
    }

    /// Counts what was spent on the candidate before.
    pub fn spent_before(mut self, before: Option<Meta>) -> Self {
        if let (Some(meta), Some(before)) = (&mut self.meta, before) {
            meta.milliseconds += before.milliseconds;
            let joules = meta.joules.zip(before.joules);
            meta.joules = joules.map(|(now, before)| now + before);
        }
        self
    }

    /// Says in the record what was reached.
    ///
    /// # Errors
    /// When a number is not finite.
    pub fn write(&self, record: &mut Record<'_>, plan: &Plan) -> Result<(), Failure> {
        let Some(best) = trainer::best(&self.history) else {
            return Err(fail("no_epoch", "no epoch was trained"));
        };
        let test = self.outcome.as_ref().and_then(|outcome| outcome.test);
        let confusion = self.outcome.as_ref().and_then(|one| one.confusion.as_ref());
        let study = &plan.study;
        let hyper = Hyper {
            weights_sha256: self.started_from.clone(),
            ..study.hyper.clone()
        };
        let network = study.subject.network(record)?;
        let classes = network.get("classes").copied().unwrap_or(0);
        let of_both = ["train", "valid"].map(|part| study.examples.get(part));
        let refit = self.refit.as_ref().and_then(|history| {
            Some(Refit {
                epochs: history.len() as u64,
                examples: of_both.into_iter().flatten().sum(),
                train_accuracy: history.last()?.accuracy,
                train_loss: history.last()?.loss,
            })
        });
        let finetune = Finetune {
            valid_accuracy: best.valid.accuracy,
            valid_f1: best.valid.f1,
            valid_loss: best.valid.loss,
            test_accuracy: test.map(|test| test.accuracy),
            test_f1: test.and_then(|test| test.f1),
            test_loss: test.map(|test| test.loss),
            by_class: by_class(&study.class_names, classes, confusion),
            train_accuracy: best.train.accuracy,
            train_loss: best.train.loss,
            best_epoch: best.epoch,
            epochs: self.history.len() as u64,
            stopped: match self.end {
                End::Epochs => "epochs",
                End::Patience => "patience",
                End::Paused => "halving",
            }
            .to_owned(),
            refit,
            checkpoint: self.weights.as_ref().map(|path| path.display().to_string()),
            data: study.data_name.to_owned(),
            data_sha256: self.data_sha256.clone(),
            examples: study.examples.clone(),
            network,
            hyper,
            tool: concat!("knas-finetune ", env!("CARGO_PKG_VERSION")).to_owned(),
            libtorch: knas_net::LIBTORCH.to_owned(),
        };
        for loss in [Some(finetune.valid_loss), finetune.test_loss] {
            finite("the loss", loss.unwrap_or(0.0)).map_err(|e| fail("non_finite", e))?;
        }
        record.set(STAGE, &finetune).map_err(bad_record)?;
        match &self.meta {
            Some(meta) => record.merge("meta", [(STAGE.to_owned(), Some(meta))]),
            None => Ok(()),
        }
        .map_err(bad_record)
    }
}
