//! From the last stage's maps to the loss, and back.

use super::layers::{Gradients, values};
use super::map::Map;
use super::norm::Norm;
use super::pooling::{means, means_gradient};
use crate::NetError;
use crate::nb201::Network;

/// Norm, ReLU, global average pooling, classifier, cross-entropy.
pub(super) struct Head {
    norm: Norm,
    active: Map,
    gradient: Map,
    classifier: usize,
    /// Classes × features.
    weight: Vec<f32>,
    bias: Vec<f32>,
    weight_gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
}

impl Head {
    /// Of this network, on maps of `channels` × `side` × `side`.
    pub fn new(network: &Network, [channels, side]: [usize; 2]) -> Result<Self, NetError> {
        let parameters = network.parameters();
        let weight = values(&parameters[network.classifier].tensor)?;
        let bias = values(&parameters[network.classifier + 1].tensor)?;
        Ok(Self {
            norm: Norm::new(network.last_norm, side, 1, &network.tensors)?,
            active: Map::zeros(channels, side),
            gradient: Map::zeros(channels, side),
            classifier: network.classifier,
            weight_gradient: vec![0.0; weight.len()],
            bias_gradient: vec![0.0; bias.len()],
            weight,
            bias,
        })
    }

    /// Puts in the place of the maps of an image of class `target` the gradient
    /// of `share` times its loss with respect to them.
    pub fn pass(&mut self, map: &mut Map, target: usize, share: f32) {
        self.norm.input(0).set_sum(&[map]);
        self.norm.forward(0, &mut self.gradient);
        self.active.set_relu(&[&self.gradient]);
        let features = means(&self.active);
        let rows = || self.weight.chunks_exact(features.len());
        let logits: Vec<f32> = rows()
            .zip(&self.bias)
            .map(|(row, bias)| bias + row.iter().zip(&features).map(|(w, x)| w * x).sum::<f32>())
            .collect();

        // ∂L/∂logits = softmax − one at the target
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut deltas: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let factor = share / deltas.iter().sum::<f32>();
        deltas.iter_mut().for_each(|delta| *delta *= factor);
        deltas[target] -= share;

        let mut feature_gradient = vec![0.0; features.len()];
        for (row, delta) in rows().zip(&deltas) {
            for (sum, weight) in feature_gradient.iter_mut().zip(row) {
                *sum += delta * weight;
            }
        }
        let rows = self.weight_gradient.chunks_exact_mut(features.len());
        for (row, delta) in rows.zip(&deltas) {
            for (sum, feature) in row.iter_mut().zip(&features) {
                *sum += delta * feature;
            }
        }
        for (sum, delta) in self.bias_gradient.iter_mut().zip(&deltas) {
            *sum += delta;
        }
        means_gradient(&feature_gradient, map);
        self.gradient.set_relu_gradient(map, &self.active);
        self.norm.backward(0, &self.gradient, map);
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.norm.take(gradients);
        let sums = [&mut self.weight_gradient, &mut self.bias_gradient];
        for (place, sum) in (self.classifier..).zip(sums) {
            gradients[place].extend_from_slice(sum);
            sum.fill(0.0);
        }
    }
}
