//! The network that a record describes.

use knas_net::network::unused;
use knas_net::weights::WeightFile;
use knas_net::{Initial, NetError, Network};
use knas_proxy::Architecture;
use knas_records::{Failure, Record};
use knas_space::nb201::{self, Cell, Edges, Form, Skeleton};
use knas_space::roberta_skip::Layout;
use tch::{Device, Kind, Tensor};

use crate::scorer::{bad_record, fail};
use crate::shown::{Encoders, Shown};

/// A candidate.
pub enum Candidate<'s> {
    /// Of NAS-Bench-201.
    Cell {
        /// Its cell.
        cell: Cell,
        /// The network's size.
        skeleton: Skeleton,
    },
    /// Of roberta-skip.
    Layout {
        /// Its layout.
        layout: Layout,
        /// What all encoders have in common.
        encoders: &'s Encoders,
    },
}

const CELLS: &str = "nb201";
const LAYOUTS: &str = "roberta-skip";

impl<'s> Candidate<'s> {
    /// That of a record.
    ///
    /// # Errors
    /// When it has none, or one that cannot be shown these samples.
    pub fn of(record: &Record<'_>, shown: &'s Shown) -> Result<Self, Failure> {
        let text = |name: &str| {
            let value = record.get::<String>(name).map_err(bad_record)?;
            value.ok_or_else(|| fail("bad_record", format!("there is no \"{name}\"")))
        };
        match (&*text("space")?, shown) {
            (CELLS, Shown::Images { skeleton, .. }) => Ok(Self::Cell {
                cell: text("arch")?.parse().map_err(|e| fail("bad_arch", e))?,
                skeleton: *skeleton,
            }),
            (LAYOUTS, Shown::Texts { encoders, .. }) => {
                let layout: Layout = text("arch")?.parse().map_err(|e| fail("bad_arch", e))?;
                let checked = encoders.check(layout.backbone());
                checked.map_err(|(kind, message)| fail(kind, message))?;
                Ok(Self::Layout { layout, encoders })
            }
            (LAYOUTS, _) => {
                let message = "roberta-skip reads texts, and --data is images: give rte:DIR, \
                               mrpc:DIR or jsonl:FILE";
                Err(fail("other_space", message))
            }
            (CELLS, _) => {
                let message = "nb201 looks at images, and --data is texts";
                Err(fail("other_space", message))
            }
            (space, _) => {
                let message = format!(
                    "knas-score does not know the space {space:?}; it knows {CELLS} and {LAYOUTS}"
                );
                Err(fail("unknown_space", message))
            }
        }
    }

    /// How scores see it.
    pub fn architecture(&self) -> Architecture<'_> {
        match self {
            Self::Cell { cell, skeleton } => Architecture::Cell {
                cell,
                skeleton: *skeleton,
            },
            Self::Layout { layout, encoders } => Architecture::Layout {
                layout,
                settings: encoders.settings(layout.backbone().kind),
                classes: encoders.classes,
            },
        }
    }

    /// What candidates share exactly where they are the same network, with
    /// weights that are drawn, or are those of one pre-trained backbone.
    pub fn network_key(&self, drawn: bool) -> String {
        match self {
            Self::Cell { cell, skeleton } => {
                format!("{CELLS} {skeleton:?} {}", Form::of(cell).key())
            }
            Self::Layout { layout, .. } if drawn => format!("{LAYOUTS} {}", layout.function()),
            Self::Layout { layout, .. } => format!("{LAYOUTS} {layout}"),
        }
    }
}

/// The weights of a network under their official names, with those of edges that
/// reach nothing.
///
/// # Errors
/// When it cannot be built.
pub fn state(
    architecture: Architecture<'_>,
    weights: Option<&WeightFile>,
    initial: Initial,
) -> Result<Vec<(String, Tensor)>, NetError> {
    let source = architecture.source(weights, initial);
    let network = Network::new(architecture.lower()?, source, (Kind::Float, Device::Cpu))?;
    let mut state = network.state();
    if let Architecture::Cell { cell, skeleton } = architecture {
        let whole = nb201::network::lower(cell, &skeleton, Edges::All)?;
        state.extend(unused(&whole, network.graph(), initial)?);
    }
    Ok(state)
}
