//! Counts: the baselines that every score has to beat, and what activations take.

use knas_net::NetError;
use knas_space::{Cost, Extent};

use crate::evaluation::Evaluation;
use crate::score::Score;
use crate::{Info, Proxy, Scope, ScoreError};

/// What is counted from the architecture alone.
const fn info(name: &'static str, summary: &'static str) -> Info {
    Info {
        name,
        summary,
        norm: None,
        init: None,
        inputs: "none",
        passes: "none",
        scope: Scope::All,
        groups: &["cheap", "costs"],
        source: "baseline",
        ..Info::BASE
    }
}

fn cost(evaluation: &Evaluation<'_>) -> Result<Cost, NetError> {
    let subject = evaluation.subject();
    Ok(subject.architecture.cost_in(&subject.setting)?)
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
        Ok(cost(evaluation)?.params as f64)
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
        Ok(cost(evaluation)?.macs as f64)
    }
}

/// The layers that an encoder keeps.
pub(crate) static LAYERS: Score = Score {
    info: Info {
        scope: Scope::Texts,
        groups: &["cheap"],
        ..info("layers", "layers that the encoder keeps")
    },
    value: |_, evaluation| {
        let graph = evaluation.subject().lower(Extent::Live)?;
        Ok(graph.blocks().count() as f64)
    },
};

/// The bytes that the activations of one sample take at once, at most.
pub(crate) static MEMORY: Score = Score {
    info: Info {
        groups: &["costs"],
        source: "computed from the graph: float32, nothing in place or fused, no weights",
        cost: true,
        ..info(
            "memory",
            "bytes that the activations of one sample take at once, at most",
        )
    },
    value: |_, evaluation| {
        let graph = evaluation.subject().lower(Extent::Live)?;
        Ok(graph.peak_memory() as f64)
    },
};
