//! MobileNetV2 and V3 as torchvision builds them, with its names.

use knas_graph::{Activation, Graph, GraphError, Op};

use crate::inverted::{HARD_SWISH, Inverted, Layers, Names, Squeeze, scaled};

/// A network that torchvision has, with weights for 1,000 classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Released {
    /// Sandler et al., *MobileNetV2: Inverted Residuals and Linear Bottlenecks*,
    /// CVPR 2018, table 2.
    V2,
    /// Howard et al., *Searching for MobileNetV3*, ICCV 2019, table 1.
    V3Large,
    /// The same, table 2.
    V3Small,
}

impl Released {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::V2, Self::V3Large, Self::V3Small];

    /// Its name, which is torchvision's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "mobilenet_v2",
            Self::V3Large => "mobilenet_v3_large",
            Self::V3Small => "mobilenet_v3_small",
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Its network, the channels scaled to `width` percent as torchvision's
    /// `width_mult` does.
    pub(super) fn lower(
        self,
        width: u64,
        side: usize,
        classes: usize,
    ) -> Result<Graph, GraphError> {
        match self {
            Self::V2 => v2(width, side, classes),
            Self::V3Large => v3(&LARGE, 1280, width, side, classes),
            Self::V3Small => v3(&SMALL, 1024, width, side, classes),
        }
    }
}

/// The dropout before the classifier.
const DROPOUT: f64 = 0.2;

/// The stages of V2: expansion, channels, blocks, stride of the first.
const V2: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

fn v2(width: u64, side: usize, classes: usize) -> Result<Graph, GraphError> {
    const RELU6: Op = Op::Activation(Activation::Relu6);
    let mut net = Layers::of_images(side, Names::TorchvisionV2);
    net.stem("features.0", scaled(32, width), RELU6)?;
    let mut number = 1;
    for (expansion, channels, blocks, stride) in V2 {
        for place in 0..blocks {
            let block = Inverted {
                kernel: 3,
                stride: if place == 0 { stride } else { 1 },
                middle: expansion * net.channels(),
                outputs: scaled(channels, width),
                activation: RELU6,
                squeeze: None,
            };
            net.block(&format!("features.{number}.conv"), &block)?;
            number += 1;
        }
    }
    // The last layer gets wider, but not narrower.
    let last = scaled(1280, width.max(100));
    net.features(&format!("features.{number}"), last, RELU6)?;
    net.push(Op::GlobalPool)?;
    net.classifier(DROPOUT, "classifier.1", classes)
}

/// A block of V3: kernel, channels in the middle and out, whether it has
/// squeeze-and-excitation, activation, stride.
type Row = (usize, usize, usize, bool, Op, usize);

const RELU: Op = Op::Relu;

const LARGE: [Row; 15] = [
    (3, 16, 16, false, RELU, 1),
    (3, 64, 24, false, RELU, 2),
    (3, 72, 24, false, RELU, 1),
    (5, 72, 40, true, RELU, 2),
    (5, 120, 40, true, RELU, 1),
    (5, 120, 40, true, RELU, 1),
    (3, 240, 80, false, HARD_SWISH, 2),
    (3, 200, 80, false, HARD_SWISH, 1),
    (3, 184, 80, false, HARD_SWISH, 1),
    (3, 184, 80, false, HARD_SWISH, 1),
    (3, 480, 112, true, HARD_SWISH, 1),
    (3, 672, 112, true, HARD_SWISH, 1),
    (5, 672, 160, true, HARD_SWISH, 2),
    (5, 960, 160, true, HARD_SWISH, 1),
    (5, 960, 160, true, HARD_SWISH, 1),
];

const SMALL: [Row; 11] = [
    (3, 16, 16, true, RELU, 2),
    (3, 72, 24, false, RELU, 2),
    (3, 88, 24, false, RELU, 1),
    (5, 96, 40, true, HARD_SWISH, 2),
    (5, 240, 40, true, HARD_SWISH, 1),
    (5, 240, 40, true, HARD_SWISH, 1),
    (5, 120, 48, true, HARD_SWISH, 1),
    (5, 144, 48, true, HARD_SWISH, 1),
    (5, 288, 96, true, HARD_SWISH, 2),
    (5, 576, 96, true, HARD_SWISH, 1),
    (5, 576, 96, true, HARD_SWISH, 1),
];

/// `hidden` is the width of the classifier's first linear map.
fn v3(
    rows: &[Row],
    hidden: usize,
    width: u64,
    side: usize,
    classes: usize,
) -> Result<Graph, GraphError> {
    const EPSILON: f64 = 1e-3;
    let mut net = Layers::of_images(side, Names::Torchvision).with_epsilon(EPSILON);
    net.stem("features.0", scaled(16, width), HARD_SWISH)?;
    for (place, &(kernel, middle, outputs, squeezes, activation, stride)) in rows.iter().enumerate()
    {
        let middle = scaled(middle, width);
        let block = Inverted {
            kernel,
            stride,
            middle,
            outputs: scaled(outputs, width),
            activation,
            squeeze: squeezes.then(|| Squeeze::v3(middle)),
        };
        net.block(&format!("features.{}.block", place + 1), &block)?;
    }
    let last = 6 * net.channels();
    net.features(&format!("features.{}", rows.len() + 1), last, HARD_SWISH)?;
    net.push(Op::GlobalPool)?;
    net.linear("classifier.0", scaled(hidden, width))?;
    net.push(HARD_SWISH)?;
    net.classifier(DROPOUT, "classifier.3", classes)
}
