//! The flags of knas-export.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use knas_records::{Common, Inputs, SizeFlags};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", "2.11.0", ")");

const LONG: &str = "\
Write networks as other software reads them, one or two files each, and pass the \
records on with `export`: the format and the files.

Weights are those of --weights (own: of the candidates' own files), of DIR/ID.safetensors with --checkpoint-dir, or \
those that knas-finetune left where the record says (finetune.checkpoint); \
otherwise they are drawn from --seed. A file of weights that knas-finetune wrote says \
what network it is of, and can stand in the place of a record. The network has the \
size that these files tell, or the record (`size`, or what it was trained at), or \
--size, or the usual one of its space.

onnx: ID.onnx, opset 17. Images are `input`, N x channels x side x side; texts are \
`input_ids`, `token_type_ids` and `attention_mask`, N x length each; `logits` come \
out. N and the length are left open. Ids, class names, mean and standard deviation \
are in its metadata. Batch norms stay what they are.

torch: ID.py, a module that needs PyTorch alone, and ID.safetensors, whose names are \
the official ones of the space. load(FILE) in it gives the network.

safetensors: ID.safetensors alone. text, dot: the graph, without weights.

Files that are there are written anew.";

const EXAMPLES: &str = "\
Examples:
  knas-finetune --checkpoint-dir run -o trained.ndjson best.ndjson
  knas-export -o models trained.ndjson
      what was trained, as ONNX

  knas-export --with-preprocessing -o models run/nb201-6111.safetensors
      a file of weights alone; the model takes pixels from 0 to 255

  knas-sample -n 3 | knas-export --format torch -o models
      untrained networks for PyTorch

  knas-export --format dot -o graphs best.ndjson && dot -Tsvg graphs/nb201-6111.dot
      a drawing of the network

Exit: 0 all written; 1 some lines or candidates failed; 2 nothing could be done; 130 interrupted.";

/// Write networks as ONNX, for PyTorch, or as text
#[derive(Clone, Debug, Parser)]
#[command(
    name = "knas-export",
    args_override_self = true,
    version = VERSION,
    long_about = LONG,
    after_long_help = EXAMPLES,
    mut_arg("output", |arg| arg
        .value_name("DIR")
        .help("Write the files into the folder DIR, which is made where it is missing")
        .long_help(None::<&str>)),
    mut_arg("resume", |arg| arg.hide(true)),
    mut_arg("files", |arg| arg
        .help("Files of records, or of weights that knas-finetune wrote (.safetensors)")
        .long_help(None::<&str>))
)]
pub struct Args {
    /// Files of records.
    #[command(flatten)]
    pub inputs: Inputs,

    /// What to write
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "onnx")]
    pub format: Format,

    /// Take the weights from DIR/ID.safetensors
    #[arg(long, value_name = "DIR", conflicts_with = "weights")]
    pub checkpoint_dir: Option<PathBuf>,

    /// Take the weights of every record from FILE, or from its own file (own)
    #[arg(long, value_name = "FILE|own")]
    pub weights: Option<PathBuf>,

    /// Have the model take pixels from 0 to 255, for ONNX and images
    #[arg(long)]
    pub with_preprocessing: bool,

    /// How large networks are.
    #[command(flatten)]
    pub size: SizeFlags,

    /// Seed of the weights that are drawn
    #[arg(short, long, value_name = "SEED", default_value = "0")]
    pub seed: u64,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// ID.onnx
    Onnx,
    /// ID.py and ID.safetensors, for PyTorch
    Torch,
    /// ID.safetensors
    Safetensors,
    /// ID.txt: the graph, a node a line
    Text,
    /// ID.dot: the graph, for Graphviz
    Dot,
}

impl Format {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Torch => "torch",
            Self::Safetensors => "safetensors",
            Self::Text => "text",
            Self::Dot => "dot",
        }
    }

    /// What the names of its files end with; what is to be opened comes first.
    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Onnx => &["onnx"],
            Self::Torch => &["py", "safetensors"],
            Self::Safetensors => &["safetensors"],
            Self::Text => &["txt"],
            Self::Dot => &["dot"],
        }
    }

    /// Whether weights are in it.
    pub fn has_weights(self) -> bool {
        !matches!(self, Self::Text | Self::Dot)
    }
}
