//! What values take while a network is evaluated.

use crate::graph::Graph;
use crate::shape::Shape;

/// Bytes of a number in single precision.
const NUMBER: u64 = 4;

/// Bytes of the integer that stands for a token.
const INTEGER: u64 = 8;

impl Graph {
    /// The most bytes that the values of one sample take at once, where nodes are evaluated
    /// in their order: each value is there from when it is made until the last node that
    /// reads it has been evaluated, so that a node's inputs are there beside what it gives.
    /// Numbers are in single precision, and tokens integers of eight bytes. No operation
    /// works in place, shares what it reads or is fused with another. Weights, and what an
    /// operation needs for itself, are not in it.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let until = self.last_readers();
        let mut ending = vec![0_u64; until.len()];
        let (mut held, mut peak) = (0_u64, 0_u64);
        for (place, node) in self.nodes().iter().enumerate() {
            let bytes = bytes(node.shape);
            held = held.saturating_add(bytes);
            peak = peak.max(held);
            ending[until[place]] = ending[until[place]].saturating_add(bytes);
            held = held.saturating_sub(ending[place]);
        }
        peak
    }
}

fn bytes(shape: Shape) -> u64 {
    let product = |numbers: &[usize]| {
        let numbers = numbers.iter().map(|&number| number as u64);
        numbers.fold(1, u64::saturating_mul)
    };
    match shape {
        Shape::Maps { channels, side } => product(&[channels, side, side]).saturating_mul(NUMBER),
        Shape::Vector { width } => product(&[width]).saturating_mul(NUMBER),
        Shape::Tokens { length, width } => product(&[length, width]).saturating_mul(NUMBER),
        Shape::Text { length } => product(&[3, length]).saturating_mul(INTEGER),
        Shape::Integers { length } => product(&[length]).saturating_mul(INTEGER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Named, Op, Part};

    fn named(name: &str) -> Named<'_> {
        Named {
            name,
            key: name,
            part: Part::Body,
        }
    }

    // An image of 3·8·8 numbers; a convolution to 4·8·8, a norm and a ReLU; another one
    // to 4·8·8, which is added to the ReLU; a pooling and a linear map. At most three
    // values of 4·8·8 numbers are there: the ReLU, the second convolution, their sum.
    #[test]
    fn a_shortcut_holds_what_it_passes_on() {
        let mut graph = Graph::new(Shape::Maps {
            channels: 3,
            side: 8,
        });
        let image = graph.input();
        let x = graph.convolution(image, named("a"), 4, 3, 1).unwrap();
        assert_eq!(graph.peak_memory(), 4 * (3 + 4) * 64);
        let x = graph.batch_norm(x, named("b")).unwrap();
        let x = graph.push(Op::Relu, &[x]).unwrap();
        let y = graph.convolution(x, named("c"), 4, 3, 1).unwrap();
        let z = graph.push(Op::Add, &[x, y]).unwrap();
        let z = graph.push(Op::GlobalPool, &[z]).unwrap();
        let _ = graph.linear(z, named("d"), 10).unwrap();
        assert_eq!(graph.peak_memory(), 4 * 3 * 4 * 64);
    }

    #[test]
    fn what_is_read_late_is_held_until_then() {
        let mut graph = Graph::new(Shape::Text { length: 5 });
        let text = graph.input();
        let table = graph.table(named("words"), 7, 6);
        let ids = graph.push(Op::TokenIds, &[text]).unwrap();
        let x = graph.push(Op::Embedding { table }, &[ids]).unwrap();
        let mask = graph.push(Op::TokenMask, &[text]).unwrap();
        let attention = Op::Attention {
            heads: 2,
            dropout: 0.0,
        };
        let y = graph.push(attention, &[x, x, x, mask]).unwrap();
        let z = graph.push(Op::Add, &[x, y]).unwrap();
        let z = graph.push(Op::FirstToken, &[z]).unwrap();
        let _ = graph.linear(z, named("head"), 2).unwrap();
        // The embeddings, what attention gives, and their sum: 5·6 numbers each; more
        // than them with the mask before.
        assert_eq!(graph.peak_memory(), 3 * 5 * 6 * 4);
    }
}
