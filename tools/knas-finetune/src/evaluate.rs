//! `--evaluate`: what trained weights reach.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use knas_net::weights::WeightFile;
use knas_records::schema::Evaluated;
use knas_records::{Context, Failure, Input, Record};
use knas_study::{Card, Description, is_own, is_weights};
use knas_train::{Judged, TrainError, checkpoint};
use serde_json::json;

use crate::candidate::Worker;
use crate::cli::Args;
use crate::outcome::{Stop, bad_record, by_class, fail};
use crate::subject::{Candidate, Trained, named_by};

/// Files of weights that are evaluated without records.
pub struct Alone(Vec<(PathBuf, Card)>);

impl Alone {
    /// Those among the arguments; they stand by themselves.
    ///
    /// # Errors
    /// When a file cannot be read, or does not say what network it is of.
    pub fn among(args: &Args) -> Result<Option<Self>> {
        let files = args.inputs.files.iter().filter(|path| is_weights(path));
        let files: Vec<&PathBuf> = files.collect();
        let Some(first) = files.first() else {
            return Ok(None);
        };
        if !args.evaluate {
            bail!(
                "{} holds weights, which --evaluate evaluates; to train from them, name a record \
                 and --weights FILE",
                first.display()
            );
        }
        if files.len() < args.inputs.files.len() {
            bail!("name either records or files of weights");
        }
        if args.weights.is_some() || args.checkpoint_dir.is_some() {
            bail!("{} has its own weights", first.display());
        }
        let mut cards: Vec<(PathBuf, Card)> = Vec::new();
        for path in files {
            let card = Card::read(path).context("where no record is named")?;
            let same = |(_, other): &&(PathBuf, Card)| other.network.id == card.network.id;
            if let Some((other, _)) = cards.iter().find(same) {
                let id = &card.network.id;
                bail!(
                    "{} and {} are both weights of {id}: evaluate one after the other",
                    other.display(),
                    path.display()
                );
            }
            cards.push((path.clone(), card));
        }
        Ok(Some(Self(cards)))
    }

    /// Their records. Where no tokenizer is named, that of their training is meant.
    ///
    /// # Errors
    /// When they were trained with several.
    pub fn input(&self, args: &mut Args, context: &Context) -> Result<Input> {
        let mut lines = Vec::new();
        for (_, card) in &self.0 {
            let Description {
                id,
                space,
                arch,
                size,
                ..
            } = &card.network;
            let line = json!({"id": id, "space": space, "arch": arch, "size": size});
            writeln!(lines, "{line}")?;
        }
        if args.tokenizer.is_none() {
            let texts = self.0.iter().filter_map(|(_, card)| card.texts.as_ref());
            let mut tokenizers: Vec<&str> = texts.map(|card| &*card.tokenizer).collect();
            tokenizers.dedup();
            if let [one, other, ..] = tokenizers[..] {
                bail!(
                    "trained with the tokenizers of {one} and {other}: --tokenizer DIR names one"
                );
            }
            let one = tokenizers.first();
            args.tokenizer = one.map(|folder| context.fetched(Path::new(folder)));
        }
        args.inputs.files.clear(); // which hold no lines that could be counted
        let name = "the files of weights".to_owned();
        Ok(Input::from_reader(name, Cursor::new(lines)))
    }

    /// By id.
    pub fn files(self) -> BTreeMap<String, PathBuf> {
        let by_id = |(path, card): (PathBuf, Card)| (card.network.id, path);
        self.0.into_iter().map(by_id).collect()
    }
}

impl Worker<'_> {
    /// What trained weights reach: those of --weights or --checkpoint-dir, or
    /// those that the record names.
    ///
    /// # Errors
    /// When there are none, or they cannot be used.
    pub fn evaluate(&self, record: &Record<'_>) -> std::result::Result<Evaluated, Failure> {
        let study = &self.plan.study;
        let candidate = study.subject.candidate(record);
        let candidate = candidate.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Refused(error) => fail("data", format_args!("{error:#}")),
            Stop::Interrupted | Stop::Late => fail("interrupted", "the run is to end"),
        })?;
        let trained = match self.plan.weights.as_deref() {
            Some(path) if is_own(path) => Trained {
                weights: candidate.own_weights()?,
                about: None,
            },
            _ => {
                let trained = trained(&self.path_of(record)?);
                trained.map_err(|error| fail(error.kind(), error))?
            }
        };
        let evaluated = evaluated(&*candidate, &trained);
        let (valid, test) = evaluated.map_err(|error| fail(error.kind(), error))?;
        let confusion = &test.as_ref().unwrap_or(&valid).confusion;
        let network = study.subject.network(record)?;
        let classes = network.get("classes").copied().unwrap_or(0);
        let by_class = by_class(&study.class_names, classes, Some(confusion));
        let (valid, test) = (valid.metrics, test.map(|test| test.metrics));
        let part = |(name, hash): (&String, &String)| (name.clone(), hash.clone());
        let hashes = candidate.data_sha256();
        let parts = hashes.iter().filter(|(name, _)| *name != "train");
        Ok(Evaluated {
            valid_accuracy: valid.accuracy,
            valid_f1: valid.f1,
            valid_loss: valid.loss,
            test_accuracy: test.map(|test| test.accuracy),
            test_f1: test.and_then(|test| test.f1),
            test_loss: test.map(|test| test.loss),
            by_class,
            weights: trained.weights.path().display().to_string(),
            data: study.data_name.to_owned(),
            data_sha256: parts.map(part).collect(),
        })
    }

    /// The file of the weights of a record's training.
    fn path_of(&self, record: &Record<'_>) -> std::result::Result<PathBuf, Failure> {
        if let Some(path) = self.plan.alone.get(record.id()) {
            return Ok(path.clone());
        }
        let given = self
            .plan
            .weights
            .as_ref()
            .or(self.plan.checkpoints.as_ref());
        if let Some(path) = given {
            return named_by(path, record);
        }
        let named = record.get::<String>("finetune.checkpoint");
        let named = named.map_err(bad_record)?.map(PathBuf::from);
        let none = "the record has no finetune.checkpoint: name --weights or --checkpoint-dir";
        named.ok_or_else(|| fail("weights", none))
    }
}

/// What is in a file of trained weights.
fn trained(path: &Path) -> std::result::Result<Trained, TrainError> {
    // Beside the weights of a checkpoint lies what they should be.
    let folder = path.parent().unwrap_or(Path::new("."));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if let Some((manifest, weights)) = checkpoint::read(folder, &stem)? {
        let about = Some(manifest.about);
        return Ok(Trained { weights, about });
    }
    let weights = WeightFile::read(path)?;
    // What cannot be understood is of no use here, and of no harm.
    let card = Card::of(&weights).ok().flatten();
    let about = card.map(|card| json!({"norm_epsilon": card.network.norm_epsilon}));
    Ok(Trained { weights, about })
}

/// What weights reach on the validation and the test part.
fn evaluated(
    candidate: &dyn Candidate,
    trained: &Trained,
) -> std::result::Result<(Judged, Option<Judged>), TrainError> {
    let task = candidate.task(Some(trained))?;
    Ok((task.validate()?, task.test()?))
}
