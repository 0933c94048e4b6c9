//! Training-free scores of networks at initialisation.
//!
//! A score is a [`Proxy`]: what it is ([`Info`]), and how its value follows
//! from an [`Evaluation`], which builds the network and makes the passes that
//! scores ask for, each once however many scores want it. Larger is always
//! better. A new score is one module and one line in [`PROXIES`].

mod counts;
mod evaluation;
mod kernel;
mod offdiag;
mod released;
mod samples;

use std::fmt;

use knas_net::{Init, NetError, Norm};

pub use evaluation::{Evaluation, Gradient, Overrides, Samples, Subject};
pub use samples::SampleGradients;

/// Every score, in the order in which they are listed.
pub static PROXIES: &[&dyn Proxy] = &[
    &kernel::MGM,
    &kernel::MGM_CONV,
    &kernel::MGM_LAYER,
    &kernel::MGM_LOG,
    &kernel::GRAD_NORM,
    &offdiag::MgmOffdiag,
    &released::MgmReleased,
    &counts::Params,
    &counts::Macs,
];

/// The score called `name`.
pub fn by_name(name: &str) -> Option<&'static dyn Proxy> {
    PROXIES
        .iter()
        .copied()
        .find(|proxy| proxy.info().name == name)
}

/// The scores of a group, in their order; empty where there is no such group.
pub fn group(name: &str) -> Vec<&'static dyn Proxy> {
    let member = |proxy: &&dyn Proxy| name == "all" || proxy.info().groups.contains(&name);
    PROXIES.iter().copied().filter(member).collect()
}

/// A training-free score.
pub trait Proxy: Sync {
    /// What it is.
    fn info(&self) -> &Info;

    /// Whether the value also depends on edges that reach nothing, so that cells
    /// that are the same network can have different ones.
    fn counts_every_edge(&self) -> bool {
        false
    }

    /// Its value. Larger is better.
    ///
    /// # Errors
    /// When a pass fails, or the value is not defined for this network.
    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError>;
}

/// What a score is.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The name that flags and records use.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// How normalisation layers normalise, unless it is overridden; none where
    /// no network is evaluated.
    pub norm: Option<Norm>,
    /// How weights are initialised, unless it is overridden.
    pub init: Option<Init>,
    /// What the network is shown: `samples`, or nothing.
    pub inputs: &'static str,
    /// Whether labels matter.
    pub labels: bool,
    /// Cost: forward and backward passes over the samples.
    pub passes: &'static str,
    /// The groups by which it can be asked for.
    pub groups: &'static [&'static str],
    /// Where it was published.
    pub source: &'static str,
}

/// Why a candidate has no value of a score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The network cannot be built or evaluated.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The value is NaN or infinite.
    #[error("{name} is {value}: {hint}")]
    NonFinite {
        /// The score.
        name: &'static str,
        /// The value.
        value: f64,
        /// What that tells.
        hint: &'static str,
    },
    /// The score asks for more, or other, samples than there are.
    #[error("{name} needs {needs}")]
    Samples {
        /// The score.
        name: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

impl ScoreError {
    /// A word for programs, as in a record's `error.kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Net(error) if error.is_out_of_memory() => "out_of_memory",
            Self::Net(NetError::Weights(_)) => "weights",
            Self::Net(NetError::Torch(_)) => "libtorch",
            Self::NonFinite { .. } => "non_finite",
            Self::Samples { .. } => "samples",
        }
    }
}

impl From<tch::TchError> for ScoreError {
    fn from(error: tch::TchError) -> Self {
        Self::Net(error.into())
    }
}

impl fmt::Debug for dyn Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

/// The value of a score, which is finite.
///
/// # Errors
/// As [`Proxy::evaluate`]; and when the value is NaN or infinite.
pub fn score(proxy: &dyn Proxy, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let value = proxy.evaluate(evaluation)?;
    if value.is_finite() {
        return Ok(value);
    }
    let hint = match value {
        f64::NEG_INFINITY => {
            "something whose logarithm is taken is zero, as where the cell is cut off from its input"
        }
        f64::INFINITY => "a number grew beyond the range of its type",
        _ => "weights or activations are not finite",
    };
    Err(ScoreError::NonFinite {
        name: proxy.info().name,
        value,
        hint,
    })
}

#[cfg(test)]
mod tests;
