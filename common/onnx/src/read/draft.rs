//! A graph under way, whose layers know where in the file they come from.

use knas_graph::{Activation, Graph, Op, Parameter, Part, Place, Role, Running, Shape, Value};

use super::check::{Network, Node};
use super::error::LowerError;
use super::tensor::Constant;

/// A graph under way. Some of its nodes may come to nothing.
pub(crate) struct Draft<'n> {
    network: &'n Network,
    pub graph: Graph,
    /// By node of the graph but for the first, the place of its origin in the network.
    pub origins: Vec<usize>,
    /// By parameter, its numbers.
    pub constants: Vec<Constant>,
    /// By running statistics, mean and variance.
    pub running: Vec<[Constant; 2]>,
    /// By node, whether nothing that it gives is below 0.
    positive: Vec<bool>,
}

impl<'n> Draft<'n> {
    /// A network that passes on what it is shown.
    pub fn new(network: &'n Network, input: Shape) -> Self {
        Self {
            network,
            graph: Graph::new(input),
            origins: Vec::new(),
            constants: Vec::new(),
            running: Vec::new(),
            positive: vec![false],
        }
    }

    /// A node at this place of the network.
    pub fn node(&self, place: usize) -> &'n Node {
        &self.network.nodes[place]
    }

    /// The name of a value of the file.
    pub fn name(&self, value: usize) -> &'n str {
        &self.network.names[value]
    }

    /// Appends a layer for the node at this place.
    pub fn push(&mut self, place: usize, op: Op, read: &[Value]) -> Result<Value, LowerError> {
        let pushed = self.graph.push(op, read);
        let value = pushed.map_err(|error| self.node(place).refuse(error.misfit.to_string()))?;
        self.origins.push(place);
        let mut inputs = read.iter().map(|input| self.positive[input.place()]);
        self.positive.push(match op {
            Op::Relu
            | Op::Zeros
            | Op::Activation(Activation::Relu6 | Activation::Sigmoid | Activation::HardSigmoid) => {
                true
            }
            Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::Concatenate
            | Op::Narrow { .. }
            | Op::Shuffle { .. }
            | Op::LocalNorm { .. }
            | Op::Pad { .. }
            | Op::Add
            | Op::Dropout { .. } => inputs.all(|positive| positive),
            _ => false,
        });
        Ok(value)
    }

    /// Whether nothing in this value is below 0.
    pub fn is_positive(&self, value: Value) -> bool {
        self.positive[value.place()]
    }

    /// Channels and side of maps.
    pub fn maps(&self, value: Value) -> Option<(usize, usize)> {
        match self.graph.shape(value) {
            Shape::Maps { channels, side } => Some((channels, side)),
            _ => None,
        }
    }

    /// A parameter of this role, with its numbers.
    pub fn hold(&mut self, role: Role, constant: Constant) -> Place {
        let name = constant
            .origin
            .map(|origin| self.network.names[origin].clone());
        let fan_in = match role {
            Role::ConvWeight | Role::LinearWeight => constant.shape.iter().skip(1).product(),
            _ => 1,
        };
        let parameter = Parameter {
            name: name.unwrap_or_default(),
            aliases: Vec::new(),
            key: String::new(), // that of its layer, once it has a name
            role,
            part: Part::Body,
            shape: constant.shape.clone(),
            fan_in,
        };
        self.constants.push(constant);
        self.graph.hold(parameter)
    }

    /// Running statistics of so many channels.
    pub fn track(&mut self, statistics: [Constant; 2]) -> usize {
        let channels = statistics[0].len();
        self.running.push(statistics);
        let name = String::new();
        self.graph.track(Running { name, channels })
    }
}
