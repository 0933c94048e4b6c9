//! The network of a genotype (Liu et al. 2019, section 3), as its official code
//! builds it for evaluation: without the auxiliary head and without drop path, which
//! are for training alone.

use knas_graph::{Graph, GraphError, Kernel, Op as Layer, Shape, Value};

use super::genotype::{Cell, Entry, Genotype, Op, inputs};
use super::skeleton::{NetworkError, Skeleton};
use crate::layers::{classify, mark, named};
use crate::nb201::network::conv_norm;
use crate::setting::{LowerError, Setting};
use crate::space::Extent;

/// The network of `genotype`: a stem; cells of C channels, 2C from a third of the
/// cells on and 4C from two thirds on, each of which reads the two before it; global
/// average pooling and a linear classifier.
///
/// # Errors
/// When there is no such size, or images of this side cannot be halved.
pub fn lower(genotype: &Genotype, setting: &Setting, extent: Extent) -> Result<Graph, LowerError> {
    let size = Skeleton::of(setting)?;
    let mut graph = Graph::new(Shape::Maps {
        channels: 3,
        side: size.side,
    });
    // Cell k reads the values k and k + 1, and gives the value k + 2.
    let needed = needed(genotype, &size, extent);
    let mut values = stem(&mut graph, &size, needed[1])?;
    let mut channels = size.channels;
    for place in 0..size.cells {
        let reduces = size.reduces(place);
        channels *= if reduces { 2 } else { 1 };
        let read = [values[place], values[place + 1]];
        if !needed[place + 2] {
            values.push(read[1]); // which nothing reads as this cell's output
            continue;
        }
        let mut builder = Builder {
            graph: &mut graph,
            cell: place,
            channels,
            stride: if reduces { 2 } else { 1 },
            after_halving: match place {
                0 => size.shrinks,
                _ => size.reduces(place - 1),
            },
            multiple: size.multiple(),
            active: Vec::new(),
        };
        let cell = chosen(genotype, reduces);
        let output = builder.cell(cell, read, extent)?;
        let input = read[usize::from(extent == Extent::Whole || cell.reads(1))];
        mark(&mut graph, input, output);
        values.push(output);
    }
    let features = values[size.cells + 1];
    classify(&mut graph, features, "classifier", size.classes)?;
    Ok(graph)
}

fn chosen(genotype: &Genotype, reduces: bool) -> &Cell {
    match reduces {
        true => &genotype.reduce,
        false => &genotype.normal,
    }
}

/// What is made of the values that cells read and give.
fn needed(genotype: &Genotype, size: &Skeleton, extent: Extent) -> Vec<bool> {
    let mut needed = vec![extent == Extent::Whole; size.cells + 2];
    needed[size.cells + 1] = true;
    for place in (0..size.cells).rev().filter(|_| extent == Extent::Live) {
        let cell = chosen(genotype, size.reduces(place));
        for input in 0..2 {
            needed[place + input] |= needed[place + 2] && cell.reads(input);
        }
    }
    needed
}

impl Cell {
    /// Whether its output depends on this one of its two inputs.
    fn reads(&self, input: usize) -> bool {
        let live = |entry: &Entry| entry.op != Op::None && entry.input == input;
        // Zeros are given the shape of the second.
        self.0.iter().flatten().any(live) || input == 1 && self.0.iter().any(is_zeros)
    }
}

fn is_zeros(node: &[Entry; 2]) -> bool {
    node.iter().all(|entry| entry.op == Op::None)
}

/// The two values that the first cell reads: for CIFAR one 3×3 convolution to 3C
/// channels, twice the same; for ImageNet what two and three halvings give.
fn stem(graph: &mut Graph, size: &Skeleton, whole: bool) -> Result<Vec<Value>, GraphError> {
    let image = graph.input();
    let channels = size.channels;
    let layer = |graph: &mut Graph, input, name: &str, places: [usize; 2], (outputs, stride)| {
        let [conv, norm] = places.map(|place| format!("{name}.{place}"));
        let output = graph.convolution(input, named(&conv, &conv), outputs, 3, stride)?;
        graph.batch_norm(output, named(&norm, &norm))
    };
    if !size.shrinks {
        let stem = layer(graph, image, "stem", [0, 1], (3 * channels, 1))?;
        mark(graph, image, stem);
        return Ok(vec![stem, stem]);
    }
    let half = layer(graph, image, "stem0", [0, 1], (channels / 2, 2))?;
    let half = graph.push(Layer::Relu, &[half])?;
    let quarter = layer(graph, half, "stem0", [3, 4], (channels, 2))?;
    mark(graph, image, quarter);
    if !whole {
        return Ok(vec![quarter, quarter]);
    }
    let active = graph.push(Layer::Relu, &[quarter])?;
    let eighth = layer(graph, active, "stem1", [1, 2], (channels, 2))?;
    mark(graph, quarter, eighth);
    Ok(vec![quarter, eighth])
}

/// The official path of a module, and what the keys of its weights begin with: two
/// orders of a node's entries are one network, of one set of first weights.
struct Path {
    name: String,
    key: String,
}

impl Path {
    fn new(name: String) -> Self {
        let key = name.clone();
        Self { name, key }
    }

    fn layer(&self, layer: &str) -> Self {
        Self {
            name: format!("{}.{layer}", self.name),
            key: format!("{}.{layer}", self.key),
        }
    }
}

/// One cell in the making.
struct Builder<'g> {
    graph: &'g mut Graph,
    /// Its place.
    cell: usize,
    /// Channels of each of its operations.
    channels: usize,
    /// The step with which its inputs are read.
    stride: usize,
    /// Whether the first input's side is twice the second's.
    after_halving: bool,
    /// The images that can be halved wherever they are, for messages.
    multiple: usize,
    /// Values, and their ReLUs: each is made once, however many layers read it.
    active: Vec<(Value, Value)>,
}

impl Builder<'_> {
    fn cell(&mut self, cell: &Cell, read: [Value; 2], extent: Extent) -> Result<Value, LowerError> {
        let mut states = read.to_vec();
        for (input, state) in states.iter_mut().enumerate() {
            if extent == Extent::Whole || cell.reads(input) {
                *state = self.preprocess(input, *state)?;
            }
        }
        for node in 0..cell.0.len() {
            let sum = self.node(cell, node, &states)?;
            states.push(sum);
        }
        Ok(self.graph.push(Layer::Concatenate, &states[2..])?)
    }

    /// Brings one of the two inputs to the channels, and to the second's side.
    fn preprocess(&mut self, input: usize, value: Value) -> Result<Value, LowerError> {
        let path = Path::new(format!("cells.{}.preprocess{input}", self.cell));
        if input == 0 && self.after_halving {
            return self.factorized_reduce(value, &path);
        }
        let active = self.relu(value)?;
        let op = path.layer("op");
        let layer = (self.channels, 1, 1);
        Ok(conv_norm(self.graph, active, &op.name, &op.key, layer)?)
    }

    /// The sum of a node's entries, in which `none` is nothing.
    fn node(&mut self, cell: &Cell, node: usize, states: &[Value]) -> Result<Value, LowerError> {
        let path = |place| format!("cells.{}._ops.{place}", self.cell);
        let places = cell.order(node).into_iter().enumerate();
        let named = places.map(|(canonical, written)| {
            let path = Path {
                name: path(2 * node + written),
                key: path(2 * node + canonical),
            };
            (cell.0[node][written], path)
        });
        let mut addends = Vec::new();
        for (entry, path) in named.collect::<Vec<_>>() {
            addends.extend(self.entry(entry, states[entry.input], &path)?);
        }
        match addends[..] {
            [] => self.zeros(states[1]),
            [only] => Ok(only),
            _ => Ok(self.graph.push(Layer::Add, &addends)?),
        }
    }

    /// What an entry adds to its node; nothing where it is `none`.
    fn entry(
        &mut self,
        entry: Entry,
        state: Value,
        path: &Path,
    ) -> Result<Option<Value>, LowerError> {
        let stride = if entry.input < inputs(0) {
            self.stride
        } else {
            1
        };
        let (window, padding) = (3, 1);
        let depthwise = |window| Kernel::depthwise(self.channels, window, stride);
        let dilated = |window| Kernel {
            dilation: 2,
            ..depthwise(window)
        };
        let value = match entry.op {
            Op::None => return Ok(None),
            Op::SkipConnect if stride == 1 => state,
            Op::SkipConnect => self.factorized_reduce(state, path)?,
            Op::SepConv3x3 => self.sep_conv(state, path, depthwise(3))?,
            Op::SepConv5x5 => self.sep_conv(state, path, depthwise(5))?,
            Op::DilConv3x3 => self.separable(state, path, 1, dilated(3))?,
            Op::DilConv5x5 => self.separable(state, path, 1, dilated(5))?,
            Op::MaxPool3x3 => {
                let pool = Layer::MaxPool {
                    window,
                    stride,
                    padding,
                };
                self.graph.push(pool, &[state])?
            }
            Op::AvgPool3x3 => {
                let pool = Layer::AveragePool {
                    window,
                    stride,
                    padding,
                };
                self.graph.push(pool, &[state])?
            }
        };
        Ok(Some(value))
    }

    /// Zeros of the shape of a node, made of what a cell reads.
    fn zeros(&mut self, input: Value) -> Result<Value, LowerError> {
        let pool = Layer::MaxPool {
            window: 1,
            stride: self.stride,
            padding: 0,
        };
        let halved = match self.stride {
            1 => input,
            _ => self.graph.push(pool, &[input])?,
        };
        Ok(self.graph.push(Layer::Zeros, &[halved])?)
    }

    /// Twice [`separable`](Self::separable); the first of the two takes the step.
    fn sep_conv(&mut self, input: Value, path: &Path, first: Kernel) -> Result<Value, LowerError> {
        let half = self.separable(input, path, 1, first)?;
        self.separable(half, path, 5, Kernel { stride: 1, ..first })
    }

    /// ReLU, depthwise convolution, pointwise convolution and batch norm, the first
    /// convolution at this place of its list.
    fn separable(
        &mut self,
        input: Value,
        path: &Path,
        place: usize,
        kernel: Kernel,
    ) -> Result<Value, LowerError> {
        let [depthwise, pointwise, norm] =
            [0, 1, 2].map(|next| path.layer(&format!("op.{}", place + next)));
        let active = self.relu(input)?;
        let graph = &mut *self.graph;
        let x = graph.convolve(active, named(&depthwise.name, &depthwise.key), kernel)?;
        let x = graph.convolution(
            x,
            named(&pointwise.name, &pointwise.key),
            self.channels,
            1,
            1,
        )?;
        Ok(graph.batch_norm(x, named(&norm.name, &norm.key))?)
    }

    /// ReLU; half of the channels from a 1×1 convolution at every other position, and
    /// half from one at the positions between them; batch norm.
    fn factorized_reduce(&mut self, input: Value, path: &Path) -> Result<Value, LowerError> {
        if let Shape::Maps { side, .. } = self.graph.shape(input)
            && !side.is_multiple_of(2)
        {
            let (layer, multiple) = (path.name.clone(), self.multiple);
            return Err(NetworkError::OddSide {
                layer,
                side,
                multiple,
            }
            .into());
        }
        let [conv_1, conv_2, norm] = ["conv_1", "conv_2", "bn"].map(|layer| path.layer(layer));
        let half = self.channels / 2;
        let active = self.relu(input)?;
        let graph = &mut *self.graph;
        let even = graph.convolution(active, named(&conv_1.name, &conv_1.key), half, 1, 2)?;
        let shifted = graph.push(Layer::Shift, &[active])?;
        let odd = graph.convolution(shifted, named(&conv_2.name, &conv_2.key), half, 1, 2)?;
        let both = graph.push(Layer::Concatenate, &[even, odd])?;
        Ok(graph.batch_norm(both, named(&norm.name, &norm.key))?)
    }

    fn relu(&mut self, value: Value) -> Result<Value, GraphError> {
        if let Some(&(_, made)) = self.active.iter().find(|(of, _)| *of == value) {
            return Ok(made);
        }
        let made = self.graph.push(Layer::Relu, &[value])?;
        self.active.push((value, made));
        Ok(made)
    }
}
