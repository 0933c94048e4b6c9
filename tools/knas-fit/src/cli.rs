//! The flags of knas-fit.

use clap::{Parser, ValueEnum};
use knas_predictor::acquire::Acquisition;
use knas_predictor::features::Kind;
use knas_records::{Common, Inputs};

const LONG: &str = "\
Learn from a few trained candidates what the others would reach, and add \
`scores.fit` and `scores_std.fit`, on the scale of the labels; `score` is then \
the former. The block `fit` says what was learnt from what.

Standard error tells how well labelled candidates are predicted without their own \
label (Kendall's tau), beside the best single score, and warns where the fit is not \
better. A Gaussian process has chosen its kernel by all labels, so with few of them \
that is up to .1 too high.

Candidates stream where the labelled records carry their own features, as those \
of knas-finetune do. Where labels are a table, or are found in the input itself, \
the input is read to its end first.";

const EXAMPLES: &str = "\
Examples:
  knas-rank -k 20 scored.ndjson | knas-finetune --data cifar10 -o trained.ndjson
  knas-fit --labels trained.ndjson scored.ndjson | knas-rank -k 5 --format table
      what 20 trained candidates say about all that were scored

  knas-fit --labels trained.ndjson --acquire ei scored.ndjson | knas-rank -k 5
      the five to train next

  knas-fit --labels truth.csv:cifar10_val scored.ndjson
      labels from a table with a column `id`, `index` or `arch`

Models:
  ridge   linear regression; the penalty is the one with the least leave-one-out error
  forest  200 extremely randomised trees; the deviation is that between them
  gp      a Gaussian process with one length for each kind of features
  gcn     a graph convolutional network over the architecture's graph and its scores
  auto    the mean of gp and forest

Features (--features): scores, cost (params and macs), counts (of operations), \
graf (paths and degrees of the graph), onehot (every decision). `auto` is all \
that there are but onehot, in which notations of one network differ. A score that \
some labelled candidates lack is left out; one that is undefined for a network \
(`scores_undefined`) counts as the lowest.

Acquisition (--acquire): mean; ucb, mean + deviation; ei, the expected \
improvement over the best label; thompson, a draw from the distribution. `score` \
is then its value, on a scale of labels without their skew, and candidates that have a label are not written, so that \
`knas-rank -k` picks what to train.

Exit: 0 all good; 1 some lines, labels or candidates failed; 2 nothing could be done.";

/// Learn from a few trained candidates what the others would reach
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-fit", args_override_self = true, version, long_about = LONG, after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Labelled candidates: records, or a CSV file and its column [default: the input]
    #[arg(long, value_name = "FILE[:COLUMN]")]
    pub labels: Option<String>,

    /// The field of a record that is its label
    #[arg(long, value_name = "FIELD", default_value = "finetune.valid_accuracy")]
    pub target: String,

    /// What learns
    #[arg(long, value_enum, value_name = "MODEL", default_value = "auto")]
    pub model: ModelName,

    /// From what: auto, or some of scores, cost, counts, graf, onehot
    #[arg(
        long,
        value_name = "KIND[,KIND…]",
        default_value = "auto",
        value_parser = Kinds::parse
    )]
    pub features: Kinds,

    /// Write what is worth training next: `score` is the acquisition, labelled candidates are left out
    #[arg(long, value_enum, value_name = "HOW")]
    pub acquire: Option<Acquire>,

    /// Seed of trees, of the graph network and of draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// Kinds of features; none stand for `auto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(pub Vec<Kind>);

impl Kinds {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(Vec::new()));
        }
        let kinds: Result<Vec<Kind>, String> = text.split(',').map(str::parse).collect();
        kinds.map(Self).map_err(|error| format!("{error}, or auto"))
    }
}

/// A model by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    /// Gaussian process and forest.
    Auto,
    /// Linear regression.
    Ridge,
    /// Extremely randomised trees.
    Forest,
    /// Gaussian process.
    Gp,
    /// Graph convolutional network.
    Gcn,
}

impl ModelName {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ridge => "ridge",
            Self::Forest => "forest",
            Self::Gp => "gp",
            Self::Gcn => "gcn",
        }
    }
}

/// An acquisition by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Acquire {
    /// What is expected to be best.
    Mean,
    /// Mean + deviation.
    Ucb,
    /// Expected improvement.
    Ei,
    /// A draw from the distribution.
    Thompson,
}

impl From<Acquire> for Acquisition {
    fn from(name: Acquire) -> Self {
        match name {
            Acquire::Mean => Self::Mean,
            Acquire::Ucb => Self::Ucb,
            Acquire::Ei => Self::Ei,
            Acquire::Thompson => Self::Thompson,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read() {
        assert_eq!(Kinds::parse("auto").unwrap(), Kinds(vec![]));
        let both = Kinds(vec![Kind::Graf, Kind::Scores]);
        assert_eq!(Kinds::parse("graf,scores").unwrap(), both);
        for wrong in ["", "graf,", "auto,graf", "paths"] {
            assert!(Kinds::parse(wrong).is_err(), "{wrong}");
        }
    }
}
