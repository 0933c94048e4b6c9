//! What networks are shown, and what that asks of them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use knas_data::{
    DataSpec, Extent, ImageSource, LeftOut, Sample, TextSample, TextSource, Tokeniser,
};
use knas_net::Pretrained;
use knas_net::weights::{WeightFile, WeightsError};
use knas_proxy::Samples;
use knas_records::{Failure, Record};
use knas_space::roberta_skip::{Backbone, Kind, Settings};
use knas_space::{Architecture, Input, SearchSpace, Setting, named};
use knas_study::{Told, is_own};
use tch::Device;

use crate::cli::Args;
use crate::images::Images;
use crate::scorer::{bad_record, fail};

/// Where samples come from, and the size of the networks that see them.
pub struct Shown {
    /// The sizes that data and flags tell.
    told: Told,
    sort: Sort,
}

enum Sort {
    /// For networks that look at images.
    Images(Images),
    /// For encoders.
    Texts(Encoders, Arc<Drawn>),
}

/// The samples that networks of one shape are shown.
pub struct Drawn {
    /// What identifies those of each seed.
    pub hashes: Vec<String>,
    /// By seed.
    batches: Vec<(u64, Batch)>,
}

/// The samples of one seed.
enum Batch {
    Images(knas_data::Batch),
    Texts(knas_data::TextBatch),
}

impl Drawn {
    /// Images, by seed.
    pub fn images(samples: Vec<(u64, Sample)>) -> Self {
        let samples = samples.into_iter();
        let parts = samples.map(|(seed, s)| (s.hash, (seed, Batch::Images(s.batch))));
        let (hashes, batches) = parts.unzip();
        Self { hashes, batches }
    }

    fn texts(samples: Vec<(u64, TextSample)>) -> Self {
        let samples = samples.into_iter();
        let parts = samples.map(|(seed, s)| (s.hash, (seed, Batch::Texts(s.batch))));
        let (hashes, batches) = parts.unzip();
        Self { hashes, batches }
    }

    /// The calling thread's own tensors of the samples, by seed.
    pub fn tensors(&self, device: Device) -> Vec<(u64, Samples)> {
        let tensors = |batch: &Batch| match batch {
            Batch::Images(batch) => batch.tensors(device),
            Batch::Texts(batch) => batch.tensors(device),
        };
        let make = |(seed, batch): &(u64, Batch)| {
            let (inputs, targets) = tensors(batch);
            (*seed, Samples { inputs, targets })
        };
        self.batches.iter().map(make).collect()
    }
}

/// What encoders have in common.
struct Encoders {
    /// What the texts ask of an encoder.
    extent: Extent,
    pretrained: Option<Box<Pretrained>>,
    /// Whether its classifier is left where it is.
    new_head: bool,
}

impl Shown {
    /// Images for networks of the size that the flags say. What is wrong with the
    /// images whatever their side is wrong now.
    pub fn images(args: &Args, spec: &DataSpec, cache: &Path, seeds: Range<u64>) -> Result<Self> {
        let of_texts = [
            ("--tokenizer", args.tokenizer.is_some()),
            ("--length", args.length.is_some()),
        ];
        refuse(&of_texts, "texts", "images")?;
        let source = ImageSource::open(spec, cache)?;
        let flags = args.size.told().map_err(anyhow::Error::msg)?;
        let told = Told::of_images(&source, flags)?;
        let told_as = |name, usual: usize| told.get(name).map_or(usual, |size| size as usize);
        let side = told_as("side", source.side());
        let classes = told_as("classes", source.classes());
        let images = Images::new(source, args.samples, seeds);
        images.of((side, classes))?;
        let sort = Sort::Images(images);
        Ok(Self { told, sort })
    }

    /// Texts, as the tokeniser of the flags reads them.
    pub fn texts(args: &Args, spec: &DataSpec, seeds: Range<u64>) -> Result<Self> {
        if let Some(flag) = args.size.first() {
            bail!("{flag} is for images, and --data is texts");
        }
        let own = args.weights.as_deref().is_some_and(is_own);
        let of_images = [("--norm", args.norm.is_some()), ("--weights own", own)];
        refuse(&of_images, "images", "texts")?;
        let source = TextSource::open(spec)?;
        let Some(folder) = args.tokenizer.as_ref().or(args.weights.as_ref()) else {
            bail!("texts need --weights DIR, a model's folder, or --tokenizer DIR");
        };
        let pretrained = match &args.weights {
            Some(folder) if is_model(folder) => {
                let found = Pretrained::open(folder).context("--weights")?;
                let classes = (!args.new_head).then_some(source.classes());
                let checked = found.check(classes);
                checked.map_err(|error| with_new_head(error.into()))?;
                Some(Box::new(found))
            }
            _ => None,
        };
        let mut length = args.length.unwrap_or(source.default_length());
        if let Some(found) = &pretrained {
            length = length.min(found.backbone.longest_input());
        }
        let tokeniser = Tokeniser::open(folder, length)?;
        let draw = |seed| Ok((seed, source.sample(args.samples, seed, &tokeniser)?));
        let samples: Vec<(u64, TextSample)> = seeds.map(draw).collect::<Result<_>>()?;
        let extents = samples.iter().map(|(_, sample)| sample.extent);
        let encoders = Encoders {
            extent: extents.fold(Extent::default(), Extent::and),
            pretrained,
            new_head: args.new_head,
        };
        if let Some(found) = &encoders.pretrained {
            let fits = encoders.check(&found.backbone);
            fits.map_err(|(_, message)| anyhow!(message))?;
        }
        let mut told = Told::default();
        let classes = ("classes", source.classes() as u64);
        told.add(&format!("--data {}", source.name()), [classes])?;
        told.add("--length", [("length", length as u64)])?;
        let sort = Sort::Texts(encoders, Arc::new(Drawn::texts(samples)));
        Ok(Self { told, sort })
    }

    /// Whether they are texts.
    pub fn are_texts(&self) -> bool {
        matches!(self.sort, Sort::Texts(..))
    }

    /// Whether networks of this space can be shown these samples at all.
    ///
    /// # Errors
    /// When they read texts and the samples are images, or the other way round.
    fn check(&self, space: &dyn SearchSpace) -> Result<(), Failure> {
        let message = match (space.reads_texts(), self.are_texts()) {
            (true, false) => {
                "reads texts, and --data is images: give rte:DIR, mrpc:DIR or \
                              jsonl:FILE"
            }
            (false, true) => "looks at images, and --data is texts",
            _ => return Ok(()),
        };
        Err(fail("other_space", format!("{} {message}", space.name())))
    }

    /// What a record's network looks like.
    ///
    /// # Errors
    /// When the record does not say so, or it cannot be shown these samples.
    pub fn architecture(&self, record: &Record<'_>) -> Result<Box<dyn Architecture>, Failure> {
        let name: String = record.need("space").map_err(bad_record)?;
        let space = named(&name).map_err(|error| fail("unknown_space", error))?;
        self.check(space)?;
        let arch: String = record.need("arch").map_err(bad_record)?;
        space.parse(&arch).map_err(|error| fail("bad_arch", error))
    }

    /// How large the network of a record is, of this architecture.
    ///
    /// # Errors
    /// When it has no such size, or the record, the flags and the data contradict one
    /// another.
    pub fn sized(
        &self,
        record: &Record<'_>,
        architecture: &dyn Architecture,
    ) -> Result<Setting, Failure> {
        let size: Option<BTreeMap<String, u64>> = record.get("size").map_err(bad_record)?;
        let size = size.unwrap_or_default();
        let told = self.told.setting(architecture, "the record", size);
        told.map_err(|error| fail(error.kind(), error))
    }

    /// What an architecture of this size is shown, as it is evaluated.
    ///
    /// # Errors
    /// When it cannot be shown these samples.
    pub fn setting(
        &self,
        sized: Setting,
        architecture: &dyn Architecture,
    ) -> Result<Setting, Failure> {
        let Sort::Texts(encoders, _) = &self.sort else {
            return Ok(sized);
        };
        let settings = architecture.backbone().map(|backbone| {
            let checked = encoders.check(backbone);
            checked.map_err(|(kind, message)| fail(kind, message))?;
            Ok(encoders.settings(backbone.kind))
        });
        Ok(Setting {
            input: Input::Texts {
                length: None, // counts are of the usual one
                settings: settings.transpose()?,
            },
            ..sized
        })
    }

    /// The samples for a network of this setting.
    ///
    /// # Errors
    /// When images cannot be read, or are not of this size.
    pub fn drawn(&self, setting: &Setting) -> Result<Arc<Drawn>, Failure> {
        match (&self.sort, setting.input) {
            (Sort::Images(images), Input::Images { side }) => {
                let drawn = images.of((side, setting.classes));
                drawn.map_err(|error| fail("data", error))
            }
            (Sort::Texts(_, drawn), _) => Ok(Arc::clone(drawn)),
            (Sort::Images(_), Input::Texts { .. }) => Err(fail("other_space", "it reads texts")),
        }
    }

    /// What lies beside the images and is not read.
    pub fn left_out(&self) -> Option<&LeftOut> {
        match &self.sort {
            Sort::Images(images) => images.source().left_out(),
            Sort::Texts(..) => None,
        }
    }

    /// Outputs of the classifier, where they are the same for all networks.
    pub fn classes(&self) -> Option<usize> {
        self.told.get("classes").map(|classes| classes as usize)
    }

    /// The calling thread's own view of the pre-trained weights.
    pub fn pretrained(&self) -> Option<WeightFile> {
        let Sort::Texts(encoders, _) = &self.sort else {
            return None;
        };
        let pretrained = encoders.pretrained.as_ref()?;
        Some(match encoders.new_head {
            true => pretrained.body(),
            false => pretrained.weights(),
        })
    }

    /// SHA-256 of the pre-trained weights.
    pub fn weights_sha256(&self) -> Option<String> {
        match &self.sort {
            Sort::Images(_) => None,
            Sort::Texts(encoders, _) => Some(encoders.pretrained.as_ref()?.sha256.clone()),
        }
    }
}

impl Encoders {
    /// What the forward pass of an encoder of this family depends on.
    fn settings(&self, family: Kind) -> Settings {
        let pretrained = self.pretrained.as_ref();
        pretrained.map_or(Settings::of(family), |found| found.settings)
    }

    /// What keeps these texts and weights from being for this backbone.
    ///
    /// # Errors
    /// A kind of failure, and what is wrong.
    fn check(&self, backbone: &Backbone) -> Result<(), (&'static str, String)> {
        if let Some(pretrained) = &self.pretrained {
            let held = pretrained.holds(backbone);
            held.map_err(|error| ("weights", error.to_string()))?;
        }
        let Extent {
            vocabulary,
            types,
            length,
        } = self.extent;
        let taken = backbone.takes(vocabulary, types, length);
        taken.map_err(|error| {
            let hint = "is --tokenizer that of another model, or --length too large?";
            ("tokenizer", format!("{error}: {hint}"))
        })
    }
}

/// Whether a folder has to be a model's: it may instead hold files of single
/// candidates.
fn is_model(folder: &Path) -> bool {
    let model = folder.join("config.json").is_file() || folder.join("snapshots").is_dir();
    let candidates = || {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| name.ends_with(".safetensors") && !name.starts_with("model"))
    };
    model || (folder.is_dir() && !candidates())
}

/// The error of weights whose classifier is for other classes, with the way out.
pub fn with_new_head(error: anyhow::Error) -> anyhow::Error {
    let classes = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<WeightsError>(),
            Some(WeightsError::Classes { .. })
        )
    });
    let error = error.context("--weights");
    match classes {
        true => error.context("--new-head keeps the rest and draws a classifier"),
        false => error,
    }
}

/// A flag that would change nothing is more likely a mistake.
fn refuse(flags: &[(&str, bool)], meant: &str, given: &str) -> Result<()> {
    match flags.iter().find(|(_, used)| *used) {
        Some((flag, _)) => bail!("{flag} is for {meant}, and --data is {given}"),
        None => Ok(()),
    }
}
