//! One network under examination, and the passes over it that scores share.

use std::collections::HashMap;
use std::rc::Rc;

use knas_net::layers::cross_entropy;
use knas_net::{Init, Initial, NetError, Network, Norm, Role, Source};
use knas_space::nb201::{Cell, Skeleton};
use tch::{Device, Kind, Tensor};

use crate::ScoreError;
use crate::samples::SampleGradients;

/// Samples per pass. Where no layer mixes samples, larger batches are worked
/// off in parts of this size, so that memory does not grow with the batch.
const PART: i64 = 64;

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

/// The gradient of the mean loss with respect to one parameter.
#[derive(Debug)]
pub struct Gradient {
    /// What the parameter is for.
    pub role: Role,
    /// Of the parameter's shape; zeros where the loss does not depend on it.
    pub tensor: Tensor,
}

impl Gradient {
    /// The sum of squares, in double precision.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn squared_norm(&self) -> Result<f64, NetError> {
        let norm = self
            .tensor
            .f_to_kind(Kind::Double)?
            .f_square()?
            .f_sum(Kind::Double)?;
        Ok(norm.f_double_value(&[])?)
    }
}

/// A network, the samples, and what has been computed from them so far.
pub struct Evaluation<'a> {
    subject: Subject<'a>,
    samples: &'a Samples,
    overrides: Overrides,
    networks: HashMap<Init, Rc<Network>>,
    gradients: HashMap<(Init, Norm), Rc<Vec<Gradient>>>,
    by_sample: HashMap<(Init, Norm), Rc<SampleGradients>>,
    passes: usize,
}

impl<'a> Evaluation<'a> {
    /// An evaluation in which nothing has been computed yet.
    pub fn new(subject: Subject<'a>, samples: &'a Samples, overrides: Overrides) -> Self {
        Self {
            subject,
            samples,
            overrides,
            networks: HashMap::new(),
            gradients: HashMap::new(),
            by_sample: HashMap::new(),
            passes: 0,
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

    /// How many passes, forward and back, over all samples were made so far.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The norm mode to use where a score has `default`.
    pub fn norm(&self, default: Norm) -> Norm {
        self.overrides.norm.unwrap_or(default)
    }

    /// The network in single precision, with weights drawn as `default` says
    /// unless that is overridden or they come from a file.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn network(&mut self, default: Init) -> Result<Rc<Network>, NetError> {
        let init = self.overrides.init.unwrap_or(default);
        if let Some(network) = self.networks.get(&init) {
            return Ok(Rc::clone(network));
        }
        let Subject {
            cell,
            skeleton,
            weights,
            seed,
            device,
        } = self.subject;
        let source = match weights {
            Some(file) => Source::File(file),
            None => Source::Random(Initial { init, seed }),
        };
        let network = Rc::new(Network::new(cell, skeleton, source, (Kind::Float, device))?);
        self.networks.insert(init, Rc::clone(&network));
        Ok(network)
    }

    /// ∂L/∂w for every parameter, L the mean cross-entropy over all samples.
    ///
    /// # Errors
    /// When a pass fails.
    pub fn gradients(&mut self, norm: Norm, init: Init) -> Result<Rc<Vec<Gradient>>, ScoreError> {
        let key = (self.overrides.init.unwrap_or(init), self.norm(norm));
        if let Some(gradients) = self.gradients.get(&key) {
            return Ok(Rc::clone(gradients));
        }
        let network = self.network(init)?;
        let samples = self.samples;
        self.passes += 1;
        let sums = in_parts(samples.count(), key.1, |start, length| {
            let inputs = samples.inputs.f_narrow(0, start, length)?;
            let targets = samples.targets.f_narrow(0, start, length)?;
            let loss = cross_entropy(&network.forward(&inputs, key.1)?, &targets)?;
            // Parts are means over their own samples; weigh them by their share.
            let share = loss.f_mul_scalar(length as f64 / samples.count() as f64)?;
            let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
            Ok(Tensor::f_run_backward(&[share], &parameters, false, false)?)
        })?;
        let gradient = |(parameter, sum): (&knas_net::Parameter, Tensor)| {
            let tensor = if sum.defined() {
                sum
            } else {
                parameter.tensor.f_zeros_like()?.detach()
            };
            Ok(Gradient {
                role: parameter.role,
                tensor,
            })
        };
        let gradients = network.parameters().iter().zip(sums).map(gradient);
        let gradients = Rc::new(gradients.collect::<Result<Vec<_>, NetError>>()?);
        self.gradients.insert(key, Rc::clone(&gradients));
        Ok(gradients)
    }

    /// What scores need of ∂L_i/∂w, the gradients of single samples; each is
    /// the gradient that the sample has in a batch of one.
    ///
    /// # Errors
    /// When a pass fails.
    pub fn sample_gradients(&mut self, init: Init) -> Result<Rc<SampleGradients>, ScoreError> {
        let key = (self.overrides.init.unwrap_or(init), Norm::Sample);
        if let Some(gradients) = self.by_sample.get(&key) {
            return Ok(Rc::clone(gradients));
        }
        let network = self.network(init)?;
        let samples = self.samples;
        self.passes += 1;
        let mut gradients = SampleGradients::default();
        in_parts(samples.count(), Norm::Sample, |start, length| {
            let inputs = samples.inputs.f_narrow(0, start, length)?;
            let targets = samples.targets.f_narrow(0, start, length)?;
            gradients.extend(&network, &inputs, &targets)?;
            Ok(Vec::new())
        })?;
        let gradients = Rc::new(gradients);
        self.by_sample.insert(key, Rc::clone(&gradients));
        Ok(gradients)
    }
}

/// Calls `pass` for consecutive parts of the samples and adds up what it gives.
///
/// With batch statistics the whole batch is one part. Otherwise parts are of a
/// fixed size, so that the sum is the same to the bit on every machine; where a
/// GPU's memory does not suffice for one, it is halved.
fn in_parts(
    count: i64,
    norm: Norm,
    mut pass: impl FnMut(i64, i64) -> Result<Vec<Tensor>, NetError>,
) -> Result<Vec<Tensor>, NetError> {
    let divisible = matches!(norm, Norm::Sample | Norm::Eval | Norm::Off);
    let mut part = if divisible { PART.min(count) } else { count };
    let mut sums: Vec<Tensor> = Vec::new();
    let mut start = 0;
    while start < count {
        let length = part.min(count - start);
        match pass(start, length) {
            Ok(values) if sums.is_empty() => sums = values,
            Ok(values) => {
                for (sum, value) in sums.iter_mut().zip(values) {
                    if value.defined() {
                        *sum = sum.f_add(&value)?;
                    }
                }
            }
            Err(error) if divisible && length > 1 && error.is_out_of_memory() => {
                part = length / 2;
                continue;
            }
            Err(error) => return Err(error),
        }
        start += length;
    }
    Ok(sums)
}
