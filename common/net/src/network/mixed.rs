//! Sums of what gates let through.

use knas_graph::Shape;
use tch::Tensor;

use super::run::Pass;
use crate::NetError;

/// The sum of what a node reads, but for gates that are closed.
pub(super) fn sum(pass: &Pass<'_, '_>, place: usize) -> Result<Tensor, NetError> {
    let nodes = pass.network.graph.nodes();
    let inputs = nodes[place].inputs.iter();
    let mut open = inputs.filter(|input| !pass.gates.closes(&nodes[input.place()].op));
    let Some(first) = open.next() else {
        return nothing(pass, place);
    };
    let mut sum = pass.values[first.place()].shallow_clone();
    for addend in open {
        sum = sum.f_add(&pass.values[addend.place()])?;
    }
    Ok(sum)
}

/// Zeros of a node's shape, laid out as the inputs are.
pub(super) fn nothing(pass: &Pass<'_, '_>, place: usize) -> Result<Tensor, NetError> {
    let Shape::Maps { channels, side } = pass.network.graph.nodes()[place].shape else {
        return Err(NetError::Unread(place)); // gates are for maps
    };
    let [channels, side] = [channels, side].map(|size| size as i64);
    let shape = [pass.count, channels, side, side];
    let zeros = Tensor::f_zeros(shape, pass.network.options)?;
    pass.laid_out(&zeros)
}
