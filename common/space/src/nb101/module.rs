//! Modules: what they consist of, how they are written, and what of them counts.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::python;
use crate::python_text::PythonError;

/// An operation on a vertex (Ying et al. 2019, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// A 3×3 convolution, batch norm, ReLU.
    Conv3x3,
    /// A 1×1 convolution, batch norm, ReLU.
    Conv1x1,
    /// The largest of 3×3.
    MaxPool3x3,
}

impl Op {
    /// All, in the official order.
    pub const ALL: [Self; 3] = [Self::Conv3x3, Self::Conv1x1, Self::MaxPool3x3];

    /// Its official name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv3x3 => "conv3x3-bn-relu",
            Self::Conv1x1 => "conv1x1-bn-relu",
            Self::MaxPool3x3 => "maxpool3x3",
        }
    }

    /// The operation of this name: the official one, also without what follows the
    /// hyphen, and in capitals, as the official examples name their constants.
    fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let short = |op: Self| op.name().split('-').next() == Some(&*name);
        Self::ALL
            .into_iter()
            .find(|&op| op.name() == name || short(op))
    }
}

/// Vertices of a module at most, its input and output among them.
pub const VERTICES: usize = 7;
/// Vertices between input and output at most.
pub(super) const INNER: usize = VERTICES - 2;
/// Edges of a module at most.
pub const EDGES: usize = 9;

/// The edges of a module, as bits, in the order of the official generator: the ones
/// into vertex 1, those into 2 from 0 and from 1, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Edges(u32);

impl Edges {
    /// Those that the bits of this number are.
    pub fn of(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether one leads from a vertex to a later one.
    pub fn has(self, from: usize, to: usize) -> bool {
        from < to && self.0 & Self::bit(from, to) != 0
    }

    /// With the edge from a vertex to a later one, or without it if it is there.
    pub fn flipped(self, from: usize, to: usize) -> Self {
        Self(self.0 ^ Self::bit(from, to))
    }

    fn bit(from: usize, to: usize) -> u32 {
        1 << (from + to * (to - 1) / 2)
    }

    /// Those between the vertices that stand in `order`, by their places in it.
    pub fn between(self, order: &[usize]) -> Self {
        let mut edges = Self::default();
        for (to, &second) in order.iter().enumerate() {
            for (from, &first) in order[..to].iter().enumerate() {
                if self.has(first, second) {
                    edges = edges.flipped(from, to);
                }
            }
        }
        edges
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// A module: vertex 0 is its input, the last one its output, and every vertex lies on
/// a path between them. The order of the vertices is kept: where channels do not
/// divide evenly, the first ones have one more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Module {
    pub(super) edges: Edges,
    /// Of the vertices between input and output.
    pub(super) ops: Vec<Op>,
}

/// Why a text is no module.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModuleError {
    /// It has other parts.
    #[error(
        "a module is the rows of its matrix, one after another, a colon and the operations of the \
         vertices between input and output, as 0110001000010000:conv3x3-bn-relu,maxpool3x3; or \
         Python's ModelSpec(matrix=[…], ops=[…])"
    )]
    Notation,
    /// The matrix has no such size.
    #[error("the matrix is square, with 2 to {VERTICES} rows; {0} digits are not")]
    Square(usize),
    /// The matrix has something else in it.
    #[error("row {row} of the matrix has {wanted} in column {column}")]
    Digit {
        /// The row, from 1.
        row: usize,
        /// The column, from 1.
        column: usize,
        /// What there would have to be.
        wanted: &'static str,
    },
    /// There are too few operations, or too many.
    #[error("between input and output are {wanted} vertices, and {found} operations are told")]
    Operations {
        /// Vertices of the matrix that have one.
        wanted: usize,
        /// Operations that are told.
        found: usize,
    },
    /// One is no operation.
    #[error(
        "operation {0} is {conv3x3}, {conv1x1} or {pool}",
        conv3x3 = Op::Conv3x3.name(),
        conv1x1 = Op::Conv1x1.name(),
        pool = Op::MaxPool3x3.name()
    )]
    Operation(
        /// Its place, from 1.
        usize,
    ),
    /// No path leads through it.
    #[error("no path leads from its input to its output")]
    CutOff,
    /// There are too many edges.
    #[error("{0} edges lie on paths from input to output, and {EDGES} are the most")]
    Edges(usize),
    /// It is no value of Python's.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// It is another value of Python's.
    #[error("Python's text is ModelSpec(matrix=[[0, 1, …], …], ops=['input', …, 'output'])")]
    Call,
}

impl Module {
    /// The module of these edges and these operations between input and output,
    /// without the vertices that lie on no path between them.
    ///
    /// # Errors
    /// When there is no such path, or too many edges are left.
    pub(super) fn new(edges: Edges, ops: &[Op]) -> Result<Self, ModuleError> {
        let output = ops.len() + 1;
        let mut reached = vec![false; output + 1];
        let mut reaching = reached.clone();
        (reached[0], reaching[output]) = (true, true);
        for to in 1..=output {
            reached[to] = (0..to).any(|from| reached[from] && edges.has(from, to));
        }
        for from in (0..output).rev() {
            reaching[from] = (from..=output).any(|to| reaching[to] && edges.has(from, to));
        }
        if !reached[output] {
            return Err(ModuleError::CutOff);
        }
        let live: Vec<usize> = (0..=output)
            .filter(|&vertex| reached[vertex] && reaching[vertex])
            .collect();
        let edges = edges.between(&live);
        let inner = &live[1..live.len() - 1];
        let ops = inner.iter().map(|&vertex| ops[vertex - 1]).collect();
        match edges.count() {
            0..=EDGES => Ok(Self { edges, ops }),
            found => Err(ModuleError::Edges(found)),
        }
    }

    /// The module of a matrix, its numbers row by row, and of the names of the
    /// operations between input and output.
    pub(super) fn of<'n>(
        numbers: &[Option<usize>],
        names: impl IntoIterator<Item = Option<&'n str>>,
    ) -> Result<Self, ModuleError> {
        let vertices = (2..=VERTICES).find(|rows| rows * rows == numbers.len());
        let vertices = vertices.ok_or(ModuleError::Square(numbers.len()))?;
        let mut edges = Edges::default();
        for (place, number) in numbers.iter().enumerate() {
            let (from, to) = (place / vertices, place % vertices);
            let wrong = |wanted| ModuleError::Digit {
                row: from + 1,
                column: to + 1,
                wanted,
            };
            match number {
                Some(0) => {}
                Some(1) if from < to => edges = edges.flipped(from, to),
                Some(1) => return Err(wrong("a 0, since edges lead to later vertices,")),
                _ => return Err(wrong("a 0 or a 1")),
            }
        }
        let (mut ops, mut found) = (Vec::new(), 0);
        for name in names {
            found += 1;
            if found <= vertices - 2 {
                let op = name.and_then(Op::named);
                ops.push(op.ok_or(ModuleError::Operation(found))?);
            }
        }
        match vertices - 2 {
            wanted if wanted == found => Self::new(edges, &ops),
            wanted => Err(ModuleError::Operations { wanted, found }),
        }
    }

    /// The vertex that is the output.
    pub(super) fn output(&self) -> usize {
        self.ops.len() + 1
    }

    /// The operation of a vertex between input and output.
    pub(super) fn op(&self, vertex: usize) -> Op {
        self.ops[vertex - 1]
    }

    /// The module whose vertices between input and output are those of `order`, of
    /// which each stands after those that it reads.
    pub(super) fn reordered(&self, order: &[usize]) -> Self {
        let mut all = vec![0];
        all.extend(order);
        all.push(self.output());
        Self {
            edges: self.edges.between(&all),
            ops: order.iter().map(|&vertex| self.op(vertex)).collect(),
        }
    }
}

impl FromStr for Module {
    type Err = ModuleError;

    /// Reads `MATRIX:OP,…,OP`, or Python's `ModelSpec(matrix=[…], ops=[…])`.
    fn from_str(text: &str) -> Result<Self, ModuleError> {
        if text.contains('(') {
            return python::read(text);
        }
        let (matrix, names) = text.split_once(':').unwrap_or((text, ""));
        if !matrix.starts_with(['0', '1']) {
            return Err(ModuleError::Notation);
        }
        if matrix.len() > VERTICES * VERTICES {
            return Err(ModuleError::Square(matrix.len()));
        }
        let digit = |byte: u8| char::from(byte).to_digit(10).map(|digit| digit as usize);
        let numbers: Vec<Option<usize>> = matrix.bytes().map(digit).collect();
        let names = names.split(',').filter(|_| !names.is_empty());
        Self::of(&numbers, names.map(Some))
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vertices = self.output() + 1;
        for from in 0..vertices {
            for to in 0..vertices {
                f.write_str(if self.edges.has(from, to) { "1" } else { "0" })?;
            }
        }
        for (place, op) in self.ops.iter().enumerate() {
            let between = if place == 0 { ":" } else { "," };
            write!(f, "{between}{}", op.name())?;
        }
        Ok(())
    }
}
