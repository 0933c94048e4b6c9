//! From the last stage's maps to the loss, and back.

use super::layers::Gradients;
use super::map::Map;
use super::memory::{self, values};
use super::norm::Norm;
use super::plan::Plan;
use super::pooling::{means, means_gradient};
use crate::NetError;
use crate::layers::Tensors;

/// Norm, ReLU, global average pooling, classifier, cross-entropy.
pub(super) struct Head {
    norm: Norm,
    /// Of images that are normalised together: ReLU of what the norm gives, and
    /// the gradient of that.
    active: Vec<Map>,
    gradients: Vec<Map>,
    /// The places of weight and bias.
    classifier: [usize; 2],
    /// Classes × features.
    weight: Vec<f32>,
    bias: Vec<f32>,
    weight_gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
}

impl Head {
    /// Of this plan, on maps of `channels` × `side` × `side`, of which
    /// `together` are normalised together.
    pub fn new(
        plan: &Plan,
        tensors: &Tensors,
        [channels, side]: [usize; 2],
        together: usize,
    ) -> Result<Self, NetError> {
        let of = |place: usize| values(&tensors.parameters[place].tensor);
        let [weight, bias] = plan.classifier;
        let (weight, bias) = (of(weight)?, of(bias)?);
        Ok(Self {
            norm: Norm::new(plan.last_norm, side, together, tensors)?,
            active: memory::repeated(together, || Map::zeros(channels, side))?,
            gradients: memory::repeated(together, || Map::zeros(channels, side))?,
            classifier: plan.classifier,
            weight_gradient: memory::zeros(weight.len())?,
            bias_gradient: memory::zeros(bias.len())?,
            weight,
            bias,
        })
    }

    /// Puts in the place of the maps of images, which are normalised together,
    /// the gradient of `share` times their loss with respect to them.
    pub fn pass(&mut self, maps: &mut [Map], targets: &[usize], share: f32) {
        let images = 0..maps.len();
        for (image, map) in maps.iter_mut().enumerate() {
            std::mem::swap(self.norm.input(image), map);
        }
        self.norm.forward(images.clone(), &mut self.gradients);
        for (image, (map, target)) in maps.iter_mut().zip(targets).enumerate() {
            self.active[image].set_relu(&[&self.gradients[image]]);
            let features = means(&self.active[image]);
            means_gradient(&self.classify(&features, *target, share), map);
            self.gradients[image].set_relu_gradient(map, &self.active[image]);
        }
        self.norm.backward(images, self.gradients.iter().zip(maps));
    }

    /// The gradient of `share` times the loss with respect to an image's
    /// features, which the classifier gets; adds those of its parameters to
    /// their sums.
    fn classify(&mut self, features: &[f32], target: usize, share: f32) -> Vec<f32> {
        let rows = || self.weight.chunks_exact(features.len());
        let logits: Vec<f32> = rows()
            .zip(&self.bias)
            .map(|(row, bias)| bias + row.iter().zip(features).map(|(w, x)| w * x).sum::<f32>())
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
            for (sum, feature) in row.iter_mut().zip(features) {
                *sum += delta * feature;
            }
        }
        for (sum, delta) in self.bias_gradient.iter_mut().zip(&deltas) {
            *sum += delta;
        }
        feature_gradient
    }

    /// Moves the sums of gradients to where they belong.
    pub fn take(&mut self, gradients: &mut Gradients) {
        self.norm.take(gradients);
        let sums = [&mut self.weight_gradient, &mut self.bias_gradient];
        for (place, sum) in self.classifier.into_iter().zip(sums) {
            gradients[place].extend_from_slice(sum);
            sum.fill(0.0);
        }
    }
}
