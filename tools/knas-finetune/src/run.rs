//! Reads records, trains them side by side, writes them in order.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, bail};
use knas_records::output::Kept;
use knas_records::pipeline::in_order;
use knas_records::schema::Finetune;
use knas_records::{Common, Context, Failure, Input, Place, Record};

use crate::candidate::{Site, Worker};
use crate::cli::Args;
use crate::halving;
use crate::log::Log;
use crate::outcome::{Stop, bad_record, fail};
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
pub fn run(args: Args, context: &Context) -> Result<()> {
    let input = context.input(&args.inputs.files)?;
    let whole = args.select.is_some() || args.halving.is_some();
    if args.common.resume && whole && args.checkpoint_dir.is_none() {
        bail!(
            "--resume needs --checkpoint-dir here: with --select or --halving, no record is done before the end"
        );
    }
    let plan = Plan::new(&args, context)?;
    // From checkpoints every record is had again in no time, and in its place.
    let common = Common {
        resume: args.common.resume && args.checkpoint_dir.is_none(),
        ..args.common.clone()
    };
    let mut output = context.output(&common, |record| plan.check_kept(record))?;
    let log = args.log.as_ref();
    let log = log
        .map(|path| Log::open(path, args.common.resume))
        .transpose()?;
    if plan.checkpoints.is_none() && !args.evaluate {
        context.info("models are not kept: --checkpoint-dir DIR keeps them");
    }
    context.finish_records_when_interrupted()?;
    context.start_progress(None, "candidates");

    let kept = output.take_kept_ids();
    let mut sink = Sink::new(context, &plan, output, args.select);
    let sites = Sites::new(&plan, args.evaluate);
    let source = source(input, kept, sites);
    let stop = context.interrupt_flag();
    if let Some(factor) = args.halving {
        let mut items = Vec::new();
        let collect = |item| {
            items.push(item);
            Ok(())
        };
        in_order(1, source, || |item| item, collect, &stop)?;
        let is_candidate = |item: &Item| matches!(item, Item::Candidate(..));
        let nothing = !items.iter().any(is_candidate);
        halving::run(items, factor, &plan, log.as_ref(), context, &mut sink)?;
        sink.finish()?;
        if nothing && !context.is_interrupted() {
            bail!("--halving: there is no candidate to train");
        }
        return Ok(());
    }
    let (plan, log) = (&plan, log.as_ref());
    let worker = || {
        let worker = Worker::new(plan, context, log);
        let evaluate = args.evaluate;
        move |item| match item {
            Item::Done(done) => done,
            Item::Candidate(place, record, _) if evaluate => {
                evaluated(&worker, place, record, context)
            }
            Item::Candidate(place, record, site) => trained(&worker, place, record, site, plan),
        }
    };
    in_order(plan.jobs, source, worker, |done| sink.take(done), &stop)?;
    sink.finish()
}

/// Lines of the input, from a thread of its own.
fn source(
    mut input: Input,
    mut kept: Kept,
    mut sites: Sites,
) -> impl FnMut() -> Result<Option<Item>> + Send + 'static {
    move || {
        let Some(line) = input.next_line()? else {
            return Ok(None);
        };
        let record = match line.record() {
            Ok(record) => record.into_owned(),
            Err(error) => {
                let bad = Done::Bad(line.place(), line.excerpt(), error);
                return Ok(Some(Item::Done(bad)));
            }
        };
        if kept.take(record.id()) {
            return Ok(Some(Item::Done(Done::Kept)));
        }
        if record.has_failed() {
            return Ok(Some(Item::Done(Done::Passed(record))));
        }
        let place = line.place();
        Ok(Some(match sites.site(&record) {
            Ok(site) => Item::Candidate(place, record, site),
            Err(failure) => Item::Done(Done::Failed(place, record, failure)),
        }))
    }
}

/// Where checkpoints are, and whose are spoken for.
struct Sites {
    template: Option<Site>,
    taken: HashSet<String>,
}

impl Sites {
    fn new(plan: &Plan, evaluate: bool) -> Self {
        let folder = plan.checkpoints.as_ref().filter(|_| !evaluate);
        Self {
            template: folder.map(|folder| Site {
                folder: folder.clone(),
                stem: String::new(),
                start: plan.start,
            }),
            taken: HashSet::new(),
        }
    }

    fn site(&mut self, record: &Record<'_>) -> Result<Option<Site>, Failure> {
        let Some(site) = &self.template else {
            return Ok(None);
        };
        let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
        if !self.taken.insert(stem.to_owned()) {
            let message = "the id came before, and its checkpoint is that of the first";
            return Err(fail("duplicate_id", message));
        }
        Ok(Some(Site {
            stem: stem.to_owned(),
            ..site.clone()
        }))
    }
}

fn trained(
    worker: &Worker<'_>,
    place: Place,
    record: Record<'static>,
    site: Option<Site>,
    plan: &Plan,
) -> Done {
    let train = || worker.train(&record, plan.recipe.epochs, site.as_ref());
    match caught(train).unwrap_or_else(|failure| Err(Stop::Failed(failure))) {
        Ok(reached) => Done::Trained(place, record, reached),
        Err(Stop::Failed(failure)) => Done::Failed(place, record, failure),
        Err(Stop::Interrupted) => Done::Unfinished,
    }
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
        let accuracies = (recorded.valid_accuracy, recorded.test_accuracy);
        let differ = accuracies != (found.valid_accuracy, found.test_accuracy);
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
