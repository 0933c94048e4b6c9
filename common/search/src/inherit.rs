//! Architectures with the weights that they have in a network of all.

use std::collections::HashMap;
use std::path::Path;

use knas_graph::{Graph, Op, Role};
use knas_net::batch_norm::Statistics;
use knas_net::weights::WeightFile;
use knas_net::{Event, NetError, Network, Norm, Source};
use knas_space::Supernet;
use tch::{Device, Kind, Tensor};

use crate::SearchError;

/// The network of `graph`, an architecture's, which takes these options. `tensor` gives
/// the supernet's parameters by their places. Norms that have no factors and summands
/// there have 1 and 0.
///
/// # Errors
/// When a parameter is missing, or memory does not suffice.
pub fn child(
    supernet: &Supernet,
    tensor: &dyn Fn(usize) -> Result<Tensor, NetError>,
    options: &[usize],
    graph: Graph,
    place: (Kind, Device),
) -> Result<Network, SearchError> {
    let inherited = supernet.inherited(options);
    let float = (Kind::Float, Device::Cpu);
    let mut tensors = Vec::with_capacity(graph.parameters().len());
    for parameter in graph.parameters() {
        let shape: Vec<i64> = parameter.shape.iter().map(|&n| n as i64).collect();
        let value = match (inherited.get(&parameter.name), parameter.role) {
            (Some(&place), _) => tensor(place)?,
            (None, Role::NormWeight) => Tensor::f_ones(&shape, float)?,
            (None, Role::NormBias) => Tensor::f_zeros(&shape, float)?,
            (None, _) => continue, // said below
        };
        tensors.push((parameter.name.clone(), value));
    }
    let file = WeightFile::of_tensors(Path::new("supernet"), tensors);
    Ok(Network::new(graph, Source::File(&file), place)?)
}

/// Gathers a network's running statistics anew: the means of those of batches, each of
/// which counts alike. Those of a mixture are no architecture's.
///
/// # Errors
/// When libtorch refuses, or a batch has one position of one image.
pub fn gather(
    network: &Network,
    batches: impl IntoIterator<Item = Tensor>,
) -> Result<(), NetError> {
    let _guard = tch::no_grad_guard();
    // By the norms' weights: sums of means and of variances.
    let mut sums: HashMap<usize, [Vec<f64>; 2]> = HashMap::new();
    let mut count = 0.0;
    for batch in batches {
        let mut failed = None;
        let mut observe = |event: Event<'_>| {
            if let Event::Norm { weight, input, .. } = event
                && failed.is_none()
            {
                match Statistics::of(input) {
                    Ok(found) => add(sums.entry(weight).or_default(), &found),
                    Err(error) => failed = Some(error),
                }
            }
        };
        let _ = network.forward_observed(&batch, Norm::Batch, &mut observe)?;
        if let Some(error) = failed {
            return Err(error);
        }
        count += 1.0;
    }
    for node in network.graph().nodes() {
        let Op::BatchNorm {
            weight, running, ..
        } = node.op
        else {
            continue;
        };
        let Some(sums) = sums.get(&weight) else {
            continue;
        };
        let running = &network.running()[running];
        for (kept, sums) in [&running.mean, &running.variance].into_iter().zip(sums) {
            let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
            let means = Tensor::f_from_slice(&means)?;
            kept.shallow_clone().f_copy_(&means)?;
        }
    }
    Ok(())
}

/// Adds a batch's means, and its variances as estimates of what it was drawn from.
fn add(sums: &mut [Vec<f64>; 2], found: &Statistics) {
    let unbiased = found.count as f64 / (found.count - 1) as f64;
    let variances = found.variances.iter().map(|variance| variance * unbiased);
    let [means, squares] = sums;
    for (sums, values) in [(means, found.means.clone()), (squares, variances.collect())] {
        sums.resize(values.len(), 0.0);
        sums.iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests;
