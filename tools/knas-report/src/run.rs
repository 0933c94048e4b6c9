//! The work of knas-report: read, put together, write.

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use knas_records::{Common, Context, Named, Truth, truth};

use crate::candidates::Candidates;
use crate::cli::Args;
use crate::page::Page;
use crate::search::{Search, join};
use crate::{cost, files, training};

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
    let mut candidates = Candidates::read(input, context)?;
    anyhow::ensure!(!candidates.all.is_empty(), "there is no record to show");
    if let Some((file, columns)) = truth {
        join_truth(&mut candidates, &file, columns, context)
            .with_context(|| format!("--truth {}", file.display()))?;
    }

    let stages = cost::stages(&candidates.all);
    let search = Search::new(candidates)?;
    let ranks = search.ranked.iter().enumerate();
    let ranks = ranks.map(|(place, one)| (one.id.as_str(), place)).collect();
    let measures = training::read(&args.log, &ranks, context)?;
    let training = cost::training(&search, args.train_epochs, args.train_images);
    let page = Page {
        title: &args.title,
        search: &search,
        winners: args.winners.min(search.ranked.len()),
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
        let count = files::write(&page, folder)?;
        context.info(format_args!("{count} plots in {}", folder.display()));
    }
    if let Some(mut output) = output {
        output.write_text(&page.html()?)?;
        output.finish()?;
    }
    Ok(())
}

/// Takes the columns that are named, or else the first.
fn join_truth(
    candidates: &mut Candidates,
    file: &std::path::Path,
    columns: Vec<String>,
    context: &Context,
) -> anyhow::Result<()> {
    let mut truth = Truth::read(file, &columns, context)?;
    if columns.is_empty() && truth.columns.len() > 1 {
        let others = truth.columns.split_off(1);
        context.info(format_args!(
            "accuracy is {}; {} has {}, too",
            truth.columns[0],
            file.display(),
            others.join(", ")
        ));
    }
    if let Some(warning) = truth.warning() {
        context.caution(warning);
    }
    let joined = join(candidates, &truth)?;
    let without = candidates.all.len() - joined;
    if without > 0 {
        context.warn(format_args!(
            "candidates without a known accuracy: {without}"
        ));
    }
    Ok(())
}
