//! How well every score orders the candidates, and what it costs.

use knas_stats::{
    Bootstrap, Interval, Judgement, Score, Settings, agreement_between_seeds, judge,
    spearman_interval,
};
use rayon::prelude::*;

use crate::candidates::Kind;
use crate::search::Search;

/// Pairs of runs that stability over seeds is averaged over.
const SEED_PAIRS: usize = 20;

/// All scores against one accuracy.
#[derive(Debug)]
pub struct Table {
    /// The accuracy's column; none where no accuracy is known.
    pub truth: Option<usize>,
    /// The best score first.
    pub rows: Vec<Row>,
}

/// One score.
#[derive(Debug)]
pub struct Row {
    /// Its column.
    pub column: usize,
    /// Candidates that have it.
    pub n: usize,
    /// How it orders them; none without an accuracy.
    pub judgement: Option<Judgement>,
    /// The accuracy of the candidate with the best score, in percent.
    pub top: Option<f64>,
    /// The 95 % interval of Spearman's ρ.
    pub interval: Option<Interval>,
    /// What it costs.
    pub cost: Option<Cost>,
    /// Spearman's ρ to be expected between two runs with other seeds.
    pub between_seeds: Option<f64>,
}

/// What a score costs for one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Mean time.
    pub milliseconds: f64,
    /// How many other scores were computed in that time.
    pub others: usize,
}

/// A table for each accuracy that is known of candidates enough, or one
/// without; selections are the `k` best.
///
/// # Errors
/// Numbers that cannot be compared.
pub fn tables(search: &Search, k: usize) -> anyhow::Result<Vec<Table>> {
    let judged: Vec<usize> = search
        .of_kind(Kind::Score)
        .chain(search.of_kind(Kind::Count))
        .collect();
    // Ties are broken by ids, as everywhere.
    let mut by_id: Vec<usize> = (0..search.candidates.len()).collect();
    by_id.sort_by(|&a, &b| search.candidates[a].id.cmp(&search.candidates[b].id));
    let ordered = |values: &[Option<f64>]| by_id.iter().map(|&at| values[at]).collect();
    let scores: Vec<Score> = judged
        .iter()
        .map(|&place| Score {
            name: search.columns[place].name.clone(),
            values: ordered(&search.columns[place].values),
            deviations: vec![],
        })
        .collect();
    let rows = judged
        .par_iter()
        .map(|&column| {
            Ok(Row {
                column,
                n: search.columns[column].values.iter().flatten().count(),
                judgement: None,
                top: None,
                interval: None,
                cost: cost(search, column),
                between_seeds: between_seeds(search, column)?,
            })
        })
        .collect::<anyhow::Result<Vec<Row>>>()?;

    let k = u32::try_from(k.max(1)).unwrap_or(u32::MAX);
    let truths = truths(search);
    if truths.is_empty() {
        return Ok(match rows.is_empty() {
            true => vec![],
            false => vec![Table { truth: None, rows }],
        });
    }
    truths
        .into_par_iter()
        .map(|truth| {
            let settings = Settings {
                bootstrap: Bootstrap {
                    seed: 0,
                    resamples: 0,
                },
                k: &[k],
                baselines: &[],
                seed_pairs: 0,
            };
            let values: Vec<Option<f64>> = ordered(&search.columns[truth].values);
            let found = judge(&values, &scores, &settings)?;
            let mut rows: Vec<Row> = rows
                .iter()
                .zip(found)
                .map(|(row, judgement)| row.judged(judgement, &values))
                .collect();
            let rho = |row: &Row| row.spearman().unwrap_or(f64::NEG_INFINITY);
            rows.sort_by(|a, b| rho(b).total_cmp(&rho(a)));
            Ok(Table {
                truth: Some(truth),
                rows,
            })
        })
        .collect()
}

/// Accuracies that are known from elsewhere, or else those of training.
fn truths(search: &Search) -> Vec<usize> {
    let truths: Vec<usize> = search.of_kind(Kind::Truth).collect();
    match truths.is_empty() {
        true => {
            let mut trained: Vec<usize> = search.of_kind(Kind::Trained).collect();
            trained.sort_by_key(|&place| Some(place) != search.accuracy());
            trained
        }
        false => truths,
    }
}

impl Row {
    fn judged(&self, judgement: Judgement, truth: &[Option<f64>]) -> Self {
        let rho = judgement.all.spearman.map(|rho| rho.value);
        Self {
            interval: rho.and_then(|rho| spearman_interval(rho, judgement.all.n)),
            n: judgement.all.n as usize,
            top: judgement.top.and_then(|place| truth[place]),
            judgement: Some(judgement),
            ..*self
        }
    }

    /// Spearman's ρ over all candidates that have both.
    pub fn spearman(&self) -> Option<f64> {
        Some(self.judgement.as_ref()?.all.spearman?.value)
    }
}

/// Of the groups of scores that were computed together, the smallest that the
/// score belongs to.
fn cost(search: &Search, column: usize) -> Option<Cost> {
    let groups = search.scoring.iter();
    let mut groups: Vec<_> = groups.filter(|(all, ..)| all.contains(&column)).collect();
    groups.sort_by_key(|(all, _, count)| (all.len(), std::cmp::Reverse(*count)));
    let (all, sum, count) = groups.first()?;
    Some(Cost {
        milliseconds: sum / *count as f64,
        others: all.len() - 1,
    })
}

fn between_seeds(search: &Search, column: usize) -> anyhow::Result<Option<f64>> {
    let column = &search.columns[column];
    let both = column.values.iter().zip(&column.deviations);
    let both = both.filter_map(|(value, deviation)| Some(((*value)?, (*deviation)?)));
    let (means, deviations): (Vec<f64>, Vec<f64>) = both.unzip();
    if (means.len() as u64) < knas_stats::SMALLEST_PART {
        return Ok(None);
    }
    Ok(agreement_between_seeds(&means, &deviations, 0, SEED_PAIRS)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Candidate, Candidates};

    fn search(scoring: &[(&[usize], f64, usize)]) -> Search {
        let mut all = Candidates::default();
        let (up, down) = (
            all.column(Kind::Score, "up"),
            all.column(Kind::Score, "down"),
        );
        let acc = all.column(Kind::Truth, "acc");
        for at in 0..20 {
            let value = f64::from(at);
            all.all.push(Candidate {
                id: format!("c{at:02}"),
                by: Some(up),
                numbers: vec![(up, value), (down, -value), (acc, 50.0 + value)],
                ..Candidate::default()
            });
        }
        all.scoring = scoring
            .iter()
            .map(|(columns, sum, count)| (columns.to_vec(), (*sum, *count)))
            .collect();
        Search::new(all, None).unwrap()
    }

    #[test]
    fn scores_are_judged_as_knas_eval_judges_them() {
        let tables = tables(&search(&[]), 5).unwrap();
        let [table] = &tables[..] else {
            panic!("{tables:?}")
        };
        let rho: Vec<_> = table.rows.iter().map(Row::spearman).collect();
        assert_eq!((table.truth, rho), (Some(2), vec![Some(1.0), Some(-1.0)]));
        let judgement = table.rows[1].judgement.as_ref().unwrap();
        let at_k = judgement.at_k.iter();
        let at_k: Vec<_> = at_k.map(|at| (at.k, at.regret, at.precision)).collect();
        assert_eq!(
            (at_k, table.rows[1].top),
            (vec![(5, 15.0, 0.0)], Some(50.0))
        );
    }

    #[test]
    fn a_score_costs_what_the_fewest_took_together() {
        let both = [0, 1];
        let scoring: [(&[usize], f64, usize); 2] = [(&both, 1000.0, 10), (&both[..1], 60.0, 2)];
        let search = search(&scoring);
        let cost =
            |column| super::cost(&search, column).map(|cost| (cost.milliseconds, cost.others));
        assert_eq!((cost(0), cost(1)), (Some((30.0, 0)), Some((100.0, 1))));
    }
}
