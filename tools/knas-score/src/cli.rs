//! The flags of knas-score.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{Parser, ValueEnum};
use knas_data::DataSpec;
use knas_net::{Init, Norm};
use knas_records::{Common, Inputs, Names, SizeFlags};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", "2.11.0", ")");

const LONG: &str = "\
Score candidates without training them.

Each record gets `scores` (larger is better), `score` and `score_by` (the first \
score that was asked for) and `scored`, which says on what the scores rest: one \
block for all, or a list of blocks with the `names` of theirs. Scores of earlier \
runs keep theirs. A candidate that cannot be scored is passed on with `error`; \
the others are not touched by it. A score that is undefined for a network is said \
in `scores_undefined`, with the reason, and fails the candidate only where it is \
the first one.

A score depends on the architecture, the seed, the samples and the size of the \
network, and on nothing else: not on the other records, their order or the \
number of jobs. Cells that are the same network are scored once and get the same \
bits.

`latency` (milliseconds) and `memory` (bytes) are costs, of which little is better: \
where one comes first, `score` is its negative and `score_by` says -latency, as \
knas-rank's --by does. `memory` is computed: the most that the activations of one \
sample take at once in single precision, layer after layer, each beside what it reads, \
nothing in place or fused, without weights; of texts at the length of `macs`. \
`latency` is measured, and so the one score that is not the same again: the median of \
passes over one sample (of texts one as long as the longest), by running statistics, in \
one thread or on the GPU, after a warm-up. The quartiles are in `latency`, the processor \
or GPU in `scored`. It is why only one candidate at a time is scored, unless -j says \
otherwise, and `all` does not hold it; `costs` does.

Every job computes with one thread of libtorch, since candidates side by side \
keep cores busier than one candidate spread over them. A job needs up to 1 GB of \
memory at the default size, half as much again for many scores at once, and 0.2 GB \
for mgm and its relatives on a processor.

Encoders (roberta-skip) are shown texts: --data rte:DIR, mrpc:DIR or jsonl:FILE, \
with --weights DIR, the folder of a pre-trained model as Hugging Face lays it out \
(config.json, model.safetensors, a tokenizer), or --tokenizer DIR alone, and then \
weights are drawn. A job needs some 2 GB for a small model.

With --timeout, each job is a process of its own, and a candidate that takes \
longer, crashes, or is killed for its memory is passed on with `error` (kind \
`timeout` or `crashed`), while the others go on. The time counts from when the \
candidate is begun. So it is, whatever the flags, where the system limits a \
process's addresses (ulimit -v). Each job may then take as much, a candidate that \
this does not suffice for fails alone, and no score depends on it; where it does \
not suffice for any job, that is said, with exit code 2.

Gradients are computed by vector code where the size of the network allows it, \
and otherwise by libtorch. `scored.engine` names that, and how wide the vectors \
of the processor are: other processors change the last digits of scores, which \
--resume takes as they are.";

const EXAMPLES: &str = "\
Examples:
  knas-sample -n 100 | knas-score | knas-rank -k 5
      the five best of 100 random cells, on CIFAR-10 where it has been fetched

  knas-sample --all --unique | knas-score --data cifar100:DIR --gpu 0 -o scores.ndjson
      one cell of every class on a GPU; after a crash, the same with --resume

  knas-sample --space roberta-skip --preset minilm -n 50 | \\
      knas-score --data mrpc:MRPC --weights MINILM | knas-rank -k 3
      encoders with extra connections, from pre-trained weights

  knas-score --proxy mgm,grad-norm,params --seeds 3 cells.ndjson
      three scores, each the mean over three seeds

  knas-score --proxy auto,latency cells.ndjson | knas-rank --by auto,-latency
      good and fast ones on this machine

Exit: 0 all scored; 1 some lines or candidates failed; 2 nothing could be done; 130 interrupted.";

/// Score candidates without training them
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-score", args_override_self = true, version = VERSION, long_about = LONG, after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Scores or groups of scores; the first one ranks (see --list-proxies)
    #[arg(
        short,
        long,
        value_name = "NAME[,NAME…]",
        value_delimiter = ',',
        value_parser = Names::closed(crate::catalogue::names()),
        hide_possible_values = true,
        default_value = "mgm"
    )]
    pub proxy: Vec<String>,

    /// cifar10, cifar100 (or name:DIR), folder:DIR or noise; rte:DIR, mrpc:DIR or jsonl:FILE
    /// [default: cifar10 if fetched or in KNAS_CIFAR10, else noise]
    #[arg(
        short,
        long,
        value_name = "DATA",
        value_parser = Names::open(DataSpec::FORMS).try_map(|text| text.parse::<DataSpec>()),
        hide_possible_values = true
    )]
    pub data: Option<DataSpec>,

    /// Samples that each network is shown
    #[arg(short = 'n', long, value_name = "N", default_value = "50")]
    pub samples: usize,

    /// Seed of the weights and of the choice of samples
    #[arg(short, long, value_name = "SEED", default_value = "0")]
    pub seed: u64,

    /// Average over this many seeds, from SEED on
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,

    /// Candidates at a time [default: one a core; 4 on a GPU; 1 with latency]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,

    /// Use CUDA device N, as this process sees them
    #[arg(long, value_name = "N", conflicts_with = "device")]
    pub gpu: Option<usize>,

    /// cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device, hide_short_help = true)]
    pub device: Device,

    /// How large networks are.
    #[command(flatten)]
    pub size: SizeFlags,

    /// Read texts with the tokenizer of this model's folder [default: that of --weights]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub tokenizer: Option<PathBuf>,

    /// Tokens of a text, or of a pair of texts, at most [default: 256 for rte, else 128]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub length: Option<usize>,

    /// Normalise over one sample or over the batch, whatever the score's default
    #[arg(long, value_enum, value_name = "NORM", hide_short_help = true)]
    pub norm: Option<NormArg>,

    /// Draw weights in this way, whatever the score's default
    #[arg(long, value_enum, value_name = "INIT", hide_short_help = true)]
    pub init: Option<InitArg>,

    /// Take weights from FILE, DIR/ID.safetensors, a pre-trained model's folder, or each
    /// candidate's own file (own), instead of drawing them
    #[arg(long, value_name = "FILE|DIR|own")]
    pub weights: Option<PathBuf>,

    /// Draw the classifier all the same, for another number of classes
    #[arg(long, requires = "weights", hide_short_help = true)]
    pub new_head: bool,

    /// Write each network's weights and its samples to DIR/ID.safetensors
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub dump: Option<PathBuf>,

    /// Give up a candidate after this time; each job is then a process of its own
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Score standard input for a run with --timeout.
    #[arg(long, hide = true)]
    pub worker: bool,

    /// Also record device, host, time and memory, under `meta`
    #[arg(long, hide_short_help = true)]
    pub meta: bool,

    /// List the scores, with how well they rank, or tell all of one; and exit
    #[arg(
        long,
        value_name = "NAME|table|ndjson",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "table",
        value_parser = Names::closed(crate::catalogue::listings()),
        hide_possible_values = true
    )]
    pub list_proxies: Option<String>,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// Where networks are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// A CUDA device.
    Cuda(usize),
}

fn device(text: &str) -> Result<Device, String> {
    let number = text.strip_prefix("cuda:").map(str::parse);
    match (text, number) {
        ("cpu", _) => Ok(Device::Cpu),
        (_, Some(Ok(number))) => Ok(Device::Cuda(number)),
        _ => Err("it is cpu, or cuda:N with a number".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "it is a number of seconds above 0".to_owned())
}

impl Args {
    /// The device that --gpu or --device names.
    pub fn device(&self) -> Device {
        self.gpu.map_or(self.device, Device::Cuda)
    }
}

/// `--norm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NormArg {
    /// Over the positions of each sample and channel.
    Sample,
    /// Over the batch, as batch norm in training.
    Batch,
}

impl From<NormArg> for Norm {
    fn from(norm: NormArg) -> Self {
        match norm {
            NormArg::Sample => Norm::Sample,
            NormArg::Batch => Norm::Batch,
        }
    }
}

/// `--init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InitArg {
    /// PyTorch's default: uniform in ±1/√fan_in.
    Default,
    /// Kaiming-normal, fan-in.
    Kaiming,
}

impl From<InitArg> for Init {
    fn from(init: InitArg) -> Self {
        match init {
            InitArg::Default => Init::Default,
            InitArg::Kaiming => Init::Kaiming,
        }
    }
}
