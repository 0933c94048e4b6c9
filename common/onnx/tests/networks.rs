//! What exporters write, in models of a few nodes.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

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

/// 6 numbers of maps of 6 channels: one after the other, or position by position.
#[test]
fn maps_become_vectors_by_pooling_or_as_they_are() {
    let flat = changed(|graph| {
        graph.node.remove(2);
        graph.node[2].input[0] = "r".to_owned();
        graph.initializer[1] = floats("l.weight", &[5, 256]);
    });
    assert_eq!(layers(&flat)[2..], ["flatten(2)", "linear(3) l [5, 256]"]);
    // The number of images is counted, and what is left is open.
    let counted = changed(|graph| {
        graph.node.splice(
            3..4,
            [
                node("Shape", &["p"], "s", vec![]),
                node("Gather", &["s", "zero"], "n", vec![int("axis", 0)]),
                node("Unsqueeze", &["n", "first"], "u", vec![]),
                node("Concat", &["u", "rest"], "t", vec![int("axis", 0)]),
                node("Reshape", &["p", "t"], "f", vec![]),
            ],
        );
        graph.initializer.push(Tensor {
            dims: vec![],
            ..row("zero", &[0])
        });
        graph.initializer.push(row("first", &[0]));
        graph.initializer.push(row("rest", &[-1]));
    });
    assert_eq!(layers(&counted), layers(&small().encode_to_vec()));
    // As a product of matrices, with and without a sum.
    for bias in [true, false] {
        let product = changed(|graph| {
            let sum = if bias { "m" } else { "y" };
            graph.node[4] = node("MatMul", &["f", "l.weight"], sum, vec![]);
            if bias {
                graph.node.push(node("Add", &["l.bias", "m"], "y", vec![]));
            }
            graph.initializer[1] = floats("l.weight", &[4, 5]);
        });
        let wanted = if bias {
            "linear(3) l [5, 4]"
        } else {
            "linear(3) l [5, 4] without bias"
        };
        assert_eq!(layers(&product)[3], wanted);
        let model = Model::parse(&product).unwrap();
        let (_, shape, values) = model.tensors().nth(1).unwrap();
        // Of 0, 1/8, 2/8 … in rows of five, the first column.
        assert_eq!(
            (&shape[..], &values[..4]),
            (&[5, 4][..], &[0.0, 0.625, 1.25, 1.875][..])
        );
    }
}

/// As TensorFlow's exporters write them: channels last, turned for what wants them first.
#[test]
fn channels_may_be_last() {
    let turned = |order: &[i64]| vec![ints("perm", order)];
    let bytes = changed(|graph| {
        graph.input = vec![value("x", &[-1, 2, 2, 3])];
        graph.node = vec![
            node("Transpose", &["x"], "t", turned(&[0, 3, 1, 2])),
            node("Conv", &["t", "c.weight"], "c", vec![ints("pads", &[1; 4])]),
            node("Transpose", &["c"], "u", turned(&[0, 2, 3, 1])),
            node("Relu", &["u"], "r", vec![]),
            node("Reshape", &["r", "shape"], "f", vec![]),
            node("MatMul", &["f", "l.weight"], "m", vec![]),
            node("Add", &["m", "l.bias"], "y", vec![]),
        ];
        graph.initializer[1] = floats("l.weight", &[16, 5]);
        graph.initializer.push(row("shape", &[-1, 16]));
    });
    assert_eq!(
        layers(&bytes),
        [
            "convolution(0) c [4, 3, 3, 3] stride 1 padding 1",
            "relu(1)",
            "flatten(2)",
            "linear(3) l [5, 16]"
        ]
    );
    let model = Model::parse(&bytes).unwrap();
    let (name, _, values) = model.tensors().nth(1).unwrap();
    assert_eq!(name, "l.weight");
    // The first output of the first channel at four positions: rows 0, 4, 8 and 12 of the
    // file's matrix; then the second channel's.
    let rows = [0, 4, 8, 12, 1, 5, 9, 13].map(|row| (row * 5) as f32 / 8.0);
    assert_eq!(values[..8], rows);
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

/// Layers of two towers with a pooling and a concatenation, as in Inception.
#[test]
fn towers_are_joined_by_channels() {
    let bytes = model(
        vec![
            node("Conv", &["x", "a.weight"], "a", vec![]),
            node(
                "MaxPool",
                &["x"],
                "b",
                vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1; 4])],
            ),
            node("Concat", &["a", "b"], "c", vec![int("axis", -3)]),
            node("GlobalAveragePool", &["c"], "y", vec![]),
        ],
        vec![floats("a.weight", &[2, 3, 1, 1])],
    );
    assert_eq!(
        layers(&bytes.encode_to_vec()),
        [
            "convolution(0) a [2, 3, 1, 1] stride 1 padding 0",
            "max-pool(0) window 3 stride 1 padding 1",
            "concatenate(1, 2)",
            "global-pool(3)"
        ]
    );
}

/// Padding of another width at the end than at the beginning, as TensorFlow has it, is
/// one at the beginning alone where no window reaches it, and else zeros.
#[test]
fn padding_is_a_layers_own_or_zeros() {
    let strided = |pads: &[i64]| vec![ints("strides", &[2, 2]), ints("pads", pads)];
    let weight = || vec![floats("d.weight", &[4, 4, 3, 3])];
    let convolution = |attributes| vec![node("Conv", &["c", "d.weight"], "d", attributes)];
    let same = Attribute {
        name: Some("auto_pad".to_owned()),
        s: Some(b"SAME_UPPER".to_vec().into()),
        ..Attribute::default()
    };
    for attributes in [strided(&[0, 0, 1, 1]), vec![ints("strides", &[2, 2]), same]] {
        assert_eq!(
            between(convolution(attributes), weight()),
            [
                "pad(1) 0 before and 1 after",
                "convolution(2) d [4, 4, 3, 3] stride 2 padding 0"
            ]
        );
    }
    for attributes in [strided(&[1, 1, 1, 1]), strided(&[1, 1, 0, 0])] {
        let wanted = ["convolution(1) d [4, 4, 3, 3] stride 2 padding 1"];
        assert_eq!(between(convolution(attributes), weight()), wanted);
    }
    // Keras' layer of zeros, and a convolution without padding.
    let zeros = |pads: &[i64]| {
        let mut nodes = convolution(vec![ints("strides", &[2, 2])]);
        nodes[0].input[0] = "z".to_owned();
        nodes.insert(0, node("Pad", &["c"], "z", vec![ints("pads", pads)]));
        nodes
    };
    assert_eq!(
        between(zeros(&[0, 0, 1, 1, 0, 0, 1, 1]), weight()),
        ["convolution(1) d [4, 4, 3, 3] stride 2 padding 1"]
    );
    assert_eq!(
        between(zeros(&[0, 0, 0, 0, 0, 0, 1, 1]), weight())[0],
        "pad(1) 0 before and 1 after"
    );
    // Windows that begin beyond the last one that fits, of what is not below 0.
    let up = || {
        vec![
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[2, 2]),
            int("ceil_mode", 1),
        ]
    };
    let pooling = |operator: &str, read: &str, attributes| {
        vec![
            node("Relu", &["c"], "a", vec![]),
            node(operator, &[read], "d", attributes),
        ]
    };
    assert_eq!(
        between(pooling("MaxPool", "a", up()), vec![])[1..],
        [
            "pad(2) 0 before and 1 after",
            "max-pool(3) window 3 stride 2 padding 0"
        ]
    );
    let counted = vec![
        ints("kernel_shape", &[3, 3]),
        ints("pads", &[1; 4]),
        int("count_include_pad", 1),
    ];
    assert_eq!(
        between(pooling("AveragePool", "a", counted), vec![])[1..],
        [
            "pad(2) 1 before and 1 after",
            "average-pool(3) window 3 stride 1 padding 0"
        ]
    );
    for (operator, read, attributes) in [("MaxPool", "c", up()), ("AveragePool", "a", up())] {
        let bytes = changed(|graph| {
            graph.node[2].input[0] = "d".to_owned();
            graph.node.splice(1..2, pooling(operator, read, attributes));
        });
        let said = Model::parse(&bytes).unwrap_err().to_string();
        assert!(
            said.contains("its padding of 0 before and 1 after is not known"),
            "{said}"
        );
    }
}

/// ShuffleNet's, as PyTorch writes it.
#[test]
fn channels_are_shuffled() {
    let nodes = vec![
        node("Reshape", &["c", "apart"], "s", vec![]),
        node(
            "Transpose",
            &["s"],
            "t",
            vec![ints("perm", &[0, 2, 1, 3, 4])],
        ),
        node("Reshape", &["t", "together"], "u", vec![]),
    ];
    let tensors = vec![
        row("apart", &[0, 2, 2, 8, 8]),
        row("together", &[0, -1, 8, 8]),
    ];
    assert_eq!(between(nodes, tensors), ["shuffle(1) groups 2"]);
}

/// A first row and column that are left out: with zeros at the end, or before a 1×1
/// convolution of every other position.
#[test]
fn maps_are_shifted() {
    let starts = || {
        vec![
            row("starts", &[1, 1]),
            row("ends", &[i64::MAX, i64::MAX]),
            row("axes", &[2, 3]),
            row("pads", &[0, 0, 0, 0, 0, 0, 1, 1]),
            floats("d.weight", &[4, 4, 1, 1]),
        ]
    };
    let slice = || node("Slice", &["c", "starts", "ends", "axes"], "s", vec![]);
    let padded = vec![slice(), node("Pad", &["s", "pads"], "d", vec![])];
    assert_eq!(between(padded, starts()), ["shift(1)"]);
    let strided = vec![ints("strides", &[2, 2])];
    let convolution = vec![slice(), node("Conv", &["s", "d.weight"], "d", strided)];
    assert_eq!(
        between(convolution, starts()),
        [
            "shift(1)",
            "convolution(2) d [4, 4, 1, 1] stride 2 padding 0"
        ]
    );
}

/// Squeeze-and-excitation with linear maps, as SENet has it.
#[test]
fn factors_may_be_a_vector() {
    let tensors = vec![
        floats("e.weight", &[2, 4]),
        floats("e.bias", &[2]),
        floats("g.weight", &[4, 2]),
        floats("g.bias", &[4]),
        row("wide", &[-1, 4, 1, 1]),
    ];
    let linear = |read: &str, name: &str| {
        let tensors = [format!("{name}.weight"), format!("{name}.bias")];
        let inputs = [read, &tensors[0], &tensors[1]];
        node("Gemm", &inputs, name, vec![int("transB", 1)])
    };
    let nodes = vec![
        node("GlobalAveragePool", &["c"], "m", vec![]),
        node("Flatten", &["m"], "v", vec![]),
        linear("v", "e"),
        node("Relu", &["e"], "i", vec![]),
        linear("i", "g"),
        node("Sigmoid", &["g"], "h", vec![]),
        node("Reshape", &["h", "wide"], "w", vec![]),
        node("Mul", &["c", "w"], "s", vec![]),
    ];
    let bytes = changed(|graph| {
        graph.node[2].input[0] = "s".to_owned();
        graph.node.splice(1..2, nodes);
        graph.initializer.extend(tensors);
    });
    assert_eq!(
        layers(&bytes)[1..],
        [
            "global-pool(1)",
            "linear(2) e [2, 4]",
            "relu(3)",
            "linear(4) g [4, 2]",
            "sigmoid(5)",
            "scale(1, 6)",
            "global-pool(7)",
            "linear(8) l [5, 4]"
        ]
    );
}

/// Halves of the channels, as ShuffleNetV2 has them.
#[test]
fn channels_are_split() {
    let mut split = node("Split", &["c"], "s", vec![int("axis", 1)]);
    split.output.push("t".to_owned());
    let both = vec![
        split,
        node("Relu", &["t"], "u", vec![]),
        node("Concat", &["s", "u"], "v", vec![int("axis", 1)]),
    ];
    let rows = vec![row("two", &[2]), row("end", &[99]), row("one", &[1])];
    assert_eq!(
        between(both, vec![]),
        [
            "narrow(1)",
            "narrow(1) from 2",
            "relu(3)",
            "concatenate(2, 4)"
        ]
    );
    let slice = vec![
        node("Slice", &["c", "two", "end", "one"], "s", vec![]),
        node("Concat", &["s", "s"], "v", vec![int("axis", 1)]),
    ];
    assert_eq!(
        between(slice, rows),
        ["narrow(1) from 2", "concatenate(2, 2)"]
    );
}
