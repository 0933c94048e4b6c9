//! The search space of DARTS (Liu, Simonyan & Yang, *DARTS: Differentiable
//! Architecture Search*, ICLR 2019): two cells of four nodes, each node the sum of
//! two operations.
//!
//! A genotype is written `op~input|…/op~input|…`, eight entries for the normal cell
//! and eight for the reduction cell, two a node. The order within a node is kept: it
//! makes no other network, but the official code names weights by the place of their
//! entry, and of two equal operations nothing else tells which is which.
//! [`Equivalence::Network`] is what does not depend on it.
//!
//! The auxiliary head and drop path, which the papers train with, are not in the
//! network: its counts are those without them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`genotype`] | operations, entries, cells, their notation, their sameness |
//! | `published` | the genotypes of papers, by name or as Python prints them |
//! | [`skeleton`] | how large a network is |
//! | [`network`] | the network of a genotype |

pub mod genotype;
pub mod network;
mod published;
pub mod skeleton;
#[cfg(test)]
mod tests;

pub use genotype::{Cell, Entry, Genotype, GenotypeError, NODES, Op};

use knas_graph::Graph;
use knas_stats::random::stream;

use crate::choices::{Choices, digest};
use crate::features::Decision;
use crate::setting::{LowerError, Setting, Size};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};
use genotype::{ENTRIES, OPERATIONS, inputs};

/// The space of all genotypes.
pub struct Darts;

const NAME: &str = "darts";

/// What DARTS derives: two different inputs for each node, which are one choice, and
/// an operation other than `none` for each of them; 1.08 · 10¹⁸ pairs of cells.
const CHOICES: Choices = Choices {
    space: NAME,
    options: &[
        1, 7, 7, 3, 7, 7, 6, 7, 7, 10, 7, 7, // normal
        1, 7, 7, 3, 7, 7, 6, 7, 7, 10, 7, 7, // reduction
    ],
};

/// The pairs of inputs among which a node chooses: those of the second input 1, then
/// 2, and so on, so that each node's are the first ones.
static PAIRS: [[usize; 2]; 10] = [
    [0, 1],
    [0, 2],
    [1, 2],
    [0, 3],
    [1, 3],
    [2, 3],
    [0, 4],
    [1, 4],
    [2, 4],
    [3, 4],
];

/// Names of inputs; the first ones are a node's.
static INPUTS: [&str; 5] = ["0", "1", "2", "3", "4"];

impl Genotype {
    fn of(choices: &[usize]) -> Option<Self> {
        let (normal, reduce) = choices.split_at_checked(CHOICES.options.len() / 2)?;
        Some(Self {
            normal: Cell::chosen(normal)?,
            reduce: Cell::chosen(reduce)?,
        })
    }

    /// Both cells of one operation, which reads the cells before.
    fn all(op: Op) -> Self {
        let cell = Cell([[0, 1].map(|input| Entry { op, input }); NODES]);
        Self {
            normal: cell,
            reduce: cell,
        }
    }

    /// Every genotype that differs in one operation or one input: without a further
    /// `none`, and without a further node that reads one input twice.
    fn near(&self) -> Vec<Self> {
        let mut found = Vec::new();
        for place in 0..2 * ENTRIES {
            let (node, which) = (place % ENTRIES / 2, place % 2);
            let mut change = |entry: Entry| {
                let mut near = *self;
                let cell = match place < ENTRIES {
                    true => &mut near.normal,
                    false => &mut near.reduce,
                };
                cell.0[node][which] = entry;
                found.push(near);
            };
            let cell = self.cells()[place / ENTRIES].1;
            let (entry, beside) = (cell.0[node][which], cell.0[node][1 - which]);
            for op in Op::ALL {
                if op != Op::None && op != entry.op {
                    change(Entry { op, ..entry });
                }
            }
            for input in 0..inputs(node) {
                if input != entry.input && input != beside.input {
                    change(Entry { input, ..entry });
                }
            }
        }
        found
    }
}

impl Cell {
    fn chosen(choices: &[usize]) -> Option<Self> {
        let mut entries = Vec::new();
        for node in choices.chunks_exact(3) {
            let inputs = PAIRS.get(node[0])?;
            for (&choice, &input) in node[1..].iter().zip(inputs) {
                let op = *Op::ALL.get(choice + 1)?; // `none` comes first
                entries.push(Entry { op, input });
            }
        }
        Self::of("chosen", &entries).ok()
    }
}

impl SearchSpace for Darts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "DARTS: a normal and a reduction cell of 4 nodes, each the sum of 2 of 7 operations"
    }

    fn sizes(&self) -> &'static [Size] {
        &[skeleton::CHANNELS, skeleton::CELLS, skeleton::STEM]
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        Some(Box::new(Genotype::all(Op::SepConv5x5)))
    }

    /// Too many, some of them only in tables.
    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    /// Reads also Python's text of a `Genotype`, and the names of published ones.
    /// `none` and nodes that read one input twice are read, though not drawn.
    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Genotype>() {
            Ok(genotype) => Ok(Box::new(genotype)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each pair of cells that DARTS can derive is equally likely: without `none`, and
    /// with two different inputs for each node, the smaller one first. Cells whose
    /// nodes can be reordered are the same function in more than one way, and so
    /// likelier.
    fn sample(&self, seed: u64) -> Architectures {
        boxed(CHOICES.draw(seed).filter_map(|list| Genotype::of(&list)))
    }

    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Function, Equivalence::Network]
    }
}

impl Architecture for Genotype {
    fn id(&self) -> String {
        digest(NAME, &self.to_string())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Darts
    }

    fn lower(&self, setting: &Setting, extent: Extent) -> Result<Graph, LowerError> {
        network::lower(self, setting, extent)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Function => Some(self.function_key()),
            Equivalence::Network => Some(self.network_key()),
            Equivalence::Benchmark => None,
        }
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = self.near();
        let purpose = format!("{NAME} mutants");
        let mut random = stream(seed, &purpose, &[self.id().as_str().into()]);
        let order = random.choose(near.len(), near.len());
        boxed(order.into_iter().map(move |place| near[place]))
    }

    /// The operation and the input of every entry.
    fn decisions(&self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for (name, cell) in self.cells() {
            for (place, entry) in cell.0.iter().flatten().enumerate() {
                let decision = |what, options, choice| Decision {
                    name: format!("{name} {what} {}", place + 1),
                    options,
                    choice,
                };
                decisions.push(decision("operation", &OPERATIONS[..], entry.op as usize));
                let inputs = &INPUTS[..inputs(place / 2)];
                decisions.push(decision("input", inputs, entry.input));
            }
        }
        decisions
    }
}

fn boxed(genotypes: impl Iterator<Item = Genotype> + 'static) -> Architectures {
    Box::new(genotypes.map(|genotype| Box::new(genotype) as Box<dyn Architecture>))
}
