//! What the pass does, compiled from a graph.
//!
//! It serves networks of a stem, blocks and a linear head, as in NAS-Bench-201:
//! every block either keeps channels and side, and is made of sums, 3×3 average
//! pooling and ReLU, convolution, batch norm, or is the residual block that halves
//! the side and doubles the channels. There are two of those, and all other blocks
//! are the same but for their weights.

use knas_graph::{Graph, Node, Op, Shape, Value};

use crate::layers::{Convolution, NORM_EPSILON, Normalisation};

/// A network that the pass serves.
#[derive(Debug)]
pub struct Plan {
    /// Channels of the stem.
    pub(super) channels: usize,
    /// The images' side.
    pub(super) side: usize,
    pub(super) classes: usize,
    pub(super) stem: ConvNorm,
    pub(super) blocks: Vec<Block>,
    pub(super) last_norm: Normalisation,
    /// Weight and bias.
    pub(super) classifier: [usize; 2],
}

#[derive(Debug)]
pub(super) enum Block {
    Cell(Cell),
    Reduction(Reduction),
}

/// Convolution, then batch norm.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvNorm {
    pub convolution: Convolution,
    pub norm: Normalisation,
}

/// A block as a program: each step reads a sum of earlier values.
#[derive(Debug)]
pub(super) struct Cell {
    /// The distinct sums: places of values, where 0 is the block's input and
    /// i + 1 what step i gives. A value added twice stands twice.
    pub sums: Vec<Vec<usize>>,
    pub steps: Vec<Step>,
    /// The sum that is the block's output.
    pub output: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Which of the sums it reads.
    pub sum: usize,
    pub operation: Operation,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// ReLU, convolution, batch norm.
    Convolution(ConvNorm),
    Pooling,
}

/// The residual block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reduction {
    pub first: ConvNorm,
    pub second: ConvNorm,
    pub shortcut: Convolution,
}

const STAGES: usize = 3;

impl Plan {
    /// That of a graph, where there is one.
    pub fn of(graph: &Graph) -> Option<Self> {
        let Shape::Maps { channels: 3, side } = graph.shape(graph.input()) else {
            return None;
        };
        let mut reader = Reader { graph, next: 1 };
        let image = graph.input();
        let (stem, mut x) = reader.conv_norm(image)?;
        let Shape::Maps {
            channels,
            side: left,
        } = graph.shape(x)
        else {
            return None;
        };
        let fits = reader.window(stem.convolution) == Some((3, 1)) && left == side;
        let mut blocks = Vec::new();
        for (end, input, output) in graph.blocks().skip(1) {
            let halves = graph.shape(input) != graph.shape(output);
            blocks.push(match halves {
                false => Block::Cell(reader.cell(x, output, end)?),
                true => Block::Reduction(reader.reduction(x)?),
            });
            if input != x || reader.next != end || (halves && output.place() + 1 != end) {
                return None;
            }
            x = output;
        }
        let (last_norm, normal) = reader.norm(x)?;
        let features = reader.take(Op::Relu, &[normal])?;
        let pooled = reader.take(Op::GlobalPool, &[features])?;
        let (node, _) = reader.node()?;
        let Shape::Vector { width: classes } = node.shape else {
            return None;
        };
        let Op::Linear {
            weight,
            bias: Some(bias),
        } = node.op
        else {
            return None;
        };
        let whole = node.inputs == [pooled] && reader.next == graph.nodes().len();
        let plan = Self {
            channels,
            side,
            classes,
            stem,
            blocks,
            last_norm,
            classifier: [weight, bias],
        };
        (fits && whole && plan.has_equal_cells(graph)).then_some(plan)
    }

    /// Whether there are as many stages as the pass has, and all cells do the
    /// same.
    fn has_equal_cells(&self, graph: &Graph) -> bool {
        let mut cells = self.cells();
        let first = cells.next();
        let equal = first.is_none_or(|first| cells.all(|cell| cell.does_as(first, graph)));
        let reductions = self.blocks.len() - self.cells().count();
        equal && reductions + 1 == STAGES
    }

    /// The blocks that are no reductions.
    pub(super) fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Cell(cell) => Some(cell),
            Block::Reduction(_) => None,
        })
    }
}

impl Cell {
    /// How many convolutions it has.
    pub fn convolutions(&self) -> usize {
        let steps = self.steps.iter();
        steps
            .filter(|step| matches!(step.operation, Operation::Convolution(_)))
            .count()
    }

    /// Whether it does what the other does, with weights of its own.
    fn does_as(&self, other: &Self, graph: &Graph) -> bool {
        let window = |step: &Step| match step.operation {
            Operation::Convolution(layer) => {
                let parameter = &graph.parameters()[layer.convolution.weight];
                parameter.shape.last().copied()
            }
            Operation::Pooling => None,
        };
        let steps = |cell: &Self| -> Vec<(usize, Option<usize>)> {
            cell.steps.iter().map(|s| (s.sum, window(s))).collect()
        };
        (&self.sums, self.output) == (&other.sums, other.output) && steps(self) == steps(other)
    }
}

/// Reads a graph node by node.
struct Reader<'g> {
    graph: &'g Graph,
    next: usize,
}

impl<'g> Reader<'g> {
    /// The next node, and its value.
    fn node(&mut self) -> Option<(&'g Node, Value)> {
        let found = self.graph.value(self.next)?;
        self.next += 1;
        Some((&self.graph.nodes()[found.place()], found))
    }

    /// The value of the next node, where it does `op` with `inputs`.
    fn take(&mut self, op: Op, inputs: &[Value]) -> Option<Value> {
        let (node, value) = self.node()?;
        (node.op == op && node.inputs == inputs).then_some(value)
    }

    fn norm(&mut self, input: Value) -> Option<(Normalisation, Value)> {
        let (node, value) = self.node()?;
        let Op::BatchNorm {
            weight,
            bias,
            running,
            epsilon,
        } = node.op
        else {
            return None;
        };
        let norm = Normalisation {
            weight,
            bias,
            running,
            epsilon,
        };
        (node.inputs == [input] && epsilon == NORM_EPSILON).then_some((norm, value))
    }

    fn convolution(&mut self, input: Value) -> Option<(Convolution, Value)> {
        let (node, value) = self.node()?;
        let Op::Convolution {
            weight,
            bias: None,
            grid,
            groups: 1,
        } = node.op
        else {
            return None;
        };
        let convolution = Convolution {
            weight,
            bias: None,
            grid,
            groups: 1,
        };
        let (window, _) = self.window(convolution)?;
        let adjacent = grid.padding == window / 2 && grid.dilation == 1;
        let known = matches!(window, 1 | 3) && adjacent;
        (known && node.inputs == [input]).then_some((convolution, value))
    }

    /// Window and stride.
    fn window(&self, convolution: Convolution) -> Option<(usize, usize)> {
        let shape = &self.graph.parameters()[convolution.weight].shape;
        Some((*shape.last()?, convolution.grid.stride))
    }

    fn conv_norm(&mut self, input: Value) -> Option<(ConvNorm, Value)> {
        let (convolution, value) = self.convolution(input)?;
        let (norm, value) = self.norm(value)?;
        Some((ConvNorm { convolution, norm }, value))
    }

    /// The nodes before `end`, which make `output` of `input`.
    fn cell(&mut self, input: Value, output: Value, end: usize) -> Option<Cell> {
        let mut cell = Cell {
            sums: Vec::new(),
            steps: Vec::new(),
            output: 0,
        };
        let shape = self.graph.shape(input);
        let mut made = Made {
            values: vec![input],
            sums: Vec::new(),
            active: Vec::new(),
        };
        while self.next < end {
            let (node, value) = self.node()?;
            if node.shape != shape {
                return None;
            }
            let pool = Op::AveragePool {
                window: 3,
                stride: 1,
                padding: 1,
            };
            match (node.op, &node.inputs[..]) {
                (Op::Add, addends) => made.sums.push((value, made.places(addends)?)),
                (Op::Zeros, _) => made.sums.push((value, Vec::new())),
                (Op::Relu, &[source]) => made.active.push((value, source)),
                (op, &[source]) if op == pool => {
                    let sum = made.sum(source, &mut cell.sums)?;
                    cell.steps.push(Step {
                        sum,
                        operation: Operation::Pooling,
                    });
                    made.values.push(value);
                }
                (Op::Convolution { .. }, &[relu]) => {
                    self.next -= 1;
                    let (layer, value) = self.conv_norm(relu)?;
                    let source = made.active.iter().find(|(active, _)| *active == relu)?.1;
                    let sum = made.sum(source, &mut cell.sums)?;
                    cell.steps.push(Step {
                        sum,
                        operation: Operation::Convolution(layer),
                    });
                    made.values.push(value);
                    if layer.convolution.grid.stride != 1 {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        cell.output = made.sum(output, &mut cell.sums)?;
        Some(cell)
    }

    fn reduction(&mut self, input: Value) -> Option<Reduction> {
        let active = self.take(Op::Relu, &[input])?;
        let (first, halved) = self.conv_norm(active)?;
        let active = self.take(Op::Relu, &[halved])?;
        let (second, path) = self.conv_norm(active)?;
        let pool = Op::AveragePool {
            window: 2,
            stride: 2,
            padding: 0,
        };
        let pooled = self.take(pool, &[input])?;
        let (shortcut, value) = self.convolution(pooled)?;
        let output = self.take(Op::Add, &[value, path])?;
        let layers = [first.convolution, second.convolution, shortcut];
        let windows = layers.map(|layer| self.window(layer));
        let doubled = match (self.graph.shape(input), self.graph.shape(output)) {
            (
                Shape::Maps { channels, side },
                Shape::Maps {
                    channels: more,
                    side: less,
                },
            ) => more == 2 * channels && 2 * less == side,
            _ => false,
        };
        (doubled && windows == [Some((3, 2)), Some((3, 1)), Some((1, 1))]).then_some(Reduction {
            first,
            second,
            shortcut,
        })
    }
}

/// What a block has made so far.
struct Made {
    /// Its input, and what its steps give.
    values: Vec<Value>,
    /// Sums, and the places of what they add.
    sums: Vec<(Value, Vec<usize>)>,
    /// ReLUs, and what they read.
    active: Vec<(Value, Value)>,
}

impl Made {
    fn places(&self, values: &[Value]) -> Option<Vec<usize>> {
        let place = |value: &Value| self.values.iter().position(|made| made == value);
        values.iter().map(place).collect()
    }

    /// The place of a value, as a sum, among the distinct ones.
    fn sum(&self, value: Value, sums: &mut Vec<Vec<usize>>) -> Option<usize> {
        let terms = match self.sums.iter().find(|(made, _)| *made == value) {
            Some((_, terms)) => terms.clone(),
            None => self.places(&[value])?,
        };
        let known = sums.iter().position(|sum| *sum == terms);
        Some(known.unwrap_or_else(|| {
            sums.push(terms);
            sums.len() - 1
        }))
    }
}
