//! What of a network is trained.

use knas_net::{Network, Parameter, Part};

use crate::TrainError;

/// What stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frozen {
    /// All is trained.
    #[default]
    Nothing,
    /// The embeddings of an encoder: words, positions, types and their norm.
    Embeddings,
    /// All but the classifier. The norms of the body then normalise by their running
    /// statistics, and these stay, too.
    Body,
}

impl Frozen {
    /// The name that records use.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Embeddings => Some("embeddings"),
            Self::Body => Some("body"),
        }
    }

    fn has(self, part: Part) -> bool {
        match self {
            Self::Nothing => false,
            Self::Embeddings => part == Part::Embeddings,
            Self::Body => part != Part::Classifier,
        }
    }

    /// The parameters of a network that are trained; the others ask for no gradients
    /// any more.
    ///
    /// # Errors
    /// When there are none, or libtorch refuses.
    pub(crate) fn trained_of(self, network: &Network) -> Result<Vec<Parameter>, TrainError> {
        let mut trained = Vec::new();
        for parameter in network.parameters() {
            if self.has(parameter.part) {
                let _ = parameter.tensor.f_set_requires_grad(false)?;
                continue;
            }
            trained.push(Parameter {
                name: parameter.name.clone(),
                role: parameter.role,
                part: parameter.part,
                tensor: parameter.tensor.shallow_clone(),
            });
        }
        match trained.is_empty() {
            true => Err(TrainError::NothingTrained),
            false => Ok(trained),
        }
    }
}

#[cfg(test)]
mod tests {
    use knas_graph::{Graph, Named, Op, Shape};
    use knas_net::{Init, Initial, Source};
    use tch::{Device, Kind};

    use super::*;

    /// A linear map in the body, and one that ends there or in a classifier.
    fn network(last: Part) -> Network {
        let mut graph = Graph::new(Shape::Maps {
            channels: 3,
            side: 4,
        });
        let pooled = graph.push(Op::GlobalPool, &[graph.input()]).unwrap();
        let mut layer = |input, name, part| {
            let named = Named {
                name,
                key: name,
                part,
            };
            graph.linear(input, named, 2).unwrap()
        };
        let first = layer(pooled, "first", Part::Body);
        layer(first, "last", last);
        let initial = Initial {
            init: Init::Default,
            seed: 0,
        };
        Network::new(graph, Source::Random(initial), (Kind::Float, Device::Cpu)).unwrap()
    }

    #[test]
    fn only_a_classifier_is_left_of_a_frozen_body() {
        let names = |frozen: Frozen, network: &Network| -> Vec<String> {
            let trained = frozen.trained_of(network).unwrap().into_iter();
            trained.map(|parameter| parameter.name).collect()
        };
        let of = network(Part::Classifier);
        assert_eq!(names(Frozen::Nothing, &of).len(), 4);
        assert_eq!(names(Frozen::Body, &of), ["last.weight", "last.bias"]);
        let asks = of.parameters().iter().map(|p| p.tensor.requires_grad());
        assert_eq!(asks.collect::<Vec<_>>(), [false, false, true, true]);
        let error = Frozen::Body.trained_of(&network(Part::Body)).unwrap_err();
        assert_eq!(error.kind(), "bad_network");
        assert!(error.to_string().contains("nothing is left"), "{error}");
    }
}
