//! NAS-Bench-201 networks, which learn to classify images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use knas_data::{DataSpec, ImageSource, Images, Normalisation, SIDE, Training};
use knas_net::weights::{self, WeightFile, WeightsError};
use knas_net::{Init, Initial, NetError, Network, Source};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::nb201::network::lower;
use knas_space::nb201::{Cell, Edges, Skeleton};
use knas_study::ImageCard;
use knas_train::{ImageTask, Optimiser, Schedule, Sgd, Task, TrainError};
use tch::{Device, Kind};

use super::{
    Candidate, Study, Subject, Tells, Trained, arch, by_part, named_by, network, with_new_head,
};
use crate::cli::Args;
use crate::outcome::fail;

/// The space.
pub const SPACE: &str = "nb201";

struct Cells {
    skeleton: Skeleton,
    normalisation: Normalisation,
    /// What the flags say of the size, where records say it too: to be evaluated.
    sizes: Option<[(&'static str, Option<u64>); 2]>,
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

/// A cell without weights: what it needs of a file, every cell needs.
const PLAIN: &str = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+\
                     |skip_connect~0|skip_connect~1|skip_connect~2|";

impl First {
    /// Those at `path`. What is wrong with a file for every candidate is wrong now.
    fn open(path: &Path, skeleton: Skeleton, new_head: bool) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let (file, sha256) = read(path).context("--weights")?;
        if !new_head {
            let fits = file.fits_classes(skeleton.classes() as usize);
            fits.map_err(with_new_head)?;
        }
        let initial = Initial {
            init: Init::Default,
            seed: 0,
        };
        let source = source(Some(&file), new_head, initial);
        let options = (Kind::Float, Device::Cpu);
        let graph = lower(&PLAIN.parse()?, &skeleton, Edges::Live)?;
        Network::new(graph, source, options).context("--weights")?;
        Ok(Self::File(Mutex::new(file), sha256))
    }
}

fn read(path: &Path) -> Result<(WeightFile, String), WeightsError> {
    let bytes = weights::bytes(path)?;
    let sha256 = knas_files::sha256(&bytes);
    Ok((WeightFile::from_bytes(path, &bytes)?, sha256))
}

fn source(weights: Option<&WeightFile>, new_head: bool, initial: Initial) -> Source<'_> {
    match weights {
        Some(weights) if new_head => Source::Body { weights, initial },
        Some(weights) => Source::File(weights),
        None => Source::Random(initial),
    }
}

/// Cells in the skeleton of NAS-Bench-201, on images.
///
/// # Errors
/// When the images cannot be read, or the size of the network cannot be.
pub fn study(args: &Args, spec: &DataSpec, cache: &Path, device: Device) -> Result<Study> {
    let source = ImageSource::open(spec, cache)?;
    let skeleton = Skeleton::new(
        args.channels.unwrap_or(16),
        args.cells.unwrap_or(5),
        source.classes() as u64,
        SIDE as u64,
    )?;
    let weights = match &args.weights {
        // Those of a training, which may be of several sizes.
        Some(_) if args.evaluate => None,
        Some(path) => Some(First::open(path, skeleton, args.new_head)?),
        None => None,
    };
    let data = source.training(args.limits())?;
    let hyper = hyper(args);
    let parts = ([&data.train, &data.valid], data.test.as_ref());
    Ok(Study {
        space: SPACE,
        examples_are: "images",
        schedule: Schedule::Cosine,
        hyper: hyper.clone(),
        network: sizes(&skeleton),
        class_names: source.class_names().to_vec(),
        data_name: source.name(),
        left_out: source.left_out().cloned(),
        data_sha256: by_part(parts.0, parts.1, Images::content_hash),
        examples: by_part(parts.0, parts.1, |images| images.len() as u64),
        subject: Box::new(Cells {
            skeleton,
            normalisation: source.normalisation(),
            sizes: args
                .evaluate
                .then_some([("channels", args.channels), ("cells", args.cells)]),
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

fn sizes(skeleton: &Skeleton) -> BTreeMap<String, u64> {
    let sizes = [
        ("channels", skeleton.channels()),
        ("cells", skeleton.cells()),
        ("classes", skeleton.classes()),
        ("side", skeleton.side()),
    ];
    sizes.map(|(name, size)| (name.to_owned(), size)).into()
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

impl Subject for Cells {
    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Failure> {
        let cell = arch(record, SPACE, "images")?;
        let path = match &self.weights {
            Some(First::Folder(folder)) => Some(named_by(folder, record)?),
            _ => None,
        };
        Ok(Box::new(CellCandidate {
            all: self,
            cell: cell.parse().map_err(|error| fail("bad_arch", error))?,
            skeleton: self.skeleton_of(record)?,
            path,
            weights: None,
        }))
    }
}

impl Cells {
    /// The size that the record was trained at, where that is to be evaluated;
    /// otherwise that of the flags.
    fn skeleton_of(&self, record: &Record<'_>) -> Result<Skeleton, Failure> {
        let (Some(sizes), Some(network)) = (&self.sizes, network(record)?) else {
            return Ok(self.skeleton);
        };
        let classes = ("classes", Some(self.skeleton.classes()));
        for (name, given) in sizes.iter().copied().chain([classes]) {
            if let (Some(given), Some(&trained)) = (given, network.get(name))
                && given != trained
            {
                let message = format!("it was trained with {trained} {name}, not {given}");
                return Err(fail("other_size", message));
            }
        }
        let size = |name: &str, otherwise| network.get(name).copied().unwrap_or(otherwise);
        let skeleton = Skeleton::new(
            size("channels", self.skeleton.channels()),
            size("cells", self.skeleton.cells()),
            self.skeleton.classes(),
            size("side", self.skeleton.side()),
        );
        skeleton.map_err(|error| fail("bad_record", error))
    }
}

struct CellCandidate<'s> {
    all: &'s Cells,
    cell: Cell,
    skeleton: Skeleton,
    /// The file that its first weights are in, where it has one of its own.
    path: Option<PathBuf>,
    weights: Option<WeightFile>,
}

impl Candidate for CellCandidate<'_> {
    fn arch(&self) -> String {
        self.cell.to_string()
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
        let lowered = |edges| lower(&self.cell, &self.skeleton, edges).map_err(NetError::from);
        Ok(Box::new(ImageTask {
            network: Network::new(lowered(Edges::Live)?, source, options)?,
            whole: lowered(Edges::All)?,
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
            size: sizes(&self.skeleton),
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
