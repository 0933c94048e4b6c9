//! The size of the [network](super::network) around a cell, and what it costs.
//!
//! Counts are of the network as the benchmark builds it: every edge counts,
//! whether or not the cell's output depends on it.

use std::sync::OnceLock;

use knas_graph::{Cost, GraphError};
use thiserror::Error;

use crate::nb201::network::lower;
use crate::nb201::{Cell, Op};
use crate::setting::{Input, LowerError, Setting, Size};
use crate::space::Extent;

/// The size of the network around a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skeleton {
    channels: u64,
    cells: u64,
    classes: u64,
    side: u64,
}

/// Channels of the first stage.
pub(super) const CHANNELS: Size = Size {
    name: "channels",
    about: "channels of the first stage",
    usual: 16,
    range: (1, 4096),
};

/// Cells in each of the three stages.
pub(super) const CELLS: Size = Size {
    name: "cells",
    about: "cells in each of the three stages",
    usual: 5,
    range: (1, 1000),
};

/// Why a network cannot have the size asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SkeletonError {
    /// A number is out of its range.
    #[error("{what} must be between {low} and {high}; {found} is not")]
    Range {
        /// What the number counts.
        what: &'static str,
        /// The smallest allowed.
        low: u64,
        /// The largest allowed.
        high: u64,
        /// The number.
        found: u64,
    },
    /// The image cannot be halved twice.
    #[error("the image's side must be a multiple of 4, since it is halved twice; {0} is not")]
    Side(u64),
}

impl Default for Skeleton {
    /// The benchmark's own: 16 channels, 5 cells a stage, 10 classes, images of
    /// 32x32.
    fn default() -> Self {
        Self {
            channels: CHANNELS.usual,
            cells: CELLS.usual,
            classes: 10,
            side: 32,
        }
    }
}

impl Skeleton {
    /// A network with C = `channels`, N = `cells` in each stage, and `classes`
    /// classes of images of `side` times `side` pixels.
    ///
    /// # Errors
    /// Where a number is zero or beyond what can be counted in 64 bits, or
    /// `side` is no multiple of 4.
    pub fn new(channels: u64, cells: u64, classes: u64, side: u64) -> Result<Self, SkeletonError> {
        for (what, found, low, high) in [
            (
                "the number of channels",
                channels,
                CHANNELS.range.0,
                CHANNELS.range.1,
            ),
            (
                "the number of cells in a stage",
                cells,
                CELLS.range.0,
                CELLS.range.1,
            ),
            ("the number of classes", classes, 1, 1_000_000),
            ("the image's side", side, 4, 1024),
        ] {
            if !(low..=high).contains(&found) {
                return Err(SkeletonError::Range {
                    what,
                    low,
                    high,
                    found,
                });
            }
        }
        if !side.is_multiple_of(4) {
            return Err(SkeletonError::Side(side));
        }
        Ok(Self {
            channels,
            cells,
            classes,
            side,
        })
    }

    /// The size that a setting asks for.
    ///
    /// # Errors
    /// Where it is for texts, or [`Skeleton::new`] refuses it.
    pub fn of(setting: &Setting) -> Result<Self, LowerError> {
        let size = |size: Size| setting.sizes.get(size.name).unwrap_or(size.usual);
        let (channels, cells) = (size(CHANNELS), size(CELLS));
        let side = setting.side()?;
        let skeleton = Self::new(channels, cells, setting.classes as u64, side as u64);
        skeleton.map_err(|error| LowerError::Size(error.into()))
    }

    /// The setting that asks for this size.
    #[must_use]
    pub fn setting(&self) -> Setting {
        let sizes = [(CHANNELS.name, self.channels), (CELLS.name, self.cells)];
        Setting {
            input: Input::Images {
                side: self.side as usize,
            },
            classes: self.classes as usize,
            sizes: sizes.into_iter().collect(),
        }
    }

    /// Channels of the first stage.
    #[must_use]
    pub fn channels(&self) -> u64 {
        self.channels
    }

    /// Cells in each of the three stages.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Classes that are told apart.
    #[must_use]
    pub fn classes(&self) -> u64 {
        self.classes
    }

    /// The image's height and width in pixels.
    #[must_use]
    pub fn side(&self) -> u64 {
        self.side
    }

    /// What the network around `cell` costs, every edge counted.
    ///
    /// # Errors
    /// Never: networks of the sizes that there can be can be built.
    pub fn cost(&self, cell: &Cell) -> Result<Cost, GraphError> {
        static USUAL: OnceLock<Result<Costs, GraphError>> = OnceLock::new();
        if *self != Self::default() {
            return Ok(lower(cell, self, Extent::Whole)?.cost());
        }
        let costs = USUAL.get_or_init(|| Costs::of(self));
        costs
            .as_ref()
            .map(|costs| costs.cell(cell))
            .map_err(Clone::clone)
    }
}

/// What makes up the cost of any cell's network: whole spaces are counted, and a
/// graph for each cell would take a hundred times as long.
struct Costs {
    /// Of all but the cells' operations.
    around: Cost,
    /// Of each operation, in the order of [`Op::ALL`], on one edge of every cell.
    edge: [Cost; 5],
}

impl Costs {
    fn of(skeleton: &Skeleton) -> Result<Self, GraphError> {
        let lowered = |op: Op| {
            let mut ops = [Op::None; 6];
            ops[0] = op;
            Ok(lower(&Cell::new(ops), skeleton, Extent::Whole)?.cost())
        };
        let around = lowered(Op::None)?;
        let mut edge = [Cost::default(); 5];
        for (cost, op) in edge.iter_mut().zip(Op::ALL) {
            let found = lowered(op)?;
            cost.params = found.params - around.params;
            cost.macs = found.macs - around.macs;
        }
        Ok(Self { around, edge })
    }

    fn cell(&self, cell: &Cell) -> Cost {
        let mut cost = self.around;
        for op in cell.ops() {
            let edge = self.edge[*op as usize];
            cost.params += edge.params;
            cost.macs += edge.macs;
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(cell: &Cell) -> (u64, u64) {
        let Cost { params, macs } = Skeleton::default().cost(cell).unwrap();
        (params, macs)
    }

    // The published counts of the all-3x3 cell: 1.531546 M parameters and
    // 220.12 M multiply-accumulates.
    #[test]
    fn the_cell_of_3x3_convolutions_has_its_published_counts() {
        assert_eq!(
            counts(&Cell::new([Op::Conv3x3; 6])),
            (1_531_546, 220_119_680)
        );
    }

    // What surrounds the cells, written out for C = 16, 10 classes, 32x32:
    // parameters
    //   stem          9·3·16 + 2·16                                =    464
    //   16 to 32      9·16·32 + 64 + 9·32·32 + 64 + 16·32          = 14,464
    //   32 to 64      9·32·64 + 128 + 9·64·64 + 128 + 32·64        = 57,600
    //   last norm     2·64                                         =    128
    //   classifier    64·10 + 10                                   =    650
    // multiply-accumulates
    //   stem          9·3·16·32²                                   =   442,368
    //   16 to 32      (9·16·32 + 9·32·32 + 16·32)·16²              = 3,670,016
    //   32 to 64      (9·32·64 + 9·64·64 + 32·64)·8²               = 3,670,016
    //   classifier    64·10                                        =       640
    const AROUND: (u64, u64) = (
        464 + 14_464 + 57_600 + 128 + 650,
        442_368 + 2 * 3_670_016 + 640,
    );

    #[test]
    fn cells_without_convolutions_leave_what_surrounds_them() {
        for op in [Op::None, Op::Skip, Op::AvgPool3x3] {
            assert_eq!(counts(&Cell::new([op; 6])), AROUND);
        }
    }

    // One 1x1 convolution: five times 16² + 2·16, 32² + 2·32 and 64² + 2·64
    // parameters, and three times 5·16²·32² multiply-accumulates. It counts
    // just as much where nothing reaches it.
    #[test]
    fn every_edge_counts_wherever_it_is() {
        let one = (
            AROUND.0 + 5 * (288 + 1_088 + 4_224),
            AROUND.1 + 15 * 256 * 1_024,
        );
        for edge in 0..6 {
            let mut ops = [Op::None; 6];
            ops[edge] = Op::Conv1x1;
            assert_eq!(counts(&Cell::new(ops)), one);
        }
    }

    // C = 2, N = 1, 3 classes, 8x8, all 3x3, by hand:
    // parameters: 54 + 4; 6·(36 + 4), 6·(144 + 8), 6·(576 + 16);
    //   72 + 8 + 144 + 8 + 8, 288 + 16 + 576 + 16 + 32; 16; 8·3 + 3
    // multiply-accumulates: 54·64; 6·36·64, 6·144·16, 6·576·4;
    //   (72 + 144 + 8)·16, (288 + 576 + 32)·4; 24
    #[test]
    fn other_sizes_scale_as_the_formula_says() {
        let small = Skeleton::new(2, 1, 3, 8).unwrap();
        let cell = Cell::new([Op::Conv3x3; 6]);
        let Cost { params, macs } = small.cost(&cell).unwrap();
        assert_eq!(params, 58 + 240 + 912 + 3_552 + 240 + 928 + 16 + 27);
        assert_eq!(macs, 3_456 + 3 * 13_824 + 3_584 + 3_584 + 24);
    }

    #[test]
    fn a_table_counts_every_cell_as_its_graph_does() {
        let skeleton = Skeleton::new(2, 1, 3, 8).unwrap();
        let costs = Costs::of(&skeleton).unwrap();
        for cell in Cell::all() {
            let graph = lower(&cell, &skeleton, Extent::Whole).unwrap();
            assert_eq!(costs.cell(&cell), graph.cost(), "{cell}");
        }
    }

    // Counted as shapes say, once more: windows and channels of every convolution.
    #[test]
    fn every_cell_is_counted_as_the_formula_says() {
        let skeleton = Skeleton::default();
        for cell in Cell::all() {
            let (mut params, mut macs) = AROUND;
            let windows = cell.ops().iter().filter_map(|op| op.kernel());
            for window in windows {
                for (channels, side) in [(16, 32), (32, 16), (64, 8)] {
                    let weights = window * window * channels * channels;
                    params += 5 * (weights + 2 * channels);
                    macs += 5 * weights * side * side;
                }
            }
            let expected = Cost { params, macs };
            assert_eq!(skeleton.cost(&cell).unwrap(), expected, "{cell}");
            if cell.index() % 50 == 0 {
                let graph = lower(&cell, &skeleton, Extent::Whole).unwrap();
                assert_eq!(graph.cost(), expected, "{cell}");
            }
        }
    }

    #[test]
    fn sizes_that_cannot_be_counted_are_refused() {
        let said = |channels, cells, classes, side| {
            let error = Skeleton::new(channels, cells, classes, side);
            error.unwrap_err().to_string()
        };
        assert!(said(0, 5, 10, 32).contains("channels must be between 1 and 4096; 0 is not"));
        assert!(said(16, u64::MAX, 10, 32).contains("cells"));
        assert!(said(16, 5, 0, 32).contains("classes"));
        assert!(said(16, 5, 10, 2048).contains("side"));
        assert!(said(16, 5, 10, 30).contains("multiple of 4"));

        // debug or not, nothing overflows at the edge of what is allowed
        let largest = Skeleton::new(4096, 1000, 1_000_000, 1024).unwrap();
        let cell = Cell::new([Op::Conv3x3; 6]);
        let macs = largest.cost(&cell).unwrap().macs;
        assert!(macs > 1 << 60 && macs < u64::MAX / 2);
    }
}
