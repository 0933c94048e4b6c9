//! Successive halving (Jamieson & Talwalkar 2016): all candidates are trained
//! for a few epochs, the better part goes on for some more, and so on.
//!
//! The learning rate follows the schedule of a whole training, so a candidate
//! that gets to the end has the numbers that it would have had alone.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context as _, Result};
use knas_records::pipeline::in_order;
use knas_records::{Context, Place, Record};
use knas_train::{End, Start};

use crate::candidate::Site;
use crate::job::Job;
use crate::outcome::{Merit, Reached, Stop};
use crate::plan::Plan;
use crate::run::{Item, late};
use crate::sink::{Done, Sink};

/// A line of the input, and how far it has come.
struct Slot {
    site: Option<Site>,
    /// How long this run has trained it.
    spent: Duration,
    /// The candidate, while it is in the race.
    running: Option<(Place, Record<'static>, Option<Reached>)>,
    /// What became of it, once that is settled.
    done: Option<Done>,
}

/// Trains `items`, of which one in `factor` goes on from rung to rung, each in no
/// more than `time` on all rungs together.
///
/// # Errors
/// When the output refuses, or with `--on-error fail`.
pub fn run<'p>(
    items: Vec<Item>,
    factor: u64,
    time: Option<Duration>,
    plan: &Plan,
    context: &Context,
    job: impl Fn() -> Job<'p> + Sync,
    sink: &mut Sink<'_>,
) -> Result<()> {
    // Where no folder is named, checkpoints last as long as the run.
    let folder = tempfile::tempdir().context("a folder for checkpoints")?;
    let slots = items.into_iter().enumerate();
    let mut slots: Vec<Slot> = slots
        .map(|(place, item)| match item {
            Item::Candidate(place_of, record, site) => Slot {
                site: site.or_else(|| {
                    Some(Site {
                        folder: folder.path().to_owned(),
                        stem: place.to_string(),
                        start: Start::Resume,
                    })
                }),
                spent: Duration::ZERO,
                running: Some((place_of, record, None)),
                done: None,
            },
            Item::Done(done) => Slot {
                site: None,
                spent: Duration::ZERO,
                running: None,
                done: Some(done),
            },
        })
        .collect();
    let count = slots.iter().filter(|slot| slot.running.is_some()).count();
    for (rung, until) in rungs(count, factor, plan.recipe.epochs)
        .into_iter()
        .enumerate()
    {
        if rung > 0 {
            leave_behind(&mut slots, factor, until, context);
        }
        climb(&mut slots, (until, time), plan, context, &job, sink)?;
        if context.is_interrupted() {
            break;
        }
    }
    for slot in slots {
        sink.take(match (slot.done, slot.running) {
            (Some(done), _) => done,
            (None, Some((place, record, Some(reached)))) if !context.is_interrupted() => {
                Done::Trained(place, record, Box::new(reached))
            }
            (None, _) => Done::Unfinished,
        })?;
    }
    Ok(())
}

/// The epochs at which candidates are compared, and the last one.
fn rungs(candidates: usize, factor: u64, epochs: u64) -> Vec<u64> {
    let mut rungs = vec![epochs];
    let (mut left, mut share) = (candidates as u64, factor);
    while left > 1 && share <= epochs {
        rungs.push(epochs.div_ceil(share));
        left = left.div_ceil(factor);
        share = share.saturating_mul(factor);
    }
    rungs.reverse();
    rungs.dedup();
    rungs
}

/// Settles all but the best of those that are in the race.
fn leave_behind(slots: &mut [Slot], factor: u64, until: u64, context: &Context) {
    let mut order: Vec<(Merit, String, usize)> = Vec::new();
    for (place, slot) in slots.iter().enumerate() {
        if let Some((_, record, Some(reached))) = &slot.running
            && let Some(merit) = reached.merit()
        {
            order.push((merit, record.id().to_owned(), place));
        }
    }
    order.sort_by(|(a, a_id, _), (b, b_id, _)| a.order(b).then_with(|| a_id.cmp(b_id)));
    let kept = order
        .len()
        .div_ceil(usize::try_from(factor).unwrap_or(usize::MAX));
    context.info(format_args!(
        "{kept} of {} candidates go on to epoch {until}",
        order.len()
    ));
    for (_, _, place) in order.drain(kept..) {
        if let Some((place_of, record, Some(reached))) = slots[place].running.take() {
            slots[place].done = Some(Done::Trained(place_of, record, Box::new(reached)));
        }
    }
}

/// Trains those that are in the race as far as the epoch `until`, in no more than
/// `time` on all rungs so far.
fn climb<'p>(
    slots: &mut [Slot],
    (until, time): (u64, Option<Duration>),
    plan: &Plan,
    context: &Context,
    job: &(impl Fn() -> Job<'p> + Sync),
    sink: &mut Sink<'_>,
) -> Result<()> {
    let places: Vec<usize> = (0..slots.len())
        .filter(|&place| slots[place].running.is_some())
        .collect();
    let shared: Vec<Mutex<&mut Slot>> = slots.iter_mut().map(Mutex::new).collect();
    let mut next = places.into_iter();
    let worker = || {
        let mut job = job();
        let shared = &shared;
        move |place: usize| {
            let mut slot = shared[place].lock().unwrap_or_else(PoisonError::into_inner);
            let slot = &mut **slot;
            let left = time.map(|time| time.saturating_sub(slot.spent));
            let (trained, start) = match &slot.running {
                Some((_, _, Some(reached))) if reached.end != End::Paused => return place,
                Some((_, record, _)) => {
                    let trained = job.train(record, until, slot.site.as_ref(), left);
                    (trained, Start::Resume)
                }
                None => return place,
            };
            slot.spent += job.spent;
            // From here on, its own checkpoint is there.
            if let Some(site) = &mut slot.site {
                site.start = start;
            }
            match (trained, &mut slot.running) {
                (Ok(reached), Some((_, _, so_far))) => {
                    let before = so_far.take().and_then(|reached| reached.meta);
                    *so_far = Some(reached.spent_before(before));
                }
                (Err(Stop::Failed(failure)), running) => {
                    if let Some((place, record, _)) = running.take() {
                        slot.done = Some(Done::Failed(place, record, failure));
                    }
                }
                (Err(Stop::Refused(error)), _) => slot.done = Some(Done::Refused(error)),
                (Err(Stop::Late), running) => {
                    if let Some((place, record, _)) = running.take() {
                        slot.done = Some(Done::Failed(place, record, late(time, plan)));
                    }
                }
                (Err(Stop::Interrupted), _) | (_, None) => {}
            }
            place
        }
    };
    let strict = sink.is_strict();
    let take = |place: usize| {
        let mut slot = shared[place].lock().unwrap_or_else(PoisonError::into_inner);
        let ends = match slot.done {
            Some(Done::Refused(_)) => true,
            Some(Done::Failed(..)) => strict,
            _ => false,
        };
        if ends {
            return slot.done.take().map_or(Ok(()), |done| sink.take(done));
        }
        Ok(())
    };
    let stop = context.interrupt_flag();
    in_order(plan.jobs, move || Ok(next.next()), worker, take, &stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_as_many_as_candidates_and_epochs_allow() {
        assert_eq!(rungs(30, 3, 12), [2, 4, 12]);
        assert_eq!(rungs(30, 3, 200), [3, 8, 23, 67, 200]);
        assert_eq!(rungs(3, 3, 12), [4, 12]);
        assert_eq!(rungs(1, 3, 12), [12]);
        assert_eq!(rungs(0, 3, 12), [12]);
        assert_eq!(rungs(100, 2, 1), [1]);
        assert_eq!(rungs(5, u64::MAX, 7), [7]);
    }
}
