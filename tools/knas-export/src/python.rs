//! A module for PyTorch.

use std::collections::BTreeMap;
use std::fmt::{Result, Write};

use knas_graph::{Activation, Graph, Grid, Node, Op, Shape, Value};

/// What the module holds beside the network: names and their JSON.
pub type Constants = Vec<(&'static str, String)>;

/// The module of a graph. Its layers have the official names, and so its state is
/// what files of weights hold.
pub fn write(graph: &Graph, id: &str, constants: &Constants, out: &mut String) -> Result {
    out.write_str(HEAD.replace("{ID}", id).as_str())?;
    for (name, json) in constants {
        writeln!(out, "{name} = {json}")?;
    }
    out.write_str("\n\nclass Network(nn.Module):\n")?;
    out.write_str("    def __init__(self):\n        super().__init__()\n")?;
    let mut made = BTreeMap::new();
    for node in graph.nodes() {
        let Some((name, layer)) = layer(graph, node) else {
            continue;
        };
        if made.insert(name, ()).is_none() {
            writeln!(out, "        _add(self, {}, {layer})", quoted(name))?;
        }
    }
    let texts = matches!(graph.nodes()[0].op, Op::Input(Shape::Text { .. }));
    out.write_str(if texts { TEXTS } else { IMAGES })?;
    for (place, node) in graph.nodes().iter().enumerate().skip(1) {
        writeln!(out, "        v{place} = {}", value(graph, node))?;
    }
    writeln!(out, "        return v{}", graph.nodes().len() - 1)?;
    out.write_str(TAIL)
}

const HEAD: &str = r#""""The network {ID}, as knas-export wrote it. With PyTorch alone:

    import runpy

    network = runpy.run_path("{ID}.py")["load"]("{ID}.safetensors")
"""

import json
import struct

import torch
from torch import nn
from torch.nn import functional as F

"#;

const IMAGES: &str = "
    def forward(self, v0):
        \"\"\"Logits of images, N x channels x side x side.\"\"\"
";

const TEXTS: &str = "
    def forward(self, input_ids, token_type_ids=None, attention_mask=None):
        \"\"\"Logits of texts, N x length integers each.\"\"\"
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
";

const TAIL: &str = r#"

def _add(root, name, layer):
    *path, last = name.split(".")
    for part in path:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root._modules[part]
    root.add_module(last, layer)


def _attention(query, key, value, mask, heads, dropout):
    def by_head(tokens):
        return tokens.unflatten(2, (heads, -1)).transpose(1, 2)

    query, key, value = by_head(query), by_head(key), by_head(value)
    products = query / query.shape[-1] ** 0.5 @ key.transpose(2, 3)
    hidden = (mask == 0)[:, None, None, :] * torch.finfo(products.dtype).min
    weights = F.dropout((products + hidden).softmax(-1), dropout)
    return (weights @ value).transpose(1, 2).flatten(2)


def load(path):
    """The network with the weights of a safetensors file, for evaluation."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        table = json.loads(file.read(size))
        data = bytearray(file.read())
    kinds = {"F32": torch.float32, "I64": torch.int64}
    state = {}
    for name, entry in table.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        kind = kinds[entry["dtype"]]
        tensor = torch.frombuffer(data[start:end], dtype=kind)
        state[name] = tensor.reshape(entry["shape"])
    network = Network()
    network.load_state_dict(state)
    return network.eval()
"#;

/// A text as Python reads it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The official name of a node's layer, and how PyTorch makes one.
fn layer<'g>(graph: &'g Graph, node: &Node) -> Option<(&'g str, String)> {
    let weight = &graph.parameters()[node.op.weight()?];
    let name = weight.name.strip_suffix(".weight").unwrap_or(&weight.name);
    let sizes = &weight.shape;
    let size = |place: usize| sizes.get(place).copied().unwrap_or_default();
    let (first, second, window) = (size(0), size(1), size(2));
    Some((
        name,
        match node.op {
            Op::Convolution {
                bias, grid, groups, ..
            } => {
                let Grid {
                    stride,
                    padding,
                    dilation,
                } = grid;
                let inputs = second * groups;
                let mut more = String::new();
                if dilation != 1 {
                    more += &format!(", dilation={dilation}");
                }
                if groups != 1 {
                    more += &format!(", groups={groups}");
                }
                if bias.is_none() {
                    more += ", bias=False";
                }
                format!(
                    "nn.Conv2d({inputs}, {first}, {window}, stride={stride}, padding={padding}{more})"
                )
            }
            Op::BatchNorm { epsilon, .. } => format!("nn.BatchNorm2d({first}, eps={epsilon:e})"),
            Op::Linear { bias, .. } => {
                let more = if bias.is_none() { ", bias=False" } else { "" };
                format!("nn.Linear({second}, {first}{more})")
            }
            Op::LayerNorm { epsilon, .. } => format!("nn.LayerNorm({first}, eps={epsilon:e})"),
            Op::Embedding { .. } => format!("nn.Embedding({first}, {second})"),
            Op::Input(_)
            | Op::Relu
            | Op::Activation(_)
            | Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::GlobalPool
            | Op::Squeeze
            | Op::Flatten
            | Op::Scale
            | Op::Concatenate
            | Op::Narrow { .. }
            | Op::Shuffle { .. }
            | Op::LocalNorm { .. }
            | Op::Pad { .. }
            | Op::Shift
            | Op::Standardise { .. }
            | Op::Add
            | Op::Gate { .. }
            | Op::Divide(_)
            | Op::Zeros
            | Op::TokenIds
            | Op::TokenTypes
            | Op::TokenMask
            | Op::Positions { .. }
            | Op::Attention { .. }
            | Op::Dropout { .. }
            | Op::FirstToken => return None,
        },
    ))
}

/// What a node gives, in Python.
fn value(graph: &Graph, node: &Node) -> String {
    if let Some((name, _)) = layer(graph, node) {
        let read = node.inputs.first().map_or(0, |input| input.place());
        return format!("self.get_submodule({})(v{read})", quoted(name));
    }
    let read: Vec<String> = node
        .inputs
        .iter()
        .map(|input| format!("v{}", input.place()))
        .collect();
    let first = read.first().map_or("", String::as_str);
    match node.op {
        Op::Relu => format!("F.relu({first})"),
        Op::AveragePool {
            window,
            stride,
            padding,
        } => {
            format!("F.avg_pool2d({first}, {window}, {stride}, {padding}, count_include_pad=False)")
        }
        Op::MaxPool {
            window,
            stride,
            padding,
        } => format!("F.max_pool2d({first}, {window}, {stride}, {padding})"),
        Op::GlobalPool => format!("{first}.mean((2, 3))"),
        Op::Squeeze => format!("{first}.mean((2, 3), keepdim=True)"),
        Op::Flatten => format!("{first}.flatten(1)"),
        Op::Scale => {
            let vector = |input: &Value| matches!(graph.shape(*input), Shape::Vector { .. });
            let wide = node.inputs.get(1).is_some_and(vector);
            read.join(" * ") + if wide { "[:, :, None, None]" } else { "" }
        }
        Op::Concatenate => format!("torch.cat(({}), 1)", read.join(", ")),
        Op::Narrow {
            first: start,
            channels,
        } => format!("{first}.narrow(1, {start}, {channels})"),
        Op::Shuffle { groups } => format!("F.channel_shuffle({first}, {groups})"),
        Op::LocalNorm {
            reach,
            alpha,
            beta,
            offset,
        } => {
            let size = 2 * reach + 1;
            format!("F.local_response_norm({first}, {size}, {alpha:?}, {beta:?}, {offset:?})")
        }
        Op::Pad { before, after } => {
            format!("F.pad({first}, ({before}, {after}, {before}, {after}))")
        }
        Op::Shift => format!("F.pad({first}, (-1, 1, -1, 1))"),
        Op::Add => read.join(" + "),
        Op::Gate { .. } => first.to_owned(), // which no architecture has
        Op::Standardise { epsilon, .. } => {
            format!("F.batch_norm({first}, None, None, training=True, eps={epsilon:e})")
        }
        Op::Divide(by) => format!("{first} / {by}"),
        Op::Zeros => format!("torch.zeros_like({first})"),
        Op::TokenIds => "input_ids".to_owned(),
        Op::TokenTypes => "token_type_ids".to_owned(),
        Op::TokenMask => "attention_mask".to_owned(),
        Op::Positions { padding: None } => {
            format!("torch.arange({first}.shape[1], device={first}.device).expand_as({first})")
        }
        Op::Positions {
            padding: Some(padding),
        } => format!("{first}.cumsum(1) * {first} + {padding}"),
        Op::Attention { heads, dropout } => format!(
            "_attention({}, {heads}, {dropout:?} if self.training else 0.0)",
            read.join(", ")
        ),
        Op::Activation(activation) => match activation {
            Activation::Gelu => format!("F.gelu({first})"),
            Activation::Tanh => format!("torch.tanh({first})"),
            Activation::Sigmoid => format!("torch.sigmoid({first})"),
            Activation::HardSigmoid => format!("F.hardsigmoid({first})"),
            Activation::Silu => format!("F.silu({first})"),
            Activation::HardSwish => format!("F.hardswish({first})"),
            Activation::Relu6 => format!("F.relu6({first})"),
        },
        Op::Dropout { rate } => format!("F.dropout({first}, {rate:?}, self.training)"),
        Op::FirstToken => format!("{first}[:, 0]"),
        // The first node, and those that are layers.
        Op::Input(_)
        | Op::Convolution { .. }
        | Op::BatchNorm { .. }
        | Op::Linear { .. }
        | Op::Embedding { .. }
        | Op::LayerNorm { .. } => first.to_owned(),
    }
}
