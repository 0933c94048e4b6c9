//! A search as the page shows it: candidates in their order, numbers in columns.

use std::cmp::Reverse;

use knas_records::sheet::{millions, short};
use knas_records::{Failure, Truth};
use knas_space::nb201::Cell;
use knas_stats::{Agreement, Ranking};

use crate::axis::{Axis, tidy};
use crate::candidates::{Candidate, Candidates, Kind};

/// Parts of the candidates by the truth: all, the best half, the best tenth.
pub const PARTS: [u64; 3] = [1, 2, 10];

/// Fewer candidates say nothing about how two columns agree.
pub const FEWEST: usize = 10;

/// Candidates that did not fail, best first, and those that did.
#[derive(Debug)]
pub struct Search {
    /// In their order; rank 1 is at place 0.
    pub ranked: Vec<Candidate>,
    /// The cell of each that is one of NAS-Bench-201.
    pub cells: Vec<Option<Cell>>,
    /// Their numbers.
    pub columns: Vec<Column>,
    /// The column that ranks.
    pub by: Option<usize>,
    /// Those that failed, in the order of their ids.
    pub failed: Vec<(String, Failure)>,
    /// Spearman's ρ of every two columns, where both have values that differ.
    pub agreement: Vec<Vec<Option<f64>>>,
    /// Candidate, score and reason where a score is undefined, by id.
    pub undefined: Vec<(String, String, String)>,
    /// What is to be said where scores, or training, rest on different things.
    pub warning: Option<String>,
}

/// One number of every candidate.
#[derive(Debug)]
pub struct Column {
    /// What it says.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// One for each ranked candidate; accuracies in percent.
    pub values: Vec<Option<f64>>,
    /// How it is drawn.
    pub axis: Axis,
}

impl Search {
    /// Puts candidates in order: by their rank, or else by their score; ties
    /// by id.
    pub fn new(candidates: Candidates) -> anyhow::Result<Self> {
        let warning = candidates.compared().warning();
        let mut undefined: Vec<(String, String, String)> = Vec::new();
        for one in &candidates.all {
            let entries = one.undefined.iter();
            let told =
                |(name, reason): (&String, &String)| (one.id.clone(), name.clone(), reason.clone());
            undefined.extend(entries.map(told));
        }
        undefined.sort();
        let Candidates {
            all, columns, by, ..
        } = candidates;
        let (failed, mut ranked): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.failure.is_some());
        ranked.sort_by(|a, b| {
            let rank = |one: &Candidate| one.rank.unwrap_or(f64::INFINITY);
            let score = |one: &Candidate| one.score.unwrap_or(f64::NEG_INFINITY);
            rank(a)
                .total_cmp(&rank(b))
                .then(score(b).total_cmp(&score(a)))
                .then(a.id.cmp(&b.id))
        });
        let mut failed: Vec<(String, Failure)> = failed
            .into_iter()
            .filter_map(|one| Some((one.id, one.failure?)))
            .collect();
        failed.sort_by(|a, b| a.0.cmp(&b.0));

        // What ranks comes first, then by kind, in the order of appearance.
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|&place| (columns[place].0, Reverse(Some(place) == by)));
        let made = order.iter().filter_map(|&place| {
            let (kind, name) = columns[place].clone();
            let column = Column::new(kind, name, place, &ranked)?;
            Some((Some(place) == by, column))
        });
        let made: Vec<(bool, Column)> = made.collect();
        let by = made.iter().position(|(ranks, _)| *ranks);
        let columns: Vec<Column> = made.into_iter().map(|(_, column)| column).collect();
        let agreement = agreement(&columns)?;
        let cells = ranked.iter().map(cell).collect();
        Ok(Self {
            ranked,
            cells,
            columns,
            by,
            failed,
            agreement,
            undefined,
            warning,
        })
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

    /// The two columns that are shown against each other first: what ranks and
    /// accuracy, or else the first two there are.
    pub fn first_axes(&self) -> Option<(usize, usize)> {
        let x = self.by.or((!self.columns.is_empty()).then_some(0))?;
        let y = self.accuracy().filter(|&y| y != x);
        let y = y.or_else(|| (0..self.columns.len()).find(|&place| place != x))?;
        Some((x, y))
    }

    /// Columns as the ranking table has them: what ranks, accuracies, counts,
    /// other scores.
    pub fn table_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|&place| match self.columns[place].kind {
            _ if Some(place) == self.by => 0,
            Kind::Truth => 1,
            Kind::Trained => 2,
            Kind::Count => 3,
            Kind::Score => 4,
        });
        order
    }

    /// How `score` orders the values of `truth`, within each of the [`PARTS`].
    pub fn parts(&self, score: usize, truth: usize) -> anyhow::Result<Vec<Agreement>> {
        compare(&self.columns[score], &self.columns[truth], &PARTS)
    }
}

impl Column {
    /// None where no candidate has a value.
    fn new(kind: Kind, name: String, place: usize, ranked: &[Candidate]) -> Option<Self> {
        let value = |one: &Candidate| {
            let mut numbers = one.numbers.iter();
            let number = numbers.find(|(column, _)| *column == place);
            number.map(|(_, value)| *value)
        };
        let mut values: Vec<Option<f64>> = ranked.iter().map(value).collect();
        let percent = matches!(kind, Kind::Trained | Kind::Truth);
        if percent && values.iter().flatten().all(|&value| value <= 1.0) {
            for value in values.iter_mut().flatten() {
                *value *= 100.0; // fractions
            }
        }
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let axis = Axis::fit(&known, percent)?;
        Some(Self {
            kind,
            name,
            values,
            axis,
        })
    }

    /// Whether its values are accuracies in percent.
    pub fn is_percent(&self) -> bool {
        matches!(self.kind, Kind::Trained | Kind::Truth)
    }

    /// Its name with its unit.
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Score => self.name.clone(),
            Kind::Count if self.name == "macs" => "multiply-accumulates".into(),
            Kind::Count => "parameters".into(),
            Kind::Trained => format!("{}, %", self.name.replace('_', " ")),
            Kind::Truth => format!("{}, %", self.name),
        }
    }

    /// A value as people read it.
    pub fn show(&self, value: f64) -> String {
        match self.kind {
            Kind::Count => millions(value),
            Kind::Score => tidy(&short(value)),
            Kind::Trained | Kind::Truth => format!("{value:.2}"),
        }
    }

    /// The finite values that there are.
    pub fn known(&self) -> Vec<f64> {
        self.values.iter().flatten().copied().collect()
    }
}

/// Joins candidates with what is known about them. Those whose row is about
/// another architecture fail.
///
/// # Errors
/// None of them is known.
pub fn join(candidates: &mut Candidates, truth: &Truth) -> anyhow::Result<usize> {
    let columns: Vec<usize> = truth
        .columns
        .iter()
        .map(|name| candidates.column(Kind::Truth, name))
        .collect();
    let mut joined = 0;
    for candidate in &mut candidates.all {
        match truth.find(&candidate.id, candidate.arch.as_deref()) {
            Ok(Some(row)) => {
                joined += 1;
                for (place, column) in columns.iter().enumerate() {
                    let value = truth.value(row, place);
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

fn agreement(columns: &[Column]) -> anyhow::Result<Vec<Vec<Option<f64>>>> {
    let mut matrix = vec![vec![None; columns.len()]; columns.len()];
    for row in 0..columns.len() {
        for column in 0..=row {
            let found = compare(&columns[row], &columns[column], &[1])?;
            let rho = found.first().and_then(|all| all.spearman);
            matrix[row][column] = rho;
            matrix[column][row] = rho;
        }
    }
    Ok(matrix)
}

/// Over the candidates that have both values.
fn compare(score: &Column, truth: &Column, parts: &[u64]) -> anyhow::Result<Vec<Agreement>> {
    let pairs = score.values.iter().zip(&truth.values);
    let (score, truth): (Vec<f64>, Vec<f64>) =
        pairs.filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
    let (score, truth) = (Ranking::new(&score)?, Ranking::new(&truth)?);
    let all = knas_stats::Truth::new(&truth, &vec![1; truth.len()], parts)?.agreement(&score)?;
    // Of so few, chance makes anything.
    let told = all.into_iter().map(|part| match part.n < FEWEST as u64 {
        true => Agreement {
            spearman: None,
            kendall: None,
            ..part
        },
        false => part,
    });
    Ok(told.collect())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Candidates of these ids, ranks and scores.
    pub fn search(candidates: Vec<(&str, Option<f64>, Option<f64>)>) -> Search {
        let mut all = Candidates::default();
        let column = all.column(Kind::Score, "mgm");
        all.by = Some(column);
        for (id, rank, score) in candidates {
            all.all.push(Candidate {
                id: id.into(),
                rank,
                score,
                numbers: score.map(|score| (column, score)).into_iter().collect(),
                ..Candidate::default()
            });
        }
        Search::new(all).unwrap()
    }

    fn ids(search: &Search) -> Vec<&str> {
        search.ranked.iter().map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn ranks_come_before_scores_and_scores_before_ids() {
        let found = search(vec![
            ("c", None, Some(1.0)),
            ("b", None, Some(1.0)),
            ("d", None, None),
            ("a", None, Some(2.0)),
        ]);
        assert_eq!(ids(&found), ["a", "b", "c", "d"]);
        let found = search(vec![
            ("a", Some(2.0), Some(9.0)),
            ("b", Some(1.0), Some(1.0)),
        ]);
        assert_eq!(ids(&found), ["b", "a"]);
        assert_eq!(found.columns[0].values, [Some(1.0), Some(9.0)]);
    }

    #[test]
    fn fractions_become_percent_and_percents_stay() {
        let mut all = Candidates::default();
        let (half, known) = (
            all.column(Kind::Trained, "valid_accuracy"),
            all.column(Kind::Truth, "acc"),
        );
        all.all.push(Candidate {
            id: "a".into(),
            numbers: vec![(half, 0.5), (known, 93.5)],
            ..Candidate::default()
        });
        let found = Search::new(all).unwrap();
        let shown: Vec<_> = found
            .columns
            .iter()
            .map(|one| (one.label(), one.values[0]))
            .collect();
        let expected = [("valid accuracy, %", Some(50.0)), ("acc, %", Some(93.5))];
        assert_eq!(
            shown,
            expected.map(|(label, value)| (label.to_owned(), value))
        );
        assert_eq!(found.accuracy(), Some(1));
    }

    #[test]
    fn agreement_needs_enough_candidates() {
        let some = |count: i32| {
            let mut all = Candidates::default();
            let (up, down) = (
                all.column(Kind::Score, "up"),
                all.column(Kind::Score, "down"),
            );
            for at in 0..count {
                all.all.push(Candidate {
                    id: at.to_string(),
                    numbers: vec![(up, f64::from(at)), (down, f64::from(-at))],
                    ..Candidate::default()
                });
            }
            Search::new(all).unwrap().agreement[0][1]
        };
        assert_eq!((some(9), some(10)), (None, Some(-1.0)));
    }
}
