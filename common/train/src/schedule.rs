//! The learning rate of every step.

use std::f64::consts::PI;

/// How the learning rate changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Half a cosine, from the full rate at the first step to 0 after the last
    /// (Loshchilov & Hutter 2017, equation 5, without restarts).
    Cosine,
    /// Up in equal parts over the first 6 % of the steps (rounded up), the last
    /// of which has the full rate; from there down in equal parts, to 0 after
    /// the last (Liu et al. 2019, table 10).
    WarmUpLinear,
}

/// The share of all steps in which [`Schedule::WarmUpLinear`] goes up.
const WARM_UP: f64 = 0.06;

impl Schedule {
    /// The name that records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::WarmUpLinear => "warm-up-linear",
        }
    }

    /// The factor of the learning rate at `step`, from 0, of `total`.
    pub fn factor(self, step: u64, total: u64) -> f64 {
        let (step, total) = (step as f64, total.max(1) as f64);
        match self {
            Self::Cosine => 0.5 * (1.0 + (PI * step / total).cos()),
            Self::WarmUpLinear => {
                let full = (WARM_UP * total).ceil() - 1.0;
                match step < full {
                    true => (step + 1.0) / (full + 1.0),
                    false => (total - step) / (total - full),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.SGD([p], 0.1)
    // s = torch.optim.lr_scheduler.CosineAnnealingLR(o, 7)
    // for _ in range(8): print(s.get_last_lr()); o.step(); s.step()
    #[test]
    fn the_cosine_is_that_of_pytorch() {
        let expected = [
            0.1,
            0.09504844339512096,
            0.08117449009293669,
            0.061126046697815725,
            0.03887395330218429,
            0.018825509907063328,
            0.004951556604879048,
            0.0,
        ];
        for (step, expected) in expected.into_iter().enumerate() {
            let rate = 0.1 * Schedule::Cosine.factor(step as u64, 7);
            assert!((rate - expected).abs() < 1e-15, "{step}: {rate}");
        }
    }

    // transformers counts a step of rate 0 before the first, and here the first
    // step is one that counts:
    //
    // p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.AdamW([p], 1.0)
    // s = transformers.get_linear_schedule_with_warmup(o, 3, 41)
    // for _ in range(41): o.step(); s.step(); print(s.get_last_lr())
    #[test]
    fn warm_up_and_decay_are_those_of_transformers() {
        let expected = [(0, 1.0 / 3.0), (1, 2.0 / 3.0), (2, 1.0)];
        let later = [(3, 0.9736842105263158), (20, 0.5263157894736842)];
        let last = [(39, 0.02631578947368421), (40, 0.0)];
        for (step, expected) in expected.into_iter().chain(later).chain(last) {
            let rate = Schedule::WarmUpLinear.factor(step, 40);
            assert!((rate - expected).abs() < 1e-15, "{step}: {rate}");
        }
        // As few steps as can be still train.
        assert_eq!(Schedule::WarmUpLinear.factor(0, 1), 1.0);
    }
}
