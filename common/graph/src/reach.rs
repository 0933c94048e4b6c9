//! How far values reach.

use crate::graph::{Graph, Value};
use crate::op::Op;
use crate::shape::Shape;

impl Graph {
    /// For every node, the values that nothing looks at after it. What the
    /// network gives is never among them.
    #[must_use]
    pub fn releases(&self) -> Vec<Vec<Value>> {
        let last = self.nodes().len() - 1;
        let mut until = self.last_readers();
        for (place, node) in self.nodes().iter().enumerate() {
            for input in &node.inputs {
                // Whoever reads a ReLU is shown what goes into it, too.
                if let (Op::Relu, [source]) =
                    (self.nodes()[input.0].op, &*self.nodes()[input.0].inputs)
                {
                    until[source.0] = until[source.0].max(place);
                }
            }
        }
        for (after, mark) in self.marks() {
            for value in mark.values() {
                until[value.0] = until[value.0].max(after - 1);
            }
        }
        let mut releases = vec![Vec::new(); last + 1];
        for (value, until) in until.into_iter().enumerate().take(last) {
            releases[until].push(Value(value));
        }
        releases
    }

    /// For every value the place of the last node that reads it. A value that nothing
    /// reads has its own: it is gone as soon as it is there.
    pub(crate) fn last_readers(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.nodes().len()).collect();
        for (place, node) in self.nodes().iter().enumerate() {
            for input in &node.inputs {
                last[input.0] = place;
            }
        }
        last
    }

    /// Whether nothing of what the network is shown reaches what it gives.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        let mut reached: Vec<bool> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            reached.push(match node.op {
                Op::Input(_) => true,
                Op::Zeros => false,
                _ => node.inputs.iter().any(|input| reached[input.place()]),
            });
        }
        reached.last() == Some(&false)
    }

    /// Whether what the network gives for one sample, normalised by itself, is the
    /// same for all samples: a batch norm over a single position gives its bias,
    /// whatever it reads, and there is no way round such norms.
    #[must_use]
    pub fn is_blind_alone(&self) -> bool {
        let mut blind: Vec<bool> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let one_position = matches!(node.shape, Shape::Maps { side: 1, .. });
            let reads = !node.inputs.is_empty();
            blind.push(match node.op {
                Op::BatchNorm { .. } | Op::Standardise { .. } if one_position => true,
                _ => reads && node.inputs.iter().all(|input| blind[input.place()]),
            });
        }
        blind.last().copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Mark, Named, Part};

    const IMAGE: Shape = Shape::Maps {
        channels: 3,
        side: 2,
    };

    #[test]
    fn values_are_released_after_what_last_looks_at_them() {
        let mut graph = Graph::new(IMAGE);
        let x = graph.input();
        let a = graph.push(Op::Relu, &[x]).unwrap();
        let b = graph.push(Op::Add, &[x, a]).unwrap();
        graph.mark(Mark::Block {
            input: a,
            output: b,
        });
        let _ = graph.push(Op::Activation(Activation::Tanh), &[b]).unwrap();
        let places = |values: &Vec<Value>| values.iter().map(|v| v.place()).collect::<Vec<_>>();
        let releases: Vec<Vec<usize>> = graph.releases().iter().map(places).collect();
        assert_eq!(releases, [vec![], vec![], vec![0, 1], vec![2]]);
        assert_eq!(graph.marks_after(3).count(), 1);
        assert_eq!(graph.marks_after(2).chain(graph.marks_after(4)).count(), 0);
    }

    #[test]
    fn norms_over_one_position_hide_the_image() {
        let named = |name| Named {
            name,
            key: name,
            part: Part::Body,
        };
        let network = |stride, shortcut: bool| {
            let mut graph = Graph::new(IMAGE);
            let x = graph.input();
            let halved = graph.convolution(x, named("a"), 4, 1, stride).unwrap();
            let mut x = graph.batch_norm(halved, named("b")).unwrap();
            if shortcut {
                x = graph.push(Op::Add, &[x, halved]).unwrap();
            }
            let pooled = graph.push(Op::GlobalPool, &[x]).unwrap();
            graph.linear(pooled, named("c"), 2).unwrap();
            graph
        };
        assert!(network(2, false).is_blind_alone());
        assert!(!network(1, false).is_blind_alone());
        assert!(!network(2, true).is_blind_alone());
        assert!(!Graph::new(IMAGE).is_blind_alone());
    }
}
