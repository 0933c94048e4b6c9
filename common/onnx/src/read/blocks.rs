//! Where a network's blocks are.
//!
//! All that a network computes from some values follows from one of them alone: what
//! lies between two such values is a block where it branches and comes together again
//! in a sum or a concatenation. What lies between two blocks is one, too.

use knas_graph::{Op, Shape};

/// A layer, and the places of what it reads.
pub(crate) struct Layer {
    pub op: Op,
    pub reads: Vec<usize>,
    pub shape: Shape,
    /// The node of the draft that it was.
    pub draft: usize,
}

/// What is told of a network's values, each by the place of its layer.
pub(crate) struct Marks {
    /// What goes into each block, and what comes out of it.
    pub blocks: Vec<(usize, usize)>,
    /// The features before pooling.
    pub features: Option<usize>,
}

/// The blocks and the features of a network.
pub(crate) fn marks(layers: &[Layer]) -> Marks {
    let alone = alone(layers);
    // Where everything goes through a pooling; squeeze-and-excitation has a way round.
    let pools = |place: &usize| {
        let layer = &layers[*place];
        alone[*place] && matches!(layer.op, Op::GlobalPool | Op::Squeeze | Op::Flatten)
    };
    let pooling = (1..layers.len()).find(pools);
    let features = pooling.and_then(|place| layers[place].reads.first().copied());
    let mut blocks = Vec::new();
    let (mut last, mut before) = (0, 0);
    let until = features.map_or(0, |features| features + 1);
    for place in 1..until {
        if !alone[place] {
            continue;
        }
        if joins(&layers[place]) {
            let end = followed(layers, &alone, place, until);
            if before > last {
                blocks.push((last, before));
            }
            blocks.push((before, end));
            last = end;
        }
        before = place.max(last);
    }
    Marks { blocks, features }
}

/// Whether branches come together in a layer.
fn joins(layer: &Layer) -> bool {
    matches!(layer.op, Op::Add | Op::Concatenate) && matches!(layer.shape, Shape::Maps { .. })
}

/// The last of the activations and shuffles that follow on the layer at this place, one
/// on the other; else the place.
fn followed(layers: &[Layer], alone: &[bool], mut place: usize, until: usize) -> usize {
    let follows = |layer: &Layer, place: usize| {
        let simple = matches!(layer.op, Op::Relu | Op::Activation(_) | Op::Shuffle { .. });
        simple && layer.reads == [place]
    };
    while place + 1 < until && alone[place + 1] && follows(&layers[place + 1], place) {
        place += 1;
    }
    place
}

/// By layer, whether all that comes after it follows from what it gives.
fn alone(layers: &[Layer]) -> Vec<bool> {
    let mut read_until = vec![0; layers.len()];
    for (place, layer) in layers.iter().enumerate() {
        for &read in &layer.reads {
            read_until[read] = place;
        }
    }
    let mut reach = 0;
    let mut alone = Vec::with_capacity(layers.len());
    for (place, until) in read_until.into_iter().enumerate() {
        alone.push(reach <= place);
        reach = reach.max(until);
    }
    alone
}
