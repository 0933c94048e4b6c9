//! An operation of a graph in operators of ONNX.

mod encoders;

use std::f64::consts::SQRT_2;

use knas_graph::{Activation, Graph, Node, Op, Place, Shape, Value};

use crate::builder::{Builder, float, int, ints};
use crate::message::Attribute;

/// The three rows of a text, by the names that `transformers` gives its inputs.
pub(crate) const TEXT: [&str; 3] = ["input_ids", "token_type_ids", "attention_mask"];

/// What images are shown as.
pub(crate) const IMAGE: &str = "input";

/// What a model gives.
pub(crate) const LOGITS: &str = "logits";

/// How windows of a pooling lie.
fn windows(window: usize, stride: usize, padding: usize) -> Vec<Attribute> {
    vec![
        ints("kernel_shape", &[window as i64; 2]),
        ints("strides", &[stride as i64; 2]),
        ints("pads", &[padding as i64; 4]),
    ]
}

/// Nodes for a graph's nodes.
pub(crate) struct Lowering<'g> {
    pub graph: &'g Graph,
    pub builder: Builder,
    /// By node, the name of what it gives.
    names: Vec<String>,
    /// What hides padding from attention, by the mask that it was made from.
    hidden: Vec<(Value, String)>,
}

impl<'g> Lowering<'g> {
    /// Nodes for all nodes of a graph, whose input is called `input`.
    pub fn of(graph: &'g Graph, builder: Builder, input: &str) -> Builder {
        let mut lowering = Self {
            graph,
            builder,
            names: vec![input.to_owned()],
            hidden: Vec::new(),
        };
        for place in 1..graph.nodes().len() {
            let name = lowering.name(place);
            let given = lowering.node(place, &name);
            lowering.names.push(given);
        }
        // Where the last node passes on what another gives.
        if let Some(last) = lowering.names.last().filter(|last| *last != LOGITS) {
            let last = last.clone();
            lowering.builder.node("Identity", &[&last], LOGITS, vec![]);
        }
        lowering.builder
    }

    /// The name of what a node gives: its layer's, or what it does; and its place.
    fn name(&self, place: usize) -> String {
        if place + 1 == self.graph.nodes().len() {
            return LOGITS.to_owned();
        }
        let op = &self.graph.nodes()[place].op;
        let weight = op.weight().map(|weight| self.parameter(weight));
        let layer = weight.map(|name| name.strip_suffix(".weight").unwrap_or(name));
        format!("{}/{place}", layer.unwrap_or(op.name()))
    }

    fn parameter(&self, place: Place) -> &'g str {
        &self.graph.parameters()[place].name
    }

    /// The name of what the node at this place gives, which is `name` unless it
    /// passes on what another gives.
    fn node(&mut self, place: usize, name: &str) -> String {
        let node = &self.graph.nodes()[place];
        let read: Vec<String> = node
            .inputs
            .iter()
            .map(|input| self.names[input.place()].clone())
            .collect();
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let first = read.first().copied().unwrap_or_default();
        let simple = |builder: &mut Builder, operator: &str| {
            builder.node(operator, &read, name, vec![]);
        };
        match node.op {
            // What a network is shown, and what an evaluation does not do; no
            // architecture has gates.
            Op::Input(_) | Op::Dropout { .. } | Op::Gate { .. } => return first.to_owned(),
            Op::TokenIds => return TEXT[0].to_owned(),
            Op::TokenTypes => return TEXT[1].to_owned(),
            Op::TokenMask => return TEXT[2].to_owned(),
            Op::Convolution {
                weight,
                bias,
                grid,
                groups,
            } => {
                let mut settings = vec![
                    ints("strides", &[grid.stride as i64; 2]),
                    ints("pads", &[grid.padding as i64; 4]),
                ];
                if grid.dilation != 1 {
                    settings.push(ints("dilations", &[grid.dilation as i64; 2]));
                }
                if groups != 1 {
                    settings.push(int("group", groups as i64));
                }
                let mut read = vec![first, self.parameter(weight)];
                read.extend(bias.map(|bias| self.parameter(bias)));
                self.builder.node("Conv", &read, name, settings);
            }
            Op::BatchNorm {
                weight,
                bias,
                running,
                epsilon,
            } => {
                let [weight, bias] = [weight, bias].map(|place| self.parameter(place));
                let layer = &self.graph.running()[running].name;
                let [mean, variance] =
                    ["running_mean", "running_var"].map(|what| format!("{layer}.{what}"));
                let read = [first, weight, bias, &mean, &variance];
                let settings = vec![float("epsilon", epsilon)];
                self.builder
                    .node("BatchNormalization", &read, name, settings);
            }
            Op::Standardise { running, epsilon } => self.standardise(running, epsilon, first, name),
            Op::Relu => simple(&mut self.builder, "Relu"),
            Op::Activation(activation) => self.activation(activation, first, name),
            Op::AveragePool {
                window,
                stride,
                padding,
            } => {
                let mut settings = windows(window, stride, padding);
                settings.push(int("count_include_pad", 0));
                self.builder.node("AveragePool", &read, name, settings);
            }
            Op::MaxPool {
                window,
                stride,
                padding,
            } => {
                let settings = windows(window, stride, padding);
                self.builder.node("MaxPool", &read, name, settings);
            }
            Op::Squeeze => simple(&mut self.builder, "GlobalAveragePool"),
            Op::Flatten => simple(&mut self.builder, "Flatten"),
            Op::Scale => self.scale(node, &read, name),
            Op::Concatenate => {
                let settings = vec![int("axis", 1)];
                self.builder.node("Concat", &read, name, settings);
            }
            Op::Narrow {
                first: start,
                channels,
            } => {
                let bounds = [start, start.saturating_add(channels), 1];
                let [start, end, axis] = bounds.map(|number| self.builder.ints(&[number as i64]));
                let read = [first, &start, &end, &axis];
                self.builder.node("Slice", &read, name, vec![]);
            }
            Op::Shuffle { groups } => self.shuffle(groups, node, first, name),
            Op::LocalNorm {
                reach,
                alpha,
                beta,
                offset,
            } => {
                let settings = vec![
                    int("size", 2 * reach as i64 + 1),
                    float("alpha", alpha),
                    float("beta", beta),
                    float("bias", offset),
                ];
                self.builder.node("LRN", &read, name, settings);
            }
            Op::Pad { before, after } => {
                let [before, after] = [before, after].map(|zeros| zeros as i64);
                let pads = [0, 0, before, before, 0, 0, after, after];
                let pads = self.builder.ints(&pads);
                self.builder.node("Pad", &[first, &pads], name, vec![]);
            }
            Op::Shift => {
                let builder = &mut self.builder;
                let (starts, ends) = (builder.ints(&[1, 1]), builder.ints(&[i64::MAX; 2]));
                let (axes, pads) = (
                    builder.ints(&[2, 3]),
                    builder.ints(&[0, 0, 0, 0, 0, 0, 1, 1]),
                );
                let rest = format!("{name}/rest");
                builder.node("Slice", &[first, &starts, &ends, &axes], &rest, vec![]);
                builder.node("Pad", &[&rest, &pads], name, vec![]);
            }
            Op::GlobalPool => {
                let pooled = format!("{name}/maps");
                let builder = &mut self.builder;
                builder.node("GlobalAveragePool", &read, &pooled, vec![]);
                builder.node("Flatten", &[&pooled], name, vec![int("axis", 1)]);
            }
            Op::Linear { weight, bias } => self.linear(weight, bias, node, name),
            Op::Add => self.add(&read, name),
            Op::Divide(by) => {
                let by = self.builder.float(by as f32);
                self.builder.node("Div", &[first, &by], name, vec![]);
            }
            Op::Zeros => {
                // Not a product with 0, which infinities survive.
                let shape = format!("{name}/shape");
                let builder = &mut self.builder;
                builder.node("Shape", &[first], &shape, vec![]);
                builder.node("ConstantOfShape", &[&shape], name, vec![]);
            }
            Op::Positions { padding } => self.positions(padding, first, name),
            Op::Embedding { table } => {
                let read = [self.parameter(table), first];
                self.builder.node("Gather", &read, name, vec![]);
            }
            Op::LayerNorm {
                weight,
                bias,
                epsilon,
            } => {
                let read = [first, self.parameter(weight), self.parameter(bias)];
                let settings = vec![int("axis", -1), float("epsilon", epsilon)];
                self.builder
                    .node("LayerNormalization", &read, name, settings);
            }
            Op::Attention { heads, .. } => self.attention(place, &read, heads, name),
            Op::FirstToken => {
                let zero = self.builder.int(0);
                let settings = vec![int("axis", 1)];
                self.builder.node("Gather", &[first, &zero], name, settings);
            }
        }
        name.to_owned()
    }

    fn standardise(&mut self, running: usize, epsilon: f64, input: &str, name: &str) {
        let running = &self.graph.running()[running];
        let [mean, variance] =
            ["running_mean", "running_var"].map(|what| format!("{}.{what}", running.name));
        let [ones, zeros] = [(1.0, "ones"), (0.0, "zeros")].map(|(value, what)| {
            let constant = format!("{name}/{what}");
            let values = vec![value; running.channels];
            self.builder.floats(&constant, &[running.channels], &values);
            constant
        });
        let read = [input, &ones, &zeros, &mean, &variance];
        let settings = vec![float("epsilon", epsilon)];
        self.builder
            .node("BatchNormalization", &read, name, settings);
    }

    /// Maps times factors, which are made maps of one position where they are a vector.
    fn scale(&mut self, node: &Node, read: &[&str], name: &str) {
        let (&[maps, factors], [_, value]) = (read, &node.inputs[..]) else {
            return; // which no graph holds
        };
        let vector = matches!(self.graph.shape(*value), Shape::Vector { .. });
        let builder = &mut self.builder;
        if !vector {
            return builder.node("Mul", &[maps, factors], name, vec![]);
        }
        let wide = format!("{name}/factors");
        let axes = builder.ints(&[2, 3]);
        builder.node("Unsqueeze", &[factors, &axes], &wide, vec![]);
        builder.node("Mul", &[maps, &wide], name, vec![]);
    }

    fn shuffle(&mut self, groups: usize, node: &Node, input: &str, name: &str) {
        let Shape::Maps { channels, side } = node.shape else {
            return; // which no graph holds
        };
        let builder = &mut self.builder;
        let [apart, turned] = ["apart", "turned"].map(|what| format!("{name}/{what}"));
        let (groups, channels, side) = (groups as i64, channels as i64, side as i64);
        // 0 stands for the size that is there.
        let split = builder.ints(&[0, groups, channels / groups, side, side]);
        let whole = builder.ints(&[0, channels, side, side]);
        builder.node("Reshape", &[input, &split], &apart, vec![]);
        let order = vec![ints("perm", &[0, 2, 1, 3, 4])];
        builder.node("Transpose", &[&apart], &turned, order);
        builder.node("Reshape", &[&turned, &whole], name, vec![]);
    }

    /// A linear map; of tokens, whose batches have three dimensions, as a product
    /// of matrices. The weight is stored as other software has it, out × in.
    fn linear(&mut self, weight: Place, bias: Option<Place>, node: &Node, name: &str) {
        let input = node.inputs.first().map(|input| &*self.names[input.place()]);
        let input = input.unwrap_or_default().to_owned();
        let weight = self.parameter(weight);
        let bias = bias.map(|bias| self.parameter(bias));
        let builder = &mut self.builder;
        if matches!(node.shape, Shape::Vector { .. }) {
            let mut read = vec![&*input, weight];
            read.extend(bias);
            return builder.node("Gemm", &read, name, vec![int("transB", 1)]);
        }
        let [turned, product] = ["weight", "product"].map(|what| format!("{name}/{what}"));
        let order = vec![ints("perm", &[1, 0])];
        builder.node("Transpose", &[weight], &turned, order);
        match bias {
            Some(bias) => {
                builder.node("MatMul", &[&input, &turned], &product, vec![]);
                builder.node("Add", &[&product, bias], name, vec![]);
            }
            None => builder.node("MatMul", &[&input, &turned], name, vec![]),
        }
    }

    /// From left to right, as it is summed here.
    fn add(&mut self, read: &[&str], name: &str) {
        let mut sum = read.first().copied().unwrap_or_default().to_owned();
        for (number, addend) in read.iter().enumerate().skip(1) {
            let next = match number + 1 == read.len() {
                true => name.to_owned(),
                false => format!("{name}/first_{}", number + 1),
            };
            self.builder.node("Add", &[&sum, addend], &next, vec![]);
            sum = next;
        }
    }

    fn activation(&mut self, activation: Activation, input: &str, name: &str) {
        let builder = &mut self.builder;
        match activation {
            Activation::Gelu => self.gelu(input, name),
            Activation::Tanh => builder.node("Tanh", &[input], name, vec![]),
            Activation::Sigmoid => builder.node("Sigmoid", &[input], name, vec![]),
            Activation::HardSigmoid => {
                let settings = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                builder.node("HardSigmoid", &[input], name, settings);
            }
            Activation::HardSwish => builder.node("HardSwish", &[input], name, vec![]),
            Activation::Silu => {
                let gate = format!("{name}/gate");
                builder.node("Sigmoid", &[input], &gate, vec![]);
                builder.node("Mul", &[input, &gate], name, vec![]);
            }
            Activation::Relu6 => {
                let (low, high) = (builder.float(0.0), builder.float(6.0));
                builder.node("Clip", &[input, &low, &high], name, vec![]);
            }
        }
    }

    /// x·Φ(x), by the error function.
    fn gelu(&mut self, input: &str, name: &str) {
        let builder = &mut self.builder;
        let part = |what: &str| format!("{name}/{what}");
        let [scaled, erf, more, product] =
            [part("scaled"), part("erf"), part("more"), part("product")];
        let root = builder.float(SQRT_2 as f32);
        let (one, half) = (builder.float(1.0), builder.float(0.5));
        builder.node("Div", &[input, &root], &scaled, vec![]);
        builder.node("Erf", &[&scaled], &erf, vec![]);
        builder.node("Add", &[&erf, &one], &more, vec![]);
        builder.node("Mul", &[input, &more], &product, vec![]);
        builder.node("Mul", &[&product, &half], name, vec![]);
    }
}
