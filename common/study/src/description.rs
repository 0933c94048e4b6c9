//! Which network it is: space, architecture, size.

use std::collections::BTreeMap;
use std::fmt;

use knas_graph::Graph;
use knas_space::roberta_skip::Settings;
use knas_space::{
    ArchError, Architecture, Extent, Input, LowerError, Setting, UnknownSpace, named,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
        self.lower_of(&*self.architecture()?)
    }

    /// As [`Description::lower`], of its architecture.
    ///
    /// # Errors
    /// When it cannot have the size.
    pub fn lower_of(&self, architecture: &dyn Architecture) -> Result<Lowered, DescriptionError> {
        let setting = self.setting(architecture)?;
        Ok(Lowered {
            live: architecture.lower(&setting, Extent::Live)?,
            whole: architecture.lower(&setting, Extent::Whole)?,
        })
    }

    /// Its architecture.
    ///
    /// # Errors
    /// When there is no such space, or it has no such architecture.
    pub fn architecture(&self) -> Result<Box<dyn Architecture>, DescriptionError> {
        Ok(named(&self.space)?.parse(&self.arch)?)
    }

    /// Its setting, of this architecture; what is not told is what is usual of it.
    ///
    /// # Errors
    /// When it cannot have the size.
    pub fn setting(&self, architecture: &dyn Architecture) -> Result<Setting, DescriptionError> {
        let told = self.size.iter().map(|(name, size)| (&**name, *size));
        let mut setting = Setting::of_network(architecture, told).map_err(size)?;
        let Some(backbone) = architecture.backbone() else {
            return Ok(setting);
        };
        if let Input::Texts { length, settings } = &mut setting.input {
            let longest = backbone.longest_input();
            if let Some(length) = length.filter(|length| *length > longest) {
                return Err(size(format_args!(
                    "length must be between 1 and {longest}; {length} is not"
                )));
            }
            let mut own = Settings::of(backbone.kind);
            if let Some(epsilon) = self.norm_epsilon {
                if !epsilon.is_finite() || epsilon < 0.0 {
                    return Err(size(format_args!(
                        "norm_epsilon is a number from 0 up; {epsilon} is not"
                    )));
                }
                own.norm_epsilon = epsilon;
            }
            *settings = Some(own);
        }
        Ok(setting)
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
