//! Exact parameters and multiply-accumulates of a layout's network.

use std::cell::Cell;

use knas_graph::{Cost, GraphError};

use super::network::lower;
use super::{Backbone, Layout, Settings};

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

/// What the network of a layout costs.
///
/// Links cost nothing, and every layer costs the same, so networks of one and of
/// two layers tell the cost of any.
///
/// # Errors
/// Never, for layouts that can be.
pub fn cost(layout: &Layout, task: Task) -> Result<Cost, GraphError> {
    thread_local! {
        /// What was counted last: layouts are drawn by the hundred thousand over
        /// one backbone.
        static LAST: Cell<Option<(Backbone, Task, [Cost; 2])>> = const { Cell::new(None) };
    }
    let backbone = *layout.backbone();
    let [one, two] = match LAST.get() {
        Some((last, of, costs)) if (last, of) == (backbone, task) => costs,
        _ => {
            let costs = [of_layers(1, backbone, task)?, of_layers(2, backbone, task)?];
            LAST.set(Some((backbone, task, costs)));
            costs
        }
    };
    let more = layout.layers().len() as u64 - 1;
    Ok(Cost {
        params: one.params + more * (two.params - one.params),
        macs: one.macs + more * (two.macs - one.macs),
    })
}

/// What so many layers cost, with embeddings and classifier.
fn of_layers(layers: usize, backbone: Backbone, task: Task) -> Result<Cost, GraphError> {
    let plain = Layout::plain(Backbone { layers, ..backbone });
    Ok(lower(&plain, &Settings::of(backbone.kind), task)?.cost())
}

#[cfg(test)]
mod tests {
    use super::super::PRESETS;
    use super::*;

    fn usual(text: &str) -> (u64, u64) {
        let layout: Layout = text.parse().unwrap();
        let task = Task::usual(&layout);
        let Cost { params, macs } = cost(&layout, task).unwrap();
        (params, macs)
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
            cost(&layout, Task::usual(&layout)).unwrap().params
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
            let expected = Cost {
                params: shapes as u64,
                macs: products as u64,
            };
            assert_eq!(cost(&plain, task).unwrap(), expected);
            let graph = lower(&plain, &Settings::of(backbone.kind), task);
            assert_eq!(graph.unwrap().cost(), expected);
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
