//! `--evaluate`: what trained weights reach.

use std::path::{Path, PathBuf};

use knas_net::weights::WeightFile;
use knas_records::schema::Evaluated;
use knas_records::{Failure, Record};
use knas_train::{Metrics, TrainError, checkpoint};

use crate::candidate::Worker;
use crate::outcome::{bad_record, fail};
use crate::subject::{Candidate, Trained, named_by};

impl Worker<'_> {
    /// What trained weights reach: those of --weights or --checkpoint-dir, or
    /// those that the record names.
    ///
    /// # Errors
    /// When there are none, or they cannot be used.
    pub fn evaluate(&self, record: &Record<'_>) -> Result<Evaluated, Failure> {
        let study = &self.plan.study;
        let candidate = study.subject.candidate(record)?;
        let path = match (&self.plan.weights, &self.plan.checkpoints) {
            (Some(path), _) | (None, Some(path)) => named_by(path, record)?,
            (None, None) => {
                let named = record
                    .get::<String>("finetune.checkpoint")
                    .map_err(bad_record)?;
                let none =
                    "the record has no finetune.checkpoint: name --weights or --checkpoint-dir";
                PathBuf::from(named.ok_or_else(|| fail("weights", none))?)
            }
        };
        let evaluated = evaluate_file(&*candidate, &path);
        let (valid, test) = evaluated.map_err(|error| fail(error.kind(), error))?;
        let part = |(name, hash): (&String, &String)| (name.clone(), hash.clone());
        let own = candidate.data_sha256();
        let parts = own.as_ref().unwrap_or(&study.data_sha256).iter();
        let parts = parts.filter(|(name, _)| *name != "train");
        Ok(Evaluated {
            valid_accuracy: valid.accuracy,
            valid_f1: valid.f1,
            valid_loss: valid.loss,
            test_accuracy: test.map(|test| test.accuracy),
            test_f1: test.and_then(|test| test.f1),
            test_loss: test.map(|test| test.loss),
            weights: path.display().to_string(),
            data: study.data_name.to_owned(),
            data_sha256: parts.map(part).collect(),
        })
    }
}

fn evaluate_file(
    candidate: &dyn Candidate,
    path: &Path,
) -> Result<(Metrics, Option<Metrics>), TrainError> {
    // Beside the weights of a checkpoint lies what they should be.
    let folder = path.parent().unwrap_or(Path::new("."));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let trained = match checkpoint::read(folder, &stem)? {
        Some((manifest, weights)) => Trained {
            weights,
            about: Some(manifest.about),
        },
        None => Trained {
            weights: WeightFile::read(path)?,
            about: None,
        },
    };
    let task = candidate.task(Some(&trained))?;
    Ok((task.validate()?, task.test()?))
}
