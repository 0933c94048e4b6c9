//! A network with changes, put together anew.

use std::collections::HashMap;

use knas_graph::{Graph, GraphError, Grid, Mark, Op, Parameter, Shape, Value};

use super::changes::Changes;
use super::found::Found;

/// The graph of a network in which some things are changed; layers that nothing reads
/// any more are not in it.
///
/// # Errors
/// When the layers do not go together.
pub(super) fn changed(
    graph: &Graph,
    found: &Found,
    changes: &Changes,
) -> Result<Graph, GraphError> {
    let wiring = Wiring::new(graph, found, changes);
    let needed = wiring.needed(graph);
    let mut builder = Builder {
        old: graph,
        found,
        changes,
        new: Graph::new(graph.shape(graph.input())),
        values: vec![None; graph.nodes().len()],
        sums: HashMap::new(),
    };
    builder.values[0] = Some(builder.new.input());
    for (place, needed) in needed.into_iter().enumerate().skip(1) {
        if needed {
            builder.node(place, &wiring)?;
        }
        for mark in graph.marks_after(place + 1) {
            builder.mark(mark, &wiring);
        }
    }
    Ok(builder.new)
}

/// What reads what.
struct Wiring {
    /// By place, what stands for it: what goes into a block that is left out for what
    /// comes out.
    instead: Vec<usize>,
    /// By place, the number of the block that begins with reading `input` here.
    begins: HashMap<(usize, usize), usize>,
    /// By block that links lead into, the places of what they add.
    links: HashMap<usize, Vec<usize>>,
}

impl Wiring {
    fn new(graph: &Graph, found: &Found, changes: &Changes) -> Self {
        let mut instead: Vec<usize> = (0..graph.nodes().len()).collect();
        for block in changes.left_out().filter_map(|number| found.block(number)) {
            instead[block.output] = block.input;
        }
        let (mut begins, mut links) = (HashMap::new(), HashMap::new());
        for (number, block) in (1..).zip(&found.blocks) {
            let into = changes
                .links_into(number)
                .filter_map(|from| found.block(from));
            let into: Vec<usize> = into.map(|from| from.output).collect();
            if into.is_empty() {
                continue;
            }
            for place in block.input + 1..=block.output {
                begins.insert((place, block.input), number);
            }
            links.insert(number, into);
        }
        Self {
            instead,
            begins,
            links,
        }
    }

    /// The place that stands for one.
    fn real(&self, mut place: usize) -> usize {
        while self.instead[place] != place {
            place = self.instead[place];
        }
        place
    }

    /// The block whose links are added to what is read of `read` at a place.
    fn linked(&self, place: usize, read: usize) -> Option<(usize, &[usize])> {
        let block = *self.begins.get(&(place, read))?;
        Some((block, self.links.get(&block)?))
    }

    /// By place, whether what the network gives depends on it.
    fn needed(&self, graph: &Graph) -> Vec<bool> {
        let mut needed = vec![false; graph.nodes().len()];
        if let Some(last) = needed.len().checked_sub(1) {
            needed[self.real(last)] = true;
        }
        for (place, node) in graph.nodes().iter().enumerate().rev() {
            if !needed[place] {
                continue;
            }
            for read in node.inputs.iter().map(|value| value.place()) {
                needed[self.real(read)] = true;
                for &from in self.linked(place, read).map_or(&[][..], |(_, from)| from) {
                    needed[self.real(from)] = true;
                }
            }
        }
        needed
    }
}

struct Builder<'g> {
    old: &'g Graph,
    found: &'g Found,
    changes: &'g Changes,
    new: Graph,
    /// By place in the old graph.
    values: Vec<Option<Value>>,
    /// By block, what goes in with what its links add.
    sums: HashMap<usize, Value>,
}

impl Builder<'_> {
    fn value(&self, place: usize, wiring: &Wiring) -> Option<Value> {
        self.values[wiring.real(place)]
    }

    fn node(&mut self, place: usize, wiring: &Wiring) -> Result<(), GraphError> {
        let node = &self.old.nodes()[place];
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for read in node.inputs.iter().map(|value| value.place()) {
            inputs.extend(self.read(place, read, wiring)?);
        }
        let op = self.op(place, node.op, &inputs);
        self.values[place] = Some(self.new.push(op, &inputs)?);
        Ok(())
    }

    /// What stands for a value where the node at `place` reads it.
    fn read(
        &mut self,
        place: usize,
        read: usize,
        wiring: &Wiring,
    ) -> Result<Option<Value>, GraphError> {
        let Some((block, from)) = wiring.linked(place, read) else {
            return Ok(self.value(read, wiring));
        };
        if let Some(sum) = self.sums.get(&block) {
            return Ok(Some(*sum));
        }
        let places = std::iter::once(&read).chain(from);
        let summands: Vec<Value> = places
            .filter_map(|place| self.value(*place, wiring))
            .collect();
        let sum = self.new.push(Op::Add, &summands)?;
        self.sums.insert(block, sum);
        Ok(Some(sum))
    }

    fn mark(&mut self, mark: Mark, wiring: &Wiring) {
        let mark = match mark {
            Mark::Features(value) => self.value(value.place(), wiring).map(Mark::Features),
            Mark::Block { input, output } => {
                let left_out = wiring.instead[output.place()] != output.place();
                let [input, output] = [input, output].map(|v| self.value(v.place(), wiring));
                let block = input.zip(output).filter(|_| !left_out);
                block.map(|(input, output)| Mark::Block { input, output })
            }
        };
        if let Some(mark) = mark {
            self.new.mark(mark);
        }
    }

    /// An operation with parameters of the sizes that it needs now.
    fn op(&mut self, place: usize, op: Op, inputs: &[Value]) -> Op {
        let given = inputs.first().map(|first| self.new.shape(*first));
        let read = match given {
            Some(Shape::Maps { channels, .. }) => channels,
            Some(Shape::Vector { width }) => width,
            _ => 0, // which no layer reads
        };
        match op {
            Op::Convolution {
                weight,
                bias,
                grid,
                groups,
            } => {
                let shape = &self.old.parameters()[weight].shape;
                let [outputs, inputs, window, _] = shape[..] else {
                    return op; // which is refused
                };
                let depthwise = inputs == 1 && groups > 1;
                let groups = if depthwise { read } else { groups };
                let layer = self.found.layer_at(place);
                let window = layer
                    .and_then(|layer| self.changes.window(layer))
                    .unwrap_or(window);
                let outputs = self.width(place, outputs);
                let inputs = read / groups.max(1);
                let fan_in = inputs * window * window;
                let grid = match layer {
                    Some(_) => Grid {
                        padding: grid.dilation * (window / 2),
                        ..grid
                    },
                    None => grid,
                };
                Op::Convolution {
                    weight: self.hold(weight, &[outputs, inputs, window, window], fan_in),
                    bias: bias.map(|bias| self.hold(bias, &[outputs], fan_in)),
                    grid,
                    groups,
                }
            }
            Op::Linear { weight, bias } => {
                let outputs = self.old.parameters()[weight].shape.first().copied();
                let outputs = self.width(place, outputs.unwrap_or(0));
                Op::Linear {
                    weight: self.hold(weight, &[outputs, read], read),
                    bias: bias.map(|bias| self.hold(bias, &[outputs], read)),
                }
            }
            Op::BatchNorm {
                weight,
                bias,
                running,
                epsilon,
            } => {
                let mut statistics = self.old.running()[running].clone();
                statistics.channels = read;
                Op::BatchNorm {
                    weight: self.hold(weight, &[read], 1),
                    bias: self.hold(bias, &[read], 1),
                    running: self.new.track(statistics),
                    epsilon,
                }
            }
            op => op,
        }
    }

    fn width(&self, place: usize, usual: usize) -> usize {
        let percent = |stage| self.changes.width(stage);
        self.found.width(place, usual, percent)
    }

    fn hold(&mut self, place: usize, shape: &[usize], fan_in: usize) -> usize {
        let old = &self.old.parameters()[place];
        self.new.hold(Parameter {
            shape: shape.into(),
            fan_in,
            ..old.clone()
        })
    }
}
