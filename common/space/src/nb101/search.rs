//! What differs in one decision.

use std::collections::HashSet;

use super::module::{INNER, Module, ModuleError, Op, VERTICES};

impl Module {
    /// Every module with one edge more or less, another operation at one vertex, or one
    /// vertex more, which reads one vertex and is read by one. Of isomorphic ones it is
    /// the first, once, and none is isomorphic to this module.
    pub(super) fn near(&self) -> Vec<Self> {
        let output = self.output();
        let mut found = Vec::new();
        for to in 1..=output {
            for from in 0..to {
                found.push(Self::new(self.edges.flipped(from, to), &self.ops));
                if self.ops.len() < INNER {
                    found.extend(Op::ALL.map(|op| self.with(op, from, to)));
                }
            }
        }
        for place in 0..self.ops.len() {
            for op in Op::ALL {
                let mut ops = self.ops.clone();
                ops[place] = op;
                found.push(Self::new(self.edges, &ops));
            }
        }
        let first = |module: &Self| module.isomorphs().pop_first();
        let mut seen = HashSet::from([first(self)]);
        let firsts = found.iter().flatten().map(first);
        firsts
            .filter(|near| seen.insert(near.clone()))
            .flatten()
            .collect()
    }

    /// With one vertex more, before `to`, which reads `from` and is read by `to`.
    fn with(&self, op: Op, from: usize, to: usize) -> Result<Self, ModuleError> {
        let mut ops = self.ops.clone();
        ops.insert(to - 1, op);
        // The new one is none of those that there are, and has no edges yet.
        let mut order: Vec<usize> = (0..=self.output()).collect();
        order.insert(to, VERTICES);
        let edges = self.edges.between(&order);
        Self::new(edges.flipped(from, to).flipped(to, to + 1), &ops)
    }
}
