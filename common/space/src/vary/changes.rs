//! Changes of a network, as they are written.

use std::fmt;
use std::str::FromStr;

use super::base::Reason;
use super::found::{FACTORS, Found, KERNELS};
use crate::numbers::number;

/// One change. They are written in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Change {
    /// A block is left out.
    Drop(usize),
    /// The layers of a stage have so many hundredths of their channels.
    Width { stage: usize, percent: usize },
    /// A convolution has another window.
    Kernel { layer: usize, window: usize },
    /// What a block gives is added to what goes into a later one.
    Link { from: usize, to: usize },
}

/// Some changes, in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Changes(Vec<Change>);

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop(block) => write!(f, "drop{block}"),
            // Hundredths as the shortest decimal: 0.5, 0.75, 1.25.
            Self::Width { stage, percent } => write!(f, "width{stage}={}", *percent as f64 / 100.0),
            Self::Kernel { layer, window } => write!(f, "kernel{layer}={window}"),
            Self::Link { from, to } => write!(f, "link{from}-{to}"),
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("plain");
        }
        for (place, change) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{change}")?;
        }
        Ok(())
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |text: &str, mark| {
            let (first, second) = text.split_once(mark)?;
            Some((number(first)?, second.to_owned()))
        };
        let parsed = if let Some(block) = text.strip_prefix("drop") {
            number(block).map(Self::Drop)
        } else if let Some(rest) = text.strip_prefix("width") {
            pair(rest, '=').and_then(|(stage, factor)| {
                let written = |percent: &&usize| (**percent as f64 / 100.0).to_string() == factor;
                let &percent = FACTORS.iter().find(written)?;
                Some(Self::Width { stage, percent })
            })
        } else if let Some(rest) = text.strip_prefix("kernel") {
            pair(rest, '=').and_then(|(layer, window)| {
                let window = number(&window).filter(|window| KERNELS.contains(window))?;
                Some(Self::Kernel { layer, window })
            })
        } else if let Some(rest) = text.strip_prefix("link") {
            pair(rest, '-').and_then(|(from, to)| {
                let to = number(&to)?;
                Some(Self::Link { from, to })
            })
        } else {
            None
        };
        parsed.ok_or_else(|| {
            let found = crate::space::excerpt(text);
            format!(
                "{found} is no change: they are drop3, width2=0.75 (0.5, 0.75, 1.25, 1.5), \
                 kernel7=5 (3, 5), link1-4, or plain alone"
            )
        })
    }
}

impl FromStr for Changes {
    type Err = Reason;

    fn from_str(text: &str) -> Result<Self, Reason> {
        if text == "plain" {
            return Ok(Self::default());
        }
        let changes = text.split(',').map(str::parse);
        let changes: Vec<Change> = changes.collect::<Result<_, _>>()?;
        match changes.is_sorted_by(|one, other| one < other) {
            true => Ok(Self(changes)),
            false => Err(
                "changes are written once each, in order: drop, width, kernel, link, \
                          and of each the smaller numbers first"
                    .into(),
            ),
        }
    }
}

impl Changes {
    pub fn has(&self, change: Change) -> bool {
        self.0.contains(&change)
    }

    pub fn without(&self, change: Change) -> Self {
        Self(
            self.0
                .iter()
                .copied()
                .filter(|one| *one != change)
                .collect(),
        )
    }

    /// With this one, which replaces another width of its stage.
    pub fn with(&self, change: Change) -> Self {
        let replaced = |one: &Change| match (*one, change) {
            (Change::Width { stage, .. }, Change::Width { stage: other, .. }) => stage == other,
            (one, other) => one == other,
        };
        let mut changes = self.0.clone();
        changes.retain(|one| !replaced(one));
        changes.push(change);
        changes.sort_unstable();
        Self(changes)
    }

    /// How many links there are, and how many blocks are left out.
    pub fn counts(&self) -> [usize; 2] {
        let count = |is: fn(&Change) -> bool| self.0.iter().filter(|change| is(change)).count();
        [
            count(|change| matches!(change, Change::Link { .. })),
            count(|change| matches!(change, Change::Drop(_))),
        ]
    }

    /// The blocks that are left out.
    pub fn left_out(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|change| match change {
            Change::Drop(block) => Some(*block),
            _ => None,
        })
    }

    /// In hundredths, how wide a stage is, where that is changed.
    pub fn width(&self, wanted: usize) -> Option<usize> {
        self.0.iter().find_map(|change| match *change {
            Change::Width { stage, percent } if stage == wanted => Some(percent),
            _ => None,
        })
    }

    /// The window of a convolution, where that is changed.
    pub fn window(&self, wanted: usize) -> Option<usize> {
        self.0.iter().find_map(|change| match *change {
            Change::Kernel { layer, window } if layer == wanted => Some(window),
            _ => None,
        })
    }

    /// The blocks whose outputs also go into a block.
    pub fn links_into(&self, wanted: usize) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(move |change| match *change {
            Change::Link { from, to } if to == wanted => Some(from),
            _ => None,
        })
    }

    /// Whether all of them change something of a network.
    ///
    /// # Errors
    /// Which one does not, and why.
    pub fn check(&self, found: &Found) -> Result<(), Reason> {
        let mut stages = Vec::new();
        for &change in &self.0 {
            found
                .check(change)
                .map_err(|reason| format!("{change}: {reason}"))?;
            match change {
                Change::Width { stage, .. } if stages.contains(&stage) => {
                    return Err(format!("{change}: the stage has two widths").into());
                }
                Change::Width { stage, .. } => stages.push(stage),
                Change::Link { from, to } => {
                    if let Some(block) = self.left_out().find(|block| [from, to].contains(block)) {
                        return Err(format!("{change}: block {block} is left out").into());
                    }
                }
                Change::Kernel { layer, .. } => {
                    let inside = self.left_out().find(|block| found.is_inside(layer, *block));
                    if let Some(block) = inside {
                        return Err(
                            format!("{change}: it is in block {block}, which is left out").into(),
                        );
                    }
                }
                Change::Drop(_) => {}
            }
        }
        Ok(())
    }
}
