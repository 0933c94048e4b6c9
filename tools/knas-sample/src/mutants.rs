//! Mutants of records from earlier stages.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use knas_records::ids::{self, Ids, Met, Repeats, about};
use knas_records::{Context, Failure, Record};
use knas_space::{Architecture, Architectures, SearchSpace};

use crate::files;
use crate::run::in_words;

/// The sizes that the flags tell, and what of them is not usual in the space.
type Sizes<'s> = (&'s [(String, u64)], &'s BTreeMap<String, u64>);

/// Reads the records of `file`; what is no use as a parent is reported.
///
/// An architecture that comes twice is one parent. Candidates that an earlier stage
/// marked as failed have no part in evolution.
///
/// # Errors
/// Where the file cannot be read, or holds no parent.
pub fn read_parents(
    file: &Path,
    space: &dyn SearchSpace,
    size: Sizes<'_>,
    context: &Context,
) -> Result<Vec<Box<dyn Architecture>>> {
    let mut input = context.input(&[file.to_owned()])?;
    let (mut parents, mut distinct) = (Vec::new(), HashSet::new());
    let (mut ids, mut repeats) = (Ids::default(), Repeats::default());
    let mut failed = 0_u64;
    while let Some(line) = input.next_line()? {
        let record = match line.record() {
            Ok(record) => record,
            Err(reason) => {
                context.bad_line(&line, &reason)?;
                continue;
            }
        };
        if record.has_failed() {
            failed += 1;
            continue;
        }
        let (id, place) = (record.id(), line.place());
        let parent = match ids.meet(id, about(&record), line.source, line.number) {
            Met::New => parent(&record, space, size),
            Met::Again(first) => {
                repeats.add(id, &place, &first);
                continue;
            }
            Met::Other(first) => Err(anyhow!("{}", ids::failure("sample", &first).message)),
        };
        match parent {
            Ok(parent) => {
                if distinct.insert(parent.id()) {
                    parents.push(parent);
                }
            }
            Err(reason) => {
                let failure = Failure::new("sample", "no_parent", format_args!("{reason:#}"));
                context.left_out(id, &place, &failure)?;
            }
        }
    }
    repeats.report(context);
    if failed > 0 {
        context.info(format_args!("{failed} failed candidates are no parents"));
    }
    if parents.is_empty() {
        bail!("there is no parent in {}", file.display());
    }
    Ok(parents)
}

/// The architecture of a record of this space and size: mutants have their parents'.
fn parent(
    record: &Record<'_>,
    space: &dyn SearchSpace,
    (told, size): Sizes<'_>,
) -> Result<Box<dyn Architecture>> {
    if let Some(other) = record.get::<String>("space")?
        && other != space.name()
    {
        bail!(
            "its space is {other:?}, not {:?} (see --space)",
            space.name()
        );
    }
    let Some(arch) = record.get::<String>("arch")? else {
        bail!("it has no \"arch\"");
    };
    let one = space.parse(&arch)?;
    let size = match space.lacks() {
        Some(_) => &files::sized(&*one, told)?.unusual(&one.usual()),
        None => size,
    };
    let found: BTreeMap<String, u64> = record.get("size")?.unwrap_or_default();
    if found != *size {
        bail!(
            "its size is {}, not {} (see --size)",
            in_words(&found),
            in_words(size)
        );
    }
    Ok(one)
}

/// The mutants of `parents`: one of each in turn, until none has any left.
pub fn of(parents: &[Box<dyn Architecture>], seed: u64) -> Architectures {
    let mut turns: VecDeque<Architectures> =
        parents.iter().map(|parent| parent.mutants(seed)).collect();
    Box::new(std::iter::from_fn(move || {
        while let Some(mut mutants) = turns.pop_front() {
            if let Some(mutant) = mutants.next() {
                turns.push_back(mutants);
                return Some(mutant);
            }
        }
        None
    }))
}
