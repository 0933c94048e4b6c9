//! A layout: the layers of a backbone that a network keeps, and the outputs
//! that its nodes take beyond the usual ones.

use std::iter::once;

use super::Backbone;

/// How a node makes one input of several outputs, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Combination {
    /// (a + b + …) / number of them.
    Mean,
    /// a + b + …
    Sum,
}

impl Combination {
    /// Both, in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Mean, Self::Sum];

    /// Its name in the notation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
        }
    }
}

/// An extra connection: node `target` also takes the output of node `source`.
///
/// Nodes are counted along the network: 0 is the embeddings, 1 to k are the k
/// layers that are kept, whatever their numbers in the backbone, and k + 1 is
/// the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The node that takes it.
    pub target: usize,
    /// The node whose output is taken, at least two before the target: the one
    /// before is taken anyway.
    pub source: usize,
}

/// An architecture of the space.
///
/// With k layers kept, the network computes, token by token and element by
/// element where nothing else is said,
///
/// ```text
/// h[0] = embeddings, their layer norm included
/// h[t] = layer(t)(combine(h[i] for i in inputs(t)))   for t = 1 … k
/// logits = classifier(combine(h[i] for i in inputs(k + 1)) at the first token)
/// ```
///
/// where `layer(t)` is the whole post-norm layer number [`layers`](Self::layers)
/// `[t - 1]` of the backbone, its two residual connections included, which
/// start from its combined input; [`inputs`](Self::inputs) of t are t - 1 and
/// the links' sources, and [`combine`](Self::combination) of one output is that
/// output. The classifier is the backbone's own: a linear map of the width,
/// tanh, a linear map to the classes, with dropout where the backbone has it.
///
/// No layer is idle: each one reaches the next, and the last one the head. So
/// two layouts are the same network, with weights from the backbone, exactly
/// where they are equal. Weights drawn at random belong to the nodes t instead,
/// and then the layers' numbers make no difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    backbone: Backbone,
    /// Numbers in the backbone, ascending from 1; at least one.
    layers: Vec<usize>,
    /// Sorted, each once.
    links: Vec<Link>,
    /// The mean where there are no links, so that equal networks are equal.
    combination: Combination,
}

impl Layout {
    /// The backbone itself: every layer, no links.
    #[must_use]
    pub fn plain(backbone: Backbone) -> Self {
        Self {
            backbone,
            layers: (1..=backbone.layers).collect(),
            links: Vec::new(),
            combination: Combination::Mean,
        }
    }

    /// A layout of `layers`, numbers in the backbone, with `links` in any order.
    /// None where the layers are not ascending numbers of the backbone's, there
    /// is no layer, or a link comes twice or does not reach over a node.
    #[must_use]
    pub fn new(
        backbone: Backbone,
        layers: Vec<usize>,
        mut links: Vec<Link>,
        combination: Combination,
    ) -> Option<Self> {
        links.sort_unstable();
        let head = layers.len() + 1;
        let whole = layers.first().is_some_and(|&first| first >= 1)
            && layers.last().is_some_and(|&last| last <= backbone.layers)
            && layers.is_sorted_by(|a, b| a < b)
            && links.is_sorted_by(|a, b| a < b)
            && links
                .iter()
                .all(|link| link.target <= head && link.source + 2 <= link.target);
        let combination = if links.is_empty() {
            Combination::Mean
        } else {
            combination
        };
        whole.then_some(Self {
            backbone,
            layers,
            links,
            combination,
        })
    }

    /// What it is laid over.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// The numbers, from 1, that the layers kept have in the backbone.
    #[must_use]
    pub fn layers(&self) -> &[usize] {
        &self.layers
    }

    /// The node that stands for the classifier: one after the last layer.
    #[must_use]
    pub fn head(&self) -> usize {
        self.layers.len() + 1
    }

    /// The extra connections, by target and source.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// How outputs are combined; the mean where every node takes only one.
    #[must_use]
    pub fn combination(&self) -> Combination {
        self.combination
    }

    /// The nodes whose outputs `node` takes, ascending; the last one is the
    /// node before it. `node` is 1 to [`head`](Self::head).
    pub fn inputs(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let links = self.links.iter().filter(move |link| link.target == node);
        links.map(|link| link.source).chain(once(node - 1))
    }

    /// Whether it is the backbone itself.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.layers.len() == self.backbone.layers && self.links.is_empty()
    }
}
