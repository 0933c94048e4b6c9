//! A search with shared weights.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Integer;

/// The search that found an architecture, and how sure it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Supernet {
    /// `drnas`, `darts`, `one-shot`, `freedarts` or `te-nas`.
    pub method: String,
    /// The seed of weights, of the images' order and of all draws.
    pub seed: Integer,
    /// Passes over the first half of the training set; 0 where nothing was trained.
    pub epochs: u64,
    /// The size of the network that was searched in, by the names of its space
    /// (`channels` and `cells` of nb201), `classes` and `side`.
    pub network: BTreeMap<String, u64>,
    /// The data set: `cifar10`, `folder`, …; `ones` where the network was shown an image
    /// of ones and nothing else.
    pub data: String,
    /// SHA-256 of the images of the first half (`train`) and the second (`valid`), or of
    /// the samples of each seed.
    pub data_sha256: BTreeMap<String, String>,
    /// How many images each has.
    pub examples: BTreeMap<String, u64>,
    /// The product of what its options are expected to weigh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The smallest difference, over all choices, between what the first and the second
    /// option are expected to weigh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// How many architectures were judged in the end (`one-shot`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<u64>,
    /// The fraction of the second half that it recognised with the weights that it has in
    /// the network (`one-shot`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_accuracy: Option<f64>,
    /// The scores by which options were taken away (`te-nas`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Vec<String>>,
    /// Of how many seeds, from `seed` on, the mean was taken (`te-nas`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u64>,
    /// What every option weighed (`freedarts`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// How the network was trained, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyper: Option<SupernetHyper>,
    /// libtorch's threads: sums depend on it in their last bits.
    pub threads: u64,
    /// Tool and version.
    pub tool: String,
    /// The version of libtorch.
    pub libtorch: String,
}

/// How a network of all architectures was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SupernetHyper {
    /// How many epochs, the first ones, were for the weights alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<u64>,
    /// Images in a step.
    pub batch: u64,
    /// The learning rate of the weights in the first step.
    pub lr: f64,
    /// And in the last.
    pub lr_min: f64,
    /// Momentum of the weights, which is plain.
    pub momentum: f64,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
    /// The learning rate of what options weigh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta_lr: Option<f64>,
    /// Its decay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta_decay: Option<f64>,
    /// The factor of the divergence from even distributions in its loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<f64>,
    /// What was done to images: `flip-crop` or `none`.
    pub augment: String,
}
