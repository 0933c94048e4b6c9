//! A network with gates whose options weigh alike, without gates.

use crate::graph::{Graph, GraphError, Mark, Value};
use crate::op::Op;

impl Graph {
    /// By node, whether what the network gives, or a mark, depends on it, where `closed`
    /// tells which gates let nothing through: a sum leaves these out.
    #[must_use]
    pub fn needed(&self, closed: impl Fn(&Op) -> bool) -> Vec<bool> {
        let nodes = self.nodes();
        let mut needed = vec![false; nodes.len()];
        if let Some(last) = needed.last_mut() {
            *last = true;
        }
        for (_, mark) in self.marks() {
            mark.values().for_each(|value| needed[value.0] = true);
        }
        for (place, node) in nodes.iter().enumerate().rev() {
            if !needed[place] {
                continue;
            }
            for input in &node.inputs {
                let left_out = node.op == Op::Add && closed(&nodes[input.0].op);
                needed[input.0] |= !left_out;
            }
        }
        needed
    }

    /// The network in which, of each choice, the options that are `allowed` weigh alike
    /// and the others nothing. It has no gates.
    ///
    /// # Errors
    /// When there is nothing of which the zeros of a sum without addends could be made.
    pub fn evenly(&self, allowed: &[Vec<bool>]) -> Result<Self, GraphError> {
        let is_allowed = |choice: usize, option: usize| {
            let row = allowed.get(choice);
            row.and_then(|row| row.get(option))
                .copied()
                .unwrap_or(false)
        };
        let closed = |op: &Op| match *op {
            Op::Gate { choice, option } => !is_allowed(choice, option),
            _ => false,
        };
        let needed = self.needed(closed);
        let mut made = Even {
            graph: Self::new(self.nodes()[0].shape),
            values: vec![None; self.nodes().len()],
            parameters: vec![None; self.parameters().len()],
            running: vec![None; self.running().len()],
        };
        made.values[0] = Some(made.graph.input());
        for (place, node) in self.nodes().iter().enumerate() {
            if place > 0 && needed[place] {
                let open = node.inputs.iter();
                let open =
                    open.filter(|input| node.op != Op::Add || !closed(&self.nodes()[input.0].op));
                let inputs: Vec<Value> = open.filter_map(|input| made.values[input.0]).collect();
                let value = match (node.op, &inputs[..]) {
                    (Op::Add, []) => {
                        // Zeros like whatever has this shape.
                        let like = self.nodes()[..place].iter().zip(&made.values);
                        let mut like = like.rev().filter(|(other, _)| other.shape == node.shape);
                        let like = like.find_map(|(_, value)| *value);
                        made.graph.push(Op::Zeros, like.as_slice())?
                    }
                    (Op::Add, &[only]) => only,
                    (Op::Gate { choice, option }, &[only]) => {
                        let count = allowed[choice].iter().filter(|allowed| **allowed).count();
                        match (is_allowed(choice, option), count) {
                            (false, _) => made.graph.push(Op::Zeros, &[only])?,
                            (true, 1) => only,
                            (true, count) => made.graph.push(Op::Divide(count), &[only])?,
                        }
                    }
                    (op, inputs) => {
                        let op = made.op(op, self);
                        made.graph.push(op, inputs)?
                    }
                };
                made.values[place] = Some(value);
            }
            for mark in self.marks_after(place + 1) {
                made.mark(mark);
            }
        }
        Ok(made.graph)
    }
}

/// A graph under way, and what of the other one is in it, where.
struct Even {
    graph: Graph,
    values: Vec<Option<Value>>,
    parameters: Vec<Option<usize>>,
    running: Vec<Option<usize>>,
}

impl Even {
    /// An operation of `of`, with its parameters.
    fn op(&mut self, mut op: Op, of: &Graph) -> Op {
        let graph = &mut self.graph;
        let parameters = &mut self.parameters;
        let mut hold = |place: &mut usize| {
            let own = parameters[*place];
            let own = own.unwrap_or_else(|| graph.hold(of.parameters()[*place].clone()));
            parameters[*place] = Some(own);
            *place = own;
        };
        match &mut op {
            Op::Convolution { weight, bias, .. } | Op::Linear { weight, bias } => {
                hold(weight);
                bias.iter_mut().for_each(hold);
            }
            Op::BatchNorm { weight, bias, .. } | Op::LayerNorm { weight, bias, .. } => {
                hold(weight);
                hold(bias);
            }
            Op::Embedding { table } => hold(table),
            _ => {}
        }
        if let Op::BatchNorm { running, .. } | Op::Standardise { running, .. } = &mut op {
            let own = self.running[*running];
            let own = own.unwrap_or_else(|| self.graph.track(of.running()[*running].clone()));
            self.running[*running] = Some(own);
            *running = own;
        }
        op
    }

    fn mark(&mut self, mark: Mark) {
        let own = |value: Value| self.values[value.0];
        let own = match mark {
            Mark::Block { input, output } => own(input)
                .zip(own(output))
                .map(|(input, output)| Mark::Block { input, output }),
            Mark::Features(value) => own(value).map(Mark::Features),
        };
        if let Some(own) = own {
            self.graph.mark(own);
        }
    }
}
