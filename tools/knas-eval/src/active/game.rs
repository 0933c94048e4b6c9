//! The searches that are played, as orders in which candidates are trained.

use std::collections::HashMap;

use knas_predictor::learned::Learned;
use knas_predictor::{FitError, Layout, Model, Sample};
use knas_records::Record;
use knas_space::{Architecture, Equivalence};
use knas_stats::best_of;
use knas_stats::random::stream;

use super::Active;

/// Candidates that evolve: those alive, and how many of them compete (Real et
/// al. 2019, with the numbers of NAS-Bench-201's own baseline made smaller for
/// the small budgets here).
const ALIVE: usize = 20;
const COMPETING: usize = 5;

/// What is played with.
pub struct Game<'g> {
    pub spec: &'g Active,
    pub seed: u64,
    /// What learns.
    pub model: Box<dyn Model>,
    pub layout: Layout,
    pub samples: Vec<Sample>,
    pub ids: Vec<String>,
    /// The accuracy that training shows.
    pub fine: Vec<f64>,
    /// For each candidate those that differ from it in one decision, where the
    /// space tells.
    pub near: Option<Vec<Vec<usize>>>,
    /// Scores that need no training.
    pub coarse: Vec<&'g [f64]>,
    /// The score by which active search begins.
    pub first: Option<usize>,
}

/// A way to search.
#[derive(Clone, Copy, Debug)]
pub enum Strategy {
    Active,
    /// The best of a random pool by this score.
    TwoStep(usize),
    Evolution,
    Random,
}

impl Game<'_> {
    /// The candidates that are trained, in order.
    ///
    /// # Errors
    /// The model cannot be fitted.
    pub fn order(&self, strategy: Strategy, repetition: u64) -> Result<Vec<usize>, FitError> {
        let random = |count: usize| {
            stream(self.seed, "active", &[repetition.into()]).choose(self.fine.len(), count)
        };
        Ok(match strategy {
            Strategy::Active => return self.active(repetition),
            Strategy::Random => random(self.spec.budget),
            Strategy::TwoStep(score) => {
                let mut pool = random(self.spec.pool);
                pool.sort_unstable(); // ties are broken by id
                let values: Vec<f64> = pool.iter().map(|&at| self.coarse[score][at]).collect();
                let best = best_of(&values, self.spec.budget);
                best.into_iter().map(|at| pool[at as usize]).collect()
            }
            Strategy::Evolution => self.evolution(repetition),
        })
    }

    /// After each training, the best so far by the accuracy that it showed.
    pub fn chosen(&self, order: &[usize]) -> Vec<usize> {
        let mut best: Option<usize> = None;
        order
            .iter()
            .map(|&place| match best {
                Some(known) if self.fine[known] >= self.fine[place] => known,
                _ => *best.insert(place),
            })
            .collect()
    }

    fn active(&self, repetition: u64) -> Result<Vec<usize>, FitError> {
        let count = self.fine.len();
        let mut order = match self.first {
            None => stream(self.seed, "active first", &[repetition.into()])
                .choose(count, self.spec.init),
            Some(score) => {
                let best = best_of(self.coarse[score], self.spec.init);
                best.into_iter().map(|at| at as usize).collect()
            }
        };
        let mut trained = vec![false; count];
        order.iter().for_each(|&place| trained[place] = true);
        while order.len() < self.spec.budget {
            let batch = self.spec.batch.min(self.spec.budget - order.len());
            let seed = stream(
                self.seed,
                "active fit",
                &[repetition.into(), (order.len() as u64).into()],
            )
            .next_u64();
            let next = self.propose(&order, &trained, batch, seed)?;
            next.iter().for_each(|&place| trained[place] = true);
            order.extend(next);
        }
        Ok(order)
    }

    /// What to train next.
    fn propose(
        &self,
        order: &[usize],
        trained: &[bool],
        batch: usize,
        seed: u64,
    ) -> Result<Vec<usize>, FitError> {
        let left: Vec<usize> = (0..trained.len())
            .filter(|&place| !trained[place])
            .collect();
        let mut known = order.to_vec();
        known.sort_unstable();
        let labels: Vec<f64> = known.iter().map(|&place| self.fine[place]).collect();
        let samples: Vec<Sample> = known
            .iter()
            .map(|&place| self.samples[place].clone())
            .collect();
        let values = match Learned::new(&*self.model, &self.layout, &samples, &labels, seed) {
            Ok(learned) => left
                .iter()
                .map(|&place| {
                    let expected = learned.predict(&self.samples[place]).scaled;
                    self.spec
                        .acquire
                        .value(expected, learned.best(), seed, &self.ids[place])
                })
                .collect(),
            // Nothing differs yet between the few that are known.
            Err(FitError::Equal(_) | FitError::NoFeatures) => vec![0.0; left.len()],
            Err(error) => return Err(error),
        };
        let best = best_of(&values, batch);
        Ok(best.into_iter().map(|at| left[at as usize]).collect())
    }

    fn evolution(&self, repetition: u64) -> Vec<usize> {
        let mut random = stream(self.seed, "active evolution", &[repetition.into()]);
        let mut order = random.choose(self.fine.len(), ALIVE.min(self.spec.budget));
        let mut trained = vec![false; self.fine.len()];
        order.iter().for_each(|&place| trained[place] = true);
        let mut alive = order.clone();
        while order.len() < self.spec.budget {
            let drawn = random.choose(alive.len(), COMPETING);
            let parent = drawn
                .into_iter()
                .map(|at| alive[at])
                .max_by(|&a, &b| self.fine[a].total_cmp(&self.fine[b]).then(b.cmp(&a)));
            let near = self
                .near
                .as_ref()
                .zip(parent)
                .map(|(near, parent)| near[parent].as_slice());
            let new: Vec<usize> = near
                .unwrap_or_default()
                .iter()
                .copied()
                .filter(|&n| !trained[n])
                .collect();
            let child = match new.len() {
                // All that is near is known: begin elsewhere.
                0 => {
                    let left: Vec<usize> = (0..trained.len()).filter(|&n| !trained[n]).collect();
                    left[random.below(left.len() as u64) as usize]
                }
                count => new[random.below(count as u64) as usize],
            };
            trained[child] = true;
            order.push(child);
            alive.push(child);
            if alive.len() > ALIVE {
                alive.remove(0);
            }
        }
        order
    }
}

/// For each candidate those of the others that are one decision away, by
/// network; none where a candidate's space is not known.
pub fn neighbours(records: &[Record<'_>], seed: u64) -> Option<Vec<Vec<usize>>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all = Vec::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        let space: Option<String> = record.get("space").ok()?;
        let arch: Option<String> = record.get("arch").ok()?;
        let architecture = knas_space::by_name(&space?)?.parse(&arch?).ok()?;
        places.entry(key(&*architecture)).or_insert(place);
        all.push(architecture);
    }
    let near = |place: usize| {
        let mut near: Vec<usize> = all[place]
            .mutants(seed)
            .filter_map(|mutant| places.get(&key(&*mutant)).copied())
            .filter(|&other| other != place)
            .collect();
        near.sort_unstable();
        near.dedup();
        near
    };
    Some((0..all.len()).map(near).collect())
}

fn key(architecture: &dyn Architecture) -> String {
    let key = architecture.key(Equivalence::Network);
    key.unwrap_or_else(|| architecture.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(budget: usize) -> Active {
        format!("active,init=3,batch=2,budget={budget},pool=8,fine=val")
            .parse()
            .unwrap()
    }

    /// A line of candidates, each near the next; accuracy is the place.
    fn game<'g>(spec: &'g Active, coarse: &'g [f64]) -> Game<'g> {
        let count = coarse.len();
        let sample = |place: usize| Sample {
            values: vec![place as f64, (place * 7 % 5) as f64],
            flow: None,
        };
        Game {
            spec,
            seed: 1,
            model: spec.model().unwrap(),
            layout: Layout {
                groups: std::iter::once(0..2).collect(),
                scores: 0..1,
            },
            samples: (0..count).map(sample).collect(),
            ids: (0..count).map(|place| format!("c{place:02}")).collect(),
            fine: (0..count).map(|place| place as f64).collect(),
            near: Some(
                (0..count)
                    .map(|p| vec![p.saturating_sub(1), (p + 1).min(count - 1)])
                    .collect(),
            ),
            coarse: vec![coarse],
            first: None,
        }
    }

    #[test]
    fn every_search_trains_distinct_candidates_up_to_its_budget() {
        let (spec, coarse) = (spec(20), (0..30).map(f64::from).collect::<Vec<_>>());
        let game = game(&spec, &coarse);
        for (strategy, count) in [
            (Strategy::Active, 20),
            (Strategy::Evolution, 20),
            (Strategy::Random, 20),
            (Strategy::TwoStep(0), 8), // its whole pool
        ] {
            let mut order = game.order(strategy, 0).unwrap();
            assert_ne!(order, game.order(strategy, 1).unwrap(), "{strategy:?}");
            order.sort_unstable();
            order.dedup();
            assert_eq!(order.len(), count, "{strategy:?}");
        }
    }

    #[test]
    fn what_is_learnt_is_followed() {
        let (spec, coarse) = (spec(9), vec![0.0; 30]);
        let game = game(&spec, &coarse);
        let found = (0..10).filter(|&r| game.order(Strategy::Active, r).unwrap().contains(&29));
        assert!(found.count() >= 8);
    }

    #[test]
    fn the_best_so_far_is_chosen_and_the_first_of_equals() {
        let (spec, coarse) = (spec(9), vec![0.0; 5]);
        let mut game = game(&spec, &coarse);
        game.fine = vec![1.0, 3.0, 3.0, 2.0, 4.0];
        assert_eq!(game.chosen(&[0, 3, 1, 2, 4]), [0, 3, 1, 1, 4]);
    }

    #[test]
    fn the_two_step_search_trains_by_score() {
        let (spec, coarse) = (spec(5), (0..30).map(|p| -f64::from(p)).collect::<Vec<_>>());
        let order = game(&spec, &coarse).order(Strategy::TwoStep(0), 3).unwrap();
        assert!(order.is_sorted() && order.len() == 5, "{order:?}");
    }

    #[test]
    fn neighbours_are_those_that_are_there() {
        let line = |index: usize| {
            let cell = knas_space::nb201::Cell::from_index(index).unwrap();
            format!(
                "{{\"id\":\"{}\",\"space\":\"nb201\",\"arch\":\"{cell}\"}}",
                cell.id()
            )
        };
        let lines: Vec<String> = (0..300).map(line).collect();
        let records: Vec<Record<'_>> = lines.iter().map(|l| Record::parse(l).unwrap()).collect();
        let near = neighbours(&records, 0).unwrap();
        assert!(near.iter().any(|near| !near.is_empty()));
        let other = Record::parse("{\"id\":\"a\"}").unwrap();
        assert!(neighbours(&[other], 0).is_none());
    }
}
