//! BERT and RoBERTa with a classifier, laid out as a
//! [`Layout`] says (Devlin et al. 2019, Liu et al. 2019).
//!
//! Embeddings of words, positions and token types, post-norm layers of
//! self-attention and a GELU feed-forward half, and a classifier on the first
//! token: what `transformers` calls `BertForSequenceClassification` and
//! `RobertaForSequenceClassification`, whose parameters' names are used here.
//!
//! | module | what it holds |
//! |---|---|
//! | `build` | an encoder from a layout and a source of weights |
//! | `forward` | what it computes |
//! | `dropout` | dropout that is the same wherever it is drawn |
//! | `config` | what other software needs beside the weights |
//! | `pretrained` | the folder that a published model comes in |

mod build;
mod config;
mod dropout;
mod forward;
mod pretrained;

use knas_space::roberta_skip::{Kind as Family, Layout};
use tch::{Device, Kind, Tensor};

use crate::layers::{Parameter, Tensors};

pub use build::EncoderSource;
pub use dropout::Dropout;
pub use pretrained::{Pretrained, Settings};

/// An encoder, its classifier and their parameters.
#[derive(Debug)]
pub struct Encoder {
    layout: Layout,
    settings: Settings,
    tensors: Tensors,
    embeddings: Embeddings,
    /// Those that the layout keeps, in order.
    layers: Vec<Layer>,
    head: Head,
}

/// Places of the weights; each bias is the parameter after its weight.
#[derive(Clone, Copy, Debug)]
struct Embeddings {
    words: usize,
    positions: usize,
    types: usize,
    norm: usize,
}

/// Places of the weights of a post-norm layer.
#[derive(Clone, Copy, Debug)]
struct Layer {
    query: usize,
    key: usize,
    value: usize,
    attention_output: usize,
    attention_norm: usize,
    intermediate: usize,
    output: usize,
    output_norm: usize,
}

/// Places of the weights of the classifier: tanh stands between the two.
#[derive(Clone, Copy, Debug)]
struct Head {
    dense: usize,
    classifier: usize,
}

impl Encoder {
    /// What it is laid out by.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters, in the order of the forward pass.
    pub fn parameters(&self) -> &[Parameter] {
        &self.tensors.parameters
    }

    /// The parameters without their gradients, under the names that
    /// `transformers` gives them.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let parameters = self.tensors.parameters.iter();
        parameters
            .map(|parameter| (parameter.name.clone(), parameter.tensor.detach()))
            .collect()
    }

    /// The element type and the device of the parameters.
    pub fn options(&self) -> (Kind, Device) {
        let words = &self.tensors.parameters[self.embeddings.words].tensor;
        (words.kind(), words.device())
    }

    fn family(&self) -> Family {
        self.layout.backbone().kind
    }
}

#[cfg(test)]
mod tests;
