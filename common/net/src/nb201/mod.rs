//! The NAS-Bench-201 network around a cell (Dong & Yang 2020, figure 1).
//!
//! Stem, three stages of cells with a residual reduction before the second and
//! the third, batch norm, ReLU, global average pooling, classifier. What is
//! evaluated is the cell's [`Form`](knas_space::nb201::Form): edges that reach
//! nothing cost nothing, and cells that are the same network give the same bits.

mod build;
mod direct;
mod forward;
mod state;
mod thin;

use knas_space::nb201::Skeleton;
use tch::{Device, Kind};

use crate::layers::{Convolution, Normalisation, Parameter, Pooling, Running, Tensors};

pub use build::Source;
pub use direct::{serves as direct_pass_serves, vector_bits};
pub use state::dead_parameters;
pub use thin::ThinNetwork;

/// A network and its parameters.
#[derive(Debug)]
pub struct Network {
    skeleton: Skeleton,
    tensors: Tensors,
    stem: ConvNorm,
    blocks: Vec<Block>,
    last_norm: Normalisation,
    classifier: usize,
}

#[derive(Debug)]
enum Block {
    Cell(Cell),
    Reduction(Reduction),
}

/// Convolution, then batch norm.
#[derive(Clone, Copy, Debug)]
struct ConvNorm {
    convolution: Convolution,
    norm: Normalisation,
}

/// A cell as a program: each step reads a sum of earlier values.
#[derive(Debug)]
struct Cell {
    /// The distinct sums: places of values, where 0 is the cell's input and
    /// i + 1 what step i gives. A value added twice stands twice.
    sums: Vec<Vec<usize>>,
    steps: Vec<Step>,
    /// The sum that is the cell's output.
    output: usize,
    pooling: Option<Pooling>,
}

impl Cell {
    /// How many convolutions it has.
    fn convolutions(&self) -> usize {
        let steps = self.steps.iter();
        steps
            .filter(|step| matches!(step.operation, Operation::Convolution(_)))
            .count()
    }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Which of the sums it reads.
    sum: usize,
    operation: Operation,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// ReLU, convolution, batch norm.
    Convolution(ConvNorm),
    Pooling,
}

/// The residual block that halves the image and doubles the channels.
#[derive(Clone, Copy, Debug)]
struct Reduction {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Convolution,
}

impl Network {
    /// The parameters that reach the output, in the order of the network's form.
    pub fn parameters(&self) -> &[Parameter] {
        &self.tensors.parameters
    }

    /// The running statistics, in the same order.
    pub fn running(&self) -> &[Running] {
        &self.tensors.running
    }

    /// The network's size.
    pub fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The element type and the device of the parameters.
    pub fn options(&self) -> (Kind, Device) {
        let classifier = &self.tensors.parameters[self.classifier].tensor;
        (classifier.kind(), classifier.device())
    }
}

#[cfg(test)]
mod tests;
