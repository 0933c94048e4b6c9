//! The nodes of a model, one after the other, as layers of a graph.

use std::collections::{BTreeSet, HashMap};

use knas_graph::{Op, Shape, Value};

use super::check::{Network, Node};
use super::draft::Draft;
use super::error::LowerError;
use super::fold::{Budget, Numbers, fold, is_float};
use super::functions::{Function, Functions, Source};
use super::scalar::Apply;
use super::view::View;

/// What is known of a value.
#[derive(Clone)]
pub(crate) enum Known {
    /// It does not depend on the image.
    Numbers(Numbers),
    /// It does.
    Image(Image),
}

/// A value that depends on the image.
#[derive(Clone)]
pub(crate) struct Image {
    pub function: Function,
    pub view: View,
}

/// What is told of a model beside its layers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks {
    /// Poolings whose window holds whole maps, by node.
    pub whole: BTreeSet<usize>,
    /// Whether images are prepared by the model itself.
    pub prepares: bool,
    /// The softmax after the logits.
    pub softmax: Option<String>,
}

/// A walk over the nodes.
pub(crate) struct Walk<'n> {
    pub network: &'n Network,
    /// By value.
    known: Vec<Option<Known>>,
    pub functions: Functions,
    pub draft: Draft<'n>,
    /// Nodes that layers before them have taken in.
    pub absorbed: BTreeSet<usize>,
    /// The vectors that maps were made.
    pub flat: HashMap<Value, Value>,
    pub remarks: Remarks,
}

/// What a node gives: what is known of its first output.
pub(crate) type Given = Result<Known, LowerError>;

/// The numbers that a model's nodes give without any image, by value.
pub(crate) fn constants(network: &Network) -> Result<Vec<Option<Numbers>>, LowerError> {
    let constants = network.constants.iter();
    let mut known: Vec<Option<Numbers>> = constants
        .map(|constant| constant.clone().map(Numbers::Constant))
        .collect();
    let mut budget = Budget::new();
    for node in &network.nodes {
        let read: Vec<Option<&Numbers>> = node
            .inputs
            .iter()
            .map(|input| input.and_then(|input| known[input].as_ref()))
            .collect();
        let all = node
            .inputs
            .iter()
            .zip(&read)
            .all(|(input, read)| input.is_none() || read.is_some());
        let Some(output) = node.outputs.first().copied().flatten().filter(|_| all) else {
            continue;
        };
        if let Some(made) = fold(node, &read, &mut budget)? {
            known[output] = Some(made);
        }
    }
    Ok(known)
}

impl<'n> Walk<'n> {
    /// A walk that is about to begin, with images of this shape.
    pub fn new(
        network: &'n Network,
        constants: &[Option<Numbers>],
        image: Shape,
        remarks: Remarks,
    ) -> Self {
        let known = constants
            .iter()
            .map(|numbers| numbers.clone().map(Known::Numbers));
        let mut walk = Self {
            network,
            known: known.collect(),
            functions: Functions::default(),
            draft: Draft::new(network, image),
            absorbed: BTreeSet::new(),
            flat: HashMap::new(),
            remarks,
        };
        let value = walk.draft.graph.input();
        let function = walk.functions.source(Source::Value(value), image, 0);
        let view = match network.is_channels_last() {
            true => View::channels_last(image),
            false => View::of(image),
        };
        walk.known[network.input] = Some(Known::Image(Image { function, view }));
        walk
    }

    /// Walks over all nodes; gives the vector that the model gives.
    pub fn all(&mut self) -> Result<Value, LowerError> {
        let network = self.network;
        let mut budget = Budget::new();
        for (place, node) in network.nodes.iter().enumerate() {
            let Some(output) = node.outputs.first().copied().flatten() else {
                return Err(node.refuse("what it gives first has no name"));
            };
            if self.known[output].is_some() {
                continue;
            }
            if node.operator == "Split" {
                let given = self.split(place, node)?;
                for (output, given) in node.outputs.iter().zip(given) {
                    if let Some(output) = *output {
                        self.known[output] = Some(given);
                    }
                }
                continue;
            }
            let given = match self.numbers(node, &mut budget)? {
                Some(numbers) => Known::Numbers(numbers),
                None => self.node(place, node)?,
            };
            self.known[output] = Some(given);
        }
        let refuse = |found: String| LowerError::Output(found);
        let image = match &self.known[network.output] {
            Some(Known::Image(image)) => image.clone(),
            _ => {
                return Err(refuse(
                    "something that does not depend on the image".to_owned(),
                ));
            }
        };
        if image.view.single().is_none() {
            let shape = self.functions.shape(image.function);
            return Err(refuse(format!("{shape} numbers for an image")));
        }
        match network.nodes.len().checked_sub(1) {
            Some(last) => self.vector(last, &image),
            None => Err(refuse("what it is shown".to_owned())),
        }
    }

    /// What a node gives that reads no image.
    fn numbers(&self, node: &Node, budget: &mut Budget) -> Result<Option<Numbers>, LowerError> {
        let mut read = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            read.push(match input.and_then(|input| self.known[input].as_ref()) {
                Some(Known::Image(_)) => return Ok(None),
                Some(Known::Numbers(numbers)) => Some(numbers),
                None => None,
            });
        }
        // Zeros in the shape of an image are one, too.
        match &*node.operator {
            "ConstantOfShape" => Ok(None),
            _ => fold(node, &read, budget),
        }
    }

    /// What is known of a value by now.
    pub fn known(&self, value: usize) -> Option<&Known> {
        self.known[value].as_ref()
    }

    /// What is known of what a node reads at a place.
    pub fn read(&self, node: &Node, place: usize) -> Option<&Known> {
        let input = node.inputs.get(place).copied().flatten()?;
        self.known[input].as_ref()
    }

    /// The image that a node reads at a place.
    pub fn image(&self, node: &Node, place: usize) -> Result<Image, LowerError> {
        match self.read(node, place) {
            Some(Known::Image(image)) => Ok(image.clone()),
            _ => Err(node.refuse(format!(
                "what it reads at place {place} does not depend on the image"
            ))),
        }
    }

    /// The numbers that a node reads at a place.
    pub fn told(&self, node: &Node, place: usize) -> Option<&Numbers> {
        match self.read(node, place) {
            Some(Known::Numbers(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// The whole numbers that a node reads at a place.
    pub fn wholes(&self, node: &Node, place: usize) -> Option<Vec<i64>> {
        self.told(node, place)?.known()
    }

    /// The only node that reads what this one gives, if nothing else does.
    pub fn only_reader(&self, node: &Node) -> Option<(usize, &'n Node)> {
        let output = node.outputs.first().copied().flatten()?;
        match self.network.readers[output][..] {
            [reader] if output != self.network.output => {
                Some((reader, &self.network.nodes[reader]))
            }
            _ => None,
        }
    }

    /// A value of the graph, as the file sees it.
    pub fn give(&mut self, place: usize, value: Value, view: View) -> Known {
        let shape = self.draft.graph.shape(value);
        let function = self.functions.source(Source::Value(value), shape, place);
        Known::Image(Image { function, view })
    }

    /// What the node at this place gives.
    fn node(&mut self, place: usize, node: &'n Node) -> Given {
        if self.absorbed.contains(&place) {
            // Its layer has done this; what it reads besides are numbers.
            let read = (0..node.inputs.len()).find_map(|place| self.image(node, place).ok());
            return match read {
                Some(image) => Ok(Known::Image(image)),
                None => self.image(node, 0).map(Known::Image),
            };
        }
        match &*node.operator {
            "Conv" => self.convolution(place, node),
            "BatchNormalization" => self.batch_norm(place, node),
            "Gemm" => self.gemm(place, node),
            "MatMul" => self.product(place, node),
            "MaxPool" | "AveragePool" => self.pool(place, node),
            "GlobalAveragePool" | "ReduceMean" => self.means(place, node),
            "GlobalMaxPool" => self.largest(place, node),
            "LRN" => self.local_norm(place, node),
            "Pad" => self.pad(place, node),
            "Slice" => self.slice(place, node),
            "Concat" => self.concatenate(place, node),
            "Dropout" => self.dropout(place, node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "Identity" => self.image(node, 0).map(Known::Image),
            "Cast" => match node.int("to")? {
                Some(kind) if is_float(kind) => self.image(node, 0).map(Known::Image),
                _ => Err(node.refuse("images are made whole numbers, which is not known")),
            },
            "Transpose" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
                self.arrange(place, node)
            }
            "Shape" => self.shape(node),
            "ConstantOfShape" => self.zeros(place, node),
            "Sum" => self.sum(place, node),
            _ => {
                let bounds = [1, 2].map(|place| match self.told(node, place)? {
                    Numbers::Constant(constant) => constant.single(),
                    Numbers::Wholes(_) => None,
                });
                match Apply::of(node, bounds)? {
                    Some(apply) => self.elementwise(place, node, apply),
                    None => Err(node.refuse(unknown(&node.operator))),
                }
            }
        }
    }

    /// What a network gives is not squashed here, for losses do that.
    fn softmax(&mut self, node: &Node) -> Given {
        let image = self.image(node, 0)?;
        let mut last = node;
        while let Some((_, reader)) = self.only_reader(last) {
            match &*reader.operator {
                "Identity" | "Cast" | "Reshape" | "Flatten" | "Squeeze" | "Log" => last = reader,
                _ => break,
            }
        }
        if last.outputs.first() != Some(&Some(self.network.output)) {
            return Err(node.refuse("softmax is only known as the last node"));
        }
        self.remarks.softmax = Some(node.operator.clone());
        Ok(Known::Image(image))
    }

    /// As in training, if there is any.
    fn dropout(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["ratio", "seed", "is_test"])?;
        let image = self.image(node, 0)?;
        let told = match self.told(node, 1) {
            Some(Numbers::Constant(constant)) => constant.single(),
            _ => None,
        };
        let setting = node.float("ratio")?.map(super::scalar::told);
        let rate = told.or(setting).unwrap_or(0.5);
        if rate == 0.0 {
            return Ok(Known::Image(image));
        }
        let (value, view) = self.settled(place, &image)?;
        let dropped = self.draft.push(place, Op::Dropout { rate }, &[value])?;
        Ok(self.give(place, dropped, view))
    }
}

/// What is said of an operator that has no counterpart.
fn unknown(operator: &str) -> String {
    match operator {
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "ConvInteger"
        | "QLinearMatMul"
        | "MatMulInteger" => {
            "quantised models are not read: export the model in single precision".to_owned()
        }
        "If" | "Loop" | "Scan" => {
            "nodes that choose or repeat graphs of their own are not read".to_owned()
        }
        _ => "this operator is not known for images".to_owned(),
    }
}
