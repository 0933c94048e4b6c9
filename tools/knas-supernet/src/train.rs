//! Searches in which the network is trained.

use anyhow::Result;
use knas_data::{Augmentation, Limits, Training};
use knas_records::Context;
use knas_records::schema::{Supernet as Block, SupernetHyper};
use knas_search::derivation::margin;
use knas_search::{Adam, Halves, Recipe, Relaxation, Search, SearchError, State};
use knas_train::TrainError;
use serde_json::json;
use tch::Kind;

use crate::cli::Args;
use crate::epochs::{self, Log};
use crate::found::{self, Found, Outcome};
use crate::plan::Plan;

/// Searches; nothing where the run was interrupted.
///
/// # Errors
/// When images cannot be read, the search diverges, or a file cannot be written.
pub fn search(
    args: &Args,
    relaxation: Relaxation,
    plan: &Plan,
    context: &Context,
) -> Result<Option<Outcome>> {
    let limits = Limits {
        train: args.train_limit,
        valid: args.train_limit,
        test: Some(0),
        ..Limits::default()
    };
    let data = plan.source.training(limits)?;
    let block = block(args, relaxation, &data, plan);
    let state = match &args.checkpoint_dir {
        None => None,
        Some(folder) => {
            let about = json!({
                "space": plan.space.name(),
                "allowed": plan.allowed,
                "search": block,
            });
            Some(State::open(folder, about, args.common.resume)?)
        }
    };
    let halves = Halves {
        a: &data.train,
        b: &data.valid,
    };
    let recipe = recipe(args, relaxation);
    let options = (Kind::Float, plan.device);
    let mut search = Search::new(
        &plan.supernet,
        plan.allowed.clone(),
        halves,
        recipe,
        options,
    )?;
    match &state {
        Some(state) => state.restore(&mut search)?,
        None => context.info("the network is not kept: --checkpoint-dir DIR keeps it"),
    }
    context.finish_records_when_interrupted();
    let judged = if relaxation == Relaxation::Path {
        args.candidates
    } else {
        0
    };
    let epochs = args.epochs - search.history().len() as u64;
    context.start_known_progress(Some(epochs * search.steps() + judged), "steps");
    run(&mut search, relaxation, plan, args, state.as_ref(), context)?;
    let wanted = usize::try_from(args.count).unwrap_or(usize::MAX);
    let weights = search.expected();
    let (found, cut_off) = match relaxation {
        Relaxation::Path => {
            let mut found = found::judged(&search, &data.valid, plan, args, context)?;
            found.truncate(wanted);
            (found, Vec::new())
        }
        _ => found::likeliest(&weights, plan, wanted)?,
    };
    let margin = margin(&weights).filter(|_| relaxation != Relaxation::Path);
    Ok((!context.is_interrupted()).then_some(Outcome {
        ties: usize::from(margin == Some(0.0)),
        block: Block { margin, ..block },
        found,
        cut_off,
    }))
}

/// The epochs that are left.
fn run(
    search: &mut Search<'_>,
    relaxation: Relaxation,
    plan: &Plan,
    args: &Args,
    state: Option<&State>,
    context: &Context,
) -> Result<()> {
    let mut log = args.log.as_deref().map(Log::open).transpose()?;
    // What would be found with this θ; nothing where none is learnt.
    let would_be = |search: &Search<'_>, theta: &[Vec<f64>]| -> Result<Option<Found>> {
        if relaxation == Relaxation::Path {
            return Ok(None);
        }
        let mut then = search.theta().clone();
        then.values = theta.to_vec();
        let (mut found, _) = found::likeliest(&relaxation.expected(&then), plan, 1)?;
        Ok(found.pop())
    };
    if let Some(log) = &mut log {
        for epoch in search.history() {
            log.epoch(epoch, args.epochs, would_be(search, &epoch.theta)?.as_ref())?;
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
            let found = would_be(search, &epoch.theta)?;
            epochs::tell(epoch, args.epochs, found.as_ref(), context);
            if let Some(log) = &mut log {
                log.epoch(epoch, args.epochs, found.as_ref())?;
            }
        }
    }
    Ok(())
}

fn recipe(args: &Args, relaxation: Relaxation) -> Recipe {
    Recipe {
        relaxation,
        epochs: args.epochs,
        warm_up: args.warm_up(),
        batch: args.batch as usize,
        rates: (args.lr, args.lr_min),
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        adam: Adam {
            rate: args.theta_lr,
            decay: args.theta_decay,
        },
        divergence: args.divergence,
        augmentation: Augmentation {
            flip_crop: !args.no_augment,
            ..Augmentation::default()
        },
        seed: args.seed,
    }
}

fn block(args: &Args, relaxation: Relaxation, data: &Training, plan: &Plan) -> Block {
    let learns = relaxation != Relaxation::Path;
    let of_theta = |value: f64| learns.then_some(value);
    let parts = [("train", &data.train), ("valid", &data.valid)];
    let augment = if args.no_augment { "none" } else { "flip-crop" };
    Block {
        epochs: args.epochs,
        data_sha256: parts
            .map(|(part, images)| (part.to_owned(), images.content_hash()))
            .into(),
        examples: parts
            .map(|(part, images)| (part.to_owned(), images.len() as u64))
            .into(),
        candidates: (!learns).then_some(args.candidates),
        hyper: Some(SupernetHyper {
            warm_up: learns.then(|| args.warm_up()),
            batch: args.batch.into(),
            lr: args.lr,
            lr_min: args.lr_min,
            momentum: args.momentum,
            weight_decay: args.weight_decay,
            theta_lr: of_theta(args.theta_lr),
            theta_decay: of_theta(args.theta_decay),
            divergence: of_theta(args.divergence).filter(|&factor| factor > 0.0),
            augment: augment.to_owned(),
        }),
        ..plan.block.clone()
    }
}
