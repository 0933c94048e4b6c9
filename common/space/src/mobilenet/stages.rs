//! The blocks of a sub-network of Once-for-all, and how they are written.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use super::torchvision::Released;

/// The stages.
pub(super) const STAGES: usize = 5;
/// The blocks of the shallowest stage.
pub(super) const SHALLOWEST: usize = 2;
/// The blocks of the deepest stage: every stage has so many slots.
pub(super) const DEEPEST: usize = 4;

const KERNELS: [usize; 3] = [3, 5, 7];
const EXPANSIONS: [usize; 3] = [3, 4, 6];

/// What a slot can hold; nothing, beyond the depth of its stage.
pub(super) static SLOT: [&str; BLOCKS + 1] = [
    "k3e3", "k3e4", "k3e6", "k5e3", "k5e4", "k5e6", "k7e3", "k7e4", "k7e6", "none",
];
/// How many different blocks there are.
pub(super) const BLOCKS: usize = KERNELS.len() * EXPANSIONS.len();

/// How many different stages there are: of two, of three and of four blocks.
pub(super) const OPTIONS: usize = BLOCKS.pow(2) + BLOCKS.pow(3) + BLOCKS.pow(4);

/// An inverted residual block whose channels its stage knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The side of the depthwise convolution's window.
    pub kernel: usize,
    /// How many times as many channels it has in the middle as go in.
    pub expansion: usize,
}

impl Block {
    /// By its place among the [`BLOCKS`].
    fn of(place: usize) -> Self {
        Self {
            kernel: KERNELS[place / EXPANSIONS.len()],
            expansion: EXPANSIONS[place % EXPANSIONS.len()],
        }
    }
}

/// Five stages of two to four blocks, each told by its place among the nine there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stages([Vec<usize>; STAGES]);

impl Stages {
    /// The blocks of each stage.
    pub fn blocks(&self) -> impl Iterator<Item = Vec<Block>> + '_ {
        let blocks = |stage: &Vec<usize>| stage.iter().map(|&place| Block::of(place)).collect();
        self.0.iter().map(blocks)
    }

    /// The stages at these places among the [`OPTIONS`], the shallow ones first.
    pub(super) fn of_options(options: &[usize]) -> Self {
        let mut stages = [const { Vec::new() }; STAGES];
        for (stage, &option) in stages.iter_mut().zip(options) {
            let (mut depth, mut rest) = (SHALLOWEST, option);
            while depth < DEEPEST && rest >= BLOCKS.pow(depth as u32) {
                rest -= BLOCKS.pow(depth as u32);
                depth += 1;
            }
            for _ in 0..depth {
                stage.push(rest % BLOCKS);
                rest /= BLOCKS;
            }
        }
        Self(stages)
    }

    /// What is in each slot, stage after stage.
    pub(super) fn slots(&self) -> Vec<usize> {
        let slot = |stage: &Vec<usize>, slot| stage.get(slot).copied().unwrap_or(BLOCKS);
        let slots = |stage| (0..DEEPEST).map(move |place| slot(stage, place));
        self.0.iter().flat_map(slots).collect()
    }

    /// The stages of these slots; none where something follows an empty slot.
    pub(super) fn of_slots(slots: &[usize]) -> Option<Self> {
        let mut stages = [const { Vec::new() }; STAGES];
        for (stage, slots) in stages.iter_mut().zip(slots.chunks(DEEPEST)) {
            let blocks = slots.iter().copied().filter(|&slot| slot < BLOCKS);
            stage.extend(blocks);
            let empty = slots.get(stage.len()..)?;
            if stage.len() < SHALLOWEST || empty.iter().any(|&slot| slot < BLOCKS) {
                return None;
            }
        }
        Some(Self(stages))
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = |blocks: &Vec<usize>| {
            let blocks: Vec<&str> = blocks.iter().map(|&block| SLOT[block]).collect();
            blocks.join(",")
        };
        let stages: Vec<String> = self.0.iter().map(stage).collect();
        f.write_str(&stages.join("/"))
    }
}

/// Why a text is no sub-network.
#[derive(Debug, Error)]
pub enum StagesError {
    /// It begins with the side of images.
    #[error(
        "the side of images is given by the data or by a size, not by the architecture; \
         leave out what stands before the first /"
    )]
    Side,
    /// There are too few stages, or too many; or it is another name.
    #[error(
        "there are five stages of blocks, as in k3e3,k5e4/k3e3,k3e3,k7e6/…, not {0}; \
         or it is one of {names}",
        names = Released::ALL.map(Released::name).join(", "),
    )]
    Count(usize),
    /// A stage has too few blocks, or too many.
    #[error("stage {stage} has 2, 3 or 4 blocks, not {found}")]
    Depth {
        /// Its number, from 1.
        stage: usize,
        /// Its blocks.
        found: usize,
    },
    /// A block is none.
    #[error("block {block} of stage {stage} is one of {}", SLOT[..BLOCKS].join(", "))]
    Block {
        /// The stage's number, from 1.
        stage: usize,
        /// The block's number in it, from 1.
        block: usize,
    },
    /// It is not what Once-for-all's configurations are.
    #[error("it is no configuration {{\"ks\": […], \"e\": […], \"d\": […]}}: {0}")]
    Configuration(serde_json::Error),
    /// A list of the configuration has another length.
    #[error("{list:?} has {wanted} numbers, not {found}")]
    Length {
        /// Its name.
        list: &'static str,
        /// What it should have.
        wanted: usize,
        /// What it has.
        found: usize,
    },
}

impl FromStr for Stages {
    type Err = StagesError;

    /// Reads `k3e3,k5e4/…`, and Once-for-all's configurations.
    fn from_str(text: &str) -> Result<Self, StagesError> {
        if text.starts_with('{') {
            return Configuration::read(text)?.stages();
        }
        let first = text
            .split('/')
            .next()
            .and_then(|part| part.strip_prefix('r'));
        if first.is_some_and(|side| side.parse::<u32>().is_ok()) {
            return Err(StagesError::Side);
        }
        let count = text.split('/').count();
        if count != STAGES {
            return Err(StagesError::Count(count));
        }
        let mut stages = [const { Vec::new() }; STAGES];
        for (place, (stage, blocks)) in stages.iter_mut().zip(text.split('/')).enumerate() {
            depth(place, blocks.split(',').count())?;
            for (block, text) in blocks.split(',').enumerate() {
                let found = SLOT[..BLOCKS].iter().position(|known| *known == text);
                stage.push(found.ok_or_else(|| no_block(place, block))?);
            }
        }
        Ok(Self(stages))
    }
}

/// That the stage at this place may have so many blocks.
fn depth(place: usize, found: usize) -> Result<(), StagesError> {
    match (SHALLOWEST..=DEEPEST).contains(&found) {
        true => Ok(()),
        false => Err(StagesError::Depth {
            stage: place + 1,
            found,
        }),
    }
}

fn no_block(stage: usize, block: usize) -> StagesError {
    StagesError::Block {
        stage: stage + 1,
        block: block + 1,
    }
}

/// What Once-for-all's `sample_active_subnet` gives and its tutorials add to. The
/// side of images and the width's place in a list say nothing of the blocks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    /// The kernel of every slot.
    #[serde(rename = "ks")]
    kernels: Vec<usize>,
    /// The expansion of every slot.
    #[serde(rename = "e")]
    expansions: Vec<usize>,
    /// The blocks of every stage; its further slots are void.
    #[serde(rename = "d")]
    depths: Vec<usize>,
    #[serde(rename = "r")]
    _side: Option<IgnoredAny>,
    #[serde(rename = "wid")]
    _width: Option<IgnoredAny>,
}

impl Configuration {
    /// From JSON, or as Python prints it.
    fn read(text: &str) -> Result<Self, StagesError> {
        let text = text.replace('\'', "\"").replace("None", "null");
        serde_json::from_str(&text).map_err(StagesError::Configuration)
    }

    fn stages(&self) -> Result<Stages, StagesError> {
        for (list, numbers, wanted) in [
            ("ks", &self.kernels, STAGES * DEEPEST),
            ("e", &self.expansions, STAGES * DEEPEST),
            ("d", &self.depths, STAGES),
        ] {
            if numbers.len() != wanted {
                return Err(StagesError::Length {
                    list,
                    wanted,
                    found: numbers.len(),
                });
            }
        }
        let slots: Vec<_> = self.kernels.iter().zip(&self.expansions).collect();
        let mut stages = [const { Vec::new() }; STAGES];
        let given = slots.chunks(DEEPEST).zip(&self.depths);
        for (place, (stage, (slots, &found))) in stages.iter_mut().zip(given).enumerate() {
            depth(place, found)?;
            for (block, (kernel, expansion)) in slots.iter().take(found).enumerate() {
                let kernel = KERNELS.iter().position(|known| known == *kernel);
                let expansion = EXPANSIONS.iter().position(|known| known == *expansion);
                let (Some(kernel), Some(expansion)) = (kernel, expansion) else {
                    return Err(no_block(place, block));
                };
                stage.push(kernel * EXPANSIONS.len() + expansion);
            }
        }
        Ok(Stages(stages))
    }
}
