//! One network under examination, and what scores share of it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use knas_graph::Graph;
use knas_net::weights::WeightFile;
use knas_net::{Init, Initial, NetError, Network, Norm, Source};
use knas_space::{Architecture, Extent, Setting};
use knas_stats::random::stream;
use tch::{Device, Kind, Tensor};

use crate::{Info, Latency, ScoreError};

/// The network to be scored.
#[derive(Clone)]
pub struct Subject<'a> {
    /// What it looks like.
    pub architecture: &'a dyn Architecture,
    /// What it is for, and how large it is.
    pub setting: Setting,
    /// Its weights, where they are not to be drawn.
    pub weights: Option<&'a WeightFile>,
    /// Whether the classifier is drawn where the rest is not.
    pub new_head: bool,
    /// The seed of what is drawn.
    pub seed: u64,
    /// Where it is evaluated.
    pub device: Device,
}

impl<'a> Subject<'a> {
    /// Where its weights come from: from a file where there is one.
    pub fn source(&self, init: Init) -> Source<'a> {
        let initial = Initial {
            init,
            seed: self.seed,
        };
        match self.weights {
            None => Source::Random(initial),
            Some(weights) if self.setting.reads_texts() => Source::Pretrained { weights, initial },
            Some(weights) if self.new_head => Source::Body { weights, initial },
            Some(weights) => Source::File(weights),
        }
    }

    /// Its network, or only what reaches the output of it.
    ///
    /// # Errors
    /// When there can be no such network.
    pub fn lower(&self, extent: Extent) -> Result<Graph, NetError> {
        Ok(self.architecture.lower(&self.setting, extent)?)
    }
}

/// What networks are shown.
#[derive(Debug)]
pub struct Samples {
    /// Images: N × 3 × side × side, normalised. Texts: N × 3 × length integers,
    /// which are the tokens' ids, their types, and 1 for tokens and 0 for
    /// padding.
    pub inputs: Tensor,
    /// N class numbers.
    pub targets: Tensor,
}

impl Samples {
    /// How many there are.
    pub fn count(&self) -> i64 {
        self.inputs.size().first().copied().unwrap_or(0)
    }

    /// Whether they are texts; otherwise they are images.
    pub fn are_texts(&self) -> bool {
        self.inputs.dim() == 3
    }

    /// One input. Of texts the first, with the padding that the longest of them needs: it
    /// takes as long as that one does, whichever comes first.
    pub(crate) fn first(&self) -> Result<Tensor, NetError> {
        Ok(self.inputs.f_narrow(0, 0, 1)?)
    }

    /// `length` inputs and targets from `start` on; texts without the padding
    /// that only longer ones needed.
    pub(crate) fn part(&self, start: i64, length: i64) -> Result<(Tensor, Tensor), NetError> {
        let mut inputs = self.inputs.f_narrow(0, start, length)?;
        if self.are_texts() {
            let tokens =
                inputs
                    .f_select(1, 2)?
                    .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Int64)?;
            let longest = tokens.f_max()?.f_int64_value(&[])?;
            inputs = inputs.f_narrow(2, 0, longest)?;
        }
        Ok((inputs, self.targets.f_narrow(0, start, length)?))
    }
}

/// What overrides the defaults of every score.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// How normalisation layers normalise.
    pub norm: Option<Norm>,
    /// How weights are drawn.
    pub init: Option<Init>,
}

/// A network's weights and norm mode: with the inputs, what a pass depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    /// How weights are drawn.
    pub init: Init,
    /// How normalisation layers normalise.
    pub norm: Norm,
}

/// How many passes were made. A batch that is worked off in parts is one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// From inputs to logits.
    pub forward: usize,
    /// From the end of a forward pass back.
    pub backward: usize,
}

impl fmt::Display for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} forward, {} backward", self.forward, self.backward)
    }
}

/// A network, the samples, and what has been computed from them so far.
pub struct Evaluation<'a> {
    subject: Subject<'a>,
    samples: &'a Samples,
    overrides: Overrides,
    networks: HashMap<Init, Rc<Network>>,
    shared: HashMap<(&'static str, TypeId, Mode), Rc<dyn Any>>,
    passes: Passes,
    latency: Option<Latency>,
}

impl<'a> Evaluation<'a> {
    /// An evaluation in which nothing has been computed yet.
    pub fn new(subject: Subject<'a>, samples: &'a Samples, overrides: Overrides) -> Self {
        Self {
            subject,
            samples,
            overrides,
            networks: HashMap::new(),
            shared: HashMap::new(),
            passes: Passes::default(),
            latency: None,
        }
    }

    /// The network to be scored.
    pub fn subject(&self) -> &Subject<'a> {
        &self.subject
    }

    /// What networks are shown.
    pub fn samples(&self) -> &'a Samples {
        self.samples
    }

    /// How many passes were made so far.
    pub fn passes(&self) -> Passes {
        self.passes
    }

    /// How long passes took, where that was measured.
    pub fn latency(&self) -> Option<Latency> {
        self.latency
    }

    /// Keeps how long passes took.
    pub(crate) fn measured(&mut self, latency: Latency) {
        self.latency = Some(latency);
    }

    /// Counts passes that are being made.
    pub(crate) fn count(&mut self, forward: usize, backward: usize) {
        self.passes.forward += forward;
        self.passes.backward += backward;
    }

    /// The mode in which a score is evaluated: what it says of itself, unless
    /// that is overridden. A score has no other way to come by a mode, so that
    /// its [`Info`] says what it does.
    pub fn mode(&self, info: &Info) -> Mode {
        let init = self.overrides.init.or(info.init).unwrap_or(Init::Default);
        let init = init.of(self.subject.setting.reads_texts());
        let norm = info.norm_under(self.overrides.norm);
        let norm = norm.unwrap_or(Norm::Batch);
        Mode { init, norm }
    }

    /// The network in single precision, with weights drawn in this way unless
    /// they come from a file.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn network(&mut self, init: Init) -> Result<Rc<Network>, NetError> {
        if let Some(network) = self.networks.get(&init) {
            return Ok(Rc::clone(network));
        }
        let network = Rc::new(self.build(&self.subject.setting, init, Kind::Float)?);
        self.networks.insert(init, Rc::clone(&network));
        Ok(network)
    }

    /// The shape of so many images of the side that the network takes.
    ///
    /// # Errors
    /// When it reads texts.
    pub(crate) fn images(&self, count: i64) -> Result<[i64; 4], NetError> {
        let side = self.subject.setting.side()? as i64;
        Ok([count, 3, side, side])
    }

    /// The subject's architecture in any setting, with its weights, in any type.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn build(
        &self,
        setting: &Setting,
        init: Init,
        kind: Kind,
    ) -> Result<Network, NetError> {
        let graph = self.subject.architecture.lower(setting, Extent::Live)?;
        let options = (kind, self.subject.device);
        Network::new(graph, self.subject.source(init), options)
    }

    /// What `make` gives, made once for each name and mode however many scores
    /// ask for it. `what` names what is made: it is the same wherever the same
    /// is made, and nowhere else.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn share<T: 'static>(
        &mut self,
        what: &'static str,
        mode: Mode,
        make: impl FnOnce(&mut Self) -> Result<T, ScoreError>,
    ) -> Result<Rc<T>, ScoreError> {
        let key = (what, TypeId::of::<T>(), mode);
        let known = self.shared.get(&key).map(Rc::clone);
        if let Some(value) = known.and_then(|value| value.downcast().ok()) {
            return Ok(value);
        }
        let value = Rc::new(make(self)?);
        self.shared.insert(key, Rc::clone(&value) as Rc<dyn Any>);
        Ok(value)
    }

    /// Standard normal numbers on the subject's device: those of this seed and
    /// purpose, whatever the network.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub(crate) fn noise(&self, purpose: &str, shape: &[i64]) -> Result<Tensor, NetError> {
        let length = shape.iter().product::<i64>().unsigned_abs() as usize;
        let mut values = vec![0f32; length];
        stream(self.subject.seed, purpose, &[]).fill_normal(&mut values);
        let noise = Tensor::f_from_slice(&values)?.f_reshape(shape)?;
        Ok(noise.f_to_device(self.subject.device)?)
    }
}
