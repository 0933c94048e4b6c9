//! One network under examination, and what scores share of it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use knas_net::{Init, Initial, NetError, Network, Norm, Source};
use knas_space::nb201::{Cell, Skeleton};
use knas_stats::random::stream;
use tch::{Device, Kind, Tensor};

use crate::ScoreError;

/// The network to be scored.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its cell.
    pub cell: &'a Cell,
    /// Its size.
    pub skeleton: Skeleton,
    /// Its weights, where they are not to be drawn.
    pub weights: Option<&'a knas_net::weights::WeightFile>,
    /// The seed of what is drawn.
    pub seed: u64,
    /// Where it is evaluated.
    pub device: Device,
}

/// What networks are shown.
#[derive(Debug)]
pub struct Samples {
    /// N × 3 × side × side, normalised.
    pub inputs: Tensor,
    /// N class numbers.
    pub targets: Tensor,
}

impl Samples {
    /// How many there are.
    pub fn count(&self) -> i64 {
        self.inputs.size().first().copied().unwrap_or(0)
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
    shared: HashMap<(TypeId, Mode), Rc<dyn Any>>,
    passes: Passes,
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

    /// Counts passes that are being made.
    pub(crate) fn count(&mut self, forward: usize, backward: usize) {
        self.passes.forward += forward;
        self.passes.backward += backward;
    }

    /// The mode to use where a score has these defaults.
    pub fn mode(&self, init: Init, norm: Norm) -> Mode {
        Mode {
            init: self.overrides.init.unwrap_or(init),
            norm: self.overrides.norm.unwrap_or(norm),
        }
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
        let network = Rc::new(self.build(init, self.subject.skeleton, Kind::Float)?);
        self.networks.insert(init, Rc::clone(&network));
        Ok(network)
    }

    /// A network of the subject's cell and weights in another size or type.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn build(
        &self,
        init: Init,
        skeleton: Skeleton,
        kind: Kind,
    ) -> Result<Network, NetError> {
        let Subject {
            cell,
            weights,
            seed,
            device,
            ..
        } = self.subject;
        let source = match weights {
            Some(file) => Source::File(file),
            None => Source::Random(Initial { init, seed }),
        };
        Network::new(cell, skeleton, source, (kind, device))
    }

    /// What `make` gives, made once for each type and mode however many scores
    /// ask for it.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn share<T: 'static>(
        &mut self,
        mode: Mode,
        make: impl FnOnce(&mut Self) -> Result<T, ScoreError>,
    ) -> Result<Rc<T>, ScoreError> {
        let key = (TypeId::of::<T>(), mode);
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
