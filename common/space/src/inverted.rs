//! Networks of mobile inverted residual blocks (Sandler et al., *MobileNetV2:
//! Inverted Residuals and Linear Bottlenecks*, CVPR 2018), which have
//! squeeze-and-excitation (Hu et al., CVPR 2018) between the depthwise convolution
//! and the projection since MnasNet (Tan et al., CVPR 2019).

use knas_graph::{
    Activation, Graph, GraphError, Kernel, Mark, NORM_EPSILON, Named, Op, Part, Shape, Value,
};

use crate::layers::{mark, named};

/// h-swish (Howard et al., *Searching for MobileNetV3*, ICCV 2019).
pub(crate) const HARD_SWISH: Op = Op::Activation(Activation::HardSwish);

/// A block: a 1×1 convolution to the channels in the middle, a depthwise one,
/// squeeze-and-excitation, and a 1×1 convolution; what goes in is added where the
/// shapes agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inverted {
    /// The side of the depthwise convolution's window.
    pub kernel: usize,
    /// Its step.
    pub stride: usize,
    /// The channels that it sees. Where as many go in, nothing expands them.
    pub middle: usize,
    /// The channels that come out.
    pub outputs: usize,
    /// What follows the first two convolutions.
    pub activation: Op,
    /// Squeeze-and-excitation, where there is any.
    pub squeeze: Option<Squeeze>,
}

/// Squeeze-and-excitation: each channel times a number in 0 to 1 that follows
/// from the means of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Squeeze {
    /// The numbers that the means are squeezed to.
    pub width: usize,
    /// What follows the squeeze.
    pub activation: Op,
    /// What follows the excitation.
    pub gate: Op,
}

impl Squeeze {
    /// MobileNetV3's, of so many channels, as both Once-for-all and torchvision have
    /// it: to a quarter, rounded as all widths are, with ReLU and hard sigmoid.
    pub fn v3(middle: usize) -> Self {
        Self {
            width: divisible((middle / 4) as f64),
            activation: Op::Relu,
            gate: Op::Activation(Activation::HardSigmoid),
        }
    }
}

/// So many percent of some channels, as [`divisible`] rounds them.
pub(crate) fn scaled(channels: usize, percent: u64) -> usize {
    divisible(channels as f64 * (percent as f64 / 100.0))
}

/// The nearest multiple of 8, but at least 8, and one more step where more than a
/// tenth would be lost: what every released code calls `make_divisible`.
fn divisible(channels: f64) -> usize {
    const STEP: f64 = 8.0;
    let nearest = STEP * (channels / STEP + 0.5).floor().max(1.0);
    let short = nearest < 0.9 * channels;
    (nearest + if short { STEP } else { 0.0 }) as usize
}

/// Whose names the layers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of Once-for-all's `MobileNetV3`.
    OnceForAll,
    /// Those of torchvision's `MobileNetV3` and `EfficientNet`: every layer has its
    /// place in a list.
    Torchvision,
    /// Those of torchvision's `MobileNetV2`: likewise, but the projection and its
    /// norm have two places.
    TorchvisionV2,
}

/// The names of two layers: a convolution's and its norm's, or those of the two
/// convolutions of squeeze-and-excitation.
type Pair = [String; 2];

/// The names of a block's layers.
struct BlockNames {
    expansion: Pair,
    depthwise: Pair,
    squeeze: Pair,
    projection: Pair,
}

impl Names {
    /// A convolution and its norm at `path`.
    fn pair(self, path: &str) -> Pair {
        match self {
            Self::OnceForAll => ["conv", "bn"],
            Self::Torchvision | Self::TorchvisionV2 => ["0", "1"],
        }
        .map(|layer| format!("{path}.{layer}"))
    }

    /// The layers of the block at `path`.
    fn block(self, path: &str, expands: bool, squeezes: bool) -> BlockNames {
        let at = |part: &str| format!("{path}.{part}");
        if self == Self::OnceForAll {
            return BlockNames {
                expansion: self.pair(&at("inverted_bottleneck")),
                depthwise: self.pair(&at("depth_conv")),
                squeeze: ["reduce", "expand"].map(|fc| at(&format!("depth_conv.se.fc.{fc}"))),
                projection: self.pair(&at("point_linear")),
            };
        }
        let place = |place: usize| at(&place.to_string());
        let depthwise = usize::from(expands);
        let squeeze = depthwise + 1;
        let projection = squeeze + usize::from(squeezes);
        BlockNames {
            expansion: self.pair(&place(0)),
            depthwise: self.pair(&place(depthwise)),
            squeeze: ["fc1", "fc2"].map(|fc| format!("{}.{fc}", place(squeeze))),
            projection: match self {
                Self::TorchvisionV2 => [place(projection), place(projection + 1)],
                _ => self.pair(&place(projection)),
            },
        }
    }
}

/// A network as far as it goes: each layer reads what the one before it gives.
pub(crate) struct Layers {
    graph: Graph,
    last: Value,
    names: Names,
    epsilon: f64,
}

impl Layers {
    /// A network that is shown images of this side.
    pub fn of_images(side: usize, names: Names) -> Self {
        let graph = Graph::new(Shape::Maps { channels: 3, side });
        Self {
            last: graph.input(),
            graph,
            names,
            epsilon: NORM_EPSILON,
        }
    }

    /// The same, with norms that add `epsilon` to variances.
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The channels of what there is.
    pub fn channels(&self) -> usize {
        self.graph.channels(self.last)
    }

    /// An operation without parameters.
    pub fn push(&mut self, op: Op) -> Result<(), GraphError> {
        self.last = self.graph.push(op, &[self.last])?;
        Ok(())
    }

    /// A convolution alone.
    pub fn convolution(&mut self, name: &str, kernel: Kernel) -> Result<(), GraphError> {
        self.last = self.graph.convolve(self.last, named(name, name), kernel)?;
        Ok(())
    }

    /// A convolution and its norm.
    fn normal(&mut self, [name, norm]: &Pair, kernel: Kernel) -> Result<(), GraphError> {
        self.convolution(name, kernel)?;
        let norm = named(norm, norm);
        self.last = self.graph.batch_norm_with(self.last, norm, self.epsilon)?;
        Ok(())
    }

    /// The first layers: a 3×3 convolution that halves the image.
    pub fn stem(&mut self, path: &str, channels: usize, activation: Op) -> Result<(), GraphError> {
        let image = self.last;
        self.normal(&self.names.pair(path), Kernel::new(channels, 3, 2))?;
        self.push(activation)?;
        mark(&mut self.graph, image, self.last);
        Ok(())
    }

    /// A block.
    pub fn block(&mut self, path: &str, block: &Inverted) -> Result<(), GraphError> {
        let (input, inputs) = (self.last, self.channels());
        let expands = block.middle != inputs;
        let names = self.names.block(path, expands, block.squeeze.is_some());
        if expands {
            self.normal(&names.expansion, Kernel::new(block.middle, 1, 1))?;
            self.push(block.activation)?;
        }
        let depthwise = Kernel::depthwise(block.middle, block.kernel, block.stride);
        self.normal(&names.depthwise, depthwise)?;
        self.push(block.activation)?;
        if let Some(squeeze) = &block.squeeze {
            self.last = self::squeeze(&mut self.graph, self.last, &names.squeeze, squeeze)?;
        }
        self.normal(&names.projection, Kernel::new(block.outputs, 1, 1))?;
        if block.stride == 1 && block.outputs == inputs {
            self.last = self.graph.push(Op::Add, &[self.last, input])?;
        }
        mark(&mut self.graph, input, self.last);
        Ok(())
    }

    /// The last layers before the pooling: a 1×1 convolution. What comes out are
    /// the features.
    pub fn features(
        &mut self,
        path: &str,
        channels: usize,
        activation: Op,
    ) -> Result<(), GraphError> {
        self.normal(&self.names.pair(path), Kernel::new(channels, 1, 1))?;
        self.push(activation)?;
        self.graph.mark(Mark::Features(self.last));
        Ok(())
    }

    /// A linear map.
    pub fn linear(&mut self, name: &str, width: usize) -> Result<(), GraphError> {
        self.last = self.graph.linear(self.last, named(name, name), width)?;
        Ok(())
    }

    /// The linear map to the classes, after dropout; the network is then whole.
    pub fn classifier(
        mut self,
        dropout: f64,
        name: &str,
        classes: usize,
    ) -> Result<Graph, GraphError> {
        self.push(Op::Dropout { rate: dropout })?;
        let head = Named {
            part: Part::Classifier,
            ..named(name, name)
        };
        self.graph.linear(self.last, head, classes)?;
        Ok(self.graph)
    }
}

/// Squeeze-and-excitation of maps, by the names of its two convolutions.
pub(crate) fn squeeze(
    graph: &mut Graph,
    maps: Value,
    names: &[String; 2],
    squeeze: &Squeeze,
) -> Result<Value, GraphError> {
    let biased = |outputs| Kernel {
        bias: true,
        ..Kernel::new(outputs, 1, 1)
    };
    let [first, second] = names;
    let means = graph.push(Op::Squeeze, &[maps])?;
    let squeezed = graph.convolve(means, named(first, first), biased(squeeze.width))?;
    let squeezed = graph.push(squeeze.activation, &[squeezed])?;
    let channels = biased(graph.channels(maps));
    let excited = graph.convolve(squeezed, named(second, second), channels)?;
    let gates = graph.push(squeeze.gate, &[excited])?;
    graph.push(Op::Scale, &[maps, gates])
}

/// The SHA-256 of all parameters' names and shapes, in order, a line each.
#[cfg(test)]
pub(crate) fn names_digest(graph: &Graph) -> String {
    use sha2::{Digest, Sha256};
    let line = |p: &knas_graph::Parameter| format!("{} {:?}\n", p.name, p.shape);
    let text: String = graph.parameters().iter().map(line).collect();
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // [make_divisible(c * w, 8) for c, w in …], of once-for-all's pytorch_modules.py
    #[test]
    fn widths_are_rounded_as_the_released_codes_round_them() {
        for (channels, percent, rounded) in [
            (16, 100, 16),
            (24, 120, 32),
            (40, 120, 48),
            (112, 120, 136),
            (160, 120, 192),
            (32, 140, 48),
            (24, 140, 32),
            (12, 100, 16),
            (18, 100, 24),
            (20, 100, 24),
            (1, 100, 8),
            (16, 10, 8),
        ] {
            assert_eq!(scaled(channels, percent), rounded, "{channels} {percent}");
        }
    }
}
