//! A score as data and a function.

use crate::evaluation::Evaluation;
use crate::{Info, Proxy, ScoreError};

/// How a score's value follows from an evaluation.
pub(crate) type Value = fn(&Info, &mut Evaluation<'_>) -> Result<f64, ScoreError>;

/// A score that needs no more than its description and its value.
pub(crate) struct Score {
    pub info: Info,
    pub value: Value,
}

impl Proxy for Score {
    fn info(&self) -> &Info {
        &self.info
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        (self.value)(&self.info, evaluation)
    }
}
