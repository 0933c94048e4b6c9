//! Nodes, constants and their names.

use std::collections::HashSet;

use crate::message::{
    Attribute, Dimension, Graph, Node, Tensor, TensorShape, TensorType, Type, ValueInfo,
    attribute_type, data_type,
};

/// A graph that grows.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub graph: Graph,
    constants: HashSet<String>,
}

impl Builder {
    /// Appends a node that gives `output`, which is its name too.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<Attribute>,
    ) {
        self.graph.node.push(Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: Some(output.to_owned()),
            op_type: Some(operator.to_owned()),
            attribute,
            domain: None,
        });
    }

    /// Adds numbers under a name.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        self.tensor(name, data_type::FLOAT, shape, raw.collect());
    }

    /// A single number.
    pub fn float(&mut self, value: f32) -> String {
        let name = format!("float/{value:e}");
        self.constant(&name, |builder| builder.floats(&name, &[], &[value]));
        name
    }

    /// A single whole number, without a dimension.
    pub fn int(&mut self, value: i64) -> String {
        let name = format!("int/{value}");
        let raw = value.to_le_bytes().to_vec();
        self.constant(&name, |b| b.tensor(&name, data_type::INT64, &[], raw));
        name
    }

    /// Whole numbers, in one dimension.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let texts: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("ints/{}", texts.join(","));
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        let raw = raw.collect();
        let shape = [values.len()];
        self.constant(&name, |b| b.tensor(&name, data_type::INT64, &shape, raw));
        name
    }

    /// Adds a constant once.
    fn constant(&mut self, name: &str, add: impl FnOnce(&mut Self)) {
        if self.constants.insert(name.to_owned()) {
            add(self);
        }
    }

    fn tensor(&mut self, name: &str, data_type: i32, shape: &[usize], raw: Vec<u8>) {
        self.graph.initializer.push(Tensor {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type),
            name: Some(name.to_owned()),
            raw_data: Some(raw.into()),
            ..Tensor::default()
        });
    }
}

/// A size of a value.
pub(crate) enum Size {
    /// A number.
    Of(usize),
    /// Left open, by this name.
    Open(&'static str),
}

/// What is told of a value that goes in or comes out.
pub(crate) fn value(name: &str, elem_type: i32, sizes: &[Size]) -> ValueInfo {
    let dimension = |size: &Size| match *size {
        Size::Of(number) => Dimension {
            dim_value: Some(number as i64),
            dim_param: None,
        },
        Size::Open(name) => Dimension {
            dim_value: None,
            dim_param: Some(name.to_owned()),
        },
    };
    let shape = TensorShape {
        dim: sizes.iter().map(dimension).collect(),
    };
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: Some(elem_type),
                shape: Some(shape),
            }),
        }),
    }
}

/// A setting that is a whole number.
pub(crate) fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(attribute_type::INT),
        ..Attribute::default()
    }
}

/// A setting that is a list of whole numbers.
pub(crate) fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        r#type: Some(attribute_type::INTS),
        ..Attribute::default()
    }
}

/// A setting that is a number.
pub(crate) fn float(name: &str, value: f64) -> Attribute {
    Attribute {
        name: Some(name.to_owned()),
        f: Some(value as f32),
        r#type: Some(attribute_type::FLOAT),
        ..Attribute::default()
    }
}
