//! The flags of knas-predict.

use std::path::PathBuf;

use clap::Parser;
use knas_records::{Common, Inputs};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", "2.11.0", ")");

const LONG: &str = "\
Say of images and texts what class a trained network takes them for, one JSON \
object a line, in the order of the input: `input`, `class`, `probability`, and \
`top`, the most probable classes.

--model is a file of weights that knas-finetune wrote, which says what network it is \
of and how its inputs are prepared, or a record whose finetune.checkpoint names one.

Networks for images take files (PNG, JPEG), folders, in which everything below with \
such a name counts, or paths on standard input, one a line. Pixels are those of \
training: the centred square, resampled. Networks for texts take lines of JSON with \
`text` and perhaps `text_pair`, which `input` repeats, in files or on standard input; \
the tokenizer is the one of training, by the same path, or --tokenizer.

What cannot be read is passed on with `error`, and costs nothing else. \
Probabilities have six digits.";

const EXAMPLES: &str = "\
Examples:
  knas-predict --model models/nb201-6111.safetensors photos
      every image in a folder

  find photos -name '*.png' | knas-predict --model best.ndjson --top 1
      paths on standard input; the model is the one of a record

  knas-sample -n 3 | knas-finetune --select best --checkpoint-dir run -o best.ndjson
  knas-predict --model best.ndjson new.png | jq -r .class
      a search, and its winner in use

Exit: 0 all good; 1 some inputs could not be read; 2 nothing could be done; 130 interrupted.";

/// Say what class a trained network takes images or texts for
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knas-predict",
    args_override_self = true,
    version = VERSION,
    long_about = LONG,
    after_long_help = EXAMPLES,
    mut_arg("resume", |arg| arg.hide(true)),
    mut_arg("files", |arg| arg
        .value_name("PATH")
        .help("Images and folders, or files of JSON lines with texts; `-`, or none, reads standard input")
        .long_help(None::<&str>))
)]
pub struct Args {
    /// Images or texts.
    #[command(flatten)]
    pub inputs: Inputs,

    /// The network: weights of knas-finetune (.safetensors), or a record that names them
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// At most so many classes in `top`
    #[arg(short = 'k', long, value_name = "K", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,

    /// Inputs that are computed together
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536), hide_short_help = true)]
    pub batch: u32,

    /// The tokenizer of the model in DIR, for texts [default: that of training]
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}
