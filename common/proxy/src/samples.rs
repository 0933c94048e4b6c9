//! Gradients of single samples, all from one pass.
//!
//! Where no layer mixes samples, the gradient of Σ_i L_i with respect to a
//! layer's output holds every sample's own, δ_i. With the layer's input x_i the
//! gradient of a weight is then δ_i·x_iᵀ, summed over positions: what n passes
//! over single samples give, for about the price of one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use knas_graph::Grid;
use knas_net::layers::{Convolution, cross_entropy};
use knas_net::{Event, NetError, Network, Norm, Take};
use tch::{Kind, Tensor};

use crate::evaluation::Evaluation;
use crate::gradients::is_layer_weight;
use crate::{Info, ScoreError};

/// How many parameter tensors `mgm-released` looks at.
pub(crate) const RELEASED_TENSORS: usize = 11;
/// How many entries of each.
pub(crate) const RELEASED_ENTRIES: i64 = 50;

/// What scores need of the gradients of single samples.
#[derive(Debug, Default)]
pub struct SampleGradients {
    /// ‖g_i‖² over all parameters, for every sample.
    pub squared_norms: Vec<f64>,
    /// N × 50: the first entries of the first parameter tensors that have as
    /// many and that the loss depends on, in the order of the parameters.
    pub heads: Vec<Tensor>,
    /// Σ_i sign g_i for every convolution's weight and the classifier's, by its
    /// place among the parameters.
    pub signs: BTreeMap<usize, Tensor>,
}

/// That there are samples to compare, and that each has a gradient of its own.
///
/// # Errors
/// When there is only one, or the norm mixes them.
pub(crate) fn require_own_gradients(
    info: &Info,
    evaluation: &Evaluation<'_>,
) -> Result<(), ScoreError> {
    if evaluation.samples().count() < 2 {
        let (name, needs) = (info.name, "at least 2 samples");
        return Err(ScoreError::Samples { name, needs });
    }
    require_sample_norm(info, evaluation)
}

/// That each sample has a gradient of its own.
///
/// # Errors
/// When the norm mixes samples.
pub(crate) fn require_sample_norm(
    info: &Info,
    evaluation: &Evaluation<'_>,
) -> Result<(), ScoreError> {
    if evaluation.mode(info).norm == Norm::Sample {
        return Ok(());
    }
    Err(ScoreError::Samples {
        name: info.name,
        needs: "sample norm: with batch norm no sample has a gradient of its own",
    })
}

/// A layer as the forward pass showed it; places are those of weight and bias.
enum Layer {
    Convolution {
        layer: Convolution,
        input: Tensor,
    },
    Norm {
        places: [usize; 2],
        epsilon: f64,
        input: Tensor,
    },
    Linear {
        weight: usize,
        bias: Option<usize>,
        input: Tensor,
    },
    /// A layer norm: of one token, over its features.
    TokenNorm {
        places: [usize; 2],
        epsilon: f64,
        input: Tensor,
    },
    Embedding {
        table: usize,
        ids: Tensor,
    },
}

impl SampleGradients {
    /// Those of a part of the samples.
    pub(crate) fn of(
        network: &Network,
        inputs: &Tensor,
        targets: &Tensor,
    ) -> Result<Self, NetError> {
        let mut signs = BTreeMap::new();
        let count = inputs.size()[0];
        let mut squares = Tensor::f_zeros([count], (Kind::Double, inputs.device()))?;
        let mut heads: Vec<(usize, Tensor)> = Vec::new();
        let mut take = |parameter: usize, gradient: Tensor| {
            let flat = gradient.f_reshape([count, -1])?;
            if is_layer_weight(network.parameters()[parameter].role) {
                let sum = flat.f_sign()?;
                let sum = sum.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?;
                signs.insert(parameter, sum);
            }
            let wide = flat.f_to_kind(Kind::Double)?;
            squares +=
                wide.f_square()?
                    .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
            if flat.size()[1] >= RELEASED_ENTRIES {
                heads.push((parameter, flat.f_narrow_copy(1, 0, RELEASED_ENTRIES)?));
            }
            Ok::<(), NetError>(())
        };
        each_gradient(network, inputs, targets, &mut take)?;
        heads.sort_by_key(|(parameter, _)| *parameter);
        heads.truncate(RELEASED_TENSORS);
        Ok(Self {
            squared_norms: Vec::try_from(squares.f_to_device(tch::Device::Cpu)?)?,
            heads: heads.into_iter().map(|(_, head)| head).collect(),
            signs,
        })
    }

    /// Adds those of the next part.
    pub(crate) fn extend(&mut self, part: Self) -> Result<(), NetError> {
        for (parameter, sum) in part.signs {
            match self.signs.entry(parameter) {
                Entry::Vacant(entry) => drop(entry.insert(sum)),
                Entry::Occupied(mut entry) => *entry.get_mut() = entry.get().f_add(&sum)?,
            }
        }
        self.squared_norms.extend(part.squared_norms);
        for (place, head) in part.heads.into_iter().enumerate() {
            match self.heads.get_mut(place) {
                Some(sum) => *sum = Tensor::f_cat(&[&*sum, &head], 0)?,
                None => self.heads.push(head),
            }
        }
        Ok(())
    }
}

/// Shows `take` the gradients of every parameter that the loss depends on: the
/// parameter's place, and N × its shape; of an embedding's table, N × the rows
/// that are looked up × width.
pub(crate) fn each_gradient(
    network: &Network,
    inputs: &Tensor,
    targets: &Tensor,
    take: &mut Take<'_>,
) -> Result<(), NetError> {
    if network.each_sample_norm_gradient(inputs, targets, take)? {
        return Ok(());
    }
    let (mut layers, mut outputs) = (Vec::new(), Vec::new());
    let logits = network.forward_observed(inputs, Norm::Sample, &mut |event| {
        if let Some((layer, output)) = Layer::of(&event) {
            layers.push(layer);
            outputs.push(output);
        }
    })?;
    let count = inputs.size()[0];
    // The sum over samples, so that none is scaled by how many there are.
    let loss = cross_entropy(&logits, targets)?.f_mul_scalar(count as f64)?;
    let deltas = Tensor::f_run_backward(&[loss], &outputs, false, false)?;
    for (layer, delta) in layers.iter().zip(&deltas) {
        if delta.defined() {
            layer.gradients(network, delta, take)?;
        }
    }
    Ok(())
}

impl Layer {
    /// The layer that an event tells of, if it has parameters, and what it gives.
    fn of(event: &Event<'_>) -> Option<(Self, Tensor)> {
        let (layer, output) = match *event {
            Event::Convolution {
                layer,
                input,
                output,
            } => {
                let input = input.detach();
                (Self::Convolution { layer, input }, output)
            }
            Event::Norm {
                weight,
                bias,
                epsilon,
                input,
                output,
            } => {
                let layer = Self::Norm {
                    places: [weight, bias],
                    epsilon,
                    input: input.detach(),
                };
                (layer, output)
            }
            Event::Linear {
                weight,
                bias,
                input,
                output,
            } => {
                let layer = Self::Linear {
                    weight,
                    bias,
                    input: input.detach(),
                };
                (layer, output)
            }
            Event::LayerNorm {
                weight,
                bias,
                epsilon,
                input,
                output,
            } => {
                let input = input.detach();
                let layer = Self::TokenNorm {
                    places: [weight, bias],
                    epsilon,
                    input,
                };
                (layer, output)
            }
            Event::Embedding { table, ids, output } => {
                let ids = ids.shallow_clone();
                (Self::Embedding { table, ids }, output)
            }
            _ => return None,
        };
        Some((layer, output.shallow_clone()))
    }

    /// Shows `take` each parameter's gradients: N × the parameter's shape.
    fn gradients(
        &self,
        network: &Network,
        delta: &Tensor,
        take: &mut Take<'_>,
    ) -> Result<(), NetError> {
        match self {
            Self::Convolution { layer, input } => {
                of_convolution(network, *layer, input, delta, take)
            }
            Self::Norm {
                places: [weight, bias],
                epsilon,
                input,
            } => {
                let channels = input.size()[1];
                let none = None::<&Tensor>;
                let normal = input.f_group_norm(channels, none, none, *epsilon, true)?;
                let positions = [2i64, 3];
                let scaled = normal.f_mul(delta)?;
                let sum =
                    |t: &Tensor| t.f_sum_dim_intlist(positions.as_slice(), false, Kind::Float);
                take(*weight, sum(&scaled)?)?;
                take(*bias, sum(delta)?)
            }
            Self::Linear {
                weight,
                bias,
                input,
            } => {
                let tokens = input.dim() == 3;
                take(
                    *weight,
                    match tokens {
                        true => delta.f_transpose(1, 2)?.f_bmm(input)?,
                        false => delta.f_unsqueeze(2)?.f_bmm(&input.f_unsqueeze(1)?)?,
                    },
                )?;
                match bias {
                    Some(bias) if tokens => take(*bias, over_tokens(delta)?),
                    Some(bias) => take(*bias, delta.shallow_clone()),
                    None => Ok(()),
                }
            }
            Self::TokenNorm {
                places: [weight, bias],
                epsilon,
                input,
            } => {
                let none = None::<&Tensor>;
                let width = input.size()[2];
                let normal = input.f_layer_norm([width], none, none, *epsilon, true)?;
                take(*weight, over_tokens(&normal.f_mul(delta)?)?)?;
                take(*bias, over_tokens(delta)?)
            }
            Self::Embedding { table, ids } => {
                // Only the rows that some text looks up: the others are zero
                // for all texts, and there may be tens of thousands of them.
                let (rows, places) = ids.f_internal_unique(true, true)?;
                let width = delta.size()[2];
                let shape = [delta.size()[0], rows.size1()?, width];
                let sums = Tensor::f_zeros(shape, (delta.kind(), delta.device()))?;
                let places = places.f_unsqueeze(2)?.f_expand_as(delta)?;
                take(*table, sums.f_scatter_add(1, &places, delta)?)
            }
        }
    }
}

/// Of each group apart, as products of what goes into a window with what comes
/// out of it: N × out × (in / groups · window²), and N × out.
fn of_convolution(
    network: &Network,
    layer: Convolution,
    input: &Tensor,
    delta: &Tensor,
    take: &mut Take<'_>,
) -> Result<(), NetError> {
    let Grid {
        stride,
        padding,
        dilation,
    } = layer.grid;
    let (_, _, height, width) = network.parameters()[layer.weight].tensor.size4()?;
    let window = [height, width];
    let [stride, padding, dilation] = [stride, padding, dilation].map(|n| [n as i64; 2]);
    let patches = input.f_im2col(window, dilation, padding, stride)?;
    let delta = delta.f_flatten(2, 3)?;
    let (count, outputs, positions) = delta.size3()?;
    let inputs = patches.size()[1];
    let groups = layer.groups as i64;
    let apart = |t: &Tensor, rows: i64| t.f_reshape([count * groups, rows / groups, positions]);
    let products = apart(&delta, outputs)?.f_bmm(&apart(&patches, inputs)?.f_transpose(1, 2)?)?;
    take(
        layer.weight,
        products.f_reshape([count, outputs, inputs / groups])?,
    )?;
    match layer.bias {
        Some(bias) => take(
            bias,
            delta.f_sum_dim_intlist([2i64].as_slice(), false, delta.kind())?,
        ),
        None => Ok(()),
    }
}

/// Σ over the tokens of each text: N × length × width to N × width.
fn over_tokens(tensor: &Tensor) -> Result<Tensor, NetError> {
    Ok(tensor.f_sum_dim_intlist([1i64].as_slice(), false, tensor.kind())?)
}
