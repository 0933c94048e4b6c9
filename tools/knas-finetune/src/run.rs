//! Reads records, trains them side by side, writes them in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use knas_data::DataSpec;
use knas_records::ids::{Ids, Met, about, failure};
use knas_records::output::Kept;
use knas_records::pipeline::in_order;
use knas_records::schema::Finetune;
use knas_records::workers;
use knas_records::{Common, Context, Failure, Input, Named, Place, Record, Screen};

use crate::candidate::{Site, Worker};
use crate::cli::Args;
use crate::evaluate::Alone;
use crate::halving;
use crate::job::{self, Job};
use crate::log::Log;
use crate::news::Teller;
use crate::outcome::{STAGE, Stop, bad_record, fail};
use crate::plan::Plan;
use crate::sink::{Done, Sink};

/// A line of the input.
pub enum Item {
    /// To be trained, or evaluated.
    Candidate(Place, Record<'static>, Option<Site>),
    /// There is nothing to do.
    Done(Done),
}

/// Runs the tool.
pub fn run(mut args: Args, context: &Context) -> Result<()> {
    args.weights = args.weights.map(|path| context.fetched(&path));
    args.tokenizer = args.tokenizer.map(|path| context.fetched(&path));
    if args.worker {
        return job::serve(&args, context);
    }
    apart(&args, context)?;
    let alone = Alone::among(&args)?;
    let input = match &alone {
        Some(alone) => alone.input(&mut args, context)?,
        None => context.input(&args.inputs.files)?,
    };
    let whole = args.select.is_some() || args.halving.is_some();
    if args.common.resume && whole && args.checkpoint_dir.is_none() {
        bail!(
            "--resume needs --checkpoint-dir here: with --select or --halving, no record is done before the end"
        );
    }
    let mut first = workers::Worker::default();
    let limited = workers::address_space_limit().is_some() && !args.evaluate;
    if limited {
        // It reads all that is read below, and where there is no room for that
        // it is its process that ends, however it ends.
        first.start()?;
    }
    let mut plan = Plan::new(&args, context)?;
    plan.alone = alone.map(Alone::files).unwrap_or_default();
    let plan = plan;
    if limited {
        workers::check_room(plan.jobs)?;
    }
    // From checkpoints every record is had again in no time, and in its place.
    let common = Common {
        resume: args.common.resume && args.checkpoint_dir.is_none(),
        ..args.common.clone()
    };
    let output = context.output(&common, |record| plan.check_kept(record))?;
    let log = args.log.as_ref();
    let log = log
        .map(|path| Log::open(path, args.common.resume))
        .transpose()?;
    if plan.checkpoints.is_none() && !args.evaluate {
        context.info("models are not kept: --checkpoint-dir DIR keeps them");
    }
    context.finish_records_when_interrupted();
    context.start_progress(&args.inputs.files, "candidates");

    let kept = output.kept();
    let mut sink = Sink::new(context, &plan, output, args.select);
    let folder = plan.checkpoints.as_ref().filter(|_| !args.evaluate);
    let site = folder.map(|folder| Site {
        folder: folder.clone(),
        stem: String::new(),
        start: plan.start,
    });
    let source = source(input, kept, site, context.screen());
    let stop = context.interrupt_flag();
    let first = Mutex::new(first);
    let job = || {
        let teller = Teller::new(&plan, context, log.as_ref());
        if limited || args.timeout.is_some() {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            return Job::apart(context, teller, std::mem::take(&mut first));
        }
        Job::here(&plan, context, teller)
    };
    if let Some(factor) = args.halving {
        let mut items = Vec::new();
        let collect = |item| {
            items.push(item);
            Ok(())
        };
        in_order(1, source, || |item| item, collect, &stop)?;
        let is_candidate = |item: &Item| matches!(item, Item::Candidate(..));
        let nothing = !items.iter().any(is_candidate);
        halving::run(items, factor, args.timeout, &plan, context, job, &mut sink)?;
        sink.finish()?;
        if nothing && !context.is_interrupted() {
            bail!("--halving: there is no candidate to train");
        }
        return Ok(());
    }
    if args.evaluate {
        let worker = || {
            let worker = Worker::new(&plan, context);
            move |item| match item {
                Item::Done(done) => done,
                Item::Candidate(place, record, _) => evaluated(&worker, place, record, context),
            }
        };
        in_order(plan.jobs, source, worker, |done| sink.take(done), &stop)?;
        return sink.finish();
    }
    let worker = || {
        let mut job = job();
        let (plan, time) = (&plan, args.timeout);
        move |item| match item {
            Item::Done(done) => done,
            Item::Candidate(place, record, site) => {
                trained(&mut job, place, record, site, plan, time)
            }
        }
    };
    in_order(plan.jobs, source, worker, |done| sink.take(done), &stop)?;
    sink.finish()
}

/// Nothing that is read may be written, nor what two flags name.
fn apart(args: &Args, context: &Context) -> Result<()> {
    let mut reads = args.inputs.named();
    // A folder may hold checkpoints and the weights of others.
    let weights = args.weights.as_deref().filter(|path| path.is_file());
    let data = args.data.as_ref().and_then(DataSpec::path);
    reads.extend(weights.map(|path| Named::read("--weights", path)));
    reads.extend(data.map(|path| Named::read("--data", path)));
    let log = Named::given("--log", &args.log);
    Ok(context.keep_apart(&args.common, &reads, log.as_slice())?)
}

/// Lines of the input, from a thread of its own.
fn source(
    mut input: Input,
    kept: Kept,
    site: Option<Site>,
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
            Met::Other(first) => Done::Failed(place, record, failure(STAGE, &first)),
            Met::New if kept.has(&record)? => Done::Kept(id),
            Met::New if record.has_failed() => Done::Passed(record),
            Met::New => match at(&site, &record) {
                Ok(site) => return Ok(Some(Item::Candidate(place, record, site))),
                Err(failure) => Done::Failed(place, record, failure),
            },
        };
        Ok(Some(Item::Done(done)))
    }
}

/// Where a candidate's checkpoint is, where there are any.
fn at(template: &Option<Site>, record: &Record<'_>) -> Result<Option<Site>, Failure> {
    let Some(site) = template else {
        return Ok(None);
    };
    let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
    Ok(Some(Site {
        stem: stem.to_owned(),
        ..site.clone()
    }))
}

fn trained(
    job: &mut Job<'_>,
    place: Place,
    record: Record<'static>,
    site: Option<Site>,
    plan: &Plan,
    time: Option<Duration>,
) -> Done {
    match job.train(&record, plan.recipe.epochs, site.as_ref(), time) {
        Ok(reached) => Done::Trained(place, record, Box::new(reached)),
        Err(Stop::Failed(failure)) => Done::Failed(place, record, failure),
        Err(Stop::Late) => Done::Failed(place, record, late(time, plan)),
        Err(Stop::Refused(error)) => Done::Refused(error),
        Err(Stop::Interrupted) => Done::Unfinished,
    }
}

/// That a candidate was given up after this time.
pub fn late(time: Option<Duration>, plan: &Plan) -> Failure {
    let next = match plan.checkpoints {
        Some(_) => "; with more time, --resume goes on from its last epoch",
        None => "",
    };
    let seconds = time.unwrap_or_default().as_secs_f64();
    let message = format!("not trained after {seconds} s (--timeout){next}");
    fail("timeout", message)
}

fn evaluated(
    worker: &Worker<'_>,
    place: Place,
    mut record: Record<'static>,
    context: &Context,
) -> Done {
    let found = caught(|| worker.evaluate(&record)).and_then(|evaluated| evaluated);
    let found = match found {
        Ok(found) => found,
        Err(failure) => return Done::Failed(place, record, failure),
    };
    if let Ok(Some(recorded)) = record.get::<Finetune>("finetune") {
        let same = |part: &str| recorded.data_sha256.get(part) == found.data_sha256.get(part);
        // A model that has learnt from validation examples does otherwise on them.
        let valid = recorded.refit.is_none() && recorded.valid_accuracy != found.valid_accuracy;
        let differ = valid || recorded.test_accuracy != found.test_accuracy;
        if differ && same("valid") && same("test") {
            let message = "accuracies are not those that the record has";
            context.warn(format_args!("{place}: {}: {message}", record.id()));
        }
    }
    match record.set("evaluated", &found).map_err(bad_record) {
        Ok(()) => Done::Passed(record),
        Err(failure) => Done::Failed(place, record, failure),
    }
}

/// One candidate's panic is no reason to lose the others.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    let message = "training panicked; this is a bug in knas";
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| fail("panic", message))
}
