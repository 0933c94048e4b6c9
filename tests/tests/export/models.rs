//! What is in the files, without other software.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use knas_onnx::message::{Graph, Model, ValueInfo};
use knas_tests::scratch;
use prost::Message;
use serde_json::{Value, json};

use crate::{BERT, CELL, export, record};

fn model(path: &Path) -> Model {
    Model::decode(&*fs::read(path).unwrap()).unwrap()
}

/// A value's sizes, those that are left open by their names.
fn sizes(value: &ValueInfo) -> Vec<String> {
    let shape = value.r#type.clone().unwrap().tensor_type.unwrap().shape;
    let dimensions = shape.unwrap().dim.into_iter();
    let size = |of: knas_onnx::message::Dimension| match of.dim_value {
        Some(number) => number.to_string(),
        None => of.dim_param.unwrap(),
    };
    dimensions.map(size).collect()
}

fn told(model: &Model) -> BTreeMap<String, String> {
    let entries = model.metadata_props.iter();
    entries
        .map(|entry| (entry.key.clone().unwrap(), entry.value.clone().unwrap()))
        .collect()
}

fn operators(graph: &Graph) -> Vec<&str> {
    graph
        .node
        .iter()
        .filter_map(|n| n.op_type.as_deref())
        .collect()
}

#[test]
fn a_cell_is_a_model_with_its_weights() {
    let folder = scratch();
    let size = ["--size", "channels=4,cells=1", "--size", "classes=3"];
    let run = export(folder.path(), &["-o", "out"], &record("a", "nb201", CELL))
        .args(size)
        .run()
        .expect_code(0)
        .expect_stderr("drawn from seed 0: 1");
    let exported = &run.records()[0]["export"];
    assert_eq!(exported["format"], "onnx");
    assert_eq!(exported["path"], "out/a.onnx");
    assert_eq!(exported["seed"], 0);
    let model = model(&folder.path().join("out/a.onnx"));
    let opset = &model.opset_import[0];
    assert_eq!((opset.version, model.ir_version), (Some(17), Some(8)));
    let told = told(&model);
    assert_eq!((&*told["id"], &*told["arch"]), ("a", CELL));
    assert_eq!(told["mean"], "[0.4914,0.4822,0.4465]");
    assert_eq!(told["std"], "[0.247,0.2435,0.2616]");
    let graph = model.graph.unwrap();
    assert_eq!(sizes(&graph.input[0]), ["batch", "3", "32", "32"]);
    assert_eq!(sizes(&graph.output[0]), ["batch", "3"]);
    let tensor = |name: &str| {
        let found = graph
            .initializer
            .iter()
            .find(|t| t.name.as_deref() == Some(name));
        found.unwrap_or_else(|| panic!("no {name}")).dims.clone()
    };
    assert_eq!(tensor("stem.0.weight"), [4, 3, 3, 3]);
    assert_eq!(tensor("stem.1.running_var"), [4]);
    assert_eq!(tensor("classifier.weight"), [3, 16]);
    let operators = operators(&graph);
    for operator in ["BatchNormalization", "AveragePool", "Gemm"] {
        assert!(operators.contains(&operator), "{operator}: {operators:?}");
    }
}

#[test]
fn an_encoder_takes_three_rows_of_any_length() {
    let folder = scratch();
    let input = record("a", "roberta-skip", BERT);
    let _ = export(folder.path(), &["-o", "out"], &input)
        .run()
        .expect_code(0);
    let graph = model(&folder.path().join("out/a.onnx")).graph.unwrap();
    let names: Vec<_> = graph.input.iter().filter_map(|i| i.name.clone()).collect();
    assert_eq!(names, ["input_ids", "token_type_ids", "attention_mask"]);
    for input in &graph.input {
        assert_eq!(sizes(input), ["batch", "length"]);
    }
    let softmax = operators(&graph)
        .iter()
        .filter(|o| **o == "Softmax")
        .count();
    assert_eq!(softmax, 3);
}

#[test]
fn a_graph_is_written_as_text_and_as_a_drawing() {
    let folder = scratch();
    let input = record("a", "nb201", CELL);
    let size = ["--size", "cells=1", "-o", "out"];
    for (format, file, said) in [
        ("text", "a.txt", "1 = convolution(0) stem.0 [16, 3, 3, 3]"),
        ("dot", "a.dot", "n0 -> n1;"),
    ] {
        let args = [&["--format", format][..], &size].concat();
        let run = export(folder.path(), &args, &input).run().expect_code(0);
        assert!(!run.stderr.contains("drawn"), "{}", run.stderr);
        assert_eq!(run.records()[0]["export"]["seed"], Value::Null);
        let text = fs::read_to_string(folder.path().join("out").join(file)).unwrap();
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn records_pass_on_in_order_and_the_same_again_gives_the_same_bytes() {
    let folder = scratch();
    let failed = json!({"id": "x", "error": {"stage": "score", "kind": "k", "message": "m"}});
    let input =
        record("a", "nb201", CELL) + &format!("{failed}\n") + &record("b", "roberta-skip", BERT);
    let bytes = || {
        for format in ["onnx", "torch"] {
            let args = ["-f", format, "-o", "out"];
            let run = export(folder.path(), &args, &input).run().expect_code(0);
            assert_eq!(run.column("id"), ["a", "x", "b"]);
        }
        [
            "a.onnx",
            "a.py",
            "a.safetensors",
            "b.onnx",
            "b.py",
            "b.safetensors",
        ]
        .map(|name| fs::read(folder.path().join("out").join(name)).unwrap())
    };
    let (first, again) = (bytes(), bytes());
    assert!(first == again);
}
