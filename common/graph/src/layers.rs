//! Layers together with their parameters.

use crate::graph::{Graph, GraphError, Value};
use crate::op::Op;
use crate::parameter::{Parameter, Part, Place, Role, Running};
use crate::shape::Shape;

/// What a layer's parameters are known by.
#[derive(Clone, Copy, Debug)]
pub struct Named<'n> {
    /// The official name of the layer: that of its weight is `NAME.weight`.
    pub name: &'n str,
    /// The key of the random stream of its weight.
    pub key: &'n str,
    /// Where it stands.
    pub part: Part,
}

impl Named<'_> {
    fn parameter(&self, what: &str, role: Role, shape: &[usize], fan_in: usize) -> Parameter {
        Parameter {
            name: format!("{}.{what}", self.name),
            aliases: Vec::new(),
            key: match role {
                Role::LinearBias => format!("{}.bias", self.key),
                _ => self.key.to_owned(),
            },
            role,
            part: self.part,
            shape: shape.into(),
            fan_in,
        }
    }
}

impl Graph {
    /// Appends a convolution whose window is padded by half of it, rounded down.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn convolution(
        &mut self,
        input: Value,
        named: Named<'_>,
        outputs: usize,
        window: usize,
        stride: usize,
    ) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let inputs = graph.channels(input);
            let shape = [outputs, inputs, window, window];
            let fan_in = inputs * window * window;
            let weight = graph.hold(named.parameter("weight", Role::ConvWeight, &shape, fan_in));
            let op = Op::Convolution {
                weight,
                stride,
                padding: window / 2,
            };
            graph.push(op, &[input])
        })
    }

    /// Appends a batch norm.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn batch_norm(&mut self, input: Value, named: Named<'_>) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let channels = graph.channels(input);
            let (weight, bias) = graph.norm(named, channels);
            let running = graph.track(Running {
                name: named.name.to_owned(),
                channels,
            });
            let op = Op::BatchNorm {
                weight,
                bias,
                running,
            };
            graph.push(op, &[input])
        })
    }

    /// Appends a layer norm.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn layer_norm(
        &mut self,
        input: Value,
        named: Named<'_>,
        epsilon: f64,
    ) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let (weight, bias) = graph.norm(named, graph.width(input));
            let op = Op::LayerNorm {
                weight,
                bias,
                epsilon,
            };
            graph.push(op, &[input])
        })
    }

    /// Appends a linear map.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn linear(
        &mut self,
        input: Value,
        named: Named<'_>,
        outputs: usize,
    ) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let inputs = graph.width(input);
            let shape = [outputs, inputs];
            let weight = graph.hold(named.parameter("weight", Role::LinearWeight, &shape, inputs));
            let bias = graph.hold(named.parameter("bias", Role::LinearBias, &[outputs], inputs));
            graph.push(Op::Linear { weight, bias }, &[input])
        })
    }

    /// Adds a table of which an embedding looks up rows.
    pub fn table(&mut self, named: Named<'_>, rows: usize, width: usize) -> Place {
        self.hold(named.parameter("weight", Role::Embedding, &[rows, width], width))
    }

    fn norm(&mut self, named: Named<'_>, width: usize) -> (Place, Place) {
        let weight = self.hold(named.parameter("weight", Role::NormWeight, &[width], 1));
        let bias = self.hold(named.parameter("bias", Role::NormBias, &[width], 1));
        (weight, bias)
    }

    /// The length of a vector, or of every token's.
    fn width(&self, value: Value) -> usize {
        match self.nodes().get(value.place()).map(|node| node.shape) {
            Some(Shape::Vector { width } | Shape::Tokens { width, .. }) => width,
            _ => 0, // which no layer reads
        }
    }

    /// The channels of maps.
    fn channels(&self, value: Value) -> usize {
        match self.nodes().get(value.place()).map(|node| node.shape) {
            Some(Shape::Maps { channels, .. }) => channels,
            _ => 0, // which no layer reads
        }
    }
}
