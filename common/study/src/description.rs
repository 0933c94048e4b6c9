//! Which network it is: space, architecture, size.

use std::collections::BTreeMap;
use std::fmt;

use knas_graph::Graph;
use knas_space::roberta_skip::{Backbone, Settings};
use knas_space::{
    ArchError, Extent, Input, LowerError, SearchSpace, Setting, SizeError, Sizes, UnknownSpace,
    named,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most classes that a classifier may have.
const MOST_CLASSES: usize = 1_000_000;
/// The largest side of an image.
const MOST_PIXELS: usize = 1024;

/// One network of a search space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The record's id.
    pub id: String,
    /// The search space.
    pub space: String,
    /// The architecture in the space's notation.
    pub arch: String,
    /// Its sizes by the names of its space; those that are missing are usual.
    #[serde(default)]
    pub size: BTreeMap<String, u64>,
    /// What its layer norms add to variances, where that is not usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_epsilon: Option<f64>,
}

/// The graphs of a network.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What is evaluated: all that reaches the output.
    pub live: Graph,
    /// It with what its official form holds beside that, by official names.
    pub whole: Graph,
}

/// Why there is no such network.
#[derive(Debug, Error)]
pub enum DescriptionError {
    /// No such space is known.
    #[error(transparent)]
    Space(#[from] UnknownSpace),
    /// The architecture is none of the space.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// It cannot have the size.
    #[error("{0}")]
    Size(String),
    /// It cannot be put together.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

impl DescriptionError {
    /// A word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Space(_) => "unknown_space",
            Self::Arch(_) => "bad_arch",
            Self::Size(_) | Self::Lower(_) => "bad_size",
        }
    }
}

impl Description {
    /// The network's graphs.
    ///
    /// # Errors
    /// When its space, architecture or size is none that there can be.
    pub fn lower(&self) -> Result<Lowered, DescriptionError> {
        let space = named(&self.space)?;
        let architecture = space.parse(&self.arch)?;
        let setting = match architecture.backbone() {
            Some(backbone) => self.texts(space, backbone)?,
            None => self.images(space)?,
        };
        Ok(Lowered {
            live: architecture.lower(&setting, Extent::Live)?,
            whole: architecture.lower(&setting, Extent::Whole)?,
        })
    }

    /// For images of 32 × 32 and ten classes, unless others are told.
    fn images(&self, space: &dyn SearchSpace) -> Result<Setting, DescriptionError> {
        Ok(Setting {
            input: Input::Images {
                side: self.within("side", 32, MOST_PIXELS)?,
            },
            classes: self.within("classes", 10, MOST_CLASSES)?,
            sizes: self.sizes(space, ["classes", "side"])?,
        })
    }

    /// For two classes, unless others are told.
    fn texts(
        &self,
        space: &dyn SearchSpace,
        backbone: &Backbone,
    ) -> Result<Setting, DescriptionError> {
        let longest = backbone.longest_input();
        let length = match self.size.contains_key("length") {
            true => Some(self.within("length", longest, longest)?),
            false => None,
        };
        let mut settings = Settings::of(backbone.kind);
        if let Some(epsilon) = self.norm_epsilon {
            if !epsilon.is_finite() || epsilon < 0.0 {
                return Err(size(format_args!(
                    "norm_epsilon is a number from 0 up; {epsilon} is not"
                )));
            }
            settings.norm_epsilon = epsilon;
        }
        Ok(Setting {
            input: Input::Texts {
                length,
                settings: Some(settings),
            },
            classes: self.within("classes", 2, MOST_CLASSES)?,
            sizes: self.sizes(space, ["classes", "length"])?,
        })
    }

    /// The size of this name, from 1 to `most`.
    fn within(&self, name: &str, usual: usize, most: usize) -> Result<usize, DescriptionError> {
        let found = self.size.get(name).copied().unwrap_or(usual as u64);
        match usize::try_from(found) {
            Ok(fits) if (1..=most).contains(&fits) => Ok(fits),
            _ => Err(size(format_args!(
                "{name} must be between 1 and {most}; {found} is not"
            ))),
        }
    }

    /// The sizes of the space, which are all but those that follow from the data.
    fn sizes(&self, space: &dyn SearchSpace, data: [&str; 2]) -> Result<Sizes, DescriptionError> {
        let given = self.size.iter().map(|(name, size)| (&**name, *size));
        let sizes = Sizes::of(space, given.filter(|(name, _)| !data.contains(name)));
        sizes.map_err(|error| match error {
            SizeError::Unknown { name, .. } => {
                let known = space.sizes().iter().map(|size| size.name).chain(data);
                let (space, known) = (space.name(), known.collect::<Vec<_>>().join(", "));
                size(format_args!("{space} has no size {name:?}; it has {known}"))
            }
            error => size(error),
        })
    }
}

fn size(error: impl fmt::Display) -> DescriptionError {
    DescriptionError::Size(error.to_string())
}

#[cfg(test)]
mod tests {
    use knas_graph::Shape;

    use super::*;

    fn described(space: &str, arch: &str, size: &[(&str, u64)]) -> Description {
        Description {
            id: "a".to_owned(),
            space: space.to_owned(),
            arch: arch.to_owned(),
            size: size.iter().map(|&(n, v)| (n.to_owned(), v)).collect(),
            norm_epsilon: None,
        }
    }

    const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+\
                        |nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";

    #[test]
    fn what_is_not_told_is_usual() {
        let lowered = described("nb201", CELL, &[]).lower().unwrap();
        assert_eq!(lowered.whole.cost().params, 1_531_546);
        let small = [("channels", 4), ("cells", 1), ("classes", 3), ("side", 64)];
        let lowered = described("nb201", CELL, &small).lower().unwrap();
        let shape = Shape::Maps {
            channels: 3,
            side: 64,
        };
        assert_eq!(lowered.live.shape(lowered.live.input()), shape);
        let encoder = "bert-l3-d8-h2-i16-v60-p40-t2:1|2|3~0|head:mean";
        let told = [("classes", 5), ("length", 7)];
        let lowered = described("roberta-skip", encoder, &told).lower().unwrap();
        let shape = Shape::Text { length: 7 };
        assert_eq!(lowered.live.shape(lowered.live.input()), shape);
        let last = lowered.live.nodes().last().unwrap();
        assert_eq!(last.shape, Shape::Vector { width: 5 });
    }

    #[test]
    fn what_cannot_be_is_said() {
        let encoder = "bert-l3-d8-h2-i16-v60-p40-t2:1|2|3|head";
        for (space, arch, size, kind, said) in [
            ("nb202", CELL, &[][..], "unknown_space", "nb201, nats-sss, "),
            ("nb201", "|x", &[], "bad_arch", "three nodes"),
            (
                "nb201",
                CELL,
                &[("depth", 3)],
                "bad_size",
                "no size \"depth\"",
            ),
            ("nb201", CELL, &[("side", 30)], "bad_size", "multiple of 4"),
            (
                "roberta-skip",
                encoder,
                &[("length", 41)],
                "bad_size",
                "between 1 and 40",
            ),
            (
                "roberta-skip",
                encoder,
                &[("classes", 0)],
                "bad_size",
                "classes",
            ),
        ] {
            let error = described(space, arch, size).lower().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
