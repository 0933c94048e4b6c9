//! How well each of several scores orders the candidates of one truth.

use std::cmp::Ordering;

use crate::{
    Agreement, Bootstrap, Interval, Ranking, StatsError, Truth, agreement_between_seeds, best_of,
    interval, precision_at, regret_at,
};

/// The parts within which order is judged: everything, the best half and the
/// best tenth by the truth.
const PARTS: [u64; 3] = [1, 2, 10];

/// A part of fewer candidates says nothing: chance makes anything of it.
pub const SMALLEST_PART: u64 = 10;

/// The share of resamples that an interval holds.
pub const LEVEL: f64 = 0.95;

/// One score of every candidate; larger is better.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Its name; `-macs` is the negative of `macs`.
    pub name: String,
    /// Its values, where candidates have one.
    pub values: Vec<Option<f64>>,
    /// Standard deviations over seeds; none, or one for each candidate.
    pub deviations: Vec<Option<f64>>,
}

/// What is to be computed.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'s> {
    /// Resamples and their seed; without any there are no intervals.
    pub bootstrap: Bootstrap,
    /// Sizes of selections.
    pub k: &'s [u32],
    /// Names of the scores that others have to beat.
    pub baselines: &'s [&'s str],
    /// Pairs of runs that stability over seeds is averaged over.
    pub seed_pairs: usize,
}

/// How well one score orders the candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Over all candidates that have the score and the truth.
    pub all: Part,
    /// Within the best half by the truth.
    pub best_half: Option<Part>,
    /// Within the best tenth by the truth.
    pub best_tenth: Option<Part>,
    /// The place of the candidate with the best score; of equal ones the first.
    pub top: Option<usize>,
    /// Selections of the k best by score, for each k that there are enough of.
    pub at_k: Vec<AtK>,
    /// Against each baseline, in the same resamples.
    pub beats: Vec<Beats>,
    /// Spearman's ρ to be expected between two runs with other seeds.
    pub between_seeds: Option<f64>,
}

/// Rank correlations over a part of the candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Candidates.
    pub n: u64,
    /// Spearman's ρ.
    pub spearman: Option<Statistic>,
    /// Kendall's τ-b.
    pub kendall: Option<Statistic>,
}

/// A value, and the interval that holds [`LEVEL`] of the resamples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// The value.
    pub value: f64,
    /// None without resamples.
    pub interval: Option<Interval>,
}

/// What selecting the k best by score is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtK {
    /// Size of the selection.
    pub k: u32,
    /// The best truth there is, less the best in the selection.
    pub regret: f64,
    /// Share of the selection that is among the k best by truth.
    pub precision: f64,
}

/// A comparison with a baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Beats {
    /// Its name.
    pub baseline: String,
    /// Share of the resamples in which the score has the larger Spearman's ρ;
    /// equal ones count half.
    pub share: f64,
}

/// Judges every score against the truth, which may lack values, too. Places
/// are those of the candidates in all columns; where they are in the order of
/// ids, ties are broken by ids.
///
/// Scores that the same candidates have are judged on the same resamples, and
/// held against the baselines that all of these candidates have.
///
/// # Errors
/// Values that are not finite, or more candidates than can be counted.
pub fn judge(
    truth: &[Option<f64>],
    scores: &[Score],
    settings: &Settings<'_>,
) -> Result<Vec<Judgement>, StatsError> {
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
        let group = Group::new(places, truth, scores);
        // The first is where its group is; those before it were done with theirs.
        let own: Vec<bool> = members.iter().map(|other| other == places).collect();
        for (place, judgement) in group.judge(&own, settings)? {
            judgements[place] = Some(judgement);
        }
    }
    Ok(judgements.into_iter().flatten().collect())
}

/// Candidates that share the scores which they have.
struct Group<'g> {
    scores: &'g [Score],
    truth: Vec<f64>,
    /// Place among the scores, and values; only of scores that all have.
    columns: Vec<(usize, Vec<f64>)>,
    places: &'g [usize],
}

impl<'g> Group<'g> {
    fn new(places: &'g [usize], truth: &[Option<f64>], scores: &'g [Score]) -> Self {
        let columns = scores.iter().enumerate().filter_map(|(score, column)| {
            let values: Option<Vec<f64>> = places.iter().map(|&at| column.values[at]).collect();
            Some((score, values?))
        });
        Self {
            scores,
            truth: places.iter().filter_map(|&at| truth[at]).collect(),
            columns: columns.collect(),
            places,
        }
    }

    /// Judgements of the scores that are marked as the group's own.
    fn judge(
        &self,
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
            let top = best_of(values, 1).first().copied();
            let judgement = Judgement {
                all: part(0),
                best_half: Some(part(1)).filter(small),
                best_tenth: Some(part(2)).filter(small),
                top: top.map(|at| self.places[at as usize]),
                at_k: settings
                    .k
                    .iter()
                    .filter_map(|&k| self.at_k(values, k))
                    .collect(),
                beats: self.beats(column, &resampled, settings.baselines),
                between_seeds: self.between_seeds(*score, settings)?,
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
    fn beats(
        &self,
        column: usize,
        resampled: &[Vec<Vec<Agreement>>],
        baselines: &[&str],
    ) -> Vec<Beats> {
        let mut beats = Vec::new();
        for (baseline, (score, _)) in self.columns.iter().enumerate() {
            let name = &self.scores[*score].name;
            if baseline == column || !baselines.contains(&name.as_str()) {
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

    fn between_seeds(
        &self,
        score: usize,
        settings: &Settings<'_>,
    ) -> Result<Option<f64>, StatsError> {
        let column = &self.scores[score];
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for &place in self.places {
            let deviation = column.deviations.get(place).copied().flatten();
            if let (Some(mean), Some(deviation)) = (column.values[place], deviation) {
                means.push(mean);
                deviations.push(deviation);
            }
        }
        if means.is_empty() {
            return Ok(None);
        }
        let seed = settings.bootstrap.seed;
        agreement_between_seeds(&means, &deviations, seed, settings.seed_pairs)
    }
}

impl Part {
    fn new(found: Agreement, drawn: Vec<Agreement>) -> Self {
        let statistic = |of: fn(&Agreement) -> Option<f64>| -> Option<Statistic> {
            let values: Vec<f64> = drawn.iter().filter_map(of).collect();
            Some(Statistic {
                value: of(&found)?,
                interval: interval(values, LEVEL),
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
        Score {
            name: name.to_owned(),
            values: values.into_iter().collect(),
            deviations: vec![],
        }
    }

    /// Judges 40 candidates, with accuracies that rise with their places.
    fn judged(scores: &[Score], k: &[u32], known: usize) -> Vec<Judgement> {
        let truth = (0..40).map(|i| (i < known).then_some(50.0 + i as f64));
        let truth: Vec<Option<f64>> = truth.collect();
        let bootstrap = Bootstrap {
            seed: 0,
            resamples: 200,
        };
        let settings = Settings {
            bootstrap,
            k,
            baselines: &["params", "macs"],
            seed_pairs: 20,
        };
        judge(&truth, scores, &settings).unwrap()
    }

    #[test]
    fn a_perfect_score_and_its_opposite() {
        let up = (0..40).map(|i| Some(f64::from(i).exp()));
        let down = (0..40).map(|i| Some(f64::from(-i)));
        let found = judged(&[score("up", up), score("params", down)], &[1, 4, 50], 40);
        let (up, params) = (&found[0], &found[1]);
        let exactly = Statistic {
            value: 1.0,
            interval: Some(Interval { lo: 1.0, hi: 1.0 }),
        };
        assert_eq!(up.all.spearman, Some(exactly));
        assert_eq!(params.all.kendall.unwrap().value, -1.0);
        assert_eq!((up.all.n, up.best_half.unwrap().n), (40, 20));
        assert_eq!(up.best_tenth, None);
        assert_eq!((up.top, params.top), (Some(39), Some(0)));
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
        let scores = [score("a", noisy(2.0)), score("params", noisy(1.0))];
        let found = judged(&scores, &[], 40);
        assert_eq!(found[0].beats[0].share, 0.5);
        let spearman = found[0].all.spearman.unwrap();
        let interval = spearman.interval.unwrap();
        assert!(interval.lo < spearman.value && spearman.value < interval.hi);
    }

    #[test]
    fn scores_are_judged_on_the_candidates_that_have_them() {
        let part = (0..40).map(|i| (i % 2 == 0).then_some(f64::from(i)));
        let all = (0..40).map(|i| Some(f64::from(-i)));
        let other = (0..40).map(|i| (i < 30).then_some(f64::from(i)));
        let scores = [
            score("part", part),
            score("other", other),
            score("params", all),
        ];
        let found = judged(&scores, &[], 39);
        let n: Vec<u64> = found.iter().map(|judgement| judgement.all.n).collect();
        assert_eq!(n, [20, 30, 39]);
        assert_eq!(found[0].beats[0].share, 1.0);
        assert_eq!(found[0].top, Some(38));
    }

    #[test]
    fn a_constant_score_has_no_correlation() {
        let found = judged(&[score("flat", (0..40).map(|_| Some(1.0)))], &[], 40);
        assert_eq!(found[0].all.spearman, None);
        assert_eq!(found[0].top, Some(0));
    }
}
