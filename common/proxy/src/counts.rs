//! Counts: the baselines that every score has to beat.

use crate::evaluation::Evaluation;
use crate::{Info, Proxy, ScoreError};

const fn info(name: &'static str, summary: &'static str) -> Info {
    Info {
        name,
        summary,
        norm: None,
        init: None,
        inputs: "none",
        labels: false,
        negated: false,
        passes: "none",
        groups: &["cheap"],
        source: "baseline",
    }
}

/// The parameters of the network as it is scored.
pub(crate) struct Params;

/// The multiply-accumulates of the network as it is scored.
pub(crate) struct Macs;

static PARAMS: Info = info("params", "parameters of the network, every edge counted");
static MACS: Info = info(
    "macs",
    "multiply-accumulates of a forward pass, every edge counted",
);

impl Proxy for Params {
    fn info(&self) -> &Info {
        &PARAMS
    }

    fn counts_every_edge(&self) -> bool {
        true
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        let subject = evaluation.subject();
        Ok(subject.skeleton.params(subject.cell) as f64)
    }
}

impl Proxy for Macs {
    fn info(&self) -> &Info {
        &MACS
    }

    fn counts_every_edge(&self) -> bool {
        true
    }

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<f64, ScoreError> {
        let subject = evaluation.subject();
        Ok(subject.skeleton.macs(subject.cell) as f64)
    }
}
