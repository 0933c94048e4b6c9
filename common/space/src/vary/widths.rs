//! Which channels of a network have to be as many as which others.

use knas_graph::{Graph, Op};

use super::found::{channels_of, lcm};

/// Which channels have to be as many as which others.
pub(super) struct Widths {
    /// By node, another one whose channels are as many; itself at the end of the chain.
    same: Vec<usize>,
    fixed: Vec<bool>,
    /// What they are a multiple of.
    multiple: Vec<usize>,
    /// By node, whether a convolution makes its channels.
    made: Vec<bool>,
    /// By node, by how much the image has been shrunk.
    shrunk: Vec<usize>,
    /// By node, whether it comes of means over all positions.
    pub pooled: Vec<bool>,
}

impl Widths {
    pub fn of(graph: &Graph) -> Self {
        let count = graph.nodes().len();
        let mut widths = Self {
            same: (0..count).collect(),
            fixed: vec![false; count],
            multiple: vec![1; count],
            made: vec![false; count],
            shrunk: vec![1; count],
            pooled: vec![false; count],
        };
        for (place, node) in graph.nodes().iter().enumerate() {
            let reads: Vec<usize> = node.inputs.iter().map(|value| value.place()).collect();
            widths.node(graph, place, &node.op, &reads);
        }
        widths.fix(0);
        widths.fix(count - 1); // the classes
        widths
    }

    fn node(&mut self, graph: &Graph, place: usize, op: &Op, reads: &[usize]) {
        let Some(&first) = reads.first() else { return };
        self.shrunk[place] = self.shrunk[first];
        self.pooled[place] = reads.iter().all(|read| self.pooled[*read]);
        let channels = |place: usize| channels_of(graph.nodes()[place].shape);
        match *op {
            Op::Convolution { grid, groups, .. } => {
                self.shrunk[place] = self.shrunk[place].saturating_mul(grid.stride);
                self.made[place] = !self.pooled[place];
                if Some(groups) == channels(first) && groups > 1 {
                    // Depthwise: as many as it reads, unless each makes several.
                    self.join(place, first);
                    if channels(place) != channels(first) {
                        self.fix(first);
                    }
                } else {
                    for place in [place, first] {
                        let root = self.root(place);
                        self.multiple[root] = lcm(self.multiple[root], groups);
                    }
                }
            }
            Op::Linear { .. } => {}
            Op::MaxPool { stride, .. } | Op::AveragePool { stride, .. } => {
                self.shrunk[place] = self.shrunk[place].saturating_mul(stride);
                self.join(place, first);
            }
            Op::GlobalPool | Op::Squeeze => {
                self.pooled[place] = true;
                self.join(place, first);
            }
            // As many as it reads times positions: only a linear map can follow.
            Op::Flatten => {
                self.pooled[place] = true;
                self.fix(place);
            }
            Op::Concatenate | Op::Narrow { .. } | Op::Shuffle { .. } => {
                self.fix(place);
                for &read in reads {
                    self.fix(read);
                }
            }
            _ => {
                for &read in reads {
                    self.join(place, read);
                }
            }
        }
    }

    fn root(&self, mut place: usize) -> usize {
        while self.same[place] != place {
            place = self.same[place];
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.fixed[other] |= self.fixed[one];
        self.multiple[other] = lcm(self.multiple[one], self.multiple[other]);
        self.same[one] = other;
    }

    fn fix(&mut self, place: usize) {
        let root = self.root(place);
        self.fixed[root] = true;
    }

    /// By how much images are shrunk in each stage, and by node the stage of its
    /// channels and what they are a multiple of, where their number is free. Channels
    /// belong to the last stage that they come to.
    pub fn stages(&self) -> (Vec<usize>, Vec<Option<(usize, usize)>>) {
        let count = self.same.len();
        let (mut last, mut free) = (vec![0; count], vec![false; count]);
        for place in 0..count {
            let root = self.root(place);
            free[root] |= self.made[place];
            if !self.pooled[place] {
                last[root] = last[root].max(self.shrunk[place]);
            }
        }
        let is_free = |root: usize| free[root] && !self.fixed[root];
        let roots = (0..count).filter(|&place| self.same[place] == place && is_free(place));
        let mut stages: Vec<usize> = roots.map(|root| last[root]).collect();
        stages.sort_unstable();
        stages.dedup();
        let stage = |place: usize| {
            let root = self.root(place);
            let stage = stages.binary_search(&last[root]).ok()?;
            is_free(root).then_some((stage + 1, self.multiple[root]))
        };
        let channels = (0..count).map(stage).collect();
        (stages, channels)
    }
}
