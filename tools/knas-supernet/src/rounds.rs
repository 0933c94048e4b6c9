//! Searches in which options are taken away, and nothing is trained.

use anyhow::Result;
use knas_proxy::{Proxy, Samples};
use knas_records::Context;
use knas_records::schema::Supernet as Block;
use knas_search::by_scores::{ByScores, Gain};
use knas_search::removal::{Round, by_ranks, remove, stayed};
use knas_search::sensitivity::Sensitivity;
use serde::Serialize;

use crate::cli::{Args, Method};
use crate::epochs::Log;
use crate::found::{self, Outcome};
use crate::plan::Plan;

/// A round, in `--log`.
#[derive(Serialize)]
struct Entry<'r> {
    round: usize,
    /// What each option was worth.
    worth: &'r [Vec<f64>],
    /// What went.
    removed: Vec<Removed<'r>>,
    /// Choices of which the least was worth no less than another.
    ties: usize,
}

#[derive(Serialize)]
struct Removed<'r> {
    choice: &'r str,
    option: &'r str,
}

/// Why rounds ended before their time.
enum Stop {
    Interrupted,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes options away until one of each choice is left; nothing where the run was
/// interrupted.
///
/// # Errors
/// When images cannot be read, a score has no value, or a file cannot be written.
pub fn search(args: &Args, plan: &Plan, context: &Context) -> Result<Option<Outcome>> {
    let mut allowed = plan.allowed.clone();
    if args.method == Method::TeNas {
        without_none(&mut allowed, plan);
    }
    let mut teller = Teller {
        rounds: 0,
        log: args.log.as_deref().map(Log::open).transpose()?,
        plan,
        context,
    };
    let mut block = plan.block.clone();
    context.finish_records_when_interrupted();
    let rounds = match args.method {
        Method::TeNas => by_scores(args, &allowed, &mut block, &mut teller),
        _ => by_sensitivity(args, &allowed, &mut block, &mut teller),
    };
    let rounds = match rounds {
        Ok(rounds) => rounds,
        Err(Stop::Interrupted) => return Ok(None),
        Err(Stop::Failed(error)) => return Err(error),
    };
    let wanted = usize::try_from(args.count).unwrap_or(usize::MAX);
    let (mut found, cut_off) = found::likeliest(&stayed(&allowed, &rounds), plan, wanted)?;
    found.iter_mut().for_each(|found| found.probability = None); // it is an order alone
    Ok(Some(Outcome {
        ties: rounds.iter().map(|round| round.ties).sum(),
        found,
        cut_off,
        block,
    }))
}

fn by_sensitivity(
    args: &Args,
    allowed: &[Vec<bool>],
    block: &mut Block,
    teller: &mut Teller<'_>,
) -> Result<Vec<Round>, Stop> {
    let (plan, context) = (teller.plan, teller.context);
    block.data = "ones".to_owned();
    block.alpha = Some(args.alpha);
    let of = (plan.size.side()?, args.seed);
    let sensitivity = Sensitivity::new(&plan.supernet, of, args.alpha, plan.device)?;
    let worth = |allowed: &[Vec<bool>]| match context.is_interrupted() {
        true => Err(Stop::Interrupted),
        false => Ok(sensitivity.of(allowed)?),
    };
    remove(allowed.to_vec(), worth, |round| teller.tell(round))
}

fn by_scores(
    args: &Args,
    allowed: &[Vec<bool>],
    block: &mut Block,
    teller: &mut Teller<'_>,
) -> Result<Vec<Round>, Stop> {
    let (plan, context) = (teller.plan, teller.context);
    let proxies = proxies(&args.by);
    let mut samples = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.repeats) {
        let sample = plan.source.sample(args.samples, seed, true)?;
        let (inputs, targets) = sample.batch.tensors(plan.device);
        samples.push((seed, Samples { inputs, targets }));
        block.data_sha256.insert(seed.to_string(), sample.hash);
        block
            .examples
            .insert(seed.to_string(), sample.indices.len() as u64);
    }
    let names = proxies.iter().map(|proxy| proxy.info().name.to_owned());
    block.by = Some(names.collect());
    block.repeats = Some(args.repeats);
    let scores = ByScores {
        space: plan.space,
        setting: plan.size.clone(),
        proxies,
        samples: &samples,
        device: plan.device,
    };
    context.start_known_progress(Some(evaluations(allowed)), "evaluations");
    let worth = |allowed: &[Vec<bool>]| {
        let mut go_on = || {
            context.advance();
            !context.is_interrupted()
        };
        let gains = scores.gains(allowed, &mut go_on)?;
        let gains = gains.ok_or(Stop::Interrupted)?;
        tell_unsure(&gains, &scores.proxies, plan, context);
        let pair = |gain: &Gain| ((gain.choice, gain.option), gain.mean);
        let pairs = |gains: &Vec<Gain>| gains.iter().map(pair).collect();
        let gains: Vec<Vec<_>> = gains.iter().map(pairs).collect();
        Ok(by_ranks(&gains, allowed))
    };
    remove(allowed.to_vec(), worth, |round| teller.tell(round))
}

/// Leaves out options called `none`, where there are others.
fn without_none(allowed: &mut [Vec<bool>], plan: &Plan) {
    for (row, choice) in allowed.iter_mut().zip(&plan.supernet.choices) {
        let none = choice.options.iter().position(|option| *option == "none");
        let others = row
            .iter()
            .enumerate()
            .any(|(option, allowed)| *allowed && Some(option) != none);
        if let Some(none) = none.filter(|_| others) {
            row[none] = false;
        }
    }
}

/// How often the network without an option is evaluated.
fn evaluations(allowed: &[Vec<bool>]) -> u64 {
    let open = |row: &Vec<bool>| row.iter().filter(|allowed| **allowed).count() as u64;
    // One option fewer in each round: n + (n − 1) + … + 2.
    allowed
        .iter()
        .map(open)
        .map(|n| n * (n + 1) / 2 - n.min(1))
        .sum()
}

/// The scores that names and groups stand for, each once.
fn proxies(names: &[String]) -> Vec<&'static dyn Proxy> {
    let mut chosen: Vec<&'static dyn Proxy> = Vec::new();
    for name in names {
        let found = match knas_proxy::by_name(name) {
            Some(proxy) => vec![proxy],
            None => knas_proxy::group(name),
        };
        for proxy in found {
            if !chosen
                .iter()
                .any(|other| other.info().name == proxy.info().name)
            {
                chosen.push(proxy);
            }
        }
    }
    chosen
}

/// Tells, with --verbose, which gains are within their standard error.
fn tell_unsure(gains: &[Vec<Gain>], proxies: &[&dyn Proxy], plan: &Plan, context: &Context) {
    for (gains, proxy) in gains.iter().zip(proxies) {
        let unsure = |gain: &&Gain| gain.error.is_some_and(|error| gain.mean.abs() <= error);
        let unsure: Vec<String> = gains
            .iter()
            .filter(unsure)
            .map(|gain| named(plan, (gain.choice, gain.option)).join(" "))
            .collect();
        if !unsure.is_empty() {
            context.detail(format_args!(
                "{}: within their standard error are {} of {} gains: {}",
                proxy.info().name,
                unsure.len(),
                gains.len(),
                unsure.join(", ")
            ));
        }
    }
}

/// The names of a choice and of an option of it.
fn named(plan: &Plan, (choice, option): (usize, usize)) -> [&str; 2] {
    let choice = plan.supernet.choices.get(choice);
    let name = choice.map_or("", |choice| &choice.name);
    let option = choice.and_then(|choice| choice.options.get(option));
    [name, option.copied().unwrap_or_default()]
}

/// Tells of rounds, on stderr and in `--log`.
struct Teller<'p> {
    rounds: usize,
    log: Option<Log>,
    plan: &'p Plan,
    context: &'p Context,
}

impl Teller<'_> {
    fn tell(&mut self, round: &Round) -> Result<(), Stop> {
        self.rounds += 1;
        let removed = round.removed.iter().map(|&place| named(self.plan, place));
        let removed: Vec<Removed<'_>> = removed
            .map(|[choice, option]| Removed { choice, option })
            .collect();
        let words: Vec<String> = removed
            .iter()
            .map(|gone| format!("{} {}", gone.choice, gone.option))
            .collect();
        self.context.info(format_args!(
            "round {}: without {}",
            self.rounds,
            words.join(", ")
        ));
        let entry = Entry {
            round: self.rounds,
            worth: &round.worth,
            removed,
            ties: round.ties,
        };
        match &mut self.log {
            Some(log) => Ok(log.write(&entry)?),
            None => Ok(()),
        }
    }
}
