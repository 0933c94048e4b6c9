//! Searches, and writes what is found.

use anyhow::{Result, bail};
use knas_data::DataSpec;
use knas_records::{Common, Context, Named};
use knas_search::{Halves, Relaxation, Search, SearchError, State};
use knas_train::TrainError;

use crate::cli::{Args, Method};
use crate::epochs::{self, Log};
use crate::found::{self, Found};
use crate::plan::Plan;

/// Runs the tool.
pub fn run(args: Args, context: &Context) -> Result<()> {
    apart(&args, context)?;
    if args.common.resume && args.checkpoint_dir.is_none() {
        bail!("--resume needs --checkpoint-dir: no record is done before the end");
    }
    tch::set_num_threads(args.threads.into());
    let plan = Plan::new(&args, context)?;
    let state = args.checkpoint_dir.as_ref();
    let state = state.map(|folder| {
        State::open(folder, plan.about()?, args.common.resume).map_err(anyhow::Error::from)
    });
    let state = state.transpose()?;
    let common = Common {
        resume: false,
        ..args.common.clone()
    };
    let mut output = context.output(&common, |_| Ok(()))?;
    let halves = Halves {
        a: &plan.data.train,
        b: &plan.data.valid,
    };
    let allowed = plan.allowed.clone();
    let mut search = Search::new(&plan.supernet, allowed, halves, plan.recipe, plan.options)?;
    if let Some(state) = &state {
        state.restore(&mut search)?;
    } else {
        context.info("the network is not kept: --checkpoint-dir DIR keeps it");
    }
    context.finish_records_when_interrupted();
    let judged = match args.method {
        Method::OneShot => args.candidates,
        _ => 0,
    };
    let steps = (args.epochs - search.history().len() as u64) * search.steps();
    context.start_known_progress(Some(steps + judged), "steps");
    train(&mut search, &plan, &args, state.as_ref(), context)?;
    if context.is_interrupted() {
        return Ok(());
    }
    let wanted = usize::try_from(args.count).unwrap_or(usize::MAX);
    let (best, cut_off) = found::best(&search, &plan, &args, wanted, context)?;
    if context.is_interrupted() {
        return Ok(());
    }
    for id in cut_off {
        context.warn(format_args!(
            "{id} is cut off from its input; the next one is taken"
        ));
    }
    for one in &best {
        output.write(&found::record(one, &search, &plan)?)?;
    }
    output.finish()?;
    beside(&best, &search, &plan, context)?;
    if args.parents.is_none() {
        context.reads_nothing("--parents FILE leaves only the options of FILE's records");
    }
    if best.len() < wanted {
        context.error(format_args!(
            "only {} of the {wanted} architectures asked for: there are no others",
            best.len()
        ));
        context.count_failure()?;
    }
    Ok(())
}

/// Nothing that is read may be written.
fn apart(args: &Args, context: &Context) -> Result<()> {
    let mut reads: Vec<Named<'_>> = Named::given("--parents", &args.parents)
        .into_iter()
        .collect();
    let data = args.data.as_ref().and_then(DataSpec::path);
    reads.extend(data.map(|path| Named::read("--data", path)));
    let log = Named::given("--log", &args.log);
    Ok(context.keep_apart(&args.common, &reads, log.as_slice())?)
}

/// The epochs that are left.
fn train(
    search: &mut Search<'_>,
    plan: &Plan,
    args: &Args,
    state: Option<&State>,
    context: &Context,
) -> Result<()> {
    let mut log = args.log.as_deref().map(Log::open).transpose()?;
    if let Some(log) = &mut log {
        for epoch in search.history() {
            let found = would_be(search, plan, &epoch.theta)?;
            log.epoch(epoch, args.epochs, found.as_ref())?;
        }
    }
    while !search.is_done() {
        let mut go_on = || {
            context.advance();
            !context.is_interrupted()
        };
        match search.run_epoch(&mut go_on) {
            Ok(()) => {}
            Err(SearchError::Train(TrainError::Interrupted)) => {
                if let Some(state) = state {
                    let (path, epochs) = (state.path().display(), search.history().len());
                    context.info(format_args!(
                        "{path} is that of epoch {epochs}: --resume goes on from it"
                    ));
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(state) = state {
            state.save(search)?;
        }
        if let Some(epoch) = search.history().last() {
            let found = would_be(search, plan, &epoch.theta)?;
            epochs::tell(epoch, args.epochs, found.as_ref(), context);
            if let Some(log) = &mut log {
                log.epoch(epoch, args.epochs, found.as_ref())?;
            }
        }
    }
    Ok(())
}

/// What would be found with this θ; nothing where none is learnt.
fn would_be(search: &Search<'_>, plan: &Plan, theta: &[Vec<f64>]) -> Result<Option<Found>> {
    let relaxation = plan.recipe.relaxation;
    if relaxation == Relaxation::Path {
        return Ok(None);
    }
    let mut then = search.theta().clone();
    then.values = theta.to_vec();
    found::first(&relaxation.expected(&then), plan)
}

/// What the result is to be held against. No accuracy is looked at.
fn beside(best: &[Found], search: &Search<'_>, plan: &Plan, context: &Context) -> Result<()> {
    let params = |one: &dyn knas_space::Architecture| -> Result<u64> {
        Ok(one.cost_in(&plan.setting)?.params)
    };
    if let Some(first) = best.first() {
        let how = match (first.probability, first.valid_accuracy) {
            (Some(probability), _) => format!(", probability {probability:.3e}"),
            (None, Some(accuracy)) => format!(", inherited accuracy {accuracy:.4}"),
            (None, None) => String::new(),
        };
        context.info(format_args!(
            "found {} ({} parameters{how})",
            first.one.id(),
            params(&*first.one)?
        ));
    }
    if plan.recipe.relaxation != Relaxation::Path
        && knas_search::derivation::margin(&search.expected()) == Some(0.0)
    {
        context.warn("options of a choice weigh the same: the earlier one was taken");
    }
    if let Some(largest) = plan.space.largest() {
        context.info(format_args!(
            "beside it: {} has the most parameters, {}; score both, and random ones, to compare",
            largest.id(),
            params(&*largest)?
        ));
    }
    Ok(())
}
