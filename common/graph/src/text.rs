//! A graph in print: a node a line, with its place, what it reads, the name of
//! its layer and the shape of what it gives; a block and the features follow the
//! node that completes them.

use std::fmt;

use crate::graph::{Graph, Mark, Node};
use crate::op::{Grid, NORM_EPSILON, Op};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, node) in self.nodes().iter().enumerate() {
            let inputs: Vec<String> = node.inputs.iter().map(|v| v.place().to_string()).collect();
            write!(f, "{place} = {}({})", node.op.name(), inputs.join(", "))?;
            self.details(node, f)?;
            writeln!(f, ": {}", node.shape)?;
            for mark in self.marks_after(place + 1) {
                match mark {
                    Mark::Block { input, output } => {
                        writeln!(f, "block {} to {}", input.place(), output.place())?;
                    }
                    Mark::Features(value) => writeln!(f, "features {}", value.place())?,
                }
            }
        }
        Ok(())
    }
}

impl Graph {
    fn details(&self, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(weight) = node.op.weight().and_then(|p| self.parameters().get(p)) {
            let layer = weight.name.strip_suffix(".weight").unwrap_or(&weight.name);
            write!(f, " {layer} {:?}", weight.shape)?;
        }
        match node.op {
            Op::Convolution {
                bias, grid, groups, ..
            } => {
                let Grid {
                    stride,
                    padding,
                    dilation,
                } = grid;
                write!(f, " stride {stride} padding {padding}")?;
                if dilation != 1 {
                    write!(f, " dilation {dilation}")?;
                }
                if groups != 1 {
                    write!(f, " groups {groups}")?;
                }
                f.write_str(if bias.is_some() { " bias" } else { "" })
            }
            Op::BatchNorm { epsilon, .. } if epsilon != NORM_EPSILON => {
                write!(f, " epsilon {epsilon:e}")
            }
            Op::Standardise { running, .. } => match self.running().get(running) {
                Some(running) => write!(f, " {}", running.name),
                None => Ok(()), // which no graph holds
            },
            Op::Gate { choice, option } => write!(f, " choice {choice} option {option}"),
            Op::AveragePool {
                window,
                stride,
                padding,
            }
            | Op::MaxPool {
                window,
                stride,
                padding,
            } => write!(f, " window {window} stride {stride} padding {padding}"),
            Op::Linear { bias: None, .. } => f.write_str(" without bias"),
            Op::Narrow {
                first: first @ 1.., ..
            } => write!(f, " from {first}"),
            Op::Shuffle { groups } => write!(f, " groups {groups}"),
            Op::LocalNorm {
                reach,
                alpha,
                beta,
                offset,
            } => write!(
                f,
                " reach {reach} alpha {alpha:e} beta {beta} offset {offset}"
            ),
            Op::Pad { before, after } => write!(f, " {before} before and {after} after"),
            Op::Divide(by) => write!(f, " by {by}"),
            Op::Positions {
                padding: Some(from),
            } => write!(f, " after {from}"),
            Op::LayerNorm { epsilon, .. } => write!(f, " epsilon {epsilon:e}"),
            Op::Attention { heads, dropout } => write!(f, " heads {heads} dropout {dropout}"),
            Op::Dropout { rate } => write!(f, " {rate}"),
            Op::Input(_)
            | Op::BatchNorm { .. }
            | Op::Relu
            | Op::Activation(_)
            | Op::GlobalPool
            | Op::Squeeze
            | Op::Flatten
            | Op::Scale
            | Op::Concatenate
            | Op::Narrow { first: 0, .. }
            | Op::Shift
            | Op::Linear { .. }
            | Op::Add
            | Op::Zeros
            | Op::TokenIds
            | Op::TokenTypes
            | Op::TokenMask
            | Op::Positions { padding: None }
            | Op::Embedding { .. }
            | Op::FirstToken => Ok(()),
        }
    }
}
