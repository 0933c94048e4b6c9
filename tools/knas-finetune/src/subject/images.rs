//! NAS-Bench-201 networks, which learn to classify images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use knas_data::{DataSpec, ImageSource, Images, SIDE, Training};
use knas_net::weights::WeightFile;
use knas_net::{Init, Initial, Network, Source};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::nb201::{Cell, Skeleton};
use knas_train::{ImageTask, Optimiser, Schedule, Sgd, Task, TrainError};
use sha2::{Digest, Sha256};
use tch::{Device, Kind};

use super::{Candidate, Study, Subject, Trained, arch, by_part, named_by};
use crate::cli::Args;
use crate::outcome::fail;

/// The space.
pub const SPACE: &str = "nb201";

struct Cells {
    skeleton: Skeleton,
    data: Training,
    device: Device,
    /// A file of weights, or a folder of files named by id.
    weights: Option<PathBuf>,
    augment: bool,
    hyper: Hyper,
    seed: u64,
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
    let data = source.training(args.limits())?;
    let sizes = [
        ("channels", skeleton.channels()),
        ("cells", skeleton.cells()),
        ("classes", skeleton.classes()),
        ("side", skeleton.side()),
    ];
    let hyper = hyper(args);
    let parts = ([&data.train, &data.valid], data.test.as_ref());
    Ok(Study {
        space: SPACE,
        examples_are: "images",
        schedule: Schedule::Cosine,
        hyper: hyper.clone(),
        network: sizes.map(|(name, size)| (name.to_owned(), size)).into(),
        data_name: source.name(),
        data_sha256: by_part(parts.0, parts.1, Images::content_hash),
        examples: by_part(parts.0, parts.1, |images| images.len() as u64),
        subject: Box::new(Cells {
            skeleton,
            data,
            device,
            weights: args.weights.clone(),
            augment: !args.no_augment,
            hyper,
            seed: args.seed,
        }),
    })
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
        weights_sha256: None,
        threads: args.threads.into(),
    }
}

impl Subject for Cells {
    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Failure> {
        let cell = arch(record, SPACE, "images")?;
        let path = self.weights.as_deref();
        Ok(Box::new(CellCandidate {
            all: self,
            cell: cell.parse().map_err(|error| fail("bad_arch", error))?,
            path: path.map(|path| named_by(path, record)).transpose()?,
            weights: None,
        }))
    }
}

struct CellCandidate<'s> {
    all: &'s Cells,
    cell: Cell,
    /// The file that its first weights are in.
    path: Option<PathBuf>,
    weights: Option<WeightFile>,
}

impl Candidate for CellCandidate<'_> {
    fn arch(&self) -> String {
        self.cell.to_string()
    }

    fn read_weights(&mut self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let bytes = fs::read(path)
            .map_err(|error| fail("weights", format_args!("{}: {error}", path.display())))?;
        let weights = WeightFile::from_bytes(path, &bytes);
        self.weights = Some(weights.map_err(|error| fail("weights", error))?);
        let digest = Sha256::digest(&bytes);
        Ok(Some(
            digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError> {
        let initial = Initial {
            init: Init::Default,
            seed: self.all.seed,
        };
        let weights = trained.map(|trained| &trained.weights);
        let weights = weights.or(self.weights.as_ref());
        let source = weights.map_or(Source::Random(initial), Source::File);
        let options = (Kind::Float, self.all.device);
        Ok(Box::new(ImageTask {
            cell: self.cell,
            network: Network::new(&self.cell, self.all.skeleton, source, options)?,
            data: &self.all.data,
            batch: usize::try_from(self.all.hyper.batch).unwrap_or(usize::MAX),
            seed: self.all.seed,
            augment: self.all.augment,
            label_smoothing: self.all.hyper.label_smoothing,
            unused: initial,
        }))
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
