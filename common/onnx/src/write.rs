//! A model from a graph and its tensors.

use knas_graph::{Graph, Op, Shape};
use prost::Message;
use thiserror::Error;

use crate::builder::{Builder, Size, value};
use crate::lower::{IMAGE, LOGITS, Lowering, TEXT};
use crate::message::{Entry, Model, OperatorSet, data_type};

/// The version of the standard operators: the first that has all that are used.
pub const OPSET: i64 = 17;

/// The version of the format that goes with [`OPSET`].
const IR_VERSION: i64 = 8;

/// No message may be larger.
const LARGEST: usize = i32::MAX as usize;

/// What is told beside a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The graph's name.
    pub name: String,
    /// The tool that writes it, and its version.
    pub producer: [String; 2],
    /// Texts by name, for whoever reads the file.
    pub metadata: Vec<(String, String)>,
    /// Have the model begin with raw pixels, and prepare them so.
    pub preprocessing: Option<Images>,
}

/// How pixels from 0 to 255 are prepared: a 255th of each, less the mean, divided by
/// the standard deviation of its channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// The mean of each channel.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel.
    pub std: Vec<f32>,
}

/// Why there is no model.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A tensor that the graph holds is not given.
    #[error("there is no tensor \"{0}\"")]
    Missing(String),
    /// A tensor has more numbers, or fewer, than the graph holds.
    #[error("tensor \"{name}\" has {found} numbers, not {wanted}")]
    Length {
        /// Its name.
        name: String,
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// What is shown is not prepared in this way.
    #[error("only images of as many channels as there are means are prepared, not {0}")]
    Preprocessing(Shape),
    /// The file would be larger than the format allows.
    #[error("the file would have {0} bytes, and the format allows no more than 2 GB")]
    Large(usize),
}

/// A model of ONNX that computes what `graph` does in evaluation, with the tensors
/// that `tensor` gives by their official names (parameters, and `NAME.running_mean`
/// and `NAME.running_var` of batch norms).
///
/// Images go in as `input`, N × channels × side × side; texts as `input_ids`,
/// `token_type_ids` and `attention_mask`, N × length integers each; `logits`,
/// N × classes, come out. N and the length are left open.
///
/// # Errors
/// When a tensor is missing or of another size, or the file would be too large.
pub fn write(
    graph: &Graph,
    mut tensor: impl FnMut(&str) -> Option<Vec<f32>>,
    options: &Options,
) -> Result<Vec<u8>, WriteError> {
    let mut builder = Builder::default();
    let mut store = |builder: &mut Builder, name: &str, shape: &[usize]| {
        let values = tensor(name).ok_or_else(|| WriteError::Missing(name.to_owned()))?;
        let (found, wanted) = (values.len(), shape.iter().product());
        if found != wanted {
            let name = name.to_owned();
            return Err(WriteError::Length {
                name,
                found,
                wanted,
            });
        }
        builder.floats(name, shape, &values);
        Ok(())
    };
    for parameter in graph.parameters() {
        store(&mut builder, &parameter.name, &parameter.shape)?;
    }
    for running in graph.running() {
        for what in ["running_mean", "running_var"] {
            let name = format!("{}.{what}", running.name);
            store(&mut builder, &name, &[running.channels])?;
        }
    }
    let input = prepare(&mut builder, graph, options)?;
    let mut builder = Lowering::of(graph, builder, &input);
    describe(&mut builder, graph);
    builder.graph.name = Some(options.name.clone());
    let [producer, version] = options.producer.clone();
    let entry = |(key, value): &(String, String)| Entry {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    let model = Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some(producer),
        producer_version: Some(version),
        graph: Some(builder.graph),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: options.metadata.iter().map(entry).collect(),
    };
    match model.encoded_len() {
        size if size > LARGEST => Err(WriteError::Large(size)),
        _ => Ok(model.encode_to_vec()),
    }
}

/// Prepares pixels where that is asked for; gives the name of what a graph reads.
fn prepare(builder: &mut Builder, graph: &Graph, options: &Options) -> Result<String, WriteError> {
    let Some(Images { mean, std }) = &options.preprocessing else {
        return Ok(IMAGE.to_owned());
    };
    let shape = graph.shape(graph.input());
    let channels = match shape {
        Shape::Maps { channels, .. } if channels == mean.len() && channels == std.len() => channels,
        _ => return Err(WriteError::Preprocessing(shape)),
    };
    let by_channel = [1, channels, 1, 1];
    builder.floats("input/mean", &by_channel, mean);
    builder.floats("input/std", &by_channel, std);
    let largest = builder.float(255.0);
    builder.node("Div", &[IMAGE, &largest], "input/unit", vec![]);
    builder.node(
        "Sub",
        &["input/unit", "input/mean"],
        "input/centred",
        vec![],
    );
    builder.node(
        "Div",
        &["input/centred", "input/std"],
        "input/normal",
        vec![],
    );
    Ok("input/normal".to_owned())
}

/// Says what goes in and what comes out.
fn describe(builder: &mut Builder, graph: &Graph) {
    const BATCH: Size = Size::Open("batch");
    let sizes = |shape| match shape {
        Shape::Maps { channels, side } => {
            vec![BATCH, Size::Of(channels), Size::Of(side), Size::Of(side)]
        }
        Shape::Vector { width } => vec![BATCH, Size::Of(width)],
        Shape::Text { .. } | Shape::Integers { .. } => vec![BATCH, Size::Open("length")],
        Shape::Tokens { width, .. } => vec![BATCH, Size::Open("length"), Size::Of(width)],
    };
    let shape = graph.shape(graph.input());
    let texts = matches!(graph.nodes()[0].op, Op::Input(Shape::Text { .. }));
    builder.graph.input = match texts {
        true => TEXT
            .iter()
            .map(|name| value(name, data_type::INT64, &sizes(shape)))
            .collect(),
        false => vec![value(IMAGE, data_type::FLOAT, &sizes(shape))],
    };
    if let Some(last) = graph.nodes().last() {
        let output = value(LOGITS, data_type::FLOAT, &sizes(last.shape));
        builder.graph.output = vec![output];
    }
}

#[cfg(test)]
mod tests;
