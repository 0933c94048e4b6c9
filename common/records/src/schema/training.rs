//! What training reached, and how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Integer;

/// What training reached. Accuracies are fractions, 0 to 1; they and the losses,
/// which are means, are of the best epoch and its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finetune {
    /// On validation examples: what epochs and candidates are chosen by.
    pub valid_accuracy: f64,
    /// F1 of class 1 on validation examples, where that is what is looked for (MRPC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_f1: Option<f64>,
    /// Cross-entropy on validation examples.
    pub valid_loss: f64,
    /// On test examples, where there are any; not of candidates that successive
    /// halving left behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// F1 of class 1 on test examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_f1: Option<f64>,
    /// Cross-entropy on test examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_loss: Option<f64>,
    /// By class.
    #[serde(flatten)]
    pub by_class: ByClass,
    /// On training examples, augmented, while they were learnt.
    pub train_accuracy: f64,
    /// The loss that was minimised.
    pub train_loss: f64,
    /// The epoch with the highest validation accuracy, from 1; of several, that
    /// with the lowest validation loss.
    pub best_epoch: u64,
    /// How many epochs were trained.
    pub epochs: u64,
    /// Why there were no more: `epochs`, `patience` or `halving`.
    pub stopped: String,
    /// The training on training and validation examples together that followed
    /// (`--refit`), whose model is the one that is kept and tested; `valid_…`, `train_…`
    /// and the epochs beside this are those of the training before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refit: Option<Refit>,
    /// The file of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The data set: `cifar10`, `folder`, `mrpc`, …
    pub data: String,
    /// SHA-256 of the examples of each part: `train`, `valid`, `test`.
    pub data_sha256: BTreeMap<String, String>,
    /// How many examples each part has.
    pub examples: BTreeMap<String, u64>,
    /// The size of the network, by the names of its space.
    pub network: BTreeMap<String, u64>,
    /// How it was trained.
    pub hyper: Hyper,
    /// Tool and version.
    pub tool: String,
    /// The version of libtorch.
    pub libtorch: String,
}

/// A training on all examples, for as many epochs as were the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refit {
    /// How many epochs: `best_epoch` of the training before.
    pub epochs: u64,
    /// How many examples.
    pub examples: u64,
    /// On these examples in the last epoch, augmented, while they were learnt.
    pub train_accuracy: f64,
    /// The loss that was minimised, in the last epoch.
    pub train_loss: f64,
}

/// What is said of classes: of test examples, or where there are none, of those for
/// validation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByClass {
    /// Their names, in the order of their labels, where they have any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The fraction of each class's examples that is recognised; null where there is
    /// no example of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_accuracy: Vec<Option<f64>>,
    /// Up to 100 classes: a row for each true class, in it how many of its examples
    /// are taken for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
}

/// How a candidate was trained: with the data, all that its numbers depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hyper {
    /// The recipe by whose values it learnt, where flags did not say others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// `sgd` or `adamw`.
    pub optimizer: String,
    /// The epochs that the schedule spans.
    pub epochs: u64,
    /// Examples in a step.
    pub batch: u64,
    /// The highest learning rate of the schedule.
    pub lr: f64,
    /// `cosine` or `warm-up-linear`.
    pub schedule: String,
    /// Epochs in which the learning rate went up, where that is not what is usual for the
    /// schedule: none for `cosine`, 6 % of the steps for `warm-up-linear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<f64>,
    /// Momentum, which is Nesterov's where nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// `false` where momentum is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// The factor of the weights that is added to their gradients (`sgd`), or
    /// that times the learning rate is taken from them (`adamw`).
    pub weight_decay: f64,
    /// The length to which longer gradients were scaled, all together, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// What is done to training examples: `flip-crop` or `none`, beside the three below.
    pub augment: String,
    /// α of mixup, where images were mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<f64>,
    /// The probability with which a part of an image was erased, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasing: Option<f64>,
    /// The side in pixels of what was cut out of images, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutout: Option<u64>,
    /// The share of a target that is spread over all classes.
    pub label_smoothing: f64,
    /// `balanced` where each class counted as much as every other: an example of a class
    /// with nᶜ of n examples, n / (k·nᶜ) where k classes have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<String>,
    /// The share of values that dropout takes: `hidden`, `attention`, `classifier`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<BTreeMap<String, f64>>,
    /// What is not trained: `embeddings`, or `body`, which is all but the classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// Passes whose gradients make a step, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulate: Option<u64>,
    /// The decay of the average of the weights that is judged and kept, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Epochs without improvement after which training stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// `true` where the model was trained anew on all examples in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refit: Option<bool>,
    /// The seed of weights, order and augmentation.
    pub seed: Integer,
    /// How weights were initialised: `default`, or `file`.
    pub init: String,
    /// `drawn` where weights are a file's but for the classifier (`--new-head`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// SHA-256 of the file that weights came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// libtorch threads of a candidate: sums depend on it in their last bits.
    pub threads: u64,
}

/// What trained weights reach, as [`Finetune`] has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluated {
    /// On validation examples.
    pub valid_accuracy: f64,
    /// F1 of class 1 on validation examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_f1: Option<f64>,
    /// Cross-entropy on validation examples.
    pub valid_loss: f64,
    /// On test examples, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// F1 of class 1 on test examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_f1: Option<f64>,
    /// Cross-entropy on test examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_loss: Option<f64>,
    /// By class.
    #[serde(flatten)]
    pub by_class: ByClass,
    /// The file of the weights.
    pub weights: String,
    /// The data set.
    pub data: String,
    /// SHA-256 of the examples of each part: `valid`, `test`.
    pub data_sha256: BTreeMap<String, String>,
}
