//! What an encoder computes.

use knas_space::roberta_skip::{Combination, Kind as Family};
use tch::{Kind, Tensor};

use super::{Dropout, Encoder, Layer};
use crate::NetError;
use crate::layers::{Norm, Parameter};
use crate::model::{Event, Model, Observer};

/// The padding token's number in RoBERTa; positions are counted from the next.
const ROBERTA_PADDING: i64 = 1;

impl Encoder {
    /// The logits, N × classes, of a batch: N × 3 × length integers, which are
    /// the tokens' ids, their types, and 1 for a token and 0 for padding.
    ///
    /// What stands in padding makes no difference to the logits.
    ///
    /// # Errors
    /// When the texts are longer than the encoder's positions, an id is beyond
    /// the vocabulary, or memory does not suffice.
    pub fn forward(
        &self,
        input: &Tensor,
        dropout: Option<&mut Dropout>,
    ) -> Result<Tensor, NetError> {
        self.pass(input, dropout, &mut |_| {})
    }

    fn pass(
        &self,
        input: &Tensor,
        dropout: Option<&mut Dropout>,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        let length = input.size3()?.2;
        let longest = self.layout.backbone().longest_input();
        if length > longest as i64 {
            return Err(NetError::Length {
                found: length,
                longest,
            });
        }
        let mask = input.f_select(1, 2)?;
        let mut pass = Pass {
            encoder: self,
            dropout,
            observe,
            hidden: self.hidden_mask(&mask)?,
        };
        let mut outputs = vec![pass.embed(input, &mask)?];
        for (place, layer) in self.layers.iter().enumerate() {
            let given = self.combined(&outputs, place + 1)?;
            let output = pass.layer(layer, &given)?;
            (pass.observe)(Event::Block {
                input: &given,
                output: &output,
            });
            outputs.push(output);
        }
        let last = self.combined(&outputs, self.layout.head())?;
        pass.classify(&last.f_select(1, 0)?)
    }

    /// N × 1 × 1 × length: 0 for tokens, and for padding a number that softmax
    /// makes 0.
    fn hidden_mask(&self, mask: &Tensor) -> Result<Tensor, NetError> {
        let (kind, _) = self.options();
        let lowest = match kind {
            Kind::Double => f64::MIN,
            _ => f32::MIN.into(),
        };
        let padding = mask.f_eq(0)?.f_unsqueeze(1)?.f_unsqueeze(1)?;
        Ok(padding.f_to_kind(kind)?.f_mul_scalar(lowest)?)
    }

    /// What the node takes: its inputs' outputs, combined.
    fn combined(&self, outputs: &[Tensor], node: usize) -> Result<Tensor, NetError> {
        let mut inputs = self.layout.inputs(node).map(|input| &outputs[input]);
        let Some(first) = inputs.next() else {
            return Ok(outputs[node - 1].shallow_clone());
        };
        let (mut sum, mut count) = (first.shallow_clone(), 1.0);
        for input in inputs {
            sum = sum.f_add(input)?;
            count += 1.0;
        }
        Ok(match self.layout.combination() {
            Combination::Mean if count > 1.0 => sum.f_div_scalar(count)?,
            _ => sum,
        })
    }
}

impl Model for Encoder {
    fn parameters(&self) -> &[Parameter] {
        &self.tensors.parameters
    }

    fn options(&self) -> (Kind, tch::Device) {
        self.options()
    }

    /// A layer norm sees one token by itself, whatever the norm mode.
    fn forward_observed(
        &self,
        inputs: &Tensor,
        _norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<Tensor, NetError> {
        self.pass(inputs, None, observe)
    }
}

/// A forward pass under way.
struct Pass<'p, 'o> {
    encoder: &'p Encoder,
    dropout: Option<&'p mut Dropout>,
    observe: &'p mut Observer<'o>,
    hidden: Tensor,
}

impl Pass<'_, '_> {
    fn embed(&mut self, input: &Tensor, mask: &Tensor) -> Result<Tensor, NetError> {
        let places = self.encoder.embeddings;
        let length = input.size()[2];
        let positions = match self.encoder.family() {
            Family::Bert => {
                let options = (Kind::Int64, input.device());
                Tensor::f_arange(length, options)?.f_expand_as(mask)?
            }
            Family::Roberta => {
                let counted = mask.f_cumsum(1, Kind::Int64)?;
                counted.f_mul(mask)?.f_add_scalar(ROBERTA_PADDING)?
            }
        };
        let words = self.look_up(places.words, &input.f_select(1, 0)?)?;
        let types = self.look_up(places.types, &input.f_select(1, 1)?)?;
        let positions = self.look_up(places.positions, &positions)?;
        let sum = words.f_add(&types)?.f_add(&positions)?;
        let normal = self.norm(places.norm, &sum)?;
        self.drop(normal, self.encoder.settings.hidden_dropout)
    }

    fn layer(&mut self, layer: &Layer, input: &Tensor) -> Result<Tensor, NetError> {
        let rate = self.encoder.settings.hidden_dropout;
        let context = self.attend(layer, input)?;
        let attended = self.linear(layer.attention_output, &context)?;
        let attended = self.drop(attended, rate)?;
        let attended = self.norm(layer.attention_norm, &attended.f_add(input)?)?;

        let wide = self.linear(layer.intermediate, &attended)?;
        let active = wide.f_gelu("none")?;
        (self.observe)(Event::Activation {
            input: &wide,
            output: &active,
        });
        let output = self.linear(layer.output, &active)?;
        let output = self.drop(output, rate)?;
        self.norm(layer.output_norm, &output.f_add(&attended)?)
    }

    /// Multi-head self-attention (Vaswani et al. 2017, equation 1), before the
    /// map that mixes the heads: N × length × width.
    fn attend(&mut self, layer: &Layer, input: &Tensor) -> Result<Tensor, NetError> {
        let (count, length, width) = input.size3()?;
        let heads = self.encoder.layout.backbone().heads as i64;
        let size = width / heads;
        let mut by_head = |weight| {
            let all = self.linear(weight, input)?;
            Ok::<_, NetError>(
                all.f_view([count, length, heads, size])?
                    .f_transpose(1, 2)?,
            )
        };
        let (query, key, value) = (
            by_head(layer.query)?,
            by_head(layer.key)?,
            by_head(layer.value)?,
        );
        let query = query.f_mul_scalar(1.0 / (size as f64).sqrt())?;
        let products = query.f_matmul(&key.f_transpose(2, 3)?)?;
        let weights = products.f_add(&self.hidden)?.f_softmax(-1, None::<Kind>)?;
        let dropped = self.drop(
            weights.shallow_clone(),
            self.encoder.settings.attention_dropout,
        )?;
        let output = dropped.f_matmul(&value)?;
        (self.observe)(Event::Attention {
            weights: &weights,
            output: &output,
        });
        Ok(output
            .f_transpose(1, 2)?
            .f_reshape([count, length, width])?)
    }

    /// From the first token's vector, N × width.
    fn classify(&mut self, first: &Tensor) -> Result<Tensor, NetError> {
        let (head, settings) = (self.encoder.head, self.encoder.settings);
        let first = match self.encoder.family() {
            Family::Bert => first.shallow_clone(), // its pooler has no dropout before it
            Family::Roberta => self.drop(first.shallow_clone(), settings.classifier_dropout)?,
        };
        let pooled = self.linear(head.dense, &first)?.f_tanh()?;
        let pooled = self.drop(pooled, settings.classifier_dropout)?;
        self.linear(head.classifier, &pooled)
    }

    fn look_up(&mut self, table: usize, ids: &Tensor) -> Result<Tensor, NetError> {
        let weight = &self.encoder.tensors.parameters[table].tensor;
        let output = Tensor::f_embedding(weight, ids, -1, false, false)?;
        (self.observe)(Event::Embedding {
            table,
            ids,
            output: &output,
        });
        Ok(output)
    }

    fn linear(&mut self, weight: usize, input: &Tensor) -> Result<Tensor, NetError> {
        self.encoder.tensors.linear(weight, input, self.observe)
    }

    fn norm(&mut self, weight: usize, input: &Tensor) -> Result<Tensor, NetError> {
        let epsilon = self.encoder.settings.norm_epsilon;
        self.encoder
            .tensors
            .layer_norm(weight, input, epsilon, self.observe)
    }

    fn drop(&mut self, input: Tensor, rate: f64) -> Result<Tensor, NetError> {
        match &mut self.dropout {
            Some(dropout) => dropout.apply(&input, rate),
            None => Ok(input),
        }
    }
}
