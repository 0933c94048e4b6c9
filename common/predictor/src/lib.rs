//! Predictors: from a few candidates whose accuracy is known to all the others.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ridge`] | linear regression with a Gaussian prior on its weights |
//! | [`forest`] | extremely randomised trees, each on a resample |
//! | [`gaussian_process`] | a kernel with a length for each group of features |
//! | [`gcn`] | a graph convolutional network over the architecture's graph |
//! | [`blend`] | the mean of the Gaussian process and the forest |
//! | [`learned`] | a model fitted to labels on their own scale, and its leave-out τ |
//! | [`features`] | samples from records |
//! | [`acquire`] | which candidate to train next, from mean and deviation |
//! | [`unskew`] | the monotone change of scale that takes the skew out of values |
//!
//! A model is a [`Model`]; fitted to [`Sample`]s and their labels it is a
//! [`Fitted`], which predicts one sample at a time. Everything is in double
//! precision, in one thread, and the same seed gives the same bits.

pub mod acquire;
pub mod blend;
pub mod features;
pub mod forest;
pub mod gaussian_process;
pub mod gcn;
pub mod learned;
pub mod ridge;
mod scale;
pub mod unskew;

use std::ops::Range;

use knas_space::Flow;
use thiserror::Error;

/// What is known of one candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The values of its features, in the order of the [`Layout`].
    pub values: Vec<f64>,
    /// Its graph, where its space has one.
    pub flow: Option<Flow>,
}

/// What the features of all samples are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Features of one kind stand side by side, and share a length of the
    /// Gaussian process's kernel.
    pub groups: Vec<Range<usize>>,
    /// The features, larger being better, that are taken for scores: the
    /// linear part of the Gaussian process is over them.
    pub scores: Range<usize>,
}

/// The distribution of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub std: f64,
}

/// Something that learns labels.
pub trait Model: Send + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Learns `labels`, one for each of the samples.
    ///
    /// # Errors
    /// Where nothing can be learnt from them.
    fn fit(
        &self,
        layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError>;
}

/// Something that has learnt labels.
pub trait Fitted {
    /// What it expects of a sample whose label it does not know.
    fn predict(&self, sample: &Sample) -> Prediction;

    /// For each sample that it learnt, what it would expect had its label not
    /// been there: exactly so for given scales and kernels, which have seen all
    /// labels; of a forest by the trees that did not draw it; of the graph
    /// network by one of five that learnt from the others.
    fn left_out(&self) -> &[Prediction];
}

/// Why nothing can be learnt.
#[derive(Debug, Error)]
pub enum FitError {
    /// There are too few labels.
    #[error("{0} labelled candidates are too few to learn from; at least {FEWEST} are needed")]
    TooFew(usize),
    /// There are so many labels that a matrix of all pairs is out of reach.
    #[error(
        "{0} labelled candidates are too many for a model of all their pairs, which takes {MOST}: \
         the forest takes more"
    )]
    TooMany(usize),
    /// All labels are the same.
    #[error("all {0} labels are equal, so there is nothing to learn")]
    Equal(usize),
    /// A number is NaN or infinite.
    #[error("the {what} of labelled candidate {place} is {value}, not a finite number")]
    NonFinite {
        /// A label or a feature.
        what: &'static str,
        /// Which candidate, from 0.
        place: usize,
        /// The number.
        value: f64,
    },
    /// Samples, labels and layout do not go together.
    #[error("sample {place} has {found} features where there should be {wanted}")]
    Shape {
        /// Which candidate, from 0.
        place: usize,
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// No feature differs between the samples.
    #[error("no feature differs between the labelled candidates")]
    NoFeatures,
    /// A model of graphs has none to learn from.
    #[error("labelled candidate {0} has no graph, which this model learns from")]
    NoGraph(usize),
    /// A matrix that should be positive definite is not, to rounding.
    #[error("the covariance of the labelled candidates cannot be factorised")]
    Singular,
}

/// The names of the models.
pub const NAMES: [&str; 5] = ["auto", "ridge", "forest", "gp", "gcn"];

/// The model called `name`, as it is usually set.
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Model>> {
    Some(match name {
        "auto" => Box::new(blend::Blend::default()),
        "ridge" => Box::new(ridge::Ridge::default()),
        "forest" => Box::new(forest::Forest::default()),
        "gp" => Box::new(gaussian_process::GaussianProcess::default()),
        "gcn" => Box::new(gcn::Gcn::default()),
        _ => return None,
    })
}

/// Labels below which nothing is fitted.
pub const FEWEST: usize = 3;

/// Labels beyond which no model of all pairs is fitted: a matrix of them has
/// 128 MB, and is factorised some forty times.
pub const MOST: usize = 4_000;

/// Refuses more labels than a model of all pairs takes.
fn check_pairs(labels: &[f64]) -> Result<(), FitError> {
    match labels.len() {
        count if count > MOST => Err(FitError::TooMany(count)),
        _ => Ok(()),
    }
}

/// Refuses what no model can learn from.
///
/// # Errors
/// Too few or equal labels, numbers that are not finite, samples of another length.
pub fn check(samples: &[Sample], labels: &[f64]) -> Result<(), FitError> {
    let count = samples.len().min(labels.len());
    if count < FEWEST {
        return Err(FitError::TooFew(count));
    }
    let wanted = samples[0].values.len();
    for (place, (sample, &label)) in samples.iter().zip(labels).enumerate() {
        let found = sample.values.len();
        if found != wanted {
            return Err(FitError::Shape {
                place,
                found,
                wanted,
            });
        }
        let bad = sample.values.iter().find(|value| !value.is_finite());
        for (what, value) in [("label", Some(&label)), ("feature", bad)] {
            if let Some(&value) = value.filter(|value| !value.is_finite()) {
                return Err(FitError::NonFinite { what, place, value });
            }
        }
    }
    match labels.iter().all(|label| *label == labels[0]) {
        true => Err(FitError::Equal(count)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
