//! The work of knas-report: read, put together, write.

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use knas_records::{Common, Context, Named, Truth, truth};

use crate::candidates::Candidates;
use crate::cli::Args;
use crate::page::Page;
use crate::plot::Look;
use crate::search::{Search, join};
use crate::{cost, files, scores, training};

/// Writes the page that the arguments name, or the plots, or both.
///
/// # Errors
/// What ends the run: files that cannot be read or written, nothing to show,
/// `--on-error fail`.
pub fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let to_stdout = args.common.output.is_none();
    let wants_page = !(to_stdout && args.svg.is_some());
    anyhow::ensure!(
        !(wants_page && to_stdout && io::stdout().is_terminal()),
        "the page is not for a terminal: name a file with -o, such as -o report.html"
    );
    let truth = args.truth.as_deref().map(truth::file_and_columns);
    let mut reads = args.inputs.named();
    let known = truth.as_ref();
    reads.extend(known.map(|(file, _)| Named::read("--truth", file)));
    reads.extend(args.log.iter().map(|file| Named::read("--log", file)));
    context.keep_apart(&args.common, &reads, &[])?;
    // What an earlier run left is another page.
    let anew = Common {
        resume: false,
        ..args.common.clone()
    };
    let output = wants_page.then(|| context.output(&anew, |_| Ok(())));
    let output = output.transpose()?;

    let input = context.input(&args.inputs.files)?;
    context.start_fast_progress(&args.inputs.files, "records");
    let mut candidates = Candidates::read(input, context)?;
    anyhow::ensure!(!candidates.all.is_empty(), "there is no record to show");
    if let Some((file, columns)) = truth {
        join_truth(&mut candidates, &file, columns, context)
            .with_context(|| format!("--truth {}", file.display()))?;
    }

    let stages = cost::stages(&candidates.all);
    let search = Search::new(candidates, args.by.as_deref())?;
    tell_ranking(&search, context);
    let tables = scores::tables(&search, args.winners)?;
    let ranks = search.candidates.iter().enumerate();
    let ranks = ranks.map(|(place, one)| (one.id.as_str(), place)).collect();
    let measures = training::read(&args.log, &ranks, context)?;
    let training = cost::training(&search, args.train_epochs, args.train_images);
    let page = Page {
        title: &args.title,
        search: &search,
        winners: args.winners.min(search.ranked),
        tables: &tables,
        measures: &measures,
        stages: &stages,
        training: training.as_ref(),
        grid_intensity: args.grid_intensity,
    };
    if let Some(warning) = &search.warning {
        context.caution(warning);
    }
    if !search.failed.is_empty() {
        context.warn(format_args!(
            "failed candidates, listed with their reasons: {}",
            search.failed.len()
        ));
    }
    if let Some(folder) = &args.svg {
        let look = Look {
            size: args.svg_size,
            titled: !args.no_titles,
        };
        let count = files::write(&page, folder, look)?;
        context.info(format_args!("{count} plots in {}", folder.display()));
    }
    if let Some(mut output) = output {
        output.write_text(&page.html()?)?;
        output.finish()?;
    }
    Ok(())
}

/// Says what the page ranks by where the records leave it open.
fn tell_ranking(search: &Search, context: &Context) {
    let Some(by) = search.by.as_ref().filter(|by| !by.others.is_empty()) else {
        return;
    };
    let others = by.others.iter();
    let others: Vec<String> = others.map(|(name, n)| format!("{name} ({n})")).collect();
    context.warn(format_args!(
        "the records are ranked by more than one score: the page ranks by {}, and not by {}; \
         name one with --by",
        by.name,
        others.join(", ")
    ));
}

/// Takes the columns that are named, or else all that hold accuracies.
fn join_truth(
    candidates: &mut Candidates,
    file: &std::path::Path,
    columns: Vec<String>,
    context: &Context,
) -> anyhow::Result<()> {
    let truth = Truth::read(file, &columns, context)?;
    let taken = match columns.is_empty() {
        true => accuracies(&truth),
        false => (0..truth.columns.len()).collect(),
    };
    let names = |take: bool| {
        let of = (0..truth.columns.len()).filter(|at| taken.contains(at) == take);
        let names: Vec<&str> = of.map(|at| truth.columns[at].as_str()).collect();
        names.join(", ")
    };
    anyhow::ensure!(
        !taken.is_empty(),
        "no column holds accuracies from 0 to 100; name one of {}",
        names(false)
    );
    let left_out = names(false);
    if !left_out.is_empty() {
        context.info(format_args!("no accuracies, and left out: {left_out}"));
    }
    if let Some(warning) = truth.warning() {
        context.caution(warning);
    }
    let joined = join(candidates, &truth, &taken)?;
    let without = candidates.all.len() - joined;
    if without > 0 {
        context.warn(format_args!(
            "candidates without a known accuracy: {without}"
        ));
    }
    Ok(())
}

/// The columns whose values are fractions or percents.
fn accuracies(truth: &Truth) -> Vec<usize> {
    let holds = |column: &usize| {
        let values = (0..truth.rows()).filter_map(|row| truth.value(row, *column));
        values
            .into_iter()
            .all(|value| (0.0..=100.0).contains(&value))
    };
    let names = (0..truth.columns.len()).filter(|at| {
        let name = truth.columns[*at].as_str();
        !matches!(name, "params" | "macs")
    });
    names.filter(holds).collect()
}
