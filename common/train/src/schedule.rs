//! The learning rate of every step.

use std::f64::consts::PI;

/// How the learning rate changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Half a cosine, from the full rate at the first step to 0 after the last
    /// (Loshchilov & Hutter 2017, equation 5, without restarts).
    Cosine,
}

impl Schedule {
    /// The name that records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
        }
    }

    /// The factor of the learning rate at `step`, from 0, of `total`.
    pub fn factor(self, step: u64, total: u64) -> f64 {
        let done = step as f64 / total.max(1) as f64;
        match self {
            Self::Cosine => 0.5 * (1.0 + (PI * done).cos()),
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
}
