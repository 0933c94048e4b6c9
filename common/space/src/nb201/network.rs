//! The network around a cell (Dong & Yang 2020, figure 1).
//!
//! A 3×3 convolution to C channels; three stages of N cells at C, 2C and 4C
//! channels, with a residual block that halves the image before the second and
//! the third; batch norm, ReLU, global average pooling and a linear classifier.

use knas_graph::{Graph, GraphError, Kernel, Op, Shape, Value};

use super::{Cell, Form, Op as EdgeOp, Skeleton, Sum, Term};
use crate::layers::{self, classify, mark, named};
use crate::space::Extent;

/// The network around `cell`, of this size: with all its edges, or with those that
/// reach the output, in the cell's canonical [`Form`].
///
/// # Errors
/// Never, for a size that [`Skeleton`] allows.
pub fn lower(cell: &Cell, skeleton: &Skeleton, extent: Extent) -> Result<Graph, GraphError> {
    let form = Form::of(cell);
    around(skeleton, |graph, x, name| match extent {
        Extent::Whole => all_edges(graph, x, name, cell),
        Extent::Live => live_edges(graph, x, name, &form),
    })
}

/// The network around cells that `cell` appends, given what they read and their name.
pub(super) fn around(
    skeleton: &Skeleton,
    mut cell: impl FnMut(&mut Graph, Value, &str) -> Result<Value, GraphError>,
) -> Result<Graph, GraphError> {
    let [channels, cells, side, classes] = [
        skeleton.channels(),
        skeleton.cells(),
        skeleton.side(),
        skeleton.classes(),
    ]
    .map(|size| size as usize);
    let mut graph = Graph::new(Shape::Maps { channels: 3, side });
    let image = graph.input();
    let stem = graph.convolution(image, named("stem.0", "stem"), channels, 3, 1)?;
    let mut x = graph.batch_norm(stem, named("stem.1", "stem"))?;
    mark(&mut graph, image, x);
    let mut block = 0;
    for stage in 0..3 {
        if stage > 0 {
            let output = reduction(&mut graph, x, &format!("cells.{block}"), channels << stage)?;
            mark(&mut graph, x, output);
            (x, block) = (output, block + 1);
        }
        for _ in 0..cells {
            let output = cell(&mut graph, x, &format!("cells.{block}"))?;
            mark(&mut graph, x, output);
            (x, block) = (output, block + 1);
        }
    }
    classifier(&mut graph, x, classes)?;
    Ok(graph)
}

/// A cell of one channel without a stem, then batch norm and ReLU (Chen et al.
/// 2021): a network of so few neurons that images of `side` × `side` share
/// linear regions.
///
/// # Errors
/// Never, for a side of at least 1.
pub fn lower_thin(cell: &Cell, side: usize) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(Shape::Maps { channels: 1, side });
    let image = graph.input();
    let output = live_edges(&mut graph, image, "thin", &Form::of(cell))?;
    thin_end(&mut graph, output)?;
    Ok(graph)
}

/// Batch norm and ReLU.
pub(super) fn thin_end(graph: &mut Graph, input: Value) -> Result<(), GraphError> {
    let normal = graph.batch_norm(input, named("lastact.0", "lastact"))?;
    graph.push(Op::Relu, &[normal])?;
    Ok(())
}

/// Batch norm, ReLU, global average pooling, linear map.
pub(crate) fn classifier(
    graph: &mut Graph,
    input: Value,
    classes: usize,
) -> Result<(), GraphError> {
    let normal = graph.batch_norm(input, named("lastact.0", "lastact"))?;
    let features = graph.push(Op::Relu, &[normal])?;
    classify(graph, features, "classifier", classes)?;
    Ok(())
}

/// The residual block that halves the image, to `channels`.
pub(crate) fn reduction(
    graph: &mut Graph,
    input: Value,
    name: &str,
    channels: usize,
) -> Result<Value, GraphError> {
    let path = |part| format!("{name}.{part}");
    let layer = |window, stride| (channels, window, stride);
    let halved = relu_conv_norm(graph, input, &path("conv_a"), layer(3, 2))?;
    let path_b = relu_conv_norm(graph, halved, &path("conv_b"), layer(3, 1))?;
    let pool = Op::AveragePool {
        window: 2,
        stride: 2,
        padding: 0,
    };
    let pooled = graph.push(pool, &[input])?;
    let [name, key] = [path("downsample.1"), path("downsample")];
    let shortcut = graph.convolution(pooled, named(&name, &key), channels, 1, 1)?;
    graph.push(Op::Add, &[shortcut, path_b])
}

/// ReLU, convolution, batch norm, as the benchmark's code names their weights;
/// `layer` is channels, window and stride.
fn relu_conv_norm(
    graph: &mut Graph,
    input: Value,
    path: &str,
    layer: (usize, usize, usize),
) -> Result<Value, GraphError> {
    let active = graph.push(Op::Relu, &[input])?;
    conv_norm(graph, active, &format!("{path}.op"), path, layer)
}

/// A convolution and its batch norm, `NAME.1` and `NAME.2`.
pub(crate) fn conv_norm(
    graph: &mut Graph,
    input: Value,
    name: &str,
    key: &str,
    (channels, window, stride): (usize, usize, usize),
) -> Result<Value, GraphError> {
    let [convolution, norm] = [1, 2].map(|layer| format!("{name}.{layer}"));
    let kernel = Kernel::new(channels, window, stride);
    layers::conv_norm(graph, input, [&convolution, &norm], key, kernel)
}

pub(super) const POOL: Op = Op::AveragePool {
    window: 3,
    stride: 1,
    padding: 1,
};

/// A cell with all its edges, each by itself.
fn all_edges(
    graph: &mut Graph,
    input: Value,
    name: &str,
    cell: &Cell,
) -> Result<Value, GraphError> {
    let mut nodes = vec![input];
    for target in 1..4 {
        let mut addends = Vec::new();
        for (edge, source, op) in cell.into_node(target) {
            let source = nodes[source];
            match (op, op.kernel()) {
                (_, Some(window)) => {
                    let active = graph.push(Op::Relu, &[source])?;
                    let name = format!("{name}.layers.{edge}.op");
                    let layer = (graph.channels(input), window as usize, 1);
                    let key = format!("{name} unused");
                    addends.push(conv_norm(graph, active, &name, &key, layer)?);
                }
                (EdgeOp::AvgPool3x3, _) => addends.push(graph.push(POOL, &[source])?),
                (EdgeOp::Skip, _) => addends.push(source),
                _ => {} // zeros
            }
        }
        nodes.push(sum(graph, input, &addends)?);
    }
    Ok(nodes[3])
}

/// A cell in canonical form. Each sum, and its ReLU, is made once, however many
/// operations read it.
fn live_edges(
    graph: &mut Graph,
    input: Value,
    name: &str,
    form: &Form,
) -> Result<Value, GraphError> {
    let mut values = vec![input];
    let mut sums: Vec<(&Sum, Value)> = Vec::new();
    let mut active: Vec<(Value, Value)> = Vec::new();
    for op in &form.ops {
        let source = shared_sum(graph, &mut sums, &op.input, &values)?;
        let Some(window) = op.kind.kernel() else {
            values.push(graph.push(POOL, &[source])?);
            continue;
        };
        let made = active.iter().find(|(of, _)| *of == source);
        let relu = match made {
            Some(&(_, relu)) => relu,
            None => {
                let relu = graph.push(Op::Relu, &[source])?;
                active.push((source, relu));
                relu
            }
        };
        // Same expression, same weights, whatever the cell around it.
        let key = format!("{name}.{}#{}", op.key.function, op.key.occurrence);
        let layer = (graph.channels(input), window as usize, 1);
        let path = format!("{name}.layers.{}.op", op.edge);
        values.push(conv_norm(graph, relu, &path, &key, layer)?);
    }
    shared_sum(graph, &mut sums, &form.output, &values)
}

fn shared_sum<'f>(
    graph: &mut Graph,
    sums: &mut Vec<(&'f Sum, Value)>,
    terms: &'f Sum,
    values: &[Value],
) -> Result<Value, GraphError> {
    if let Some(&(_, made)) = sums.iter().find(|(sum, _)| *sum == terms) {
        return Ok(made);
    }
    let value = |term: &Term| match term {
        Term::Input => values[0],
        Term::Op(op) => values[op + 1],
    };
    let addends: Vec<Value> = terms.iter().map(value).collect();
    let made = sum(graph, values[0], &addends)?;
    sums.push((terms, made));
    Ok(made)
}

/// The sum of these values; zeros of the cell's input's shape where there are
/// none.
fn sum(graph: &mut Graph, input: Value, addends: &[Value]) -> Result<Value, GraphError> {
    match addends {
        [] => graph.push(Op::Zeros, &[input]),
        [only] => Ok(*only),
        _ => graph.push(Op::Add, addends),
    }
}
