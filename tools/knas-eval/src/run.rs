//! The work of knas-eval: read, judge or play, write.

use std::num::NonZero;
use std::slice;
use std::thread;

use anyhow::Context as _;
use knas_records::sheet::{Format, short};
use knas_records::{Common, Context, Named, Output, Truth, truth};
use knas_stats::{Bootstrap, Settings, judge};

use crate::active::{self, Active, Curve};
use crate::candidates::{BASELINES, Candidates};
use crate::cli::{Args, Protocol};
use crate::protocol::{fine_column, play};
use crate::report::{self, Judgement, Line, Search};
use crate::sheets;

/// Pairs of runs that stability over seeds is averaged over.
const SEED_PAIRS: usize = 20;

/// Judges the scores that the arguments name, or plays searches with them.
///
/// # Errors
/// What ends the run: files that cannot be read or written, nothing to judge,
/// `--on-error fail`.
pub fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let named = args.truth.as_deref().map(truth::file_and_columns);
    let mut reads = args.inputs.named();
    let truth = named.as_ref();
    reads.extend(truth.map(|(file, _)| Named::read("--truth", file)));
    context.keep_apart(&args.common, &reads, &[])?;
    // What an earlier run left was computed from other records.
    let anew = Common {
        resume: false,
        ..args.common.clone()
    };
    let mut output = context.output(&anew, |_| Ok(()))?;
    let columns = named
        .as_ref()
        .map_or_else(Vec::new, |(_, columns)| columns.clone());
    // The columns of a protocol need not be among those that are judged.
    let wanted = if args.protocol.is_empty() {
        columns.as_slice()
    } else {
        &[]
    };
    let truth = match &named {
        Some((file, _)) => Some(
            Truth::read(file, wanted, context)
                .with_context(|| format!("--truth {}", file.display()))?,
        ),
        None => None,
    };
    let input = context.input(&args.inputs.files)?;
    context.start_fast_progress(&args.inputs.files, "records");
    let keep = args.active().next().is_some(); // they are what is learnt from
    let (candidates, truth) = Candidates::read(input, &args.by, truth, keep, context)?;
    let columns = if columns.is_empty() {
        truth.columns.clone()
    } else {
        columns
    };

    let threads = args
        .jobs
        .or_else(|| thread::available_parallelism().ok().map(NonZero::get));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(1))
        .build()?;
    let lines = pool.install(|| {
        if args.protocol.is_empty() {
            judge_all(&args, &columns, &candidates, &truth)
        } else {
            play_all(&args, &columns, &candidates, &truth, context)
        }
    })?;
    write(&lines, &args, &mut output)?;
    output.finish()?;
    Ok(())
}

fn judge_all(
    args: &Args,
    columns: &[String],
    candidates: &Candidates,
    truth: &Truth,
) -> anyhow::Result<Vec<Line>> {
    let settings = Settings {
        bootstrap: Bootstrap {
            seed: args.seed,
            resamples: args.resamples as usize,
        },
        k: &args.k,
        baselines: &BASELINES,
        seed_pairs: SEED_PAIRS,
    };
    let mut lines = Vec::new();
    for column in columns {
        let values = values(truth, candidates, column)?;
        anyhow::ensure!(
            values.iter().any(Option::is_some),
            "no candidate has a value of {column:?}"
        );
        let found = judge(&values, &candidates.scores, &settings)?;
        lines.extend(found.into_iter().enumerate().map(|(score, found)| {
            let bootstrap = settings.bootstrap;
            let judgement = Judgement::new(column, &values, candidates, score, found, bootstrap);
            Line::Judgement(Box::new(judgement))
        }));
    }
    Ok(lines)
}

fn play_all(
    args: &Args,
    columns: &[String],
    candidates: &Candidates,
    truth: &Truth,
    context: &Context,
) -> anyhow::Result<Vec<Line>> {
    if matches!(args.format, Format::Csv | Format::Tsv)
        && args.two_step().next().is_some()
        && args.active().next().is_some()
    {
        anyhow::bail!(
            "two-step and active searches have other columns and no common {} table: ask for \
             them one by one, or for --format ndjson",
            format!("{:?}", args.format).to_lowercase()
        );
    }
    let mut lines = Vec::new();
    for protocol in args.two_step() {
        let tested = protocol.test.as_ref().map_or(columns, slice::from_ref);
        let mut without = Vec::new();
        let before = lines.len();
        for column in tested {
            let fine = match &protocol.test {
                Some(_) => Some(protocol.fine.clone()), // both are named
                None => fine_column(column, &protocol.fine, &truth.columns),
            };
            let Some(fine) = fine else {
                without.push(column.as_str());
                continue;
            };
            if protocol.test.is_none() && fine == *column {
                continue;
            }
            let own = Protocol {
                fine,
                ..protocol.clone()
            };
            let fine = values(truth, candidates, &own.fine)?;
            let test = values(truth, candidates, column)?;
            let searches = play(&own, column, &fine, &test, candidates, args.seed);
            let searches = searches.with_context(|| told(&own))?;
            lines.extend(searches.into_iter().map(Line::Search));
        }
        if lines.len() == before {
            values(truth, candidates, &protocol.fine)?; // says which columns there are
            anyhow::bail!(
                "{}: the truth has no column but {} that could be tested",
                told(protocol),
                protocol.fine
            );
        }
        warn_without(&protocol.fine, &without, context);
    }
    for spec in args.active() {
        let curves = play_active(args, spec, columns, candidates, truth, context)?;
        lines.extend(curves.into_iter().map(Box::new).map(Line::Curve));
    }
    Ok(lines)
}

/// Plays active search for every data set: what is trained is the same for all
/// the columns that have one fine column.
fn play_active(
    args: &Args,
    spec: &Active,
    columns: &[String],
    candidates: &Candidates,
    truth: &Truth,
    context: &Context,
) -> anyhow::Result<Vec<Curve>> {
    let mut tests: Vec<(String, Vec<active::Column<'_>>)> = Vec::new();
    let mut without = Vec::new();
    for column in spec.test.as_ref().map_or(columns, slice::from_ref) {
        let fine = match &spec.test {
            Some(_) => Some(spec.fine.clone()), // both are named
            None => fine_column(column, &spec.fine, &truth.columns),
        };
        let Some(fine) = fine else {
            without.push(column.as_str());
            continue;
        };
        if spec.test.is_none() && fine == *column {
            continue;
        }
        let column = (column.as_str(), values(truth, candidates, column)?);
        match tests.iter_mut().find(|(known, _)| *known == fine) {
            Some((_, columns)) => columns.push(column),
            None => tests.push((fine, vec![column])),
        }
    }
    let told = || format!("--protocol active,fine={}", spec.fine);
    if tests.is_empty() {
        values(truth, candidates, &spec.fine)?; // says which columns there are
        anyhow::bail!("{}: the truth has no other column to be tested", told());
    }
    warn_without(&spec.fine, &without, context);
    let mut curves = Vec::new();
    for (fine, tests) in tests {
        let own = Active {
            fine,
            ..spec.clone()
        };
        let fine = values(truth, candidates, &own.fine)?;
        let played = active::play(&own, &fine, &tests, candidates, args.seed, context);
        curves.extend(played.with_context(told)?);
    }
    Ok(curves)
}

/// Names the columns that are not tested.
fn warn_without(fine: &str, without: &[&str], context: &Context) {
    if !without.is_empty() {
        context.warn(format_args!(
            "without a fine column like {fine:?}, left out: {}",
            without.join(", ")
        ));
    }
}

fn told(protocol: &Protocol) -> String {
    let Protocol {
        pool,
        k,
        fine,
        reps,
        ..
    } = protocol;
    format!("--protocol pool={pool},k={k},fine={fine},reps={reps}")
}

/// One column of the truth, for every candidate.
fn values(truth: &Truth, candidates: &Candidates, name: &str) -> anyhow::Result<Vec<Option<f64>>> {
    let column = truth.column(name).with_context(|| {
        format!(
            "the truth has no column {name:?}; it has {}",
            truth.columns.join(", ")
        )
    })?;
    Ok(candidates
        .rows
        .iter()
        .map(|&row| truth.value(row, column))
        .collect())
}

fn write(lines: &[Line], args: &Args, output: &mut Output) -> anyhow::Result<()> {
    let judgements: Vec<&Judgement> = lines.iter().filter_map(Line::judgement).collect();
    let searches: Vec<&Search> = lines.iter().filter_map(Line::search).collect();
    let curves: Vec<&Curve> = lines.iter().filter_map(Line::curve).collect();
    match args.format {
        Format::Ndjson => report::write_lines(lines, output)?,
        Format::Csv | Format::Tsv if !curves.is_empty() => {
            active::sheet(&curves, args.format).write(args.format, output)?;
        }
        Format::Csv | Format::Tsv if searches.is_empty() => {
            sheets::full_sheet(&judgements, &args.k).write(args.format, output)?;
        }
        Format::Csv | Format::Tsv => {
            sheets::search_sheet(&searches, args.format).write(args.format, output)?;
        }
        Format::Table | Format::Markdown | Format::Latex => {
            let mut blocks = Blocks {
                first: true,
                format: args.format,
                output,
            };
            for block in judgements.chunk_by(|a, b| a.truth == b.truth) {
                blocks.judgements(block, args)?;
            }
            let same = |a: &&Search, b: &&Search| {
                (&a.truth, &a.fine, a.pool, a.k, a.reps) == (&b.truth, &b.fine, b.pool, b.k, b.reps)
            };
            for block in searches.chunk_by(same) {
                blocks.searches(block)?;
            }
            for block in curves.chunk_by(|a, b| a.settings() == b.settings()) {
                blocks.curves(block)?;
            }
        }
    }
    Ok(())
}

/// Tables under headings, with an empty line between.
struct Blocks<'b> {
    first: bool,
    format: Format,
    output: &'b mut Output,
}

impl Blocks<'_> {
    fn heading(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.first {
            self.output.write_text("\n")?;
        }
        self.first = false;
        sheets::write_heading(text, self.format, self.output)
    }

    fn judgements(&mut self, block: &[&Judgement], args: &Args) -> anyhow::Result<()> {
        let Some(first) = block.first() else {
            return Ok(());
        };
        let truth = &first.truth;
        self.heading(&format!(
            "Order by {truth}: rank correlations, [95 % of {} resamples]",
            first.resamples
        ))?;
        sheets::agreement_sheet(block).write(self.format, self.output)?;
        self.heading(&format!("Selection by score: {truth} of what is selected"))?;
        sheets::selection_sheet(block, &args.k).write(self.format, self.output)?;
        Ok(())
    }

    fn searches(&mut self, block: &[&Search]) -> anyhow::Result<()> {
        let Some(first) = block.first() else {
            return Ok(());
        };
        self.heading(&format!(
            "{} reached by {} searches: of {} random candidates the coarse step keeps {}, \
             the fine step takes the best by {}; lo and hi hold 95 % of the searches",
            first.truth, first.reps, first.pool, first.k, first.fine
        ))?;
        sheets::search_sheet(block, self.format).write(self.format, self.output)?;
        Ok(())
    }
}

impl Blocks<'_> {
    fn curves(&mut self, block: &[&Curve]) -> anyhow::Result<()> {
        let Some(first) = block.first() else {
            return Ok(());
        };
        self.heading(&format!(
            "{} of what {} searches have found by {} among {} candidates (the best there is: {}); \
             active search trains {} {} and then {} at a time, by {} and {}{}",
            first.truth,
            first.reps,
            first.fine,
            first.n,
            short(first.best),
            first.init,
            match &first.first {
                Some(score) => format!("by {score}"),
                None => "at random".to_owned(),
            },
            first.batch,
            first.model,
            first.acquire,
            match first.features.is_empty() {
                true => String::new(),
                false => format!(" from {}", first.features.join("+")),
            }
        ))?;
        active::sheet(block, self.format).write(self.format, self.output)?;
        Ok(())
    }
}

impl Line {
    fn curve(&self) -> Option<&Curve> {
        match self {
            Self::Curve(curve) => Some(curve),
            Self::Judgement(_) | Self::Search(_) => None,
        }
    }

    fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::Judgement(judgement) => Some(judgement),
            Self::Search(_) | Self::Curve(_) => None,
        }
    }

    fn search(&self) -> Option<&Search> {
        match self {
            Self::Search(search) => Some(search),
            Self::Judgement(_) | Self::Curve(_) => None,
        }
    }
}
