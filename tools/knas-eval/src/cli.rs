//! The flags of knas-eval.

use std::str::FromStr;

use clap::Parser;
use knas_records::sheet::Format;
use knas_records::{Common, Inputs, Names, cli, schema};

use crate::active::Active;

const LONG: &str = "\
Tell how far a score can be trusted: how well it orders candidates whose \
accuracy is known, with bootstrap intervals, and whether it beats counting \
parameters.

Candidates and truth are joined on the id, or else on the arch. Scores are all \
those in the records, or those that --by names; `params` and `macs` come along \
as baselines. Larger is better for all of them. A candidate that has no value of \
one score is judged by its others. Scores of one name that rest on different \
data, seeds or settings are judged together, and a warning says so.";

const EXAMPLES: &str = "\
Examples:
  knas-sample -n 300 | knas-score --proxy mgm,grad-norm | \\
      knas-eval --truth truth.csv:cifar10_test

  knas-eval --truth truth.csv --format csv scored.ndjson
      every accuracy in the file

  knas-eval --truth truth.csv:cifar100_test \\
      --protocol pool=300,k=20,fine=cifar100_val_ep12 scored.ndjson
      the two-step search of the KNAS paper, played 1000 times

  knas-eval --truth truth.csv:cifar10_test \\
      --protocol active,init=5,batch=5,budget=100,fine=cifar10_val scored.ndjson
      train 5, learn, train what the fit proposes, 100 in all

  knas-finetune --data cifar10 scored.ndjson | knas-eval
      against what training reached, in the records themselves

Truth: a table (CSV, or with tabs or semicolons) with a column `id`, `index` (5 \
stands for nb201-5) or `arch`, and columns of accuracies; or records with \
`finetune`. Empty cells are unknown; a row or cell that cannot be used is named \
and counts as a failure, and all others are used.

What is printed, for each score:
  Spearman, Kendall   rank correlations (rho, tau-b) with 95 % intervals, over \
all candidates and within the best half and the best tenth by the truth \
(parts of fewer than 10 are left out)
  top-1               accuracy of the candidate with the best score
  regret@K            best accuracy there is, less the best among the K best by score
  precision@K         share of the K best by score that are among the K best by accuracy
  beats params, macs  share of the resamples in which Spearman is larger than the baseline's
  between seeds       Spearman to be expected between two runs with other seeds, where \
records have `scores_std`
Ties of scores are broken by id, as knas-rank does. With --protocol only the \
search is played and printed: from a random pool the coarse step keeps k \
candidates by the score, the fine step takes the best of those by the `fine` \
column, and its truth counts; beside it a random coarse step, none at all, and \
the figures of the paper where the search is the paper's (pool=300, k=20 or 40, \
validation accuracy after 12 epochs). Where the truth has several data sets \
(cifar10_test, cifar100_test), each has the fine column of its own: \
fine=cifar10_val_ep12, or fine=val_ep12, then stands for cifar100_val_ep12, too.


With --protocol active,… what searches have found after each training is played, \
20 times: active search, beside regularised evolution, random search, and the best \
of a random pool by each score. init, batch and budget count trainings; also \
first=NAME (a score that finds the first ones; at random without it), \
model=auto|ridge|forest|gp|gcn, acquire=mean|ucb|ei|thompson, features=KIND+KIND, \
pool=300, test=COLUMN, reps=20. `best after` is the number of trainings after \
which half of the searches have met the best.

Exit: 0 all good; 1 some lines or candidates failed; 2 nothing could be done.";

/// Tell how far a score can be trusted
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-eval", args_override_self = true, version, long_about = LONG, after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Accuracies: a CSV file or records, and which columns [default: `finetune` in the input, all columns]
    #[arg(long, value_name = "FILE[:COLUMN[,…]]")]
    pub truth: Option<String>,

    /// Scores or numeric fields to judge [default: all scores]
    #[arg(
        long,
        value_name = "NAME[,NAME…]",
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_parser = Names::open(schema::RANKED_BY.iter().copied()),
        hide_possible_values = true
    )]
    pub by: Vec<String>,

    /// Sizes of the selections for regret and precision
    #[arg(
        short,
        value_name = "K[,K…]",
        value_delimiter = ',',
        default_value = "10",
        value_parser = cli::count_entry
    )]
    pub k: Vec<u32>,

    /// Play a two-step search, or an active one: active,budget=100,fine=COLUMN
    #[arg(long, value_name = "pool=300,k=20,fine=COLUMN")]
    pub protocol: Vec<Play>,

    /// Bootstrap resamples for the intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub resamples: u32,

    /// Seed of resamples and pools
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Threads [default: one per processor]
    #[arg(short, long, value_name = "N", hide_short_help = true)]
    pub jobs: Option<usize>,

    /// What to write
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub format: Format,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

impl Args {
    /// The two-step searches that are to be played.
    pub fn two_step(&self) -> impl Iterator<Item = &Protocol> {
        self.protocol.iter().filter_map(|play| match play {
            Play::TwoStep(protocol) => Some(protocol),
            Play::Active(_) => None,
        })
    }

    /// The active searches that are to be played.
    pub fn active(&self) -> impl Iterator<Item = &Active> {
        self.protocol.iter().filter_map(|play| match play {
            Play::TwoStep(_) => None,
            Play::Active(active) => Some(active),
        })
    }
}

/// A search to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Play {
    /// Coarse, then fine.
    TwoStep(Protocol),
    /// Train, learn, train what the fit proposes.
    Active(Active),
}

impl FromStr for Play {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split(',').next() {
            Some("active") => text.parse().map(Self::Active),
            _ => text.parse().map(Self::TwoStep),
        }
    }
}

/// A two-step search to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Candidates in the pool.
    pub pool: usize,
    /// Candidates that the coarse step keeps.
    pub k: usize,
    /// The column by which the fine step chooses.
    pub fine: String,
    /// The column that counts in the end; every column of the truth without it.
    pub test: Option<String>,
    /// How often it is played.
    pub reps: usize,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut pool, mut k, mut reps) = (300, 20, 1000);
        let (mut fine, mut test) = (None, None);
        for entry in text.split(',') {
            let (name, value) = entry
                .split_once('=')
                .ok_or_else(|| format!("{entry:?} is not NAME=VALUE"))?;
            let (name, value) = (name.trim(), value.trim());
            let count = || match value.parse::<usize>() {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(format!(
                    "{name}={value}: a whole number from 1 on is needed"
                )),
            };
            match name {
                "pool" => pool = count()?,
                "k" => k = count()?,
                "reps" => reps = count()?,
                "fine" => fine = Some(value.to_owned()),
                "test" => test = Some(value.to_owned()),
                _ => return Err(format!("{name:?} is none of pool, k, fine, test, reps")),
            }
        }
        let fine = fine.ok_or("fine=COLUMN is missing: what does the fine step choose by?")?;
        if k > pool {
            return Err(format!("k={k} is more than pool={pool}"));
        }
        Ok(Self {
            pool,
            k,
            fine,
            test,
            reps,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read() {
        let protocol: Protocol = "k=40, fine = a_ep12".parse().unwrap();
        let expected = Protocol {
            pool: 300,
            k: 40,
            fine: "a_ep12".into(),
            test: None,
            reps: 1000,
        };
        assert_eq!(protocol, expected);
        for wrong in [
            "",
            "k=40",
            "fine",
            "fine=a,k=0",
            "fine=a,k=x",
            "fine=a,n=1",
            "fine=a,pool=9,k=10",
        ] {
            assert!(wrong.parse::<Protocol>().is_err(), "{wrong}");
        }
    }
}
