//! NAS-Bench-101 (Ying et al., *NAS-Bench-101: Towards Reproducible Neural
//! Architecture Search*, ICML 2019): modules of up to seven vertices and nine edges,
//! each vertex between input and output one of three operations.
//!
//! A module is written `0110001000010000:conv3x3-bn-relu,maxpool3x3`: the rows of its
//! matrix, of which a 1 in row i and column j is an edge from vertex i to vertex j, and
//! the operations of the vertices between input and output. Vertices on no path from
//! input to output are left out, as in the official code.
//!
//! | module | what it holds |
//! |---|---|
//! | [`module`] | operations, modules, their notation |
//! | `python` | modules as the official code is given them |
//! | `sameness` | the benchmark's hash, and when two modules are one network |
//! | `order` | all modules, in the order of the official generator |
//! | `search` | what differs in one decision |
//! | [`network`] | the network of a module |

pub mod module;
pub mod network;
mod order;
mod python;
mod sameness;
mod search;
#[cfg(test)]
mod tests;

pub use module::{EDGES, Module, ModuleError, Op, VERTICES};

use knas_graph::Graph;
use knas_stats::random::stream;

use crate::features::{Flow, FlowEdge};
use crate::setting::{LowerError, Setting, Size};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all modules.
pub struct Nb101;

const NAME: &str = "nb101";

/// What the edges of a [`Flow`] are: the operation of a vertex, or what one vertex
/// reads of another.
static OPERATIONS: [&str; 4] = [
    Op::ALL[0].name(),
    Op::ALL[1].name(),
    Op::ALL[2].name(),
    "link",
];
const LINK: usize = Op::ALL.len();

impl SearchSpace for Nb101 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "NAS-Bench-101: modules of up to 7 vertices and 9 edges, each vertex one of 3 operations"
    }

    fn sizes(&self) -> &'static [Size] {
        &[network::CHANNELS, network::STACKS, network::MODULES]
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    /// Five 3×3 convolutions, four of which read the input, one after another.
    fn largest(&self) -> Option<Box<dyn Architecture>> {
        let matrix = "0111100001000000010000000100000001000000010000000";
        let ops = [Op::Conv3x3.name(); VERTICES - 2].join(",");
        self.parse(&format!("{matrix}:{ops}")).ok()
    }

    fn count(&self) -> Option<u64> {
        Some(order::count() as u64)
    }

    /// In the order of the official generator, of isomorphic ones the first.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let module = order::at(usize::try_from(index).ok()?)?;
        Some(Box::new(module))
    }

    /// Reads also Python's text of a `ModelSpec`, and operations without `-bn-relu`.
    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Module>() {
            Ok(module) => Ok(Box::new(module)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each module that the benchmark trained is equally likely, in whatever number of
    /// ways it can be written.
    fn sample(&self, seed: u64) -> Architectures {
        let all = order::count();
        let drawn = stream(seed, &format!("{NAME} sample"), &[]).choose(all, all);
        boxed(drawn.into_iter().filter_map(order::at))
    }

    /// The benchmark trained one of all isomorphic modules. They are not all the same
    /// network: where channels do not divide evenly, the order of the vertices says
    /// which of them are wider.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Benchmark, Equivalence::Network]
    }
}

impl Architecture for Module {
    /// `nb101-` and the benchmark's hash, which isomorphic modules share; those that the
    /// official generator does not find first have the number of the way in which they
    /// are written after it, as in `nb101-7a6e…-2`.
    fn id(&self) -> String {
        let before = self.isomorphs().range(..self).count();
        match before {
            0 => format!("{NAME}-{}", self.hash()),
            _ => format!("{NAME}-{}-{}", self.hash(), before + 1),
        }
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Nb101
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        network::lower(self, setting)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => Some(self.hash()),
            Equivalence::Network => Some(self.network_key()),
            Equivalence::Function => None,
        }
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = self.near();
        let purpose = format!("{NAME} mutants");
        let mut random = stream(seed, &purpose, &[self.to_string().as_str().into()]);
        let order = random.choose(near.len(), near.len());
        boxed(order.into_iter().map(move |place| near[place].clone()))
    }

    /// Each vertex between input and output is an edge of its operation, from the sum
    /// that it reads to what it gives; what it reads are edges of their own.
    fn flow(&self) -> Option<Flow> {
        let (output, last) = (self.output(), 2 * VERTICES - 3);
        let target = |vertex| {
            if vertex == output {
                last
            } else {
                2 * vertex - 1
            }
        };
        let mut edges = Vec::new();
        for to in 1..=output {
            let read = (0..to).filter(|&from| self.edges.has(from, to));
            edges.extend(read.map(|from| FlowEdge {
                source: 2 * from,
                target: target(to),
                operation: LINK,
            }));
        }
        edges.extend((1..output).map(|vertex| FlowEdge {
            source: 2 * vertex - 1,
            target: 2 * vertex,
            operation: self.op(vertex) as usize,
        }));
        Some(Flow {
            operations: &OPERATIONS,
            nodes: last + 1,
            edges,
        })
    }
}

fn boxed(modules: impl Iterator<Item = Module> + 'static) -> Architectures {
    Box::new(modules.map(|module| Box::new(module) as Box<dyn Architecture>))
}
