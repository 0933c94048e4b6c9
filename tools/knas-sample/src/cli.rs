//! The flags of knas-sample.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Parser, ValueEnum};
use knas_records::{Common, Names, SizeFlags};
use knas_space::roberta_skip::PRESETS;
use knas_space::{Equivalence, spaces};

const LONG: &str = "\
Write candidates from a search space, one record per line: `id`, `space`, \
`arch`, and the exact `params` and `macs` of the network of its space's usual size, or \
of the `size` that --size gives and the record then tells.

Without flags: 100 distinct random NAS-Bench-201 cells. The same seed gives the \
same cells, and a smaller -n gives the first of a larger one.

--space names another space, of those that --list-spaces tells. Architectures are \
written as their papers write them: `64:64:64:64:64` (nats-sss), `02012100` \
(nb-macro), `010001000:conv3x3-bn-relu` or Python's `ModelSpec` \
(nb101), a genotype, in Python's words too, or its name (darts), \
`64-41414-3_32_132` and `64-1234-basic` (tnb101-micro, tnb101-macro), \
`k3e3,k5e4/...` or Once-for-all's JSON (mobilenet), `e6k5l2s1/...` (mnasnet), \
`basic:64x2,128x2,256x2,512x2` or a name such as resnet18 or RegNetX-400MF \
(resnet), `SuperConvK3BNRELU(3,8,1,1)...` (zennas).

With --space roberta-skip: BERT or RoBERTa, of the sizes that --preset names, in \
which layers and the classifier (`head`) also take the outputs of earlier ones. \
`minilm:1|2|3~0|4|5~1~3|6|head~4:mean` keeps the six layers; layer 3 also takes \
the embeddings (0), layer 5 the outputs of 1 and 3, the head that of 4, and what \
comes together is averaged. Counts are for 128 tokens and two classes.

With --space onnx, candidates are networks for images in files of ONNX, which PyTorch \
and others write: name the FILEs. A record's `arch` is the file and its SHA-256, and \
its counts are for images of the file's side and for its classes, or what --size says.

With --space vary, candidates are variations of the network that --base names: with \
blocks left out, stages widened or narrowed, windows of 3 or 5, and extra links. \
`drop3,width2=0.75,kernel7=5,link1-4@resnet:resnet18` says what is changed, and of what; \
--list-spaces=vary --base ... lists what the numbers stand for.

The records come from one of -n, --all, --range, --arch, --mutate and FILEs. Those that \
do not satisfy --where are left out first, then those that --unique finds to be \
the same as an earlier one; -n and --mutate count what is left; --shard splits \
the result.";

const EXAMPLES: &str = "\
Examples:
  knas-sample -n 100 | knas-score | knas-rank -k 5 --format table
      the whole pipeline

  knas-sample --space roberta-skip --preset minilm -n 50 --with-baseline |
      knas-score --data mrpc:MRPC --weights MINILM | knas-rank -k 3
      encoders, for pairs of sentences

  knas-sample --all --where 'params < 1e6 && macs < 100e6'
      all that fit a budget

  knas-sample --space onnx models/*.onnx | knas-score --proxy auto --weights own
      networks of your own, with the weights that they come with

  knas-sample --space vary --base models/mine.onnx -n 50 --with-baseline |
      knas-score --proxy auto | knas-rank -k 5 --by auto
      variations of a network of your own, beside itself

Filters: --where takes the fields id, space, arch, params, macs and memory, numbers, \
strings in quotes, == != < <= > >=, && || !, + - * / and parentheses. `memory` is that of \
knas-score, the bytes of a sample's activations; it takes longer than the others, so name \
it last: 'params < 1e6 && memory < 2e6'.

Mutants: each differs from its parent in one decision. The parents take turns, \
in their order in FILE; no mutant is written twice, and none is a parent. One \
step of an evolution:
  knas-rank -k 10 population.ndjson |
      knas-sample --mutate 50 --parents - --seed 1 | knas-score > children.ndjson

Exit: 0 all good; 1 there are fewer records than were asked for, or a parent or a \
FILE was of no use; 2 nothing could be done.";

/// Write candidates from a search space, one record per line
#[derive(Clone, Debug, Parser)]
#[command(name = "knas-sample", args_override_self = true, version, long_about = LONG, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("source").args(["count", "all", "range", "arch", "mutate", "files"]))]
pub struct Args {
    /// Networks in files of ONNX, with --space onnx
    #[arg(value_name = "FILE", hide_short_help = true)]
    pub files: Vec<PathBuf>,

    /// The search space (--list-spaces)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "nb201",
        value_parser = Names::closed(spaces().iter().map(|space| space.name())),
        hide_possible_values = true
    )]
    pub space: String,

    /// The encoder of roberta-skip: a preset, or a folder with a config.json
    ///
    /// roberta-large, roberta-base, minilm or tiny [default: roberta-large, and
    /// whatever records and --arch name].
    #[arg(
        long,
        value_name = "NAME|DIR",
        value_parser = Names::open(PRESETS.iter().map(|(name, _)| *name)),
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub preset: Option<String>,

    /// The network to vary (vary): a file of ONNX or of a record, or SPACE:ARCH
    #[arg(long, value_name = "FILE|SPACE:ARCH", hide_short_help = true)]
    pub base: Option<String>,

    /// Extra connections, at most (roberta-skip, vary) [default: 4]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub links: Option<usize>,

    /// Layers or blocks left out, at most (roberta-skip [default: 0], vary [default: 4])
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub drop: Option<usize>,

    /// Begin with the network as it is, as one of -n (roberta-skip, vary)
    #[arg(long, conflicts_with_all = ["all", "range", "arch", "mutate", "files"], hide_short_help = true)]
    pub with_baseline: bool,

    /// Draw COUNT distinct architectures [default: 100]
    #[arg(short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Seed of -n and --mutate
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,

    /// All architectures, in the official order
    #[arg(long)]
    pub all: bool,

    /// Those with indices from A up to B - 1
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    pub range: Option<Indices>,

    /// This architecture; may be given several times
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub arch: Vec<String>,

    /// COUNT mutants of the records in --parents FILE
    #[arg(long, value_name = "COUNT", requires = "parents", value_parser = clap::value_parser!(u64).range(1..))]
    pub mutate: Option<u64>,

    /// Records to mutate; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "mutate", hide_short_help = true)]
    pub parents: Option<PathBuf>,

    /// Only if it holds: 'params<1e6 && macs<100e6'
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<String>,

    /// Only the first of each class of equals
    ///
    /// Without a SENSE, as the space's own benchmark counts them, or else by
    /// network.
    #[arg(long, value_enum, value_name = "SENSE", num_args = 0..=1)]
    pub unique: Option<Option<Sense>>,

    /// Every Nth record, from the Ith of 1 to N on
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// How large networks are.
    #[command(flatten)]
    pub size: SizeFlags,

    /// List the search spaces, or tell all of one, and exit
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = Names::closed(spaces().iter().map(|space| space.name()).chain([""])),
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub list_spaces: Option<String>,

    /// Flags that every tool has.
    #[command(flatten)]
    pub common: Common,
}

/// When two architectures are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sense {
    /// As the space's benchmark counts them (6,466 in nb201).
    Benchmark,
    /// They are the same expression, whatever shares its weights (4,930 in nb201).
    Function,
    /// They are the same network (5,260 in nb201).
    Network,
}

impl From<Sense> for Equivalence {
    fn from(sense: Sense) -> Self {
        match sense {
            Sense::Benchmark => Self::Benchmark,
            Sense::Function => Self::Function,
            Sense::Network => Self::Network,
        }
    }
}

/// The indices `A..B`; a missing A is 0, a missing B the end of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    start: u64,
    end: Option<u64>,
}

impl Indices {
    /// The indices within a space of `count` architectures; none where they
    /// reach beyond it.
    pub fn within(self, count: u64) -> Option<Range<u64>> {
        let end = self.end.unwrap_or(count);
        (self.start < end && end <= count).then_some(self.start..end)
    }
}

impl FromStr for Indices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (start, end) = text
            .split_once("..")
            .ok_or("expected A..B, as in 0..1000")?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| text.parse::<u64>().ok()).flatten();
            number.ok_or_else(|| format!("{text:?} is not an index; expected A..B, as in 0..1000"))
        };
        let indices = Self {
            start: if start.is_empty() { 0 } else { number(start)? },
            end: if end.is_empty() {
                None
            } else {
                Some(number(end)?)
            },
        };
        match indices.end {
            Some(end) if end <= indices.start => Err("A must be less than B".to_owned()),
            _ => Ok(indices),
        }
    }
}

/// Part `part` of `parts`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    part: u64,
    parts: u64,
}

impl Shard {
    /// Whether the record at `place`, counted from 0, is in this part.
    pub fn holds(self, place: u64) -> bool {
        place % self.parts == self.part - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected I/N with I from 1 to N, as in 1/4";
        let (part, parts) = text.split_once('/').ok_or(expected)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| expected.to_owned());
        let shard = Self {
            part: number(part)?,
            parts: number(parts)?,
        };
        if (1..=shard.parts).contains(&shard.part) {
            Ok(shard)
        } else {
            Err(expected.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn indices_are_read_with_either_end_missing() {
        let within = |text: &str| text.parse::<Indices>().ok()?.within(10);
        assert_eq!(within("2..5"), Some(2..5));
        assert_eq!(within("2.."), Some(2..10));
        assert_eq!(within("..5"), Some(0..5));
        assert_eq!(within(".."), Some(0..10));
        for wrong in [
            "", "5", "5..2", "2..2", "2..11", "10..", "-1..2", "+1..2", "1...3", "a..b",
        ] {
            assert_eq!(within(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parts_split_what_there_is() {
        let parts: Vec<Shard> = (1..=3).map(|i| format!("{i}/3").parse().unwrap()).collect();
        for place in 0..10 {
            assert_eq!(parts.iter().filter(|part| part.holds(place)).count(), 1);
        }
        for wrong in [
            "0/3", "4/3", "1/0", "0/0", "1", "1/", "/3", "-1/3", "1/3/5", "a/b",
        ] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
