//! Parameters and multiply-accumulates of the network around a cell.
//!
//! The network is that of the benchmark (Dong & Yang 2020, figure 1): a 3x3
//! convolution to C channels, three stages of N cells at C, 2C and 4C channels,
//! a residual block that halves the image before the second and the third, batch
//! norm, global average pooling and a linear classifier.
//!
//! Counts are of the network as the benchmark builds it: every edge counts,
//! whether or not the cell's output depends on it. Batch norms count two
//! parameters for each channel. Multiply-accumulates are those of convolutions
//! and of the classifier; pooling, norms and sums do not count.

use thiserror::Error;

use crate::nb201::{Cell, Op};

/// The size of the network around a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skeleton {
    channels: u64,
    cells: u64,
    classes: u64,
    side: u64,
}

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
            channels: 16,
            cells: 5,
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
            ("the number of channels", channels, 1, 4096),
            ("the number of cells in a stage", cells, 1, 1000),
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

    /// All parameters of the network.
    #[must_use]
    pub fn params(&self, cell: &Cell) -> u64 {
        let stem = conv_norm_params(3, 3, self.channels);
        let stages: u64 = self
            .stages()
            .map(|(channels, _)| {
                let of_op = |op: &Op| match op.kernel() {
                    Some(kernel) => conv_norm_params(kernel, channels, channels),
                    None => 0,
                };
                self.cells * cell.ops().iter().map(of_op).sum::<u64>()
            })
            .sum();
        let reductions: u64 = self
            .stages()
            .skip(1)
            .map(|(channels, _)| {
                let before = channels / 2;
                conv_norm_params(3, before, channels)
                    + conv_norm_params(3, channels, channels)
                    + before * channels
            })
            .sum();
        let last = 4 * self.channels;
        stem + stages + reductions + 2 * last + (last + 1) * self.classes
    }

    /// Multiply-accumulates of one forward pass over one image.
    #[must_use]
    pub fn macs(&self, cell: &Cell) -> u64 {
        let stem = conv_macs(3, 3, self.channels, self.side);
        let stages: u64 = self
            .stages()
            .map(|(channels, side)| {
                let of_op = |op: &Op| match op.kernel() {
                    Some(kernel) => conv_macs(kernel, channels, channels, side),
                    None => 0,
                };
                self.cells * cell.ops().iter().map(of_op).sum::<u64>()
            })
            .sum();
        let reductions: u64 = self
            .stages()
            .skip(1)
            .map(|(channels, side)| {
                let before = channels / 2;
                conv_macs(3, before, channels, side)
                    + conv_macs(3, channels, channels, side)
                    + conv_macs(1, before, channels, side)
            })
            .sum();
        stem + stages + reductions + 4 * self.channels * self.classes
    }

    /// The channels and the image's side in each stage.
    fn stages(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let (channels, side) = (self.channels, self.side);
        [1, 2, 4]
            .into_iter()
            .map(move |factor| (channels * factor, side / factor))
    }
}

/// Parameters of a convolution without bias and the batch norm after it.
fn conv_norm_params(kernel: u64, inputs: u64, outputs: u64) -> u64 {
    kernel * kernel * inputs * outputs + 2 * outputs
}

/// Multiply-accumulates of a convolution whose output is `side` pixels wide and
/// high.
fn conv_macs(kernel: u64, inputs: u64, outputs: u64, side: u64) -> u64 {
    kernel * kernel * inputs * outputs * side * side
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(cell: &Cell) -> (u64, u64) {
        let skeleton = Skeleton::default();
        (skeleton.params(cell), skeleton.macs(cell))
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
        assert_eq!(
            small.params(&cell),
            58 + 240 + 912 + 3_552 + 240 + 928 + 16 + 27
        );
        assert_eq!(small.macs(&cell), 3_456 + 3 * 13_824 + 3_584 + 3_584 + 24);
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
        assert!(largest.macs(&cell) > 1 << 60 && largest.macs(&cell) < u64::MAX / 2);
    }
}
