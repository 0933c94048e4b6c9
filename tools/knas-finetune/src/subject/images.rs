//! Networks that learn to classify images.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use knas_data::{
    Augmentation, DataError, DataSpec, ImageSource, Images, Limits, Normalisation, Training,
};
use knas_net::weights::{self, WeightFile, WeightsError};
use knas_net::{Init, Initial, NetError, Network, Source};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::{Architecture, Extent, Setting};
use knas_study::{ImageCard, Told, is_own, own, source};
use knas_train::{ImageOptions, ImageTask, Optimiser, Schedule, Sgd, Task, TrainError};
use tch::{Device, Kind};

use super::{
    Candidate, Study, Subject, Tells, Trained, architecture, by_part, named_by, network,
    with_new_head,
};
use crate::cli::Args;
use crate::outcome::{Stop, bad_record, fail};
use crate::recipes::{Values, frozen, is_balanced};

struct ImageNetworks {
    source: ImageSource,
    limits: Limits,
    /// The sizes that data and flags tell.
    told: Told,
    /// Whether records are evaluated, at the size at which they were trained.
    evaluates: bool,
    /// The images that were last asked for, by their side: a search has networks of
    /// one, and two are held where it changes.
    data: Mutex<VecDeque<(usize, Arc<AtSide>)>>,
    device: Device,
    weights: Option<First>,
    new_head: bool,
    values: Values,
    options: ImageOptions,
    refit: bool,
}

/// Images of one side.
struct AtSide {
    data: Training,
    /// Those of training and of validation together, where these are trained on in the end.
    joined: Option<Images>,
    /// SHA-256 of each part.
    sha256: BTreeMap<String, String>,
}

/// Where first weights are.
enum First {
    /// In a folder of files named by id.
    Folder(PathBuf),
    /// In one file, whose SHA-256 this is; it is held only as long as a thread takes
    /// to have its own view.
    File(Mutex<WeightFile>, String),
    /// In the candidates themselves.
    Own,
}

impl First {
    /// Those at `path`. What is wrong with a file for every candidate is wrong now.
    fn open(path: &Path, classes: usize, new_head: bool) -> Result<Self> {
        if is_own(path) {
            return Ok(Self::Own);
        }
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
    let flags = args.size.told().map_err(anyhow::Error::msg)?;
    let told = Told::of_images(&source, flags)?;
    let weights = match &args.weights {
        // Those of a training, which may be of several sizes.
        Some(_) if args.evaluate => None,
        Some(path) => Some(First::open(path, source.classes(), args.new_head)?),
        None => None,
    };
    let values = Values::of(args, false)?;
    let hyper = hyper(args, &values);
    let (train, valid, test) = source.counts(args.limits())?;
    let side = told.get("side");
    let networks = ImageNetworks {
        limits: args.limits(),
        told,
        evaluates: args.evaluate,
        data: Mutex::default(),
        device,
        weights,
        new_head: args.new_head,
        options: options(args, &values, source.classes()),
        refit: args.learning.refit,
        values,
        source,
    };
    if let Some(side) = side {
        networks.at(side as usize)?; // what cannot be read is wrong now
    }
    let source = &networks.source;
    Ok(Study {
        examples_are: "images",
        schedule: Schedule::Cosine,
        hyper,
        class_names: source.class_names().to_vec(),
        data_name: source.name(),
        left_out: source.left_out().cloned(),
        examples: by_part([&train, &valid], test.as_ref(), |&count| count as u64),
        subject: Box::new(networks),
    })
}

/// The size of a network, by the names of its space.
fn sizes(setting: &Setting) -> BTreeMap<String, u64> {
    let named = setting.named();
    named.map(|(name, size)| (name.to_owned(), size)).collect()
}

fn options(args: &Args, values: &Values, classes: usize) -> ImageOptions {
    ImageOptions {
        batch: usize::try_from(values.batch).unwrap_or(usize::MAX),
        seed: args.seed,
        augmentation: Augmentation {
            flip_crop: !args.no_augment,
            erasing: values.erasing,
            cutout: usize::try_from(values.cutout).unwrap_or(usize::MAX),
        },
        mixup: values.mixup,
        label_smoothing: values.label_smoothing,
        balance: is_balanced(args).then_some(classes),
        frozen: frozen(args),
        unused: Initial {
            init: Init::Default,
            seed: args.seed,
        },
    }
}

fn hyper(args: &Args, values: &Values) -> Hyper {
    Hyper {
        optimizer: "sgd".to_owned(),
        schedule: Schedule::Cosine.name().to_owned(),
        momentum: Some(values.momentum),
        nesterov: (!values.nesterov).then_some(false),
        augment: match args.no_augment {
            true => "none",
            false => "flip-crop",
        }
        .to_owned(),
        init: match args.weights.as_deref() {
            Some(path) if is_own(path) => "own",
            Some(_) => "file",
            None => Init::Default.name(),
        }
        .to_owned(),
        ..values.hyper(args)
    }
}

impl Subject for ImageNetworks {
    fn network(&self, record: &Record<'_>) -> Result<BTreeMap<String, u64>, Failure> {
        Ok(sizes(
            &self.setting(record, &*architecture(record, false)?)?,
        ))
    }

    fn data_sha256(&self, record: &Record<'_>) -> Result<BTreeMap<String, String>, Stop> {
        let setting = self.setting(record, &*architecture(record, false)?)?;
        Ok(self.data_of(&setting)?.sha256.clone())
    }

    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Stop> {
        let architecture = architecture(record, false)?;
        let path = match &self.weights {
            Some(First::Folder(folder)) => Some(named_by(folder, record)?),
            _ => None,
        };
        let setting = self.setting(record, &*architecture)?;
        Ok(Box::new(ImageCandidate {
            all: self,
            architecture,
            data: self.data_of(&setting)?,
            setting,
            path,
            weights: None,
        }))
    }
}

impl ImageNetworks {
    /// How large a record's network is: as it was trained, where that is to be
    /// evaluated; otherwise as the record, the data and the flags tell.
    fn setting(
        &self,
        record: &Record<'_>,
        architecture: &dyn Architecture,
    ) -> Result<Setting, Failure> {
        let (who, size) = match self.evaluates {
            true => ("its training", network(record)?),
            false => ("the record", record.get("size").map_err(bad_record)?),
        };
        let size = size.unwrap_or_default();
        let setting = self.told.setting(architecture, who, size);
        setting.map_err(|error| fail(error.kind(), error))
    }

    /// The images for a network of this setting.
    fn data_of(&self, setting: &Setting) -> Result<Arc<AtSide>, Stop> {
        let side = setting.side().map_err(|error| fail("other_space", error))?;
        self.at(side).map_err(|error| match error {
            DataError::Side { .. } | DataError::Fixed { .. } => fail("bad_size", error).into(),
            DataError::Memory { .. } => fail("out_of_memory", error).into(),
            // What keeps images from being read keeps them from every candidate.
            error => Stop::Refused(error.into()),
        })
    }

    /// The images at this side.
    fn at(&self, side: usize) -> Result<Arc<AtSide>, DataError> {
        let mut known = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, data)) = known.iter().find(|(other, _)| *other == side) {
            return Ok(Arc::clone(data));
        }
        known.truncate(1);
        let source = self.source.with(side, self.source.classes())?;
        let data = source.training(self.limits)?;
        let parts = ([&data.train, &data.valid], data.test.as_ref());
        let sha256 = by_part(parts.0, parts.1, Images::content_hash);
        let joined = self.refit.then(|| data.joined()).transpose()?;
        let new = Arc::new(AtSide {
            data,
            joined,
            sha256,
        });
        known.push_front((side, Arc::clone(&new)));
        Ok(new)
    }
}

struct ImageCandidate<'s> {
    all: &'s ImageNetworks,
    architecture: Box<dyn Architecture>,
    setting: Setting,
    data: Arc<AtSide>,
    /// The file that its first weights are in, where it has one of its own.
    path: Option<PathBuf>,
    weights: Option<WeightFile>,
}

impl ImageCandidate<'_> {
    fn learning_from<'t>(
        &'t self,
        learnt: &'t Images,
        trained: Option<&Trained>,
    ) -> Result<Box<dyn Task + 't>, TrainError> {
        let all = self.all;
        let source = match trained {
            Some(trained) => Source::File(&trained.weights),
            None => source(self.weights.as_ref(), all.new_head, all.options.unused),
        };
        let options = (Kind::Float, all.device);
        let lowered = |extent| {
            let graph = self.architecture.lower(&self.setting, extent);
            graph.map_err(NetError::from)
        };
        let network = Network::new(lowered(Extent::Live)?, source, options)?;
        let (whole, data) = (lowered(Extent::Whole)?, (&self.data.data, learnt));
        let task = ImageTask::new(network, whole, data, all.options)?;
        Ok(Box::new(task))
    }
}

impl Candidate for ImageCandidate<'_> {
    fn own_weights(&self) -> Result<WeightFile, Failure> {
        let own = own(&*self.architecture, &self.setting, false);
        own.map(|(file, _)| file)
            .map_err(|error| fail("weights", error))
    }

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
            (None, Some(First::Own)) => {
                let own = own(&*self.architecture, &self.setting, self.all.new_head);
                own.map_err(|error| fail("weights", error.with_new_head()))?
            }
            (None, _) => return Ok(None),
        };
        self.weights = Some(weights);
        Ok(Some(sha256))
    }

    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError> {
        self.learning_from(&self.data.data.train, trained)
    }

    fn refit_task(&self) -> Result<Box<dyn Task + '_>, TrainError> {
        let joined = self.data.joined.as_ref();
        self.learning_from(joined.unwrap_or(&self.data.data.train), None)
    }

    fn tells(&self) -> Tells {
        let Normalisation { mean, std } = self.all.source.normalisation();
        Tells {
            size: sizes(&self.setting),
            norm_epsilon: None,
            images: Some(ImageCard::new(&mean, &std)),
            texts: None,
        }
    }

    fn data_sha256(&self) -> BTreeMap<String, String> {
        self.data.sha256.clone()
    }

    fn optimiser(&self) -> Box<dyn Optimiser> {
        let values = &self.all.values;
        let sgd = Sgd::new(values.momentum, values.weight_decay);
        Box::new(if values.nesterov { sgd } else { sgd.plain() })
    }
}
