//! What is trained: the networks of a space, on data of the sort that they take.

pub mod images;
mod publish;
pub mod texts;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use knas_data::{DataSpec, LeftOut};
use knas_net::weights::{WeightFile, WeightsError};
use knas_records::schema::Hyper;
use knas_records::{Context, Failure, Record};
use knas_space::{Architecture, SearchSpace, named};
use knas_study::{ImageCard, OwnError, TextCard};
use knas_train::{Optimiser, Schedule, Task, TrainError};
use tch::Device;

use crate::cli::Args;
use crate::outcome::{Stop, bad_record, fail};

/// Networks that are shown the same, and the data that they learn from.
pub trait Subject: Sync {
    /// The size of a record's network, by the names of its space.
    ///
    /// # Errors
    /// When its space is none of these, or cannot have the size.
    fn network(&self, record: &Record<'_>) -> Result<BTreeMap<String, u64>, Failure>;

    /// SHA-256 of the examples of each part that a record's network would be shown.
    ///
    /// # Errors
    /// As [`Subject::network`], or when they cannot be read.
    fn data_sha256(&self, record: &Record<'_>) -> Result<BTreeMap<String, String>, Stop>;

    /// The candidate that a record describes.
    ///
    /// # Errors
    /// When it is none of these, or does not fit the data or the weights; when the
    /// data cannot be read, the run is to end.
    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Stop>;
}

/// One network that can be trained.
pub trait Candidate {
    /// The name of its space.
    fn space(&self) -> &'static str;

    /// Its architecture, as its space writes it.
    fn arch(&self) -> String;

    /// The weights that it comes with.
    ///
    /// # Errors
    /// When it has none, or they tell other classes apart than the data.
    fn own_weights(&self) -> Result<WeightFile, Failure> {
        Err(fail("weights", OwnError::None(self.space())))
    }

    /// Reads the weights that its training starts from, where it starts from
    /// any, and gives the SHA-256 of their file.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_weights(&mut self) -> Result<Option<String>, Failure>;

    /// Itself and the data: with its first weights, or with those of a training.
    ///
    /// # Errors
    /// When it cannot be built, or the weights do not fit it.
    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError>;

    /// Itself with its first weights, and training and validation examples together to
    /// learn from, where the flags ask for that.
    ///
    /// # Errors
    /// As [`Candidate::task`].
    fn refit_task(&self) -> Result<Box<dyn Task + '_>, TrainError>;

    /// What changes its parameters.
    fn optimiser(&self) -> Box<dyn Optimiser>;

    /// What other than its architecture and what all candidates share its
    /// training depends on.
    fn about(&self) -> Vec<(&'static str, serde_json::Value)> {
        Vec::new()
    }

    /// SHA-256 of the examples of each part.
    fn data_sha256(&self) -> BTreeMap<String, String>;

    /// What its trained weights tell of themselves, beside what all candidates share.
    fn tells(&self) -> Tells;

    /// Makes what other software wants beside the file of its trained weights.
    ///
    /// # Errors
    /// When it cannot be written.
    fn publish(&self, _weights: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// What trained weights tell of one candidate.
pub struct Tells {
    /// The size of its network.
    pub size: BTreeMap<String, u64>,
    /// What its layer norms add to variances, where it has some.
    pub norm_epsilon: Option<f64>,
    /// How images are prepared, where it is shown some.
    pub images: Option<ImageCard>,
    /// How texts are, where it is shown these.
    pub texts: Option<TextCard>,
}

/// What a training has left.
pub struct Trained {
    /// The weights.
    pub weights: WeightFile,
    /// What the training depended on, where there is a checkpoint.
    pub about: Option<serde_json::Value>,
}

/// A subject, and what its records say about all candidates' training.
pub struct Study {
    /// The subject.
    pub subject: Box<dyn Subject>,
    /// What an example is, in the plural.
    pub examples_are: &'static str,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// How candidates are trained; no weights' hash yet.
    pub hyper: Hyper,
    /// The names of the classes, where they have some.
    pub class_names: Vec<String>,
    /// The data set's name.
    pub data_name: &'static str,
    /// How many examples each part has.
    pub examples: BTreeMap<String, u64>,
    /// What lies beside the examples and is not read.
    pub left_out: Option<LeftOut>,
}

impl Study {
    /// What the flags ask for.
    ///
    /// # Errors
    /// When the data cannot be read, or a flag does not go with them.
    pub fn new(args: &Args, device: Device, context: &Context) -> Result<Self> {
        let cache = context.cache_folder();
        // Of a job's process it has been said already.
        let say = |message: &dyn Fn()| {
            if !args.worker {
                message();
            }
        };
        let own = context.own_cifar10();
        let spec = DataSpec::to_learn_from(args.data.as_ref(), &cache, own)?;
        if args.data.is_none() {
            say(&|| context.info(format_args!("training on {spec} ({})", cache.display())));
        }
        let (stray, one, other) = match spec.is_text() {
            true => (args.flags_of_images(), "images", "texts"),
            false => (args.flags_of_texts(), "texts", "images"),
        };
        if let Some((flag, _)) = stray.into_iter().find(|(_, given)| *given) {
            bail!("{flag} is for {one}, and --data {spec} is made of {other}");
        }
        let study = match spec.is_text() {
            true => texts::study(args, &spec, device),
            false => images::study(args, &spec, &cache, device),
        }?;
        if let Some(left_out) = &study.left_out {
            say(&|| context.warn(format_args!("{spec}: {left_out}")));
        }
        if args.new_head {
            say(&|| context.info("the classifier is drawn, the rest is that of --weights"));
        }
        Ok(study)
    }
}

/// The error of weights whose classifier is for other classes, with the way out.
fn with_new_head(error: WeightsError) -> anyhow::Error {
    let is_classes = matches!(error, WeightsError::Classes { .. });
    let error = anyhow::Error::from(error).context("--weights");
    match is_classes {
        true => error.context("--new-head keeps the rest and draws a classifier"),
        false => error,
    }
}

/// A record's space, whose networks are to read texts, or else to look at images.
///
/// # Errors
/// When the record has none, or one of the other kind.
fn space(record: &Record<'_>, texts: bool) -> Result<&'static dyn SearchSpace, Failure> {
    let name: String = record.need("space").map_err(bad_record)?;
    let space = named(&name).map_err(|error| fail("unknown_space", error))?;
    if space.reads_texts() == texts {
        return Ok(space);
    }
    let message = match texts {
        true => format!("{name} looks at images, and --data is made of texts"),
        false => format!("{name} reads texts, and --data is made of images"),
    };
    Err(fail("other_space", message))
}

/// A record's architecture, of a space as [`space`] gives it.
///
/// # Errors
/// As [`space`], and when the architecture is none of it.
fn architecture(record: &Record<'_>, texts: bool) -> Result<Box<dyn Architecture>, Failure> {
    let space = space(record, texts)?;
    let arch: String = record.need("arch").map_err(bad_record)?;
    space.parse(&arch).map_err(|error| fail("bad_arch", error))
}

/// The size of the network that a record's training was of, or that it says, by
/// name.
fn network(record: &Record<'_>) -> Result<Option<BTreeMap<String, u64>>, Failure> {
    let told = |name| record.get(name).map_err(bad_record);
    Ok(match told("finetune.network")? {
        Some(trained) => Some(trained),
        None => told("size")?,
    })
}

/// The file itself, or in a folder the one named by the record's id; in a folder
/// of one model, its file.
pub fn named_by(path: &Path, record: &Record<'_>) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
    let named = path.join(format!("{stem}.safetensors"));
    let only = path.join("model.safetensors");
    Ok(match only.is_file() && !named.is_file() {
        true => only,
        false => named,
    })
}

/// By part, for what has a training, a validation and perhaps a test part.
fn by_part<T, V>(
    [train, valid]: [&T; 2],
    test: Option<&T>,
    value: impl Fn(&T) -> V,
) -> BTreeMap<String, V> {
    let parts = [
        ("train", Some(train)),
        ("valid", Some(valid)),
        ("test", test),
    ];
    let parts = parts.into_iter();
    parts
        .filter_map(|(name, part)| Some((name.to_owned(), value(part?))))
        .collect()
}
