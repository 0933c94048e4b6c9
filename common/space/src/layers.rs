//! Layers that networks of many spaces are made of.

use knas_graph::{Graph, GraphError, Kernel, Mark, Named, Op, Part, Value};

/// A layer of a network's body: its official name, and the key of its first
/// weights.
pub(crate) fn named<'n>(name: &'n str, key: &'n str) -> Named<'n> {
    Named {
        name,
        key,
        part: Part::Body,
    }
}

/// Marks what lies between two values as a block.
pub(crate) fn mark(graph: &mut Graph, input: Value, output: Value) {
    graph.mark(Mark::Block { input, output });
}

/// A convolution and its batch norm, by their official names and one key.
pub(crate) fn conv_norm(
    graph: &mut Graph,
    input: Value,
    [convolution, norm]: [&str; 2],
    key: &str,
    kernel: Kernel,
) -> Result<Value, GraphError> {
    let output = graph.convolve(input, named(convolution, key), kernel)?;
    graph.batch_norm(output, named(norm, key))
}

/// A convolution, its batch norm and a ReLU.
pub(crate) fn conv_norm_relu(
    graph: &mut Graph,
    input: Value,
    names: [&str; 2],
    key: &str,
    kernel: Kernel,
) -> Result<Value, GraphError> {
    let normal = conv_norm(graph, input, names, key, kernel)?;
    graph.push(Op::Relu, &[normal])
}

/// Global average pooling of these features, and the linear map of this name to the
/// classes.
pub(crate) fn classify(
    graph: &mut Graph,
    features: Value,
    name: &str,
    classes: usize,
) -> Result<Value, GraphError> {
    graph.mark(Mark::Features(features));
    let pooled = graph.push(Op::GlobalPool, &[features])?;
    let head = Named {
        part: Part::Classifier,
        ..named(name, name)
    };
    graph.linear(pooled, head, classes)
}
