//! Layers that are not known, or do not go together.

use super::*;

#[test]
fn operators_that_are_not_known_are_named() {
    let unknown = with(node("NonMaxSuppression", &["c"], "n", vec![]), vec![]);
    refused(
        &unknown,
        "node 1, \"the n\", \"NonMaxSuppression\": this operator is not known for images",
    );
    let mut foreign = node("Relu", &["c"], "n", vec![]);
    foreign.domain = Some("com.microsoft".to_owned());
    refused(
        &with(foreign, vec![]),
        "\"com.microsoft::Relu\": this operator",
    );
    let quantised = node("QuantizeLinear", &["c", "s"], "n", vec![]);
    let scale = vec![floats("s", &[1])];
    refused(&with(quantised, scale), "quantised models are not read");
    // A graph in a graph in a graph, which nothing looks into.
    let graph = Attribute {
        name: Some("then_branch".to_owned()),
        g: Some(vec![0x0a; 1 << 20].into()),
        ..Attribute::default()
    };
    let choice = node("If", &["c"], "n", vec![graph]);
    refused(
        &with(choice, vec![]),
        "its attribute \"then_branch\" is a graph of its own",
    );
    let leaky = changed(|graph| graph.node[1].op_type = Some("LeakyRelu".to_owned()));
    refused(&leaky, "\"LeakyRelu\": what comes of single numbers");
    let squashed = node("Softmax", &["c"], "n", vec![]);
    refused(
        &with(squashed, vec![]),
        "softmax is only known as the last node",
    );
}

#[test]
fn settings_that_are_not_known_are_named() {
    let convolution =
        |attributes: Vec<Attribute>| changed(|graph| graph.node[0].attribute.extend(attributes));
    refused(
        &convolution(vec![int("axis", 1)]),
        "the attribute \"axis\" is not known",
    );
    refused(
        &convolution(vec![ints("pads", &[1; 4])]),
        "it has the attribute \"pads\" twice",
    );
    refused(
        &convolution(vec![int("strides", 2)]),
        "its strides is a whole number, where a list",
    );
    refused(
        &convolution(vec![ints("strides", &[1, 2])]),
        "its strides are [1, 2]",
    );
    refused(&convolution(vec![ints("strides", &[0, 0])]), "out of range");
    refused(
        &convolution(vec![ints("strides", &[-1, -1])]),
        "-1 is out of range",
    );
    refused(
        &convolution(vec![ints("dilations", &[9, 9])]),
        "a window of 19 does not fit",
    );
    refused(
        &convolution(vec![int("group", 0)]),
        "0 groups do not divide",
    );
    refused(
        &convolution(vec![int("group", -7)]),
        "0 groups do not divide",
    );
    refused(
        &convolution(vec![int("group", 2)]),
        "2 groups do not divide 3 channels",
    );
    let padded = |pads: &[i64]| changed(|graph| graph.node[0].attribute[0].ints = pads.to_vec());
    refused(&padded(&[i64::MAX; 4]), "is out of range for its pads");
    refused(
        &padded(&[1, 0, 1, 0]),
        "height and width are only known to be padded alike",
    );
    refused(
        &padded(&[1]),
        "height and width are only known to be padded alike",
    );
    refused(&padded(&[-1; 4]), "-1 is out of range for its pads");
    let referred = Attribute {
        name: Some("strides".to_owned()),
        r#type: Some(attribute_type::STRING),
        ..Attribute::default()
    };
    refused(&convolution(vec![referred]), "its strides is a text");
}

#[test]
fn layers_and_their_tensors_go_together() {
    let shaped = |place: usize, dims: &[i64]| {
        changed(|graph| {
            let name = graph.initializer[place].name.clone().unwrap();
            graph.initializer[place] = floats(&name, dims);
        })
    };
    refused(
        &shaped(0, &[4, 2, 3, 3]),
        "\"c.weight\" is [4, 2, 3, 3], not [4, 3, 3, 3]",
    );
    refused(
        &shaped(0, &[4, 3, 3, 1]),
        "its window is 3×1, and only square ones are known",
    );
    refused(&shaped(0, &[4, 3, 9]), "where images need 4 sizes");
    refused(&shaped(0, &[0, 3, 3, 3]), "node ");
    refused(&shaped(0, &[4, 3, 0, 0]), "out of range");
    refused(&shaped(1, &[5, 9]), "\"l.weight\" is [5, 9], not [5, 4]");
    refused(&shaped(1, &[20]), "no matrix of the file");
    refused(&shaped(2, &[4]), "its bias is not one number an output");
    let norm = node(
        "BatchNormalization",
        &["c", "a", "a", "a", "b"],
        "n",
        vec![],
    );
    let tensors = vec![floats("a", &[4]), floats("b", &[3])];
    refused(
        &with(norm, tensors),
        "its variance is no tensor of 4 numbers",
    );
    let shown = changed(|graph| graph.node[0].input[1] = "x".to_owned());
    refused(&shown, "its weight is no tensor of the file");
    let missing = changed(|graph| graph.node[0].input.truncate(1));
    refused(&missing, "it has no weight");
    let sum = node("Add", &["c", "x"], "n", vec![]);
    refused(
        &with(sum, vec![]),
        "4×8×8 and 3×8×8 cannot be read together",
    );
    let product = node("Mul", &["c", "x"], "n", vec![]);
    refused(
        &with(product, vec![]),
        "only known to be multiplied by a number a channel",
    );
    let joined = node("Concat", &["c", "x"], "n", vec![int("axis", 2)]);
    refused(
        &with(joined, vec![]),
        "only channels are known to be joined",
    );
    let nothing = node("Concat", &[], "n", vec![int("axis", 1)]);
    refused(&with(nothing, vec![]), "node 1");
}

#[test]
fn shapes_that_make_no_sense_are_refused() {
    let reshaped = |shape: &[i64]| {
        with(
            node("Reshape", &["c", "s"], "n", vec![]),
            vec![row("s", shape)],
        )
    };
    for shape in [
        &[-1, -1][..],
        &[0, 3, -1],
        &[0, 7, 7, 7],
        &[2, -1],
        &[0, i64::MAX, i64::MAX],
        &[0, -5, 8, 8],
        &[],
        &[1; 60],
    ] {
        refused(
            &reshaped(shape),
            "\"Reshape\": it cannot be done to [4, 8, 8] numbers",
        );
    }
    for order in [
        &[0, 1, 1, 2][..],
        &[1, 0, 2, 3],
        &[0, 1, 2],
        &[0, 1, 2, -1],
        &[],
    ] {
        let turned = node("Transpose", &["c"], "n", vec![ints("perm", order)]);
        refused(&with(turned, vec![]), "\"Transpose\": it cannot be done");
    }
    let unsqueezed = node("Unsqueeze", &["c", "s"], "n", vec![]);
    refused(
        &with(unsqueezed, vec![row("s", &[99])]),
        "\"Unsqueeze\": it cannot be done",
    );
    let squeezed = node("Squeeze", &["c", "s"], "n", vec![]);
    refused(
        &with(squeezed, vec![row("s", &[1])]),
        "\"Squeeze\": it cannot be done",
    );
    let small = changed(|graph| graph.input[0] = value("x", &[-1, 3, 1, 1]));
    let small = Model::parse(&small).unwrap();
    let error = small.lower(0, 5).unwrap_err().to_string();
    assert_eq!(
        error,
        "a network needs images of 1 × 1 pixel and 1 class at least"
    );
    assert!(small.lower(8, 0).is_err());
    assert!(small.lower(usize::MAX, 5).is_err());
}

#[test]
fn other_classes_need_a_last_linear_map() {
    let model = Model::parse(&small().encode_to_vec()).unwrap();
    let seven = model.lower(8, 7).unwrap();
    assert_eq!(seven.parameters()[1].shape, [7, 4]);
    let without = changed(|graph| {
        graph.node.truncate(4);
        graph.node[0].attribute.push(ints("kernel_shape", &[3, 3]));
        graph.output[0].name = Some("f".to_owned());
    });
    let error = Model::parse(&without).unwrap().lower(8, 7).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model tells 4 classes apart, and has no last linear map to tell 7"
    );
}
