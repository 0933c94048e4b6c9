//! The network of a sub-network's blocks, as the released code of Once-for-all
//! builds it (`MobileNetV3`, with the names of what `get_active_subnet` gives).

use knas_graph::{Graph, GraphError, Kernel, Op};

use super::stages::Stages;
use crate::inverted::{HARD_SWISH, Inverted, Layers, Names, Squeeze, scaled};

/// What a stage is, beside its blocks.
struct Stage {
    channels: usize,
    /// Of its first block; the others keep the side.
    stride: usize,
    activation: Op,
    squeezes: bool,
}

#[rustfmt::skip]
const STAGES: [Stage; 5] = [
    Stage { channels: 24, stride: 2, activation: Op::Relu, squeezes: false },
    Stage { channels: 40, stride: 2, activation: Op::Relu, squeezes: true },
    Stage { channels: 80, stride: 2, activation: HARD_SWISH, squeezes: false },
    Stage { channels: 112, stride: 1, activation: HARD_SWISH, squeezes: true },
    Stage { channels: 160, stride: 2, activation: HARD_SWISH, squeezes: true },
];

/// A 3×3 convolution, a block that expands nothing, the blocks of the stages, and a
/// head whose second 1×1 convolution follows the pooling, without bias or norm. All
/// channels are scaled to `width` percent.
pub(super) fn lower(
    stages: &Stages,
    width: u64,
    side: usize,
    classes: usize,
) -> Result<Graph, GraphError> {
    let scaled = |channels| scaled(channels, width);
    let mut net = Layers::of_images(side, Names::OnceForAll);
    net.stem("first_conv", scaled(16), HARD_SWISH)?;
    let first = Inverted {
        kernel: 3,
        stride: 1,
        middle: scaled(16),
        outputs: scaled(16),
        activation: Op::Relu,
        squeeze: None,
    };
    net.block("blocks.0.conv", &first)?;
    let mut number = 1;
    for (stage, blocks) in STAGES.iter().zip(stages.blocks()) {
        for (place, block) in blocks.iter().enumerate() {
            let middle = block.expansion * net.channels();
            let block = Inverted {
                kernel: block.kernel,
                stride: if place == 0 { stage.stride } else { 1 },
                middle,
                outputs: scaled(stage.channels),
                activation: stage.activation,
                squeeze: stage.squeezes.then(|| Squeeze::v3(middle)),
            };
            net.block(&format!("blocks.{number}.conv"), &block)?;
            number += 1;
        }
    }
    net.features("final_expand_layer", scaled(960), HARD_SWISH)?;
    net.push(Op::Squeeze)?;
    net.convolution("feature_mix_layer.conv", Kernel::new(scaled(1280), 1, 1))?;
    net.push(HARD_SWISH)?;
    // Of one position: a vector of the same numbers.
    net.push(Op::GlobalPool)?;
    net.classifier(0.1, "classifier.linear", classes)
}
