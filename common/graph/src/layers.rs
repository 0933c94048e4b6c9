//! Layers together with their parameters.

use crate::graph::{Graph, GraphError, Value};
use crate::op::{Grid, NORM_EPSILON, Op};
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
                Role::LinearBias | Role::ConvBias => format!("{}.bias", self.key),
                _ => self.key.to_owned(),
            },
            role,
            part: self.part,
            shape: shape.into(),
            fan_in,
        }
    }
}

/// What a convolution does, but for what it reads and its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Channels that it gives.
    pub outputs: usize,
    /// The window's side.
    pub window: usize,
    /// The step between windows.
    pub stride: usize,
    /// The step between the positions of one window.
    pub dilation: usize,
    /// Parts of the channels that do not see each other.
    pub groups: usize,
    /// Whether something is added to each output.
    pub bias: bool,
}

impl Kernel {
    /// A kernel of adjacent positions, in one group, without bias.
    #[must_use]
    pub fn new(outputs: usize, window: usize, stride: usize) -> Self {
        Self {
            outputs,
            window,
            stride,
            dilation: 1,
            groups: 1,
            bias: false,
        }
    }

    /// A depthwise kernel for so many channels: each sees itself alone.
    #[must_use]
    pub fn depthwise(channels: usize, window: usize, stride: usize) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, window, stride)
        }
    }
}

impl Graph {
    /// Appends a convolution without bias or groups, as [`Kernel::new`] has it.
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
        self.convolve(input, named, Kernel::new(outputs, window, stride))
    }

    /// Appends a convolution whose window is padded by half of its reach, rounded
    /// down.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn convolve(
        &mut self,
        input: Value,
        named: Named<'_>,
        kernel: Kernel,
    ) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let Kernel {
                outputs,
                window,
                stride,
                dilation,
                groups,
                bias,
            } = kernel;
            // Groups that are refused may be none.
            let inputs = graph.channels(input) / groups.max(1);
            let shape = [outputs, inputs, window, window];
            let fan_in = inputs * window * window;
            let weight = graph.hold(named.parameter("weight", Role::ConvWeight, &shape, fan_in));
            let bias = bias
                .then(|| graph.hold(named.parameter("bias", Role::ConvBias, &[outputs], fan_in)));
            let grid = Grid {
                stride,
                padding: dilation * (window / 2),
                dilation,
            };
            let op = Op::Convolution {
                weight,
                bias,
                grid,
                groups,
            };
            graph.push(op, &[input])
        })
    }

    /// Appends a batch norm with PyTorch's [`NORM_EPSILON`].
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn batch_norm(&mut self, input: Value, named: Named<'_>) -> Result<Value, GraphError> {
        self.batch_norm_with(input, named, NORM_EPSILON)
    }

    /// Appends a batch norm that adds `epsilon` to variances.
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn batch_norm_with(
        &mut self,
        input: Value,
        named: Named<'_>,
        epsilon: f64,
    ) -> Result<Value, GraphError> {
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
                epsilon,
            };
            graph.push(op, &[input])
        })
    }

    /// Appends a batch norm of this name without factors and summands, with PyTorch's
    /// [`NORM_EPSILON`].
    ///
    /// # Errors
    /// When it cannot read `input`.
    pub fn standardise(&mut self, input: Value, name: &str) -> Result<Value, GraphError> {
        self.whole(|graph| {
            let running = graph.track(Running {
                name: name.to_owned(),
                channels: graph.channels(input),
            });
            let epsilon = NORM_EPSILON;
            graph.push(Op::Standardise { running, epsilon }, &[input])
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

    /// Appends a linear map with a bias.
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
            let bias = Some(bias);
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

    /// The channels of maps; 0 of anything else.
    #[must_use]
    pub fn channels(&self, value: Value) -> usize {
        match self.nodes().get(value.place()).map(|node| node.shape) {
            Some(Shape::Maps { channels, .. }) => channels,
            _ => 0, // which no layer reads
        }
    }
}
