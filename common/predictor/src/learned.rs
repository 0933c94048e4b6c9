//! A model that has learnt labels on their own scale, and how far to trust it.

use knas_stats::kendall;

use crate::unskew::Unskew;
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample, check};

/// A model fitted to labels without skew.
pub struct Learned {
    fitted: Box<dyn Fitted>,
    unskew: Unskew,
    best: f64,
    tau: Option<f64>,
}

/// What is expected of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// On the scale of the labels.
    pub natural: Prediction,
    /// On the scale without skew, which the acquisitions work on.
    pub scaled: Prediction,
}

impl Learned {
    /// Learns `labels`, one for each of the samples.
    ///
    /// # Errors
    /// Where nothing can be learnt from them.
    pub fn new(
        model: &dyn Model,
        layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        seed: u64,
    ) -> Result<Self, FitError> {
        check(samples, labels)?;
        let unskew = Unskew::of(labels);
        let scaled: Vec<f64> = labels.iter().map(|&label| unskew.forward(label)).collect();
        let fitted = model.fit(layout, samples, &scaled, seed)?;
        let left_out: Vec<f64> = fitted.left_out().iter().map(|p| p.mean).collect();
        Ok(Self {
            tau: kendall(&left_out, &scaled).ok().flatten(),
            best: scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            fitted,
            unskew,
        })
    }

    /// What is expected of a candidate.
    #[must_use]
    pub fn predict(&self, sample: &Sample) -> Outlook {
        let scaled = self.fitted.predict(sample);
        Outlook {
            natural: Prediction {
                mean: self.unskew.back(scaled.mean),
                std: scaled.std * self.unskew.slope(scaled.mean),
            },
            scaled,
        }
    }

    /// Kendall's τ-b of the labels with what would be expected of each
    /// candidate had its own label not been there.
    #[must_use]
    pub fn left_out_tau(&self) -> Option<f64> {
        self.tau
    }

    /// The best label, on the scale without skew.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.best
    }
}
