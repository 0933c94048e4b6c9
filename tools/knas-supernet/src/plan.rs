//! Everything that is settled before the first step: the space and its network, the
//! data, and how it is searched.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use knas_data::{Augmentation, DataSpec, ImageSource, Limits, Training};
use knas_net::device;
use knas_records::schema::{Integer, Supernet as Block};
use knas_records::{Context, Record};
use knas_search::{Adam, Recipe};
use knas_space::{SearchSpace, Setting, Supernet, named};
use knas_study::Told;
use serde_json::{Value, json};
use tch::{Device, Kind};

use crate::cli::{Args, Method};

/// What a run does.
pub struct Plan {
    /// The space.
    pub space: &'static dyn SearchSpace,
    /// Its network.
    pub supernet: Supernet,
    /// Which options can be chosen.
    pub allowed: Vec<Vec<bool>>,
    /// What the architectures are for: as usual, but for what the data tell.
    pub setting: Setting,
    /// The two halves of the training set, as training and validation images.
    pub data: Training,
    /// How it is searched.
    pub recipe: Recipe,
    /// What every record says of the search.
    pub block: Block,
    /// Element type and device.
    pub options: (Kind, Device),
}

impl Plan {
    /// Resolves the flags.
    pub fn new(args: &Args, context: &Context) -> Result<Self> {
        let space = named(&args.space).context("--space")?;
        if args.divergence > 0.0 && args.method != Method::Drnas {
            bail!("--divergence is for --method drnas");
        }
        let nowhere = || {
            let name = space.name();
            anyhow!(
                "--space: there is no network of all architectures of {name}; there is one of nb201"
            )
        };
        space.supernet(&space.usual())?.ok_or_else(nowhere)?;
        let device = match args.gpu {
            None => Device::Cpu,
            Some(number) => device::cuda(number)?,
        };
        let spec = data(args, context)?;
        let source = ImageSource::open(&spec, &context.cache_folder())?;
        let flags = args.size.told().map_err(anyhow::Error::msg)?;
        let told = Told::of_images(&source, flags)?;
        let setting = Setting::of(space, told.sizes())?;
        let supernet = space.supernet(&setting)?.ok_or_else(nowhere)?;
        let allowed = match &args.parents {
            None => supernet
                .choices
                .iter()
                .map(|c| vec![true; c.options.len()])
                .collect(),
            Some(_) => parents(args, space, &supernet, context)?,
        };
        let of_data = Told::of_images(&source, Vec::new())?;
        let side = setting.side()?;
        let limits = Limits {
            train: args.train_limit,
            valid: args.train_limit,
            test: Some(0),
            ..Limits::default()
        };
        let data = source.with(side, source.classes())?.training(limits)?;
        if let Some(left_out) = source.left_out() {
            context.warn(format_args!("{spec}: {left_out}"));
        }
        Ok(Self {
            block: block(args, source.name(), &data, &setting),
            recipe: recipe(args),
            setting: Setting::of(space, of_data.sizes())?,
            options: (Kind::Float, device),
            space,
            supernet,
            allowed,
            data,
        })
    }

    /// All that the search depends on.
    pub fn about(&self) -> Result<Value> {
        Ok(json!({
            "space": self.space.name(),
            "allowed": self.allowed,
            "search": self.block,
        }))
    }
}

fn data(args: &Args, context: &Context) -> Result<DataSpec> {
    let (cache, own) = (context.cache_folder(), context.own_cifar10());
    let spec = match (&args.data, DataSpec::fallback(&cache, own.clone())) {
        (Some(spec), _) => spec.clone().with_own_cifar10(own),
        (None, DataSpec::Noise) => bail!(
            "no --data is given and CIFAR-10 has not been fetched: \
             run scripts/fetch-data.sh, or give cifar10:DIR, cifar100:DIR or folder:DIR"
        ),
        (None, found) => {
            context.info(format_args!("searching on {found} ({})", cache.display()));
            found
        }
    };
    match spec.is_text() {
        true => bail!("--data {spec} is made of texts, and architectures look at images"),
        false => Ok(spec),
    }
}

/// Which options occur in the records of `--parents`.
fn parents(
    args: &Args,
    space: &dyn SearchSpace,
    supernet: &Supernet,
    context: &Context,
) -> Result<Vec<Vec<bool>>> {
    let mut allowed: Vec<Vec<bool>> = supernet
        .choices
        .iter()
        .map(|choice| vec![false; choice.options.len()])
        .collect();
    let mut input = context.input(args.parents.as_slice())?;
    let mut found = false;
    while let Some(line) = input.next_line()? {
        let record = match line.record() {
            Ok(record) => record,
            Err(reason) => {
                context.bad_line(&line, &reason)?;
                continue;
            }
        };
        if record.has_failed() {
            continue;
        }
        let options = options_of(&record, space);
        let options =
            options.with_context(|| format!("--parents: {}: {}", line.place(), record.id()))?;
        for (row, option) in allowed.iter_mut().zip(options) {
            if let Some(allowed) = row.get_mut(option) {
                *allowed = true;
            }
        }
        found = true;
    }
    match found {
        true => Ok(allowed),
        false => bail!("--parents: there is no candidate"),
    }
}

fn options_of(record: &Record<'_>, space: &dyn SearchSpace) -> Result<Vec<usize>> {
    match record.get::<String>("space")? {
        Some(other) if other != space.name() => {
            bail!(
                "its space is {other:?}, not {:?} (see --space)",
                space.name()
            )
        }
        _ => {}
    }
    let one = space.parse(&record.need::<String>("arch")?)?;
    Ok(one
        .decisions()
        .iter()
        .map(|decision| decision.choice)
        .collect())
}

fn recipe(args: &Args) -> Recipe {
    Recipe {
        relaxation: args.method.relaxation(),
        epochs: args.epochs,
        warm_up: args.warm_up(),
        batch: args.batch as usize,
        rates: (args.lr, args.lr_min),
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        adam: Adam {
            rate: args.theta_lr,
            decay: args.theta_decay,
        },
        divergence: args.divergence,
        augmentation: Augmentation {
            flip_crop: !args.no_augment,
            ..Augmentation::default()
        },
        seed: args.seed,
    }
}

fn block(args: &Args, data: &str, images: &Training, setting: &Setting) -> Block {
    let learns = args.method != Method::OneShot;
    let of_theta = |value: f64| learns.then_some(value);
    let parts = [("train", &images.train), ("valid", &images.valid)];
    Block {
        method: args.method.name().to_owned(),
        seed: Integer::from(args.seed),
        epochs: args.epochs,
        warm_up: learns.then(|| args.warm_up()),
        network: setting
            .named()
            .map(|(name, size)| (name.to_owned(), size))
            .collect(),
        data: data.to_owned(),
        data_sha256: parts
            .map(|(part, images)| (part.to_owned(), images.content_hash()))
            .into(),
        examples: BTreeMap::from(
            parts.map(|(part, images)| (part.to_owned(), images.len() as u64)),
        ),
        batch: args.batch.into(),
        lr: args.lr,
        lr_min: args.lr_min,
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        theta_lr: of_theta(args.theta_lr),
        theta_decay: of_theta(args.theta_decay),
        divergence: of_theta(args.divergence).filter(|&factor| factor > 0.0),
        augment: if args.no_augment { "none" } else { "flip-crop" }.to_owned(),
        threads: args.threads.into(),
        probability: None,
        margin: None,
        candidates: (!learns).then_some(args.candidates),
        valid_accuracy: None,
        tool: concat!("knas-supernet ", env!("CARGO_PKG_VERSION")).to_owned(),
        libtorch: knas_net::LIBTORCH.to_owned(),
    }
}
