//! What networks are shown, and what that asks of them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use knas_data::{
    DataSpec, Extent, ImageSource, LeftOut, SIDE, Sample, TextSample, TextSource, Tokeniser,
};
use knas_net::Pretrained;
use knas_net::weights::WeightFile;
use knas_proxy::Samples;
use knas_records::Failure;
use knas_space::roberta_skip::{Backbone, Kind, Settings};
use knas_space::{Architecture, Input, SearchSpace, Setting, Sizes, given_sizes};
use tch::Device;

use crate::cli::Args;
use crate::scorer::fail;

/// The samples of every seed, and the size of the networks that see them.
pub enum Shown {
    /// To networks that look at images.
    Images {
        /// Classes that there are to be told apart.
        classes: usize,
        /// The images' height and width.
        side: usize,
        /// The sizes that the flags give.
        sizes: Vec<(&'static str, u64)>,
        /// By seed.
        samples: Vec<(u64, Sample)>,
        /// What lies beside the images and is not read.
        left_out: Option<LeftOut>,
    },
    /// To encoders.
    Texts {
        /// What they all start from.
        encoders: Encoders,
        /// By seed.
        samples: Vec<(u64, TextSample)>,
    },
}

/// What encoders have in common.
pub struct Encoders {
    /// Outputs of the classifier.
    pub classes: usize,
    /// The most tokens that a text is given.
    length: usize,
    /// What the texts ask of an encoder.
    extent: Extent,
    pretrained: Option<Box<Pretrained>>,
}

impl Shown {
    /// Images for networks of the size that the flags say.
    pub fn images(args: &Args, spec: &DataSpec, cache: &Path, seeds: Range<u64>) -> Result<Self> {
        let of_texts = [
            ("--tokenizer", args.tokenizer.is_some()),
            ("--length", args.length.is_some()),
        ];
        refuse(&of_texts, "texts", "images")?;
        let source = ImageSource::open(spec, cache)?;
        let sizes = [("channels", args.channels), ("cells", args.cells)];
        let sizes = given_sizes(false, &sizes)?;
        let draw = |seed| Ok((seed, source.sample(args.samples, seed, true)?));
        let samples = seeds.map(draw).collect::<Result<_>>()?;
        Ok(Self::Images {
            classes: source.classes(),
            side: SIDE,
            sizes,
            samples,
            left_out: source.left_out().cloned(),
        })
    }

    /// Texts, as the tokeniser of the flags reads them.
    pub fn texts(args: &Args, spec: &DataSpec, seeds: Range<u64>) -> Result<Self> {
        let of_images = [
            ("--channels", args.channels.is_some()),
            ("--cells", args.cells.is_some()),
            ("--norm", args.norm.is_some()),
        ];
        refuse(&of_images, "images", "texts")?;
        let source = TextSource::open(spec)?;
        let Some(folder) = args.tokenizer.as_ref().or(args.weights.as_ref()) else {
            bail!("texts need --weights DIR, a model's folder, or --tokenizer DIR");
        };
        let pretrained = match &args.weights {
            Some(folder) if is_model(folder) => {
                let found = Pretrained::open(folder).context("--weights")?;
                found.check(Some(source.classes())).context("--weights")?;
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
            classes: source.classes(),
            length,
            extent: extents.fold(Extent::default(), Extent::and),
            pretrained,
        };
        if let Some(found) = &encoders.pretrained {
            let fits = encoders.check(&found.backbone);
            fits.map_err(|(_, message)| anyhow!(message))?;
        }
        Ok(Self::Texts { encoders, samples })
    }

    /// Whether they are texts.
    pub fn are_texts(&self) -> bool {
        matches!(self, Self::Texts { .. })
    }

    /// Whether networks of this space can be shown these samples at all.
    ///
    /// # Errors
    /// When they read texts and the samples are images, or the other way round.
    pub fn check(&self, space: &dyn SearchSpace) -> Result<(), Failure> {
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

    /// What an architecture is shown, and how large it is.
    ///
    /// # Errors
    /// When it cannot be shown these samples, or has no such size.
    pub fn setting(&self, architecture: &dyn Architecture) -> Result<Setting, Failure> {
        let (input, sizes) = match self {
            Self::Images { side, sizes, .. } => {
                let input = Input::Images { side: *side };
                (input, given(architecture.space(), sizes)?)
            }
            Self::Texts { encoders, .. } => {
                let settings = architecture.backbone().map(|backbone| {
                    let checked = encoders.check(backbone);
                    checked.map_err(|(kind, message)| fail(kind, message))?;
                    Ok(encoders.settings(backbone.kind))
                });
                let input = Input::Texts {
                    length: None, // counts are of the usual one
                    settings: settings.transpose()?,
                };
                (input, Sizes::default())
            }
        };
        Ok(Setting {
            input,
            classes: self.classes(),
            sizes,
        })
    }

    /// What lies beside the images and is not read.
    pub fn left_out(&self) -> Option<&LeftOut> {
        match self {
            Self::Images { left_out, .. } => left_out.as_ref(),
            Self::Texts { .. } => None,
        }
    }

    /// Outputs of the classifier.
    pub fn classes(&self) -> usize {
        match self {
            Self::Images { classes, .. } => *classes,
            Self::Texts { encoders, .. } => encoders.classes,
        }
    }

    /// What identifies the samples of each seed.
    pub fn hashes(&self) -> Vec<String> {
        match self {
            Self::Images { samples, .. } => samples.iter().map(|(_, s)| s.hash.clone()).collect(),
            Self::Texts { samples, .. } => samples.iter().map(|(_, s)| s.hash.clone()).collect(),
        }
    }

    /// The calling thread's own tensors of the samples, by seed.
    pub fn tensors(&self, device: Device) -> Vec<(u64, Samples)> {
        let make = |seed, (inputs, targets)| (seed, Samples { inputs, targets });
        match self {
            Self::Images { samples, .. } => {
                let each = samples
                    .iter()
                    .map(|(seed, s)| (seed, s.batch.tensors(device)));
                each.map(|(&seed, pair)| make(seed, pair)).collect()
            }
            Self::Texts { samples, .. } => {
                let each = samples
                    .iter()
                    .map(|(seed, s)| (seed, s.batch.tensors(device)));
                each.map(|(&seed, pair)| make(seed, pair)).collect()
            }
        }
    }

    /// The calling thread's own view of the pre-trained weights.
    pub fn pretrained(&self) -> Option<WeightFile> {
        let Self::Texts { encoders, .. } = self else {
            return None;
        };
        Some(encoders.pretrained.as_ref()?.weights())
    }

    /// SHA-256 of the pre-trained weights.
    pub fn weights_sha256(&self) -> Option<String> {
        match self {
            Self::Images { .. } => None,
            Self::Texts { encoders, .. } => Some(encoders.pretrained.as_ref()?.sha256.clone()),
        }
    }

    /// The size of every network of a space, by name.
    ///
    /// # Errors
    /// When the space has no such size.
    pub fn network(&self, space: &dyn SearchSpace) -> Result<BTreeMap<String, u64>, Failure> {
        let (shown, sizes) = match self {
            Self::Images { side, sizes, .. } => (("side", *side), given(space, sizes)?),
            Self::Texts { encoders, .. } => (("length", encoders.length), Sizes::default()),
        };
        let shown = [("classes", self.classes()), shown];
        let shown = shown.into_iter().map(|(name, size)| (name, size as u64));
        let sizes = sizes.iter().chain(shown);
        Ok(sizes.map(|(name, size)| (name.to_owned(), size)).collect())
    }
}

impl Encoders {
    /// What the forward pass of an encoder of this family depends on.
    pub fn settings(&self, family: Kind) -> Settings {
        let pretrained = self.pretrained.as_ref();
        pretrained.map_or(Settings::of(family), |found| found.settings)
    }

    /// What keeps these texts and weights from being for this backbone.
    ///
    /// # Errors
    /// A kind of failure, and what is wrong.
    pub fn check(&self, backbone: &Backbone) -> Result<(), (&'static str, String)> {
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

/// The sizes of a space that the flags give.
fn given(space: &dyn SearchSpace, sizes: &[(&'static str, u64)]) -> Result<Sizes, Failure> {
    let sizes = Sizes::of(space, sizes.iter().copied());
    sizes.map_err(|error| fail("bad_size", error))
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

/// A flag that would change nothing is more likely a mistake.
fn refuse(flags: &[(&str, bool)], meant: &str, given: &str) -> Result<()> {
    match flags.iter().find(|(_, used)| *used) {
        Some((flag, _)) => bail!("{flag} is for {meant}, and --data is {given}"),
        None => Ok(()),
    }
}
