//! The learning rate of every step.

use std::f64::consts::PI;

/// How the learning rate changes from step to step. It goes up in equal parts over the
/// steps of the warm-up, the last of which has the full rate, and from there down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Half a cosine, from the full rate to 0 after the last step (Loshchilov & Hutter
    /// 2017, equation 5, without restarts); usually without a warm-up, from the first step.
    Cosine,
    /// Down in equal parts, to 0 after the last step; the warm-up is usually 6 % of all
    /// steps, rounded up (Liu et al. 2019, table 10).
    WarmUpLinear,
}

/// The share of all steps in which [`Schedule::WarmUpLinear`] goes up, unless it is told.
const WARM_UP: f64 = 0.06;

impl Schedule {
    /// The name that records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::WarmUpLinear => "warm-up-linear",
        }
    }

    /// The steps of the warm-up, of `total`, unless they are told.
    pub fn usual_warm_up(self, total: u64) -> u64 {
        match self {
            Self::Cosine => 0,
            Self::WarmUpLinear => (WARM_UP * total as f64).ceil() as u64,
        }
    }

    /// The factor of the learning rate at `step`, from 0, of `total`, of which so many
    /// are the warm-up.
    pub fn factor(self, step: u64, total: u64, warm_up: u64) -> f64 {
        let full = warm_up.saturating_sub(1);
        if step < full {
            return (step + 1) as f64 / (full + 1) as f64;
        }
        let (gone, down) = (
            (step - full) as f64,
            total.saturating_sub(full).max(1) as f64,
        );
        match self {
            Self::Cosine => 0.5 * (1.0 + (PI * gone / down).cos()),
            Self::WarmUpLinear => (down - gone) / down,
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
            let rate = 0.1 * Schedule::Cosine.factor(step as u64, 7, 0);
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
        let warm_up = Schedule::WarmUpLinear.usual_warm_up(40);
        for (step, expected) in expected.into_iter().chain(later).chain(last) {
            let rate = Schedule::WarmUpLinear.factor(step, 40, warm_up);
            assert!((rate - expected).abs() < 1e-15, "{step}: {rate}");
        }
        // As few steps as can be still train.
        let warm_up = Schedule::WarmUpLinear.usual_warm_up(1);
        assert_eq!(Schedule::WarmUpLinear.factor(0, 1, warm_up), 1.0);
    }

    // p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.SGD([p], 1.0)
    // up = torch.optim.lr_scheduler.LinearLR(o, 1 / 4, total_iters=3)
    // down = torch.optim.lr_scheduler.CosineAnnealingLR(o, 10 - 3)
    // s = torch.optim.lr_scheduler.SequentialLR(o, [up, down], [3])
    // for _ in range(11): print(s.get_last_lr()); o.step(); s.step()
    #[test]
    fn warm_up_before_a_cosine_is_that_of_pytorch() {
        let expected = [
            0.25,
            0.5,
            0.75,
            1.0,
            0.9504844339512095,
            0.8117449009293668,
            0.6112604669781572,
            0.38873953302184283,
            0.18825509907063326,
            0.04951556604879048,
            0.0,
        ];
        for (step, expected) in (0..).zip(expected) {
            let rate = Schedule::Cosine.factor(step, 10, 4);
            assert!((rate - expected).abs() < 1e-15, "{step}: {rate}");
        }
        // One step that goes up is the full rate at once.
        for step in 0..7 {
            let factor = |warm_up| Schedule::Cosine.factor(step, 7, warm_up);
            assert_eq!(factor(1), factor(0));
        }
    }
}
