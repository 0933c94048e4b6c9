//! A model whose names are places, and whose nodes are known to be in order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::error::{LowerError, NodeError, ReadError, TensorFault, excerpt};
use super::external::Folder;
use super::tensor::{Constant, tensor};
use crate::message::{Attribute, Graph, Model, ValueInfo, attribute_type, data_type};

/// A model that was checked.
#[derive(Debug)]
pub(crate) struct Network {
    /// By value, its name.
    pub names: Vec<String>,
    /// The nodes that what is given depends on, in order.
    pub nodes: Vec<Node>,
    /// By value, its numbers where they are known from the start.
    pub constants: Vec<Option<Constant>>,
    /// By value, the places in `nodes` of those that read it.
    pub readers: Vec<Vec<usize>>,
    /// What it is shown.
    pub input: usize,
    /// The sizes of that; none where one is left open.
    pub sizes: Vec<Option<usize>>,
    /// What it gives.
    pub output: usize,
    /// What else it gives, which is left out.
    pub others: Vec<String>,
}

/// A node that was checked.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its place in the file.
    pub place: usize,
    /// Its name, which may be empty.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// What it reads; none where something is left out.
    pub inputs: Vec<Option<usize>>,
    /// What it gives, likewise.
    pub outputs: Vec<Option<usize>>,
    /// Its settings.
    pub attributes: Vec<Attribute>,
}

impl Node {
    /// That this node is not known, for a reason.
    pub fn refuse(&self, fault: impl Into<String>) -> LowerError {
        LowerError::Node(Box::new(NodeError {
            place: self.place,
            name: self.name.clone(),
            operator: self.operator.clone(),
            fault: fault.into(),
        }))
    }
}

/// Names and the places of values.
#[derive(Default)]
struct Names {
    places: HashMap<String, usize>,
    names: Vec<String>,
}

impl Names {
    /// A place for a value that is there from now on.
    fn add(&mut self, name: &str) -> Result<usize, ReadError> {
        match self.places.entry(name.to_owned()) {
            Entry::Occupied(_) => Err(ReadError::Twice(name.to_owned())),
            Entry::Vacant(free) => {
                self.names.push(name.to_owned());
                Ok(*free.insert(self.names.len() - 1))
            }
        }
    }
}

/// The network of a model, if its names make sense.
pub(crate) fn check(model: Model, folder: &mut Folder<'_>) -> Result<Network, ReadError> {
    let missing = |what: &str| ReadError::Model(format!("the model has no {what}"));
    let graph = model.graph.ok_or_else(|| missing("graph"))?;
    let standard = |set: &crate::message::OperatorSet| is_standard(set.domain.as_deref());
    if !model.opset_import.iter().any(standard) {
        return Err(missing("version of the standard operators"));
    }
    let mut names = Names::default();
    let mut constants = Vec::new();
    for message in &graph.initializer {
        let name = message.name.clone().unwrap_or_default();
        let wrong = |fault| ReadError::Tensor {
            name: name.clone(),
            fault,
        };
        if name.is_empty() {
            return Err(wrong(TensorFault::Nameless));
        }
        let bytes = folder.bytes(message).map_err(wrong)?;
        let constant = tensor(message, bytes).map_err(wrong)?;
        let origin = Some(names.add(&name)?);
        constants.push(Some(Constant { origin, ..constant }));
    }
    let (input, sizes) = shown(&graph, &mut names)?;
    let nodes = nodes(&graph, &mut names)?;
    constants.resize_with(names.names.len(), || None);
    let mut given = graph.output.iter();
    let output = given.next().and_then(|output| output.name.as_deref());
    let name = output.ok_or_else(|| missing("output"))?;
    let output = names.places.get(name).copied();
    let output = output.ok_or_else(|| {
        ReadError::Model(format!(
            "nothing gives the model's output {}",
            excerpt(name)
        ))
    })?;
    let others = given.filter_map(|output| output.name.clone()).collect();
    let mut network = Network {
        readers: vec![Vec::new(); names.names.len()],
        names: names.names,
        nodes,
        constants,
        input,
        sizes,
        output,
        others,
    };
    network.keep_what_is_needed()?;
    Ok(network)
}

fn is_standard(domain: Option<&str>) -> bool {
    matches!(domain, None | Some("" | "ai.onnx"))
}

/// What a model is shown: its only input that is no tensor of its own.
fn shown(graph: &Graph, names: &mut Names) -> Result<(usize, Vec<Option<usize>>), ReadError> {
    let name = |input: &ValueInfo| input.name.clone().unwrap_or_default();
    let images: Vec<&ValueInfo> = graph
        .input
        .iter()
        .filter(|input| !names.places.contains_key(&name(input)))
        .collect();
    let [image] = images[..] else {
        let told: Vec<String> = images.iter().take(8).map(|i| excerpt(&name(i))).collect();
        let told = match told[..] {
            [] => "none".to_owned(),
            _ => told.join(", "),
        };
        let message = format!("a network for images has one input, and the model's are: {told}");
        return Err(ReadError::Model(message));
    };
    let kind = image.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let elements = kind.and_then(|kind| kind.elem_type).unwrap_or_default();
    let floats = [
        data_type::FLOAT,
        data_type::FLOAT16,
        data_type::DOUBLE,
        data_type::BFLOAT16,
    ];
    if !floats.contains(&elements) {
        let message = format!(
            "the model reads numbers of kind {elements} as {}, where images are single precision \
             (kind 1)",
            excerpt(&name(image))
        );
        return Err(ReadError::Model(message));
    }
    let shape = kind.and_then(|kind| kind.shape.as_ref());
    let sizes: Vec<Option<usize>> = shape.map_or(Vec::new(), |shape| {
        let sizes = shape.dim.iter().map(|dimension| dimension.dim_value);
        sizes
            .map(|size| usize::try_from(size?).ok().filter(|&size| size > 0))
            .collect()
    });
    if sizes.len() != 4 {
        let message = format!(
            "the model reads {} of {} dimensions, where images have 4: number, channels, height \
             and width",
            excerpt(&name(image)),
            sizes.len()
        );
        return Err(ReadError::Model(message));
    }
    Ok((names.add(&name(image))?, sizes))
}

/// The nodes, each of which reads what is there by then.
fn nodes(graph: &Graph, names: &mut Names) -> Result<Vec<Node>, ReadError> {
    let given = |node: &crate::message::Node, name: &String| node.output.contains(name);
    let mut nodes = Vec::with_capacity(graph.node.len());
    for (place, message) in graph.node.iter().enumerate() {
        let mut node = Node {
            place,
            name: message.name.clone().unwrap_or_default(),
            operator: message.op_type.clone().unwrap_or_default(),
            inputs: Vec::with_capacity(message.input.len()),
            outputs: Vec::with_capacity(message.output.len()),
            attributes: message.attribute.clone(),
        };
        if !is_standard(message.domain.as_deref()) {
            // Refused where it is needed.
            let domain = message.domain.as_deref().unwrap_or_default();
            node.operator = format!("{domain}::{}", node.operator);
        }
        for name in &message.input {
            let known = names.places.get(name).copied();
            if known.is_none() && !name.is_empty() {
                let later = graph
                    .node
                    .iter()
                    .skip(place)
                    .any(|other| given(other, name));
                let fault = match later {
                    true => "is given only by it or after it: nodes must be in order",
                    false => "nothing gives",
                };
                let read = excerpt(name);
                return Err(node
                    .refuse(format!("it reads {read}, which {fault}"))
                    .into());
            }
            node.inputs.push(known);
        }
        for name in &message.output {
            let known = match name.is_empty() {
                true => None,
                false => Some(names.add(name)?),
            };
            node.outputs.push(known);
        }
        check_attributes(&node)?;
        nodes.push(node);
    }
    Ok(nodes)
}

/// Every setting has a name of its own, and is there.
fn check_attributes(node: &Node) -> Result<(), LowerError> {
    for (place, attribute) in node.attributes.iter().enumerate() {
        let name = attribute.name.as_deref().unwrap_or_default();
        let mut earlier = node.attributes.iter().take(place);
        if earlier.any(|other| other.name == attribute.name) {
            return Err(node.refuse(format!("it has the attribute {} twice", excerpt(name))));
        }
    }
    Ok(())
}

impl Network {
    /// Whether images have their channels last, as their sizes tell it.
    pub fn is_channels_last(&self) -> bool {
        let few = |size: Option<usize>| matches!(size, Some(1..=4));
        let [_, first, second, third] = self.sizes[..] else {
            return false;
        };
        let square = first == second && second != third;
        few(third) && (square || !few(first))
    }

    /// Leaves out nodes that nothing given depends on, and notes who reads what.
    fn keep_what_is_needed(&mut self) -> Result<(), LowerError> {
        let mut needed = vec![false; self.names.len()];
        needed[self.output] = true;
        let mut kept = Vec::new();
        for node in std::mem::take(&mut self.nodes).into_iter().rev() {
            if node.outputs.iter().flatten().any(|&output| needed[output]) {
                for &input in node.inputs.iter().flatten() {
                    needed[input] = true;
                }
                kept.push(node);
            }
        }
        kept.reverse();
        for (place, node) in kept.iter().enumerate() {
            for &input in node.inputs.iter().flatten() {
                self.readers[input].push(place);
            }
            let graphs = |attribute: &&Attribute| attribute.g.is_some();
            if let Some(attribute) = node.attributes.iter().find(graphs) {
                let name = attribute.name.as_deref().unwrap_or_default();
                return Err(node.refuse(format!(
                    "its attribute {} is a graph of its own, and such (If, Loop, Scan) are not read",
                    excerpt(name)
                )));
            }
        }
        self.nodes = kept;
        Ok(())
    }
}

/// What a setting is, in words.
fn kind(attribute: &Attribute) -> &'static str {
    match attribute.r#type {
        Some(attribute_type::FLOAT) => "a number",
        Some(attribute_type::INT) => "a whole number",
        Some(attribute_type::STRING) => "a text",
        Some(attribute_type::TENSOR) => "a tensor",
        Some(attribute_type::FLOATS) => "a list of numbers",
        Some(attribute_type::INTS) => "a list of whole numbers",
        _ => "something else",
    }
}

/// Settings by name.
impl Node {
    /// That it has no other settings than these.
    pub fn allows(&self, known: &[&str]) -> Result<(), LowerError> {
        let name = |attribute: &Attribute| attribute.name.clone().unwrap_or_default();
        let mut names = self.attributes.iter().map(name);
        match names.find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                Err(self.refuse(format!("the attribute {} is not known", excerpt(&name))))
            }
            None => Ok(()),
        }
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        let mut attributes = self.attributes.iter();
        attributes.find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// What `take` finds in the setting of this name, where there is one.
    fn setting<'n, T>(
        &'n self,
        name: &str,
        wanted: &str,
        take: impl FnOnce(&'n Attribute) -> Option<T>,
    ) -> Result<Option<T>, LowerError> {
        let Some(attribute) = self.attribute(name) else {
            return Ok(None);
        };
        match take(attribute) {
            Some(found) => Ok(Some(found)),
            None => {
                let found = kind(attribute);
                Err(self.refuse(format!("its {name} is {found}, where {wanted} is needed")))
            }
        }
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Result<Option<i64>, LowerError> {
        self.setting(name, "a whole number", |attribute| attribute.i)
    }

    /// A number.
    pub fn float(&self, name: &str) -> Result<Option<f32>, LowerError> {
        self.setting(name, "a number", |attribute| attribute.f)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, LowerError> {
        self.setting(name, "a text", |attribute| {
            std::str::from_utf8(attribute.s.as_deref()?).ok()
        })
    }

    /// Whole numbers.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>, LowerError> {
        // An empty list leaves nothing but its type.
        let is_list = |attribute: &Attribute| {
            !attribute.ints.is_empty() || attribute.r#type == Some(attribute_type::INTS)
        };
        self.setting(name, "a list of whole numbers", |attribute| {
            is_list(attribute).then_some(&attribute.ints[..])
        })
    }

    /// Numbers.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>, LowerError> {
        self.setting(name, "a list of numbers", |attribute| {
            (!attribute.floats.is_empty()).then_some(&attribute.floats[..])
        })
    }

    /// A tensor.
    pub fn tensor(&self, name: &str) -> Result<Option<Constant>, LowerError> {
        let message = self.setting(name, "a tensor", |attribute| attribute.t.as_ref())?;
        let read = |message| {
            let mut nowhere = Folder::new(None, 0);
            tensor(message, nowhere.bytes(message)?)
        };
        let read = message.map(read).transpose();
        read.map_err(|fault| self.refuse(format!("its tensor {name}: {fault}")))
    }
}
