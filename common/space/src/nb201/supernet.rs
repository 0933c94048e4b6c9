//! All cells in one network: every operation of every edge, each behind a gate.

use knas_graph::{Graph, GraphError, Kernel, Op as Layer, Shape, Value};

use super::network::{POOL, around, thin_end};
use super::{EDGES, Op, Skeleton};
use crate::layers::named;
use crate::supernet::{Choice, Supernet};

/// The network of this size. Cells share their choices, and each has weights of its own.
/// Norms on edges have no factors and summands, which could undo what an operation
/// weighs; those around the cells have some.
///
/// # Errors
/// Never, for a size that [`Skeleton`] allows.
pub(super) fn lower(skeleton: &Skeleton) -> Result<Supernet, GraphError> {
    let mut held = Vec::new();
    let graph = around(skeleton, |graph, input, name| {
        Mixed::new(graph, input, name).lower(&mut held)
    })?;
    Ok(supernet(graph, held))
}

/// All operations in one thin network, as [`super::network::lower_thin`] has a cell.
///
/// # Errors
/// Never, for a side of at least 1.
pub(super) fn lower_thin(side: usize) -> Result<Supernet, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 1, side });
    let image = graph.input();
    let mut held = Vec::new();
    let output = Mixed::new(&mut graph, image, "thin").lower(&mut held)?;
    thin_end(&mut graph, output)?;
    Ok(supernet(graph, held))
}

fn supernet(graph: Graph, held: Vec<(usize, usize, std::ops::Range<usize>)>) -> Supernet {
    let choice = |edge: &super::Edge| Choice {
        name: edge.to_string(),
        options: &super::OPERATIONS,
    };
    Supernet {
        graph,
        choices: EDGES.iter().map(choice).collect(),
        held,
    }
}

/// A cell under way. What several edges make of one node is made once.
struct Mixed<'g> {
    graph: &'g mut Graph,
    name: &'g str,
    input: Value,
    /// By node, its ReLU.
    active: [Option<Value>; 4],
    /// By node, its average pooling.
    pooled: [Option<Value>; 4],
}

impl<'g> Mixed<'g> {
    fn new(graph: &'g mut Graph, input: Value, name: &'g str) -> Self {
        Self {
            graph,
            name,
            input,
            active: [None; 4],
            pooled: [None; 4],
        }
    }

    fn lower(
        &mut self,
        held: &mut Vec<(usize, usize, std::ops::Range<usize>)>,
    ) -> Result<Value, GraphError> {
        let mut nodes = vec![self.input];
        for target in 1..4 {
            let mut addends = Vec::new();
            let edges = EDGES.iter().enumerate();
            for (choice, edge) in edges.filter(|(_, edge)| edge.target == target) {
                let source = (edge.source, nodes[edge.source]);
                for (option, op) in Op::ALL.into_iter().enumerate() {
                    let first = self.graph.parameters().len();
                    let Some(value) = self.operation(op, source, choice)? else {
                        continue; // zeros, which need no gate
                    };
                    let parameters = first..self.graph.parameters().len();
                    if !parameters.is_empty() {
                        held.push((choice, option, parameters));
                    }
                    addends.push(self.graph.push(Layer::Gate { choice, option }, &[value])?);
                }
            }
            nodes.push(self.graph.push(Layer::Add, &addends)?);
        }
        Ok(nodes[3])
    }

    /// What an operation makes of a node on the edge at this place.
    fn operation(
        &mut self,
        op: Op,
        (node, source): (usize, Value),
        edge: usize,
    ) -> Result<Option<Value>, GraphError> {
        let made = |made: &mut Option<Value>, graph: &mut Graph, layer| match *made {
            Some(value) => Ok(value),
            None => graph
                .push(layer, &[source])
                .inspect(|&value| *made = Some(value)),
        };
        Ok(Some(match (op, op.kernel()) {
            (_, Some(window)) => {
                let active = made(&mut self.active[node], self.graph, Layer::Relu)?;
                let layer = format!("{}.layers.{edge}@{op}", self.name);
                let name = format!("{layer}.op.1");
                let kernel = Kernel::new(self.graph.channels(self.input), window as usize, 1);
                let value = self.graph.convolve(active, named(&name, &layer), kernel)?;
                self.graph.standardise(value, &format!("{layer}.op.2"))?
            }
            (Op::AvgPool3x3, _) => made(&mut self.pooled[node], self.graph, POOL)?,
            (Op::Skip, _) => source,
            _ => return Ok(None),
        }))
    }
}
