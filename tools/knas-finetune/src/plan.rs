//! Everything that is settled before the first record is read: what is trained,
//! how, and where.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use knas_net::device;
use knas_records::meta::Gauge;
use knas_records::schema::{Finetune, Hyper};
use knas_records::{Context, Record};
use knas_study::is_own;
use knas_train::{Recipe, Start, checkpoint};
use serde_json::json;
use tch::Device;

use crate::cli::Args;
use crate::outcome::Stop;
use crate::subject::Study;

/// What a run does.
pub struct Plan {
    /// What is trained, and what records say about it.
    pub study: Study,
    /// How long and how fast.
    pub recipe: Recipe,
    /// Whether all examples are trained on in the end.
    pub refit: bool,
    /// Candidates at a time.
    pub jobs: usize,
    /// What to do with checkpoints that are there.
    pub start: Start,
    /// The folder of checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// Files of weights that stand in the place of records, by id.
    pub alone: BTreeMap<String, PathBuf>,
    /// A file of weights, or a folder of files named by id.
    pub weights: Option<PathBuf>,
    /// What measures candidates, where records get `meta`.
    pub gauge: Option<Gauge>,
    /// libtorch's threads for each candidate.
    pub threads: u16,
}

impl Plan {
    /// Resolves the flags.
    pub fn new(args: &Args, context: &Context) -> Result<Self> {
        let device = match args.gpu {
            None => Device::Cpu,
            Some(number) => device::cuda(number)?,
        };
        if let Some(path) = args.weights.as_ref().filter(|path| !is_own(path)) {
            let found = fs::metadata(path);
            found.with_context(|| format!("--weights {}", path.display()))?;
        }
        if let Some(folder) = args.checkpoint_dir.as_ref().filter(|_| !args.evaluate) {
            let made = fs::create_dir_all(folder);
            made.with_context(|| format!("--checkpoint-dir {}", folder.display()))?;
        }
        let study = Study::new(args, device, context)?;
        let cores = available_parallelism().map_or(1, usize::from);
        let jobs = match (args.jobs, device) {
            (Some(jobs), _) => jobs.into(),
            (None, Device::Cpu) => cores,
            (None, _) => 1,
        };
        Ok(Self {
            recipe: Recipe {
                warm_up: study.hyper.warm_up,
                clip: study.hyper.clip,
                average: study.hyper.ema,
                patience: args.patience,
                ..Recipe::new(study.hyper.epochs, study.hyper.lr, study.schedule)
            },
            refit: args.learning.refit,
            study,
            jobs,
            start: match args.common.resume {
                true => Start::Resume,
                false => Start::Anew,
            },
            checkpoints: args.checkpoint_dir.clone(),
            alone: BTreeMap::new(),
            weights: args.weights.clone(),
            gauge: args.meta.then(|| context.gauge(args.gpu)),
            threads: args.threads,
        })
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
            ..self.study.hyper.clone()
        };
        let network = self.study.subject.network(record);
        let network = network.map_err(|failure| format!("{}: {}", record.id(), failure.message))?;
        let data_sha256 = self.study.subject.data_sha256(record);
        let data_sha256 = data_sha256.map_err(|stop| match stop {
            Stop::Failed(failure) => format!("{}: {}", record.id(), failure.message),
            Stop::Refused(error) => format!("{error:#}"),
            Stop::Interrupted | Stop::Late => record.id().to_owned(),
        })?;
        let there =
            json!({"hyper": kept.hyper, "network": kept.network, "data_sha256": kept.data_sha256});
        let here = json!({"hyper": hyper, "network": network, "data_sha256": data_sha256});
        match checkpoint::difference(&there, &here) {
            None => Ok(()),
            Some(what) => Err(format!(
                "{} was trained with other settings: {what}",
                record.id()
            )),
        }
    }
}
