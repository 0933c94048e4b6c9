//! The flags of knas-rank.

use clap::{Parser, ValueEnum};
use knas_records::sheet::Format;
use knas_records::{Common, Inputs, Names, schema};

const LONG: &str = "\
Put candidates in order, best first, and set `rank`, `score` and `score_by`.

Without --by, records are ranked by the `score` that they carry, which must be \
of one name (`score_by`) and, where it was made of ranks, of one ranking. The \
result does not depend on the order of the input; ties are broken by id. Scores \
that rest on different data, seeds or settings are ranked, and a warning says so.

With --by, every candidate is ranked that has these values, one whose first score \
is undefined too. Those that lack one are counted, with the reason where the \
record knows it (`scores_undefined`); those that failed otherwise are never ranked.

Without -k every candidate is passed on, and those that failed (here or in an \
earlier stage) come last, without a rank. With -k the k best are selected: \
failed candidates are left out and counted on standard error, and memory does \
not grow with the input, unless ranks have to be combined. Ids that come twice \
are then found among the best only: the k best are k candidates, each by its best \
record.";

const EXAMPLES: &str = "\
Examples:
  knas-sample | knas-score | knas-rank -k 5
      the five best of 100 random cells

  knas-sample -n 1000 | knas-score --proxy auto | knas-rank -k 20 --by auto
      what is recommended where training is to decide among the best

  knas-rank -k 10 --by grad-norm,naswot,-macs --combine log-rank scored.ndjson
      two scores and the cost, combined as in AZ-NAS

  knas-score --proxy auto,latency,memory cells.ndjson |
      knas-rank -k 5 --by auto --budget latency=5,memory=2e6
      the best of those that take 5 ms and 2 MB at most

  knas-rank --by finetune.valid_accuracy --format table trained.ndjson
      trained candidates by what training reached

Names in --by: an entry of `scores` (mgm), or a numeric field (params, macs, \
finetune.valid_accuracy). A minus prefers small values, and the `score` is then \
the negative of the value. `auto` is gram-entropy,meco-relu combined by log-rank.

Exit: 0 all ranked; 1 some lines or candidates failed here; 2 nothing could be done.";

/// Put candidates in order, best first
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-rank", args_override_self = true, version, long_about = LONG, after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Only the K best; all candidates without it
    #[arg(short, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub k: Option<u32>,

    /// Scores or numeric fields; -NAME prefers small [default: own score]
    #[arg(
        long,
        value_name = "NAME[,NAME…]",
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_parser = Names::open(schema::RANKED_BY.iter().copied()),
        hide_possible_values = true
    )]
    pub by: Vec<String>,

    /// How several names make one score [default: rank-sum; auto: log-rank]
    #[arg(long, value_enum, value_name = "HOW")]
    pub combine: Option<Combine>,

    /// Leave out candidates that cost more: latency=5,params=1e6
    ///
    /// Each NAME is a score or a numeric field, and MOST the largest value that is let
    /// through. Who lacks one fails. What is left out is counted on standard error, has
    /// no rank, and is not passed on.
    #[arg(long, value_name = "NAME=MOST[,…]", value_delimiter = ',', value_parser = most)]
    pub budget: Vec<(String, f64)>,

    /// Add scores from a table, by id, index or arch
    ///
    /// TABLE is FILE.csv or FILE.csv:COLUMN,…, with a column `id`, `index` or `arch`. Its columns of numbers, or those named, join the `scores` of the records, to
    /// rank by and to be passed on. It is an error where a record has such a score.
    #[arg(long, value_name = "TABLE", hide_short_help = true)]
    pub join: Option<String>,

    /// Only the best of equal architectures [default SENSE: benchmark]
    #[arg(
        long,
        value_name = "SENSE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "benchmark"
    )]
    pub unique: Option<Sense>,

    /// What to write [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

fn most(text: &str) -> Result<(String, f64), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let number = |(name, most): (&str, &str)| {
        let most: f64 = most.parse().ok().filter(|most: &f64| !most.is_nan())?;
        Some((name.to_owned(), most))
    };
    let found = pair.and_then(number);
    found.ok_or_else(|| "it is NAME=MOST with a number, such as latency=5".to_owned())
}

/// How several values make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Combine {
    /// Minus the sum of the ranks.
    RankSum,
    /// Sum of log(rank/m), rank m being the best of m, as in AZ-NAS.
    LogRank,
    /// Product of the values, which must be positive; -NAME divides.
    Product,
    /// Minus the number of the Pareto front, 1 being dominated by nothing.
    Pareto,
}

impl Combine {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::RankSum => "rank-sum",
            Self::LogRank => "log-rank",
            Self::Product => "product",
            Self::Pareto => "pareto",
        }
    }
}

/// When two architectures are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sense {
    /// As the benchmark counts them, like `knas-sample --unique`.
    Benchmark,
    /// They are written as the same function.
    Function,
    /// They are the same network, weights and all.
    Network,
}
