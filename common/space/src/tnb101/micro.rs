//! `tnb101-micro`: one cell, which all blocks of a fixed skeleton have. It is that of
//! NAS-Bench-201 without pooling: between each two of four nodes stands one of four
//! operations. An architecture is written as the benchmark writes it,
//! `64-41414-3_32_132`: the skeleton's channels and modules, and for each node a digit
//! for every earlier one, the first one first: 0 none, 1 skip, 2 a 1×1 and 3 a 3×3
//! convolution. The cell alone, `3_32_132`, is read too.

use std::fmt;
use std::str::FromStr;

use knas_graph::{Graph, GraphError, Kernel, Op, Value};
use thiserror::Error;

use super::{BASE, Change, Module, relu_conv_norm, usual};
use crate::choices::Choices;
use crate::features::Decision;
use crate::layers::named;
use crate::setting::{LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all cells.
pub struct Tnb101Micro;

const NAME: &str = "tnb101-micro";

/// What an edge can be; its digit is its place.
static OPERATIONS: [&str; 4] = ["none", "skip", "conv1x1", "conv3x3"];
const NONE: u8 = 0;
const SKIP: u8 = 1;

/// Of every edge: the node that it leaves, and the one that it reaches.
const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
const NODES: usize = 4;

const CHOICES: Choices = Choices {
    space: NAME,
    options: &[OPERATIONS.len(); EDGES.len()],
};

/// The modules around the cell.
const SKELETON: [u8; 5] = [4, 1, 4, 1, 4];

/// The operations of the six edges, as digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MicroCell([u8; EDGES.len()]);

/// Why a text is no cell.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MicroCellError {
    /// It has other parts.
    #[error("it is written as 64-41414-3_32_132, or its cell alone as 3_32_132")]
    Notation,
    /// One is no operation.
    #[error("operation {place} is 0 (none), 1 (skip), 2 (conv1x1) or 3 (conv3x3)")]
    Operation {
        /// Its place, from 1.
        place: usize,
    },
}

impl MicroCell {
    fn of(choices: &[usize]) -> Self {
        let mut digits = [NONE; EDGES.len()];
        for (digit, &choice) in digits.iter_mut().zip(choices) {
            *digit = choice as u8;
        }
        Self(digits)
    }

    fn choices(&self) -> [usize; EDGES.len()] {
        self.0.map(usize::from)
    }

    /// The edges into a node that are something.
    fn edges_into(&self, node: usize) -> impl Iterator<Item = (usize, u8)> + '_ {
        let edges = self.0.into_iter().enumerate();
        edges.filter(move |&(edge, digit)| EDGES[edge].1 == node && digit != NONE)
    }

    /// The cell without the edges that carry nothing from its input to its output.
    #[must_use]
    pub fn live(&self) -> Self {
        let mut reached = [true, false, false, false];
        for (place, &(from, to)) in EDGES.iter().enumerate() {
            reached[to] |= self.0[place] != NONE && reached[from];
        }
        let mut read = [false, false, false, true];
        for (place, &(from, to)) in EDGES.iter().enumerate().rev() {
            read[from] |= self.0[place] != NONE && read[to];
        }
        let mut live = *self;
        for (digit, (from, to)) in live.0.iter_mut().zip(EDGES) {
            if !(reached[from] && read[to]) {
                *digit = NONE;
            }
        }
        live
    }

    /// The cell's own part of the notation.
    fn cell(&self) -> String {
        let node = |node: usize| -> String {
            let into = EDGES.iter().zip(self.0).filter(|((_, to), _)| *to == node);
            into.map(|(_, digit)| digit.to_string()).collect()
        };
        (1..NODES).map(node).collect::<Vec<_>>().join("_")
    }
}

impl FromStr for MicroCell {
    type Err = MicroCellError;

    fn from_str(text: &str) -> Result<Self, MicroCellError> {
        let cell = text.strip_prefix(&prefix()).unwrap_or(text);
        let bytes: Vec<u8> = cell.bytes().take(9).collect();
        let &[a, b'_', b, c, b'_', d, e, f] = &bytes[..] else {
            return Err(MicroCellError::Notation);
        };
        let mut digits = [NONE; EDGES.len()];
        for (place, (digit, byte)) in digits.iter_mut().zip([a, b, c, d, e, f]).enumerate() {
            *digit = match byte {
                b'0'..=b'3' => byte - b'0',
                _ => return Err(MicroCellError::Operation { place: place + 1 }),
            };
        }
        Ok(Self(digits))
    }
}

/// What stands before the cell.
fn prefix() -> String {
    let modules: String = SKELETON.iter().map(u8::to_string).collect();
    format!("{BASE}-{modules}-")
}

impl fmt::Display for MicroCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", prefix(), self.cell())
    }
}

/// The network of this cell.
///
/// # Errors
/// When the image has no side.
pub fn lower(cell: &MicroCell, side: usize, classes: usize) -> Result<Graph, GraphError> {
    let modules = SKELETON.map(|digit| Module { digit });
    super::lower(&modules, side, classes, |graph, input, name, change| {
        lower_cell(graph, input, name, cell, change)
    })
}

/// One cell. Edges that leave its input change channels and side.
fn lower_cell(
    graph: &mut Graph,
    input: Value,
    name: &str,
    cell: &MicroCell,
    change: Change,
) -> Result<Value, GraphError> {
    let mut nodes = vec![input];
    for node in 1..NODES {
        let mut addends = Vec::new();
        for (edge, digit) in cell.edges_into(node) {
            let from = EDGES[edge].0;
            let stride = if from == 0 { change.stride } else { 1 };
            let change = Change { stride, ..change };
            let name = format!("{name}.edges.{edge}");
            addends.push(operation(graph, nodes[from], &name, digit, change)?);
        }
        nodes.push(match addends[..] {
            [] => zeros(graph, input, change)?,
            [only] => only,
            _ => graph.push(Op::Add, &addends)?,
        });
    }
    Ok(nodes[NODES - 1])
}

fn operation(
    graph: &mut Graph,
    input: Value,
    name: &str,
    digit: u8,
    Change { channels, stride }: Change,
) -> Result<Value, GraphError> {
    let window = match digit {
        SKIP if (graph.channels(input), stride) == (channels, 1) => return Ok(input),
        SKIP => return factorised(graph, input, name, Change { channels, stride }),
        2 => 1,
        _ => 3,
    };
    relu_conv_norm(
        graph,
        input,
        name,
        name,
        Kernel::new(channels, window, stride),
    )
}

/// A skip that changes channels or side: ReLU, two 1×1 convolutions to half the
/// channels each, of which the second one sees what lies a row and a column further,
/// and batch norm.
fn factorised(
    graph: &mut Graph,
    input: Value,
    name: &str,
    Change { channels, stride }: Change,
) -> Result<Value, GraphError> {
    let active = graph.push(Op::Relu, &[input])?;
    let shifted = graph.push(Op::Shift, &[active])?;
    let mut halves = Vec::new();
    for (half, read) in [active, shifted].into_iter().enumerate() {
        let name = format!("{name}.convs.{half}");
        let kernel = Kernel::new(channels / 2, 1, stride);
        halves.push(graph.convolve(read, named(&name, &name), kernel)?);
    }
    let both = graph.push(Op::Concatenate, &halves)?;
    graph.batch_norm(both, named(&format!("{name}.bn"), name))
}

/// Zeros of the shape that the change makes of the input's.
fn zeros(graph: &mut Graph, input: Value, change: Change) -> Result<Value, GraphError> {
    let mut zeros = graph.push(Op::Zeros, &[input])?;
    if change.stride != 1 {
        let every_other = Op::AveragePool {
            window: 1,
            stride: change.stride,
            padding: 0,
        };
        zeros = graph.push(every_other, &[zeros])?;
    }
    while graph.channels(zeros) < change.channels {
        zeros = graph.push(Op::Concatenate, &[zeros, zeros])?;
    }
    Ok(zeros)
}

impl SearchSpace for Tnb101Micro {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "TransNAS-Bench-101: cells of six edges with one of four operations"
    }

    fn usual(&self) -> Setting {
        usual()
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        self.at(CHOICES.count() - 1)
    }

    fn count(&self) -> Option<u64> {
        Some(CHOICES.count())
    }

    /// By the number that the digits write in base 4.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let choices = CHOICES.at(index)?;
        Some(Box::new(MicroCell::of(&choices)))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<MicroCell>() {
            Ok(cell) => Ok(Box::new(cell)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        let drawn = CHOICES.sample(seed);
        Box::new(drawn.filter_map(|index| Tnb101Micro.at(index)))
    }

    /// The benchmark trained all of them. Cells are the same network that differ in
    /// edges which carry nothing.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Benchmark, Equivalence::Network]
    }
}

impl Architecture for MicroCell {
    /// `tnb101-micro-` and the cell.
    fn id(&self) -> String {
        format!("{NAME}-{}", self.cell())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Tnb101Micro
    }

    fn lower(&self, setting: &Setting, extent: Extent) -> Result<Graph, LowerError> {
        let cell = match extent {
            Extent::Whole => *self,
            Extent::Live => self.live(),
        };
        Ok(lower(&cell, setting.side()?, setting.classes)?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => Some(self.cell()),
            Equivalence::Network => Some(self.live().cell()),
            Equivalence::Function => None,
        }
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = CHOICES.near(&self.choices(), seed, &self.id());
        let boxed =
            |choices: Vec<usize>| Box::new(MicroCell::of(&choices)) as Box<dyn Architecture>;
        Box::new(near.into_iter().map(boxed))
    }

    fn decisions(&self) -> Vec<Decision> {
        let choices = self.choices().into_iter().zip(EDGES);
        choices
            .map(|(choice, (from, to))| Decision {
                name: format!("edge {from} to {to}"),
                options: &OPERATIONS,
                choice,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
