//! What all tasks that classify have in common: the loss, and counting what is
//! right.

use tch::{Device, Kind, Reduction, Tensor};

use crate::metrics::Judgement;
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

/// Adds the outcome of a forward pass in evaluation to a sum, which is begun with
/// the first one.
pub fn judge(
    sum: &mut Option<Judgement>,
    logits: &Tensor,
    targets: &Tensor,
) -> Result<(), TrainError> {
    let loss = cross_entropy(logits, targets, 0.0)?.f_double_value(&[])?;
    let classes = logits.size().last().copied().unwrap_or(0);
    let places = targets.f_mul_scalar(classes)?.f_add(&predicted(logits)?)?;
    let counts = places.f_bincount(None::<&Tensor>, classes * classes)?;
    let counts: Vec<i64> = Vec::try_from(counts.f_to_device(Device::Cpu)?)?;
    let counts: Vec<u64> = counts.into_iter().map(i64::unsigned_abs).collect();
    let classes = usize::try_from(classes).unwrap_or(0);
    let sum = sum.get_or_insert_with(|| Judgement::of(classes));
    sum.add(loss, &counts);
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
        let (mut sum, logits) = (None, logits.view([5, 2]));
        judge(&mut sum, &logits.narrow(0, 0, 2), &targets.narrow(0, 0, 2)).unwrap();
        judge(&mut sum, &logits.narrow(0, 2, 3), &targets.narrow(0, 2, 3)).unwrap();
        let judged = sum.unwrap().judged(true);
        let metrics = judged.metrics;
        let loss = cross_entropy(&logits, &targets, 0.0).unwrap();
        assert!((metrics.loss - loss.double_value(&[])).abs() < 1e-6);
        assert_eq!(metrics.accuracy, 3.0 / 5.0);
        assert_eq!(judged.confusion.rows(), [[1, 1], [1, 2]]);
        // Of class 1: three in truth, three said, two of them right.
        assert_eq!(metrics.f1, Some(4.0 / 6.0));
    }
}
