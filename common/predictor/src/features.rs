//! Samples from records: which features there are, and their values.

mod described;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use knas_records::{Record, RecordError};
use knas_space::ArchError;
use thiserror::Error;

use crate::{Layout, Sample};

use described::Described;

/// Scores that predictors write themselves.
pub const OWN: &str = "fit";

/// A kind of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All entries of `scores`, other than a predictor's own.
    Scores,
    /// `params` and `macs`.
    Cost,
    /// How often each operation occurs.
    Counts,
    /// Neural graph features: paths and degrees.
    Graf,
    /// Every decision, one-hot. Notations of one network differ in it.
    OneHot,
}

impl Kind {
    /// All kinds, in the order in which samples hold them.
    pub const ALL: [Self; 5] = [
        Self::Scores,
        Self::Cost,
        Self::Counts,
        Self::Graf,
        Self::OneHot,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scores => "scores",
            Self::Cost => "cost",
            Self::Counts => "counts",
            Self::Graf => "graf",
            Self::OneHot => "onehot",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of scores, cost, counts, graf, onehot"))
    }
}

/// Why a record has no sample.
#[derive(Debug, Error)]
pub enum FeatureError {
    /// A field is not what it should be.
    #[error(transparent)]
    Field(#[from] RecordError),
    /// The architecture is none of its space.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// A score is not a finite number.
    #[error("the score {0} is not a finite number")]
    NotANumber(String),
    /// The record is of another space.
    #[error("it is of the space {found:?}, but the labelled candidates are of {wanted:?}")]
    OtherSpace {
        /// This record's.
        found: String,
        /// The others'.
        wanted: String,
    },
    /// Something that the labelled candidates have is missing.
    #[error(
        "no value of {0}, which the labelled candidates have: score it, or choose --features without it"
    )]
    Missing(String),
    /// A kind that was asked for cannot be had.
    #[error("no features of the kind {0}: {1}")]
    None(Kind, &'static str),
    /// There is nothing to learn from.
    #[error(
        "no architecture of a known space, no scores, no params and macs: there is nothing to learn from"
    )]
    Nothing,
}

/// The features that all samples have.
#[derive(Clone, Debug)]
pub struct Columns {
    space: Option<String>,
    columns: Vec<Column>,
    /// Scores of some labelled candidates that others lack.
    pub left_out: Vec<String>,
}

#[derive(Clone, Debug)]
struct Column {
    kind: Kind,
    name: String,
    /// What stands for a value that is undefined: the lowest one known.
    lowest: f64,
}

/// Whether features can be had of a record.
///
/// # Errors
/// Its architecture is none of its space, or a field is not what it should be.
pub fn check(record: &Record<'_>) -> Result<(), FeatureError> {
    Described::of(record).map(drop)
}

impl Columns {
    /// The features that all of these records have, of the kinds that are
    /// wanted: without any, all but one-hot.
    ///
    /// # Errors
    /// The place of a record that cannot be used, and why; or nothing is left.
    pub fn of(
        records: &[Record<'_>],
        wanted: &[Kind],
    ) -> Result<Self, (Option<usize>, FeatureError)> {
        let mut all = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            let described = Described::of(record).map_err(|error| (Some(place), error))?;
            all.push(described);
        }
        let Some(first) = all.first() else {
            return Err((None, FeatureError::Nothing));
        };
        let mut found = Self {
            space: first.space.clone(),
            columns: Vec::new(),
            left_out: Vec::new(),
        };
        for (place, described) in all.iter().enumerate() {
            found
                .check_space(described)
                .map_err(|error| (Some(place), error))?;
        }
        for kind in Kind::ALL {
            let chosen = match wanted.is_empty() {
                true => kind != Kind::OneHot,
                false => wanted.contains(&kind),
            };
            if !chosen {
                continue;
            }
            let before = found.columns.len();
            found.add(kind, &all);
            if found.columns.len() == before && !wanted.is_empty() {
                let reason = match kind {
                    Kind::Scores => "there is no score that all labelled candidates have",
                    Kind::Cost => "not all labelled candidates have params and macs",
                    _ => "the labelled candidates have no architecture of a space that offers them",
                };
                return Err((None, FeatureError::None(kind, reason)));
            }
        }
        match found.columns.is_empty() {
            true => Err((None, FeatureError::Nothing)),
            false => Ok(found),
        }
    }

    fn check_space(&self, described: &Described) -> Result<(), FeatureError> {
        if described.space == self.space {
            return Ok(());
        }
        let name = |space: &Option<String>| space.clone().unwrap_or_default();
        Err(FeatureError::OtherSpace {
            found: name(&described.space),
            wanted: name(&self.space),
        })
    }

    /// Adds what all have of a kind, and notes what only some have.
    fn add(&mut self, kind: Kind, all: &[Described]) {
        let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
        for described in all {
            for feature in described.kinds.get(&kind).into_iter().flatten() {
                if seen.insert(feature.name.as_str()) {
                    names.push(feature.name.as_str());
                }
            }
        }
        if kind == Kind::Scores {
            names.sort_unstable();
        }
        for name in names {
            if !all.iter().all(|described| described.has(kind, name)) {
                self.left_out.push(name.to_owned());
                continue;
            }
            let values = all
                .iter()
                .filter_map(|described| described.value(kind, name));
            self.columns.push(Column {
                kind,
                name: name.to_owned(),
                lowest: values.fold(f64::INFINITY, f64::min),
            });
        }
    }

    /// The features of one record.
    ///
    /// # Errors
    /// It lacks some of them.
    pub fn sample(&self, record: &Record<'_>) -> Result<Sample, FeatureError> {
        let described = Described::of(record)?;
        self.check_space(&described)?;
        let mut values = Vec::with_capacity(self.columns.len());
        let mut missing = Vec::new();
        let mut next: BTreeMap<Kind, usize> = BTreeMap::new();
        for column in &self.columns {
            // Names come in the same order nearly always, so look there first.
            let place = next.entry(column.kind).or_default();
            let features = described.kinds.get(&column.kind);
            let here = features.and_then(|features| features.get(*place));
            *place += 1;
            let value = match here.filter(|feature| feature.name == column.name) {
                Some(feature) => Some(feature.value),
                None => described.value(column.kind, &column.name),
            };
            match value {
                Some(value) => values.push(value),
                None if described.has(column.kind, &column.name) => values.push(column.lowest),
                None if column.kind == Kind::Scores && described.odd.contains(&column.name) => {
                    return Err(FeatureError::NotANumber(column.name.clone()));
                }
                None => missing.push(column.name.as_str()),
            }
        }
        match missing.as_slice() {
            [] => Ok(Sample {
                values,
                flow: described.flow,
            }),
            [one] => Err(FeatureError::Missing((*one).to_owned())),
            [one, ..] => {
                let rest = missing.len() - 1;
                Err(FeatureError::Missing(format!("{one} and {rest} more")))
            }
        }
    }

    /// Where the features of each kind are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let groups: Vec<Range<usize>> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let below = |kind: Kind| self.columns.partition_point(|c| c.kind < kind);
                below(kind)..self.columns.partition_point(|c| c.kind <= kind)
            })
            .collect();
        Layout {
            scores: groups[0].clone(),
            groups: groups
                .into_iter()
                .filter(|group| !group.is_empty())
                .collect(),
        }
    }

    /// The kinds that there are.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.columns.iter().map(|column| column.kind).collect();
        kinds.dedup();
        kinds
    }

    /// The names of the scores among the features.
    pub fn scores(&self) -> impl Iterator<Item = &str> {
        let scores = self.columns.iter().filter(|c| c.kind == Kind::Scores);
        scores.map(|column| column.name.as_str())
    }

    /// Of the scores, `params` and `macs`, the one that orders these samples
    /// most as their labels do, and Kendall's τ-b of the two.
    #[must_use]
    pub fn best_single(&self, samples: &[Sample], labels: &[f64]) -> Option<(&str, f64)> {
        let mut best: Option<(&str, f64)> = None;
        for (place, column) in self.columns.iter().enumerate() {
            if !matches!(column.kind, Kind::Scores | Kind::Cost) {
                continue;
            }
            let values: Vec<f64> = samples.iter().map(|s| s.values[place]).collect();
            if let Ok(Some(tau)) = knas_stats::kendall(&values, labels)
                && best.is_none_or(|(_, most)| tau > most)
            {
                best = Some((&column.name, tau));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests;
