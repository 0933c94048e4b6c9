//! The fields of a record, who writes them and what they mean.
//!
//! These types publish the format (`--schema`) and read it back; records in
//! flight are [`crate::Record`]s, which also keep fields that are not listed.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod prediction;
mod supernet;
mod training;

pub use crate::record::Failure;
pub use prediction::{Guess, Label, Prediction, prediction};
pub use supernet::{Supernet, SupernetHyper};
pub use training::{ByClass, Evaluated, Finetune, Hyper, Refit};

/// What records are usually ranked by: every score of knas-score, and a few other
/// fields. Other numbers will do as well; these are for the shell to complete.
pub const RANKED_BY: &[&str] = &[
    "auto",
    "mgm",
    "mgm-conv",
    "mgm-layer",
    "mgm-log",
    "grad-norm",
    "gram-entropy",
    "mgm-offdiag",
    "mgm-released",
    "params",
    "macs",
    "layers",
    "latency",
    "memory",
    "snip",
    "grasp",
    "fisher",
    "synflow",
    "jacob-cov",
    "epe",
    "naswot",
    "swap",
    "swap-reg",
    "zico",
    "gradsign",
    "zen",
    "meco",
    "meco-relu",
    "az-expressivity",
    "az-progressivity",
    "az-trainability",
    "linear-regions",
    "rwe",
    "ntk-cond",
    "ntk-mean",
    "ntk-norm",
    "lga",
    "attention-confidence",
    "head-importance",
    "synaptic-saliency",
    "synaptic-diversity",
    "activation-distance",
    "finetune.valid_accuracy",
    "finetune.test_accuracy",
];

/// A count: a number up to 2^53, a decimal string beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Integer {
    /// Up to 2^53.
    Number(u64),
    /// Beyond 2^53.
    Digits(#[schemars(regex(pattern = r"^[0-9]+$"))] String),
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        match crate::record::integer(value) {
            Value::String(digits) => Self::Digits(digits),
            _ => Self::Number(value),
        }
    }
}

/// One candidate architecture, as far as the pipeline has taken it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "knas record")]
pub struct Candidate {
    /// Unique and stable; `nb201-6111` is the official NAS-Bench-201 index.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The search space, such as `nb201`; `knas-sample --list-spaces` tells all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// The architecture in the usual notation of its space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// How large the network is, by the names of its space, and `classes`, and the `side` of
    /// images; what it does not tell is what data and flags tell, or usual in its space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<BTreeMap<String, u64>>,
    /// Parameters of the network of this size, or of the usual one of the space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Integer>,
    /// Multiply-accumulates of one input of the network of this size, or of the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macs: Option<Integer>,
    /// Score name → value, the mean over seeds. Larger is better, but of the costs
    /// `latency` (milliseconds) and `memory` (bytes), which rank by their negatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<BTreeMap<String, f64>>,
    /// Score name → standard deviation over seeds (n−1), with more than one seed;
    /// of `fit`, that of what is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores_std: Option<BTreeMap<String, f64>>,
    /// The value that ranks this record. Larger is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The name of the score, or the expression, that `score` is the value of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_by: Option<String>,
    /// Score name → why this network has no value of it: mathematics, and no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores_undefined: Option<BTreeMap<String, String>>,
    /// How far the times spread of which the score `latency` is the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Spread>,
    /// Where the scores come from: one block for all of them, or a list of
    /// blocks, each with the names of its scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scored: Option<Blocks>,
    /// Where the score `fit` comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// 1 is best.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rank: Option<u64>,
    /// The search with shared weights that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supernet: Option<Supernet>,
    /// What training reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finetune: Option<Finetune>,
    /// What trained weights reach, without further training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluated: Option<Evaluated>,
    /// What it was exported as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<Export>,
    /// This candidate failed: it has no `score`, and is never ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Machine-dependent facts by stage, only with `--meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<BTreeMap<String, Meta>>,
}

/// How far measured times spread, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The upper quartile.
    pub high: f64,
    /// How many times were measured.
    pub runs: u64,
}

/// Where the scores of a record come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Blocks {
    /// All of them.
    Shared(Box<Scored>),
    /// Each block those that it names.
    Named(Vec<Scored>),
}

/// What a score depends on: equal values here, but for `names`, mean comparable
/// scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The scores of which it holds; all of the record's where it stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The data set: `cifar10`, `noise`, …
    pub data: String,
    /// SHA-256 of the samples that were used, one for each seed in order.
    pub data_sha256: Vec<String>,
    /// Samples per seed.
    pub samples: u64,
    /// What the network is shown where that is not the samples, of which then
    /// only the number of classes matters: `one image of ones`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// The seeds over which the scores are averaged.
    pub seeds: Vec<Integer>,
    /// How normalisation layers normalise: `sample`, `batch` or `off`; `layer`
    /// for encoders, `none` where nothing is evaluated.
    pub norm: String,
    /// How weights are initialised: `default`, `kaiming`, `normal`, `bert`, from a
    /// `file`, or with those in the candidate's `own` file; `none` where nothing is
    /// evaluated.
    pub init: String,
    /// `drawn` where that is so of the classifier alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// SHA-256 of the pre-trained weights that all candidates start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// The processor or the GPU, of scores that are measured: `latency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The element type of the network's computation: `float32` is IEEE single
    /// precision throughout, on a GPU too (TF32 is off); or `float64`.
    pub dtype: String,
    /// The size of the network, by the names of its space (`channels` and `cells` of
    /// nb201), and what follows from the data (`classes`, `side`, `length`).
    pub network: BTreeMap<String, u64>,
    /// Tool and version.
    pub tool: String,
    /// The version of libtorch.
    pub libtorch: String,
    /// What computed: it moves the last digits of scores and no others, so that
    /// scores of other engines are comparable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
}

/// What computed a score, beside libtorch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engine {
    /// `direct`: gradients are those of the pass in vector code, for the norms
    /// and numbers of samples that it is made for, and otherwise libtorch's;
    /// `libtorch`: all of them are libtorch's. It follows from the network and
    /// the device, never from what memory is free.
    pub pass: String,
    /// The width of the processor's vectors in bits: sums are cut into as many
    /// parts.
    pub vector_bits: u64,
}

/// What the score `fit`, and its deviation, were learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// `auto`, `ridge`, `forest`, `gp` or `gcn`.
    pub model: String,
    /// The kinds of features: `scores`, `cost`, `counts`, `graf`, `onehot`.
    pub features: Vec<String>,
    /// What the labels are.
    pub target: String,
    /// How many there are.
    pub labels: u64,
    /// SHA-256 of ids, features and labels.
    pub labels_sha256: String,
    /// Kendall's τ-b of the labels with what is expected of each candidate when
    /// its own label is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_kendall: Option<f64>,
    /// The score or count that orders the labelled candidates best on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_feature: Option<String>,
    /// Its Kendall's τ-b.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_feature_kendall: Option<f64>,
    /// What `score` is, where it says what to train next: `mean`, `ucb`, `ei`, `thompson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquire: Option<String>,
    /// The seed of trees, of the graph network and of draws.
    pub seed: Integer,
    /// Tool and version.
    pub tool: String,
}

/// What a network was exported as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Export {
    /// `onnx`, `torch`, `safetensors`, `text` or `dot`.
    pub format: String,
    /// The file to be opened.
    pub path: String,
    /// All files.
    pub files: Vec<String>,
    /// The file of the weights, where they were not drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The seed that weights were drawn from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Integer>,
    /// Tool and version.
    pub tool: String,
}

/// Facts about one stage's run that differ between machines and runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Meta {
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// The machine's name.
    pub host: String,
    /// The command line of the stage, as a shell reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Wall-clock time for this candidate.
    pub milliseconds: f64,
    /// The process's peak resident memory so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<Integer>,
    /// Energy for this candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joules: Option<f64>,
    /// Where `joules` comes from: `rapl` or `estimate`, on a GPU `nvml+rapl` or `nvml+estimate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joules_source: Option<String>,
}

/// The JSON Schema of a record.
pub fn record() -> Value {
    schema_for!(Candidate).to_value()
}
