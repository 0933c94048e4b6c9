//! What a network computes: its graph's nodes, one after the other.

use knas_graph::{Mark, Op, Value};
use tch::{Device, Kind, Tensor};

use super::Network;
use super::functions::{activated, adjacent_means, hidden, positions};
use super::mixed;
use crate::NetError;
use crate::dropout::Dropout;
use crate::event::{Event, Observer};
use crate::layers::{Convolution, Norm, Normalisation, channels_last};
use crate::mix::{Gate, Gates, Mix};

impl Network {
    /// Logits, N × classes, of a batch: of images, N × 3 × side × side; of texts,
    /// N × 3 × length integers, which are the tokens' ids, their types, and 1 for
    /// a token and 0 for padding. What stands in padding makes no difference.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice; when texts are
    /// longer than there are positions, or an id is beyond the vocabulary.
    pub fn forward(&self, inputs: &Tensor, norm: Norm) -> Result<Tensor, NetError> {
        self.run(inputs, norm, Extra::default(), &mut |_| {})
    }

    /// As [`Network::forward`], of a network with gates, whose options weigh what `mix`
    /// tells.
    ///
    /// # Errors
    /// As [`Network::forward`], and when it has a gate of which nothing is told.
    pub fn forward_mixed(
        &self,
        inputs: &Tensor,
        norm: Norm,
        mix: Mix<'_>,
    ) -> Result<Tensor, NetError> {
        let extra = Extra {
            mix: Some(mix),
            ..Extra::default()
        };
        self.run(inputs, norm, extra, &mut |_| {})
    }

    /// As [`Network::forward`], and shows `observe` what happens on the way.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward_observed(
        &self,
        inputs: &Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        self.run(inputs, norm, Extra::default(), observe)
    }

    /// As [`Network::forward`] with [`Norm::Train`] and with dropout.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward_training(
        &self,
        inputs: &Tensor,
        dropout: &mut Dropout,
    ) -> Result<Tensor, NetError> {
        let extra = Extra {
            dropout: Some(dropout),
            ..Extra::default()
        };
        self.run(inputs, Norm::Train, extra, &mut |_| {})
    }

    fn run(
        &self,
        inputs: &Tensor,
        norm: Norm,
        Extra { dropout, mix }: Extra<'_>,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        if let Some(longest) = self.longest {
            let found = inputs.size3()?.2;
            if found > longest as i64 {
                return Err(NetError::Length { found, longest });
            }
        }
        if self.blind_alone && norm == Norm::Sample {
            return Err(NetError::OnePosition);
        }
        let gates = match self.gated {
            true => Gates::of(&self.graph, mix)?,
            false => Gates::default(),
        };
        let needed = self.gated.then(|| self.graph.needed(|op| gates.closes(op)));
        let mut pass = Pass {
            network: self,
            norm,
            dropout,
            observe,
            values: Vec::with_capacity(self.steps.len()),
            hidden: None,
            count: inputs.size().first().copied().unwrap_or_default(),
            gates,
        };
        for (place, step) in self.steps.iter().enumerate() {
            if needed.as_ref().is_some_and(|needed| !needed[place]) {
                pass.values.push(Tensor::new());
                continue;
            }
            for relu in &step.shared {
                pass.show_relu(*relu);
            }
            let value = match place {
                0 => pass.laid_out(inputs)?,
                _ => pass.node(place)?,
            };
            pass.values.push(value);
            pass.show_marks(place + 1);
            for released in &step.releases {
                pass.values[released.place()] = Tensor::new();
            }
        }
        // A graph has its input at least.
        Ok(pass.values.pop().unwrap_or_default())
    }
}

/// What a pass is told beside inputs and norm.
#[derive(Default)]
struct Extra<'e> {
    dropout: Option<&'e mut Dropout>,
    mix: Option<Mix<'e>>,
}

/// A forward pass under way.
pub(super) struct Pass<'p, 'o> {
    pub network: &'p Network,
    norm: Norm,
    dropout: Option<&'p mut Dropout>,
    observe: &'p mut Observer<'o>,
    /// By node; undefined where nothing looks at it any more.
    pub values: Vec<Tensor>,
    /// What hides padding from attention, and from which mask it was made: the
    /// layers of an encoder share one.
    hidden: Option<(Value, Tensor)>,
    /// Samples.
    pub count: i64,
    pub gates: Gates,
}

impl Pass<'_, '_> {
    /// Every layer keeps to the layout that it gets. On a processor convolutions
    /// are faster with channels last, but `group_norm` is very slow. With one
    /// channel there is nothing to lay out.
    pub fn laid_out(&self, inputs: &Tensor) -> Result<Tensor, NetError> {
        let last = self.norm != Norm::Sample
            && self.network.options == (Kind::Float, Device::Cpu)
            && matches!(inputs.size()[..], [_, channels, _, _] if channels > 1);
        match last {
            true => channels_last(inputs),
            false => Ok(inputs.shallow_clone()),
        }
    }

    fn show_relu(&mut self, relu: Value) {
        let node = &self.network.graph.nodes()[relu.place()];
        if let Some(input) = node.inputs.first() {
            (self.observe)(Event::Relu {
                input: &self.values[input.place()],
                output: &self.values[relu.place()],
            });
        }
    }

    /// Shows what is told of values once so many nodes are evaluated.
    fn show_marks(&mut self, nodes: usize) {
        for mark in self.network.graph.marks_after(nodes) {
            (self.observe)(match mark {
                Mark::Block { input, output } => Event::Block {
                    input: &self.values[input.place()],
                    output: &self.values[output.place()],
                },
                Mark::Features(value) => Event::Features {
                    output: &self.values[value.place()],
                },
            });
        }
    }

    /// What a node gives, which is not the first.
    fn node(&mut self, place: usize) -> Result<Tensor, NetError> {
        let network = self.network;
        let node = &network.graph.nodes()[place];
        let inputs: Vec<&Tensor> = node
            .inputs
            .iter()
            .map(|v| &self.values[v.place()])
            .collect();
        let [input, ref rest @ ..] = inputs[..] else {
            return Err(NetError::Unread(place)); // the first node alone reads nothing
        };
        let (tensors, observe) = (&network.tensors, &mut *self.observe);
        Ok(match node.op {
            Op::Input(_) => return Err(NetError::Unread(place)),
            Op::Convolution {
                weight,
                bias,
                grid,
                groups,
            } => {
                let layer = Convolution {
                    weight,
                    bias,
                    grid,
                    groups,
                };
                tensors.convolution(layer, input, observe)?
            }
            Op::BatchNorm {
                weight,
                bias,
                running,
                epsilon,
            } => {
                let layer = Normalisation {
                    weight,
                    bias,
                    running,
                    epsilon,
                };
                tensors.normalise(layer, input.shallow_clone(), self.norm, observe)?
            }
            Op::Standardise { running, epsilon } => {
                tensors.standardise(running, epsilon, input, self.norm)?
            }
            Op::Relu => {
                let output = input.f_relu()?;
                observe(Event::Relu {
                    input,
                    output: &output,
                });
                output
            }
            Op::AveragePool {
                window,
                stride,
                padding,
            } => match network.steps[place].pooling {
                Some(pooling) => {
                    let output = network.poolings[pooling].forward(input)?;
                    observe(Event::Pool { output: &output });
                    output
                }
                None => {
                    let [window, stride, padding] =
                        [window, stride, padding].map(|n| [n as i64; 2]);
                    input.f_avg_pool2d(window, stride, padding, false, false, None)?
                }
            },
            Op::MaxPool {
                window,
                stride,
                padding,
            } => {
                let [window, stride, padding] = [window, stride, padding].map(|n| [n as i64; 2]);
                input.f_max_pool2d(window, stride, padding, [1, 1], false)?
            }
            Op::GlobalPool => input.f_mean_dim([2, 3].as_slice(), false, input.kind())?,
            Op::Squeeze => input.f_mean_dim([2, 3].as_slice(), true, input.kind())?,
            Op::Flatten => input.f_flatten(1, -1)?,
            Op::Scale => match *rest {
                [factors] if factors.dim() == 2 => {
                    input.f_mul(&factors.f_unsqueeze(2)?.f_unsqueeze(3)?)?
                }
                [factors] => input.f_mul(factors)?,
                _ => return Err(NetError::Unread(place)),
            },
            Op::Concatenate => Tensor::f_cat(&inputs, 1)?,
            Op::Narrow { first, channels } => input.f_narrow(1, first as i64, channels as i64)?,
            Op::Shuffle { groups } => {
                let (count, channels, height, width) = input.size4()?;
                let groups = groups as i64;
                let apart = [count, groups, channels / groups, height, width];
                let turned = input.f_reshape(apart)?.f_transpose(1, 2)?;
                turned.f_reshape(input.size())?
            }
            Op::LocalNorm {
                reach,
                alpha,
                beta,
                offset,
            } => {
                let means = adjacent_means(&input.f_square()?, reach as i64)?;
                let divisor = means.f_mul_scalar(alpha)?.f_add_scalar(offset)?;
                input.f_div(&divisor.f_pow_tensor_scalar(beta)?)?
            }
            Op::Pad { before, after } => {
                let [before, after] = [before, after].map(|zeros| zeros as i64);
                input.f_constant_pad_nd([before, after, before, after])?
            }
            Op::Shift => input.f_constant_pad_nd([-1, 1, -1, 1])?,
            Op::Linear { weight, bias } => tensors.linear(weight, bias, input, observe)?,
            Op::Add => mixed::sum(self, place)?,
            Op::Gate { choice, option } => match self.gates.get(choice, option) {
                Some(Gate::Passes) => input.shallow_clone(),
                Some(Gate::Times(weight)) => input.f_mul(weight)?,
                Some(Gate::Closed) | None => mixed::nothing(self, place)?,
            },
            Op::Divide(by) => input.f_div_scalar(by as f64)?,
            Op::Zeros => input.f_zeros_like()?,
            Op::TokenIds => input.f_select(1, 0)?,
            Op::TokenTypes => input.f_select(1, 1)?,
            Op::TokenMask => input.f_select(1, 2)?,
            Op::Positions { padding } => positions(input, padding)?,
            Op::Embedding { table } => {
                let weight = &tensors.parameters[table].tensor;
                let output = Tensor::f_embedding(weight, input, -1, false, false)?;
                observe(Event::Embedding {
                    table,
                    ids: input,
                    output: &output,
                });
                output
            }
            Op::LayerNorm {
                weight,
                bias,
                epsilon,
            } => tensors.layer_norm([weight, bias], input, epsilon, observe)?,
            Op::Attention { heads, dropout } => {
                let [key, value, mask] = *rest else {
                    return Err(NetError::Unread(place));
                };
                let parts = [input, key, value].map(Tensor::shallow_clone);
                let mask = (node.inputs[3], mask.shallow_clone());
                self.attend(parts, mask, heads as i64, dropout)?
            }
            Op::Activation(activation) => {
                let output = activated(activation, input)?;
                observe(Event::Activation {
                    activation,
                    input,
                    output: &output,
                });
                output
            }
            Op::Dropout { rate } => {
                let input = input.shallow_clone();
                self.drop(input, rate)?
            }
            Op::FirstToken => input.f_select(1, 0)?,
        })
    }

    /// Multi-head self-attention, before the map that mixes the heads: N × length
    /// × width, from queries, keys and values of this shape.
    fn attend(
        &mut self,
        parts: [Tensor; 3],
        (value_of_mask, mask): (Value, Tensor),
        heads: i64,
        dropout: f64,
    ) -> Result<Tensor, NetError> {
        let (count, length, width) = parts[0].size3()?;
        let size = width / heads;
        let by_head = |all: &Tensor| {
            let apart = all.f_view([count, length, heads, size])?;
            Ok::<_, NetError>(apart.f_transpose(1, 2)?)
        };
        let [query, key, value] = &parts;
        let (query, key, value) = (by_head(query)?, by_head(key)?, by_head(value)?);
        let query = query.f_mul_scalar(1.0 / (size as f64).sqrt())?;
        let products = query.f_matmul(&key.f_transpose(2, 3)?)?;
        let hidden = match &self.hidden {
            Some((of, hidden)) if *of == value_of_mask => hidden.shallow_clone(),
            _ => {
                let hidden = hidden(&mask, products.kind())?;
                self.hidden = Some((value_of_mask, hidden.shallow_clone()));
                hidden
            }
        };
        let weights = products.f_add(&hidden)?.f_softmax(-1, None::<Kind>)?;
        let dropped = self.drop(weights.shallow_clone(), dropout)?;
        let output = dropped.f_matmul(&value)?;
        (self.observe)(Event::Attention {
            weights: &weights,
            output: &output,
        });
        let together = output.f_transpose(1, 2)?;
        Ok(together.f_reshape([count, length, width])?)
    }

    fn drop(&mut self, input: Tensor, rate: f64) -> Result<Tensor, NetError> {
        match &mut self.dropout {
            Some(dropout) => dropout.apply(&input, rate),
            None => Ok(input),
        }
    }
}
