//! Gradients of the loss.

use std::rc::Rc;

use knas_net::layers::cross_entropy;
use knas_net::{NetError, Network, Norm, Parameter, Role};
use tch::{Kind, Tensor};

use crate::evaluation::{Evaluation, Mode, Samples};
use crate::forward::Forward;
use crate::samples::{SampleGradients, require_sample_norm};
use crate::{Info, ScoreError};

/// Images per pass. Where no layer mixes samples, larger batches are worked
/// off in parts of this size, so that memory does not grow with the batch.
const IMAGES: i64 = 64;
/// Texts per pass: each is padded to the longest of its part.
const TEXTS: i64 = 16;

/// The gradient of the mean loss with respect to one parameter.
#[derive(Debug)]
pub struct Gradient {
    /// What the parameter is for.
    pub role: Role,
    /// Of the parameter's shape; zeros where the loss does not depend on it.
    pub tensor: Tensor,
}

impl Gradient {
    /// The sum of squares, in double precision.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn squared_norm(&self) -> Result<f64, NetError> {
        let norm = self
            .tensor
            .f_to_kind(Kind::Double)?
            .f_square()?
            .f_sum(Kind::Double)?;
        Ok(norm.f_double_value(&[])?)
    }
}

/// Whether a parameter is the weight of a convolution or of the classifier, the
/// parameters that most scores look at.
pub(crate) fn is_layer_weight(role: Role) -> bool {
    matches!(role, Role::ConvWeight | Role::LinearWeight)
}

/// What the backward pass of the mean loss through a kept forward pass gives.
pub(crate) struct LossGradients {
    /// In the order of the network's parameters.
    pub parameters: Rc<Vec<Gradient>>,
    /// For each convolution and linear map, N × channels: Σ over positions
    /// of a·∂L/∂a, where a is what the layer gives.
    pub saliencies: Vec<Tensor>,
}

impl LossGradients {
    /// Those of this mode, over all samples.
    pub(crate) fn of(evaluation: &mut Evaluation<'_>, mode: Mode) -> Result<Rc<Self>, ScoreError> {
        evaluation.share("loss gradients", mode, |evaluation| {
            let forward = Forward::of(evaluation, mode)?;
            let loss = cross_entropy(&forward.logits, &evaluation.samples().targets)?;
            let parameters = forward.network.parameters();
            let weights = parameters.iter().map(|parameter| &parameter.tensor);
            let inputs: Vec<&Tensor> = weights.chain(&forward.activations).collect();
            evaluation.count(0, 1);
            let mut gradients = Tensor::f_run_backward(&[loss], &inputs, true, false)?;
            let by_activation = gradients.split_off(parameters.len());
            let saliencies = forward.activations.iter().zip(&by_activation);
            let saliencies = saliencies.map(|(a, gradient)| saliency(a, gradient));
            Ok(Self {
                saliencies: saliencies.collect::<Result<_, _>>()?,
                parameters: Rc::new(named(parameters, gradients)?),
            })
        })
    }
}

/// N × channels: Σ over positions of the product. The channels of a map come
/// before its positions, those of a text after its tokens.
fn saliency(activation: &Tensor, gradient: &Tensor) -> Result<Tensor, NetError> {
    let size = activation.size();
    if !gradient.defined() {
        let options = (Kind::Float, activation.device());
        let channels = if size.len() == 3 { size[2] } else { size[1] };
        return Ok(Tensor::f_zeros([size[0], channels], options)?);
    }
    let product = activation.f_detach()?.f_mul(gradient)?;
    let positions: &[i64] = match size.len() {
        3 => &[1],
        4 => &[2, 3],
        _ => return Ok(product),
    };
    Ok(product.f_sum_dim_intlist(positions, false, Kind::Float)?)
}

/// ∂L/∂w for every parameter, L the mean cross-entropy over a batch.
pub(crate) fn of_batch(
    network: &Network,
    inputs: &Tensor,
    targets: &Tensor,
    norm: Norm,
) -> Result<Vec<Gradient>, NetError> {
    let parameters = network.parameters();
    let gradients = match network.direct_gradients(inputs, targets, norm)? {
        Some(gradients) => gradients,
        None => {
            let loss = cross_entropy(&network.forward(inputs, norm)?, targets)?;
            let weights: Vec<&Tensor> = parameters.iter().map(|p| &p.tensor).collect();
            Tensor::f_run_backward(&[loss], &weights, false, false)?
        }
    };
    named(parameters, gradients)
}

/// Gradients with their parameters' roles; zeros where there is none.
fn named(parameters: &[Parameter], gradients: Vec<Tensor>) -> Result<Vec<Gradient>, NetError> {
    let gradient = |(parameter, gradient): (&Parameter, Tensor)| {
        let tensor = if gradient.defined() {
            gradient
        } else {
            parameter.tensor.f_zeros_like()?.detach()
        };
        Ok(Gradient {
            role: parameter.role,
            tensor,
        })
    };
    parameters.iter().zip(gradients).map(gradient).collect()
}

impl Evaluation<'_> {
    /// ∂L/∂w for every parameter, L the mean cross-entropy over all samples.
    ///
    /// # Errors
    /// When a pass fails.
    pub fn gradients(&mut self, mode: Mode) -> Result<Rc<Vec<Gradient>>, ScoreError> {
        let shared = self.share("gradients", mode, |evaluation| {
            let network = evaluation.network(mode.init)?;
            let Samples { inputs, targets } = evaluation.samples();
            match network.direct_gradients(inputs, targets, mode.norm)? {
                Some(gradients) => {
                    evaluation.count(1, 1);
                    Ok(Rc::new(named(network.parameters(), gradients)?))
                }
                None if evaluation.is_divisible(mode) => {
                    Ok(Rc::new(evaluation.gradients_in_parts(mode)?))
                }
                None => Ok(Rc::clone(&LossGradients::of(evaluation, mode)?.parameters)),
            }
        })?;
        Ok(Rc::clone(&*shared))
    }

    /// Whether a batch can be worked off in parts: no sample sees another.
    fn is_divisible(&self, mode: Mode) -> bool {
        let alone = matches!(mode.norm, Norm::Sample | Norm::Eval | Norm::Off);
        alone || self.subject().setting.reads_texts()
    }

    fn gradients_in_parts(&mut self, mode: Mode) -> Result<Vec<Gradient>, ScoreError> {
        let network = self.network(mode.init)?;
        let samples = self.samples();
        self.count(1, 1);
        let sums = in_parts(samples, |inputs, targets| {
            let length = targets.size1()?;
            let loss = cross_entropy(&network.forward(inputs, mode.norm)?, targets)?;
            // Parts are means over their own samples; weigh them by their share.
            let share = loss.f_mul_scalar(length as f64 / samples.count() as f64)?;
            let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
            Ok(Tensor::f_run_backward(&[share], &parameters, false, false)?)
        })?;
        Ok(named(network.parameters(), sums)?)
    }

    /// What scores need of ∂L_i/∂w, the gradients of single samples; each is
    /// the gradient that the sample has in a batch of one.
    ///
    /// # Errors
    /// When a pass fails, or the norm mixes samples.
    pub fn sample_gradients(&mut self, info: &Info) -> Result<Rc<SampleGradients>, ScoreError> {
        require_sample_norm(info, self)?;
        let mode = self.mode(info);
        self.share("sample gradients", mode, |evaluation| {
            let network = evaluation.network(mode.init)?;
            let samples = evaluation.samples();
            evaluation.count(1, 1);
            let mut gradients = SampleGradients::default();
            in_parts(samples, |inputs, targets| {
                // Whole, or not at all: a part may be tried again.
                gradients.extend(SampleGradients::of(&network, inputs, targets)?)?;
                Ok(Vec::new())
            })?;
            Ok(gradients)
        })
    }
}

/// Calls `pass` for consecutive parts of the samples and adds up what it gives.
///
/// Parts are of a fixed size, so that the sum is the same to the bit on every
/// machine; where a GPU's memory does not suffice for one, it is halved. On the
/// processor it is not: what is free there depends on what else is running, and
/// the sum's last digits must not.
pub(crate) fn in_parts(
    samples: &Samples,
    mut pass: impl FnMut(&Tensor, &Tensor) -> Result<Vec<Tensor>, NetError>,
) -> Result<Vec<Tensor>, NetError> {
    let count = samples.count();
    let mut part = match samples.are_texts() {
        true => TEXTS,
        false => IMAGES,
    };
    let on_gpu = samples.inputs.device().is_cuda();
    let mut sums: Vec<Tensor> = Vec::new();
    let mut start = 0;
    while start < count {
        let length = part.min(count - start);
        let (inputs, targets) = samples.part(start, length)?;
        match pass(&inputs, &targets) {
            Ok(values) if sums.is_empty() => sums = values,
            Ok(values) => {
                for (sum, value) in sums.iter_mut().zip(values) {
                    if value.defined() {
                        *sum = sum.f_add(&value)?;
                    }
                }
            }
            Err(error) if length > 1 && on_gpu && error.is_out_of_memory() => {
                part = length / 2;
                continue;
            }
            Err(error) => return Err(error),
        }
        start += length;
    }
    Ok(sums)
}
