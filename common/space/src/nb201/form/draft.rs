//! A cell's network before its operations are put in an order of their own.

use crate::nb201::expression::apply;
use crate::nb201::{Cell, EDGES, Op, Sum, Term};

/// A cell's operations in the order of its edges; the terms of a draft refer to
/// that order.
pub(super) struct Draft {
    pub ops: Vec<DraftOp>,
    pub output: Sum,
}

pub(super) struct DraftOp {
    pub kind: Op,
    pub input: Sum,
    pub function: String,
    pub edge: usize,
}

impl Draft {
    pub fn of(cell: &Cell) -> Self {
        let mut ops: Vec<DraftOp> = Vec::with_capacity(EDGES.len());
        let mut nodes = [vec![Term::Input], vec![], vec![], vec![]];
        for target in 1..nodes.len() {
            let mut sum = Sum::new();
            for (edge, source, kind) in cell.into_node(target) {
                let input = &nodes[source];
                match kind {
                    Op::None => {}
                    Op::Skip => sum.extend_from_slice(input),
                    _ if input.is_empty() => {}
                    _ => sum.push(Term::Op(number(&mut ops, kind, input, edge))),
                }
            }
            sum.sort_unstable();
            nodes[target] = sum;
        }
        let [.., output] = nodes;
        Self { ops, output }
    }

    /// The operations that the output depends on, ordered by the length of
    /// their string and then by the string. What an operation reads has a
    /// shorter string than its own, so it comes first.
    pub fn live(&self) -> Vec<usize> {
        let mut reached = vec![false; self.ops.len()];
        let mut open = self.output.clone();
        while let Some(term) = open.pop() {
            if let Term::Op(op) = term
                && !reached[op]
            {
                reached[op] = true;
                open.extend_from_slice(&self.ops[op].input);
            }
        }
        let mut live: Vec<usize> = (0..self.ops.len()).filter(|&op| reached[op]).collect();
        live.sort_by_key(|&op| {
            let function = &self.ops[op].function;
            (function.len(), function)
        });
        live
    }
}

/// The number of the operation `kind` on `input`, which `edge` asks for. A
/// convolution is always a new operation, an average pool only where its input
/// has not been pooled yet.
fn number(ops: &mut Vec<DraftOp>, kind: Op, input: &Sum, edge: usize) -> usize {
    let pooled = |op: &DraftOp| op.kind == kind && op.input == *input;
    if kind == Op::AvgPool3x3
        && let Some(found) = ops.iter().position(pooled)
    {
        return found;
    }
    let mut addends: Vec<&str> = input
        .iter()
        .map(|term| match term {
            Term::Input => "0",
            Term::Op(op) => &ops[*op].function,
        })
        .collect();
    addends.sort_unstable();
    let function = apply(kind, &addends.join("+"));
    ops.push(DraftOp {
        kind,
        input: input.clone(),
        function,
        edge,
    });
    ops.len() - 1
}
