//! Reads records, scores them side by side, writes them in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use knas_records::pipeline::in_order;
use knas_records::{Context, Failure, Input, Output, Place, Record, RecordError};

use crate::catalogue;
use crate::cli::Args;
use crate::isolated::{self, Isolated};
use crate::plan::Plan;
use crate::scorer::{Known, Scorer};

/// A line of the input.
enum Item {
    Record(Place, Record<'static>),
    Bad(Place, String, RecordError),
}

/// A line of the input, dealt with.
enum Done {
    /// Scored, or passed on because it had failed before or is there already.
    Record(Record<'static>),
    Failed(Place, Record<'static>, Failure),
    Bad(Place, String, RecordError),
    Kept,
    /// Nothing can be scored any more.
    Fatal(anyhow::Error),
}

/// One job's way to score a record: the record with its scores, and why it
/// failed where it did. An error ends the run.
type Job<'p> = Box<dyn FnMut(Record<'static>) -> Result<(Record<'static>, Option<Failure>)> + 'p>;

/// Runs the tool.
pub fn run(args: Args, context: &Context) -> Result<()> {
    if let Some(format) = args.list_proxies {
        let mut out = Output::stdout();
        out.write_text(&catalogue::list(format))?;
        return Ok(out.finish()?);
    }
    if args.worker {
        return isolated::serve(&Plan::new(&args, context)?, context);
    }
    let input = context.input(&args.inputs.files)?;
    let plan = Plan::new(&args, context)?;
    let output = context.output(&args.common, |record| plan.check_kept(record))?;
    context.finish_records_when_interrupted()?;
    context.start_progress(None, "candidates");
    let known = Known::default();
    let job = || -> Job<'_> {
        if let Some(timeout) = args.timeout {
            let mut isolated = Isolated::new(timeout);
            return Box::new(move |record| isolated.score(record));
        }
        let scorer = Scorer::new(&plan, &known);
        Box::new(move |mut record| {
            let failure = scorer.score(&mut record).err();
            Ok((record, failure))
        })
    };
    score(input, &plan, job, output, context)
}

/// What a run did, for its last line.
struct Summary {
    begin: Instant,
    scored: u64,
    /// Scored candidates that have no value of a score, by its name.
    undefined: BTreeMap<&'static str, u64>,
    failed_before: u64,
}

impl Summary {
    fn take(&mut self, record: &Record<'_>, plan: &Plan) {
        if record.has_failed() {
            self.failed_before += 1;
            return;
        }
        self.scored += 1;
        for name in plan.proxies.iter().map(|proxy| proxy.info().name) {
            if record.raw(&format!("scores_undefined.{name}")).is_some() {
                *self.undefined.entry(name).or_default() += 1;
            }
        }
    }

    fn report(&self, context: &Context) {
        if self.failed_before > 0 {
            context.info(format_args!(
                "{} candidates had failed before; passed on",
                self.failed_before
            ));
        }
        let undefined = self.undefined.iter();
        let undefined: String = undefined
            .map(|(name, count)| format!(", {name} undefined for {count}"))
            .collect();
        context.info(format_args!(
            "{} scored{undefined}, {} failed, {:.1} s",
            self.scored,
            context.failures(),
            self.begin.elapsed().as_secs_f64()
        ));
    }
}

fn score<'p>(
    mut input: Input,
    plan: &Plan,
    job: impl Fn() -> Job<'p> + Sync,
    mut output: Output,
    context: &Context,
) -> Result<()> {
    let mut kept = output.take_kept_ids();
    let source = move || {
        let Some(line) = input.next_line()? else {
            return Ok(None);
        };
        let item = match line.record() {
            Ok(record) => Item::Record(line.place(), record.into_owned()),
            Err(error) => Item::Bad(line.place(), line.excerpt(), error),
        };
        let mut done = |item: &Item| matches!(item, Item::Record(_, r) if kept.take(r.id()));
        Ok(Some((done(&item), item)))
    };
    let worker = || {
        let mut job = job();
        move |(kept, item)| match item {
            _ if kept => Done::Kept,
            Item::Bad(place, text, error) => Done::Bad(place, text, error),
            Item::Record(_, record) if record.has_failed() => Done::Record(record),
            Item::Record(place, record) => match job(record) {
                Ok((record, None)) => Done::Record(record),
                Ok((record, Some(failure))) => Done::Failed(place, record, failure),
                Err(error) => Done::Fatal(error),
            },
        }
    };
    let mut summary = Summary {
        begin: Instant::now(),
        scored: 0,
        undefined: BTreeMap::new(),
        failed_before: 0,
    };
    let sink = |done| {
        match done {
            Done::Kept => {}
            Done::Fatal(error) => return Err(error),
            Done::Bad(place, text, error) => context.bad_text(&place, &text, &error)?,
            Done::Failed(place, record, failure) => {
                context.failed(record, &place, &failure, &mut output)?;
            }
            Done::Record(record) => {
                summary.take(&record, plan);
                output.write(&record)?;
            }
        }
        context.advance();
        Ok::<(), anyhow::Error>(output.flush_records()?)
    };
    let stop = Arc::clone(&context.interrupt_flag());
    in_order(plan.jobs, source, worker, sink, &stop)?;
    summary.report(context);
    if context.is_interrupted() {
        output.flush_records()?; // what is done stays in FILE.part, for --resume
        return Ok(());
    }
    Ok(output.finish()?)
}
