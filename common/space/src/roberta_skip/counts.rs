//! Exact parameters and multiply-accumulates of a layout's network.

use super::Layout;

/// What the counts depend on beside the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Tokens of one input.
    pub tokens: usize,
    /// Classes that the classifier tells apart.
    pub classes: usize,
}

impl Task {
    /// What records count: a pair of sentences of 128 tokens, or as many as the
    /// backbone takes, and two classes.
    #[must_use]
    pub fn usual(layout: &Layout) -> Self {
        Self {
            tokens: layout.backbone().longest_input().min(128),
            classes: 2,
        }
    }
}

/// All parameters of the network: embeddings, the layers that are kept, and the
/// classifier of two linear maps. Links have none.
#[must_use]
pub fn params(layout: &Layout, task: Task) -> u64 {
    let backbone = layout.backbone();
    let [width, intermediate] = [backbone.width, backbone.intermediate].map(|size| size as u64);
    let norm = 2 * width;
    let rows = (backbone.vocabulary + backbone.positions + backbone.token_types) as u64;
    let embeddings = rows * width + norm;
    let attention = 4 * linear(width, width);
    let feed_forward = linear(width, intermediate) + linear(intermediate, width);
    let layer = attention + norm + feed_forward + norm;
    let classifier = linear(width, width) + linear(width, task.classes as u64);
    embeddings + layout.layers().len() as u64 * layer + classifier
}

/// Parameters of a linear map with its bias.
fn linear(inputs: u64, outputs: u64) -> u64 {
    inputs * outputs + outputs
}

/// Multiply-accumulates of one forward pass over one input: matrix products
/// alone. Looking up embeddings, norms, softmax, activations and combinations
/// are none, as additions and pooling are none in an image network.
#[must_use]
pub fn macs(layout: &Layout, task: Task) -> u64 {
    let backbone = layout.backbone();
    let [tokens, width, intermediate, classes] = [
        task.tokens,
        backbone.width,
        backbone.intermediate,
        task.classes,
    ]
    .map(|size| size as u64);
    let projections = 4 * tokens * width * width;
    // over all heads: queries with keys, and weights with values
    let attention = 2 * tokens * tokens * width;
    let feed_forward = 2 * tokens * width * intermediate;
    let layer = projections + attention + feed_forward;
    let classifier = width * width + width * classes;
    layout.layers().len() as u64 * layer + classifier
}

#[cfg(test)]
mod tests {
    use super::super::{Backbone, PRESETS};
    use super::*;

    fn usual(text: &str) -> (u64, u64) {
        let layout: Layout = text.parse().unwrap();
        let task = Task::usual(&layout);
        (params(&layout, task), macs(&layout, task))
    }

    // for config in (RobertaConfig(vocab_size=50265, max_position_embeddings=514,
    //         type_vocab_size=1, hidden_size=1024, num_hidden_layers=24,
    //         num_attention_heads=16, intermediate_size=4096), …):
    //     net = AutoModelForSequenceClassification.from_config(config)
    //     print(sum(p.numel() for p in net.parameters()))
    #[test]
    fn backbones_have_the_parameters_that_transformers_counts() {
        let counted = |name| {
            let layout = Layout::plain(Backbone::preset(name).unwrap());
            params(&layout, Task::usual(&layout))
        };
        assert_eq!(counted("roberta-large"), 355_361_794);
        assert_eq!(counted("roberta-base"), 124_647_170);
        assert_eq!(counted("minilm"), 22_713_986);
    }

    /// Every parameter's shape and every product's sizes, one by one.
    #[test]
    fn counts_are_the_sum_over_shapes_and_products() {
        for (_, backbone) in PRESETS {
            let plain = Layout::plain(*backbone);
            let task = Task::usual(&plain);
            let (d, i, s) = (backbone.width, backbone.intermediate, task.tokens);
            let head = d / backbone.heads;
            let mut shapes = vec![
                vec![backbone.vocabulary, d],
                vec![backbone.positions, d],
                vec![backbone.token_types, d],
                vec![d],
                vec![d],
            ];
            let mut products = Vec::new();
            for _ in 0..backbone.layers {
                for _ in ["query", "key", "value", "output"] {
                    shapes.extend([vec![d, d], vec![d]]);
                    products.push([s, d, d]);
                }
                for _ in 0..backbone.heads {
                    products.extend([[s, head, s], [s, s, head]]);
                }
                shapes.extend([vec![i, d], vec![i], vec![d, i], vec![d]]);
                products.extend([[s, d, i], [s, i, d]]);
                shapes.extend([vec![d], vec![d], vec![d], vec![d]]);
            }
            shapes.extend([vec![d, d], vec![d], vec![2, d], vec![2]]);
            products.extend([[1, d, d], [1, d, 2]]);
            let shapes: usize = shapes
                .iter()
                .map(|shape| shape.iter().product::<usize>())
                .sum();
            let products: usize = products
                .iter()
                .map(|sizes| sizes.iter().product::<usize>())
                .sum();
            assert_eq!(params(&plain, task), shapes as u64);
            assert_eq!(macs(&plain, task), products as u64);
        }
    }

    #[test]
    fn links_cost_nothing_and_layers_what_they_are() {
        let plain = usual("minilm:1|2|3|4|5|6|head");
        assert_eq!(usual("minilm:1|2~0|3|4|5|6|head~1~2:sum"), plain);
        let (params, macs) = usual("minilm:1|2|4|5|6|head");
        let layer = 4 * (384 * 384 + 384) + 2 * 384 * 1536 + 1536 + 384 + 4 * 384;
        assert_eq!(plain.0 - params, layer);
        assert_eq!(
            plain.1 - macs,
            128 * (4 * 384 * 384 + 2 * 384 * 1536) + 2 * 128 * 128 * 384
        );
    }

    #[test]
    fn a_short_backbone_is_counted_at_its_longest_input() {
        let layout: Layout = "roberta-l1-d4-h2-i8-v9-p20-t1:1|head".parse().unwrap();
        assert_eq!(Task::usual(&layout).tokens, 18);
    }
}
