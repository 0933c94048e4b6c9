//! The flags of knas-report.

use std::path::PathBuf;

use clap::Parser;
use knas_records::{Common, Inputs};

/// Grams of CO2 for a kilowatt-hour: the world's average in 2024 (IEA,
/// *Electricity 2025*, <https://www.iea.org/reports/electricity-2025/emissions>).
pub const WORLD_INTENSITY: f64 = 445.0;

const LONG: &str = "\
Show a search on one page: how well every score ranks, the ranking, score \
against accuracy, agreement between scores, their distributions, what failed and \
why, training, the winning cells, time, energy and CO2, and how it was made.

The page is one HTML file that loads nothing from anywhere. Records of one id \
are taken together, so that scored and fine-tuned records may come in one call. \
There is one ranking: by what --by names, or else by what most records are \
ranked by; candidates without that value have no rank.";

const EXAMPLES: &str = "\
Examples:
  knas-sample -n 300 | knas-score --proxy mgm,grad-norm --meta | \\
      knas-rank | knas-report -o report.html

  knas-report --truth truth.csv:cifar10_test scored.ndjson -o report.html
      with the accuracies that a benchmark knows

  knas-report scored.ndjson trained.ndjson --log epochs.ndjson -o report.html
      with what knas-finetune reached, and its training curves

  knas-report --svg plots --svg-size 340x240 --no-titles scored.ndjson
      the plots as files for a paper; the page, too, where -o names one

Energy: the joules in the records (knas-score --meta), and for CO2 \
--grid-intensity. Its default is the world's average in 2024, 445 g/kWh \
(IEA, Electricity 2025).

Exit: 0 all good; 1 some lines or candidates could not be read; 2 nothing could be done.";

/// Show a search on one page
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-report", args_override_self = true, version, long_about = LONG, after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// Rank by this score or field, `-macs` for small ones first [default: as the records are ranked]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub by: Option<String>,

    /// Known accuracies: a CSV file with `id`, `index` or `arch`, or records with `finetune` [default columns: all]
    #[arg(long, value_name = "FILE[:COLUMN[,…]]")]
    pub truth: Option<String>,

    /// Epochs that knas-finetune --log wrote, as training curves
    #[arg(long, value_name = "FILE")]
    pub log: Vec<PathBuf>,

    /// Winners whose cells are drawn, and size of the selections that are judged
    #[arg(short = 'k', long, value_name = "N", default_value_t = 5)]
    pub winners: usize,

    /// The page's title
    #[arg(long, value_name = "TEXT", default_value = "Architecture search")]
    pub title: String,

    /// CO2 of electricity, in g/kWh
    #[arg(long, value_name = "GRAMS", default_value_t = WORLD_INTENSITY, value_parser = positive)]
    pub grid_intensity: f64,

    /// Where nothing was trained: epochs of the training that scoring is compared with
    #[arg(long, value_name = "N", default_value_t = 12, hide_short_help = true)]
    pub train_epochs: u32,

    /// Where nothing was trained: images of an epoch (half of CIFAR-10's training set)
    #[arg(
        long,
        value_name = "N",
        default_value_t = 25_000,
        hide_short_help = true
    )]
    pub train_images: u32,

    /// Write each plot as an SVG file into DIR
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,

    /// Size of these files in pixels [default: each as on the page]
    #[arg(long, value_name = "WIDTHxHEIGHT", requires = "svg", value_parser = size, hide_short_help = true)]
    pub svg_size: Option<(f64, f64)>,

    /// These files without titles, for papers that have captions
    #[arg(long, requires = "svg", hide_short_help = true)]
    pub no_titles: bool,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// `320x240`; smaller pictures hold no labels, larger ones no paper.
fn size(text: &str) -> Result<(f64, f64), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (100..=5000).contains(side));
    let sides = text.split_once('x');
    let sides: Option<(u32, u32)> = sides.and_then(|(a, b)| Some((side(a)?, side(b)?)));
    let (width, height) = sides.ok_or("WIDTHxHEIGHT is needed, each from 100 to 5000")?;
    Ok((width.into(), height.into()))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("a number from 0 on is needed".into()),
    }
}
