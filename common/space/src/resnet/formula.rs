//! The formula from which the widths and depths of RegNet's stages follow
//! (Radosavovic et al. 2020, equations 2 to 4), and the design space that formulas
//! are drawn from.

use std::str::FromStr;

use knas_stats::random::Stream;
use thiserror::Error;

use super::stages::{Block, GROUP, Stage, Stages, StagesError};
use crate::numbers::{inverse, number};

/// All widths are multiples of it, until those of groups divide them.
const STEP: usize = 8;

/// Blocks on a line of widths that is bent to steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Formula {
    /// How many more channels each block has than the one before.
    pub slope: f64,
    /// Channels of the first block.
    pub initial: usize,
    /// How many times as many channels each step has as the one before.
    pub multiplier: f64,
    /// Blocks.
    pub depth: usize,
    /// Channels of a group.
    pub group: usize,
}

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormulaError {
    /// It has other numbers.
    #[error("a formula is w_a, w_0, w_m, d and g, as in x:w_a=36.44,w_0=24,w_m=2.49,d=13,g=8")]
    Notation,
    /// A number is out of range.
    #[error("{name} is {range}")]
    Range {
        /// Its name.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
}

/// How channels that groups do not divide are brought to a multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// The nearest, and of two the even one, as in the code of RegNet's authors.
    Even,
    /// The nearest, and of two the larger one; one more where more than a tenth
    /// would be lost, as in torchvision's.
    Up,
}

impl Rounding {
    fn multiple(self, width: usize, group: usize) -> usize {
        match self {
            Self::Even => {
                let multiple = (width as f64 / group as f64).round_ties_even() as usize;
                group * multiple.max(1)
            }
            Self::Up => {
                let nearest = group * ((2 * width + group) / (2 * group)).max(1);
                let short = 10 * nearest < 9 * width;
                nearest + if short { group } else { 0 }
            }
        }
    }
}

impl Formula {
    /// Every block's step, and its channels before groups divide them.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let initial = self.initial as f64;
        let (mut step, mut power) = (0, 1.0);
        (0..self.depth).map(move |block| {
            // u_j / w_0 lies between the powers of w_m to the step less and plus a
            // half. Squares instead of logarithms: they are the same on all machines.
            let factor = (initial + self.slope * block as f64) / initial;
            while factor * factor > power * power * self.multiplier {
                step += 1;
                power *= self.multiplier;
            }
            let multiple = (initial * power / STEP as f64).round_ties_even();
            (step, STEP * multiple as usize)
        })
    }

    /// Runs of blocks with as many channels, and whether every step is a run of its
    /// own.
    fn runs(&self) -> (Vec<Stage>, bool) {
        let mut runs: Vec<Stage> = Vec::new();
        let mut last = 0;
        for (step, width) in self.blocks() {
            last = step;
            match runs.last_mut() {
                Some(run) if run.width == width => run.blocks += 1,
                _ => runs.push(Stage { width, blocks: 1 }),
            }
        }
        let all = runs.len() == last + 1;
        (runs, all)
    }

    /// The stages of RegNetX, or with squeeze-and-excitation RegNetY.
    ///
    /// # Errors
    /// Where they are too many or too wide.
    pub(super) fn stages(&self, squeezes: bool) -> Result<Stages, StagesError> {
        self.rounded(squeezes, Rounding::Even)
    }

    pub(super) fn rounded(
        &self,
        squeezes: bool,
        rounding: Rounding,
    ) -> Result<Stages, StagesError> {
        let (mut stages, _) = self.runs();
        for stage in &mut stages {
            let group = self.group.min(stage.width);
            stage.width = rounding.multiple(stage.width, group);
        }
        let block = Block::RegNet {
            group: self.group,
            squeezes,
        };
        Stages::new(block, stages, block.usual_stem())
    }

    /// A formula of RegNetX (section 4: 12 to 28 blocks, a multiplier of 2 or more,
    /// no bottleneck) in the ranges of its authors' code: the initial width and the
    /// group's from 8 to 256 and from 8 to 128 in steps of 8, the slope from 8 to 256
    /// in steps of 0.1, the multiplier up to 3 in steps of 0.001. Depths are equally
    /// likely, all others are as likely as their inverse, which is uniform over their
    /// logarithms. Those that do not have four stages are none.
    pub(super) fn draw(random: &mut Stream) -> Option<Self> {
        let formula = Self {
            depth: 12 + random.below(17) as usize,
            initial: STEP * inverse(random, 1, 32) as usize,
            slope: inverse(random, 80, 2560) as f64 / 10.0,
            multiplier: inverse(random, 2000, 3000) as f64 / 1000.0,
            group: STEP * inverse(random, 1, 16) as usize,
        };
        let (runs, all) = formula.runs();
        (all && runs.len() == 4).then_some(formula)
    }
}

impl FromStr for Formula {
    type Err = FormulaError;

    /// Reads `w_a=36.44,w_0=24,w_m=2.49,d=13,g=8`, in any order.
    fn from_str(text: &str) -> Result<Self, FormulaError> {
        const NAMES: [&str; 5] = ["w_a", "w_0", "w_m", "d", "g"];
        let mut given = [None; NAMES.len()];
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(FormulaError::Notation)?;
            let place = NAMES.iter().position(|known| *known == name);
            match place.map(|place| &mut given[place]) {
                Some(given) if given.is_none() => *given = Some(value),
                _ => return Err(FormulaError::Notation),
            }
        }
        let [
            Some(slope),
            Some(initial),
            Some(multiplier),
            Some(depth),
            Some(group),
        ] = given
        else {
            return Err(FormulaError::Notation);
        };
        let wrong = |name, range| FormulaError::Range { name, range };
        let decimal = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
            let plain = text.len() <= 20 && text.bytes().all(plain);
            plain.then(|| text.parse::<f64>().ok()).flatten()
        };
        Ok(Self {
            slope: decimal(slope)
                .filter(|slope| (0.0..=1024.0).contains(slope))
                .ok_or(wrong("w_a", "a number from 0 to 1024"))?,
            initial: number(initial)
                .filter(|&initial| initial <= 1024 && initial.is_multiple_of(STEP))
                .ok_or(wrong("w_0", "a multiple of 8 from 8 to 1024"))?,
            multiplier: decimal(multiplier)
                .filter(|multiplier| (1.1..=16.0).contains(multiplier))
                .ok_or(wrong("w_m", "a number from 1.1 to 16"))?,
            depth: number(depth)
                .filter(|&depth| depth <= 500)
                .ok_or(wrong("d", "a number from 1 to 500"))?,
            group: number(group)
                .filter(|group| GROUP.contains(group))
                .ok_or(wrong("g", "a number from 1 to 16384"))?,
        })
    }
}
