//! The graph, and how it is put together.

use thiserror::Error;

use crate::misfit::Misfit;
use crate::op::Op;
use crate::parameter::{Parameter, Place, Running};
use crate::shape::{Shape, infer};

/// What a node gives: its place among the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(crate) usize);

impl Value {
    /// The place of its node.
    #[must_use]
    pub fn place(self) -> usize {
        self.0
    }
}

/// A layer, and what it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// With what, in order.
    pub inputs: Vec<Value>,
    /// The shape of what it gives.
    pub shape: Shape,
}

/// What is told of values beside how they come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A block of the network: a stem, a cell, a layer of an encoder.
    Block {
        /// What goes in.
        input: Value,
        /// What comes out.
        output: Value,
    },
    /// The features before global pooling.
    Features(Value),
}

impl Mark {
    /// The values that it names.
    pub(crate) fn values(self) -> impl Iterator<Item = Value> {
        let (first, second) = match self {
            Self::Block { input, output } => (Some(input), output),
            Self::Features(output) => (None, output),
        };
        first.into_iter().chain([second])
    }
}

/// A network: nodes in the order in which they are evaluated. The last one gives
/// what the network gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    running: Vec<Running>,
    /// Each with how many nodes stand before it.
    marks: Vec<(usize, Mark)>,
}

/// A layer that does not go with what it is to read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("node {node}, {layer}: {misfit}")]
pub struct GraphError {
    /// The place that the node would have.
    pub node: usize,
    /// What it is, and the name of its weight where it has one.
    pub layer: String,
    /// Why it cannot be; told in the message.
    pub misfit: Misfit,
}

impl Graph {
    /// A network that is shown values of this shape, and passes them on.
    #[must_use]
    pub fn new(input: Shape) -> Self {
        let node = Node {
            op: Op::Input(input),
            inputs: Vec::new(),
            shape: input,
        };
        Self {
            nodes: vec![node],
            parameters: Vec::new(),
            running: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// What the network is shown.
    #[must_use]
    pub fn input(&self) -> Value {
        Value(0)
    }

    /// Appends a node that does `op` with `inputs`, and gives its value.
    ///
    /// # Errors
    /// When the operation does not go with these inputs or its parameters; the
    /// graph is then as it was.
    pub fn push(&mut self, op: Op, inputs: &[Value]) -> Result<Value, GraphError> {
        let place = self.nodes.len();
        let shape = self
            .shapes(inputs)
            .and_then(|shapes| infer(&op, &shapes, &self.parameters, &self.running));
        let shape = shape.map_err(|misfit| GraphError {
            node: place,
            layer: self.layer(&op),
            misfit,
        })?;
        self.nodes.push(Node {
            op,
            inputs: inputs.into(),
            shape,
        });
        Ok(Value(place))
    }

    fn shapes(&self, values: &[Value]) -> Result<Vec<Shape>, Misfit> {
        let shape = |value: &Value| match self.nodes.get(value.0) {
            Some(node) => Ok(node.shape),
            None => Err(Misfit::NoValue(value.0)),
        };
        values.iter().map(shape).collect()
    }

    /// An operation and the name of its weight.
    fn layer(&self, op: &Op) -> String {
        let weight = op.weight().and_then(|place| self.parameters.get(place));
        match weight {
            Some(weight) => format!("{} \"{}\"", op.name(), weight.name),
            None => op.name().to_owned(),
        }
    }

    /// Adds a parameter, and says where it is. A layer that is pushed later holds
    /// it.
    pub fn hold(&mut self, parameter: Parameter) -> Place {
        self.parameters.push(parameter);
        self.parameters.len() - 1
    }

    /// Adds running statistics, and says where they are.
    pub fn track(&mut self, running: Running) -> usize {
        self.running.push(running);
        self.running.len() - 1
    }

    /// Tells something of values that there are by now.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push((self.nodes.len(), mark));
    }

    /// Gives every parameter the other names that `aliases` tells for its own.
    pub fn alias(&mut self, aliases: impl Fn(&str) -> Vec<String>) {
        for parameter in &mut self.parameters {
            parameter.aliases = aliases(&parameter.name);
        }
    }

    /// What `add` gives; where that is an error, the graph is as it was, without
    /// the parameters of what was refused.
    pub(crate) fn whole(
        &mut self,
        add: impl FnOnce(&mut Self) -> Result<Value, GraphError>,
    ) -> Result<Value, GraphError> {
        let (parameters, running) = (self.parameters.len(), self.running.len());
        let added = add(self);
        if added.is_err() {
            self.parameters.truncate(parameters);
            self.running.truncate(running);
        }
        added
    }

    /// The nodes, in the order in which they are evaluated.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What the node at this place gives; none beyond the last one.
    #[must_use]
    pub fn value(&self, place: usize) -> Option<Value> {
        (place < self.nodes.len()).then_some(Value(place))
    }

    /// What a value of this graph is, for one sample.
    #[must_use]
    pub fn shape(&self, value: Value) -> Shape {
        self.nodes[value.0].shape
    }

    /// The parameters, in the order in which they were added.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The running statistics, in the order in which they were added.
    #[must_use]
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// What is told of values once so many nodes have been evaluated, in order.
    pub fn marks_after(&self, nodes: usize) -> impl Iterator<Item = Mark> + '_ {
        let start = self.marks.partition_point(|(after, _)| *after < nodes);
        let rest = self.marks[start..].iter();
        rest.take_while(move |(after, _)| *after == nodes)
            .map(|(_, mark)| *mark)
    }

    /// All marks, each with how many nodes stand before it.
    pub(crate) fn marks(&self) -> &[(usize, Mark)] {
        &self.marks
    }

    /// Its blocks, in order: after how many nodes each is whole, what goes in and
    /// what comes out.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, Value, Value)> + '_ {
        self.marks.iter().filter_map(|&(after, mark)| match mark {
            Mark::Block { input, output } => Some((after, input, output)),
            Mark::Features(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
