//! A draft as a graph: what comes to something, with names, parts and marks.

use std::collections::HashSet;

use knas_graph::{Graph, Mark, Op, Parameter, Part, Place, Role, Running, Shape, Value};

use super::blocks::{Layer, marks};
use super::check::Node;
use super::draft::Draft;
use super::error::{LowerError, excerpt};
use super::names::Names;
use super::tensor::Constant;

/// The most numbers of all parameters: those of a file, and as many again.
const LARGEST: usize = 1 << 30;

/// A graph and the tensors of the file that are its parameters and statistics.
pub(crate) struct Finished {
    pub graph: Graph,
    /// By the names that files of weights have.
    pub tensors: Vec<(String, Constant)>,
}

/// What a draft gives by `output`, with as many classes as are asked for.
pub(crate) fn finish(
    draft: &Draft<'_>,
    output: Value,
    classes: Option<usize>,
) -> Result<Finished, LowerError> {
    let layers = layers(draft, output);
    let Shape::Vector { width: own } = draft.graph.shape(output) else {
        return Err(LowerError::Output(draft.graph.shape(output).to_string()));
    };
    let classifier = classifier(draft, &layers, own);
    let rows = classes.filter(|&asked| asked != own);
    if let (Some(asked), None) = (rows, classifier) {
        return Err(LowerError::Classes { own, asked });
    }
    let mut emission = Emission {
        draft,
        graph: Graph::new(draft.graph.shape(draft.graph.input())),
        tensors: Vec::new(),
        names: Names::default(),
        weights: HashSet::new(),
        numbers: 0,
    };
    let marks = marks(&layers);
    let mut values = vec![emission.graph.input()];
    let mut blocks = marks.blocks.iter().peekable();
    for (place, layer) in layers.iter().enumerate().skip(1) {
        let rows = rows.filter(|_| classifier == Some(place));
        let part = match classifier == Some(place) {
            true => Part::Classifier,
            false => Part::Body,
        };
        let read: Vec<Value> = layer.reads.iter().map(|&read| values[read]).collect();
        values.push(emission.layer(layer, &read, part, rows)?);
        while let Some((input, output)) = blocks.next_if(|(_, output)| *output == place) {
            let [input, output] = [*input, *output].map(|place| values[place]);
            emission.graph.mark(Mark::Block { input, output });
        }
        if marks.features == Some(place) {
            emission.graph.mark(Mark::Features(values[place]));
        }
    }
    let Emission { graph, tensors, .. } = emission;
    Ok(Finished { graph, tensors })
}

/// The layers that something comes of, sums of sums as one.
fn layers(draft: &Draft<'_>, output: Value) -> Vec<Layer> {
    let nodes = draft.graph.nodes();
    let mut needed = vec![false; nodes.len()];
    needed[0] = true;
    needed[output.place()] = true;
    let mut readers = vec![0; nodes.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        if needed[place] {
            for input in &node.inputs {
                needed[input.place()] = true;
                readers[input.place()] += 1;
            }
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    let mut places = vec![0; nodes.len()];
    for (number, node) in nodes.iter().enumerate() {
        if !needed[number] {
            continue;
        }
        let mut reads: Vec<usize> = node.inputs.iter().map(|v| places[v.place()]).collect();
        let before = layers.last().is_some_and(|last| {
            let first = reads.first() == Some(&(layers.len() - 1));
            let twice = reads
                .iter()
                .filter(|&&read| read == layers.len() - 1)
                .count()
                > 1;
            (last.op, node.op) == (Op::Add, Op::Add) && first && !twice && readers[last.draft] == 1
        });
        if before && let Some(last) = layers.pop() {
            reads.splice(..1, last.reads);
        }
        places[number] = layers.len();
        layers.push(Layer {
            op: node.op,
            reads,
            shape: node.shape,
            draft: number,
        });
    }
    layers
}

/// The place of the last linear map or 1×1 convolution, if nothing after it holds
/// parameters or depends on how much it gives.
fn classifier(draft: &Draft<'_>, layers: &[Layer], classes: usize) -> Option<usize> {
    let last = layers
        .iter()
        .rposition(|layer| layer.op.weight().is_some())?;
    let weight = &draft.graph.parameters()[layers[last].op.weight()?];
    let maps = match layers[last].op {
        Op::Linear { .. } => true,
        Op::Convolution { groups, .. } => weight.shape[2] == 1 && groups == 1,
        _ => false,
    };
    let simple = |layer: &Layer| {
        matches!(
            layer.op,
            Op::Relu
                | Op::Activation(_)
                | Op::MaxPool { .. }
                | Op::AveragePool { .. }
                | Op::GlobalPool
                | Op::Flatten
                | Op::Dropout { .. }
        )
    };
    let rest = layers[last + 1..].iter().all(simple);
    (maps && rest && weight.shape[0] == classes).then_some(last)
}

/// What the parameters of a layer have in common.
#[derive(Clone, Copy)]
struct Held<'l> {
    layer: &'l str,
    part: Part,
    fan_in: usize,
    /// As many outputs, in place of its own.
    rows: Option<usize>,
}

struct Emission<'d> {
    draft: &'d Draft<'d>,
    graph: Graph,
    tensors: Vec<(String, Constant)>,
    names: Names,
    /// The weights of convolutions and linear maps, by their value in the file.
    weights: HashSet<usize>,
    /// How many numbers all parameters have.
    numbers: usize,
}

impl Emission<'_> {
    fn layer(
        &mut self,
        layer: &Layer,
        read: &[Value],
        part: Part,
        rows: Option<usize>,
    ) -> Result<Value, LowerError> {
        let node = self.draft.node(self.draft.origins[layer.draft - 1]);
        let weight = layer.op.weight();
        let weight = weight.map(|weight| &self.draft.graph.parameters()[weight]);
        let name = weight.map(|weight| {
            let given = node.outputs.first().copied().flatten();
            let given = given.map_or("", |given| self.draft.name(given));
            self.names
                .layer(&weight.name, &node.name, &node.operator, given)
        });
        let held = Held {
            layer: name.as_deref().unwrap_or_default(),
            part,
            fan_in: weight.map_or(1, |weight| weight.fan_in),
            rows,
        };
        if let Op::Convolution { weight, .. } | Op::Linear { weight, .. } = layer.op {
            self.claim(weight, node)?;
        }
        let mut hold = |what: &str, place: Place| self.hold(held, what, place);
        let op = match layer.op {
            Op::Convolution {
                weight,
                bias,
                grid,
                groups,
            } => Op::Convolution {
                weight: hold("weight", weight),
                bias: bias.map(|bias| hold("bias", bias)),
                grid,
                groups,
            },
            Op::Linear { weight, bias } => Op::Linear {
                weight: hold("weight", weight),
                bias: bias.map(|bias| hold("bias", bias)),
            },
            Op::BatchNorm {
                weight,
                bias,
                running,
                epsilon,
            } => Op::BatchNorm {
                weight: hold("weight", weight),
                bias: hold("bias", bias),
                running: self.track(held.layer, running),
                epsilon,
            },
            other => other,
        };
        if self.numbers > LARGEST {
            return Err(node.refuse(format!("up to it there are more than {LARGEST} parameters")));
        }
        let pushed = self.graph.push(op, read);
        pushed.map_err(|error| node.refuse(error.misfit.to_string()))
    }

    /// A parameter of the draft in a layer.
    fn hold(&mut self, held: Held<'_>, what: &str, place: Place) -> Place {
        let Held {
            layer,
            part,
            fan_in,
            rows,
        } = held;
        let own = &self.draft.graph.parameters()[place];
        let constant = &self.draft.constants[place];
        let name = format!("{layer}.{what}");
        let mut shape = own.shape.clone();
        match (rows, shape.first_mut()) {
            (Some(rows), Some(first)) => *first = rows,
            _ => self.tensors.push((name.clone(), constant.clone())),
        }
        let parameter = Parameter {
            key: match own.role {
                Role::LinearBias | Role::ConvBias => name.clone(),
                _ => layer.to_owned(),
            },
            name,
            aliases: Vec::new(),
            role: own.role,
            part,
            shape,
            fan_in,
        };
        self.numbers = self.numbers.saturating_add(parameter.len());
        self.graph.hold(parameter)
    }

    /// That weights are of one layer each. Exporters store equal norms and biases once,
    /// but weights that two layers read are those of a layer that is there twice.
    fn claim(&mut self, weight: Place, node: &Node) -> Result<(), LowerError> {
        let shared = self.draft.constants[weight].origin;
        match shared.filter(|origin| !self.weights.insert(*origin)) {
            Some(origin) => Err(node.refuse(format!(
                "it shares its weight {} with another layer, which is not known",
                excerpt(self.draft.name(origin))
            ))),
            None => Ok(()),
        }
    }

    fn track(&mut self, layer: &str, running: usize) -> usize {
        let [mean, variance] = &self.draft.running[running];
        for (what, constant) in [("running_mean", mean), ("running_var", variance)] {
            self.tensors
                .push((format!("{layer}.{what}"), constant.clone()));
        }
        self.graph.track(Running {
            name: layer.to_owned(),
            channels: self.draft.graph.running()[running].channels,
        })
    }
}
