//! The graph, and how it is put together.

use thiserror::Error;

use crate::op::Op;
use crate::parameter::{Parameter, Place, Running};
use crate::shape::{Misfit, Shape, infer};

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
    fn values(self) -> impl Iterator<Item = Value> {
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

    /// Its blocks, in order: after how many nodes each is whole, what goes in and
    /// what comes out.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, Value, Value)> + '_ {
        self.marks.iter().filter_map(|&(after, mark)| match mark {
            Mark::Block { input, output } => Some((after, input, output)),
            Mark::Features(_) => None,
        })
    }

    /// For every node, the values that nothing looks at after it. What the
    /// network gives is never among them.
    #[must_use]
    pub fn releases(&self) -> Vec<Vec<Value>> {
        let last = self.nodes.len() - 1;
        // A value that nothing reads is gone as soon as it is there.
        let mut until: Vec<usize> = (0..=last).collect();
        for (place, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                until[input.0] = until[input.0].max(place);
                // Whoever reads a ReLU is shown what goes into it, too.
                if let (Op::Relu, [source]) = (self.nodes[input.0].op, &*self.nodes[input.0].inputs)
                {
                    until[source.0] = until[source.0].max(place);
                }
            }
        }
        for (after, mark) in &self.marks {
            for value in mark.values() {
                until[value.0] = until[value.0].max(after - 1);
            }
        }
        let mut releases = vec![Vec::new(); last + 1];
        for (value, until) in until.into_iter().enumerate().take(last) {
            releases[until].push(Value(value));
        }
        releases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Grid, Kernel, Named, Part};

    fn named(name: &str) -> Named<'_> {
        Named {
            name,
            key: name,
            part: Part::Body,
        }
    }

    fn image() -> Graph {
        Graph::new(Shape::Maps {
            channels: 3,
            side: 8,
        })
    }

    #[test]
    fn shapes_follow_from_what_is_pushed() {
        let mut graph = image();
        let x = graph.input();
        let x = graph.convolution(x, named("a"), 4, 3, 2).unwrap();
        let x = graph.batch_norm(x, named("b")).unwrap();
        let side = |graph: &Graph, value| match graph.shape(value) {
            Shape::Maps { channels, side } => (channels, side),
            _ => (0, 0),
        };
        assert_eq!(side(&graph, x), (4, 4));
        let pool = Op::AveragePool {
            window: 2,
            stride: 2,
            padding: 0,
        };
        let x = graph.push(pool, &[x]).unwrap();
        assert_eq!(side(&graph, x), (4, 2));
        let x = graph.push(Op::GlobalPool, &[x]).unwrap();
        let x = graph.linear(x, named("c"), 10).unwrap();
        assert_eq!(graph.shape(x), Shape::Vector { width: 10 });
    }

    // What torch.nn's layers of these arguments give for 3×8×8.
    #[test]
    fn shapes_of_what_mobile_networks_and_cells_are_made_of() {
        let mut graph = image();
        let x = graph.input();
        let wide = graph.convolution(x, named("a"), 6, 1, 1).unwrap();
        let dilated = Kernel {
            dilation: 2,
            ..Kernel::depthwise(6, 5, 2)
        };
        let y = graph.convolve(wide, named("b"), dilated).unwrap();
        let maps = |channels, side| Shape::Maps { channels, side };
        assert_eq!(graph.shape(y), maps(6, 4));
        assert_eq!(graph.parameters()[1].shape, [6, 1, 5, 5]);
        assert_eq!(graph.parameters()[1].fan_in, 25);
        let biased = Kernel {
            bias: true,
            ..Kernel::new(6, 1, 1)
        };
        let squeezed = graph.push(Op::Squeeze, &[y]).unwrap();
        let gate = graph.convolve(squeezed, named("c"), biased).unwrap();
        let gate = graph.push(Op::Activation(Activation::Sigmoid), &[gate]);
        let scaled = graph.push(Op::Scale, &[y, gate.unwrap()]).unwrap();
        assert_eq!(graph.shape(scaled), maps(6, 4));
        let pool = Op::MaxPool {
            window: 3,
            stride: 2,
            padding: 1,
        };
        let pooled = graph.push(pool, &[wide]).unwrap();
        let both = graph.push(Op::Concatenate, &[scaled, pooled]).unwrap();
        assert_eq!(graph.shape(both), maps(12, 4));
        let shifted = graph.push(Op::Shift, &[both]).unwrap();
        assert_eq!(graph.shape(shifted), maps(12, 4));
        // 3·6 + 6·25 + 6·6 + 6 parameters; those of windows at each position.
        let cost = graph.cost();
        assert_eq!((cost.params, cost.macs), (210, 18 * 64 + 150 * 16 + 36));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let mut graph = image();
        let x = graph.input();
        let y = graph.convolution(x, named("wide"), 4, 3, 1).unwrap();
        let weight = graph.nodes()[1].op.weight().unwrap();
        let said = |graph: &mut Graph, op, inputs: &[Value]| {
            let nodes = graph.nodes().len();
            let error = graph.push(op, inputs).unwrap_err().to_string();
            assert_eq!(graph.nodes().len(), nodes);
            error
        };
        let grid = |dilation| Grid {
            stride: 1,
            padding: 1,
            dilation,
        };
        let grouped = |groups, dilation| Op::Convolution {
            weight,
            bias: None,
            grid: grid(dilation),
            groups,
        };
        let convolution = grouped(1, 1);
        assert_eq!(
            said(&mut graph, convolution, &[y]),
            "node 2, convolution \"wide.weight\": \"wide.weight\" is [4, 3, 3, 3], \
             not [4, 4, 3, 3]"
        );
        let pool = |window, stride| Op::AveragePool {
            window,
            stride,
            padding: 0,
        };
        for (op, inputs, reason) in [
            (
                Op::Add,
                &[x][..],
                "node 2, add: it reads two values or more, not 1 values",
            ),
            (Op::Add, &[x, y], "3×8×8 and 4×8×8 cannot be read together"),
            (
                pool(9, 1),
                &[x],
                "a window of 9 does not fit into a side of 8",
            ),
            (pool(2, 0), &[x], "the stride is 0"),
            (
                grouped(2, 1),
                &[x],
                "2 groups do not divide 3 channels into 4",
            ),
            (
                grouped(0, 1),
                &[x],
                "0 groups do not divide 3 channels into 4",
            ),
            (grouped(1, 0), &[x], "the dilation is 0"),
            (
                grouped(1, 9),
                &[x],
                "a window of 19 does not fit into a side of 10",
            ),
            (
                Op::Scale,
                &[x, y],
                "3×8×8 and 4×8×8 cannot be read together",
            ),
            (
                Op::Concatenate,
                &[x],
                "it reads two values or more, not 1 values",
            ),
            (Op::Divide(0), &[x], "the divisor is 0"),
            (Op::Dropout { rate: 1.0 }, &[x], "a share of 1"),
            (Op::FirstToken, &[x], "it reads tokens, not 3×8×8"),
            (Op::Relu, &[Value(7)], "there is no value 7 yet"),
            (Op::Embedding { table: 5 }, &[x], "there is no parameter 5"),
            (Op::Relu, &[], "it reads one value, not 0 values"),
            (
                Op::Input(graph.shape(x)),
                &[],
                "a network has one input, which is its first node",
            ),
        ] {
            let said = said(&mut graph, op, inputs);
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn a_layer_that_is_refused_leaves_nothing_behind() {
        let mut graph = image();
        let x = graph.input();
        let x = graph.push(Op::GlobalPool, &[x]).unwrap();
        let before = graph.clone();
        let unknown = Value(9);
        for value in [x, unknown] {
            assert!(graph.convolution(value, named("a"), 4, 3, 1).is_err());
            assert!(graph.batch_norm(value, named("b")).is_err());
        }
        let image = graph.input();
        assert!(graph.convolution(image, named("c"), 4, 3, 0).is_err());
        assert!(graph.layer_norm(image, named("d"), 1e-5).is_err());
        assert!(graph.linear(image, named("e"), 2).is_err());
        assert_eq!(graph, before);
    }

    #[test]
    fn values_are_released_after_what_last_looks_at_them() {
        let mut graph = image();
        let x = graph.input();
        let a = graph.push(Op::Relu, &[x]).unwrap();
        let b = graph.push(Op::Add, &[x, a]).unwrap();
        graph.mark(Mark::Block {
            input: a,
            output: b,
        });
        let _ = graph.push(Op::Activation(Activation::Tanh), &[b]).unwrap();
        let places = |values: &Vec<Value>| values.iter().map(|v| v.place()).collect::<Vec<_>>();
        let releases: Vec<Vec<usize>> = graph.releases().iter().map(places).collect();
        assert_eq!(releases, [vec![], vec![], vec![0, 1], vec![2]]);
        assert_eq!(graph.marks_after(3).count(), 1);
        assert_eq!(graph.marks_after(2).chain(graph.marks_after(4)).count(), 0);
    }
}
