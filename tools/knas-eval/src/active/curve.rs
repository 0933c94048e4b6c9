//! What searches have found after each number of trainings.

use knas_stats::{LEVEL, interval};
use schemars::JsonSchema;
use serde::Serialize;

use super::game::Game;

/// What one strategy has found, training by training.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Curve {
    /// The column of the truth that counts.
    pub truth: String,
    /// `(active)`, `(evolution)`, `(random)`, or the score by which the
    /// two-step search takes the best of a random pool.
    pub strategy: String,
    /// Candidates.
    pub n: u64,
    /// The column that training shows.
    pub fine: String,
    /// Candidates that are trained before anything is learnt.
    pub init: u64,
    /// Candidates that are trained between two fits.
    pub batch: u64,
    /// Trainings in all.
    pub budget: u64,
    /// Size of the two-step search's pool.
    pub pool: u64,
    /// The model of active search.
    pub model: String,
    /// Its acquisition.
    pub acquire: String,
    /// The kinds of features that it learns from; none where it takes all but
    /// one-hot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// The score by which the first ones are taken; none where they are random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Searches played.
    pub reps: u64,
    /// Their seed.
    pub seed: u64,
    /// The best that there is.
    pub best: f64,
    /// Trainings after which half of the searches have trained the candidate
    /// that is best by what training shows; none where fewer do within the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_best: Option<u64>,
    /// From one training on.
    pub points: Vec<Point>,
}

/// Where searches stand after so many trainings: of what they have trained,
/// each has chosen the best by what training shows.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// Trainings.
    pub trainings: u64,
    /// Mean truth of what is chosen.
    pub mean: f64,
    /// Lower end of the interval that holds 95 % of the searches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
    /// The best truth there is, less the mean.
    pub regret: f64,
    /// The same of what training shows.
    pub fine_regret: f64,
}

impl Curve {
    /// What searches of one table have in common: all settings.
    pub fn settings(&self) -> impl PartialEq + '_ {
        (
            (&self.truth, &self.fine, self.init, self.batch, self.budget),
            (self.pool, self.reps, &self.model, &self.acquire),
            (&self.features, &self.first),
        )
    }
}

/// The curve of searches that train in these orders.
pub fn curve(
    game: &Game<'_>,
    column: &str,
    strategy: &str,
    test: &[f64],
    orders: &[Vec<usize>],
) -> Curve {
    let spec = game.spec;
    let largest = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
    let (best, best_fine) = (largest(test), largest(&game.fine));
    let chosen: Vec<Vec<usize>> = orders.iter().map(|order| game.chosen(order)).collect();
    let points = (0..spec.budget).map(|at| {
        // A search that has trained its whole pool stays where it is.
        let found = chosen
            .iter()
            .filter_map(|chosen| chosen.get(at).or(chosen.last()));
        let (reached, shown): (Vec<f64>, Vec<f64>) =
            found.map(|&place| (test[place], game.fine[place])).unzip();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mean, fine_mean) = (mean(&reached), mean(&shown));
        let ends = interval(reached, LEVEL);
        Point {
            trainings: at as u64 + 1,
            mean,
            lo: ends.map(|ends| ends.lo),
            hi: ends.map(|ends| ends.hi),
            regret: best - mean,
            fine_regret: best_fine - fine_mean,
        }
    });
    Curve {
        points: points.collect(),
        truth: column.to_owned(),
        strategy: strategy.to_owned(),
        n: game.fine.len() as u64,
        fine: spec.fine.clone(),
        init: spec.init as u64,
        batch: spec.batch as u64,
        budget: spec.budget as u64,
        pool: spec.pool as u64,
        model: spec.model.clone(),
        acquire: spec.acquire.name().to_owned(),
        features: spec.features.iter().map(ToString::to_string).collect(),
        first: spec.first.clone(),
        reps: spec.reps as u64,
        seed: game.seed,
        best,
        found_best: found_best(game, best_fine, orders),
    }
}

/// The number of trainings after which half of the searches have met the best.
fn found_best(game: &Game<'_>, best: f64, orders: &[Vec<usize>]) -> Option<u64> {
    let mut needed: Vec<Option<usize>> = orders
        .iter()
        .map(|order| order.iter().position(|&place| game.fine[place] == best))
        .collect();
    // Those that have not met it come last.
    needed.sort_unstable_by_key(|at| at.unwrap_or(usize::MAX));
    let half = needed.len().saturating_sub(1) / 2;
    Some(needed.get(half).copied().flatten()? as u64 + 1)
}
