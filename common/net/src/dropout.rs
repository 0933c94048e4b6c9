//! Dropout that is the same wherever it is drawn.

use knas_stats::random::stream;
use tch::Tensor;

use crate::NetError;

/// The masks of one forward pass: those of (seed, step, and how often it was
/// used before), whatever the device, the number of threads, or what came before
/// the step. Training that is taken up again draws what it would have drawn.
#[derive(Debug)]
pub struct Dropout {
    seed: u64,
    step: u64,
    uses: u64,
}

impl Dropout {
    /// The masks of a step of a training.
    pub fn new(seed: u64, step: u64) -> Self {
        Self {
            seed,
            step,
            uses: 0,
        }
    }

    /// `input` with each element zero with probability `rate` (to within 2⁻¹⁷),
    /// and otherwise divided by 1 − `rate`.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn apply(&mut self, input: &Tensor, rate: f64) -> Result<Tensor, NetError> {
        let use_number = self.uses;
        self.uses += 1;
        if rate == 0.0 {
            return Ok(input.shallow_clone());
        }
        let parts = [self.step.into(), use_number.into()];
        let mut random = stream(self.seed, "dropout", &parts);
        let least = (rate * 65_536.0).round() as u64;
        let mut kept = vec![0u8; input.numel()];
        for four in kept.chunks_mut(4) {
            let bits = random.next_u64();
            for (place, kept) in four.iter_mut().enumerate() {
                *kept = u8::from(bits >> (16 * place) & 0xffff >= least);
            }
        }
        let mask = Tensor::f_from_slice(&kept)?
            .f_to_device(input.device())?
            .f_to_kind(input.kind())?
            .f_mul_scalar(1.0 / (1.0 - rate))?
            .f_reshape(input.size())?;
        Ok(input.f_mul(&mask)?)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn ones() -> Tensor {
        Tensor::ones([50, 200], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_tenth_is_dropped_and_the_rest_makes_up_for_it() {
        let dropped = Dropout::new(3, 5).apply(&ones(), 0.1).unwrap();
        let kept = dropped.ne(0).sum(Kind::Int64).int64_value(&[]);
        // 10,000 draws: four deviations of 30.
        assert!((8880..9120).contains(&kept), "{kept}");
        let value = 1.0 / 0.9;
        assert!((dropped.max().double_value(&[]) - value).abs() < 1e-6);
        let none = Dropout::new(3, 5).apply(&ones(), 0.0).unwrap();
        assert_eq!(none, ones());
    }

    #[test]
    fn masks_are_those_of_seed_step_and_use() {
        let mut one = Dropout::new(3, 5);
        let (first, second) = (one.apply(&ones(), 0.5), one.apply(&ones(), 0.5));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_ne!(first, second);
        let mut again = Dropout::new(3, 5);
        let _ = again.apply(&ones(), 0.1).unwrap();
        assert_eq!(again.apply(&ones(), 0.5).unwrap(), second);
        for mut other in [Dropout::new(3, 6), Dropout::new(4, 5)] {
            assert_ne!(other.apply(&ones(), 0.5).unwrap(), first);
        }
    }
}
