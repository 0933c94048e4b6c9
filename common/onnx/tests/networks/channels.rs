//! Where channels lie, how they are joined, split and shuffled, and what is around maps.

use super::*;

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
