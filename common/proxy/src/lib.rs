//! Training-free scores of networks at initialisation.
//!
//! A score is a [`Proxy`]: what it is ([`Info`]), and how its value follows
//! from an [`Evaluation`], which builds the network and makes the passes that
//! scores ask for, each once however many scores want it. Larger is always
//! better. A new score is one module and one line in [`PROXIES`].

mod activation;
mod attention;
mod az;
mod counts;
mod epe;
mod evaluation;
mod fisher;
mod forward;
mod gradients;
mod gradsign;
mod gram;
mod grasp;
mod jacobian;
mod kernel;
mod latency;
mod matrix;
mod meco;
mod naswot;
mod ntk;
mod offdiag;
mod regions;
mod released;
mod rwe;
mod samples;
mod score;
mod snip;
mod swap;
mod synaptic;
mod synflow;
mod zen;
mod zico;

use std::fmt;

use knas_net::{Init, NetError, Norm};

pub use evaluation::{Evaluation, Mode, Overrides, Passes, Samples, Subject};
pub use gradients::Gradient;
pub use latency::Latency;
pub use samples::SampleGradients;

/// Every score, in the order in which they are listed.
pub static PROXIES: &[&dyn Proxy] = &[
    &kernel::MGM,
    &kernel::MGM_CONV,
    &kernel::MGM_LAYER,
    &kernel::MGM_LOG,
    &kernel::GRAD_NORM,
    &gram::GRAM_ENTROPY,
    &offdiag::MgmOffdiag,
    &released::MgmReleased,
    // Before the counts, of which much is better, so that the group `costs` ranks small first.
    &counts::MEMORY,
    &latency::LATENCY,
    &counts::Params,
    &counts::Macs,
    &counts::LAYERS,
    &snip::SNIP,
    &grasp::GRASP,
    &fisher::FISHER,
    &synflow::SYNFLOW,
    &jacobian::JACOB_COV,
    &epe::EPE,
    &naswot::NASWOT,
    &swap::SWAP,
    &swap::SWAP_REG,
    &zico::ZICO,
    &gradsign::GRADSIGN,
    &zen::ZEN,
    &meco::MECO,
    &meco::MECO_RELU,
    &az::EXPRESSIVITY,
    &az::PROGRESSIVITY,
    &az::TRAINABILITY,
    &regions::LINEAR_REGIONS,
    &rwe::RWE,
    &ntk::COND,
    &ntk::MEAN,
    &ntk::NORM,
    &ntk::LGA,
    &attention::CONFIDENCE,
    &attention::IMPORTANCE,
    &synaptic::SALIENCY,
    &synaptic::DIVERSITY,
    &activation::DISTANCE,
];

/// The score called `name`.
pub fn by_name(name: &str) -> Option<&'static dyn Proxy> {
    PROXIES
        .iter()
        .copied()
        .find(|proxy| proxy.info().name == name)
}

/// The scores of a group, in their order; empty where there is no such group. `all` are
/// those that are computed, and not measured.
pub fn group(name: &str) -> Vec<&'static dyn Proxy> {
    let member = |proxy: &&dyn Proxy| match name {
        "all" => !proxy.info().measured,
        name => proxy.info().groups.contains(&name),
    };
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

    /// Its value. Larger is better, but of costs.
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
    /// What the network is shown: `samples`, inputs of the score's own, or
    /// nothing.
    pub inputs: &'static str,
    /// The element type in which the network is evaluated.
    pub dtype: &'static str,
    /// Whether weights that come from a file are those that it evaluates.
    pub reads_weights: bool,
    /// Whether labels matter.
    pub labels: bool,
    /// Whether the published quantity is multiplied by −1, so that larger is
    /// better.
    pub negated: bool,
    /// Whether it is a cost, of which little is better: it ranks by its negative.
    pub cost: bool,
    /// Whether it is measured: it differs from run to run and between machines.
    pub measured: bool,
    /// Passes over the inputs. Scores of one mode and one kind of inputs
    /// share them.
    pub passes: &'static str,
    /// For which networks it is defined.
    pub scope: Scope,
    /// The groups by which it can be asked for.
    pub groups: &'static [&'static str],
    /// Where it was published; papers with their numbers, as `arXiv 2111.13293`.
    pub source: &'static str,
}

impl Info {
    /// What many scores have in common.
    pub(crate) const BASE: Self = Self {
        name: "",
        summary: "",
        norm: Some(Norm::Batch),
        init: Some(Init::Default),
        inputs: "samples",
        dtype: "float32",
        reads_weights: true,
        labels: false,
        negated: false,
        cost: false,
        measured: false,
        passes: "1 forward",
        scope: Scope::Images,
        groups: &["cheap"],
        source: "",
    };

    /// How its networks normalise where `--norm` asks for this. A network in use goes by
    /// running statistics, however networks are scored.
    pub fn norm_under(&self, asked: Option<Norm>) -> Option<Norm> {
        match self.norm {
            Some(Norm::Eval) => self.norm,
            own => asked.or(own),
        }
    }

    /// The numbers of the papers in `source`, without a version.
    pub fn arxiv(&self) -> impl Iterator<Item = &'static str> {
        let numbers = self.source.split("arXiv ").skip(1);
        numbers.filter_map(|text| text.get(.."2111.13293".len()))
    }

    /// Whether the network is shown samples of the data set, and not inputs of
    /// the score's own.
    pub fn shows_samples(&self) -> bool {
        self.inputs.starts_with("samples")
    }

    /// That the score is for networks of another kind.
    pub(crate) fn elsewhere(&self, wanted: Scope) -> ScoreError {
        ScoreError::Scope {
            name: self.name,
            wanted,
        }
    }

    /// That the score is not defined here.
    pub(crate) fn undefined(&self, reason: &'static str) -> ScoreError {
        ScoreError::Undefined {
            name: self.name,
            reason,
        }
    }
}

/// For which networks a score is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that look at images.
    Images,
    /// Those that read texts: encoders.
    Texts,
    /// Both.
    All,
}

impl Scope {
    /// Whether a network that reads texts, or else looks at images, is in it.
    pub fn holds(self, texts: bool) -> bool {
        match self {
            Self::Images => !texts,
            Self::Texts => texts,
            Self::All => true,
        }
    }

    /// The name that lists use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Texts => "texts",
            Self::All => "images, texts",
        }
    }
}

/// Why a candidate has no value of a score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The network cannot be built or evaluated.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The network cannot be evaluated for a score.
    #[error("{name}: {source}")]
    Pass {
        /// The score.
        name: &'static str,
        /// What happened.
        source: NetError,
    },
    /// The score is for networks of another kind.
    #[error("{name} is a score of networks for {}", wanted.name())]
    Scope {
        /// The score.
        name: &'static str,
        /// For what it is defined.
        wanted: Scope,
    },
    /// The score's definition gives no value for this network and these inputs.
    #[error("{name} is undefined: {reason}")]
    Undefined {
        /// The score.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
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
            Self::Net(error) | Self::Pass { source: error, .. } => match error {
                _ if error.is_out_of_memory() => "out_of_memory",
                NetError::Weights(_) => "weights",
                NetError::Memory(_) => "out_of_memory",
                NetError::Torch(_) => "libtorch",
                NetError::Graph(_)
                | NetError::Lower(_)
                | NetError::Unread(_)
                | NetError::NoWeight { .. } => "bad_network",
                NetError::OnePosition => "undefined",
                NetError::Length { .. } => "too_long",
            },
            Self::Scope { .. } => "scope",
            Self::Undefined { .. } => "undefined",
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
/// As [`Proxy::evaluate`]; and when the score is not for such networks, or the
/// value is NaN or infinite.
pub fn score(proxy: &dyn Proxy, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
    let Info { name, scope, .. } = *proxy.info();
    if !scope.holds(evaluation.subject().setting.reads_texts()) {
        return Err(proxy.info().elsewhere(scope));
    }
    let value = proxy.evaluate(evaluation).map_err(|error| match error {
        ScoreError::Net(NetError::OnePosition) => proxy.info().undefined(
            "the last maps have one position, over which a sample's own norm is constant: \
             it takes larger images, or --norm batch",
        ),
        ScoreError::Net(source) => ScoreError::Pass { name, source },
        error => error,
    })?;
    if value.is_finite() {
        return Ok(value);
    }
    let hint = match value.is_nan() {
        true => "weights or activations are not finite",
        false => "a number grew beyond the range of its type",
    };
    Err(ScoreError::NonFinite { name, value, hint })
}

#[cfg(test)]
mod tests;
