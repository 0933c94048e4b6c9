//! Everything that is settled before the first record is read: data, recipe,
//! size, device, and the provenance that every record will carry.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result, bail};
use knas_data::{DataSpec, ImageSource, Images, Limits, SIDE, Training};
use knas_net::device;
use knas_records::meta::Gauge;
use knas_records::schema::{Finetune, Hyper};
use knas_records::{Context, Record};
use knas_space::nb201::Skeleton;
use knas_train::{Recipe, Schedule, Start};
use tch::Device;

use crate::cli::Args;

/// What a run does.
pub struct Plan {
    /// How long and how fast.
    pub recipe: Recipe,
    /// The network's size.
    pub skeleton: Skeleton,
    /// What is learnt from.
    pub data: Training,
    /// Where networks are trained.
    pub device: Device,
    /// Candidates at a time.
    pub jobs: usize,
    /// What to do with checkpoints that are there.
    pub start: Start,
    /// The folder of checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// A file of weights, or a folder of files named by id.
    pub weights: Option<PathBuf>,
    /// What measures candidates, where records get `meta`.
    pub gauge: Option<Gauge>,
    /// The seed of everything.
    pub seed: u64,
    /// Whether images are flipped and cropped at random.
    pub augment: bool,
    /// What every record says on how it was trained; no weights' hash yet.
    pub hyper: Hyper,
    /// The data set's name.
    pub data_name: &'static str,
    /// SHA-256 of the examples of each part.
    pub data_sha256: BTreeMap<String, String>,
    /// How many examples each part has.
    pub examples: BTreeMap<String, u64>,
}

impl Plan {
    /// Resolves the flags.
    pub fn new(args: &Args, context: &Context) -> Result<Self> {
        let device = match args.gpu {
            None => Device::Cpu,
            Some(number) => device::cuda(number)?,
        };
        if let Some(path) = &args.weights {
            let found = fs::metadata(path);
            found.with_context(|| format!("--weights {}", path.display()))?;
        }
        if let Some(folder) = args.checkpoint_dir.as_ref().filter(|_| !args.evaluate) {
            let made = fs::create_dir_all(folder);
            made.with_context(|| format!("--checkpoint-dir {}", folder.display()))?;
        }
        let source = open(args, context)?;
        let skeleton = Skeleton::new(
            args.channels,
            args.cells,
            source.classes() as u64,
            SIDE as u64,
        )?;
        let data = source.training(Limits {
            train: args.train_limit,
            valid: args.valid_limit.or(args.train_limit),
            test: args.test_limit,
        })?;
        let cores = available_parallelism().map_or(1, usize::from);
        let jobs = match (args.jobs, device) {
            (Some(jobs), _) => jobs.into(),
            (None, Device::Cpu) => cores,
            (None, _) => 1,
        };
        let parts = parts(&data);
        let by_part =
            |(name, images): &(&str, &Images)| ((*name).to_owned(), images.content_hash());
        let counts = |(name, images): &(&str, &Images)| ((*name).to_owned(), images.len() as u64);
        Ok(Self {
            recipe: Recipe {
                epochs: args.epochs,
                rate: args.lr,
                schedule: Schedule::Cosine,
                patience: args.patience,
            },
            skeleton,
            device,
            jobs,
            start: match args.common.resume {
                true => Start::Resume,
                false => Start::Anew,
            },
            checkpoints: args.checkpoint_dir.clone(),
            weights: args.weights.clone(),
            gauge: args.meta.then(|| context.gauge(args.gpu)),
            seed: args.seed,
            augment: !args.no_augment,
            hyper: hyper(args),
            data_name: source.name(),
            data_sha256: parts.iter().map(by_part).collect(),
            examples: parts.iter().map(counts).collect(),
            data,
        })
    }

    /// The network's size, by the names of its space.
    pub fn network(&self) -> BTreeMap<String, u64> {
        let sizes = [
            ("channels", self.skeleton.channels()),
            ("cells", self.skeleton.cells()),
            ("classes", self.skeleton.classes()),
            ("side", self.skeleton.side()),
        ];
        sizes.map(|(name, size)| (name.to_owned(), size)).into()
    }

    /// What is wrong with a record that `--resume` would keep: one that this run
    /// would train in another way must not stand beside those that it trains.
    pub fn check_kept(&self, record: &Record<'_>) -> Result<(), String> {
        if record.has_failed() {
            return Ok(());
        }
        let kept = record.get::<Finetune>("finetune");
        let Some(kept) = kept.map_err(|e| e.to_string())? else {
            return Err(format!("{} has no \"finetune\"", record.id()));
        };
        let hyper = Hyper {
            weights_sha256: kept.hyper.weights_sha256.clone(),
            ..self.hyper.clone()
        };
        let same = kept.hyper == hyper
            && kept.data_sha256 == self.data_sha256
            && kept.network == self.network();
        match same {
            true => Ok(()),
            false => Err(format!("{} was trained with other settings", record.id())),
        }
    }
}

fn open(args: &Args, context: &Context) -> Result<ImageSource> {
    let cache = context.cache_folder();
    let spec = match (&args.data, DataSpec::fallback(&cache)) {
        (Some(spec), _) => spec.clone(),
        (None, DataSpec::Noise) => bail!(
            "no --data is given and CIFAR-10 has not been fetched: \
             run scripts/fetch-data.sh, or give cifar10:DIR, cifar100:DIR or folder:DIR"
        ),
        (None, found) => {
            context.info(format_args!("training on {found} ({})", cache.display()));
            found
        }
    };
    Ok(ImageSource::open(&spec, &cache)?)
}

fn parts(data: &Training) -> Vec<(&'static str, &Images)> {
    let mut parts = vec![("train", &data.train), ("valid", &data.valid)];
    parts.extend(data.test.as_ref().map(|images| ("test", images)));
    parts
}

fn hyper(args: &Args) -> Hyper {
    Hyper {
        optimizer: "sgd".to_owned(),
        epochs: args.epochs,
        batch: args.batch.into(),
        lr: args.lr,
        schedule: Schedule::Cosine.name().to_owned(),
        momentum: Some(args.momentum),
        weight_decay: args.weight_decay,
        augment: match args.no_augment {
            true => "none",
            false => "flip-crop",
        }
        .to_owned(),
        label_smoothing: args.label_smoothing,
        patience: args.patience,
        seed: args.seed.into(),
        init: match args.weights {
            Some(_) => "file".to_owned(),
            None => knas_net::Init::Default.name().to_owned(),
        },
        weights_sha256: None,
        threads: args.threads.into(),
    }
}
