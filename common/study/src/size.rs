//! What is told of a network's size, and by whom: flags, data, records, weights.

use std::collections::BTreeMap;

use knas_data::ImageSource;
use knas_space::{Architecture, Setting, SizeError, check_sizes};
use thiserror::Error;

/// The sizes of one network as far as they are told, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<String, (u64, String)>);

/// Two say different things.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{known_by} says {name}={known}, and {found_by} {name}={found}")]
pub struct Contradiction {
    /// The size's name.
    pub name: String,
    /// What was known.
    pub known: u64,
    /// Who said that.
    pub known_by: String,
    /// What is said now.
    pub found: u64,
    /// Who says this.
    pub found_by: String,
}

/// Why a network has no size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ToldError {
    /// Two say different things.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// There is no such size.
    #[error(transparent)]
    Size(#[from] SizeError),
}

impl ToldError {
    /// A word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Contradiction(_) => "other_size",
            Self::Size(_) => "bad_size",
        }
    }
}

impl Told {
    /// What a set of images tells of every network that is shown them, and the flags.
    ///
    /// # Errors
    /// When they contradict one another, or no space has what the flags say.
    pub fn of_images(source: &ImageSource, flags: Vec<(String, u64)>) -> Result<Self, ToldError> {
        check_sizes(false, &flags)?;
        let own = [
            ("side", source.own_side()),
            ("classes", source.own_classes()),
        ];
        let own = own.into_iter();
        let own = own.filter_map(|(name, size)| Some((name, size? as u64)));
        let mut told = Self::default();
        told.add(&format!("--data {}", source.name()), own)?;
        told.add("the command line", flags)?;
        Ok(told)
    }

    /// The setting of an architecture's network of which `who` tells this besides.
    ///
    /// # Errors
    /// When it contradicts what is told, or there is no network of this size.
    pub fn setting(
        &self,
        architecture: &dyn Architecture,
        who: &str,
        sizes: BTreeMap<String, u64>,
    ) -> Result<Setting, ToldError> {
        let mut told = self.clone();
        told.add(who, sizes)?;
        Ok(Setting::of_network(architecture, told.sizes())?)
    }

    /// Adds what `who` says.
    ///
    /// # Errors
    /// When somebody else has said otherwise.
    pub fn add<N: AsRef<str>>(
        &mut self,
        who: &str,
        sizes: impl IntoIterator<Item = (N, u64)>,
    ) -> Result<(), Contradiction> {
        for (name, found) in sizes {
            let name = name.as_ref();
            let known = self.0.entry(name.to_owned());
            let (known, known_by) = known.or_insert_with(|| (found, who.to_owned()));
            if *known != found {
                return Err(Contradiction {
                    name: name.to_owned(),
                    known: *known,
                    known_by: known_by.clone(),
                    found,
                    found_by: who.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// What is told of the size of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).map(|(size, _)| *size)
    }

    /// What is told.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, (size, _))| (&**name, *size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_contradicts_whom_is_told() {
        let mut told = Told::default();
        told.add("cifar10", [("side", 32), ("classes", 10)])
            .unwrap();
        told.add("--size", [("side", 32), ("channels", 4)]).unwrap();
        let sizes: Vec<_> = told.sizes().collect();
        assert_eq!(sizes, [("channels", 4), ("classes", 10), ("side", 32)]);
        let error = told.add("the record", [("side", 224)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cifar10 says side=32, and the record side=224"
        );
    }
}
