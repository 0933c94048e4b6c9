//! What a file of trained weights tells of itself, so that it can be used alone.
//!
//! It stands as one JSON text under [`KEY`] in the metadata that safetensors
//! files may have.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use knas_graph::{Graph, Shape};
use knas_net::weights::{self, WeightFile, WeightsError};
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

    /// Mean and standard deviation in single precision, as networks are shown them.
    #[must_use]
    pub fn single(&self) -> [Vec<f32>; 2] {
        [&self.mean, &self.std].map(|of| of.iter().map(|&number| number as f32).collect())
    }

    /// What keeps it from preparing images of so many channels.
    fn wrong(&self, channels: usize) -> Option<String> {
        let [mean, std] = self.single();
        if [mean.len(), std.len()] != [channels; 2] {
            let message = format!("mean and std are numbers of {channels} channels each");
            return Some(message);
        }
        let usable = |mean: &f32, std: &f32| mean.is_finite() && std.is_finite() && *std > 0.0;
        let all = mean.iter().zip(&std).all(|(mean, std)| usable(mean, std));
        (!all).then(|| "a mean is not finite, or a std not above 0".to_owned())
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
    #[error("{0} does not say what network it is of, as the files that knas-finetune writes do")]
    None(String),
    /// What it tells cannot be.
    #[error("{path}: what it says of its network cannot be: {reason}")]
    Unfit {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
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
        let card = weights.metadata(KEY).map(Self::parse).transpose();
        card.map_err(|source| unreadable(weights.path(), source))
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let card: Self = serde_json::from_str(text)?;
        match card.network.id.is_empty() {
            true => Err(serde::de::Error::custom("its id is empty")),
            false => Ok(card),
        }
    }

    /// The card of the file at `path`, whose tensors are not read.
    ///
    /// # Errors
    /// When it cannot be read or has none.
    pub fn read(path: &Path) -> Result<Self, CardError> {
        let metadata = weights::metadata(path)?;
        let text = metadata.get(KEY);
        let text = text.ok_or_else(|| CardError::None(path.display().to_string()))?;
        Self::parse(text).map_err(|source| unreadable(path, source))
    }

    /// Whether what it tells of classes and images goes with its network, whose
    /// graph this is. `path` stands for it in messages.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self, graph: &Graph, path: &Path) -> Result<(), CardError> {
        let unfit = |reason| {
            let path = path.display().to_string();
            Err(CardError::Unfit { path, reason })
        };
        let names = &self.class_names;
        let distinct: HashSet<&String> = names.iter().collect();
        let classes = match graph.nodes().last().map(|node| node.shape) {
            Some(Shape::Vector { width }) => width,
            _ => 0,
        };
        if !names.is_empty() && names.len() != classes {
            let found = names.len();
            return unfit(format!(
                "{found} classes have names, and there are {classes} classes"
            ));
        }
        if distinct.len() != names.len() {
            return unfit("two classes have one name".to_owned());
        }
        match (&self.images, graph.shape(graph.input())) {
            (Some(images), Shape::Maps { channels, .. }) => {
                images.wrong(channels).map_or(Ok(()), unfit)
            }
            _ => Ok(()),
        }
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

fn unreadable(path: &Path, source: serde_json::Error) -> CardError {
    CardError::Json {
        path: path.display().to_string(),
        source,
    }
}

/// Whether an argument names a file of weights, which can stand for its record.
#[must_use]
pub fn is_weights(path: &Path) -> bool {
    path.extension() == Some("safetensors".as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(names: &[&str], mean: &[f64], std: &[f64]) -> Card {
        let card = serde_json::json!({
            "id": "a", "space": "nb201",
            "arch": "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|",
            "size": {"classes": 3}, "class_names": names,
            "images": {"mean": mean, "std": std}, "data": "x", "data_sha256": {}, "tool": "x",
        });
        Card::parse(&card.to_string()).unwrap()
    }

    #[test]
    fn what_does_not_go_with_the_network_is_told() {
        let (names, zero, one) = (["a", "b", "c"], [0.0; 3], [1.0; 3]);
        let good = card(&names, &zero, &one);
        let graph = good.network.lower().unwrap().live;
        let check = |card: Card| card.check(&graph, Path::new("x"));
        assert!(check(good).is_ok() && check(card(&[], &zero, &one)).is_ok());
        for (card, said) in [
            (card(&["a", "b"], &zero, &one), "there are 3 classes"),
            (card(&["a", "a", "b"], &zero, &one), "one name"),
            (card(&names, &[0.0], &one), "3 channels"),
            (card(&names, &[1e300, 0.0, 0.0], &one), "not finite"),
            (card(&names, &zero, &[1.0, 0.0, 1.0]), "above 0"),
            (card(&names, &zero, &[1.0, -1.0, 1.0]), "above 0"),
        ] {
            let error = check(card).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(Card::parse("{\"id\": \"\"}").is_err());
    }
}
