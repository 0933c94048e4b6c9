//! What a search has found, as records.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use knas_records::schema::Supernet as Block;
use knas_records::{Context, Record, integer};
use knas_search::derivation::margin;
use knas_search::{Chosen, Relaxation, Search, best_first};
use knas_space::{Architecture, Extent};
use knas_stats::random::stream;

use crate::cli::{Args, Method};
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

/// The best architectures, at most so many; and those before the last of them that are
/// cut off from their input.
///
/// # Errors
/// When libtorch refuses.
pub fn best(
    search: &Search<'_>,
    plan: &Plan,
    args: &Args,
    count: usize,
    context: &Context,
) -> Result<(Vec<Found>, Vec<String>)> {
    let (mut found, mut cut_off) = (Vec::new(), Vec::new());
    if args.method == Method::OneShot {
        found = judged(search, plan, args, context)?;
        found.truncate(count);
        return Ok((found, cut_off));
    }
    for Chosen {
        options,
        probability,
    } in best_first(&search.expected())
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

/// The likeliest architecture that is not cut off from its input, where options weigh
/// this.
///
/// # Errors
/// When one cannot be put together.
pub fn first(weights: &knas_search::Table, plan: &Plan) -> Result<Option<Found>> {
    for Chosen {
        options,
        probability,
    } in best_first(weights)
    {
        let one = architecture(plan, &options)?;
        if !is_cut_off(&*one, plan)? {
            return Ok(Some(Found {
                one,
                probability: Some(probability),
                valid_accuracy: None,
            }));
        }
    }
    Ok(None)
}

/// Random architectures, the best first by accuracy on the second half.
fn judged(search: &Search<'_>, plan: &Plan, args: &Args, context: &Context) -> Result<Vec<Found>> {
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
        let accuracy = search.judge(&options, &plan.data.valid)?.accuracy;
        found.push(Found {
            one,
            probability: None,
            valid_accuracy: Some(accuracy),
        });
        context.advance();
    }
    found.sort_by(|a, b| {
        let by_accuracy = b.valid_accuracy.partial_cmp(&a.valid_accuracy);
        let by_accuracy = by_accuracy.unwrap_or(std::cmp::Ordering::Equal);
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
pub fn record(found: &Found, search: &Search<'_>, plan: &Plan) -> Result<Record<'static>> {
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
    let margin = found.probability.and_then(|_| margin(&search.expected()));
    let block = Block {
        probability: found.probability,
        margin,
        valid_accuracy: found.valid_accuracy,
        ..plan.block.clone()
    };
    record.set("supernet", &block)?;
    Ok(record)
}
