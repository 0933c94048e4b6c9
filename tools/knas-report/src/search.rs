//! A search as the page shows it: candidates in one order, numbers in columns.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::bail;
use knas_records::{Failure, Truth};
use knas_space::nb201::Cell;
use knas_stats::Interval;
use rayon::prelude::*;

use crate::agreement::agreement;
use crate::candidates::{Candidate, Candidates, Kind};
use crate::column::Column;

/// Candidates that have a number to show or did not fail, best first, and
/// those that failed.
#[derive(Debug)]
pub struct Search {
    /// Those that the ranking holds, in its order, and then the others by id.
    pub candidates: Vec<Candidate>,
    /// How many the ranking holds: rank 1 is at place 0.
    pub ranked: usize,
    /// The cell of each that is one of NAS-Bench-201.
    pub cells: Vec<Option<Cell>>,
    /// Their numbers.
    pub columns: Vec<Column>,
    /// The names of all columns of the records, in the order of their places
    /// there.
    pub names: Vec<String>,
    /// What they are ranked by.
    pub by: Option<By>,
    /// Those that failed, in the order of their ids.
    pub failed: Vec<(String, Failure)>,
    /// Spearman's ρ of every two columns, where both have values that differ.
    pub agreement: Vec<Vec<Option<f64>>>,
    /// What is to be said where scores, or training, rest on different things.
    pub warning: Option<String>,
    /// For the columns of scores that were computed together: milliseconds,
    /// and of how many candidates.
    pub scoring: Vec<(Vec<usize>, f64, usize)>,
    /// Why scores are undefined: name, reason, ids.
    pub undefined: Vec<(String, String, Vec<String>)>,
}

/// What candidates are ranked by.
#[derive(Clone, Debug, PartialEq)]
pub struct By {
    /// Its column.
    pub column: usize,
    /// Its name; `-macs` prefers small ones.
    pub name: String,
    /// What else records are ranked by, and how many.
    pub others: Vec<(String, usize)>,
    /// 1, or −1 where small ones are preferred.
    sign: f64,
}

/// The candidate that the search ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winner {
    /// Its place.
    pub place: usize,
    /// The validation accuracy that chose it, and among how many; none where
    /// it is the first by rank.
    pub chosen: Option<(usize, usize)>,
}

impl By {
    /// A correlation of the column as one of the ranking, which may prefer
    /// small values.
    pub fn oriented(&self, rho: f64, interval: Option<Interval>) -> (f64, Option<Interval>) {
        match self.sign < 0.0 {
            true => (
                -rho,
                interval.map(|range| Interval {
                    lo: -range.hi,
                    hi: -range.lo,
                }),
            ),
            false => (rho, interval),
        }
    }
}

impl Search {
    /// Puts candidates in order: by the column that is asked for, or else by
    /// what most of the records are ranked by; ties by id.
    ///
    /// # Errors
    /// Nothing has the name that is asked for.
    pub fn new(gathered: Candidates, asked: Option<&str>) -> anyhow::Result<Self> {
        let warning = gathered.warning();
        let undefined = undefined(&gathered);
        let Candidates {
            mut all,
            columns,
            scoring,
            ..
        } = gathered;
        let mut failed: Vec<(String, Failure)> = all
            .iter()
            .filter_map(|one| Some((one.id.clone(), one.failure.clone()?)))
            .collect();
        failed.sort_by(|a, b| a.0.cmp(&b.0));
        let scored = |one: &Candidate| {
            let mut numbers = one.numbers.iter();
            numbers.any(|(column, _)| columns[*column].0 == Kind::Score)
        };
        all.retain(|one| one.failure.is_none() || scored(one));
        let by = choose(&all, &columns, asked)?;

        let value = |one: &Candidate| -> Option<f64> {
            let by = by.as_ref()?;
            let mut numbers = one.numbers.iter();
            let (_, value) = numbers.find(|(column, _)| *column == by.column)?;
            Some(by.sign * value + 0.0) // no negative zero
        };
        let mut keyed: Vec<(Option<f64>, Candidate)> =
            all.into_iter().map(|one| (value(&one), one)).collect();
        keyed.sort_by(|(a, one), (b, other)| {
            let worth = |value: &Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
            let known = b.is_some().cmp(&a.is_some());
            known
                .then(worth(b).total_cmp(&worth(a)))
                .then_with(|| one.id.cmp(&other.id))
        });
        let ranked = keyed.iter().filter(|(value, _)| value.is_some()).count();
        let candidates: Vec<Candidate> = keyed.into_iter().map(|(_, one)| one).collect();

        // What ranks comes first, then by kind, in the order of appearance.
        let ranks = by.as_ref().map(|by| by.column);
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|&place| (Reverse(Some(place) == ranks), columns[place].0));
        let made: Vec<Option<Column>> = order
            .par_iter()
            .map(|&place| {
                let (kind, name) = columns[place].clone();
                Column::new(kind, name, place, &candidates)
            })
            .collect();
        let names = columns.into_iter().map(|(_, name)| name).collect();
        let kept = order.iter().zip(made);
        let kept = kept.filter_map(|(&place, column)| Some((place, column?)));
        let (places, columns): (Vec<usize>, Vec<Column>) = kept.unzip();
        let new_place = |old: usize| places.iter().position(|&place| place == old);
        let by = by.and_then(|by| {
            Some(By {
                column: new_place(by.column)?,
                ..by
            })
        });
        let scoring = scoring.into_iter().map(|(together, (sum, count))| {
            let together = together.into_iter().filter_map(new_place).collect();
            (together, sum, count)
        });
        let agreement = agreement(&columns)?;
        Ok(Self {
            ranked,
            names,
            cells: candidates.iter().map(cell).collect(),
            candidates,
            columns,
            by,
            failed,
            agreement,
            warning,
            undefined,
            scoring: scoring.collect(),
        })
    }

    /// The column that ranks.
    pub fn ranks(&self) -> Option<usize> {
        self.by.as_ref().map(|by| by.column)
    }

    /// The places of the columns of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(move |&place| self.columns[place].kind == kind)
    }

    /// The accuracy that scores are held against: known, or else tested, or
    /// else validated.
    pub fn accuracy(&self) -> Option<usize> {
        let trained = |what: &str| {
            self.of_kind(Kind::Trained)
                .find(|&place| self.columns[place].name.contains(what))
        };
        self.of_kind(Kind::Truth)
            .next()
            .or_else(|| trained("test"))
            .or_else(|| trained("valid"))
            .or_else(|| trained(""))
    }

    /// The accuracies that belong to a test accuracy: the column by which one
    /// may choose, and the one that is reported. Those of training come before
    /// those that are known from elsewhere.
    pub fn validation_and_test(&self) -> Option<(usize, usize)> {
        let named = |kind, name: &str| {
            self.of_kind(kind)
                .find(|&place| self.columns[place].name == name)
        };
        let trained = named(Kind::Trained, "valid_accuracy");
        if let Some(pair) = trained.zip(named(Kind::Trained, "test_accuracy")) {
            return Some(pair);
        }
        self.of_kind(Kind::Truth).find_map(|test| {
            let name = &self.columns[test].name;
            let mut names = ["valid", "val"]
                .map(|part| name.replace("test", part))
                .into_iter();
            let valid =
                names.find_map(|valid| named(Kind::Truth, &valid).filter(|_| valid != *name));
            Some((valid?, test))
        })
    }

    /// The candidate that the search ends with: of those that were trained the
    /// best by validation, or else of the first `k` by rank the best by a known
    /// validation accuracy, or else the first by rank. Never by test.
    pub fn winner(&self, k: usize) -> Option<Winner> {
        let trained = self.of_kind(Kind::Trained);
        let mut trained = trained.filter(|&place| self.columns[place].name.starts_with("valid"));
        let known = || {
            let (valid, _) = self.validation_and_test()?;
            Some((valid, self.ranked.min(k.max(1))))
        };
        let chosen = match trained.next() {
            Some(valid) => Some((valid, self.candidates.len())),
            None => known(),
        };
        let first = (self.ranked > 0).then_some(Winner {
            place: 0,
            chosen: None,
        });
        let Some((valid, among)) = chosen else {
            return first;
        };
        let values = &self.columns[valid].values[..among];
        let known = (0..among).filter_map(|at| Some((at, values[at]?)));
        // Of equal ones the first by rank.
        let best = known.clone().reduce(|a, b| if b.1 > a.1 { b } else { a });
        best.map_or(first, |(place, _)| {
            Some(Winner {
                place,
                chosen: Some((valid, known.count())),
            })
        })
    }

    /// The two columns that are shown against each other first: what ranks and
    /// accuracy, or else the first two there are.
    pub fn first_axes(&self) -> Option<(usize, usize)> {
        let x = self.ranks().or((!self.columns.is_empty()).then_some(0))?;
        let y = self.accuracy().filter(|&y| y != x);
        let y = y.or_else(|| (0..self.columns.len()).find(|&place| place != x))?;
        Some((x, y))
    }

    /// Columns as the ranking table has them: what ranks, accuracies, counts,
    /// other scores; those that fewer than half of the candidates have at the
    /// end, so that no table begins with empty columns.
    pub fn table_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|&place| {
            let column = &self.columns[place];
            let known = column.values.iter().flatten().count();
            let kind = match column.kind {
                _ if Some(place) == self.ranks() => return (false, 0),
                Kind::Truth => 1,
                Kind::Trained => 2,
                Kind::Count => 3,
                Kind::Score => 4,
            };
            (2 * known < self.candidates.len(), kind)
        });
        order
    }
}

/// What candidates are ranked by: the column of that name, or else what most
/// of them are ranked by in their records; of equally many the first to appear.
fn choose(
    candidates: &[Candidate],
    columns: &[(Kind, String)],
    asked: Option<&str>,
) -> anyhow::Result<Option<By>> {
    if let Some(asked) = asked {
        let named = |name: &str| columns.iter().position(|(_, column)| column == name);
        let small = || asked.strip_prefix('-').and_then(named).map(|at| (at, -1.0));
        let Some((column, sign)) = named(asked).map(|at| (at, 1.0)).or_else(small) else {
            let known: Vec<&str> = columns.iter().map(|(_, name)| name.as_str()).collect();
            bail!(
                "--by {asked}: no candidate has it; there are {}",
                known.join(", ")
            );
        };
        return Ok(Some(By {
            column,
            name: asked.to_owned(),
            others: vec![],
            sign,
        }));
    }
    let mut counts = BTreeMap::<usize, usize>::new();
    for column in candidates.iter().filter_map(|one| one.by) {
        *counts.entry(column).or_default() += 1;
    }
    let most = counts
        .iter()
        .max_by_key(|&(&column, &count)| (count, Reverse(column)));
    Ok(most.map(|(&column, _)| By {
        column,
        name: columns[column].1.clone(),
        others: counts
            .iter()
            .filter(|&(&other, _)| other != column)
            .map(|(&other, &count)| (columns[other].1.clone(), count))
            .collect(),
        sign: 1.0,
    }))
}

/// Joins candidates with these columns of what is known about them. Those whose row is about
/// another architecture fail.
///
/// # Errors
/// None of them is known.
pub fn join(candidates: &mut Candidates, truth: &Truth, taken: &[usize]) -> anyhow::Result<usize> {
    let columns: Vec<(usize, usize)> = taken
        .iter()
        .map(|&at| (at, candidates.column(Kind::Truth, &truth.columns[at])))
        .collect();
    let mut joined = 0;
    for candidate in &mut candidates.all {
        match truth.find(&candidate.id, candidate.arch.as_deref()) {
            Ok(Some(row)) => {
                joined += 1;
                for (place, column) in &columns {
                    let value = truth.value(row, *place);
                    candidate
                        .numbers
                        .extend(value.map(|value| (*column, value)));
                }
            }
            Ok(None) => {}
            Err(reason) => {
                candidate.failure = Some(Failure::new("report", "other_arch", reason));
            }
        }
    }
    let example = candidates.all.first().map_or("", |one| one.id.as_str());
    anyhow::ensure!(
        joined > 0,
        "no candidate is in it: ids are like {example:?} here, and like {:?} there",
        truth.example()
    );
    Ok(joined)
}

fn cell(candidate: &Candidate) -> Option<Cell> {
    let ours = candidate
        .space
        .as_deref()
        .is_none_or(|name| name == "nb201");
    let arch = candidate.arch.as_deref().filter(|_| ours)?;
    arch.parse().ok()
}

fn undefined(gathered: &Candidates) -> Vec<(String, String, Vec<String>)> {
    let mut reasons = BTreeMap::<(usize, &str), Vec<String>>::new();
    for candidate in &gathered.all {
        for (column, why) in &candidate.undefined {
            let ids = reasons.entry((*column, why)).or_default();
            ids.push(candidate.id.clone());
        }
    }
    let told = reasons.into_iter();
    let name = |column: usize| gathered.columns[column].1.clone();
    told.map(|((column, why), ids)| (name(column), why.to_owned(), ids))
        .collect()
}

#[cfg(test)]
pub mod tests;
