//! Everything that is settled before a search begins: the space and its network, the
//! data, and what every record says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use knas_data::{DataSpec, ImageSource};
use knas_net::device;
use knas_records::schema::{Integer, Supernet as Block};
use knas_records::{Context, Record};
use knas_space::{SearchSpace, Setting, Supernet, named};
use knas_study::Told;
use tch::Device;

use crate::cli::{Args, Method};

/// What a run does.
pub struct Plan {
    /// The space.
    pub space: &'static dyn SearchSpace,
    /// Its network.
    pub supernet: Supernet,
    /// The size of that.
    pub size: Setting,
    /// Which options can be chosen.
    pub allowed: Vec<Vec<bool>>,
    /// What the architectures are for: as usual, but for what the data tell.
    pub setting: Setting,
    /// The data, of the side and classes of the network.
    pub source: ImageSource,
    /// What every record says of the search, but for data and training.
    pub block: Block,
    /// Where the network is.
    pub device: Device,
}

impl Plan {
    /// Resolves the flags.
    pub fn new(args: &Args, context: &Context) -> Result<Self> {
        let space = named(&args.space).context("--space")?;
        if args.divergence > 0.0 && args.method != Method::Drnas {
            bail!("--divergence is for --method drnas");
        }
        if args.checkpoint_dir.is_some() && args.method.relaxation().is_none() {
            bail!(
                "--checkpoint-dir: --method {} trains nothing that could be kept",
                args.method.name()
            );
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
        let size = Setting::of(space, Told::of_images(&source, flags)?.sizes())?;
        let of_data = Told::of_images(&source, Vec::new())?;
        let setting = Setting::of(space, of_data.sizes())?;
        let supernet = space.supernet(&size)?.ok_or_else(nowhere)?;
        let allowed = match &args.parents {
            None => supernet
                .choices
                .iter()
                .map(|c| vec![true; c.options.len()])
                .collect(),
            Some(_) => parents(args, space, &supernet, context)?,
        };
        if let Some(left_out) = source.left_out() {
            context.warn(format_args!("{spec}: {left_out}"));
        }
        Ok(Self {
            block: block(args, source.name(), &size),
            source: source.with(size.side()?, size.classes)?,
            setting,
            device,
            space,
            supernet,
            size,
            allowed,
        })
    }
}

fn data(args: &Args, context: &Context) -> Result<DataSpec> {
    let (cache, own) = (context.cache_folder(), context.own_cifar10());
    let spec = DataSpec::to_learn_from(args.data.as_ref(), &cache, own)?;
    if args.data.is_none() {
        context.info(format_args!("searching on {spec} ({})", cache.display()));
    }
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
    let none = |choice: &knas_space::Choice| vec![false; choice.options.len()];
    let mut allowed: Vec<Vec<bool>> = supernet.choices.iter().map(none).collect();
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
        Some(other) if other != space.name() => bail!(
            "its space is {other:?}, not {:?} (see --space)",
            space.name()
        ),
        _ => {}
    }
    let one = space.parse(&record.need::<String>("arch")?)?;
    Ok(one.decisions().iter().map(|d| d.choice).collect())
}

fn block(args: &Args, data: &str, size: &Setting) -> Block {
    Block {
        method: args.method.name().to_owned(),
        seed: Integer::from(args.seed),
        epochs: 0,
        network: size
            .named()
            .map(|(name, size)| (name.to_owned(), size))
            .collect(),
        data: data.to_owned(),
        data_sha256: BTreeMap::new(),
        examples: BTreeMap::new(),
        probability: None,
        margin: None,
        candidates: None,
        valid_accuracy: None,
        by: None,
        repeats: None,
        alpha: None,
        hyper: None,
        threads: args.threads.into(),
        tool: concat!("knas-supernet ", env!("CARGO_PKG_VERSION")).to_owned(),
        libtorch: knas_net::LIBTORCH.to_owned(),
    }
}
