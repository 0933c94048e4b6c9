//! Genotypes: what they consist of, how they are written, and when two are the same.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::published;
use crate::python_text::PythonError;

/// An operation on an edge (Liu et al. 2019, section 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Zeros: no edge.
    None,
    /// The largest of 3×3.
    MaxPool3x3,
    /// The mean of 3×3.
    AvgPool3x3,
    /// What is read; where the map is halved, a factorized reduce.
    SkipConnect,
    /// A separable 3×3 convolution, twice.
    SepConv3x3,
    /// A separable 5×5 convolution, twice.
    SepConv5x5,
    /// A dilated separable 3×3 convolution.
    DilConv3x3,
    /// A dilated separable 5×5 convolution.
    DilConv5x5,
}

/// The names of the operations, in the official order.
pub(super) static OPERATIONS: [&str; 8] = [
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
];

impl Op {
    /// All, in the official order.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::MaxPool3x3,
        Self::AvgPool3x3,
        Self::SkipConnect,
        Self::SepConv3x3,
        Self::SepConv5x5,
        Self::DilConv3x3,
        Self::DilConv5x5,
    ];

    /// Its official name.
    #[must_use]
    pub fn name(self) -> &'static str {
        OPERATIONS[self as usize]
    }

    /// The operation of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// An edge into a node: an operation, and what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What it does.
    pub op: Op,
    /// 0 and 1: the outputs of the cell before the last one and of the last one; 2
    /// to 4: the nodes of this cell.
    pub input: usize,
}

/// What a node may read: two cells' outputs, and the nodes before it.
pub(super) const fn inputs(node: usize) -> usize {
    node + 2
}

/// The four nodes of a cell, each the sum of two entries, in the order in which they
/// are written: the official code names weights by the place of their entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell(pub [[Entry; 2]; NODES]);

/// Nodes of a cell between its inputs and its output.
pub const NODES: usize = 4;
/// Entries of a cell.
pub(super) const ENTRIES: usize = 2 * NODES;

/// A pair of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Genotype {
    /// The cell that keeps the maps' side.
    pub normal: Cell,
    /// The cell that halves it.
    pub reduce: Cell,
}

/// Why a text is no genotype.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenotypeError {
    /// It is not two cells.
    #[error(
        "a genotype is op~input|… with eight entries a cell, written normal/reduce, or Python's \
         Genotype(normal=[…], …), or one of {}",
        published::NAMES
    )]
    Cells,
    /// A cell has too few entries, or too many.
    #[error("the {cell} cell has eight entries, two for each of its four nodes, not {found}")]
    Entries {
        /// The cell.
        cell: &'static str,
        /// How many it was given.
        found: usize,
    },
    /// An entry is not an operation and an input.
    #[error("entry {place} of the {cell} cell is {wanted}")]
    Entry {
        /// The cell.
        cell: &'static str,
        /// The place of the entry, from 1.
        place: usize,
        /// What it would have to be.
        wanted: String,
    },
    /// It is no value of Python's.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// It is another value of Python's.
    #[error("Python's text is Genotype(normal=[…], normal_concat=…, reduce=[…], reduce_concat=…)")]
    Call,
    /// The output is made of other nodes.
    #[error("{cell}_concat is range(2, 6) or [2, 3, 4, 5]: the output is made of all four nodes")]
    Concat {
        /// The cell.
        cell: &'static str,
    },
}

impl Entry {
    /// An entry at this place of a cell, from 0; `form` says how one is written.
    pub(super) fn new(
        (cell, place): (&'static str, usize),
        form: &str,
        (op, input): (Option<&str>, Option<usize>),
    ) -> Result<Self, GenotypeError> {
        let wrong = |wanted| GenotypeError::Entry {
            cell,
            place: place + 1,
            wanted,
        };
        let Some(name) = op else {
            return Err(wrong(format!("written {form}")));
        };
        let Some(op) = Op::named(name) else {
            return Err(wrong(format!("one of {}", OPERATIONS.join(", "))));
        };
        let inputs = inputs(place / 2);
        match input.filter(|&input| input < inputs) {
            Some(input) => Ok(Self { op, input }),
            None => {
                let inputs = format!("written {form}, with an input from 0 to {}", inputs - 1);
                Err(wrong(inputs))
            }
        }
    }
}

impl Cell {
    /// The cell called `name` of these entries, in order.
    pub(super) fn of(name: &'static str, entries: &[Entry]) -> Result<Self, GenotypeError> {
        let found = entries.len();
        let entries: &[Entry; ENTRIES] = entries
            .try_into()
            .map_err(|_| GenotypeError::Entries { cell: name, found })?;
        let [a, b, c, d, e, f, g, h] = *entries;
        Ok(Self([[a, b], [c, d], [e, f], [g, h]]))
    }

    fn read(name: &'static str, text: &str) -> Result<Self, GenotypeError> {
        let mut entries = Vec::new();
        for (place, entry) in text.split('|').enumerate().take(ENTRIES + 1) {
            if place == ENTRIES {
                let found = text.split('|').count();
                return Err(GenotypeError::Entries { cell: name, found });
            }
            let (op, input) = entry.split_once('~').unzip();
            // One digit, and nothing beside it.
            let input = input.filter(|input| input.len() == 1);
            let input = input.and_then(|input| input.parse().ok());
            entries.push(Entry::new((name, place), "op~input", (op, input))?);
        }
        Self::of(name, &entries)
    }

    /// The places of a node's entries, ordered by input, then by operation; `none`
    /// comes last. This is the order in which a network is evaluated, whatever the
    /// order in which it is written.
    pub(super) fn order(&self, node: usize) -> [usize; 2] {
        let key = |entry: Entry| (entry.op == Op::None, entry.input, entry.op);
        let [first, second] = self.0[node];
        match key(second) < key(first) {
            true => [1, 0],
            false => [0, 1],
        }
    }

    /// A text that cells share where their nodes are the same sums: the entries of
    /// each node in order, and `none` without its input.
    fn network_key(&self) -> String {
        let mut entries = Vec::new();
        for (node, pair) in self.0.iter().enumerate() {
            for place in self.order(node) {
                entries.push(match pair[place] {
                    Entry { op: Op::None, .. } => Op::None.name().to_owned(),
                    entry => entry.to_string(),
                });
            }
        }
        entries.join("|")
    }

    /// The smallest [`network_key`](Self::network_key) over all orders of the nodes
    /// in which each stands after those that it reads. Another order permutes the
    /// channels of the output, and with them what the next cells' weights stand for.
    fn function_key(&self) -> String {
        let orders = orders(&mut Vec::new());
        let keys = orders.iter().filter_map(|order| self.reordered(order));
        // Its own order is among them.
        keys.map(|cell| cell.network_key())
            .min()
            .unwrap_or_default()
    }

    /// The cell with the nodes in this order; none where one would read what comes
    /// after it.
    fn reordered(&self, order: &[usize]) -> Option<Self> {
        let mut cell = *self;
        for (node, &old) in order.iter().enumerate() {
            for (entry, &before) in cell.0[node].iter_mut().zip(&self.0[old]) {
                *entry = before;
                let read = match (before.op, before.input.checked_sub(2)) {
                    (Op::None, _) | (_, None) => continue,
                    (_, Some(read)) => read,
                };
                let read = order.iter().position(|&other| other == read)?;
                if read >= node {
                    return None;
                }
                entry.input = inputs(read);
            }
        }
        Some(cell)
    }
}

/// All orders of the nodes that begin with those of `start`.
fn orders(start: &mut Vec<usize>) -> Vec<Vec<usize>> {
    if start.len() == NODES {
        return vec![start.clone()];
    }
    let mut found = Vec::new();
    for node in 0..NODES {
        if !start.contains(&node) {
            start.push(node);
            found.extend(orders(start));
            start.pop();
        }
    }
    found
}

impl Genotype {
    /// The cells and their names.
    pub(super) fn cells(&self) -> [(&'static str, Cell); 2] {
        [("normal", self.normal), ("reduce", self.reduce)]
    }

    /// What genotypes share that are the same network.
    #[must_use]
    pub fn network_key(&self) -> String {
        let Self { normal, reduce } = self;
        format!("{}/{}", normal.network_key(), reduce.network_key())
    }

    /// What genotypes share that are the same function, up to the order of channels
    /// within the cells' outputs.
    #[must_use]
    pub fn function_key(&self) -> String {
        let Self { normal, reduce } = self;
        format!("{}/{}", normal.function_key(), reduce.function_key())
    }
}

impl FromStr for Genotype {
    type Err = GenotypeError;

    /// Reads `op~input|…/op~input|…`, Python's `Genotype(…)`, or a published name.
    fn from_str(text: &str) -> Result<Self, GenotypeError> {
        if text.contains('(') {
            return published::from_python(text);
        }
        let text = published::notation(text).unwrap_or(text);
        let Some((normal, reduce)) = text.split_once('/') else {
            return Err(GenotypeError::Cells);
        };
        if reduce.contains('/') {
            return Err(GenotypeError::Cells);
        }
        Ok(Self {
            normal: Cell::read("normal", normal)?,
            reduce: Cell::read("reduce", reduce)?,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.op.name(), self.input)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, entry) in self.0.iter().flatten().enumerate() {
            let between = if place == 0 { "" } else { "|" };
            write!(f, "{between}{entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Genotype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.normal, self.reduce)
    }
}
