//! Which network it is: space, architecture, size.

use std::collections::BTreeMap;
use std::fmt;

use knas_graph::{Graph, GraphError};
use knas_space::nb201::{self, Cell, Edges, Nb201, Skeleton};
use knas_space::roberta_skip::{self, Layout, RobertaSkip, Settings, Task};
use knas_space::{SearchSpace, spaces};
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
    #[error("the space {found:?} is not known; there are {known}")]
    Space {
        /// What was asked for.
        found: String,
        /// Those there are.
        known: String,
    },
    /// The architecture is none of the space.
    #[error("{0}")]
    Arch(String),
    /// The space knows no size of this name.
    #[error("{space} has no size \"{name}\"; it has {known}")]
    Name {
        /// The space.
        space: &'static str,
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// It cannot have the size.
    #[error("{0}")]
    Size(String),
    /// It cannot be put together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl DescriptionError {
    /// A word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Space { .. } => "unknown_space",
            Self::Arch(_) => "bad_arch",
            Self::Name { .. } | Self::Size(_) | Self::Graph(_) => "bad_size",
        }
    }
}

impl Description {
    /// The network's graphs.
    ///
    /// # Errors
    /// When its space, architecture or size is none that there can be.
    pub fn lower(&self) -> Result<Lowered, DescriptionError> {
        if self.space == Nb201.name() {
            return self.cell();
        }
        if self.space == RobertaSkip::USUAL.name() {
            return self.encoder();
        }
        let known: Vec<&str> = spaces().iter().map(|space| space.name()).collect();
        Err(DescriptionError::Space {
            found: self.space.clone(),
            known: known.join(" and "),
        })
    }

    fn cell(&self) -> Result<Lowered, DescriptionError> {
        self.knows(Nb201.name(), &["channels", "cells", "classes", "side"])?;
        let cell: Cell = self.arch.parse().map_err(arch)?;
        let usual = Skeleton::default();
        let skeleton = Skeleton::new(
            self.size("channels", usual.channels()),
            self.size("cells", usual.cells()),
            self.size("classes", usual.classes()),
            self.size("side", usual.side()),
        );
        let skeleton = skeleton.map_err(size)?;
        let lower = |edges| nb201::network::lower(&cell, &skeleton, edges);
        Ok(Lowered {
            live: lower(Edges::Live)?,
            whole: lower(Edges::All)?,
        })
    }

    fn encoder(&self) -> Result<Lowered, DescriptionError> {
        const MOST_CLASSES: u64 = 1_000_000;
        self.knows(RobertaSkip::USUAL.name(), &["classes", "length"])?;
        let layout: Layout = self.arch.parse().map_err(arch)?;
        let usual = Task::usual(&layout);
        let [classes, length] = [
            self.size("classes", usual.classes as u64),
            self.size("length", usual.tokens as u64),
        ];
        let longest = layout.backbone().longest_input() as u64;
        let range = |name: &str, found: u64, high: u64| match (1..=high).contains(&found) {
            true => Ok(()),
            false => Err(size(format_args!(
                "{name} must be between 1 and {high}; {found} is not"
            ))),
        };
        range("classes", classes, MOST_CLASSES)?;
        range("length", length, longest)?;
        let task = Task {
            tokens: length as usize,
            classes: classes as usize,
        };
        let mut settings = Settings::of(layout.backbone().kind);
        if let Some(epsilon) = self.norm_epsilon {
            if !epsilon.is_finite() || epsilon < 0.0 {
                return Err(size(format_args!(
                    "norm_epsilon is a number from 0 up; {epsilon} is not"
                )));
            }
            settings.norm_epsilon = epsilon;
        }
        let graph = roberta_skip::network::lower(&layout, &settings, task)?;
        Ok(Lowered {
            live: graph.clone(),
            whole: graph,
        })
    }

    fn size(&self, name: &str, usual: u64) -> u64 {
        self.size.get(name).copied().unwrap_or(usual)
    }

    fn knows(&self, space: &'static str, names: &[&str]) -> Result<(), DescriptionError> {
        match self.size.keys().find(|name| !names.contains(&&***name)) {
            None => Ok(()),
            Some(name) => Err(DescriptionError::Name {
                space,
                name: name.clone(),
                known: names.join(", "),
            }),
        }
    }
}

fn arch(error: impl fmt::Display) -> DescriptionError {
    DescriptionError::Arch(error.to_string())
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
        let lowered = described("roberta-skip", encoder, &[("classes", 5)])
            .lower()
            .unwrap();
        let last = lowered.live.nodes().last().unwrap();
        assert_eq!(last.shape, Shape::Vector { width: 5 });
    }

    #[test]
    fn what_cannot_be_is_said() {
        let encoder = "bert-l3-d8-h2-i16-v60-p40-t2:1|2|3|head";
        for (space, arch, size, kind, said) in [
            (
                "nb202",
                CELL,
                &[][..],
                "unknown_space",
                "nb201 and roberta-skip",
            ),
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
