//! What exporters write, in models of a few nodes.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

mod channels;
#[path = "../common/mod.rs"]
mod common;

use common::{changed, floats, int, ints, model, node, row, small, value};
use knas_onnx::Model;
use knas_onnx::message::{Attribute, Node, Tensor, data_type};
use prost::Message;

/// The printed layers of a model, without the first and without shapes, at its own side.
fn layers(bytes: &[u8]) -> Vec<String> {
    let model = Model::parse(bytes).unwrap();
    let graph = model.lower(model.side().unwrap(), model.classes()).unwrap();
    let text = graph.to_string();
    let lines = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(" = "));
    lines
        .map(|(_, line)| line.rsplit_once(": ").unwrap().0.to_owned())
        .collect()
}

/// Those of a model with these nodes between its convolution and its pooling.
fn between(nodes: Vec<Node>, tensors: Vec<Tensor>) -> Vec<String> {
    let bytes = changed(|graph| {
        let last = nodes.last().unwrap().output[0].clone();
        graph.node[2].input[0] = last;
        graph.node.splice(1..2, nodes);
        graph.initializer.extend(tensors);
    });
    let mut layers = layers(&bytes);
    let pooling = layers
        .iter()
        .position(|layer| layer.starts_with("global-pool"));
    layers.truncate(pooling.unwrap());
    layers.split_off(1)
}

fn float(name: &str, number: f32) -> Tensor {
    Tensor {
        dims: Vec::new(),
        data_type: Some(data_type::FLOAT),
        name: Some(name.to_owned()),
        float_data: Some(number.to_le_bytes().to_vec().into()),
        ..Tensor::default()
    }
}

fn setting(name: &str, number: f32) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        f: Some(number),
        r#type: Some(1),
        ..Attribute::default()
    }
}

#[test]
fn the_small_model_is_a_graph() {
    assert_eq!(
        layers(&small().encode_to_vec()),
        [
            "convolution(0) c [4, 3, 3, 3] stride 1 padding 1",
            "relu(1)",
            "global-pool(2)",
            "linear(3) l [5, 4]"
        ]
    );
}

/// As PyTorch writes them before and since opset 14, and as TensorFlow does.
#[test]
fn activations_are_read_in_all_their_notations() {
    let constants = || {
        [
            ("zero", 0.0),
            ("three", 3.0),
            ("six", 6.0),
            ("sixth", 1.0 / 6.0),
            ("half", 0.5),
        ]
        .into_iter()
        .chain([("one", 1.0), ("root", std::f32::consts::SQRT_2)])
        .map(|(name, number)| float(name, number))
        .collect::<Vec<_>>()
    };
    let clipped = || {
        vec![
            node("Add", &["c", "three"], "a", vec![]),
            node("Clip", &["a", "zero", "six"], "b", vec![]),
        ]
    };
    let and = |mut first: Vec<Node>, rest: Vec<Node>| {
        first.extend(rest);
        first
    };
    let sixth = [setting("alpha", 1.0 / 6.0), setting("beta", 0.5)];
    for (nodes, wanted) in [
        (
            vec![node("Clip", &["c", "zero", "six"], "r", vec![])],
            "relu6(1)",
        ),
        (
            vec![node(
                "Clip",
                &["c"],
                "r",
                vec![setting("min", 0.0), setting("max", 6.0)],
            )],
            "relu6(1)",
        ),
        (vec![node("Clip", &["c", "zero"], "r", vec![])], "relu(1)"),
        (
            vec![node("HardSigmoid", &["c"], "r", sixth.to_vec())],
            "hard-sigmoid(1)",
        ),
        (
            and(clipped(), vec![node("Div", &["b", "six"], "r", vec![])]),
            "hard-sigmoid(1)",
        ),
        (
            vec![node("HardSwish", &["c"], "r", vec![])],
            "hard-swish(1)",
        ),
        (
            and(
                clipped(),
                vec![
                    node("Mul", &["c", "b"], "m", vec![]),
                    node("Div", &["m", "six"], "r", vec![]),
                ],
            ),
            "hard-swish(1)",
        ),
        (
            and(
                clipped(),
                vec![
                    node("Mul", &["b", "sixth"], "m", vec![]),
                    node("Mul", &["m", "c"], "r", vec![]),
                ],
            ),
            "hard-swish(1)",
        ),
        (
            vec![
                node("HardSigmoid", &["c"], "s", sixth.to_vec()),
                node("Mul", &["c", "s"], "r", vec![]),
            ],
            "hard-swish(1)",
        ),
        (
            vec![
                node("Sigmoid", &["c"], "s", vec![]),
                node("Mul", &["c", "s"], "r", vec![]),
            ],
            "silu(1)",
        ),
        (
            vec![
                node("Div", &["c", "root"], "d", vec![]),
                node("Erf", &["d"], "e", vec![]),
                node("Add", &["e", "one"], "a", vec![]),
                node("Mul", &["c", "a"], "m", vec![]),
                node("Mul", &["m", "half"], "r", vec![]),
            ],
            "gelu(1)",
        ),
        (vec![node("Gelu", &["c"], "r", vec![])], "gelu(1)"),
        (vec![node("Max", &["zero", "c"], "r", vec![])], "relu(1)"),
        (vec![node("Mul", &["c", "zero"], "r", vec![])], "zeros(1)"),
        (
            vec![node("Div", &["c", "three"], "r", vec![])],
            "divide(1) by 3",
        ),
    ] {
        assert_eq!(between(nodes, constants()), [wanted]);
    }
    // One activation of another is two.
    let twice = vec![
        node("Sigmoid", &["c"], "s", vec![]),
        node("Mul", &["c", "s"], "m", vec![]),
        node("HardSwish", &["m"], "r", vec![]),
    ];
    assert_eq!(between(twice, constants()), ["silu(1)", "hard-swish(2)"]);
}

/// Squeeze-and-excitation with convolutions, and a sum whose shortcut is an activation.
#[test]
fn branches_come_together() {
    let tensors = vec![
        floats("e.weight", &[2, 4, 1, 1]),
        floats("e.bias", &[2]),
        floats("g.weight", &[4, 2, 1, 1]),
        floats("g.bias", &[4]),
    ];
    let nodes = vec![
        node("Relu", &["c"], "a", vec![]),
        node("ReduceMean", &["a"], "m", vec![ints("axes", &[2, 3])]),
        node("Conv", &["m", "e.weight", "e.bias"], "e", vec![]),
        node("Relu", &["e"], "i", vec![]),
        node("Conv", &["i", "g.weight", "g.bias"], "g", vec![]),
        node("Sigmoid", &["g"], "h", vec![]),
        node("Mul", &["h", "a"], "s", vec![]),
        node("Add", &["s", "a"], "r", vec![]),
    ];
    assert_eq!(
        between(nodes, tensors),
        [
            "relu(1)",
            "squeeze(2)",
            "convolution(3) e [2, 4, 1, 1] stride 1 padding 0 bias",
            "relu(4)",
            "convolution(5) g [4, 2, 1, 1] stride 1 padding 0 bias",
            "sigmoid(6)",
            "scale(2, 7)",
            "add(8, 2)"
        ]
    );
}

/// Caffe2's norms, whose scale is a product and a sum of their own; numbers as folded by
/// hand: 2 · (1 · x + 0.5) + 3.
#[test]
fn a_product_and_a_sum_after_a_norm_are_its_own() {
    let filled = |name: &str, number: f32| Tensor {
        dims: vec![4],
        data_type: Some(data_type::FLOAT),
        name: Some(name.to_owned()),
        float_data: Some([number.to_le_bytes(); 4].concat().into()),
        ..Tensor::default()
    };
    let bytes = changed(|graph| {
        graph.node.splice(
            1..1,
            [
                node(
                    "BatchNormalization",
                    &["c", "w", "b", "m", "v"],
                    "n",
                    vec![setting("epsilon", 1e-3)],
                ),
                node("Unsqueeze", &["scale"], "s1", vec![ints("axes", &[1, 2])]),
                node("Mul", &["n", "s1"], "o", vec![]),
                node("Unsqueeze", &["shift"], "s2", vec![ints("axes", &[1, 2])]),
                node("Add", &["o", "s2"], "q", vec![]),
            ],
        );
        graph.node[6].input[0] = "q".to_owned();
        for (name, number) in [
            ("w", 1.0),
            ("b", 0.5),
            ("m", 0.0),
            ("v", 1.0),
            ("scale", 2.0),
            ("shift", 3.0),
        ] {
            graph.initializer.push(filled(name, number));
        }
    });
    assert_eq!(layers(&bytes)[1], "batch-norm(1) the_n [4] epsilon 1e-3");
    let model = Model::parse(&bytes).unwrap();
    let numbers = |name: &str| model.tensors().find(|(own, ..)| own == name).unwrap().2;
    assert_eq!(numbers("the_n.weight"), [2.0; 4]);
    assert_eq!(numbers("the_n.bias"), [4.0; 4]);
    assert_eq!(numbers("the_n.running_var"), [1.0; 4]);
}

#[test]
fn layers_that_share_a_weight_are_refused() {
    let bytes = changed(|graph| {
        graph.initializer[0] = floats("c.weight", &[3, 3, 3, 3]);
        graph.initializer[1] = floats("l.weight", &[5, 3]);
        let pads = vec![ints("pads", &[1; 4])];
        graph
            .node
            .insert(1, node("Conv", &["c", "c.weight"], "d", pads));
        graph.node[2].input[0] = "d".to_owned();
    });
    let said = Model::parse(&bytes).unwrap_err().to_string();
    assert!(
        said.contains("it shares its weight \"c.weight\" with another layer"),
        "{said}"
    );
}

#[test]
fn what_was_left_out_is_told() {
    let bytes = changed(|graph| {
        graph.node[4].output[0] = "z".to_owned();
        graph
            .node
            .insert(0, node("Div", &["x", "largest"], "u", vec![]));
        graph
            .node
            .insert(1, node("Sub", &["u", "mean"], "v", vec![]));
        graph.node[2].input = ["v", "c.weight", "c.bias"].map(str::to_owned).to_vec();
        graph
            .node
            .push(node("Softmax", &["z"], "y", vec![int("axis", 1)]));
        graph.initializer.push(float("largest", 255.0));
        graph.initializer.push(floats("mean", &[1, 3, 1, 1]));
        graph.initializer.push(floats("c.bias", &[4]));
        graph.output.push(value("r", &[-1, 4, 8, 8]));
    });
    let model = Model::parse(&bytes).unwrap();
    let notes = model.notes().join("\n");
    for told in [
        "no batch norms, and its convolutions have biases",
        "It prepares images itself",
        "The Softmax at its end is left out",
        "these are left out: \"r\"",
    ] {
        assert!(notes.contains(told), "{notes}");
    }
    assert_eq!(model.notes().len(), 4);
    let plain = Model::parse(&small().encode_to_vec()).unwrap();
    assert!(plain.notes().is_empty());
}

/// A file that leaves the side open is read at any; a pooling that holds whole maps at the
/// file's side does so at any.
#[test]
fn sides_may_be_open_or_others_than_the_files() {
    let open = changed(|graph| graph.input = vec![value("x", &[-1, 3, -1, -1])]);
    let open = Model::parse(&open).unwrap();
    assert_eq!((open.side(), open.channels()), (None, 3));
    assert!(open.lower(5, 5).is_ok() && open.lower(300, 2).is_ok());
    let whole = changed(|graph| {
        graph.node[2].op_type = Some("AveragePool".to_owned());
        graph.node[2].attribute = vec![ints("kernel_shape", &[8, 8])];
    });
    let whole = Model::parse(&whole).unwrap();
    assert!(
        whole
            .lower(16, 5)
            .unwrap()
            .to_string()
            .contains("global-pool(2)")
    );
}

#[test]
fn numbers_are_read_in_every_precision() {
    let with = |kind: i32, raw: Vec<u8>| {
        let mut model = small();
        let tensor = &mut model.graph.as_mut().unwrap().initializer[2];
        (tensor.data_type, tensor.raw_data) = (Some(kind), Some(raw.into()));
        let model = Model::parse(&model.encode_to_vec()).unwrap();
        model.tensors().last().unwrap().2
    };
    let wanted = [1.0, -2.0, 0.5, 0.0, 65504.0];
    let doubles = wanted.iter().flat_map(|n| f64::from(*n).to_le_bytes());
    assert_eq!(with(data_type::DOUBLE, doubles.collect()), wanted);
    // numpy.array([1, -2, 0.5, 0, 65504], "<f2").tobytes()
    let halves = [0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38, 0x00, 0x00, 0xff, 0x7b];
    assert_eq!(with(data_type::FLOAT16, halves.to_vec()), wanted);
    // The upper halves of numpy.array([1, -2, 0.5, 0, 65536], "<f4")
    let upper = [0x80, 0x3f, 0x00, 0xc0, 0x00, 0x3f, 0x00, 0x00, 0x80, 0x47];
    assert_eq!(
        with(data_type::BFLOAT16, upper.to_vec()),
        [1.0, -2.0, 0.5, 0.0, 65536.0]
    );
}
