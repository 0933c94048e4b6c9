//! What all tasks that classify have in common: the loss, and counting what is
//! right.

use tch::{Kind, Reduction, Tensor};

use crate::metrics::{Positives, Tally};
use crate::{Pass, TrainError};

/// Passed to libtorch where it wants a target that does not count.
const NO_TARGET: i64 = -100;

/// The outcome of a forward pass in training: `logits` is N × classes, `targets`
/// N classes, and `step` the number of examples in the step that the pass is a
/// part of. `smoothing` of a target is spread evenly over all classes.
pub fn pass(
    logits: &Tensor,
    targets: &Tensor,
    smoothing: f64,
    step: u64,
) -> Result<Pass, TrainError> {
    Ok(Pass {
        loss: cross_entropy(logits, targets, smoothing)?,
        correct: count(&predicted(logits)?.f_eq_tensor(targets)?)?,
        examples: targets.numel() as u64,
        step,
    })
}

/// Adds the outcome of a forward pass in evaluation to a sum; with `f1` also
/// that for class 1.
pub fn tally(
    tally: &mut Tally,
    logits: &Tensor,
    targets: &Tensor,
    f1: bool,
) -> Result<(), TrainError> {
    let loss = cross_entropy(logits, targets, 0.0)?.f_double_value(&[])?;
    let predicted = predicted(logits)?;
    let correct = predicted.f_eq_tensor(targets)?;
    tally.add(loss, count(&correct)?, targets.numel() as u64);
    if f1 {
        let actual = targets.f_eq(1)?;
        tally.add_positives(Positives {
            actual: count(&actual)?,
            predicted: count(&predicted.f_eq(1)?)?,
            found: count(&actual.f_logical_and(&correct)?)?,
        });
    }
    Ok(())
}

/// The mean over the batch.
fn cross_entropy(logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<Tensor, TrainError> {
    let weight = None::<&Tensor>;
    let reduction = Reduction::Mean;
    Ok(logits.f_cross_entropy_loss(targets, weight, reduction, NO_TARGET, smoothing)?)
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
        let mut sum = Tally::default();
        tally(&mut sum, &logits.view([5, 2]), &targets, true).unwrap();
        let metrics = sum.metrics();
        assert_eq!(metrics.accuracy, 3.0 / 5.0);
        // Of class 1: three in truth, three said, two of them right.
        assert_eq!(metrics.f1, Some(4.0 / 6.0));
    }
}
