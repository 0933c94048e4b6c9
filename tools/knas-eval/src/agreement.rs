//! How well each score orders the candidates of one truth.

use std::cmp::Ordering;

use knas_stats::{
    Agreement, Bootstrap, Ranking, StatsError, Truth, agreement_between_seeds, best_of, interval,
    precision_at, regret_at,
};

use crate::candidates::{BASELINES, Candidates, Score};
use crate::report::{AtK, Beats, Judgement, Part, Statistic, Top};

/// The parts within which order is judged: everything, the best half and the
/// best tenth.
const PARTS: [u64; 3] = [1, 2, 10];

/// A part of fewer candidates says nothing.
const SMALLEST_PART: u64 = 10;

/// Pairs of runs that stability over seeds is averaged over.
const SEED_PAIRS: usize = 20;

/// The share of resamples that an interval holds.
pub const LEVEL: f64 = 0.95;

/// What is to be computed.
pub struct Settings<'s> {
    /// Resamples and their seed.
    pub bootstrap: Bootstrap,
    /// Sizes of selections.
    pub k: &'s [u32],
}

/// Judges every score against one column of the truth, which may lack values.
///
/// Scores that the same candidates have are judged on the same resamples, and
/// held against the baselines that all of these candidates have.
///
/// # Errors
/// More candidates than can be counted.
pub fn judge(
    column: &str,
    truth: &[Option<f64>],
    candidates: &Candidates,
    settings: &Settings<'_>,
) -> Result<Vec<Judgement>, StatsError> {
    let scores = &candidates.scores;
    let members = |score: &Score| -> Vec<usize> {
        let both = |&place: &usize| score.values[place].is_some() && truth[place].is_some();
        (0..truth.len()).filter(both).collect()
    };
    let members: Vec<Vec<usize>> = scores.iter().map(members).collect();
    let mut judgements: Vec<Option<Judgement>> = scores.iter().map(|_| None).collect();
    for first in 0..scores.len() {
        if judgements[first].is_some() {
            continue;
        }
        let places = &members[first];
        let group = Group::new(places, truth, candidates);
        // The first is where its group is; those before it were done with theirs.
        let own: Vec<bool> = members.iter().map(|other| other == places).collect();
        for (place, judgement) in group.judge(column, &own, settings)? {
            judgements[place] = Some(judgement);
        }
    }
    Ok(judgements.into_iter().flatten().collect())
}

/// Candidates that share the scores which they have.
struct Group<'g> {
    scores: &'g [Score],
    ids: Vec<&'g str>,
    truth: Vec<f64>,
    /// Place among the scores, and values; only of scores that all have.
    columns: Vec<(usize, Vec<f64>)>,
    places: &'g [usize],
}

impl<'g> Group<'g> {
    fn new(places: &'g [usize], truth: &[Option<f64>], candidates: &'g Candidates) -> Self {
        let scores = &candidates.scores;
        let columns = scores.iter().enumerate().filter_map(|(score, column)| {
            let values: Option<Vec<f64>> = places.iter().map(|&at| column.values[at]).collect();
            Some((score, values?))
        });
        Self {
            scores,
            ids: places
                .iter()
                .map(|&at| candidates.ids[at].as_str())
                .collect(),
            truth: places.iter().filter_map(|&at| truth[at]).collect(),
            columns: columns.collect(),
            places,
        }
    }

    /// Judgements of the scores that are marked as the group's own.
    fn judge(
        &self,
        name: &str,
        own: &[bool],
        settings: &Settings<'_>,
    ) -> Result<Vec<(usize, Judgement)>, StatsError> {
        let truth = Ranking::new(&self.truth)?;
        let rankings: Vec<Ranking> = self
            .columns
            .iter()
            .map(|(_, values)| Ranking::new(values))
            .collect::<Result<_, _>>()?;
        let agreements = |counts: &[u32]| -> Result<Vec<Vec<Agreement>>, StatsError> {
            let truth = Truth::new(&truth, counts, &PARTS)?;
            rankings
                .iter()
                .map(|ranking| truth.agreement(ranking))
                .collect()
        };
        let found = agreements(&vec![1; self.truth.len()])?;
        let resampled = settings.bootstrap.run(self.truth.len(), agreements);
        let resampled: Vec<Vec<Vec<Agreement>>> =
            resampled.into_iter().collect::<Result<_, _>>()?;

        let mut judgements = Vec::new();
        for (column, (score, values)) in self.columns.iter().enumerate() {
            if !own[*score] {
                continue;
            }
            let part = |part: usize| {
                let drawn = resampled.iter().map(|columns| columns[column][part]);
                Part::new(found[column][part], drawn.collect())
            };
            let small = |part: &Part| part.n >= SMALLEST_PART;
            let top = best_of(values, 1).first().map(|&place| Top {
                id: self.ids[place as usize].to_owned(),
                value: self.truth[place as usize],
            });
            let judgement = Judgement {
                truth: name.to_owned(),
                score: self.scores[*score].name.clone(),
                all: part(0),
                best_half: Some(part(1)).filter(small),
                best_tenth: Some(part(2)).filter(small),
                top,
                at_k: settings
                    .k
                    .iter()
                    .filter_map(|&k| self.at_k(values, k))
                    .collect(),
                beats: self.beats(column, &resampled),
                between_seeds: self.between_seeds(*score, settings.bootstrap.seed)?,
                resamples: settings.bootstrap.resamples as u64,
                seed: settings.bootstrap.seed,
            };
            judgements.push((*score, judgement));
        }
        Ok(judgements)
    }

    fn at_k(&self, values: &[f64], k: u32) -> Option<AtK> {
        let picked = best_of(values, k as usize);
        (picked.len() == k as usize).then_some(AtK {
            k,
            regret: regret_at(&picked, &self.truth)?,
            precision: precision_at(&picked, &self.truth)?,
        })
    }

    /// How often Spearman's ρ over all is larger than each baseline's in the
    /// same resample; equal ones count half.
    fn beats(&self, column: usize, resampled: &[Vec<Vec<Agreement>>]) -> Vec<Beats> {
        let mut beats = Vec::new();
        for (baseline, (score, _)) in self.columns.iter().enumerate() {
            let name = &self.scores[*score].name;
            if baseline == column || !BASELINES.contains(&name.as_str()) {
                continue;
            }
            let (mut wins, mut games) = (0.0, 0.0);
            for columns in resampled {
                let both = (columns[column][0].spearman, columns[baseline][0].spearman);
                if let (Some(own), Some(other)) = both {
                    games += 1.0;
                    wins += match own.total_cmp(&other) {
                        Ordering::Greater => 1.0,
                        Ordering::Equal => 0.5,
                        Ordering::Less => 0.0,
                    };
                }
            }
            if games > 0.0 {
                beats.push(Beats {
                    baseline: name.clone(),
                    share: wins / games,
                });
            }
        }
        beats
    }

    fn between_seeds(&self, score: usize, seed: u64) -> Result<Option<f64>, StatsError> {
        let column = &self.scores[score];
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for &place in self.places {
            if let (Some(mean), Some(deviation)) = (column.values[place], column.deviations[place])
            {
                means.push(mean);
                deviations.push(deviation);
            }
        }
        if means.is_empty() {
            return Ok(None);
        }
        agreement_between_seeds(&means, &deviations, seed, SEED_PAIRS)
    }
}

impl Part {
    fn new(found: Agreement, drawn: Vec<Agreement>) -> Self {
        let statistic = |of: fn(&Agreement) -> Option<f64>| -> Option<Statistic> {
            let values: Vec<f64> = drawn.iter().filter_map(of).collect();
            let interval = interval(values, LEVEL);
            Some(Statistic {
                value: of(&found)?,
                lo: interval.map(|interval| interval.lo),
                hi: interval.map(|interval| interval.hi),
            })
        };
        Self {
            n: found.n,
            spearman: statistic(|agreement| agreement.spearman),
            kendall: statistic(|agreement| agreement.kendall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Score {
        let values: Vec<Option<f64>> = values.into_iter().collect();
        let deviations = vec![None; values.len()];
        Score {
            name: name.to_owned(),
            values,
            deviations,
        }
    }

    fn settings(k: &[u32]) -> Settings<'_> {
        Settings {
            bootstrap: Bootstrap {
                seed: 0,
                resamples: 200,
            },
            k,
        }
    }

    /// 40 candidates, with accuracies that rise with their places.
    fn candidates(scores: Vec<Score>) -> (Candidates, Vec<Option<f64>>) {
        let ids = (0..40).map(|i| format!("c{i:02}")).collect();
        let truth = (0..40).map(|i| Some(50.0 + f64::from(i))).collect();
        (
            Candidates {
                scores,
                ids,
                rows: (0..40).collect(),
            },
            truth,
        )
    }

    #[test]
    fn a_perfect_score_and_its_opposite() {
        let up = (0..40).map(|i| Some(f64::from(i).exp()));
        let down = (0..40).map(|i| Some(f64::from(-i)));
        let (candidates, truth) = candidates(vec![score("up", up), score("params", down)]);
        let found = judge("acc", &truth, &candidates, &settings(&[1, 4, 50])).unwrap();
        let (up, params) = (&found[0], &found[1]);
        let spearman = up.all.spearman.unwrap();
        assert_eq!(
            (spearman.value, spearman.lo, spearman.hi),
            (1.0, Some(1.0), Some(1.0))
        );
        assert_eq!(params.all.kendall.unwrap().value, -1.0);
        assert_eq!((up.all.n, up.best_half.as_ref().unwrap().n), (40, 20));
        assert_eq!(up.best_tenth, None);
        assert_eq!(up.top.as_ref().unwrap().id, "c39");
        assert_eq!(params.top.as_ref().unwrap().value, 50.0);
        let at_k: Vec<_> = up
            .at_k
            .iter()
            .map(|at| (at.k, at.regret, at.precision))
            .collect();
        assert_eq!(at_k, [(1, 0.0, 1.0), (4, 0.0, 1.0)]);
        assert_eq!(
            (params.at_k[1].regret, params.at_k[1].precision),
            (36.0, 0.0)
        );
        assert_eq!(
            up.beats,
            [Beats {
                baseline: "params".into(),
                share: 1.0
            }]
        );
        assert_eq!(params.beats, []);
    }

    #[test]
    fn the_same_order_draws_with_its_baseline() {
        let noisy = |scale: f64| (0..40).map(move |i| Some(scale * f64::from(i * 17 % 40)));
        let (candidates, truth) =
            candidates(vec![score("a", noisy(2.0)), score("params", noisy(1.0))]);
        let found = judge("acc", &truth, &candidates, &settings(&[])).unwrap();
        assert_eq!(found[0].beats[0].share, 0.5);
        let spearman = found[0].all.spearman.unwrap();
        assert!(spearman.lo.unwrap() < spearman.value && spearman.value < spearman.hi.unwrap());
    }

    #[test]
    fn scores_are_judged_on_the_candidates_that_have_them() {
        let part = (0..40).map(|i| (i % 2 == 0).then_some(f64::from(i)));
        let all = (0..40).map(|i| Some(f64::from(-i)));
        let other = (0..40).map(|i| (i < 30).then_some(f64::from(i)));
        let scores = vec![
            score("part", part),
            score("other", other),
            score("params", all),
        ];
        let (candidates, mut truth) = candidates(scores);
        truth[39] = None;
        let found = judge("acc", &truth, &candidates, &settings(&[])).unwrap();
        let n: Vec<u64> = found.iter().map(|judgement| judgement.all.n).collect();
        assert_eq!(n, [20, 30, 39]);
        assert_eq!(found[0].beats[0].share, 1.0);
    }

    #[test]
    fn a_constant_score_has_no_correlation() {
        let (candidates, truth) = candidates(vec![score("flat", (0..40).map(|_| Some(1.0)))]);
        let found = judge("acc", &truth, &candidates, &settings(&[])).unwrap();
        assert_eq!(found[0].all.spearman, None);
        assert_eq!(found[0].top.as_ref().unwrap().id, "c00");
    }
}
