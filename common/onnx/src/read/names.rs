//! What layers are called.

use std::collections::{HashMap, HashSet};

/// The longest name of a layer, in characters.
const LONGEST: usize = 200;

/// What exporters of TensorFlow's networks append to a layer's name.
const OPERATIONS: [&str; 7] = [
    "Conv2D",
    "depthwise",
    "FusedBatchNormV3",
    "MatMul",
    "BiasAdd",
    "ReadVariableOp",
    "Gemm",
];

/// Names of layers, each of which is there once.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
    /// How often a name was asked for.
    asked: HashMap<String, usize>,
}

impl Names {
    /// The name of a layer: that of its weight less `.weight`, else that of its node,
    /// else that of its weight, else that of what it gives.
    pub fn layer(&mut self, weight: &str, node: &str, operator: &str, given: &str) -> String {
        let official = weight.strip_suffix(".weight").map(plain);
        let candidates = [
            official.unwrap_or_default(),
            path(node, operator),
            plain(weight),
            plain(given),
        ];
        let name = candidates.into_iter().find(|name| !name.is_empty());
        self.only(name.unwrap_or_else(|| "layer".to_owned()))
    }

    /// This name, or one like it where it is taken.
    fn only(&mut self, name: String) -> String {
        let asked = self.asked.entry(name.clone()).or_default();
        loop {
            *asked += 1;
            let free = match *asked {
                1 => name.clone(),
                number => format!("{name}_{number}"),
            };
            if self.taken.insert(free.clone()) {
                return free;
            }
        }
    }
}

/// A name whose parts have dots between, and no others than printable characters.
fn plain(name: &str) -> String {
    let parts = name.split(['.', '/', ':']).filter(|part| !part.is_empty());
    let text = parts.collect::<Vec<_>>().join(".");
    let fit = |c: char| {
        if c.is_control() || c.is_whitespace() {
            '_'
        } else {
            c
        }
    };
    text.chars().take(LONGEST).map(fit).collect()
}

/// The layer of a node with this name: PyTorch's `/layer1/layer1.0/conv1/Conv` is
/// `layer1.0.conv1`.
fn path(node: &str, operator: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in node.split('/').filter(|part| !part.is_empty()) {
        match parts.last_mut() {
            // A list's members repeat its name.
            Some(last)
                if part
                    .strip_prefix(*last)
                    .is_some_and(|rest| rest.starts_with('.')) =>
            {
                *last = part;
            }
            _ => parts.push(part),
        }
    }
    let is_operation = |part: &str| {
        let numbered = part.strip_prefix(operator);
        let numbered = numbered.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        numbered || OPERATIONS.contains(&part)
    };
    while parts.len() > 1 && parts.last().is_some_and(|part| is_operation(part)) {
        parts.pop();
    }
    plain(&parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_called_what_their_makers_call_them() {
        let mut names = Names::default();
        for (weight, node, operator, wanted) in [
            (
                "layer1.0.conv1.weight",
                "/layer1/layer1.0/conv1/Conv",
                "Conv",
                "layer1.0.conv1",
            ),
            (
                "onnx::Conv_193",
                "/layer1/layer1.0/conv2/Conv",
                "Conv",
                "layer1.0.conv2",
            ),
            (
                "onnx::Conv_196",
                "/features/features.0/features.0.0/Conv",
                "Conv",
                "features.0.0",
            ),
            ("onnx::Conv_197", "Conv_7", "Conv", "Conv_7"),
            ("x", "model/conv1/Conv2D", "Conv", "model.conv1"),
            ("gpu_0/conv1_w_0", "", "Conv", "gpu_0.conv1_w_0"),
            ("gpu_0/conv1_w_0", "", "Conv", "gpu_0.conv1_w_0_2"),
            ("", "", "Conv", "out"),
            ("..weight", "", "Conv", "weight"),
            ("a\n b.weight", "", "Conv", "a__b"),
        ] {
            assert_eq!(names.layer(weight, node, operator, "out"), wanted);
        }
    }

    #[test]
    fn a_name_that_looks_like_a_second_one_is_not_given_twice() {
        let mut names = Names::default();
        let mut layer = |name| names.layer(name, "", "Conv", "");
        assert_eq!(layer("a_2.weight"), "a_2");
        assert_eq!(layer("a.weight"), "a");
        assert_eq!(layer("a.weight"), "a_3");
    }
}
