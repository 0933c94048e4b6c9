//! Encoders with extra connections, which learn to classify texts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use knas_data::{DataSpec, Extent, TextSource, TextTraining, Texts, Tokeniser};
use knas_net::encoder::{Encoder, EncoderSource, Pretrained, Settings};
use knas_net::{Init, Initial};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::roberta_skip::{Backbone, Kind as Family, Layout};
use knas_train::{AdamW, Optimiser, Schedule, Task, TextOptions, TextTask, TrainError};
use serde_json::Value;
use tch::{Device, Kind};

use super::{Candidate, Study, Subject, Trained, arch, by_part, publish};
use crate::cli::Args;
use crate::outcome::fail;

/// The space.
pub const SPACE: &str = "roberta-skip";

struct Encoders {
    data: TextTraining,
    extent: Extent,
    classes: u64,
    device: Device,
    /// What every candidate starts from.
    pretrained: Option<Pretrained>,
    options: TextOptions,
    weight_decay: f64,
    /// The folder that the tokeniser is in.
    tokenizer: PathBuf,
}

/// Layouts of an encoder, on texts.
///
/// # Errors
/// When the texts, the tokeniser or the pre-trained weights cannot be read.
pub fn study(args: &Args, spec: &DataSpec, device: Device) -> Result<Study> {
    let source = TextSource::open(spec)?;
    let folder = args.tokenizer.as_ref().or(args.weights.as_ref());
    let Some(folder) = folder else {
        bail!("texts need --tokenizer DIR, or --weights DIR with a model's folder");
    };
    let length = args.length.unwrap_or(source.default_length());
    let tokeniser = Tokeniser::open(folder, length)?;
    let data = source.training(&tokeniser, args.limits())?;
    let pretrained = pretrained(args)?;
    let hyper = hyper(args, pretrained.as_ref());
    let parts = ([&data.train, &data.valid], data.test.as_ref());
    let sizes = [
        ("classes", source.classes() as u64),
        ("length", length as u64),
    ];
    Ok(Study {
        space: SPACE,
        examples_are: "texts",
        schedule: Schedule::WarmUpLinear,
        network: sizes.map(|(name, size)| (name.to_owned(), size)).into(),
        data_name: source.name(),
        data_sha256: by_part(parts.0, parts.1, Texts::content_hash),
        examples: by_part(parts.0, parts.1, |texts| texts.len() as u64),
        subject: Box::new(Encoders {
            extent: extent(&data),
            classes: source.classes() as u64,
            device,
            pretrained,
            options: TextOptions {
                batch: usize::try_from(hyper.batch)?,
                parts: usize::try_from(hyper.accumulate.unwrap_or(1))?,
                seed: args.seed,
                freeze_embeddings: args.freeze_embeddings,
                label_smoothing: hyper.label_smoothing,
                f1: source.has_f1(),
            },
            weight_decay: hyper.weight_decay,
            tokenizer: folder.clone(),
            data,
        }),
        hyper,
    })
}

/// The folder of --weights. With --evaluate, --weights may also name files of
/// trained weights, which are not what anything starts from.
fn pretrained(args: &Args) -> Result<Option<Pretrained>> {
    let Some(folder) = &args.weights else {
        return Ok(None);
    };
    if args.evaluate && !folder.join("config.json").is_file() {
        return Ok(None);
    }
    Ok(Some(Pretrained::open(folder).context("--weights")?))
}

fn extent(data: &TextTraining) -> Extent {
    let parts = [&data.train, &data.valid].into_iter().chain(&data.test);
    parts
        .map(Texts::extent)
        .fold(Extent::default(), Extent::and)
}

fn hyper(args: &Args, pretrained: Option<&Pretrained>) -> Hyper {
    Hyper {
        optimizer: "adamw".to_owned(),
        epochs: args.epochs.unwrap_or(5),
        batch: args.batch.unwrap_or(16).into(),
        lr: args.lr.unwrap_or(2e-5),
        schedule: Schedule::WarmUpLinear.name().to_owned(),
        momentum: None,
        weight_decay: args.weight_decay.unwrap_or(0.1),
        augment: "none".to_owned(),
        label_smoothing: args.label_smoothing,
        // Drawn encoders have their family's, which is one and the same.
        dropout: Some(dropout(
            pretrained.map_or(Settings::of(Family::Roberta), |found| found.settings),
        )),
        frozen: args.freeze_embeddings.then(|| "embeddings".to_owned()),
        accumulate: args.accumulate.map(u64::from).filter(|&parts| parts > 1),
        patience: args.patience,
        seed: args.seed.into(),
        init: match pretrained {
            Some(_) => "file",
            None => Init::Bert.name(),
        }
        .to_owned(),
        weights_sha256: None,
        threads: args.threads.into(),
    }
}

fn dropout(settings: Settings) -> BTreeMap<String, f64> {
    let shares = [
        ("hidden", settings.hidden_dropout),
        ("attention", settings.attention_dropout),
        ("classifier", settings.classifier_dropout),
    ];
    shares.map(|(name, share)| (name.to_owned(), share)).into()
}

impl Subject for Encoders {
    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Failure> {
        let layout: Layout = arch(record, SPACE, "texts")?
            .parse()
            .map_err(|error| fail("bad_arch", error))?;
        self.check(layout.backbone())?;
        Ok(Box::new(EncoderCandidate { all: self, layout }))
    }
}

impl Encoders {
    /// Whether weights and texts are for this backbone.
    fn check(&self, backbone: &Backbone) -> Result<(), Failure> {
        if let Some(pretrained) = &self.pretrained {
            let held = pretrained.holds(backbone);
            held.map_err(|error| fail("weights", error))?;
        }
        let Extent {
            vocabulary,
            types,
            length,
        } = self.extent;
        let taken = backbone.takes(vocabulary, types, length);
        taken.map_err(|error| {
            let hint = "is --tokenizer that of another model, or --length too large?";
            fail("tokenizer", format_args!("{error}: {hint}"))
        })
    }
}

struct EncoderCandidate<'s> {
    all: &'s Encoders,
    layout: Layout,
}

impl EncoderCandidate<'_> {
    fn encoder(&self, trained: Option<&Trained>) -> Result<Encoder, TrainError> {
        let initial = Initial {
            init: Init::Default,
            seed: self.all.options.seed,
        };
        let new = |settings, source| {
            let options = (Kind::Float, self.all.device);
            let classes = self.all.classes as i64;
            Encoder::new(&self.layout, settings, classes, source, options)
        };
        if let Some(Trained { weights, about }) = trained {
            let epsilon = about.as_ref().and_then(|a| a["norm_epsilon"].as_f64());
            let settings = Settings {
                norm_epsilon: epsilon.unwrap_or(self.settings().norm_epsilon),
                ..self.settings()
            };
            let encoder = new(settings, EncoderSource::Pretrained { weights, initial })?;
            // A classifier that is drawn has learnt nothing.
            let parameters = encoder.parameters().iter();
            for parameter in parameters.filter(|p| p.name.starts_with("classifier.")) {
                let _ = weights.tensor(&parameter.name, &parameter.tensor.size())?;
            }
            return Ok(encoder);
        }
        let Some(pretrained) = &self.all.pretrained else {
            return Ok(new(self.settings(), EncoderSource::Random(initial))?);
        };
        let weights = &pretrained.weights();
        let source = EncoderSource::Pretrained { weights, initial };
        Ok(new(self.settings(), source)?)
    }

    fn settings(&self) -> Settings {
        let family = self.layout.backbone().kind;
        let pretrained = self.all.pretrained.as_ref();
        pretrained.map_or(Settings::of(family), |found| found.settings)
    }
}

impl Candidate for EncoderCandidate<'_> {
    fn arch(&self) -> String {
        self.layout.to_string()
    }

    fn read_weights(&mut self) -> Result<Option<String>, Failure> {
        Ok(self
            .all
            .pretrained
            .as_ref()
            .map(|found| found.sha256.clone()))
    }

    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError> {
        let encoder = self.encoder(trained)?;
        let task = TextTask::new(encoder, &self.all.data, self.all.options)?;
        Ok(Box::new(task))
    }

    fn optimiser(&self) -> Box<dyn Optimiser> {
        Box::new(AdamW::new(self.all.weight_decay))
    }

    fn about(&self) -> Vec<(&'static str, Value)> {
        vec![("norm_epsilon", self.settings().norm_epsilon.into())]
    }

    /// The backbone itself is a model that `transformers` knows.
    fn publish(&self, weights: &Path) -> io::Result<()> {
        if !self.layout.is_plain() {
            return Ok(());
        }
        let config = self
            .settings()
            .config(self.layout.backbone(), self.all.classes);
        publish::folder(weights, &config, &self.all.tokenizer)
    }
}
