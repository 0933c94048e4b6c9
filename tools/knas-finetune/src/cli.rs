//! The flags of knas-finetune.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{ArgGroup, Parser, ValueEnum};
use knas_data::{DataSpec, Limits};
use knas_records::{Common, Inputs, Names, SizeFlags};
use knas_study::is_own;

use crate::flags::Learning;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", "2.11.0", ")");

const LONG: &str = "\
Train candidates, and pass each on with `finetune`: accuracies (fractions, 0 to \
1), losses, the best epoch, and how it was trained.

Networks for images learn by NAS-Bench-201's recipe, whatever their space: SGD with \
Nesterov momentum, a cosine learning rate, random flips and crops. One half of \
the training set is trained on, the other half validates. Defaults are for a few \
epochs; add --epochs 200 for the benchmark's long training.

Encoders (roberta-skip) learn from texts, by RoBERTa's recipe for GLUE: AdamW \
(0.9, 0.98, 1e-6) with weight decay on all but biases and norms, a learning rate \
that goes up over 6 % of the steps and then down to 0, and the model's own \
dropout. They start from --weights DIR, a folder of Hugging Face with the \
record's backbone, or from random weights with --tokenizer DIR. --lr 1e-5 to 3e-5 \
and up to 10 epochs are usual for large models; small ones take higher rates. A \
model for another number of classes gives its body with --new-head. In jsonl:FILE \
every line has `text`, perhaps `text_pair`, and `label`, a number from 0 or a name.

--recipe NAME learns by the values of a recipe, and any other flag is stronger: \
`--recipe small-data --mixup 0` is that recipe without mixup. Records say all values. \
Rates go down from step to step, where papers often have them do so by epoch. Pictures \
that mean something else when mirrored, such as digits, want --no-augment with any recipe.

The model that is kept and tested is that of the epoch with the best validation \
accuracy. With --ema DECAY every epoch's model is an average of the weights and of \
running statistics: a ← d·a + (1 − d)·w after each step, from the first weights on, \
where d is the smaller of DECAY and (1 + n) / (10 + n) in step n.

With --refit, the number of the best epoch is all that is taken from there: a second \
training, from the same first weights and on training and validation examples \
together, ends after as many epochs, each with the part of the schedule that it had, \
and its model is kept and tested. Validation numbers, and --log, are of the first. Each \
candidate that comes to its end is trained so, but none that --halving leaves behind.

With --checkpoint-dir every candidate leaves three files: DIR/ID.safetensors \
(the model, under its official names), DIR/ID.optimizer.safetensors and \
DIR/ID.json. A plain backbone also leaves the folder DIR/ID, which transformers \
loads with from_pretrained. A run that was killed goes on from its last epoch with --resume, \
and ends with the same bytes as one that was not.

The result depends on the record, the data and the flags, but not on --jobs or \
on the other records. It depends on --threads in its last bits, since sums are \
then cut in other places. Threads sleep while they wait, so that two for each \
candidate cost little even with a candidate on every core. A job needs some 2 GB \
of memory at the default size and batch.

With --timeout, each job is a process of its own, and a candidate that takes \
longer, crashes, or is killed for its memory is passed on with `error` (kind \
`timeout` or `crashed`), while the others go on; with --halving the time is that \
of all its rungs. A checkpoint stays, so that the same command with --resume and \
more time goes on from its last epoch. Jobs are processes, whatever the flags, \
where the system limits a process's addresses (ulimit -v).";

const EXAMPLES: &str = "\
Examples:
  knas-sample -n 30 | knas-score | knas-rank -k 3 | knas-finetune --select best
      the three best of 30 random cells, trained, and of these the best

  knas-finetune --epochs 200 --checkpoint-dir run -o trained.ndjson best.ndjson
      a long training; after a crash, the same with --resume

  knas-finetune --halving 3 --select best --checkpoint-dir run cells.ndjson
      all for a few epochs; again and again the better third goes on

  knas-finetune --data folder:PICTURES --recipe small-data --refit best.ndjson
      pictures of one's own, and in the end all of them

  knas-finetune --data mrpc:MRPC --weights minilm --lr 1e-4 --freeze-embeddings best.ndjson
      encoders, from a pre-trained model, on Microsoft's paraphrases

  knas-finetune --evaluate trained.ndjson
      what the models in the records' checkpoints reach, without training

  knas-finetune --evaluate --data cifar10:DIR run/nb201-6111.safetensors
      what a file of weights reaches, which says what network it is of

Exit: 0 all trained; 1 some lines or candidates failed; 2 nothing could be done; 130 interrupted.";

/// Train candidates, keep the best model of each
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knas-finetune",
    args_override_self = true,
    version = VERSION,
    long_about = LONG,
    after_long_help = EXAMPLES,
    group = ArgGroup::new("resumable").multiple(true),
    mut_arg("resume", |arg| arg
        .help("Go on where a killed run stopped (needs --checkpoint-dir, or -o for whole records)"))
)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Images: cifar10, cifar100 (or name:DIR), folder:DIR; texts: rte:DIR, mrpc:DIR,
    /// jsonl:FILE [default: cifar10, if fetched or in KNAS_CIFAR10]
    #[arg(
        short,
        long,
        value_name = "DATA",
        value_parser = Names::open(DataSpec::FORMS).try_map(|text| text.parse::<DataSpec>()),
        hide_possible_values = true
    )]
    pub data: Option<DataSpec>,

    /// Passes over the training examples [default: 12 for images, 5 for texts]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub epochs: Option<u64>,

    /// Examples in a step [default: 256 images, 16 texts]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: Option<u32>,

    /// The highest learning rate [default: 0.1 for images, 2e-5 for texts]
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub lr: Option<f64>,

    /// Weight decay [default: 0.0005 for images, 0.1 for texts]
    #[arg(long, value_name = "FACTOR", value_parser = not_negative, hide_short_help = true)]
    pub weight_decay: Option<f64>,

    /// Momentum of images' SGD, Nesterov's unless --nesterov false [default: 0.9]
    #[arg(long, value_name = "FACTOR", value_parser = fraction, hide_short_help = true)]
    pub momentum: Option<f64>,

    /// Neither flip nor crop images at random
    #[arg(long, hide_short_help = true)]
    pub no_augment: bool,

    /// Share of the training examples that validates, where the data have no part
    /// for that [default: 0.5 of images, 0.2 of texts]
    #[arg(long, value_name = "SHARE", value_parser = share, hide_short_help = true)]
    pub valid_share: Option<f64>,

    /// Share of a target that is spread over all classes [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = fraction, hide_short_help = true)]
    pub label_smoothing: Option<f64>,

    /// How candidates learn.
    #[command(flatten)]
    pub learning: Learning,

    /// Stop after N epochs without a better validation accuracy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub patience: Option<u64>,

    /// Successive halving: again and again, only one in N candidates goes on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..))]
    pub halving: Option<u64>,

    /// Pass on one record: the best by validation accuracy
    #[arg(long, value_enum, value_name = "WHICH")]
    pub select: Option<Select>,

    /// At most N training examples
    #[arg(long, value_name = "N", value_parser = count)]
    pub train_limit: Option<usize>,

    /// At most N validation examples [default: --train-limit]
    #[arg(long, value_name = "N", value_parser = count, hide_short_help = true)]
    pub valid_limit: Option<usize>,

    /// At most N test examples
    #[arg(long, value_name = "N", value_parser = count, hide_short_help = true)]
    pub test_limit: Option<usize>,

    /// Seed of the weights, the examples' order, their augmentation and dropout
    #[arg(short, long, value_name = "SEED", default_value = "0")]
    pub seed: u64,

    /// How large networks are.
    #[command(flatten)]
    pub size: SizeFlags,

    /// Start from the weights in FILE, DIR/ID.safetensors or each candidate's own file
    /// (own); for texts, from the pre-trained model in DIR
    #[arg(long, value_name = "FILE|DIR|own")]
    pub weights: Option<PathBuf>,

    /// Keep the body of --weights and draw the classifier, for another number of classes
    #[arg(
        long,
        requires = "weights",
        conflicts_with = "evaluate",
        hide_short_help = true
    )]
    pub new_head: bool,

    /// The tokenizer of the model in DIR, for texts [default: that of --weights]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub tokenizer: Option<PathBuf>,

    /// Tokens of a text or a pair, beyond which it is cut [default: 256 for rte, or 128]
    #[arg(long, value_name = "N", value_parser = count, hide_short_help = true)]
    pub length: Option<usize>,

    /// Leave the embeddings of an encoder as they are
    #[arg(long, hide_short_help = true)]
    pub freeze_embeddings: bool,

    /// Make each step of N passes over parts of the batch, to save memory, for texts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), hide_short_help = true)]
    pub accumulate: Option<u32>,

    /// Keep models, and what a killed run goes on from, in DIR
    #[arg(long, value_name = "DIR", group = "resumable")]
    pub checkpoint_dir: Option<PathBuf>,

    /// Write one JSON object for every epoch to FILE
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Do not train: add `evaluated`, what the models in --weights, --checkpoint-dir or
    /// `finetune.checkpoint` reach, or files of weights in the place of records
    #[arg(long, conflicts_with_all = ["halving", "select", "log", "patience"], hide_short_help = true)]
    pub evaluate: bool,

    /// Also record device, host, time, memory and energy, under `meta`
    #[arg(long, hide_short_help = true)]
    pub meta: bool,

    /// Use CUDA device N, as this process sees them
    #[arg(long, value_name = "N")]
    pub gpu: Option<usize>,

    /// Candidates at a time [default: one a core; 1 on a GPU]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,

    /// Threads of libtorch for each candidate, whatever --jobs
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=1024), hide_short_help = true)]
    pub threads: u16,

    /// Give up a candidate after this time; each job is then a process of its own
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "evaluate")]
    pub timeout: Option<Duration>,

    /// Train what standard input asks for, for a run with --timeout.
    #[arg(long, hide = true)]
    pub worker: bool,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// `--select`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Select {
    /// The highest validation accuracy.
    Best,
}

impl Args {
    /// At most how many examples of each part are used.
    pub fn limits(&self) -> Limits {
        Limits {
            valid_share: self.valid_share,
            train: self.train_limit,
            valid: self.valid_limit.or(self.train_limit),
            test: self.test_limit,
        }
    }

    /// The flags that say nothing about texts, and whether they are given.
    pub fn flags_of_images(&self) -> Vec<(&'static str, bool)> {
        vec![
            (
                self.size.first().unwrap_or("--size"),
                self.size.first().is_some(),
            ),
            ("--momentum", self.momentum.is_some()),
            ("--no-augment", self.no_augment),
            ("--mixup", self.learning.mixup.is_some()),
            ("--erasing", self.learning.erasing.is_some()),
            ("--cutout", self.learning.cutout.is_some()),
            ("--nesterov", self.learning.nesterov.is_some()),
            ("--weights own", self.weights.as_deref().is_some_and(is_own)),
        ]
    }

    /// The flags that say nothing about images, and whether they are given. Batch
    /// norm makes parts of a batch another thing than the whole of it.
    pub fn flags_of_texts(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--tokenizer", self.tokenizer.is_some()),
            ("--length", self.length.is_some()),
            ("--freeze-embeddings", self.freeze_embeddings),
            ("--accumulate", self.accumulate.is_some()),
        ]
    }
}

pub(crate) fn number(text: &str, wanted: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|&value| fits(value))
        .ok_or_else(|| format!("it is a number {wanted}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "it is a number of seconds above 0".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, "above 0", |v| v > 0.0 && v.is_finite())
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "from 0 up", |v| v >= 0.0 && v.is_finite())
}

pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    number(text, "from 0 to less than 1", |v| (0.0..1.0).contains(&v))
}

fn share(text: &str) -> Result<f64, String> {
    number(text, "between 0 and 1", |v| v > 0.0 && v < 1.0)
}

fn count(text: &str) -> Result<usize, String> {
    let value = text.parse().ok();
    value
        .filter(|&value| value > 0)
        .ok_or_else(|| "it is a whole number above 0".to_owned())
}
