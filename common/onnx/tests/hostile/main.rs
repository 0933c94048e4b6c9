//! Files that are no models, and models that are no networks: each is refused, in words,
//! without much memory.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod layers;

use std::fs;
use std::path::Path;

use common::{changed, floats, int, ints, model, node, row, small, value};
use knas_onnx::Model;
use knas_onnx::message::{Attribute, Entry, Node, Tensor, attribute_type, data_type};
use prost::Message;

/// What is said of these bytes.
fn said(bytes: &[u8]) -> String {
    Model::parse(bytes).unwrap_err().to_string()
}

#[track_caller]
fn refused(bytes: &[u8], wanted: &str) {
    let said = said(bytes);
    assert!(said.contains(wanted), "{said}");
    assert!(said.len() < 600, "{said}");
}

/// A model of one node between the image and what comes after it.
fn with(node: Node, tensors: Vec<Tensor>) -> Vec<u8> {
    changed(|graph| {
        graph.node[1].input[0] = node.output[0].clone();
        graph.node.insert(1, node);
        graph.initializer.extend(tensors);
    })
}

#[test]
fn the_model_that_the_others_are_made_from_is_read() {
    let model = Model::parse(&small().encode_to_vec()).unwrap();
    assert_eq!((model.side(), model.classes()), (Some(8), 5));
    assert!(model.lower(8, 5).is_ok());
}

#[test]
fn bytes_that_are_no_messages_are_refused() {
    let whole = small().encode_to_vec();
    refused(b"", "the model has no graph");
    refused(b"a text, and no model", "damaged");
    refused(&whole[..whole.len() - 1], "damaged");
    refused(&whole[..whole.len() / 2], "damaged");
    // A field that says it has 2⁶³ bytes, and one that says 100.
    refused(
        &[0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        "a field of",
    );
    refused(&[0x3a, 100, 0], "a field of 100 bytes where 1 are left");
    // A number that does not end, and groups in groups.
    refused(&[0x08; 64], "the model has no graph"); // a version, 32 times
    refused(&[0xff; 64], "damaged");
    refused(&[0x0b; 100_000], "damaged");
}

#[test]
fn more_than_any_network_has_is_not_read() {
    let many = |graph: &mut knas_onnx::message::Graph, what: &str, many: usize| match what {
        "nodes" => graph.node = vec![Node::default(); many],
        "tensors" => graph.initializer = vec![Tensor::default(); many],
        _ => graph.initializer[0].dims = vec![1; many],
    };
    for (what, most) in [
        ("nodes", 100_000),
        ("tensors", 100_000),
        ("fields", 2_000_000),
    ] {
        let bytes = changed(|graph| many(graph, what, most + 1));
        refused(&bytes, &format!("more than {most} {what}"));
    }
    // As a packed list.
    let mut dims = vec![0x0a, 0x80, 0x89, 0x7a];
    dims.extend([1; 2_000_000]);
    let tensor = |field: &[u8]| {
        let mut bytes = vec![0x2a];
        prost::encoding::encode_varint(field.len() as u64, &mut bytes);
        bytes.extend(field);
        let mut model = vec![0x3a];
        prost::encoding::encode_varint(bytes.len() as u64, &mut model);
        model.extend(bytes);
        model
    };
    refused(&tensor(&dims), "more than 2000000 fields");
}

#[test]
fn tensors_have_the_numbers_that_their_sizes_tell() {
    let sized = |dims: &[i64]| changed(|graph| graph.initializer[0].dims = dims.to_vec());
    let named = "the tensor \"c.weight\"";
    refused(
        &sized(&[1_000_000, 1_000_000]),
        &format!("{named}: it has 432 bytes"),
    );
    refused(&sized(&[4, 3, 3, 4]), &format!("{named}: it has 432 bytes"));
    refused(
        &sized(&[4, -3, 3, 3]),
        &format!("{named}: one of its sizes is -3"),
    );
    refused(
        &sized(&[i64::MAX, i64::MAX, 4]),
        &format!("{named}: it has more numbers"),
    );
    refused(&sized(&[1; 40]), &format!("{named}: it has more numbers"));
    let nameless = changed(|graph| graph.initializer[0].name = None);
    refused(&nameless, "the tensor \"\": it has no name");
    let of_kind = |kind| changed(|graph| graph.initializer[0].data_type = Some(kind));
    refused(&of_kind(2), "its weight is no tensor of the file in single");
    refused(&of_kind(data_type::DOUBLE), "its sizes tell 864");
    let halves = changed(|graph| {
        let tensor = &mut graph.initializer[0];
        tensor.data_type = Some(data_type::FLOAT16);
        tensor.raw_data = None;
        tensor.int32_data = Some(vec![0x80; 200].into());
    });
    refused(&halves, "it has 200 bytes");
    let whole = changed(|graph| {
        graph.initializer.push(Tensor {
            dims: vec![2],
            data_type: Some(data_type::INT64),
            name: Some("w".to_owned()),
            int64_data: Some(vec![0xff, 0xff].into()),
            ..Tensor::default()
        });
    });
    refused(&whole, "the tensor \"w\"");
}

#[test]
fn names_are_of_one_value_each_that_is_there_before_it_is_read() {
    let tensor = changed(|graph| graph.initializer.push(floats("l.bias", &[5])));
    refused(&tensor, "two values have the name \"l.bias\"");
    let given = changed(|graph| graph.node[1].output[0] = "c".to_owned());
    refused(&given, "two values have the name \"c\"");
    let over = changed(|graph| graph.node[1].output[0] = "x".to_owned());
    refused(&over, "two values have the name \"x\"");
    let none = changed(|graph| graph.node[1].input[0] = "elsewhere".to_owned());
    refused(
        &none,
        "node 1, \"the r\", \"Relu\": it reads \"elsewhere\", which nothing gives",
    );
    let itself = changed(|graph| graph.node[1].input[0] = "r".to_owned());
    refused(
        &itself,
        "it reads \"r\", which is given only by it or after it",
    );
    let late = changed(|graph| graph.node.swap(1, 2));
    refused(
        &late,
        "it reads \"r\", which is given only by it or after it",
    );
    let cycle = changed(|graph| graph.node[0].input[0] = "p".to_owned());
    refused(
        &cycle,
        "it reads \"p\", which is given only by it or after it",
    );
    let output = changed(|graph| graph.output[0].name = Some("z".to_owned()));
    refused(&output, "nothing gives the model's output \"z\"");
    let long = changed(|graph| graph.node[1].input[0] = "\u{1b}[2J".repeat(10_000));
    refused(&long, "it reads \"\\u{1b}[2J");
}

#[test]
fn a_network_for_images_has_one_input_of_four_sizes_and_one_row_of_logits() {
    let two = changed(|graph| graph.input.push(value("z", &[1])));
    refused(&two, "the model's are: \"x\", \"z\"");
    let none = changed(|graph| graph.input.clear());
    refused(&none, "the model's are: none");
    let row = changed(|graph| graph.input[0] = value("x", &[-1, 3, 8]));
    refused(&row, "of 3 dimensions, where images have 4");
    let oblong = changed(|graph| graph.input[0] = value("x", &[-1, 3, 8, 16]));
    refused(
        &oblong,
        "images of 8 × 16 pixels, and only square ones are known",
    );
    let bytes = changed(|graph| {
        let kind = graph.input[0].r#type.as_mut().unwrap();
        kind.tensor_type.as_mut().unwrap().elem_type = Some(2);
    });
    refused(&bytes, "numbers of kind 2");
    let typeless = changed(|graph| graph.input[0].r#type = None);
    refused(&typeless, "numbers of kind 0");
    let maps = changed(|graph| graph.output[0].name = Some("r".to_owned()));
    refused(&maps, "the model gives 4×8×8 numbers for an image");
    let shown = changed(|graph| graph.output[0].name = Some("x".to_owned()));
    refused(&shown, "the model gives");
    let numbers = changed(|graph| graph.output[0].name = Some("l.bias".to_owned()));
    refused(&numbers, "something that does not depend on the image");
    refused(
        &changed(|graph| graph.output.clear()),
        "the model has no output",
    );
    let mut versionless = small();
    versionless.opset_import.clear();
    refused(
        &versionless.encode_to_vec(),
        "no version of the standard operators",
    );
}

#[test]
fn little_files_do_not_ask_for_much_memory() {
    let filled = |sizes: &[i64]| {
        changed(|graph| {
            graph.node[0].input[1] = "w".to_owned();
            graph
                .node
                .insert(0, node("ConstantOfShape", &["s"], "w", vec![]));
            graph.initializer.push(row("s", sizes));
        })
    };
    refused(
        &filled(&[1 << 40, 3, 3, 3]),
        "it makes more numbers than any network needs",
    );
    refused(
        &filled(&[i64::MAX; 4]),
        "it makes more numbers than any network needs",
    );
    refused(&filled(&[-1, 3, 3, 3]), "one of its sizes is below 0");
    // 2²⁰ numbers in a column times as many in a row.
    let product = model(
        vec![
            node("ConstantOfShape", &["s"], "a", vec![]),
            node("ConstantOfShape", &["t"], "b", vec![]),
            node("Mul", &["a", "b"], "m", vec![]),
            node("Add", &["x", "m"], "y", vec![]),
        ],
        vec![row("s", &[1 << 20, 1]), row("t", &[1, 1 << 20])],
    );
    refused(
        &product.encode_to_vec(),
        "too many numbers would have to be computed",
    );
    // A row of whole numbers that doubles.
    let mut nodes = vec![node("Concat", &["s", "s"], "r0", vec![int("axis", 0)])];
    for place in 0..40 {
        let (read, given) = (format!("r{place}"), format!("r{}", place + 1));
        nodes.push(node(
            "Concat",
            &[&read, &read],
            &given,
            vec![int("axis", 0)],
        ));
    }
    nodes.push(node("Reshape", &["x", "r40"], "y", vec![]));
    let doubled = model(nodes, vec![row("s", &[1])]);
    refused(
        &doubled.encode_to_vec(),
        "more whole numbers than any shape has",
    );
    // Functions of functions, each of which doubles what it is made of.
    let mut nodes = vec![node("Sigmoid", &["x"], "f0", vec![])];
    for place in 0..64 {
        let (read, given) = (format!("f{place}"), format!("f{}", place + 1));
        nodes.push(node("Mul", &[&read, &read], &given, vec![]));
    }
    nodes.push(node("GlobalAveragePool", &["f64"], "p", vec![]));
    nodes.push(node("Flatten", &["p"], "y", vec![]));
    let doubled = model(nodes, vec![]).encode_to_vec();
    refused(
        &doubled,
        "what is done to single numbers takes too many steps",
    );
    // Paddings that make images larger and larger.
    let pads = |place: usize| {
        let (read, given) = (format!("p{place}"), format!("p{}", place + 1));
        node(
            "MaxPool",
            &[&read],
            &given,
            vec![ints("kernel_shape", &[1, 1]), ints("pads", &[4000; 4])],
        )
    };
    let mut nodes = vec![node("Relu", &["x"], "p0", vec![])];
    nodes.extend((0..100).map(pads));
    nodes.push(node("GlobalAveragePool", &["p100"], "g", vec![]));
    nodes.push(node("Flatten", &["g"], "y", vec![]));
    refused(&model(nodes, vec![]).encode_to_vec(), "out of range");
}

/// A model whose first weight is in another file.
fn elsewhere(entries: &[(&str, &str)]) -> Vec<u8> {
    changed(|graph| {
        let tensor = &mut graph.initializer[0];
        tensor.raw_data = None;
        tensor.data_location = Some(1);
        let entry = |&(key, value): &(&str, &str)| Entry {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        tensor.external_data = entries.iter().map(entry).collect();
    })
}

#[test]
fn other_files_are_read_from_the_models_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("models");
    fs::create_dir(&inside).unwrap();
    fs::create_dir(inside.join("below")).unwrap();
    let numbers = floats("", &[4, 3, 3, 3]).raw_data.unwrap();
    for path in ["weights", "below/weights", "../weights"] {
        fs::write(inside.join(path), &numbers).unwrap();
    }
    let path = inside.join("model.onnx");
    let read = |entries: &[(&str, &str)]| {
        fs::write(&path, elsewhere(entries)).unwrap();
        Model::read(&path)
    };
    for location in ["weights", "below/weights", "./weights"] {
        let model = read(&[("location", location)]);
        let plain = location != "./weights";
        assert_eq!(model.is_ok(), plain, "{location}");
        if let Ok(model) = model {
            let (name, shape, values) = model.tensors().next().unwrap();
            assert_eq!((&*name, &shape[..]), ("c.weight", &[4, 3, 3, 3][..]));
            assert_eq!(values[..3], [0.0, 0.125, 0.25]);
        }
    }
    let absolute = folder.path().join("weights");
    let outside = "which is not a plain name of a file in the model's folder";
    for (entries, wanted) in [
        (&[("location", "../weights")][..], outside),
        (&[("location", absolute.to_str().unwrap())], outside),
        (&[("location", "below/../../weights")], outside),
        (&[("location", "")], outside),
        (&[("offset", "0")], outside),
        (&[("location", "none")], "No such file"),
        (&[("location", "below")], "it is no regular file"),
        (
            &[("location", "weights"), ("offset", "400")],
            "it has 32 bytes of numbers",
        ),
        (
            &[("location", "weights"), ("offset", "1000")],
            "it has 0 bytes of numbers",
        ),
        (
            &[("location", "weights"), ("length", "433")],
            "it has no 433 bytes from 0 on",
        ),
        (
            &[("location", "weights"), ("length", "18446744073709551615")],
            "it has no",
        ),
        (
            &[("location", "weights"), ("offset", "-1")],
            "its offset in another file is \"-1\"",
        ),
        (
            &[("location", "weights"), ("length", "all")],
            "its length in another file is \"all\"",
        ),
    ] {
        let said = read(entries).unwrap_err().to_string();
        assert!(said.contains(wanted), "{entries:?}: {said}");
    }
    refused(
        &elsewhere(&[("location", "weights")]),
        "which is not beside these bytes",
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&absolute, inside.join("link")).unwrap();
        let said = read(&[("location", "link")]).unwrap_err().to_string();
        assert!(said.contains(outside), "{said}");
        std::os::unix::fs::symlink("weights", inside.join("within")).unwrap();
        assert!(read(&[("location", "within")]).is_ok());
    }
    assert!(Model::read(Path::new("/nonexistent.onnx")).is_err());
    assert!(Model::read(folder.path()).is_err());
}
