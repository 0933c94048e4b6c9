//! A forward pass that is kept.

use std::rc::Rc;

use knas_net::{Event, Network};
use tch::Tensor;

use crate::ScoreError;
use crate::evaluation::{Evaluation, Mode};

/// The samples' forward pass, all of them in one batch. Its autograd graph stays
/// as long as the evaluation, so that every score that goes back from it, be it
/// from the loss or from the logits, to the weights or to the inputs, finds it
/// made.
///
/// What is kept besides the logits is what the graph holds anyway.
pub(crate) struct Forward {
    pub network: Rc<Network>,
    /// The samples' inputs; images are a variable of the graph.
    pub inputs: Tensor,
    pub logits: Tensor,
    /// What every ReLU gives, or what goes into what stands in its place, in order:
    /// positive where a unit is on.
    pub relus: Vec<Tensor>,
    /// What every convolution and every linear map give.
    pub activations: Vec<Tensor>,
}

impl Forward {
    /// That of this mode.
    pub(crate) fn of(evaluation: &mut Evaluation<'_>, mode: Mode) -> Result<Rc<Self>, ScoreError> {
        evaluation.share("forward", mode, |evaluation| {
            let network = evaluation.network(mode.init)?;
            let samples = evaluation.samples();
            let mut inputs = samples.inputs.f_detach()?;
            if inputs.is_floating_point() {
                inputs = inputs.f_set_requires_grad(true)?;
            }
            let (mut relus, mut activations) = (Vec::new(), Vec::new());
            evaluation.count(1, 0);
            let logits =
                network.forward_observed(&inputs, mode.norm, &mut |event| match event {
                    Event::Relu { output, .. } => relus.push(output.detach()),
                    Event::Activation {
                        activation, input, ..
                    } if activation.rectifies() => relus.push(input.detach()),
                    Event::Convolution { output, .. } | Event::Linear { output, .. } => {
                        activations.push(output.shallow_clone());
                    }
                    _ => {}
                })?;
            Ok(Self {
                network,
                inputs,
                logits,
                relus,
                activations,
            })
        })
    }
}
