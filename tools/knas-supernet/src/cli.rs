//! The flags of knas-supernet.

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{ArgGroup, Parser, ValueEnum};
use knas_data::DataSpec;
use knas_records::{Common, Names, SizeFlags};
use knas_search::Relaxation;
use knas_space::spaces;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", "2.11.0", ")");

const LONG: &str = "\
Search by weight sharing, and write the architectures that the search finds, the best \
first, as knas-sample writes them, with `supernet`: how they were found.

One network holds every operation of every edge, and all architectures share its \
weights. Half of the training set is for these weights; by the other half it is learnt \
what each operation is to weigh. In the first third of the epochs (--warm-up) the \
weights learn alone: without that, searches pass through better cells than those in \
which they end. The benchmark's accuracies are never looked at.

--method drnas draws what operations weigh from Dirichlet distributions whose \
parameters are learnt (Chen et al. 2021); darts has a softmax (Liu et al. 2019, first \
order); one-shot trains a random cell in each step, and then takes the best by accuracy \
on the second half of --candidates random ones, each with the weights that it has in the \
network and the batch's own statistics.

Two methods train nothing, and take operations away one after another until one is left \
on each edge. freedarts takes those on which least of the output hangs, with all \
weights positive and an image of ones (arXiv 2106.11542); what each operation weighs \
(--alpha) decides what it finds. te-nas takes those without which scores of --by gain \
most, over --repeats seeds (Chen et al. 2021); as published, with --channels 3 --cells 1. \
Any scores of knas-score will do, such as auto.

The network is as large as --channels and --cells say, which is not the size of the \
architectures that are written. Those that are cut off from their input are left out, \
which is said. What is found depends on the seed: several searches tell more than a long \
one. A search of a few minutes finds cells well above the mean, and not above the cell \
with the most parameters, which is named beside the result.

With --checkpoint-dir, DIR/supernet.safetensors has the weights and all that the search \
goes on from with --resume; it then ends with the same bytes. The result depends on \
--threads in its last bits.";

const EXAMPLES: &str = "\
Examples:
  knas-supernet --channels 4 --cells 1 --epochs 14 --train-limit 6400 -n 5
      DrNAS on a small network: some ten minutes of two cores

  knas-supernet --epochs 100 --warm-up 0 --theta-lr 3e-4 --gpu 0 --checkpoint-dir net
      DrNAS as published; after a crash, the same with --resume

  knas-supernet --method te-nas --channels 3 --cells 1
      a search of minutes, without training

  knas-supernet --channels 4 --cells 1 -n 20 | knas-score --proxy auto | knas-rank --by auto
      the twenty likeliest cells, ranked by a score

Exit: 0 all good; 1 there are fewer architectures than were asked for; 2 nothing could be done; 130 interrupted.";

/// Search with shared weights, write what is found as records
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knas-supernet",
    args_override_self = true,
    version = VERSION,
    long_about = LONG,
    after_long_help = EXAMPLES,
    group = ArgGroup::new("resumable").multiple(true),
    mut_arg("resume", |arg| arg
        .help("Go on where a killed run stopped (needs --checkpoint-dir, not only -o)"))
)]
pub struct Args {
    /// How it is searched
    #[arg(
        short,
        long,
        value_enum,
        value_name = "METHOD",
        default_value = "drnas"
    )]
    pub method: Method,

    /// The search space
    #[arg(
        long,
        value_name = "NAME",
        default_value = "nb201",
        value_parser = Names::closed(spaces().iter().map(|space| space.name())),
        hide_possible_values = true
    )]
    pub space: String,

    /// Images: cifar10, cifar100 (or name:DIR), folder:DIR
    /// [default: cifar10, if fetched or in KNAS_CIFAR10]
    #[arg(
        short,
        long,
        value_name = "DATA",
        value_parser = Names::open(DataSpec::FORMS).try_map(|text| text.parse::<DataSpec>()),
        hide_possible_values = true
    )]
    pub data: Option<DataSpec>,

    /// How many architectures are written, the best first
    #[arg(short = 'n', value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,

    /// Passes over the first half of the training set
    #[arg(short, long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub epochs: u64,

    /// Epochs in which the weights learn alone [default: a third]
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u64>,

    /// Images in a step
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,

    /// The learning rate of the weights in the first step
    #[arg(long, value_name = "RATE", default_value = "0.025", value_parser = positive)]
    pub lr: f64,

    /// And in the last one; in between lies half a cosine
    #[arg(long, value_name = "RATE", default_value = "0.001", value_parser = not_negative, hide_short_help = true)]
    pub lr_min: f64,

    /// Momentum of the weights' SGD
    #[arg(long, value_name = "FACTOR", default_value = "0.9", value_parser = fraction, hide_short_help = true)]
    pub momentum: f64,

    /// Weight decay
    #[arg(long, value_name = "FACTOR", default_value = "0.0003", value_parser = not_negative, hide_short_help = true)]
    pub weight_decay: f64,

    /// The learning rate of what operations weigh (Adam)
    #[arg(long, value_name = "RATE", default_value = "0.001", value_parser = positive)]
    pub theta_lr: f64,

    /// Its decay
    #[arg(long, value_name = "FACTOR", default_value = "0.001", value_parser = not_negative, hide_short_help = true)]
    pub theta_decay: f64,

    /// How much the divergence from even distributions adds to the loss (drnas)
    #[arg(long, value_name = "FACTOR", default_value = "0", value_parser = not_negative, hide_short_help = true)]
    pub divergence: f64,

    /// Architectures that are judged in the end (one-shot)
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=1_000_000), hide_short_help = true)]
    pub candidates: u64,

    /// Scores by which operations are taken away (te-nas) [default: ntk-cond,linear-regions]
    #[arg(
        long,
        value_name = "NAME[,…]",
        value_delimiter = ',',
        default_value = "ntk-cond,linear-regions",
        hide_default_value = true,
        value_parser = Names::closed(names()),
        hide_possible_values = true
    )]
    pub by: Vec<String>,

    /// Images that scores are computed on (te-nas)
    #[arg(long, value_name = "N", default_value = "72", value_parser = count, hide_short_help = true)]
    pub samples: usize,

    /// Seeds, from --seed on, of which scores are the means (te-nas)
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=1000), hide_short_help = true)]
    pub repeats: u64,

    /// What every operation weighs (freedarts)
    #[arg(long, value_name = "FACTOR", default_value = "0.001", value_parser = positive, hide_short_help = true)]
    pub alpha: f64,

    /// Only options that occur in the records of FILE; `-` is standard input
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub parents: Option<PathBuf>,

    /// Neither flip nor crop images at random
    #[arg(long, hide_short_help = true)]
    pub no_augment: bool,

    /// At most N images of each half
    #[arg(long, value_name = "N", value_parser = count)]
    pub train_limit: Option<usize>,

    /// Seed of weights, of the images' order and of all draws
    #[arg(short, long, value_name = "SEED", default_value = "0")]
    pub seed: u64,

    /// How large the network is that is searched in.
    #[command(flatten)]
    pub size: SizeFlags,

    /// Keep the network, and what a killed run goes on from, in DIR
    #[arg(long, value_name = "DIR", group = "resumable")]
    pub checkpoint_dir: Option<PathBuf>,

    /// Write one JSON object for every epoch to FILE
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Use CUDA device N, as this process sees them
    #[arg(long, value_name = "N")]
    pub gpu: Option<usize>,

    /// Threads of libtorch
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=1024), hide_short_help = true)]
    pub threads: u16,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// `--method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Draws of Dirichlet distributions
    Drnas,
    /// A softmax, first order
    Darts,
    /// A random architecture a step, then the best of --candidates
    OneShot,
    /// Operations are taken away on which least hangs; nothing is trained
    Freedarts,
    /// Operations are taken away without which scores gain most; nothing is trained
    TeNas,
}

impl Method {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drnas => "drnas",
            Self::Darts => "darts",
            Self::OneShot => "one-shot",
            Self::Freedarts => "freedarts",
            Self::TeNas => "te-nas",
        }
    }

    /// Where options' weights come from, where the network is trained.
    pub fn relaxation(self) -> Option<Relaxation> {
        match self {
            Self::Drnas => Some(Relaxation::Dirichlet),
            Self::Darts => Some(Relaxation::Softmax),
            Self::OneShot => Some(Relaxation::Path),
            Self::Freedarts | Self::TeNas => None,
        }
    }
}

impl Args {
    /// The epochs in which the weights learn alone.
    pub fn warm_up(&self) -> u64 {
        match (self.method, self.warm_up) {
            (Method::OneShot, _) => self.epochs,
            (_, Some(epochs)) => epochs,
            (_, None) => (self.epochs + 1) / 3,
        }
    }
}

/// The names of all scores and groups.
fn names() -> Vec<&'static str> {
    let scores = knas_proxy::PROXIES.iter().map(|proxy| proxy.info().name);
    let groups = knas_proxy::PROXIES
        .iter()
        .flat_map(|proxy| proxy.info().groups);
    scores.chain(groups.copied()).collect()
}

fn number(text: &str, wanted: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|&value| fits(value))
        .ok_or_else(|| format!("it is a number {wanted}"))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, "above 0", |v| v > 0.0 && v.is_finite())
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "from 0 up", |v| v >= 0.0 && v.is_finite())
}

fn fraction(text: &str) -> Result<f64, String> {
    number(text, "from 0 to less than 1", |v| (0.0..1.0).contains(&v))
}

fn count(text: &str) -> Result<usize, String> {
    let value = text.parse().ok();
    value
        .filter(|&value| value > 0)
        .ok_or_else(|| "it is a whole number above 0".to_owned())
}
