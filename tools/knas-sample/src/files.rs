//! Networks that users bring: files as candidates.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use knas_records::Context;
use knas_space::{Architecture, SearchSpace, Setting};

use crate::select::Source;

/// The networks in files, in their order, of the sizes that are told. What is in two
/// files is one candidate; a file that is none is reported and counted, and so is one
/// whose network cannot have the size.
pub fn of<'a>(
    files: &'a [PathBuf],
    space: &'a dyn SearchSpace,
    told: &'a [(String, u64)],
    context: &'a Context,
) -> Source<'a> {
    let mut first: HashMap<String, &Path> = HashMap::new();
    let next = move |path: &'a PathBuf| match read(path, space, told) {
        Ok(one) => {
            match first.entry(one.id()) {
                Entry::Occupied(known) => {
                    let (path, known) = (path.display(), known.get().display());
                    context.warn(format_args!(
                        "{path} holds the same as {known}, and is left out"
                    ));
                    return None;
                }
                Entry::Vacant(new) => _ = new.insert(path),
            }
            for note in one.notes() {
                context.warn(format_args!("{}: {note}", path.display()));
            }
            Some(Ok(one))
        }
        Err(error) => {
            context.error(format_args!("{error:#}"));
            Some(Err(context.count_failure().err()?.into()))
        }
    };
    Box::new(files.iter().filter_map(next))
}

fn read(
    path: &Path,
    space: &dyn SearchSpace,
    told: &[(String, u64)],
) -> Result<Box<dyn Architecture>> {
    let named = || path.display().to_string();
    let text = path.to_str().with_context(named);
    let one = space.parse(text.context("its name is no text, as records need it")?)?;
    let setting = sized(&*one, told).with_context(named)?;
    one.cost_in(&setting).with_context(named)?;
    Ok(one)
}

/// The setting of an architecture of which flags tell these sizes.
///
/// # Errors
/// When it has no such size.
pub fn sized(architecture: &dyn Architecture, told: &[(String, u64)]) -> Result<Setting> {
    let told = told.iter().map(|(name, size)| (&**name, *size));
    Ok(Setting::of_network(architecture, told)?)
}
