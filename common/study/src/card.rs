//! What a file of trained weights tells of itself, so that it can be used alone.
//!
//! It stands as one JSON text under [`KEY`] in the metadata that safetensors
//! files may have.

use std::collections::BTreeMap;
use std::path::Path;

use knas_net::weights::{WeightFile, WeightsError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Description;

/// Where the card stands in the metadata.
pub const KEY: &str = "knas";

/// What is known of trained weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The network.
    #[serde(flatten)]
    pub network: Description,
    /// The names of the classes, in the order of the logits; empty where they have
    /// none.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// What it was shown, where that was images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageCard>,
    /// What it was shown, where that was texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextCard>,
    /// The data set's name.
    pub data: String,
    /// SHA-256 of the examples of each part.
    pub data_sha256: BTreeMap<String, String>,
    /// Tool and version.
    pub tool: String,
}

/// How images are prepared: a 255th of each byte, less the mean, divided by the
/// standard deviation of its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageCard {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel.
    pub std: Vec<f64>,
}

impl ImageCard {
    /// With numbers of single precision, which keep their shortest form: 0.4914.
    #[must_use]
    pub fn new(mean: &[f32], std: &[f32]) -> Self {
        let shortest = |n: &f32| n.to_string().parse().unwrap_or(f64::from(*n));
        let [mean, std] = [mean, std].map(|of| of.iter().map(shortest).collect());
        Self { mean, std }
    }
}

/// How texts are prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextCard {
    /// The folder of the tokenizer, as it was named.
    pub tokenizer: String,
    /// The most tokens of a text or pair.
    pub length: u64,
}

/// Why a file cannot be used alone.
#[derive(Debug, Error)]
pub enum CardError {
    /// It tells nothing of itself.
    #[error(
        "{0} does not say what network it is of, as the files that knas-finetune writes do: name the record"
    )]
    None(String),
    /// What it tells cannot be understood.
    #[error("{path}: what it says of its network cannot be read: {source}")]
    Json {
        /// The file.
        path: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl Card {
    /// The metadata of a file of weights that holds it. What PyTorch wrote says so in
    /// `format`, without which other software refuses files that have metadata.
    #[must_use]
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let text = serde_json::json!(self).to_string();
        [("format", "pt".to_owned()), (KEY, text)]
            .map(|(name, text)| (name.to_owned(), text))
            .into()
    }

    /// The card of a file of weights, where it has one.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn of(weights: &WeightFile) -> Result<Option<Self>, CardError> {
        let text = weights.metadata(KEY);
        let card = text.map(serde_json::from_str).transpose();
        card.map_err(|source| CardError::Json {
            path: weights.path().display().to_string(),
            source,
        })
    }

    /// A file of weights that can be used alone, and its card.
    ///
    /// # Errors
    /// When it cannot be read or has none.
    pub fn open(path: &Path) -> Result<(Self, WeightFile), CardError> {
        let weights = WeightFile::read(path)?;
        match Self::of(&weights)? {
            Some(card) => Ok((card, weights)),
            None => Err(CardError::None(path.display().to_string())),
        }
    }
}
