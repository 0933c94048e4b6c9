//! Encoders with extra connections, which learn to classify texts.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, bail};
use knas_data::{DataSpec, Extent, Limits, TextSource, TextTraining, Texts, Tokeniser};
use knas_files::model;
use knas_net::{Init, Initial, NetError, Network, Pretrained, Source};
use knas_records::schema::Hyper;
use knas_records::{Failure, Record};
use knas_space::roberta_skip::{Backbone, Kind as Family, Settings};
use knas_space::{Architecture, Extent as Which, Input, Options, Setting, Sizes};
use knas_study::TextCard;
use knas_train::{AdamW, Optimiser, Schedule, Task, TextOptions, TextTask, TrainError};
use serde_json::Value;
use tch::{Device, Kind};

use super::{
    Candidate, Study, Subject, Tells, Trained, architecture, by_part, network, publish, space,
    with_new_head,
};
use crate::cli::Args;
use crate::outcome::{Stop, fail};
use crate::recipes::{Values, frozen, is_balanced};

struct Encoders {
    source: TextSource,
    limits: Limits,
    /// The texts by the most tokens that each is given, and the length that the
    /// flags say; records that are evaluated may say another.
    data: Mutex<BTreeMap<usize, Arc<TextTraining>>>,
    /// SHA-256 of the texts of each part, of the length that the flags say.
    data_sha256: BTreeMap<String, String>,
    length: usize,
    evaluate: Option<Option<usize>>,
    new_head: bool,
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
    if let Some(folder) = args.weights.as_ref().filter(|_| !args.evaluate) {
        model::config(folder).context("--weights")?;
    }
    let folder = args.tokenizer.as_ref().or(args.weights.as_ref());
    let Some(folder) = folder else {
        bail!("texts need --tokenizer DIR, or --weights DIR with a model's folder");
    };
    let length = args.length.unwrap_or(source.default_length());
    let tokeniser = Tokeniser::open(folder, length)?;
    let data = source.training(&tokeniser, args.limits())?;
    let pretrained = pretrained(args, &source, extent(&data))?;
    let values = Values::of(args, true)?;
    let hyper = hyper(args, &values, pretrained.as_ref());
    let parts = ([&data.train, &data.valid], data.test.as_ref());
    Ok(Study {
        examples_are: "texts",
        schedule: Schedule::WarmUpLinear,
        class_names: source.class_names().to_vec(),
        data_name: source.name(),
        examples: by_part(parts.0, parts.1, |texts| texts.len() as u64),
        left_out: None,
        subject: Box::new(Encoders {
            classes: source.classes() as u64,
            limits: args.limits(),
            length,
            evaluate: args.evaluate.then_some(args.length),
            new_head: args.new_head,
            device,
            pretrained,
            options: TextOptions {
                batch: usize::try_from(hyper.batch)?,
                parts: usize::try_from(hyper.accumulate.unwrap_or(1))?,
                seed: args.seed,
                frozen: frozen(args),
                label_smoothing: hyper.label_smoothing,
                balance: is_balanced(args).then_some(source.classes()),
                f1: source.has_f1(),
            },
            weight_decay: hyper.weight_decay,
            tokenizer: folder.clone(),
            data_sha256: by_part(parts.0, parts.1, Texts::content_hash),
            data: Mutex::new([(length, Arc::new(data))].into()),
            source,
        }),
        hyper,
    })
}

/// The folder of --weights. With --evaluate, --weights may also name files of
/// trained weights, which are not what anything starts from. What is wrong for every
/// candidate is wrong now.
fn pretrained(args: &Args, source: &TextSource, extent: Extent) -> Result<Option<Pretrained>> {
    let Some(folder) = &args.weights else {
        return Ok(None);
    };
    if args.evaluate && !folder.join("config.json").is_file() {
        return Ok(None);
    }
    let found = Pretrained::open(folder).context("--weights")?;
    if args.evaluate {
        return Ok(Some(found)); // a classifier of its own is in each checkpoint
    }
    if args.new_head {
        found.check(None).context("--weights")?;
    } else {
        let fits = found.weights().fits_classes(source.classes());
        fits.map_err(with_new_head)?;
        found.check(Some(source.classes())).context("--weights")?;
    }
    takes(&found.backbone, extent).map_err(|failure| anyhow!(failure.message))?;
    Ok(Some(found))
}

fn extent(data: &TextTraining) -> Extent {
    let parts = [&data.train, &data.valid].into_iter().chain(&data.test);
    parts
        .map(Texts::extent)
        .fold(Extent::default(), Extent::and)
}

fn hyper(args: &Args, values: &Values, pretrained: Option<&Pretrained>) -> Hyper {
    Hyper {
        optimizer: "adamw".to_owned(),
        schedule: Schedule::WarmUpLinear.name().to_owned(),
        // Drawn encoders have their family's, which is one and the same.
        dropout: Some(dropout(
            pretrained.map_or(Settings::of(Family::Roberta), |found| found.settings),
        )),
        accumulate: args.accumulate.map(u64::from).filter(|&parts| parts > 1),
        init: match pretrained {
            Some(_) => "file",
            None => Init::Bert.name(),
        }
        .to_owned(),
        ..values.hyper(args)
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
    fn network(&self, record: &Record<'_>) -> Result<BTreeMap<String, u64>, Failure> {
        space(record, true)?;
        Ok(self.sizes(self.length_of(record)?))
    }

    fn data_sha256(&self, _: &Record<'_>) -> Result<BTreeMap<String, String>, Stop> {
        Ok(self.data_sha256.clone())
    }

    fn candidate(&self, record: &Record<'_>) -> Result<Box<dyn Candidate + '_>, Stop> {
        let architecture = architecture(record, true)?;
        let none = || fail("bad_arch", "it is a variation of no encoder");
        let backbone = *architecture.backbone().ok_or_else(none)?;
        if let Some(pretrained) = &self.pretrained {
            let held = pretrained.holds(&backbone);
            held.map_err(|error| fail("weights", error))?;
        }
        let length = self.length_of(record)?;
        let data = self.data_of(length)?;
        takes(&backbone, extent(&data))?;
        Ok(Box::new(EncoderCandidate {
            all: self,
            architecture,
            backbone,
            length,
            data,
            joined: OnceCell::new(),
        }))
    }
}

impl Encoders {
    /// The size of a network for texts of this length, by name.
    fn sizes(&self, length: usize) -> BTreeMap<String, u64> {
        let sizes = [("classes", self.classes), ("length", length as u64)];
        sizes.map(|(name, size)| (name.to_owned(), size)).into()
    }

    /// The length that the record was trained at, where that is to be evaluated;
    /// otherwise that of the flags.
    fn length_of(&self, record: &Record<'_>) -> Result<usize, Failure> {
        let trained = match self.evaluate {
            Some(_) => network(record)?.and_then(|network| network.get("length").copied()),
            None => None,
        };
        let length = trained.map_or(self.length, |length| length as usize);
        if let Some(Some(given)) = self.evaluate
            && given != length
        {
            let message = format!("it was trained with a length of {length} tokens, not {given}");
            return Err(fail("other_size", message));
        }
        Ok(length)
    }

    /// The texts, cut to this length.
    fn data_of(&self, length: usize) -> Result<Arc<TextTraining>, Failure> {
        let mut all = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = all.get(&length) {
            return Ok(Arc::clone(data));
        }
        let read = || {
            let tokeniser = Tokeniser::open(&self.tokenizer, length)?;
            self.source.training(&tokeniser, self.limits)
        };
        let data = Arc::new(read().map_err(|error| fail("tokenizer", error))?);
        all.insert(length, Arc::clone(&data));
        Ok(data)
    }
}

/// Whether texts are for this backbone.
fn takes(backbone: &Backbone, extent: Extent) -> Result<(), Failure> {
    let Extent {
        vocabulary,
        types,
        length,
    } = extent;
    let taken = backbone.takes(vocabulary, types, length);
    taken.map_err(|error| {
        let hint = "is --tokenizer that of another model, or --length too large?";
        fail("tokenizer", format_args!("{error}: {hint}"))
    })
}

struct EncoderCandidate<'s> {
    all: &'s Encoders,
    architecture: Box<dyn Architecture>,
    /// The encoder that it is a variation of.
    backbone: Backbone,
    /// The most tokens that a text is given.
    length: usize,
    data: Arc<TextTraining>,
    /// Those of training and of validation together, once they are trained on.
    joined: OnceCell<Texts>,
}

impl EncoderCandidate<'_> {
    fn network(&self, trained: Option<&Trained>) -> Result<Network, TrainError> {
        let initial = Initial {
            init: Init::Default,
            seed: self.all.options.seed,
        };
        let new = |settings: Settings, source: Source<'_>| -> Result<Network, TrainError> {
            let setting = Setting {
                input: Input::Texts {
                    length: Some(self.length),
                    settings: Some(settings),
                },
                classes: self.all.classes as usize,
                sizes: Sizes::default(),
            };
            let graph = self.architecture.lower(&setting, Which::Live);
            let graph = graph.map_err(NetError::from)?;
            Ok(Network::new(graph, source, (Kind::Float, self.all.device))?)
        };
        if let Some(Trained { weights, about }) = trained {
            let epsilon = about.as_ref().and_then(|a| a["norm_epsilon"].as_f64());
            let settings = Settings {
                norm_epsilon: epsilon.unwrap_or(self.settings().norm_epsilon),
                ..self.settings()
            };
            // A classifier that is drawn has learnt nothing.
            return new(settings, Source::File(weights));
        }
        let Some(pretrained) = &self.all.pretrained else {
            return new(self.settings(), Source::Random(initial));
        };
        let weights = &match self.all.new_head {
            true => pretrained.body(),
            false => pretrained.weights(),
        };
        new(self.settings(), Source::Pretrained { weights, initial })
    }

    fn settings(&self) -> Settings {
        let family = self.backbone.kind;
        let pretrained = self.all.pretrained.as_ref();
        pretrained.map_or(Settings::of(family), |found| found.settings)
    }
}

impl Candidate for EncoderCandidate<'_> {
    fn space(&self) -> &'static str {
        self.architecture.space().name()
    }

    fn arch(&self) -> String {
        self.architecture.to_string()
    }

    fn read_weights(&mut self) -> Result<Option<String>, Failure> {
        Ok(self
            .all
            .pretrained
            .as_ref()
            .map(|found| found.sha256.clone()))
    }

    fn task(&self, trained: Option<&Trained>) -> Result<Box<dyn Task + '_>, TrainError> {
        let network = self.network(trained)?;
        let task = TextTask::new(network, (&self.data, &self.data.train), self.all.options)?;
        Ok(Box::new(task))
    }

    fn refit_task(&self) -> Result<Box<dyn Task + '_>, TrainError> {
        let learnt = self.joined.get_or_init(|| self.data.joined());
        let (network, options) = (self.network(None)?, self.all.options);
        let task = TextTask::new(network, (&self.data, learnt), options)?;
        Ok(Box::new(task))
    }

    fn tells(&self) -> Tells {
        Tells {
            size: self.all.sizes(self.length),
            norm_epsilon: Some(self.settings().norm_epsilon),
            images: None,
            texts: Some(TextCard {
                tokenizer: self.all.tokenizer.display().to_string(),
                length: self.length as u64,
            }),
        }
    }

    fn optimiser(&self) -> Box<dyn Optimiser> {
        Box::new(AdamW::new(self.all.weight_decay))
    }

    fn about(&self) -> Vec<(&'static str, Value)> {
        vec![("norm_epsilon", self.settings().norm_epsilon.into())]
    }

    fn data_sha256(&self) -> BTreeMap<String, String> {
        if self.length == self.all.length {
            return self.all.data_sha256.clone();
        }
        let parts = [&self.data.train, &self.data.valid];
        by_part(parts, self.data.test.as_ref(), Texts::content_hash)
    }

    /// The backbone itself is a model that `transformers` knows.
    fn publish(&self, weights: &Path) -> io::Result<()> {
        let options = Options {
            backbone: Some(self.backbone),
            ..Options::default()
        };
        let space = self.architecture.space().with(options);
        let plain = space.ok().and_then(|space| space.baseline());
        if plain.is_none_or(|plain| plain.to_string() != self.arch()) {
            return Ok(());
        }
        let config = self.settings().config(&self.backbone, self.all.classes);
        publish::folder(weights, &config, &self.all.tokenizer)
    }
}
