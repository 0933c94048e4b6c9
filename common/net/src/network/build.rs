//! A network from a graph and a source of weights.

use knas_graph::{Graph, Node, Op, Part, Shape, Value};
use tch::{Device, Kind, Tensor};

use super::{Network, Step};
use crate::NetError;
use crate::direct::Plan;
use crate::init::Initial;
use crate::layers::{Running, Tensors};
use crate::pooling::Pooling;
use crate::weights::WeightFile;

/// Where a network's weights come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Drawn. For texts, [`Init::Default`](crate::Init::Default) stands for
    /// [`Init::Bert`](crate::Init::Bert).
    Random(Initial),
    /// Read from a file, which holds all of them.
    File(&'a WeightFile),
    /// Read from a file, but for the classifier, which is drawn.
    Body {
        /// The weights.
        weights: &'a WeightFile,
        /// How the classifier is drawn.
        initial: Initial,
    },
    /// Read from a file of a pre-trained network, which may lack the classifier:
    /// what is missing of that is drawn.
    Pretrained {
        /// The weights.
        weights: &'a WeightFile,
        /// How the rest is drawn.
        initial: Initial,
    },
}

impl Network {
    /// The network of this graph, on this device.
    ///
    /// # Errors
    /// When the device's memory does not suffice, or the file of weights lacks
    /// one or has it in another shape.
    pub fn new(
        graph: Graph,
        source: Source<'_>,
        options: (Kind, Device),
    ) -> Result<Self, NetError> {
        let build = Builder {
            source,
            options,
            texts: matches!(graph.shape(graph.input()), Shape::Text { .. }),
        };
        let mut tensors = Tensors::default();
        for parameter in graph.parameters() {
            let value = build.value(parameter)?;
            tensors.add(parameter, &value, options)?;
        }
        for running in graph.running() {
            tensors.running.push(build.running(running)?);
        }
        let (steps, poolings) = build.steps(&graph)?;
        Ok(Self {
            longest: build.texts.then(|| longest(&graph)),
            plan: Plan::of(&graph),
            gated: graph
                .nodes()
                .iter()
                .any(|n| matches!(n.op, Op::Gate { .. })),
            blind_alone: graph.is_blind_alone(),
            graph,
            tensors,
            options,
            steps,
            poolings,
        })
    }
}

struct Builder<'a> {
    source: Source<'a>,
    options: (Kind, Device),
    texts: bool,
}

impl Builder<'_> {
    fn value(&self, parameter: &knas_graph::Parameter) -> Result<Tensor, NetError> {
        let shape: Vec<i64> = parameter.shape.iter().map(|&n| n as i64).collect();
        let in_classifier = parameter.part == Part::Classifier;
        let (weights, initial) = match self.source {
            Source::Random(initial) => return self.drawn(parameter, &shape, initial),
            Source::Body { initial, .. } if in_classifier => {
                return self.drawn(parameter, &shape, initial);
            }
            Source::File(weights) | Source::Body { weights, .. } => (weights, None),
            Source::Pretrained { weights, initial } => (weights, Some(initial)),
        };
        for name in [&parameter.name].into_iter().chain(&parameter.aliases) {
            if let Some(tensor) = weights.optional(name, &shape)? {
                return Ok(tensor);
            }
        }
        match initial.filter(|_| in_classifier) {
            Some(initial) => self.drawn(parameter, &shape, initial),
            None => Ok(weights.tensor(&parameter.name, &shape)?), // says what is missing
        }
    }

    fn drawn(
        &self,
        parameter: &knas_graph::Parameter,
        shape: &[i64],
        initial: Initial,
    ) -> Result<Tensor, NetError> {
        let init = initial.init.of(self.texts);
        let initial = Initial { init, ..initial };
        let fan_in = parameter.fan_in as i64;
        initial.draw(&parameter.key, parameter.role, shape, fan_in)
    }

    fn running(&self, running: &knas_graph::Running) -> Result<Running, NetError> {
        let (kind, device) = self.options;
        let shape = [running.channels as i64];
        let statistics = |what: &str, fresh: f64| {
            let stored = match self.source {
                Source::File(weights)
                | Source::Body { weights, .. }
                | Source::Pretrained { weights, .. } => {
                    weights.optional(&format!("{}.{what}", running.name), &shape)?
                }
                Source::Random(_) => None,
            };
            Ok::<_, NetError>(match stored {
                Some(tensor) => tensor.f_to_device(device)?.f_to_kind(kind)?,
                None => Tensor::f_full(shape, fresh, self.options)?,
            })
        };
        Ok(Running {
            name: running.name.clone(),
            mean: statistics("running_mean", 0.0)?,
            variance: statistics("running_var", 1.0)?,
        })
    }

    fn steps(&self, graph: &Graph) -> Result<(Vec<Step>, Vec<Pooling>), NetError> {
        let mut poolings: Vec<((Shape, usize), Pooling)> = Vec::new();
        let mut read = vec![false; graph.nodes().len()];
        let mut steps = Vec::with_capacity(graph.nodes().len());
        for (node, releases) in graph.nodes().iter().zip(graph.releases()) {
            let mut step = Step {
                releases,
                ..Step::default()
            };
            for &input in &node.inputs {
                let seen = std::mem::replace(&mut read[input.place()], true);
                if seen && graph.nodes()[input.place()].op == Op::Relu {
                    step.shared.push(input);
                }
            }
            if let Some((window, sizes)) = keeps_side(node) {
                let kind = (node.shape, window);
                let known = poolings.iter().position(|(other, _)| *other == kind);
                if known.is_none() {
                    let made = Pooling::new(window as i64, sizes, self.options)?;
                    poolings.push((kind, made));
                }
                step.pooling = Some(known.unwrap_or(poolings.len() - 1));
            }
            steps.push(step);
        }
        let poolings = poolings.into_iter().map(|(_, pooling)| pooling).collect();
        Ok((steps, poolings))
    }
}

/// The window, channels and side of an average pooling that keeps the side.
fn keeps_side(node: &Node) -> Option<(usize, [i64; 2])> {
    match (node.op, node.shape) {
        (
            Op::AveragePool {
                window,
                stride: 1,
                padding,
            },
            Shape::Maps { channels, side },
        ) if window == 2 * padding + 1 => Some((window, [channels as i64, side as i64])),
        _ => None,
    }
}

/// The most tokens that the positions' tables of a graph tell apart.
fn longest(graph: &Graph) -> usize {
    let numbers = |value: &Value| match graph.nodes()[value.place()].op {
        Op::Positions { padding } => Some(padding.map_or(0, |padding| padding + 1)),
        _ => None,
    };
    let tables = graph.nodes().iter().filter_map(|node| match node.op {
        Op::Embedding { table } => {
            let first = node.inputs.first().and_then(numbers)?;
            Some(graph.parameters()[table].shape[0].saturating_sub(first))
        }
        _ => None,
    });
    tables.min().unwrap_or(usize::MAX)
}
