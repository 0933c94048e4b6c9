//! Networks that learn to classify images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use knas_data::{DataSpec, ImageSource, Images, Normalisation, SIDE, Training};
use knas_net::weights::{self, WeightFile, WeightsError};
use knas_net::{Init, Initial, NetError, Network, Source};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::{Architecture, Extent, Input, SearchSpace, Setting, Sizes, given_sizes};
use knas_study::{ImageCard, source};
use knas_train::{ImageTask, Optimiser, Schedule, Sgd, Task, TrainError};
use tch::{Device, Kind};

use super::{
    Candidate, Study, Subject, Tells, Trained, architecture, by_part, named_by, network, space,
    with_new_head,
};
use crate::cli::Args;
use crate::outcome::fail;

struct ImageNetworks {
    classes: usize,
    normalisation: Normalisation,
    /// The sizes that the flags give.
    sizes: Vec<(&'static str, u64)>,
    /// Whether records are evaluated, at the size at which they were trained.
    evaluates: bool,
    data: Training,
    device: Device,
    weights: Option<First>,
    new_head: bool,
    augment: bool,
    hyper: Hyper,
    seed: u64,
}

/// Where first weights are.
enum First {
    /// In a folder of files named by id.
    Folder(PathBuf),
    /// In one file, whose SHA-256 this is; it is held only as long as a thread takes
    /// to have its own view.
    File(Mutex<WeightFile>, String),
}

impl First {
    /// Those at `path`. What is wrong with a file for every candidate is wrong now.
    fn open(path: &Path, classes: usize, new_head: bool) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let (file, sha256) = read(path).context("--weights")?;
        if !new_head {
            file.fits_classes(classes).map_err(with_new_head)?;
        }
        Ok(Self::File(Mutex::new(file), sha256))
    }
}

fn read(path: &Path) -> Result<(WeightFile, String), WeightsError> {
    let bytes = weights::bytes(path)?;
    let sha256 = knas_files::sha256(&bytes);
    Ok((WeightFile::from_bytes(path, &bytes)?, sha256))
}

/// Networks that look at images.
///
/// # Errors
/// When the images cannot be read, or no network can have the size.
pub fn study(args: &Args, spec: &DataSpec, cache: &Path, device: Device) -> Result<Study> {
    let source = ImageSource::open(spec, cache)?;
    let sizes = [("channels", args.channels), ("cells", args.cells)];
    let sizes = given_sizes(false, &sizes)?;
    let weights = match &args.weights {
        // Those of a training, which may be of several sizes.
        Some(_) if args.evaluate => None,
        Some(path) => Some(First::open(path, source.classes(), args.new_head)?),
        None => None,
    };
    let data = source.training(args.limits())?;
    let hyper = hyper(args);
    let parts = ([&data.train, &data.valid], data.test.as_ref());
    Ok(Study {
        examples_are: "images",
        schedule: Schedule::Cosine,
        hyper: hyper.clone(),
        class_names: source.class_names().to_vec(),
        data_name: source.name(),
        left_out: source.left_out().cloned(),
        data_sha256: by_part(parts.0, parts.1, Images::content_hash),
        examples: by_part(parts.0, parts.1, |images| images.len() as u64),
        subject: Box::new(ImageNetworks {
            classes: source.classes(),
            normalisation: source.normalisation(),
            sizes,
            evaluates: args.evaluate,
            data,
            device,
            weights,
            new_head: args.new_head,
            augment: !args.no_augment,
            hyper,
            seed: args.seed,
        }),
    })
}

/// The size of a network, by the names of its space.
fn sizes(setting: &Setting) -> BTreeMap<String, u64> {
    let named = setting.named();
    named.map(|(name, size)| (name.to_owned(), size)).collect()
}

fn hyper(args: &Args) -> Hyper {
    Hyper {
        optimizer: "sgd".to_owned(),
        epochs: args.epochs.unwrap_or(12),
        batch: args.batch.unwrap_or(256).into(),
        lr: args.lr.unwrap_or(0.1),
        schedule: Schedule::Cosine.name().to_owned(),
        momentum: Some(args.momentum.unwrap_or(0.9)),
        weight_decay: args.weight_decay.unwrap_or(5e-4),
        augment: match args.no_augment {
            true => "none",
            false => "flip-crop",
        }
        .to_owned(),
        label_smoothing: args.label_smoothing,
        dropout: None,
        frozen: None,
        accumulate: None,
        patience: args.patience,
        seed: args.seed.into(),
        init: match args.weights {
            Some(_) => "file".to_owned(),
            None => Init::Default.name().to_owned(),
        },
        head: args.new_head.then(|| "drawn".to_owned()),
        weights_sha256: None,
        threads: args.threads.into(),
    }
}

impl Subject for ImageNetworks {
    fn network(&self, record: &Record<'_>) -> Result<BTreeMap<String, u64>, Failure> {
        Ok(sizes(&self.setting(record, space(record, false)?)?))
    }

    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Failure> {
        let (space, architecture) = architecture(record, false)?;
        let path = match &self.weights {
            Some(First::Folder(folder)) => Some(named_by(folder, record)?),
            _ => None,
        };
        Ok(Box::new(ImageCandidate {
            all: self,
            architecture,
            setting: self.setting(record, space)?,
            path,
            weights: None,
        }))
    }
}

impl ImageNetworks {
    /// The size that the record was trained at, where that is to be evaluated;
    /// otherwise that of the flags.
    fn setting(&self, record: &Record<'_>, space: &dyn SearchSpace) -> Result<Setting, Failure> {
        let trained = match self.evaluates {
            true => network(record)?.unwrap_or_default(),
            false => BTreeMap::new(),
        };
        let flags = self.sizes.iter().copied();
        let data = [("classes", self.classes as u64), ("side", SIDE as u64)];
        for (name, given) in flags.clone().chain(data) {
            if let Some(&trained) = trained.get(name)
                && given != trained
            {
                let message = format!("it was trained with {trained} {name}, not {given}");
                return Err(fail("other_size", message));
            }
        }
        let said = trained.iter().map(|(name, size)| (&**name, *size));
        let said = said.filter(|(name, _)| data.iter().all(|(of_data, _)| of_data != name));
        let sizes = Sizes::of(space, flags.chain(said));
        Ok(Setting {
            input: Input::Images { side: SIDE },
            classes: self.classes,
            sizes: sizes.map_err(|error| fail("bad_size", error))?,
        })
    }
}

struct ImageCandidate<'s> {
    all: &'s ImageNetworks,
    architecture: Box<dyn Architecture>,
    setting: Setting,
    /// The file that its first weights are in, where it has one of its own.
    path: Option<PathBuf>,
    weights: Option<WeightFile>,
}

impl Candidate for ImageCandidate<'_> {
    fn space(&self) -> &'static str {
        self.architecture.space().name()
    }

    fn arch(&self) -> String {
        self.architecture.to_string()
    }

    fn read_weights(&mut self) -> Result<Option<String>, Failure> {
        let (weights, sha256) = match (&self.path, &self.all.weights) {
            (Some(path), _) => read(path).map_err(|error| fail("weights", error))?,
            (None, Some(First::File(file, sha256))) => {
                let file = file.lock().unwrap_or_else(PoisonError::into_inner);
                (file.view(), sha256.clone())
            }
            (None, _) => return Ok(None),
        };
        self.weights = Some(weights);
        Ok(Some(sha256))
    }

    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError> {
        let initial = Initial {
            init: Init::Default,
            seed: self.all.seed,
        };
        let source = match trained {
            Some(trained) => Source::File(&trained.weights),
            None => source(self.weights.as_ref(), self.all.new_head, initial),
        };
        let options = (Kind::Float, self.all.device);
        let lowered = |extent| {
            let graph = self.architecture.lower(&self.setting, extent);
            graph.map_err(NetError::from)
        };
        Ok(Box::new(ImageTask {
            network: Network::new(lowered(Extent::Live)?, source, options)?,
            whole: lowered(Extent::Whole)?,
            data: &self.all.data,
            batch: usize::try_from(self.all.hyper.batch).unwrap_or(usize::MAX),
            seed: self.all.seed,
            augment: self.all.augment,
            label_smoothing: self.all.hyper.label_smoothing,
            unused: initial,
        }))
    }

    fn tells(&self) -> Tells {
        let Normalisation { mean, std } = self.all.normalisation;
        Tells {
            size: sizes(&self.setting),
            norm_epsilon: None,
            images: Some(ImageCard::new(&mean, &std)),
            texts: None,
        }
    }

    fn optimiser(&self) -> Box<dyn Optimiser> {
        let Hyper {
            momentum,
            weight_decay,
            ..
        } = self.all.hyper;
        Box::new(Sgd::new(momentum.unwrap_or(0.0), weight_decay))
    }
}
