//! The folder that a published model comes in, as Hugging Face lays it out.
//!
//! `config.json` with the sizes, and the weights as `model.safetensors` or in
//! parts that `model.safetensors.index.json` lists. A `pytorch_model.bin` is a
//! pickle, which is a program, and is never read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use knas_files::model;
use knas_space::roberta_skip::network::lower;
use knas_space::roberta_skip::{Backbone, Layout, Settings, Task};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tch::{Device, Kind};

use crate::NetError;
use crate::init::{Init, Initial};
use crate::network::{Network, Source};
use crate::weights::{self, WeightFile, WeightsError};

/// The largest `config.json`, and index of parts, that is read.
const MAX_TEXT: u64 = 64 << 20;

/// A list of the parts that weights are in.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// A pre-trained encoder, read from its folder. Threads can share it.
#[derive(Debug)]
pub struct Pretrained {
    folder: PathBuf,
    /// Its sizes.
    pub backbone: Backbone,
    /// What else its forward pass depends on.
    pub settings: Settings,
    /// SHA-256, in hexadecimal, of the files of weights one after another, in
    /// the order of their names.
    pub sha256: String,
    /// Held only as long as a thread takes to have its own view.
    weights: Mutex<WeightFile>,
}

impl Pretrained {
    /// Reads a folder.
    ///
    /// # Errors
    /// Where a file is missing or is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, NetError> {
        let config = model::config(folder).map_err(WeightsError::NoModel)?;
        let json = text(&config)?;
        let backbone = Backbone::from_config(&json).map_err(|e| wrong(&config, e.to_string()))?;
        let settings = Settings::from_config(&json, backbone.kind);
        let settings = settings.map_err(|reason| wrong(&config, reason.to_string()))?;
        let (mut whole, mut digest) = (None::<WeightFile>, Sha256::new());
        for path in files(folder)? {
            let bytes = weights::bytes(&path)?;
            digest.update(&bytes);
            let part = WeightFile::from_bytes(&path, &bytes)?;
            whole = Some(match whole {
                None => part,
                Some(whole) => whole.with(part),
            });
        }
        let whole = whole.ok_or_else(|| wrong(folder, "its index lists no file".to_owned()))?;
        Ok(Self {
            folder: folder.into(),
            backbone,
            settings,
            sha256: knas_files::hex(digest),
            weights: Mutex::new(whole),
        })
    }

    /// The calling thread's own view of the weights, under the names of the
    /// folder; they are not copied.
    #[must_use]
    pub fn weights(&self) -> WeightFile {
        let weights = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        weights.view()
    }

    /// As [`Pretrained::weights`], without a classifier.
    #[must_use]
    pub fn body(&self) -> WeightFile {
        self.weights().without("classifier.")
    }

    /// Whether all the weights of the backbone are there, and those of a classifier
    /// of `classes` classes or of none: what is wrong here is wrong for every
    /// candidate. Without `classes`, the classifier does not matter.
    ///
    /// # Errors
    /// What is missing, or stored in another way.
    pub fn check(&self, classes: Option<usize>) -> Result<(), NetError> {
        let weights = match classes {
            Some(_) => self.weights(),
            None => self.body(),
        };
        let classes = classes.unwrap_or(2);
        weights.fits_classes(classes)?;
        let initial = Initial {
            init: Init::Default,
            seed: 0,
        };
        let source = Source::Pretrained {
            weights: &weights,
            initial,
        };
        let layout = Layout::plain(self.backbone);
        let options = (Kind::Float, Device::Cpu);
        let task = Task {
            classes,
            ..Task::usual(&layout)
        };
        let graph = lower(&layout, &self.settings, task)?;
        Network::new(graph, source, options).map(drop)
    }

    /// Whether the weights are for this backbone.
    ///
    /// # Errors
    /// Which one they are for.
    pub fn holds(&self, backbone: &Backbone) -> Result<(), WeightsError> {
        if self.backbone == *backbone {
            return Ok(());
        }
        let reason = format!("its backbone is {}, not {backbone}", self.backbone);
        Err(wrong(&self.folder, reason))
    }
}

/// The files of weights of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let whole = folder.join("model.safetensors");
    if whole.is_file() {
        return Ok(vec![whole]);
    }
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let found = serde_json::from_str(&text(&index)?);
        let Index { weight_map } = found.map_err(|e| wrong(&index, e.to_string()))?;
        let names: BTreeSet<String> = weight_map.into_values().collect();
        let outside = |name: &&String| Path::new(name).file_name() != Some(name.as_ref());
        return match names.iter().find(outside) {
            Some(name) => Err(wrong(&index, format!("{name:?} is no file of this folder"))),
            None => Ok(names.iter().map(|name| folder.join(name)).collect()),
        };
    }
    if folder.join("pytorch_model.bin").is_file() {
        let reason = "pytorch_model.bin is a pickle, which can run any program, and is not read; \
                      in Python, AutoModel.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER) \
                      of transformers writes model.safetensors";
        return Err(wrong(folder, reason.to_owned()));
    }
    let reason = "there is no model.safetensors, and no model.safetensors.index.json";
    Err(wrong(folder, reason.to_owned()))
}

fn text(path: &Path) -> Result<String, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    let read = file.take(MAX_TEXT + 1).read_to_end(&mut bytes);
    match read.map_err(io)? as u64 {
        length if length > MAX_TEXT => {
            Err(wrong(path, format!("larger than {} MiB", MAX_TEXT >> 20)))
        }
        _ => match knas_files::text::whole(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(reason) => Err(wrong(path, reason)),
        },
    }
}

fn wrong(path: &Path, reason: String) -> WeightsError {
    WeightsError::Format {
        path: path.into(),
        reason,
    }
}
