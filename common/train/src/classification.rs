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

/// Adds the outcome of a forward pass in evaluation to a sum.
pub fn judge(sum: &mut Judgement, logits: &Tensor, targets: &Tensor) -> Result<(), TrainError> {
    let loss = cross_entropy(logits, targets, 0.0)?.f_double_value(&[])?;
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
        let (mut sum, logits) = (Judgement::default(), logits.view([5, 2]));
        judge(&mut sum, &logits.narrow(0, 0, 2), &targets.narrow(0, 0, 2)).unwrap();
        judge(&mut sum, &logits.narrow(0, 2, 3), &targets.narrow(0, 2, 3)).unwrap();
        let judged = sum.judged(true);
        let metrics = judged.metrics;
        let loss = cross_entropy(&logits, &targets, 0.0).unwrap();
        assert!((metrics.loss - loss.double_value(&[])).abs() < 1e-6);
        assert_eq!(metrics.accuracy, 3.0 / 5.0);
        assert_eq!(judged.confusion.rows(2), [[1, 1], [1, 2]]);
        // Of class 1: three in truth, three said, two of them right.
        assert_eq!(metrics.f1, Some(4.0 / 6.0));
    }
}
