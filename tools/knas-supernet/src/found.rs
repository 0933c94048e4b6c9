//! What a search has found, as records.

use std::cmp::Ordering;
use std::collections::HashSet;

use anyhow::{Context as _, Result};
use knas_data::Images;
use knas_records::schema::Supernet as Block;
use knas_records::{Context, Record, integer};
use knas_search::{Chosen, Relaxation, Search, Table, best_first};
use knas_space::{Architecture, Extent};
use knas_stats::random::stream;

use crate::cli::Args;
use crate::plan::Plan;

/// An architecture, and what the search says of it.
pub struct Found {
    /// It.
    pub one: Box<dyn Architecture>,
    /// The product of what its options are expected to weigh.
    pub probability: Option<f64>,
    /// Its accuracy on the second half of the training set, with the network's weights.
    pub valid_accuracy: Option<f64>,
}

/// What came of a search.
pub struct Outcome {
    /// The best architectures, the best first.
    pub found: Vec<Found>,
    /// Those before the last of them that are cut off from their input.
    pub cut_off: Vec<String>,
    /// What their records say of the search.
    pub block: Block,
    /// How often an option was taken that was no better than another.
    pub ties: usize,
}

/// The likeliest architectures where options weigh this, at most so many; and those
/// before the last of them that are cut off from their input.
///
/// # Errors
/// When one cannot be put together.
pub fn likeliest(weights: &Table, plan: &Plan, count: usize) -> Result<(Vec<Found>, Vec<String>)> {
    let (mut found, mut cut_off) = (Vec::new(), Vec::new());
    for Chosen {
        options,
        probability,
    } in best_first(weights)
    {
        if found.len() == count {
            break;
        }
        let one = architecture(plan, &options)?;
        match is_cut_off(&*one, plan)? {
            true => cut_off.push(one.id()),
            false => found.push(Found {
                one,
                probability: Some(probability),
                valid_accuracy: None,
            }),
        }
    }
    Ok((found, cut_off))
}

/// Random architectures, the best first by accuracy on the second half.
///
/// # Errors
/// When libtorch refuses.
pub fn judged(
    search: &Search<'_>,
    images: &Images,
    plan: &Plan,
    args: &Args,
    context: &Context,
) -> Result<Vec<Found>> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    // Of so many draws, a small space may hold fewer.
    for draw in 0..args.candidates.saturating_mul(20) {
        if found.len() as u64 == args.candidates || context.is_interrupted() {
            break;
        }
        let mut random = stream(args.seed, "one-shot candidate", &[draw.into()]);
        let drawn = Relaxation::Path.draw(search.theta(), &mut random);
        let option = |row: &Vec<f64>| row.iter().position(|&weight| weight > 0.0).unwrap_or(0);
        let options: Vec<usize> = drawn.iter().map(option).collect();
        let one = architecture(plan, &options)?;
        if !seen.insert(options.clone()) || is_cut_off(&*one, plan)? {
            continue;
        }
        let accuracy = search.judge(&options, images)?.accuracy;
        found.push(Found {
            one,
            probability: None,
            valid_accuracy: Some(accuracy),
        });
        context.advance();
    }
    found.sort_by(|a, b| {
        let by_accuracy = b.valid_accuracy.partial_cmp(&a.valid_accuracy);
        let by_accuracy = by_accuracy.unwrap_or(Ordering::Equal);
        by_accuracy.then_with(|| a.one.id().cmp(&b.one.id()))
    });
    Ok(found)
}

fn architecture(plan: &Plan, options: &[usize]) -> Result<Box<dyn Architecture>> {
    let one = plan.space.choose(options);
    one.with_context(|| format!("{} has no architecture {options:?}", plan.space.name()))
}

fn is_cut_off(one: &dyn Architecture, plan: &Plan) -> Result<bool> {
    Ok(one.lower(&plan.setting, Extent::Live)?.is_cut_off())
}

/// The record of an architecture.
///
/// # Errors
/// When it cannot be counted.
pub fn record(found: &Found, block: &Block, plan: &Plan) -> Result<Record<'static>> {
    let mut record = Record::new(found.one.id());
    record.set("space", &plan.space.name())?;
    record.set("arch", &found.one.to_string())?;
    let size = plan.setting.unusual(&plan.space.usual());
    if !size.is_empty() {
        record.set("size", &size)?;
    }
    let cost = found.one.cost_in(&plan.setting)?;
    record.set("params", &integer(cost.params))?;
    record.set("macs", &integer(cost.macs))?;
    let block = Block {
        probability: found.probability,
        valid_accuracy: found.valid_accuracy,
        ..block.clone()
    };
    record.set("supernet", &block)?;
    Ok(record)
}
