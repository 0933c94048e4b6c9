//! Active search, played with known accuracies: train a few, learn from them,
//! train what the fit proposes, again; beside it random search, regularised
//! evolution, and the two-step search.
//!
//! A search is the order in which it trains candidates. What it has found after
//! n trainings is the one of the first n that the observed accuracy puts first.

mod curve;
mod game;
mod sheet;
mod spec;

use anyhow::{Context as _, ensure};
use knas_predictor::Sample;
use knas_predictor::features::{self, Columns};
use knas_records::{Context, Record};
use rayon::prelude::*;

use crate::candidates::Candidates;

use curve::curve;
use game::{Game, Strategy};

pub use curve::Curve;
pub use sheet::sheet;
pub use spec::Active;

/// A column of the truth by its name, for every candidate.
pub type Column<'c> = (&'c str, Vec<Option<f64>>);

/// Plays active search and what it is compared with. `fine` is the accuracy
/// that training shows, `tests` those that count.
///
/// # Errors
/// Too few candidates have all that is needed, or they have no features.
pub fn play(
    spec: &Active,
    fine: &[Option<f64>],
    tests: &[Column<'_>],
    candidates: &Candidates,
    seed: u64,
    context: &Context,
) -> anyhow::Result<Vec<Curve>> {
    let complete = |&place: &usize| {
        let mut scores = candidates.scores.iter();
        fine[place].is_some()
            && tests.iter().all(|(_, test)| test[place].is_some())
            && scores.all(|score| score.values[place].is_some())
    };
    let places = (0..fine.len()).filter(complete);
    // A candidate without features costs no other one its search.
    let described = |&place: &usize| {
        let record = Record::parse(&candidates.lines[place]);
        record.is_ok_and(|record| features::check(&record).is_ok())
    };
    let (places, without): (Vec<usize>, Vec<usize>) = places.partition(described);
    if let [one, ..] = without[..] {
        context.warn(format_args!(
            "candidates whose architecture or fields cannot be read, left out: {} ({}, …)",
            without.len(),
            Record::parse(&candidates.lines[one])?.id()
        ));
    }
    ensure!(
        spec.budget <= places.len() && spec.pool <= places.len(),
        "budget={} or pool={} is more than the {} candidates that have every score and accuracy",
        spec.budget,
        spec.pool,
        places.len(),
    );
    let lines: Vec<&str> = places
        .iter()
        .map(|&at| candidates.lines[at].as_str())
        .collect();
    let records: Result<Vec<Record<'_>>, _> =
        lines.iter().map(|line| Record::parse(line)).collect();
    let records = records?;
    let columns = Columns::of(&records, &spec.features).map_err(|(at, error)| {
        anyhow::anyhow!("{}: {error}", at.map_or("", |at| records[at].id()))
    })?;
    if !columns.left_out.is_empty() {
        context.warn(format_args!(
            "not all candidates have {}; left out of the features",
            columns.left_out.join(", ")
        ));
    }
    let samples: Result<Vec<Sample>, _> = records.iter().map(|r| columns.sample(r)).collect();
    let dense = |values: &[Option<f64>]| -> Vec<f64> {
        places.iter().filter_map(|&place| values[place]).collect()
    };
    let coarse: Vec<(&str, Vec<f64>)> = candidates
        .scores
        .iter()
        .map(|score| (score.name.as_str(), dense(&score.values)))
        .collect();
    let first = match &spec.first {
        None => None,
        Some(name) => Some(
            coarse
                .iter()
                .position(|(other, _)| other == name)
                .with_context(|| format!("first={name} is none of the scores that are judged"))?,
        ),
    };
    let game = Game {
        spec,
        seed,
        model: spec.model().context("a model that is not known")?,
        layout: columns.layout(),
        samples: samples?,
        ids: records
            .iter()
            .map(|record| record.id().to_owned())
            .collect(),
        fine: dense(fine),
        near: game::neighbours(&records, seed),
        coarse: coarse.iter().map(|(_, values)| values.as_slice()).collect(),
        first,
    };

    let mut strategies = vec![("(active)".to_owned(), Strategy::Active)];
    for (place, (name, _)) in coarse.iter().enumerate() {
        strategies.push(((*name).to_owned(), Strategy::TwoStep(place)));
    }
    if game.near.is_some() {
        strategies.push(("(evolution)".to_owned(), Strategy::Evolution));
    }
    strategies.push(("(random)".to_owned(), Strategy::Random));

    let mut played = Vec::new();
    for (name, strategy) in strategies {
        let orders: Result<Vec<Vec<usize>>, _> = (0..spec.reps as u64)
            .into_par_iter()
            .map(|repetition| game.order(strategy, repetition))
            .collect();
        played.push((name, orders?));
    }
    let mut curves = Vec::new();
    for (column, test) in tests {
        let test = dense(test);
        let drawn = played.iter();
        curves.extend(drawn.map(|(name, orders)| curve(&game, column, name, &test, orders)));
    }
    Ok(curves)
}
