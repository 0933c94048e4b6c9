//! The loop: what options weigh is learnt from one half of the training set, and the
//! network's own weights from the other.
//!
//! In each step θ is changed by a batch of half B, with the weights as they are, and then
//! the weights by a batch of half A, with that θ (Liu et al. 2019, first order). Each of
//! the two has a draw of its own. In the first epochs the weights alone learn: without
//! that, searches pass through better architectures than those in which they end.

use knas_data::{Augmentation, Batch, Images};
use knas_net::{Initial, Mix, Network, Norm, Source};
use knas_space::Supernet;
use knas_stats::random::{Stream, stream};
use knas_train::{Loss, Metrics, Optimiser as _, Schedule, Sgd, Tally, TrainError, clip};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::dirichlet::{concentration, divergence};
use crate::{Adam, Relaxation, SearchError, Table, Theta};

/// The length to which longer gradients of the weights are scaled.
const CLIP: f64 = 5.0;

/// The deviation of the first θ.
const DEVIATION: f64 = 1e-3;

/// The two halves of the training set.
#[derive(Clone, Copy)]
pub struct Halves<'d> {
    /// What the network's weights are learnt from.
    pub a: &'d Images,
    /// What θ is learnt from.
    pub b: &'d Images,
}

/// How a search goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Where options' weights come from.
    pub relaxation: Relaxation,
    /// Passes over half A.
    pub epochs: u64,
    /// How many of them, the first ones, leave θ as it is.
    pub warm_up: u64,
    /// Images in a step.
    pub batch: usize,
    /// The learning rate of the first step, from which a cosine leads down to the second.
    pub rates: (f64, f64),
    /// Momentum of the weights, which is plain.
    pub momentum: f64,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
    /// How θ is changed.
    pub adam: Adam,
    /// The factor of KL(Dir(β) ‖ Dir(1)) in the loss of θ.
    pub divergence: f64,
    /// What is done to images.
    pub augmentation: Augmentation,
    /// Seed of weights, of θ, of the images' order and of all draws.
    pub seed: u64,
}

/// What came of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: u64,
    /// The learning rate of its first step.
    pub learning_rate: f64,
    /// On half A, while the weights were learnt.
    pub train: Metrics,
    /// On half B, while θ was; none where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Metrics>,
    /// θ after it.
    pub theta: Table,
}

/// A search under way.
pub struct Search<'d> {
    pub(crate) supernet: &'d Supernet,
    pub(crate) network: Network,
    pub(crate) sgd: Sgd,
    pub(crate) theta: Theta,
    pub(crate) history: Vec<Epoch>,
    halves: Halves<'d>,
    recipe: Recipe,
    loss: Loss,
}

impl<'d> Search<'d> {
    /// A search before its first epoch, among the options that are `allowed`.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        supernet: &'d Supernet,
        allowed: Vec<Vec<bool>>,
        halves: Halves<'d>,
        recipe: Recipe,
        options: (Kind, Device),
    ) -> Result<Self, SearchError> {
        let initial = Initial {
            init: knas_net::Init::Default,
            seed: recipe.seed,
        };
        let network = Network::new(supernet.graph.clone(), Source::Random(initial), options)?;
        Ok(Self {
            loss: Loss::new(0.0, None, options.1)?,
            theta: Theta::new(first(supernet, recipe.seed), allowed),
            sgd: Sgd::new(recipe.momentum, recipe.weight_decay).plain(),
            history: Vec::new(),
            supernet,
            network,
            halves,
            recipe,
        })
    }

    /// The epochs so far.
    #[must_use]
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// What is learnt of the options.
    #[must_use]
    pub fn theta(&self) -> &Theta {
        &self.theta
    }

    /// What each option is expected to weigh.
    #[must_use]
    pub fn expected(&self) -> Table {
        self.recipe.relaxation.expected(&self.theta)
    }

    /// Steps in an epoch.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.halves.a.len().div_ceil(self.recipe.batch.max(1)) as u64
    }

    /// Whether all epochs are over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.history.len() as u64 >= self.recipe.epochs
    }

    /// Runs an epoch. Before each step `go_on` is asked whether there is to be one.
    ///
    /// # Errors
    /// When a loss or θ is not finite, libtorch refuses, or `go_on` says no. The search
    /// cannot go on from there.
    pub fn run_epoch(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<(), SearchError> {
        let epoch = self.history.len() as u64;
        let Recipe {
            batch,
            seed,
            augmentation,
            ..
        } = self.recipe;
        let Halves { a, b } = self.halves;
        let (mut train, mut valid) = (Tally::default(), None::<Tally>);
        // Where half B is the smaller one, it is passed through several times.
        let rounds = self
            .steps()
            .div_ceil(b.len().div_ceil(batch.max(1)).max(1) as u64);
        let passes = (0..rounds).map(|round| epoch * rounds + round);
        let mut others = passes.flat_map(|pass| b.epoch(batch, seed, pass, augmentation));
        let learns = epoch >= self.recipe.warm_up && self.recipe.relaxation != Relaxation::Path;
        for (number, batch) in (0..).zip(a.epoch(batch, seed, epoch, augmentation)) {
            if !go_on() {
                return Err(TrainError::Interrupted.into());
            }
            let at = Step {
                epoch,
                number,
                steps: self.steps(),
            };
            if learns && let Some(other) = others.next() {
                self.learn_theta(&other, at, valid.get_or_insert_default())?;
            }
            self.learn_weights(&batch, at, &mut train)?;
        }
        self.history.push(Epoch {
            epoch: epoch + 1,
            learning_rate: self.rate(epoch * self.steps()),
            train: train.metrics(),
            valid: valid.map(|valid| valid.metrics()),
            theta: self.theta.values.clone(),
        });
        Ok(())
    }

    /// Loss and accuracy of the architecture of these options with the weights that it
    /// has here, on images that are normalised batch by batch.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn judge(&self, options: &[usize], images: &Images) -> Result<Metrics, SearchError> {
        let _guard = tch::no_grad_guard();
        let mut tally = Tally::default();
        for batch in images.batches(256) {
            let (inputs, targets) = batch.tensors(self.network.options().1);
            let logits = self
                .network
                .forward_mixed(&inputs, Norm::Batch, Mix::Path(options))?;
            let pass = self.loss.whole(&logits, &targets)?;
            tally.add(
                pass.loss.f_double_value(&[]).map_err(SearchError::from)?,
                pass.correct,
                pass.examples,
            );
        }
        Ok(tally.metrics())
    }

    fn rate(&self, step: u64) -> f64 {
        let (first, last) = self.recipe.rates;
        let total = self.recipe.epochs * self.steps();
        last + (first - last) * Schedule::Cosine.factor(step, total, 0)
    }

    fn random(&self, purpose: &str, at: Step) -> Stream {
        stream(self.recipe.seed, purpose, &[at.of_all().into()])
    }

    fn learn_theta(
        &mut self,
        batch: &Batch,
        at: Step,
        tally: &mut Tally,
    ) -> Result<(), SearchError> {
        let relaxation = self.recipe.relaxation;
        let drawn = relaxation.draw(&self.theta, &mut self.random("theta-mix", at));
        let weights = self.tensor(&drawn)?.f_set_requires_grad(true)?;
        let loss = self.pass(batch, Mix::Weights(&weights), at, tally)?;
        let slopes = Tensor::f_run_backward(&[loss], &[&weights], false, false)?;
        let slopes = table(&slopes[0], &drawn)?;
        let mut slopes = relaxation.pull(&self.theta, &drawn, &slopes)?;
        if self.recipe.divergence > 0.0 {
            self.add_divergence(&mut slopes);
        }
        self.theta.step(&slopes, self.recipe.adam);
        match self.theta.not_finite() {
            None => Ok(()),
            Some((choice, value)) => Err(SearchError::Theta {
                choice: self
                    .supernet
                    .choices
                    .get(choice)
                    .map_or_else(String::new, |c| c.name.clone()),
                value,
                epoch: at.epoch + 1,
                step: at.number + 1,
                steps: at.steps,
            }),
        }
    }

    /// Adds how the divergence of the distributions from even ones changes with θ.
    fn add_divergence(&self, slopes: &mut Table) {
        let rows = self
            .theta
            .values
            .iter()
            .zip(&self.theta.allowed)
            .zip(slopes);
        for ((values, allowed), slopes) in rows {
            let open = values.iter().zip(allowed).filter(|(_, allowed)| **allowed);
            let betas: Vec<(f64, f64)> = open.map(|(&theta, _)| concentration(theta)).collect();
            let beta: Vec<f64> = betas.iter().map(|(beta, _)| *beta).collect();
            let chain = divergence(&beta).1.into_iter().zip(&betas);
            let chain = chain.map(|(slope, (_, inner))| self.recipe.divergence * slope * inner);
            let open = slopes
                .iter_mut()
                .zip(allowed)
                .filter(|(_, allowed)| **allowed);
            open.zip(chain)
                .for_each(|((slope, _), more)| *slope += more);
        }
    }

    fn learn_weights(
        &mut self,
        batch: &Batch,
        at: Step,
        tally: &mut Tally,
    ) -> Result<(), SearchError> {
        let relaxation = self.recipe.relaxation;
        let drawn = relaxation.draw(&self.theta, &mut self.random("weight-mix", at));
        let loss = match relaxation {
            Relaxation::Path => {
                let chosen = |row: &Vec<f64>| row.iter().position(|&weight| weight > 0.0);
                let path: Vec<usize> = drawn.iter().map(|row| chosen(row).unwrap_or(0)).collect();
                self.pass(batch, Mix::Path(&path), at, tally)?
            }
            _ => self.pass(batch, Mix::Weights(&self.tensor(&drawn)?), at, tally)?,
        };
        let parameters = self.network.parameters();
        let tensors: Vec<&Tensor> = parameters.iter().map(|p| &p.tensor).collect();
        let mut gradients = Tensor::f_run_backward(&[loss], &tensors, false, false)?;
        clip(&mut gradients, CLIP)?;
        let rate = self.rate(at.of_all());
        Ok(self.sgd.step(parameters, gradients, rate)?)
    }

    /// The loss of a batch, which is a number.
    fn pass(
        &self,
        batch: &Batch,
        mix: Mix<'_>,
        at: Step,
        tally: &mut Tally,
    ) -> Result<Tensor, SearchError> {
        let (inputs, targets) = batch.tensors(self.network.options().1);
        let logits = self.network.forward_mixed(&inputs, Norm::Batch, mix)?;
        let pass = self.loss.whole(&logits, &targets)?;
        let loss = pass.loss.f_double_value(&[])?;
        if !loss.is_finite() {
            let diverged = TrainError::Diverged {
                loss,
                epoch: at.epoch + 1,
                step: at.number + 1,
                steps: at.steps,
            };
            return Err(diverged.into());
        }
        tally.add(loss, pass.correct, pass.examples);
        Ok(pass.loss)
    }

    /// Weights of options as the network takes them.
    fn tensor(&self, weights: &Table) -> Result<Tensor, SearchError> {
        let width = weights.iter().map(Vec::len).max().unwrap_or(0);
        let mut flat = Vec::with_capacity(weights.len() * width);
        for row in weights {
            flat.extend(row);
            flat.resize(flat.len().next_multiple_of(width.max(1)), 0.0);
        }
        let (kind, device) = self.network.options();
        let shape = [weights.len() as i64, width as i64];
        let tensor = Tensor::f_from_slice(&flat)?.f_reshape(shape)?;
        Ok(tensor.f_to_kind(kind)?.f_to_device(device)?)
    }
}

/// Which step it is.
#[derive(Clone, Copy)]
struct Step {
    /// From 0.
    epoch: u64,
    /// Within the epoch, from 0.
    number: u64,
    /// Steps in an epoch.
    steps: u64,
}

impl Step {
    fn of_all(self) -> u64 {
        self.epoch * self.steps + self.number
    }
}

/// The first θ: normal, with a small deviation.
fn first(supernet: &Supernet, seed: u64) -> Table {
    let mut random = stream(seed, "theta", &[]);
    let row = |choice: &knas_space::Choice| {
        let mut values = vec![0f32; choice.options.len()];
        random.fill_normal(&mut values);
        values
            .iter()
            .map(|&value| DEVIATION * f64::from(value))
            .collect()
    };
    supernet.choices.iter().map(row).collect()
}

/// Slopes as a table of as many options as `like` has; 0 where there is none.
fn table(slopes: &Tensor, like: &Table) -> Result<Table, SearchError> {
    if !slopes.defined() {
        return Ok(like.iter().map(|row| vec![0.0; row.len()]).collect());
    }
    let slopes = slopes.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
    let mut slopes: Table = Vec::try_from(slopes)?;
    slopes
        .iter_mut()
        .zip(like)
        .for_each(|(row, like)| row.truncate(like.len()));
    Ok(slopes)
}
