//! What all tasks that classify have in common: the loss, and counting what is
//! right.

use tch::{Device, Kind, Reduction, Tensor};

use crate::metrics::Judgement;
use crate::mixup::Mix;
use crate::{Pass, TrainError};

/// Passed to libtorch where it wants a target that does not count.
const NO_TARGET: i64 = -100;

/// The loss that is minimised.
#[derive(Debug)]
pub struct Loss {
    /// The share of a target that is spread evenly over all classes.
    smoothing: f64,
    /// What an example of each class weighs, where that differs.
    weights: Option<Tensor>,
}

impl Loss {
    /// A loss with so much smoothing, 0 to 1; with these weights of the classes, where
    /// there are any.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(
        smoothing: f64,
        weights: Option<Vec<f64>>,
        device: Device,
    ) -> Result<Self, TrainError> {
        let tensor = |weights: Vec<f64>| {
            let weights = Tensor::f_from_slice(&weights)?.f_to_kind(Kind::Float)?;
            weights.f_to_device(device)
        };
        Ok(Self {
            smoothing,
            weights: weights.map(tensor).transpose()?,
        })
    }

    /// The outcome of a forward pass over a batch: `logits` are N × classes, `targets` N
    /// classes.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice.
    pub fn whole(&self, logits: &Tensor, targets: &Tensor) -> Result<Pass, TrainError> {
        self.part(logits, targets, (targets.numel() as u64, 1.0))
    }

    /// As [`Loss::whole`], of a part of a batch of so many examples, which has such a share
    /// of the [weight](Loss::weight) of all.
    ///
    /// # Errors
    /// As [`Loss::whole`].
    pub fn part(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        (step, share): (u64, f64),
    ) -> Result<Pass, TrainError> {
        Ok(Pass {
            loss: self.mean(logits, targets)?,
            correct: count(&predicted(logits)?.f_eq_tensor(targets)?)? as f64,
            examples: targets.numel() as u64,
            step,
            share,
        })
    }

    /// As [`Loss::whole`], of a batch that is mixed: each example is right by as much as
    /// there is in it of the class that it is taken for.
    ///
    /// # Errors
    /// As [`Loss::whole`].
    pub fn mixed(&self, logits: &Tensor, targets: &Tensor, mix: &Mix) -> Result<Pass, TrainError> {
        let first = self.whole(logits, targets)?;
        let second = self.whole(logits, &mix.others(targets)?)?;
        let (own, other) = (mix.share, 1.0 - mix.share);
        let others = second.loss.f_mul_scalar(other)?;
        Ok(Pass {
            loss: first.loss.f_mul_scalar(own)?.f_add(&others)?,
            correct: own * first.correct + other * second.correct,
            ..first
        })
    }

    /// What examples of these classes weigh together.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn weight(&self, targets: &Tensor) -> Result<f64, TrainError> {
        let Some(weights) = &self.weights else {
            return Ok(targets.numel() as f64);
        };
        let weights = weights.f_index_select(0, &targets.f_to_device(weights.device())?)?;
        Ok(weights.f_sum(Kind::Double)?.f_double_value(&[])?)
    }

    /// The mean over the batch, of examples that count as much as they weigh.
    fn mean(&self, logits: &Tensor, targets: &Tensor) -> Result<Tensor, TrainError> {
        let weights = self.weights.as_ref();
        cross_entropy(logits, targets, self.smoothing, weights)
    }
}

/// Weights with which all classes count alike: n / (k·nᶜ) for a class with nᶜ of n
/// examples, where k classes have some (scikit-learn's `balanced`). A class without
/// examples has 0.
pub fn balanced(labels: &[u32], classes: usize) -> Vec<f64> {
    let mut counts = vec![0u64; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
    }
    let held = counts.iter().filter(|&&count| count > 0).count();
    let weight = |count| match count {
        0 => 0.0,
        count => labels.len() as f64 / (held as f64 * count as f64),
    };
    counts.into_iter().map(weight).collect()
}

/// Adds the outcome of a forward pass in evaluation to a sum.
pub fn judge(sum: &mut Judgement, logits: &Tensor, targets: &Tensor) -> Result<(), TrainError> {
    let loss = cross_entropy(logits, targets, 0.0, None)?.f_double_value(&[])?;
    let [classes, said] = [classes(targets)?, classes(&predicted(logits)?)?];
    sum.add(loss, classes.into_iter().zip(said));
    Ok(())
}

/// N classes.
fn classes(of: &Tensor) -> Result<Vec<u32>, TrainError> {
    let classes: Vec<i64> = Vec::try_from(of.f_to_device(Device::Cpu)?)?;
    // A network has fewer than so many.
    let class = |class| u32::try_from(class).unwrap_or(u32::MAX);
    Ok(classes.into_iter().map(class).collect())
}

fn cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    smoothing: f64,
    weights: Option<&Tensor>,
) -> Result<Tensor, TrainError> {
    let reduction = Reduction::Mean;
    Ok(logits.f_cross_entropy_loss(targets, weights, reduction, NO_TARGET, smoothing)?)
}

fn predicted(logits: &Tensor) -> Result<Tensor, TrainError> {
    Ok(logits.f_detach()?.f_argmax(-1, false)?)
}

fn count(which: &Tensor) -> Result<u64, TrainError> {
    Ok(which.f_sum(Kind::Int64)?.f_int64_value(&[])?.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_is_counted() {
        let logits = Tensor::from_slice(&[0f32, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 2.0, 0.0]);
        let targets = Tensor::from_slice(&[1i64, 1, 0, 1, 0]);
        let (mut sum, logits) = (Judgement::default(), logits.view([5, 2]));
        judge(&mut sum, &logits.narrow(0, 0, 2), &targets.narrow(0, 0, 2)).unwrap();
        judge(&mut sum, &logits.narrow(0, 2, 3), &targets.narrow(0, 2, 3)).unwrap();
        let judged = sum.judged(true);
        let metrics = judged.metrics;
        let loss = cross_entropy(&logits, &targets, 0.0, None).unwrap();
        assert!((metrics.loss - loss.double_value(&[])).abs() < 1e-6);
        assert_eq!(metrics.accuracy, 3.0 / 5.0);
        assert_eq!(judged.confusion.rows(2), [[1, 1], [1, 2]]);
        // Of class 1: three in truth, three said, two of them right.
        assert_eq!(metrics.f1, Some(4.0 / 6.0));
    }

    // l = torch.tensor([[0.1, 0.4, -0.3], [1.2, -0.7, 0.5], [0.0, 0.3, 0.9], [-0.2, 0.8, 0.6]])
    // y = torch.tensor([0, 1, 1, 1])
    // w = sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1], y=y)
    // w = torch.tensor([*w, 0.0], dtype=torch.float)
    // for s in (0, 0.1): print(torch.nn.CrossEntropyLoss(weight=w, label_smoothing=s)(l, y))
    // print(w, w[y[:3]].sum())
    #[test]
    fn balanced_weights_are_those_of_scikit_learn_in_the_loss_of_pytorch() {
        let logits = [
            0.1f32, 0.4, -0.3, 1.2, -0.7, 0.5, 0.0, 0.3, 0.9, -0.2, 0.8, 0.6,
        ];
        let (logits, labels) = (Tensor::from_slice(&logits).view([4, 3]), [0u32, 1, 1, 1]);
        let targets = Tensor::from_slice(&labels.map(i64::from));
        let weights = balanced(&labels, 3);
        assert_eq!(weights, [2.0, 4.0 / 6.0, 0.0]);
        for (smoothing, expected) in [(0.0, 1.2945547103881836), (0.1, 1.2769147157669067)] {
            let loss = Loss::new(smoothing, Some(weights.clone()), Device::Cpu).unwrap();
            let pass = loss.whole(&logits, &targets).unwrap();
            assert!(
                (pass.loss.double_value(&[]) - expected).abs() < 1e-6,
                "{pass:?}"
            );
            assert!((loss.weight(&targets.narrow(0, 0, 3)).unwrap() - 10.0 / 3.0).abs() < 1e-6);
            // Parts count by their weight, and make up the whole.
            let part = |start, count| {
                let targets = targets.narrow(0, start, count);
                let share = loss.weight(&targets).unwrap() / 4.0;
                let part = loss.part(&logits.narrow(0, start, count), &targets, (4, share));
                part.unwrap().loss.double_value(&[]) * share
            };
            assert!((part(0, 1) + part(1, 3) - expected).abs() < 1e-6);
        }
    }

    // l = torch.arange(12.).cos().reshape(4, 3)
    // y = torch.tensor([0, 1, 2, 1]); p = torch.tensor([2, 3, 1, 0]); a = 0.3
    // f = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    // print(a * f(l, y) + (1 - a) * f(l, y[p]))
    // r = l.argmax(1); print(a * (r == y).sum() + (1 - a) * (r == y[p]).sum())
    #[test]
    fn the_loss_of_what_is_mixed_is_that_of_both_classes() {
        let logits = Tensor::arange(12, (Kind::Float, Device::Cpu)).cos();
        let targets = Tensor::from_slice(&[0i64, 1, 2, 1]);
        let loss = Loss::new(0.1, None, Device::Cpu).unwrap();
        let mix = Mix::of(0.3, &[2, 3, 1, 0]);
        let pass = loss.mixed(&logits.view([4, 3]), &targets, &mix).unwrap();
        assert!(
            (pass.loss.double_value(&[]) - 1.4291906356811523).abs() < 1e-6,
            "{pass:?}"
        );
        assert!((pass.correct - 0.3).abs() < 1e-6, "{pass:?}");
    }
}
