//! What all training has in common: the steps of an epoch, and what they change.

use std::time::{Duration, Instant};

use knas_net::weights::WeightFile;
use tch::Tensor;

use crate::average::{Average, put};
use crate::{Judged, Metrics, Optimiser, Outcome, Pass, Recipe, Tally, Task, TrainError};

/// A model that learns, epoch by epoch.
pub(crate) struct Learner<'t> {
    task: &'t dyn Task,
    optimiser: Box<dyn Optimiser>,
    recipe: Recipe,
    /// How many epochs it has learnt.
    epochs: u64,
    average: Option<Average>,
    last: Duration,
}

impl<'t> Learner<'t> {
    /// One that has learnt nothing.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        task: &'t dyn Task,
        optimiser: Box<dyn Optimiser>,
        recipe: Recipe,
    ) -> Result<Self, TrainError> {
        let mut learner = Self {
            task,
            optimiser,
            recipe,
            epochs: 0,
            average: None,
            last: Duration::ZERO,
        };
        let average = recipe
            .average
            .map(|decay| Average::new(decay, &learner.tensors()));
        learner.average = average.transpose()?;
        Ok(learner)
    }

    /// How long the last epoch took.
    pub fn last(&self) -> Duration {
        self.last
    }

    /// One epoch: the learning rate of its first step, and how its examples were taken
    /// when each had its step. Before each step `go_on` is asked whether there is to be
    /// one.
    ///
    /// # Errors
    /// When the model cannot be evaluated, the loss is not finite, or `go_on` says no.
    /// The training cannot go on from there.
    pub fn epoch(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<(f64, Metrics), TrainError> {
        let start = Instant::now();
        let (epoch, steps) = (self.epochs, self.task.steps());
        let first = epoch * steps;
        let recipe = self.recipe;
        let rate = |step| recipe.rate(step, steps);
        let parameters = self.task.parameters();
        let tensors: Vec<&Tensor> = parameters.iter().map(|p| &p.tensor).collect();
        let all = self.tensors();
        let (mut tally, mut step) = (Tally::default(), 0);
        let mut parts = Parts::default();
        let (optimiser, average) = (&mut self.optimiser, &mut self.average);
        self.task.epoch(epoch, &mut |pass: Pass| {
            if !go_on() {
                return Err(TrainError::Interrupted);
            }
            let loss = pass.loss.f_double_value(&[])?;
            let at = (epoch + 1, step + 1, steps);
            let loss = finite(loss, at)?;
            tally.add(loss, pass.correct, pass.examples);
            if let Some(mut gradients) = parts.add(pass, &tensors)? {
                if let Some(most) = recipe.clip {
                    clip(&mut gradients, most)?;
                }
                optimiser.step(parameters, gradients, rate(first + step))?;
                step += 1;
                if let Some(average) = average {
                    average.follow(&all, first + step)?;
                }
            }
            Ok(())
        })?;
        self.epochs += 1;
        self.last = start.elapsed();
        Ok((rate(first), tally.metrics()))
    }

    /// How well the model does on validation examples; where weights are averaged, that
    /// of the averages.
    ///
    /// # Errors
    /// When it cannot be evaluated, or its loss is not finite.
    pub fn validate(&self) -> Result<Metrics, TrainError> {
        let valid = self.judged(|task| task.validate())?.metrics;
        let steps = self.task.steps();
        finite(valid.loss, (self.epochs, steps + 1, steps))?;
        Ok(valid)
    }

    /// How the model is judged that was last put in place.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn outcome(&self) -> Result<Outcome, TrainError> {
        Outcome::of(self.task)
    }

    /// How it does on test examples, where there are any.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn test(&self) -> Result<Option<Judged>, TrainError> {
        self.task.test()
    }

    /// What `look` sees of the model that is judged and kept.
    fn judged<T>(
        &self,
        look: impl FnOnce(&dyn Task) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        match &self.average {
            Some(average) => average.instead(&self.tensors(), || look(self.task)),
            None => look(self.task),
        }
    }

    /// The model that is judged and kept, under its official names.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn model(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        let state = |task: &dyn Task| task.state(self.epochs * task.steps());
        match &self.average {
            None => state(self.task),
            // What is put in its place again must not change what was seen.
            Some(_) => self.judged(|task| copies(state(task)?)),
        }
    }

    /// Its parameters and buffers, which keep their values.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn kept(&self) -> Result<Vec<Tensor>, TrainError> {
        let tensors = self.tensors();
        let kept = match &self.average {
            Some(average) => average.values(),
            None => &tensors,
        };
        let kept = kept.iter().map(Tensor::f_detach_copy);
        Ok(kept.collect::<Result<_, _>>()?)
    }

    /// Has the model be what [`Learner::kept`] gave.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn put(&self, kept: &[Tensor]) -> Result<(), TrainError> {
        put(&self.tensors(), kept)
    }

    /// Everything that the next epoch depends on, beside how many there were.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let names = self.names();
        let mut state: Vec<_> = names
            .iter()
            .map(|n| current(n))
            .zip(self.tensors())
            .collect();
        if let Some(average) = &self.average {
            let values = average.values().iter().map(Tensor::shallow_clone);
            state.extend(names.iter().map(|n| averaged(n)).zip(values));
        }
        state.extend(self.optimiser.state(self.task.parameters()));
        state
    }

    /// Takes up a training after so many epochs; `state` is what [`Learner::state`] gave
    /// then.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, epochs: u64, state: &WeightFile) -> Result<(), TrainError> {
        self.put(&self.stored(state, current)?)?;
        let values = match self.average {
            Some(_) => self.stored(state, averaged)?,
            None => Vec::new(),
        };
        if let Some(average) = &mut self.average {
            average.restore(values);
        }
        let steps = epochs * self.task.steps();
        self.optimiser
            .restore(self.task.parameters(), state, steps)?;
        self.epochs = epochs;
        Ok(())
    }

    /// What a file has in the place of each tensor, by a name made of the tensor's.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn stored(
        &self,
        file: &WeightFile,
        name: fn(&str) -> String,
    ) -> Result<Vec<Tensor>, TrainError> {
        let tensors = self.tensors();
        let pairs = self.names().into_iter().zip(tensors);
        let stored = pairs.map(|(of, like)| {
            let stored = file.tensor(&name(&of), &like.size())?;
            Ok(stored.f_to_device(like.device())?.f_to_kind(like.kind())?)
        });
        stored.collect()
    }

    /// Parameters and buffers: the tensors that the model uses.
    fn tensors(&self) -> Vec<Tensor> {
        let parameters = self.task.parameters().iter();
        let mut tensors: Vec<_> = parameters.map(|p| p.tensor.detach()).collect();
        tensors.extend(self.task.buffers().into_iter().map(|(_, tensor)| tensor));
        tensors
    }

    fn names(&self) -> Vec<String> {
        let parameters = self.task.parameters().iter();
        let mut names: Vec<_> = parameters.map(|p| p.name.clone()).collect();
        names.extend(self.task.buffers().into_iter().map(|(name, _)| name));
        names
    }
}

fn current(name: &str) -> String {
    format!("model.{name}")
}

fn averaged(name: &str) -> String {
    format!("average.{name}")
}

fn copies(tensors: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>, TrainError> {
    let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach_copy()?));
    tensors.into_iter().map(copy).collect()
}

/// A loss that is a number, at this epoch and step, of so many steps.
fn finite(loss: f64, (epoch, step, steps): (u64, u64, u64)) -> Result<f64, TrainError> {
    match loss.is_finite() {
        true => Ok(loss),
        false => Err(TrainError::Diverged {
            loss,
            epoch,
            step,
            steps,
        }),
    }
}

/// Scales gradients so that all of them together are no longer than this, as PyTorch's
/// `clip_grad_norm_` does. One may be undefined.
///
/// # Errors
/// When libtorch refuses.
pub fn clip(gradients: &mut [Tensor], most: f64) -> Result<(), TrainError> {
    let _guard = tch::no_grad_guard();
    let mut square = 0.0;
    for gradient in gradients.iter().filter(|gradient| gradient.defined()) {
        square += gradient.f_norm()?.f_double_value(&[])?.powi(2);
    }
    let factor = most / (square.sqrt() + 1e-6);
    if factor < 1.0 {
        for gradient in gradients.iter_mut().filter(|gradient| gradient.defined()) {
            let _ = gradient.f_mul_scalar_(factor)?;
        }
    }
    Ok(())
}

/// The gradients of a batch, part by part.
#[derive(Default)]
struct Parts {
    gradients: Vec<Tensor>,
    examples: u64,
}

impl Parts {
    /// Adds a pass, and gives the gradients of the batch's mean loss with the
    /// last of its parts. A parameter without a gradient has an undefined one.
    fn add(
        &mut self,
        pass: Pass,
        parameters: &[&Tensor],
    ) -> Result<Option<Vec<Tensor>>, TrainError> {
        let whole = pass.examples == pass.step;
        let loss = match whole {
            true => pass.loss,
            false => pass.loss.f_mul_scalar(pass.share)?,
        };
        let gradients = Tensor::f_run_backward(&[loss], parameters, false, false)?;
        if self.gradients.is_empty() {
            self.gradients = gradients;
        } else {
            let _guard = tch::no_grad_guard();
            for (sum, part) in self.gradients.iter_mut().zip(gradients) {
                match (sum.defined(), part.defined()) {
                    (true, true) => drop(sum.f_add_(&part)?),
                    (false, true) => *sum = part,
                    (_, false) => {}
                }
            }
        }
        self.examples += pass.examples;
        if self.examples < pass.step {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).gradients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // g = [torch.tensor([3.0, -4.0]), None, torch.tensor([[12.0]])]
    // p = [torch.nn.Parameter(torch.zeros_like(x)) for x in g if x is not None]
    // for x, y in zip(p, (g[0], g[2])): x.grad = y
    // torch.nn.utils.clip_grad_norm_(p, most); print([x.grad for x in p])  # most: 20.0, 6.5
    #[test]
    fn gradients_are_clipped_as_by_pytorch() {
        for (most, expected) in [(20.0, [3.0, -4.0, 12.0]), (6.5, [1.5, -2.0, 6.0])] {
            let mut gradients = [
                Tensor::from_slice(&[3f32, -4.0]),
                Tensor::new(),
                Tensor::from_slice(&[12f32]),
            ];
            clip(&mut gradients, most).unwrap();
            let mut found: Vec<f64> = Vec::try_from(&gradients[0]).unwrap();
            found.push(gradients[2].double_value(&[0]));
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
            assert!(!gradients[1].defined());
        }
    }
}
