//! What there is to choose for each stage, and how it is written.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One thing to choose for a stage: its name, its letter, and what there is.
pub(super) struct Choice {
    pub name: &'static str,
    letter: char,
    pub options: &'static [&'static str],
}

const EXPANSION: Choice = Choice {
    name: "expansion",
    letter: 'e',
    options: &["1", "4", "6"],
};
const KERNEL: Choice = Choice {
    name: "kernel",
    letter: 'k',
    options: &["3", "5"],
};
const LAYERS: Choice = Choice {
    name: "layers",
    letter: 'l',
    options: &["1", "2", "3"],
};
const MORE_LAYERS: Choice = Choice {
    options: &["1", "2", "3", "4"],
    ..LAYERS
};
const SQUEEZE: Choice = Choice {
    name: "squeeze",
    letter: 's',
    options: &["0", "1"],
};

const USUAL: &[Choice; 4] = &[EXPANSION, KERNEL, LAYERS, SQUEEZE];
const DEEPER: &[Choice; 4] = &[EXPANSION, KERNEL, MORE_LAYERS, SQUEEZE];

/// What there is to choose for each stage.
const STAGES: [&[Choice; 4]; 7] = [USUAL, USUAL, USUAL, USUAL, USUAL, DEEPER, USUAL];

/// How many options each choice has.
pub(super) const OPTIONS: [[usize; 4]; STAGES.len()] = {
    let mut options = [[0; 4]; STAGES.len()];
    let mut stage = 0;
    while stage < STAGES.len() {
        let [a, b, c, d] = STAGES[stage];
        options[stage] = [
            a.options.len(),
            b.options.len(),
            c.options.len(),
            d.options.len(),
        ];
        stage += 1;
    }
    options
};

/// Seven stages: for each, the places of the chosen expansion, kernel, number of
/// layers, and squeeze-and-excitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stages(pub(super) [[usize; 4]; STAGES.len()]);

/// What the blocks of a stage are.
pub(super) struct Stage {
    pub expansion: usize,
    pub kernel: usize,
    pub layers: usize,
    pub squeezes: bool,
}

impl Stages {
    pub(super) fn of(choices: &[usize]) -> Self {
        let mut stages = [[0; 4]; STAGES.len()];
        for (choice, given) in stages.as_flattened_mut().iter_mut().zip(choices) {
            *choice = *given;
        }
        Self(stages)
    }

    pub(super) fn stages(&self) -> impl Iterator<Item = Stage> + '_ {
        self.0
            .iter()
            .map(|&[expansion, kernel, layers, squeeze]| Stage {
                expansion: [1, 4, 6][expansion],
                kernel: [3, 5][kernel],
                layers: layers + 1,
                squeezes: squeeze == 1,
            })
    }

    /// Every choice that was made, and what there was to choose from.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (usize, &'static Choice, usize)> + '_ {
        let stages = self.0.iter().zip(STAGES).enumerate();
        stages.flat_map(|(stage, (chosen, choices))| {
            let pairs = choices.iter().zip(chosen);
            pairs.map(move |(choice, &chosen)| (stage, choice, chosen))
        })
    }
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StagesError {
    /// There are too few stages, or too many.
    #[error("there are seven stages, as in e1k3l1s1/e6k3l2s1/…, not {0}")]
    Count(usize),
    /// A choice is none of those that there are.
    #[error(
        "stage {stage}: {name} is one of {}, as in e6k5l2s1",
        options.iter().map(|option| format!("{letter}{option}")).collect::<Vec<_>>().join(", ")
    )]
    Choice {
        /// The stage's number, from 1.
        stage: usize,
        /// What is to be chosen.
        name: &'static str,
        /// Its letter.
        letter: char,
        /// What there is to choose from.
        options: &'static [&'static str],
    },
    /// Something follows the last choice.
    #[error("stage {stage} ends after s0 or s1, as in e6k5l2s1")]
    Rest {
        /// The stage's number, from 1.
        stage: usize,
    },
}

impl FromStr for Stages {
    type Err = StagesError;

    fn from_str(text: &str) -> Result<Self, StagesError> {
        let count = text.split('/').count();
        if count != STAGES.len() {
            return Err(StagesError::Count(count));
        }
        let mut stages = [[0; 4]; STAGES.len()];
        let texts = text.split('/').zip(STAGES);
        for (number, (chosen, (text, choices))) in (1..).zip(stages.iter_mut().zip(texts)) {
            *chosen = stage(number, text, choices)?;
        }
        Ok(Self(stages))
    }
}

/// What is chosen for the stage of this number.
fn stage(
    stage: usize,
    mut text: &str,
    choices: &'static [Choice; 4],
) -> Result<[usize; 4], StagesError> {
    let mut chosen = [0; 4];
    for (chosen, choice) in chosen.iter_mut().zip(choices) {
        let Choice {
            name,
            letter,
            options,
        } = *choice;
        let found = text.strip_prefix(letter).and_then(|text| {
            let rests = options.iter().map(|option| text.strip_prefix(option));
            rests
                .enumerate()
                .find_map(|(option, rest)| Some((option, rest?)))
        });
        let error = StagesError::Choice {
            stage,
            name,
            letter,
            options,
        };
        (*chosen, text) = found.ok_or(error)?;
    }
    match text {
        "" => Ok(chosen),
        _ => Err(StagesError::Rest { stage }),
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stage, choice, chosen) in self.chosen() {
            let first = choice.letter == EXPANSION.letter && stage > 0;
            f.write_str(if first { "/" } else { "" })?;
            write!(f, "{}{}", choice.letter, choice.options[chosen])?;
        }
        Ok(())
    }
}
