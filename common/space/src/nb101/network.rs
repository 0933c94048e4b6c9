//! The network of a module (Ying et al. 2019, section 2.2), as the official code
//! builds it: layers have their official names, with dots for slashes, and `weight`
//! and `bias` for `kernel`, `gamma` and `beta`.

use knas_graph::{Graph, GraphError, Kernel, Op as Layer, Shape, Value};
use thiserror::Error;

use super::module::{Module, Op};
use crate::layers::{classify, conv_norm_relu, mark};
use crate::setting::{LowerError, Setting, Size};

/// Channels of the stem and the first stack. Four vertices at most share the channels
/// of a module, and each has some.
pub(super) const CHANNELS: Size = Size {
    name: "channels",
    about: "channels of the stem and of the first stack",
    usual: 128,
    range: (4, 4096),
};

/// Stacks.
pub(super) const STACKS: Size = Size {
    name: "stacks",
    about: "stacks, each but the first at half the side and twice the channels",
    usual: 3,
    range: (1, 6),
};

/// Modules of a stack.
pub(super) const MODULES: Size = Size {
    name: "modules",
    about: "modules in each stack",
    usual: 3,
    range: (1, 100),
};

/// An image that stacks cannot halve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the image's side must be a multiple of {multiple}, since {stacks} stacks halve it {halved} \
     times; {side} is not",
    halved = stacks - 1
)]
pub struct SideError {
    side: usize,
    multiple: usize,
    stacks: usize,
}

/// How large a network is.
struct Skeleton {
    channels: usize,
    stacks: usize,
    modules: usize,
    side: usize,
    classes: usize,
}

impl Skeleton {
    fn of(setting: &Setting) -> Result<Self, LowerError> {
        let (side, classes) = setting.side_and_classes()?;
        let skeleton = Self {
            channels: setting.size(CHANNELS)?,
            stacks: setting.size(STACKS)?,
            modules: setting.size(MODULES)?,
            side,
            classes,
        };
        let stacks = skeleton.stacks;
        let multiple = 1 << (stacks - 1);
        match side.is_multiple_of(multiple) {
            true => Ok(skeleton),
            false => Err(LowerError::Size(
                SideError {
                    side,
                    multiple,
                    stacks,
                }
                .into(),
            )),
        }
    }
}

/// The network of `module`: a 3×3 convolution to C channels; stacks of modules, of
/// which each but the first begins with a max-pooling that halves the map, and has
/// twice the channels; global average pooling and a linear classifier.
///
/// # Errors
/// When there is no such size, or images of this side cannot be halved.
pub fn lower(module: &Module, setting: &Setting) -> Result<Graph, LowerError> {
    let size = Skeleton::of(setting)?;
    let mut graph = Graph::new(Shape::Maps {
        channels: 3,
        side: size.side,
    });
    let written = module.canonical_order();
    let module = &module.reordered(&written);
    let mut builder = Builder {
        graph: &mut graph,
        module,
        written: &written,
    };
    let image = builder.graph.input();
    let stem = Path::new("stem");
    let mut x = builder.convolution(image, &stem, Kernel::new(size.channels, 3, 1))?;
    mark(builder.graph, image, x);
    for stack in 0..size.stacks {
        for place in 0..size.modules {
            let input = x;
            if stack > 0 && place == 0 {
                x = builder.graph.push(pool(2, 2), &[x])?;
            }
            let path = Path::new(&format!("stack{stack}.module{place}"));
            x = builder.module(x, &path, size.channels << stack)?;
            mark(builder.graph, input, x);
        }
    }
    classify(&mut graph, x, "dense", size.classes)?;
    Ok(graph)
}

/// A max-pooling of as many positions, or a part of them.
fn pool(window: usize, stride: usize) -> Layer {
    Layer::MaxPool {
        window,
        stride,
        padding: (window - 1) / 2,
    }
}

impl Module {
    /// Channels of the vertices between input and output. Those that the output reads
    /// share its channels, and the first of them have one more where these do not
    /// divide evenly; the others have as many as the widest vertex that reads them.
    pub(super) fn channels(&self, outputs: usize) -> Vec<usize> {
        let output = self.output();
        let mut channels = vec![0; output];
        let read: Vec<usize> = (1..output)
            .filter(|&vertex| self.edges.has(vertex, output))
            .collect();
        for (place, &vertex) in read.iter().enumerate() {
            channels[vertex] = outputs / read.len() + usize::from(place < outputs % read.len());
        }
        for vertex in (1..output).rev().filter(|vertex| !read.contains(vertex)) {
            let readers = (vertex..output).filter(|&reader| self.edges.has(vertex, reader));
            channels[vertex] = readers.map(|reader| channels[reader]).max().unwrap_or(0);
        }
        channels.split_off(1)
    }
}

/// The official path of a layer, and what the key of its weights begins with: two
/// orders of the vertices that are one network have one set of first weights.
struct Path {
    name: String,
    key: String,
}

impl Path {
    fn new(name: &str) -> Self {
        let [name, key] = [name, name].map(str::to_owned);
        Self { name, key }
    }

    fn layer(&self, layer: &str) -> Self {
        Self {
            name: format!("{}.{layer}", self.name),
            key: format!("{}.{layer}", self.key),
        }
    }
}

/// A network in the making.
struct Builder<'b> {
    graph: &'b mut Graph,
    /// The module, its vertices in the canonical order.
    module: &'b Module,
    /// The numbers of the vertices between input and output as they are written.
    written: &'b [usize],
}

impl Builder<'_> {
    fn module(&mut self, input: Value, path: &Path, outputs: usize) -> Result<Value, GraphError> {
        let module = self.module;
        let output = module.output();
        let channels = module.channels(outputs);
        let mut values = vec![input];
        for (vertex, (&channels, written)) in (1..).zip(channels.iter().zip(self.written)) {
            let path = Path {
                name: format!("{}.vertex_{written}", path.name),
                key: format!("{}.vertex_{vertex}", path.key),
            };
            let value = self.vertex(vertex, &values, &path, channels)?;
            values.push(value);
        }
        let read = (1..output).filter(|&vertex| module.edges.has(vertex, output));
        let read: Vec<Value> = read.map(|vertex| values[vertex]).collect();
        let projected = module.edges.has(0, output);
        let interior = match read[..] {
            [] => return self.projection(input, &path.layer("output"), outputs),
            [only] => only,
            _ => self.graph.push(Layer::Concatenate, &read)?,
        };
        match projected {
            true => {
                let projection = self.projection(input, path, outputs)?;
                self.graph.push(Layer::Add, &[interior, projection])
            }
            false => Ok(interior),
        }
    }

    /// The operation of a vertex, on the sum of those that it reads: the first
    /// channels of vertices between, and what the module's input is projected to.
    fn vertex(
        &mut self,
        vertex: usize,
        values: &[Value],
        path: &Path,
        channels: usize,
    ) -> Result<Value, GraphError> {
        let module = self.module;
        let mut addends = Vec::new();
        for from in (1..vertex).filter(|&from| module.edges.has(from, vertex)) {
            addends.push(match self.graph.channels(values[from]) == channels {
                true => values[from],
                false => self
                    .graph
                    .push(Layer::Narrow { first: 0, channels }, &[values[from]])?,
            });
        }
        if module.edges.has(0, vertex) {
            addends.push(self.projection(values[0], path, channels)?);
        }
        let sum = match addends[..] {
            [only] => only,
            _ => self.graph.push(Layer::Add, &addends)?,
        };
        let (layer, window) = match module.op(vertex) {
            Op::Conv3x3 => ("Conv3x3-BN-ReLU", 3),
            Op::Conv1x1 => ("Conv1x1-BN-ReLU", 1),
            Op::MaxPool3x3 => return self.graph.push(pool(3, 1), &[sum]),
        };
        self.convolution(sum, &path.layer(layer), Kernel::new(channels, window, 1))
    }

    /// A 1×1 convolution, batch norm and ReLU, by which the module's input comes to
    /// these channels.
    fn projection(
        &mut self,
        input: Value,
        path: &Path,
        channels: usize,
    ) -> Result<Value, GraphError> {
        self.convolution(
            input,
            &path.layer("projection"),
            Kernel::new(channels, 1, 1),
        )
    }

    fn convolution(
        &mut self,
        input: Value,
        path: &Path,
        kernel: Kernel,
    ) -> Result<Value, GraphError> {
        let names = ["conv2d", "batch_normalization"].map(|layer| path.layer(layer).name);
        let [convolution, norm] = [&*names[0], &*names[1]];
        conv_norm_relu(self.graph, input, [convolution, norm], &path.key, kernel)
    }
}
