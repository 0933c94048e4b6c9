//! Searches, and writes what is found.

use anyhow::{Result, bail};
use knas_data::DataSpec;
use knas_records::{Common, Context, Named};
use knas_space::Architecture;

use crate::cli::Args;
use crate::found::{self, Outcome};
use crate::plan::Plan;
use crate::{rounds, train};

/// Runs the tool.
pub fn run(args: Args, context: &Context) -> Result<()> {
    apart(&args, context)?;
    if args.common.resume && args.checkpoint_dir.is_none() {
        bail!("--resume needs --checkpoint-dir: no record is done before the end");
    }
    tch::set_num_threads(args.threads.into());
    let plan = Plan::new(&args, context)?;
    // From a checkpoint all records are had again in no time.
    let common = Common {
        resume: false,
        ..args.common.clone()
    };
    let mut output = context.output(&common, |_| Ok(()))?;
    let outcome = match args.method.relaxation() {
        Some(relaxation) => train::search(&args, relaxation, &plan, context)?,
        None => rounds::search(&args, &plan, context)?,
    };
    let Some(outcome) = outcome else {
        return Ok(());
    };
    for id in &outcome.cut_off {
        context.warn(format_args!(
            "{id} is cut off from its input; the next one is taken"
        ));
    }
    for one in &outcome.found {
        output.write(&found::record(one, &outcome.block, &plan)?)?;
    }
    output.finish()?;
    beside(&outcome, &plan, context)?;
    if args.parents.is_none() {
        context.reads_nothing("--parents FILE leaves only the options of FILE's records");
    }
    let found = outcome.found.len() as u64;
    if found < args.count {
        context.error(format_args!(
            "only {found} of the {} architectures asked for: there are no others",
            args.count
        ));
        context.count_failure()?;
    }
    Ok(())
}

/// Nothing that is read may be written.
fn apart(args: &Args, context: &Context) -> Result<()> {
    let parents = Named::given("--parents", &args.parents);
    let mut reads: Vec<Named<'_>> = parents.into_iter().collect();
    let data = args.data.as_ref().and_then(DataSpec::path);
    reads.extend(data.map(|path| Named::read("--data", path)));
    let log = Named::given("--log", &args.log);
    Ok(context.keep_apart(&args.common, &reads, log.as_slice())?)
}

/// What the result is to be held against. No accuracy is looked at.
fn beside(outcome: &Outcome, plan: &Plan, context: &Context) -> Result<()> {
    let params = |one: &dyn Architecture| -> Result<u64> { Ok(one.cost_in(&plan.setting)?.params) };
    if outcome.ties > 0 {
        context.warn(format_args!(
            "of options that are worth the same the first was taken, {} times",
            outcome.ties
        ));
    }
    if let Some(first) = outcome.found.first() {
        let how = match (first.probability, first.valid_accuracy) {
            (Some(probability), _) => format!(", probability {probability:.3e}"),
            (None, Some(accuracy)) => format!(", inherited accuracy {accuracy:.4}"),
            (None, None) => String::new(),
        };
        let (id, params) = (first.one.id(), params(&*first.one)?);
        context.info(format_args!("found {id} ({params} parameters{how})"));
    }
    if let Some(largest) = plan.space.largest() {
        let (id, params) = (largest.id(), params(&*largest)?);
        context.info(format_args!(
            "beside it: {id} has the most parameters, {params}; score both, and random ones, to compare"
        ));
    }
    Ok(())
}
