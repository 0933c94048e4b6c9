//! Everything that is settled before the first record is read: scores, samples,
//! size, device, and the provenance that every record will carry.

use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result, bail};
use knas_data::DataSpec;
use knas_net::{Init, Norm, device};
use knas_proxy::{Overrides, Proxy};
use knas_records::meta::Gauge;
use knas_records::{Context, Failure, Record};
use knas_study::is_own;

use crate::candidate::size;
use crate::catalogue;
use crate::cli::{Args, Device};
use crate::provenance::{Of, Scores};
use crate::shown::Shown;
use crate::weights::Weights;

/// Candidates at a time on a GPU, at most: launching the operations of one small
/// network after another does not keep it busy. Four took two thirds to two fifths
/// of the time of one on an H100, and eight no less.
const JOBS_ON_A_GPU: usize = 4;

/// What a run does.
pub struct Plan {
    /// The scores, the one that ranks first.
    pub proxies: Vec<&'static dyn Proxy>,
    /// The samples, and what else depends on whether they are images or texts.
    pub shown: Shown,
    /// What overrides the scores' defaults.
    pub overrides: Overrides,
    /// Where networks are evaluated.
    pub device: tch::Device,
    /// Candidates at a time.
    pub jobs: usize,
    /// A file of weights, or a folder of files named by id; none where all
    /// candidates start from one pre-trained backbone.
    pub weights: Option<Weights>,
    /// Whether classifiers are drawn where weights are read.
    pub new_head: bool,
    /// The folder for what was evaluated.
    pub dump: Option<PathBuf>,
    /// What measures candidates, where records get `meta`.
    pub gauge: Option<Gauge>,
    /// On what each score rests.
    pub scored: Scores,
}

impl Plan {
    /// Resolves the flags.
    pub fn new(args: &Args, context: &Context) -> Result<Self> {
        let cuda = match args.device() {
            Device::Cpu => None,
            Device::Cuda(number) => Some(number),
        };
        let device = cuda.map_or(Ok(tch::Device::Cpu), device::cuda)?;
        if let Some(path) = args.weights.as_ref().filter(|path| !is_own(path)) {
            let found = fs::metadata(path);
            found.with_context(|| format!("--weights {}", path.display()))?;
        }
        if let Some(folder) = &args.dump {
            let made = fs::create_dir_all(folder);
            made.with_context(|| format!("--dump {}", folder.display()))?;
        }
        let cache = context.cache_folder();
        let own = context.own_cifar10();
        let spec = match &args.data {
            Some(spec) => spec.clone().with_own_cifar10(own),
            None if args.worker => DataSpec::fallback(&cache, own), // said already
            None => fallback(&cache, context),
        };
        let proxies = catalogue::choose(&args.proxy, spec.is_text())?;
        let Some(end) = args.seed.checked_add(args.seeds) else {
            bail!(
                "--seed {} leaves no room for {} seeds",
                args.seed,
                args.seeds
            );
        };
        let shown = match spec.is_text() {
            true => Shown::texts(args, &spec, args.seed..end)?,
            false => Shown::images(args, &spec, &cache, args.seed..end)?,
        };
        if let Some(left_out) = shown.left_out().filter(|_| !args.worker) {
            context.warn(format_args!("{spec}: {left_out}"));
        }
        let weights = match &args.weights {
            Some(_) if shown.weights_sha256().is_some() => None,
            Some(path) => Some(Weights::open(path, &shown, args.new_head)?),
            None => None,
        };
        let cores = available_parallelism().map_or(1, usize::from);
        let measured = proxies.iter().find(|proxy| proxy.info().measured);
        if let (Some(proxy), Some(2..), false) = (measured, args.jobs, args.worker) {
            context.caution(format_args!(
                "{} is measured, and jobs side by side make each other slower: -j 1 measures one \
                 at a time",
                proxy.info().name
            ));
        }
        let jobs = match (args.jobs, device) {
            (Some(jobs), _) => jobs.into(),
            (None, _) if measured.is_some() => 1,
            (None, tch::Device::Cpu) => cores,
            (None, _) => cores.min(JOBS_ON_A_GPU),
        };
        let scored = Scores::new(args, &spec, &shown, &proxies)?;
        Ok(Self {
            proxies,
            overrides: Overrides {
                norm: args.norm.map(Norm::from),
                init: args.init.map(Init::from),
            },
            device,
            jobs,
            weights,
            new_head: args.new_head,
            shown,
            dump: args.dump.clone(),
            gauge: args.meta.then(|| context.gauge(cuda)),
            scored,
        })
    }

    /// What is wrong with a record that `--resume` would keep: one that this run
    /// would score in another way must not stand beside those that it scores.
    pub fn check_kept(&self, record: &Record<'_>) -> Result<(), String> {
        if record.has_failed() {
            return Ok(());
        }
        let of = || {
            let architecture = self.shown.architecture(record)?;
            let sized = self.shown.sized(record, &*architecture)?;
            Ok(Of {
                network: size(&sized),
                data_sha256: self.shown.drawn(&sized)?.hashes.clone(),
                pass: "", // what computed makes no difference that counts
            })
        };
        let of =
            of().map_err(|failure: Failure| format!("{}: {}", record.id(), failure.message))?;
        self.scored.check(record, &of)
    }
}

/// CIFAR-10 where it has been fetched, noise otherwise; says which.
fn fallback(cache: &std::path::Path, context: &Context) -> DataSpec {
    let spec = DataSpec::fallback(cache, context.own_cifar10());
    match spec {
        DataSpec::Noise => context.caution(
            "scoring on noise, since no --data is given and CIFAR-10 has not been fetched \
             (scripts/fetch-data.sh fetches it)",
        ),
        _ => context.info(format_args!("scoring on {spec} ({})", cache.display())),
    }
    spec
}
