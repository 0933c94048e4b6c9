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
