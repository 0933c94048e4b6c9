//! `tnb101-macro`: how many modules of residual blocks a network has, and which of
//! them double the channels or halve the side. An architecture is written as the
//! benchmark writes it, `64-1234-basic`: the channels of the stem, and a digit for
//! each of four to six modules: 1 changes nothing, 2 doubles the channels, 3 halves
//! the side, 4 does both. One to three of them double, and one to four halve.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use knas_graph::{Graph, GraphError, Kernel, Op, Value};
use knas_stats::random::stream;
use thiserror::Error;

use super::{BASE, Change, Module, relu_conv_norm, usual};
use crate::layers::conv_norm;
use crate::setting::{LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
    unchanged,
};

/// The space of all skeletons.
pub struct Tnb101Macro;

const NAME: &str = "tnb101-macro";

/// How many modules there are.
const MODULES: std::ops::RangeInclusive<usize> = 4..=6;
/// How many of them double the channels, and how many halve the side.
const DOUBLES: std::ops::RangeInclusive<usize> = 1..=3;
const HALVES: std::ops::RangeInclusive<usize> = 1..=4;

/// All of them: by length, then by their digits.
static ALL: LazyLock<Vec<Skeleton>> = LazyLock::new(|| {
    let of_length = |length: usize| {
        let count = 4usize.pow(length as u32);
        (0..count).filter_map(move |index| {
            let digit = |place: usize| 1 + (index / 4usize.pow(place as u32) % 4) as u8;
            let digits = (0..length).rev().map(digit);
            Skeleton::new(digits.collect()).ok()
        })
    };
    MODULES.flat_map(of_length).collect()
});

/// The modules' digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Skeleton(Vec<u8>);

/// Why a text is no skeleton.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SkeletonError {
    /// It has other parts.
    #[error("it is written as 64-1234-basic, with four to six digits from 1 to 4")]
    Notation,
    /// Too many modules double the channels, or none.
    #[error("one to three modules double the channels (digits 2 and 4), and here {0}")]
    Doubles(usize),
    /// Too many modules halve the side, or none.
    #[error("one to four modules halve the side (digits 3 and 4), and here {0}")]
    Halves(usize),
}

impl Skeleton {
    fn new(digits: Vec<u8>) -> Result<Self, SkeletonError> {
        let skeleton = Self(digits);
        let known = skeleton.0.iter().all(|digit| (1..=4).contains(digit));
        if !known || !MODULES.contains(&skeleton.0.len()) {
            return Err(SkeletonError::Notation);
        }
        let count =
            |of: fn(Module) -> bool| skeleton.modules().into_iter().filter(|m| of(*m)).count();
        let (doubles, halves) = (count(Module::doubles), count(Module::halves));
        if !DOUBLES.contains(&doubles) {
            return Err(SkeletonError::Doubles(doubles));
        }
        match HALVES.contains(&halves) {
            true => Ok(skeleton),
            false => Err(SkeletonError::Halves(halves)),
        }
    }

    fn modules(&self) -> Vec<Module> {
        self.0.iter().map(|&digit| Module { digit }).collect()
    }

    /// Every skeleton with one module of another sort, one more, or one less.
    fn near(&self) -> Vec<Self> {
        let mut lists = Vec::new();
        for place in 0..=self.0.len() {
            for digit in 1..=4 {
                let mut more = self.0.clone();
                more.insert(place, digit);
                lists.push(more);
                if place < self.0.len() {
                    let mut other = self.0.clone();
                    other[place] = digit;
                    lists.push(other);
                }
            }
            if place < self.0.len() {
                let mut less = self.0.clone();
                less.remove(place);
                lists.push(less);
            }
        }
        lists.sort();
        lists.dedup();
        lists.retain(|list| *list != self.0);
        lists
            .into_iter()
            .filter_map(|list| Self::new(list).ok())
            .collect()
    }
}

impl FromStr for Skeleton {
    type Err = SkeletonError;

    fn from_str(text: &str) -> Result<Self, SkeletonError> {
        let digits = text
            .strip_prefix(&format!("{BASE}-"))
            .and_then(|rest| rest.strip_suffix("-basic"))
            .filter(|digits| digits.len() <= *MODULES.end())
            .ok_or(SkeletonError::Notation)?;
        let digit = |byte: u8| byte.checked_sub(b'0').ok_or(SkeletonError::Notation);
        Self::new(digits.bytes().map(digit).collect::<Result<_, _>>()?)
    }
}

impl fmt::Display for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BASE}-")?;
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))?;
        f.write_str("-basic")
    }
}

/// The network of this skeleton.
///
/// # Errors
/// When the image has no side.
pub fn lower(skeleton: &Skeleton, side: usize, classes: usize) -> Result<Graph, GraphError> {
    super::lower(&skeleton.modules(), side, classes, residual)
}

/// ReLU, 3×3 convolution and batch norm, twice; a 1×1 convolution and batch norm
/// beside them where channels or side change.
fn residual(
    graph: &mut Graph,
    input: Value,
    name: &str,
    change: Change,
) -> Result<Value, GraphError> {
    let Change { channels, stride } = change;
    let path = |part: &str| format!("{name}.{part}");
    let [a, b] = [path("conv_a"), path("conv_b")];
    let first = relu_conv_norm(graph, input, &a, &a, Kernel::new(channels, 3, stride))?;
    let second = relu_conv_norm(graph, first, &b, &b, Kernel::new(channels, 3, 1))?;
    if (graph.channels(input), stride) == (channels, 1) {
        return graph.push(Op::Add, &[input, second]);
    }
    let names = [path("downsample.0"), path("downsample.1")];
    let kernel = Kernel::new(channels, 1, stride);
    let shortcut = conv_norm(graph, input, [&names[0], &names[1]], &names[0], kernel)?;
    graph.push(Op::Add, &[shortcut, second])
}

impl SearchSpace for Tnb101Macro {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "TransNAS-Bench-101: where residual networks double channels and halve the side"
    }

    fn usual(&self) -> Setting {
        usual()
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(Self, options)
    }

    fn largest(&self) -> Option<Box<dyn Architecture>> {
        // Wide early, and with a shortcut that has weights in every module.
        Some(Box::new(Skeleton(vec![2, 2, 2, 3, 3, 3])))
    }

    fn count(&self) -> Option<u64> {
        Some(ALL.len() as u64)
    }

    /// By length, then by their digits.
    fn at(&self, index: u64) -> Option<Box<dyn Architecture>> {
        let skeleton = ALL.get(usize::try_from(index).ok()?)?;
        Some(Box::new(skeleton.clone()))
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        match arch.parse::<Skeleton>() {
            Ok(skeleton) => Ok(Box::new(skeleton)),
            Err(error) => Err(ArchError::new(NAME, arch, error)),
        }
    }

    /// Each is equally likely.
    fn sample(&self, seed: u64) -> Architectures {
        let order = stream(seed, "tnb101-macro sample", &[]).choose(ALL.len(), ALL.len());
        Box::new(
            order
                .into_iter()
                .filter_map(|index| Tnb101Macro.at(index as u64)),
        )
    }

    /// No two are the same, in any sense.
    fn equivalences(&self) -> &'static [Equivalence] {
        &[
            Equivalence::Benchmark,
            Equivalence::Function,
            Equivalence::Network,
        ]
    }
}

impl Architecture for Skeleton {
    /// `tnb101-macro-` and the digits.
    fn id(&self) -> String {
        let digits: String = self.0.iter().map(u8::to_string).collect();
        format!("{NAME}-{digits}")
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Tnb101Macro
    }

    /// All of it reaches the output.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        Ok(lower(self, setting.side()?, setting.classes)?)
    }

    fn key(&self, _equivalence: Equivalence) -> Option<String> {
        Some(self.to_string())
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = self.near();
        let purpose = "tnb101-macro mutants";
        let order = stream(seed, purpose, &[self.id().as_str().into()]);
        let order = { order }.choose(near.len(), near.len());
        let mutant = move |place: usize| Box::new(near[place].clone()) as Box<dyn Architecture>;
        Box::new(order.into_iter().map(mutant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Those of the benchmark's table, which are of the backbone: without the head,
    // whose 47 classes add its width and one each.
    #[test]
    fn networks_have_their_published_counts() {
        for (arch, params, macs, width) in [
            ("64-111114-basic", 1_284_896, 3_646_423_040, 128),
            ("64-1234-basic", 3_400_224, 3_998_744_576, 256),
            ("64-224131-basic", 39_625_504, 33_979_629_568, 512),
        ] {
            let cost = lower(&arch.parse().unwrap(), 256, 47).unwrap().cost();
            let backbone = (cost.params - 47 * (width + 1), cost.macs - 47 * width);
            assert_eq!(backbone, (params, macs), "{arch}");
        }
    }

    #[test]
    fn there_are_as_many_as_published() {
        let of_length = |length| ALL.iter().filter(|s| s.0.len() == length).count();
        assert_eq!([4, 5, 6].map(of_length), [210, 750, 2296]);
        assert!(
            ALL.windows(2)
                .all(|pair| pair[0].0.len() < pair[1].0.len() || pair[0] < pair[1])
        );
    }

    #[test]
    fn what_is_no_skeleton_is_told() {
        let said = |text: &str| Tnb101Macro.parse(text).err().unwrap().to_string();
        for text in [
            "",
            "64-123-basic",
            "64-1235-basic",
            "32-1234-basic",
            "64-1234",
            "64-1234123412-basic",
        ] {
            assert!(
                said(text).contains("it is written as 64-1234-basic"),
                "{text}"
            );
        }
        assert!(said("64-1313-basic").ends_with("(digits 2 and 4), and here 0"));
        assert!(said("64-1212-basic").ends_with("(digits 3 and 4), and here 0"));
        assert!(said("64-33334333-basic").contains("it is written as"));
    }
}
