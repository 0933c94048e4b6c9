//! Reads records, scores them side by side, writes them in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use knas_data::DataSpec;
use knas_records::ids::{Ids, Met, Repeats, about, failure};
use knas_records::output::Kept;
use knas_records::pipeline::in_order;
use knas_records::workers::{self, Worker};
use knas_records::{Context, Failure, Input, Named, Output, Place, Record, RecordError, Screen};

use crate::cli::Args;
use crate::isolated::{self, Isolated};
use crate::known::Known;
use crate::listing;
use crate::plan::Plan;
use crate::scorer::Scorer;

/// A line of the input.
enum Item {
    Record(Place, Record<'static>),
    /// There is nothing to score.
    Done(Done),
}

/// A line of the input, dealt with.
enum Done {
    /// Scored, or passed on because it had failed before.
    Record(Record<'static>),
    Failed(Place, Record<'static>, Failure),
    Bad(Place, String, RecordError),
    /// It is there from an earlier run.
    Kept(String),
    /// It came before, at the second place, and says the same.
    Again(String, Place, Place),
    /// Nothing can be scored any more.
    Fatal(anyhow::Error),
}

/// One job's way to score a record: the record with its scores, and why it
/// failed where it did. An error ends the run.
type Job<'p> = Box<dyn FnMut(Record<'static>) -> Result<(Record<'static>, Option<Failure>)> + 'p>;

/// Runs the tool.
pub fn run(mut args: Args, context: &Context) -> Result<()> {
    if let Some(listing) = &args.list_proxies {
        let mut out = Output::stdout();
        listing::write(listing, &mut out)?;
        return Ok(out.finish()?);
    }
    args.weights = args.weights.map(|path| context.fetched(&path));
    args.tokenizer = args.tokenizer.map(|path| context.fetched(&path));
    if args.worker {
        return isolated::serve(&args, context);
    }
    let mut reads = args.inputs.named();
    reads.extend(Named::given("--weights", &args.weights));
    let data = args.data.as_ref().and_then(DataSpec::path);
    reads.extend(data.map(|path| Named::read("--data", path)));
    let dump = Named::given("--dump", &args.dump);
    context.keep_apart(&args.common, &reads, dump.as_slice())?;
    let input = context.input(&args.inputs.files)?;
    let mut first = Worker::default();
    let limited = workers::address_space_limit().is_some();
    if limited {
        // It reads all that is read below, and where there is no room for that
        // it is its process that ends, however it ends.
        first.start()?;
    }
    let plan = Plan::new(&args, context)?;
    if limited {
        workers::check_room(plan.jobs)?;
    }
    let output = context.output(&args.common, |record| plan.check_kept(record))?;
    context.finish_records_when_interrupted();
    context.start_progress(&args.inputs.files, "candidates");
    let (known, first) = (Known::default(), Mutex::new(first));
    let job = || -> Job<'_> {
        if limited || args.timeout.is_some() {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            let mut isolated = Isolated::new(args.timeout, std::mem::take(&mut first));
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
    input: Input,
    plan: &Plan,
    job: impl Fn() -> Job<'p> + Sync,
    mut output: Output,
    context: &Context,
) -> Result<()> {
    let source = source(input, output.kept(), context.screen());
    let worker = || {
        let mut job = job();
        move |item| match item {
            Item::Done(done) => done,
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
    let mut repeats = Repeats::default();
    let sink = |done| {
        match &done {
            Done::Kept(_) => context.screen().kept(),
            _ => context.advance(),
        }
        match done {
            Done::Kept(id) => output.keep(&id),
            Done::Again(id, place, first) => repeats.add(&id, &place, &first),
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
        Ok::<(), anyhow::Error>(output.flush_records()?)
    };
    let stop = Arc::clone(&context.interrupt_flag());
    in_order(plan.jobs, source, worker, sink, &stop)?;
    repeats.report(context);
    summary.report(context);
    if context.is_interrupted() {
        output.flush_records()?; // what is done stays in FILE.part, for --resume
        return Ok(());
    }
    context.still_failed(&output);
    Ok(output.finish()?)
}

/// Lines of the input, from a thread of its own.
fn source(
    mut input: Input,
    kept: Kept,
    screen: Screen,
) -> impl FnMut() -> Result<Option<Item>> + Send + 'static {
    let mut ids = Ids::default();
    move || {
        let Some(line) = input.next_line()? else {
            return Ok(None);
        };
        screen.received();
        let record = match line.record() {
            Ok(record) => record.into_owned(),
            Err(error) => {
                let bad = Done::Bad(line.place(), line.excerpt(), error);
                return Ok(Some(Item::Done(bad)));
            }
        };
        let (place, id) = (line.place(), record.id().to_owned());
        let done = match ids.meet(&id, about(&record), line.source, line.number) {
            Met::Again(first) => Done::Again(id, place, first),
            Met::Other(first) => Done::Failed(place, record, failure("score", &first)),
            Met::New if kept.has(&record)? => Done::Kept(id),
            Met::New if record.has_failed() => Done::Record(record),
            Met::New => return Ok(Some(Item::Record(place, record))),
        };
        Ok(Some(Item::Done(done)))
    }
}
