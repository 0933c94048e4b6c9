use std::collections::HashSet;

use knas_graph::{Activation, Kernel, Mark, Named, Part, Value};
use prost::Message;

use super::*;

fn named(name: &str) -> Named<'_> {
    Named {
        name,
        key: name,
        part: Part::Body,
    }
}

const IMAGES: Shape = Shape::Maps {
    channels: 3,
    side: 8,
};

/// Every operation on images.
fn cell() -> Graph {
    let mut graph = Graph::new(IMAGES);
    let x = graph.input();
    let x = graph.convolution(x, named("stem.0"), 4, 3, 2).unwrap();
    let x = graph.batch_norm(x, named("stem.1")).unwrap();
    let a = graph.push(Op::Relu, &[x]).unwrap();
    let pool = Op::AveragePool {
        window: 3,
        stride: 1,
        padding: 1,
    };
    let b = graph.push(pool, &[a]).unwrap();
    let zeros = graph.push(Op::Zeros, &[b]).unwrap();
    let sum = graph.push(Op::Add, &[a, b, zeros]).unwrap();
    let mean = graph.push(Op::Divide(3), &[sum]).unwrap();
    let features = mobile(&mut graph, mean);
    graph.mark(Mark::Features(features));
    let pooled = graph.push(Op::GlobalPool, &[features]).unwrap();
    let rest = graph.push(Op::Dropout { rate: 0.5 }, &[pooled]).unwrap();
    graph.linear(rest, named("classifier"), 5).unwrap();
    graph
}

/// What mobile networks and larger cells add.
fn mobile(graph: &mut Graph, x: Value) -> Value {
    let dilated = Kernel {
        dilation: 2,
        ..Kernel::depthwise(4, 3, 1)
    };
    let mut x = graph.convolve(x, named("depthwise"), dilated).unwrap();
    for activation in [
        Activation::Silu,
        Activation::HardSwish,
        Activation::Relu6,
        Activation::HardSigmoid,
    ] {
        x = graph.push(Op::Activation(activation), &[x]).unwrap();
    }
    let biased = Kernel {
        bias: true,
        ..Kernel::new(4, 1, 1)
    };
    let gate = graph.push(Op::Squeeze, &[x]).unwrap();
    let gate = graph.convolve(gate, named("gate"), biased).unwrap();
    let gate = graph.push(Op::Activation(Activation::Sigmoid), &[gate]);
    let x = graph.push(Op::Scale, &[x, gate.unwrap()]).unwrap();
    let pool = Op::MaxPool {
        window: 3,
        stride: 1,
        padding: 1,
    };
    let pooled = graph.push(pool, &[x]).unwrap();
    let both = graph.push(Op::Concatenate, &[x, pooled]).unwrap();
    let narrow = Op::Narrow {
        first: 0,
        channels: 5,
    };
    let both = graph.push(narrow, &[both]).unwrap();
    graph.push(Op::Shift, &[both]).unwrap()
}

/// Every operation on texts; `padding` as positions have it. It ends with
/// something that is passed on.
fn encoder(padding: Option<usize>) -> Graph {
    let mut graph = Graph::new(Shape::Text { length: 6 });
    let text = graph.input();
    let mask = graph.push(Op::TokenMask, &[text]).unwrap();
    let mut looked_up = Vec::new();
    for (op, read, name) in [
        (Op::TokenIds, text, "words"),
        (Op::TokenTypes, text, "types"),
        (Op::Positions { padding }, mask, "positions"),
    ] {
        let rows = graph.push(op, &[read]).unwrap();
        let table = graph.table(named(name), 9, 4);
        looked_up.push(graph.push(Op::Embedding { table }, &[rows]).unwrap());
    }
    let x = graph.push(Op::Add, &looked_up).unwrap();
    let x = graph.layer_norm(x, named("norm"), 1e-5).unwrap();
    let attention = Op::Attention {
        heads: 2,
        dropout: 0.1,
    };
    let x = graph.push(attention, &[x, x, x, mask]).unwrap();
    let x = graph.push(attention, &[x, x, x, mask]).unwrap();
    let x = graph.linear(x, named("wide"), 8).unwrap();
    let x = graph.push(Op::Activation(Activation::Gelu), &[x]).unwrap();
    let x = graph.push(Op::FirstToken, &[x]).unwrap();
    let x = graph.push(Op::Activation(Activation::Tanh), &[x]).unwrap();
    let _ = graph.push(Op::Dropout { rate: 0.1 }, &[x]).unwrap();
    graph
}

/// Tensors of the right sizes.
fn zeros(graph: &Graph) -> impl Fn(&str) -> Option<Vec<f32>> {
    move |name| {
        let parameter = graph.parameters().iter().find(|p| p.name == name);
        let running = || {
            let of = |r: &&knas_graph::Running| name.starts_with(&format!("{}.running_", r.name));
            graph.running().iter().find(of)
        };
        let length = parameter.map(|p| p.len());
        let length = length.or_else(|| running().map(|r| r.channels))?;
        Some(vec![0.0; length])
    }
}

fn model(graph: &Graph, options: &Options) -> Model {
    let bytes = write(graph, zeros(graph), options).unwrap();
    Model::decode(&*bytes).unwrap()
}

/// What a runtime needs: every value is there before it is read, and once.
fn check(model: &Model) {
    let graph = model.graph.as_ref().unwrap();
    let mut there = HashSet::new();
    let inputs = graph.input.iter().filter_map(|value| value.name.clone());
    let tensors = graph.initializer.iter().filter_map(|t| t.name.clone());
    for name in inputs.chain(tensors) {
        assert!(there.insert(name.clone()), "{name} twice");
    }
    for tensor in &graph.initializer {
        let size = match tensor.data_type {
            Some(data_type::FLOAT) => 4,
            _ => 8,
        };
        let numbers = tensor.dims.iter().product::<i64>() as usize;
        assert_eq!(tensor.raw_data.as_ref().unwrap().len(), numbers * size);
    }
    for node in &graph.node {
        for input in &node.input {
            assert!(there.contains(input), "{input} is not there yet");
        }
        for output in &node.output {
            assert!(there.insert(output.clone()), "{output} twice");
        }
    }
    assert!(there.contains(LOGITS));
}

fn operators(model: &Model) -> Vec<&str> {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.filter_map(|node| node.op_type.as_deref()).collect()
}

#[test]
fn an_image_network_is_whole() {
    let graph = cell();
    let plain = model(&graph, &Options::default());
    check(&plain);
    assert_eq!(
        operators(&plain),
        [
            "Conv",
            "BatchNormalization",
            "Relu",
            "AveragePool",
            "Shape",
            "ConstantOfShape",
            "Add",
            "Add",
            "Div",
            "Conv",
            "Sigmoid",
            "Mul",
            "HardSwish",
            "Clip",
            "HardSigmoid",
            "GlobalAveragePool",
            "Conv",
            "Sigmoid",
            "Mul",
            "MaxPool",
            "Concat",
            "Slice",
            "Slice",
            "Pad",
            "GlobalAveragePool",
            "Flatten",
            "Gemm"
        ]
    );
    let prepared = model(
        &graph,
        &Options {
            preprocessing: Some(Images {
                mean: vec![0.5; 3],
                std: vec![0.25; 3],
            }),
            ..Options::default()
        },
    );
    check(&prepared);
    assert_eq!(operators(&prepared)[..4], ["Div", "Sub", "Div", "Conv"]);
}

#[test]
fn an_encoder_is_whole_and_its_layers_share_a_mask() {
    for padding in [None, Some(1)] {
        let model = model(&encoder(padding), &Options::default());
        check(&model);
        let operators = operators(&model);
        let count = |name| operators.iter().filter(|op| **op == name).count();
        assert_eq!((count("Softmax"), count("Equal"), count("Erf")), (2, 1, 1));
        assert_eq!(count("CumSum"), usize::from(padding.is_some()));
        assert_eq!(operators.last(), Some(&"Identity"));
        let input = &model.graph.as_ref().unwrap().input;
        let names: Vec<_> = input.iter().filter_map(|v| v.name.as_deref()).collect();
        assert_eq!(names, TEXT);
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let graph = cell();
    let options = Options::default();
    let said = |tensor: &dyn Fn(&str) -> Option<Vec<f32>>| {
        write(&graph, tensor, &options).unwrap_err().to_string()
    };
    assert_eq!(said(&|_| None), "there is no tensor \"stem.0.weight\"");
    assert_eq!(
        said(&|_| Some(vec![0.0])),
        "tensor \"stem.0.weight\" has 1 numbers, not 108"
    );
    let images = Images {
        mean: vec![0.0],
        std: vec![1.0],
    };
    for graph in [cell(), encoder(None)] {
        let options = Options {
            preprocessing: Some(images.clone()),
            ..Options::default()
        };
        let error = write(&graph, zeros(&graph), &options).unwrap_err();
        assert!(matches!(error, WriteError::Preprocessing(_)), "{error}");
    }
}
