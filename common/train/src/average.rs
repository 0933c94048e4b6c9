//! An average of a model over the steps of its training.

use tch::{Tensor, no_grad};

use crate::TrainError;

/// An exponential moving average of parameters and running statistics, ā ← dā + (1 − d)a
/// after every step, which begins with their first values. In step n, from 1, d is the
/// smaller of the decay and (1 + n) / (10 + n): so the first values, which know nothing,
/// soon count for little (as TensorFlow's `ExponentialMovingAverage` with `num_updates`).
#[derive(Debug)]
pub struct Average {
    decay: f64,
    values: Vec<Tensor>,
}

impl Average {
    /// Of these tensors before their first step.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn new(decay: f64, of: &[Tensor]) -> Result<Self, TrainError> {
        let values = of.iter().map(Tensor::f_detach_copy);
        let values = values.collect::<Result<_, _>>()?;
        Ok(Self { decay, values })
    }

    /// Follows the tensors after the step of this number, from 1.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn follow(&mut self, of: &[Tensor], step: u64) -> Result<(), TrainError> {
        let decay = self.decay.min((1 + step) as f64 / (10 + step) as f64);
        no_grad(|| {
            for (value, new) in self.values.iter_mut().zip(of) {
                let _ = value.f_lerp_(new, 1.0 - decay)?;
            }
            Ok(())
        })
    }

    /// Puts the averages in the place of the tensors for as long as `work` takes.
    ///
    /// # Errors
    /// When memory does not suffice, and those of `work`.
    pub fn instead<T>(
        &self,
        of: &[Tensor],
        work: impl FnOnce() -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let kept = of.iter().map(Tensor::f_detach_copy);
        let kept: Vec<Tensor> = kept.collect::<Result<_, _>>()?;
        put(of, &self.values)?;
        let done = work();
        put(of, &kept)?;
        done
    }

    /// The averages, in the order of the tensors.
    pub fn values(&self) -> &[Tensor] {
        &self.values
    }

    /// Goes on from these.
    pub fn restore(&mut self, values: Vec<Tensor>) {
        self.values = values;
    }
}

/// Gives tensors these values.
pub fn put(tensors: &[Tensor], values: &[Tensor]) -> Result<(), TrainError> {
    no_grad(|| {
        for (tensor, value) in tensors.iter().zip(values) {
            tensor.shallow_clone().f_copy_(value)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    // model = torch.nn.BatchNorm1d(3)
    // model.num_batches_tracked = model.num_batches_tracked.float()
    // decay = lambda n: min(0.6, (1 + n) / (10 + n))
    // def follow(average, new, count):  # the first call copies, and is not one of the steps
    //     return average.lerp(new, 1 - decay(count))
    // average = torch.optim.swa_utils.AveragedModel(model, avg_fn=follow, use_buffers=True)
    // average.update_parameters(model)
    // for n in range(1, 31):
    //     with torch.no_grad():
    //         model.weight.copy_((torch.arange(3.) + n).sin())
    //         model.running_var.copy_((torch.arange(3.) * n).cos() + 2)
    //     average.update_parameters(model)
    //     if n in (1, 5, 30): print(average.module.weight, average.module.running_var)
    #[test]
    fn averages_are_those_of_pytorch() {
        let arange = || Tensor::arange(3, (Kind::Float, Device::Cpu));
        let model = [arange().ones_like(), arange().ones_like()];
        let mut average = Average::new(0.6, &model).unwrap();
        for (from, to, expected) in [
            (
                1,
                2,
                [
                    [0.8702944, 0.9257888, 0.29728],
                    [2.6363635, 2.2602472, 1.477698],
                ],
            ),
            (
                2,
                6,
                [
                    [-0.7164635, -0.4742526, 0.2058209],
                    [2.9960041, 1.893347, 1.5268164],
                ],
            ),
            (
                6,
                31,
                [
                    [-0.4190972, -0.4130737, -0.0272722],
                    [2.9999998, 1.7782044, 1.7081776],
                ],
            ),
        ] {
            for step in from..to {
                let values = [(arange() + step).sin(), (arange() * step).cos() + 2];
                put(&model, &values).unwrap();
                average.follow(&model, step.unsigned_abs()).unwrap();
            }
            for (value, expected) in average.values().iter().zip(expected) {
                let found: Vec<f64> = Vec::try_from(value).unwrap();
                let far = found
                    .iter()
                    .zip(expected)
                    .any(|(a, b)| (a - b).abs() > 1e-6);
                assert!(!far, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn what_is_learnt_is_there_again_after_averages_were_in_its_place() {
        let model = [Tensor::from_slice(&[1f32, 2.0])];
        let average = Average::new(0.9, &[Tensor::from_slice(&[5f32, 7.0])]).unwrap();
        let seen = average
            .instead(&model, || Ok(model[0].f_detach_copy()?))
            .unwrap();
        assert_eq!(seen, Tensor::from_slice(&[5f32, 7.0]));
        let failed = average.instead(&model, || Err::<(), _>(TrainError::Interrupted));
        assert!(failed.is_err());
        assert_eq!(model[0], Tensor::from_slice(&[1f32, 2.0]));
    }
}
