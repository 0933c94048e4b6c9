//! What knas-eval finds out, as it writes it for programs.

use knas_records::Output;
use knas_stats::Bootstrap;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::active::Curve;
use crate::candidates::Candidates;

/// One line of output.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "knas-eval result")]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// How well one score orders the candidates.
    Judgement(Box<Judgement>),
    /// What the two-step search reaches with one coarse step.
    Search(Search),
    /// What searches have found, training by training.
    Curve(Box<Curve>),
}

/// How well one score orders the candidates of one column of the truth.
/// Intervals hold 95 % of the resamples; what is undefined is left out.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Judgement {
    /// The column of the truth.
    pub truth: String,
    /// The name of the score.
    pub score: String,
    /// Over all candidates.
    pub all: Part,
    /// Within the best half by the truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_half: Option<Part>,
    /// Within the best tenth by the truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_tenth: Option<Part>,
    /// The candidate with the best score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<Top>,
    /// The selection of the k best by score.
    pub at_k: Vec<AtK>,
    /// Against each baseline, in the same resamples.
    pub beats: Vec<Beats>,
    /// Spearman's ρ to be expected between two runs with other seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_seeds: Option<f64>,
    /// Number of bootstrap resamples.
    pub resamples: u64,
    /// Their seed.
    pub seed: u64,
}

/// Rank correlations over a part of the candidates.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Part {
    /// Candidates.
    pub n: u64,
    /// Spearman's ρ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spearman: Option<Statistic>,
    /// Kendall's τ-b.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kendall: Option<Statistic>,
}

/// A value with its 95 % bootstrap percentile interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Statistic {
    /// The value.
    pub value: f64,
    /// Lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
}

/// The candidate with the best score.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Top {
    /// Its id.
    pub id: String,
    /// Its truth.
    pub value: f64,
}

/// What selecting the k best by score is worth.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct AtK {
    /// Size of the selection.
    pub k: u32,
    /// The best truth there is, less the best in the selection.
    pub regret: f64,
    /// Share of the selection that is among the k best by truth.
    pub precision: f64,
}

/// A comparison with a baseline.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Beats {
    /// `params` or `macs`.
    pub baseline: String,
    /// Share of the resamples in which the score has the larger Spearman's ρ;
    /// equal ones count half.
    pub share: f64,
}

/// What the two-step search reaches with one coarse step.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Search {
    /// The column of the truth that counts.
    pub truth: String,
    /// The score of the coarse step, or `(random)`, `(none)`, `(paper)`: what
    /// the paper reports, or `(best)`: the best there is.
    pub coarse: String,
    /// Candidates from which pools are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Size of a pool.
    pub pool: u64,
    /// Candidates that the coarse step keeps.
    pub k: u64,
    /// The column by which the fine step chooses.
    pub fine: String,
    /// Searches played.
    pub reps: u64,
    /// Seed of the pools.
    pub seed: u64,
    /// Mean of what they reach.
    pub mean: f64,
    /// Standard error of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Lower end of the interval that holds 95 % of the searches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
}

impl Judgement {
    /// What was found about the score at a place, over candidates with these
    /// values of the truth.
    pub fn new(
        column: &str,
        truth: &[Option<f64>],
        candidates: &Candidates,
        score: usize,
        found: knas_stats::Judgement,
        bootstrap: Bootstrap,
    ) -> Self {
        let top = found.top.and_then(|place| {
            Some(Top {
                id: candidates.ids[place].clone(),
                value: truth[place]?,
            })
        });
        Self {
            truth: column.to_owned(),
            score: candidates.scores[score].name.clone(),
            all: found.all.into(),
            best_half: found.best_half.map(Part::from),
            best_tenth: found.best_tenth.map(Part::from),
            top,
            at_k: found.at_k.into_iter().map(AtK::from).collect(),
            beats: found.beats.into_iter().map(Beats::from).collect(),
            between_seeds: found.between_seeds,
            resamples: bootstrap.resamples as u64,
            seed: bootstrap.seed,
        }
    }
}

impl From<knas_stats::Part> for Part {
    fn from(found: knas_stats::Part) -> Self {
        Self {
            n: found.n,
            spearman: found.spearman.map(Statistic::from),
            kendall: found.kendall.map(Statistic::from),
        }
    }
}

impl From<knas_stats::Statistic> for Statistic {
    fn from(found: knas_stats::Statistic) -> Self {
        Self {
            value: found.value,
            lo: found.interval.map(|interval| interval.lo),
            hi: found.interval.map(|interval| interval.hi),
        }
    }
}

impl From<knas_stats::AtK> for AtK {
    fn from(found: knas_stats::AtK) -> Self {
        let knas_stats::AtK {
            k,
            regret,
            precision,
        } = found;
        Self {
            k,
            regret,
            precision,
        }
    }
}

impl From<knas_stats::Beats> for Beats {
    fn from(found: knas_stats::Beats) -> Self {
        let knas_stats::Beats { baseline, share } = found;
        Self { baseline, share }
    }
}

/// The JSON Schema of a line.
pub fn schema() -> Value {
    schema_for!(Line).to_value()
}

/// Writes lines of JSON.
///
/// # Errors
/// Those of the output.
pub fn write_lines(lines: &[Line], output: &mut Output) -> anyhow::Result<()> {
    for line in lines {
        output.write_text(&(serde_json::to_string(line)? + "\n"))?;
    }
    Ok(())
}
