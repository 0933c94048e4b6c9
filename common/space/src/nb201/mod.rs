//! NAS-Bench-201 (Dong & Yang, *NAS-Bench-201: Extending the Scope of
//! Reproducible Neural Architecture Search*, ICLR 2020): cells of four nodes
//! and six edges, each edge one of five operations.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cell`] | operations, edges, cells, their notation |
//! | [`order`] | the benchmark's official index of every cell |
//! | [`expression`] | the benchmark's and the function's string of a cell |
//! | [`mod@form`] | the network that a cell is, in canonical form |
//! | [`mod@network`] | the network around a cell |
//! | `supernet` | all cells in one network |
//! | [`skeleton`] | its size, and what it costs |

pub mod cell;
pub mod expression;
pub mod form;
pub mod network;
pub mod order;
pub mod skeleton;
mod supernet;

pub use cell::{Cell, CellError, EDGES, Edge, Op};
pub use form::{Form, FormOp, OpKey, Sum, Term};
pub use order::CELLS;
pub use skeleton::{Skeleton, SkeletonError};

use knas_graph::{Cost, Graph, GraphError};

use crate::choices::Choices;
use crate::features::{Decision, Flow, FlowEdge};
use crate::setting::{LowerError, Setting, Size};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};
use crate::supernet::Supernet;

const CHOICES: Choices = Choices {
    space: "nb201",
    options: &[Op::ALL.len(); EDGES.len()],
};

/// The space of all cells.
pub struct Nb201;

impl SearchSpace for Nb201 {
    fn name(&self) -> &'static str {
        "nb201"
    }

    fn description(&self) -> &'static str {
        "NAS-Bench-201: image cells of 6 edges with 5 operations each, in their official order"
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn sizes(&self) -> &'static [Size] {
        &[skeleton::CHANNELS, skeleton::CELLS]
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        Some(Box::new(Cell::new([Op::Conv3x3; 6])))
    }

    fn count(&self) -> Option<u64> {
        Some(CELLS as u64)
    }

    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let cell = Cell::from_index(usize::try_from(index).ok()?)?;
        Some(Box::new(cell))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Cell>() {
            Ok(cell) => Ok(Box::new(cell)),
            Err(error) => Err(ArchError::new(self.name(), arch, error)),
        }
    }

    fn supernet(&self, setting: &Setting) -> Result<Option<Supernet>, LowerError> {
        let skeleton = Skeleton::of(setting)?;
        Ok(Some(supernet::lower(&skeleton)?))
    }

    fn supernet_thin(&self, side: usize) -> Option<Result<Supernet, GraphError>> {
        Some(supernet::lower_thin(side))
    }

    fn choose(&self, options: &[usize]) -> Option<Box<dyn Architecture>> {
        let ops: Option<Vec<Op>> = options.iter().map(|&o| Op::ALL.get(o).copied()).collect();
        Some(Box::new(Cell::new(ops?.try_into().ok()?)))
    }

    /// Each cell is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        let drawn = CHOICES.sample(seed);
        boxed(drawn.filter_map(|index| Cell::from_index(usize::try_from(index).ok()?)))
    }

    fn equivalences(&self) -> &'static [Equivalence] {
        &[
            Equivalence::Benchmark,
            Equivalence::Function,
            Equivalence::Network,
        ]
    }
}

impl Architecture for Cell {
    fn id(&self) -> String {
        format!("nb201-{}", self.index())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Nb201
    }

    fn lower(&self, setting: &Setting, extent: Extent) -> Result<Graph, LowerError> {
        let skeleton = Skeleton::of(setting)?;
        Ok(network::lower(self, &skeleton, extent)?)
    }

    fn lower_thin(&self, side: usize) -> Option<Result<Graph, GraphError>> {
        Some(network::lower_thin(self, side))
    }

    /// From a table, a hundred times as fast as lowering.
    fn cost(&self) -> Result<Cost, LowerError> {
        Ok(Skeleton::default().cost(self)?)
    }

    fn cost_in(&self, setting: &Setting) -> Result<Cost, LowerError> {
        Ok(Skeleton::of(setting)?.cost(self)?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        Some(match equivalence {
            Equivalence::Benchmark => expression::benchmark(self),
            Equivalence::Function => expression::function(self),
            Equivalence::Network => Form::of(self).key(),
        })
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let choices = self.ops().map(|op| op as usize);
        let near = CHOICES.near(&choices, seed, &self.id()).into_iter();
        boxed(near.filter_map(|choices| {
            let mut ops = [Op::None; 6];
            for (op, choice) in ops.iter_mut().zip(choices) {
                *op = *Op::ALL.get(choice)?;
            }
            Some(Cell::new(ops))
        }))
    }

    /// The cell, in which `none` is no edge.
    fn flow(&self) -> Option<Flow> {
        let edges = EDGES.iter().zip(self.ops()).filter_map(|(edge, &op)| {
            Some(FlowEdge {
                source: edge.source,
                target: edge.target,
                operation: (op as usize).checked_sub(1)?, // `none` comes first
            })
        });
        Some(Flow {
            operations: &OPERATIONS[1..],
            nodes: 4,
            edges: edges.collect(),
        })
    }

    fn decisions(&self) -> Vec<Decision> {
        let edges = EDGES.iter().zip(self.ops());
        edges
            .map(|(edge, op)| Decision {
                name: edge.to_string(),
                options: &OPERATIONS,
                choice: *op as usize,
            })
            .collect()
    }
}

/// The names of the operations, in the benchmark's order.
static OPERATIONS: [&str; 5] = [
    Op::ALL[0].name(),
    Op::ALL[1].name(),
    Op::ALL[2].name(),
    Op::ALL[3].name(),
    Op::ALL[4].name(),
];

fn boxed(cells: impl Iterator<Item = Cell> + 'static) -> Architectures {
    Box::new(cells.map(|cell| Box::new(cell) as Box<dyn Architecture>))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn sampled(seed: u64, count: usize) -> Vec<String> {
        Nb201
            .sample(seed)
            .take(count)
            .map(|cell| cell.id())
            .collect()
    }

    #[test]
    fn a_smaller_sample_begins_a_larger_one() {
        assert_eq!(sampled(3, 50), sampled(3, 100)[..50]);
        assert_ne!(sampled(3, 50), sampled(4, 50));
    }

    #[test]
    fn a_sample_of_the_whole_space_holds_every_cell_once() {
        let all = sampled(0, usize::MAX);
        assert_eq!(all.len(), CELLS);
        assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), CELLS);
    }

    // choose(words(0, 'nb201 sample'), 15625, 3), with the Python functions that
    // stand above the tests of knas_stats::random
    #[test]
    fn what_a_seed_draws_stays_what_it_is() {
        assert_eq!(sampled(0, 3), ["nb201-6625", "nb201-3917", "nb201-14415"]);
    }

    // near = [cell[:e] + (op,) + cell[e+1:] for e in range(6) for op in ops if op != cell[e]]
    // for the cell at 6111 of the official order, then the indices of
    // [near[k] for k in choose(words(0, 'nb201 mutants', 'nb201-6111'), 24, 3)]
    #[test]
    fn what_a_seed_mutates_stays_what_it_is() {
        let mutants = Cell::from_index(6111).unwrap().mutants(0);
        let ids: Vec<String> = mutants.take(3).map(|mutant| mutant.id()).collect();
        assert_eq!(ids, ["nb201-12724", "nb201-8002", "nb201-3888"]);
    }

    #[test]
    fn mutants_differ_in_one_edge_and_are_all_the_24_there_are() {
        for index in [0, 6111, 15_624] {
            let parent = Cell::from_index(index).unwrap();
            let mut seen = HashSet::new();
            for mutant in parent.mutants(7) {
                let mutant: Cell = mutant.to_string().parse().unwrap();
                let pairs = parent.ops().iter().zip(mutant.ops());
                assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
                assert!(seen.insert(mutant));
            }
            assert_eq!(seen.len(), 24);
        }
    }

    #[test]
    fn mutants_depend_on_the_seed_and_the_parent() {
        let ids = |index, seed| -> Vec<String> {
            let parent = Cell::from_index(index).unwrap();
            parent.mutants(seed).map(|mutant| mutant.id()).collect()
        };
        assert_eq!(ids(5, 0), ids(5, 0));
        assert_ne!(ids(5, 0), ids(5, 1));
        assert_ne!(ids(5, 0), ids(6, 0));
    }

    #[test]
    fn the_space_ends_where_its_count_says() {
        assert_eq!(Nb201.at(15_624).unwrap().id(), "nb201-15624");
        assert!(Nb201.at(15_625).is_none());
        assert!(Nb201.at(u64::MAX).is_none());
    }
}
