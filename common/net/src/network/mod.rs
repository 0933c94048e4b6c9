//! A network: a graph, and the tensors that it computes with.
//!
//! | module | what it holds |
//! |---|---|
//! | `build` | a network from a graph and a source of weights |
//! | `functions`, `mixed` | parts of it |
//! | `run` | what it computes, and what a pass shows of itself |
//! | `state` | what files of weights hold of it |

mod build;
mod functions;
mod mixed;
mod run;
mod state;

use knas_graph::{Graph, Value};
use tch::{Device, Kind};

use crate::direct;
use crate::layers::{Parameter, Running, Tensors};
use crate::pooling::Pooling;

pub use build::Source;
pub use state::unused;

/// A network and its parameters.
#[derive(Debug)]
pub struct Network {
    graph: Graph,
    pub(crate) tensors: Tensors,
    options: (Kind, Device),
    /// By node.
    steps: Vec<Step>,
    /// The averages of windows that keep the side, each once.
    poolings: Vec<Pooling>,
    /// Whether a sample that is normalised by itself gives what every other does.
    blind_alone: bool,
    /// Whether it has gates.
    gated: bool,
    /// The most tokens that a text may have; none for images.
    longest: Option<usize>,
    /// How gradients are computed without libtorch, where there is a way.
    pub(crate) plan: Option<direct::Plan>,
}

/// What goes with the evaluation of a node.
#[derive(Debug, Default)]
struct Step {
    /// ReLUs that it reads and that another node has read already.
    shared: Vec<Value>,
    /// Its place among the poolings.
    pooling: Option<usize>,
    /// Values that nothing looks at any more.
    releases: Vec<Value>,
}

impl Network {
    /// What it consists of.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parameters, in the order of the graph.
    pub fn parameters(&self) -> &[Parameter] {
        &self.tensors.parameters
    }

    /// The running statistics, in the order of the graph.
    pub fn running(&self) -> &[Running] {
        &self.tensors.running
    }

    /// The element type and the device of the parameters.
    pub fn options(&self) -> (Kind, Device) {
        self.options
    }
}

#[cfg(test)]
mod tests;
