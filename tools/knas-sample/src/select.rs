//! From the flags to the architectures that they select.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::iter::once;

use anyhow::{Context as _, Result, bail};
use knas_records::{Context, integer};
use knas_space::{Architecture, Cost, Equivalence, Extent, LowerError, SearchSpace, Setting};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Args, Shard};
use crate::files;
use crate::filter::{self, Field, Truth, Values};
use crate::mutants;

/// How many random architectures there are without any flag.
const DEFAULT_COUNT: u64 = 100;

/// Of a space without an end, how many in a row --where may turn away before it is
/// taken to let none through.
const PATIENCE: u64 = 1 << 18;

/// What `--where` may name: the fields of a record as this tool writes it, in their order,
/// and what it can tell beside them.
const FIELDS: &[Field] = &[
    Field::Text("id"),
    Field::Text("space"),
    Field::Text("arch"),
    Field::Number("params"),
    Field::Number("macs"),
    Field::Number("memory"),
];

/// One record.
#[derive(Serialize)]
pub struct Row {
    /// The architecture's name.
    pub id: String,
    space: &'static str,
    arch: String,
    /// Where that is not the usual one of the space.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    size: BTreeMap<String, u64>,
    params: Value,
    macs: Value,
}

/// A record before it is written, for `--where`.
struct Candidate<'a> {
    row: &'a Row,
    params: u64,
    macs: u64,
    architecture: &'a dyn Architecture,
    setting: &'a Setting,
    /// Found when an expression asks for it, since it takes the whole graph.
    memory: OnceCell<Result<u64, LowerError>>,
}

impl Candidate<'_> {
    /// The bytes that its activations take at once, at most.
    fn memory(&self) -> &Result<u64, LowerError> {
        self.memory.get_or_init(|| {
            let graph = self.architecture.lower(self.setting, Extent::Live)?;
            Ok(graph.peak_memory())
        })
    }
}

impl Values for Candidate<'_> {
    fn number(&self, field: usize) -> f64 {
        // exact to 2^53, beyond which a comparison with a double is no better
        match field {
            3 => self.params as f64,
            4 => self.macs as f64,
            _ => self
                .memory()
                .as_ref()
                .map_or(f64::NAN, |&bytes| bytes as f64),
        }
    }

    fn text(&self, field: usize) -> &str {
        match field {
            0 => &self.row.id,
            1 => self.row.space,
            _ => &self.row.arch,
        }
    }
}

/// Architectures, for as long as their space is there; an error ends the run.
pub type Source<'a> = Box<dyn Iterator<Item = Result<Box<dyn Architecture>>> + 'a>;

/// The records that the flags select, one after another.
pub struct Selection<'a> {
    space: &'a dyn SearchSpace,
    /// The sizes that the flags tell, and what they make of a network where it has no
    /// usual size of its own.
    told: &'a [(String, u64)],
    setting: Setting,
    /// It as far as it is not usual.
    size: BTreeMap<String, u64>,
    source: Source<'a>,
    filter: Option<Truth>,
    same: Same,
    /// How many to select; none for all that the source has.
    wanted: Option<u64>,
    selected: u64,
    /// How many in a row the filter has turned away.
    turned_away: u64,
    shard: Option<Shard>,
}

/// Which architectures are left out because they are the same as others.
struct Same {
    /// None where there cannot be any, or all are wanted.
    sense: Option<Sense>,
    seen: HashSet<String>,
}

#[derive(Clone, Copy)]
enum Sense {
    Id,
    Equivalent(Equivalence),
}

impl Same {
    /// Whether `architecture` is new, and no longer is.
    fn is_new(&mut self, architecture: &dyn Architecture) -> bool {
        match self.sense {
            None => true,
            Some(Sense::Id) => self.seen.insert(architecture.id()),
            Some(Sense::Equivalent(equivalence)) => match architecture.key(equivalence) {
                Some(key) => self.seen.insert(key),
                None => true,
            },
        }
    }
}

impl<'a> Selection<'a> {
    /// Reads what the flags need to be read: the expression, the parents.
    ///
    /// # Errors
    /// Where a flag cannot be met.
    pub fn new(
        args: &'a Args,
        space: &'a dyn SearchSpace,
        told: &'a [(String, u64)],
        context: &'a Context,
    ) -> Result<Self> {
        let named_sizes = told.iter().map(|(name, size)| (&**name, *size));
        let setting = Setting::of(space, named_sizes).context("--size")?;
        let size = setting.unusual(&space.usual());
        let filter = match &args.filter {
            Some(text) => Some(filter::compile(text, FIELDS).context("--where")?),
            None => None,
        };
        let mut same = Same {
            sense: equivalence(args, space)?.map(Sense::Equivalent),
            seen: HashSet::new(),
        };
        let mut wanted = None;
        let source: Source<'a> = if !args.files.is_empty() {
            files::of(&args.files, space, told, context)
        } else if args.all || args.range.is_some() {
            enumeration(args, space)?
        } else if !args.arch.is_empty() {
            named(args, space)?
        } else if let (Some(count), Some(file)) = (args.mutate, &args.parents) {
            wanted = Some(count);
            same.sense = same.sense.or(Some(Sense::Id));
            let parents = mutants::read_parents(file, space, (told, &size), context)?;
            for parent in &parents {
                same.is_new(&**parent);
            }
            Box::new(mutants::of(&parents, args.seed).map(Ok))
        } else {
            let count = args.count.unwrap_or(DEFAULT_COUNT);
            match space.count() {
                Some(all) if count > all => bail!(
                    "-n {count} is more than the {all} architectures of {} (--all writes every one)",
                    space.name()
                ),
                _ => wanted = Some(count),
            }
            match args.with_baseline {
                false => Box::new(space.sample(args.seed).map(Ok)),
                true => baseline_first(args, space)?,
            }
        };
        Ok(Self {
            space,
            told,
            setting,
            size,
            source,
            filter,
            same,
            wanted,
            selected: 0,
            turned_away: 0,
            shard: args.shard,
        })
    }

    /// How many records there are too few, once the selection has ended.
    pub fn missing(&self) -> u64 {
        self.wanted.map_or(0, |wanted| wanted - self.selected)
    }

    /// How many in a row the filter turned away before the search was given up.
    pub fn given_up(&self) -> Option<u64> {
        let endless = self.space.count().is_none();
        (endless && self.turned_away >= PATIENCE).then_some(self.turned_away)
    }

    /// Whether nothing has been selected, for any shard.
    pub fn is_empty(&self) -> bool {
        self.selected == 0
    }

    /// How large the networks are that are no files, as far as that is not usual.
    pub fn size(&self) -> &BTreeMap<String, u64> {
        &self.size
    }

    /// How many records were asked for.
    pub fn wanted(&self) -> Option<u64> {
        self.wanted
    }

    /// What the architecture's record is to be; none where `--where` drops it.
    fn row(&self, architecture: &dyn Architecture) -> Result<Option<Row>> {
        let id = architecture.id();
        let (cost, size, setting) = match self.space.lacks() {
            Some(_) => {
                let setting = files::sized(architecture, self.told)?;
                let size = setting.unusual(&architecture.usual());
                (architecture.cost_in(&setting), size, Cow::Owned(setting))
            }
            None => {
                let cost = match self.size.is_empty() {
                    true => architecture.cost(), // which may be known for whole spaces
                    false => architecture.cost_in(&self.setting),
                };
                (cost, self.size.clone(), Cow::Borrowed(&self.setting))
            }
        };
        let Cost { params, macs } = cost.with_context(|| id.clone())?;
        let row = Row {
            id,
            space: self.space.name(),
            arch: architecture.to_string(),
            size,
            params: integer(params),
            macs: integer(macs),
        };
        let candidate = Candidate {
            row: &row,
            params,
            macs,
            architecture,
            setting: &setting,
            memory: OnceCell::new(),
        };
        let filter = self.filter.as_ref();
        let kept = filter.is_none_or(|filter| filter.of(&candidate));
        if let Some(Err(error)) = candidate.memory.into_inner() {
            return Err(error).with_context(|| row.id);
        }
        Ok(kept.then_some(row))
    }
}

impl Iterator for Selection<'_> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        while self.wanted != Some(self.selected) {
            if self.turned_away >= PATIENCE && self.space.count().is_none() {
                return None;
            }
            let architecture = match self.source.next()? {
                Ok(architecture) => architecture,
                Err(error) => return Some(Err(error)),
            };
            let row = match self.row(&*architecture) {
                Ok(Some(row)) => row,
                Ok(None) => {
                    self.turned_away += 1;
                    continue;
                }
                Err(error) => return Some(Err(error)),
            };
            self.turned_away = 0;
            if !self.same.is_new(&*architecture) {
                continue;
            }
            let place = self.selected;
            self.selected += 1;
            if self.shard.is_none_or(|shard| shard.holds(place)) {
                return Some(Ok(row));
            }
        }
        None
    }
}

/// What `--unique` asks for.
fn equivalence(args: &Args, space: &dyn SearchSpace) -> Result<Option<Equivalence>> {
    let Some(sense) = args.unique else {
        return Ok(None);
    };
    let known = space.equivalences();
    let equivalence = match sense {
        Some(sense) => Some(Equivalence::from(sense)),
        None => known.first().copied(),
    };
    match equivalence {
        Some(equivalence) if known.contains(&equivalence) => Ok(Some(equivalence)),
        _ => {
            let names: Vec<&str> = known.iter().map(|known| known.name()).collect();
            bail!("--unique: {} knows {}", space.name(), names.join(", "))
        }
    }
}

/// `--all` and `--range`.
fn enumeration<'a>(args: &Args, space: &'a dyn SearchSpace) -> Result<Source<'a>> {
    let Some(count) = space.count() else {
        bail!("{} cannot be enumerated; -n draws from it", space.name());
    };
    let indices = match args.range {
        None => 0..count,
        Some(range) => range
            .within(count)
            .with_context(|| format!("--range: {} has the indices 0..{count}", space.name()))?,
    };
    Ok(Box::new(
        indices.filter_map(|index| Some(Ok(space.at(index)?))),
    ))
}

/// `--with-baseline`.
fn baseline_first(args: &Args, space: &dyn SearchSpace) -> Result<Source<'static>> {
    let Some(baseline) = space.baseline() else {
        bail!("--with-baseline: {} has no baseline", space.name());
    };
    let id = baseline.id();
    let others = space.sample(args.seed).filter(move |one| one.id() != id);
    Ok(Box::new(once(baseline).chain(others).map(Ok)))
}

/// `--arch`.
fn named(args: &Args, space: &dyn SearchSpace) -> Result<Source<'static>> {
    let mut found = Vec::with_capacity(args.arch.len());
    for arch in &args.arch {
        found.push(space.parse(arch).context("--arch")?);
    }
    Ok(Box::new(found.into_iter().map(Ok)))
}
