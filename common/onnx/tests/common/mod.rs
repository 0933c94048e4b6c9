//! Models that tests make.

use knas_onnx::message::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Tensor, TensorShape, TensorType, Type,
    ValueInfo, attribute_type, data_type,
};
use prost::Message;

/// A node of the standard set.
pub fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> Node {
    Node {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(format!("the {output}")),
        op_type: Some(operator.to_owned()),
        attribute,
        domain: None,
    }
}

/// Whole numbers as a setting.
pub fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        r#type: Some(attribute_type::INTS),
        ..Attribute::default()
    }
}

/// A whole number as a setting.
pub fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(attribute_type::INT),
        ..Attribute::default()
    }
}

/// Numbers in single precision: 0, 1/8, 2/8 and so on.
pub fn floats(name: &str, dims: &[i64]) -> Tensor {
    let numbers = dims.iter().product::<i64>();
    let values = (0..numbers).flat_map(|place| (place as f32 / 8.0).to_le_bytes());
    Tensor {
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        name: Some(name.to_owned()),
        raw_data: Some(values.collect::<Vec<u8>>().into()),
        ..Tensor::default()
    }
}

/// Whole numbers in a row.
pub fn row(name: &str, values: &[i64]) -> Tensor {
    let raw = values.iter().flat_map(|value| value.to_le_bytes());
    Tensor {
        dims: vec![values.len() as i64],
        data_type: Some(data_type::INT64),
        name: Some(name.to_owned()),
        raw_data: Some(raw.collect::<Vec<u8>>().into()),
        ..Tensor::default()
    }
}

/// A value of these sizes; one below 0 is left open.
pub fn value(name: &str, sizes: &[i64]) -> ValueInfo {
    let dimension = |&size: &i64| Dimension {
        dim_value: (size >= 0).then_some(size),
        dim_param: (size < 0).then(|| "open".to_owned()),
    };
    let shape = TensorShape {
        dim: sizes.iter().map(dimension).collect(),
    };
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: Some(data_type::FLOAT),
                shape: Some(shape),
            }),
        }),
    }
}

/// A model of these nodes and tensors that is shown "x", N × 3 × 8 × 8, and gives "y".
pub fn model(nodes: Vec<Node>, tensors: Vec<Tensor>) -> Model {
    Model {
        ir_version: Some(8),
        graph: Some(Graph {
            node: nodes,
            initializer: tensors,
            input: vec![value("x", &[-1, 3, 8, 8])],
            output: vec![value("y", &[-1, 5])],
            ..Graph::default()
        }),
        opset_import: vec![OperatorSet {
            domain: None,
            version: Some(17),
        }],
        ..Model::default()
    }
}

/// A convolution, ReLU, the mean over all positions, and a linear map to five classes.
pub fn small() -> Model {
    model(
        vec![
            node("Conv", &["x", "c.weight"], "c", vec![ints("pads", &[1; 4])]),
            node("Relu", &["c"], "r", vec![]),
            node("GlobalAveragePool", &["r"], "p", vec![]),
            node("Flatten", &["p"], "f", vec![]),
            node(
                "Gemm",
                &["f", "l.weight", "l.bias"],
                "y",
                vec![int("transB", 1)],
            ),
        ],
        vec![
            floats("c.weight", &[4, 3, 3, 3]),
            floats("l.weight", &[5, 4]),
            floats("l.bias", &[5]),
        ],
    )
}

/// The small model after a change to its graph.
pub fn changed(change: impl FnOnce(&mut Graph)) -> Vec<u8> {
    let mut model = small();
    change(model.graph.as_mut().unwrap());
    model.encode_to_vec()
}
