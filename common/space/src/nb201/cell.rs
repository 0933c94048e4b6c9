//! Operations, edges and cells, and the benchmark's notation for them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::space::excerpt;

/// What an edge does with the value of its source node.
///
/// The order is the benchmark's own, and the official index rests on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Zeros, whatever the source.
    None,
    /// The source itself.
    Skip,
    /// ReLU, 1x1 convolution without bias, batch norm.
    Conv1x1,
    /// ReLU, 3x3 convolution with padding 1 without bias, batch norm.
    Conv3x3,
    /// 3x3 average pooling with padding 1 that leaves the padding out of the
    /// average. It has no parameters.
    AvgPool3x3,
}

impl Op {
    /// All operations, in the benchmark's order.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Skip,
        Self::Conv1x1,
        Self::Conv3x3,
        Self::AvgPool3x3,
    ];

    /// The benchmark's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Skip => "skip_connect",
            Self::Conv1x1 => "nor_conv_1x1",
            Self::Conv3x3 => "nor_conv_3x3",
            Self::AvgPool3x3 => "avg_pool_3x3",
        }
    }

    /// The operation that the benchmark calls `name`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// The side of the convolution's kernel; none where it is no convolution.
    #[must_use]
    pub fn kernel(self) -> Option<u64> {
        match self {
            Self::Conv1x1 => Some(1),
            Self::Conv3x3 => Some(3),
            Self::None | Self::Skip | Self::AvgPool3x3 => None,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of a cell's connections. Node 0 is the cell's input, node 3 its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The node whose value it reads.
    pub source: usize,
    /// The node to whose sum it adds.
    pub target: usize,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "edge {}←{}", self.target, self.source)
    }
}

/// The edges in the order of the notation, which is also that of the layers in
/// the official parameter names (`cells.0.layers.3` is the fourth).
pub const EDGES: [Edge; 6] = [
    Edge {
        source: 0,
        target: 1,
    },
    Edge {
        source: 0,
        target: 2,
    },
    Edge {
        source: 1,
        target: 2,
    },
    Edge {
        source: 0,
        target: 3,
    },
    Edge {
        source: 1,
        target: 3,
    },
    Edge {
        source: 2,
        target: 3,
    },
];

/// A cell: one operation for each of the [`EDGES`].
///
/// A cell prints and parses as `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, where the
/// nodes 1 to 3 are joined by `+` and every operation names its source node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell([Op; 6]);

impl Cell {
    /// The cell with these operations on the [`EDGES`].
    #[must_use]
    pub const fn new(ops: [Op; 6]) -> Self {
        Self(ops)
    }

    /// The operations on the [`EDGES`].
    #[must_use]
    pub const fn ops(&self) -> &[Op; 6] {
        &self.0
    }

    /// The edges that end in node `target`, as (position in [`EDGES`], source
    /// node, operation).
    pub fn into_node(&self, target: usize) -> impl Iterator<Item = (usize, usize, Op)> + '_ {
        EDGES
            .iter()
            .zip(self.0)
            .enumerate()
            .filter(move |(_, (edge, _))| edge.target == target)
            .map(|(position, (edge, op))| (position, edge.source, op))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (edge, op) in EDGES.iter().zip(self.0) {
            if edge.source == 0 {
                f.write_str(if edge.target == 1 { "|" } else { "+|" })?;
            }
            write!(f, "{op}~{}|", edge.source)?;
        }
        Ok(())
    }
}

/// Why a text is not a cell.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CellError {
    /// The nodes are not three.
    #[error("a cell is three nodes joined by \"+\", {FORM}; there are {found}")]
    Nodes {
        /// How many parts the text has.
        found: usize,
    },
    /// A node is not written as its edges between bars.
    #[error("node {node} is {found}; it must hold {node} edge(s) between bars, as in {FORM}")]
    Node {
        /// The node, 1 to 3.
        node: usize,
        /// The beginning of what stands there.
        found: String,
    },
    /// An edge does not name the source node that its place calls for.
    #[error(
        "edge {number} (node {source} to node {target}) is {found}; it must end in \"~{source}\"",
        source = .edge.source, target = .edge.target
    )]
    Source {
        /// The edge's place in the notation, 1 to 6.
        number: usize,
        /// The edge.
        edge: Edge,
        /// The beginning of what stands there.
        found: String,
    },
    /// An edge's operation does not exist.
    #[error(
        "edge {number} (node {source} to node {target}) has the unknown operation {found}; \
         allowed are none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3",
        source = .edge.source, target = .edge.target
    )]
    Op {
        /// The edge's place in the notation, 1 to 6.
        number: usize,
        /// The edge.
        edge: Edge,
        /// The beginning of what stands there.
        found: String,
    },
}

const FORM: &str = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|";

impl FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        let found = text.split('+').count();
        if found != 3 {
            return Err(CellError::Nodes { found });
        }
        let mut ops = [Op::None; 6];
        let mut position = 0;
        for (node, part) in (1..).zip(text.split('+')) {
            let wrong = || CellError::Node {
                node,
                found: excerpt(part),
            };
            let edges = part
                .strip_prefix('|')
                .and_then(|rest| rest.strip_suffix('|'))
                .ok_or_else(wrong)?;
            if edges.split('|').count() != node {
                return Err(wrong());
            }
            for text in edges.split('|') {
                ops[position] = parse_edge(position, text)?;
                position += 1;
            }
        }
        Ok(Self(ops))
    }
}

/// The operation in `text`, which stands at `position` of the [`EDGES`].
fn parse_edge(position: usize, text: &str) -> Result<Op, CellError> {
    let (number, edge) = (position + 1, EDGES[position]);
    let source = text.rsplit_once('~');
    let Some((op, _)) = source.filter(|(_, node)| *node == edge.source.to_string()) else {
        return Err(CellError::Source {
            number,
            edge,
            found: excerpt(text),
        });
    };
    Op::by_name(op).ok_or_else(|| CellError::Op {
        number,
        edge,
        found: excerpt(op),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEST: &str = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";

    fn message(text: &str) -> String {
        text.parse::<Cell>().unwrap_err().to_string()
    }

    #[test]
    fn a_cell_prints_as_it_is_read() {
        let cell: Cell = BEST.parse().unwrap();
        use Op::{Conv1x1, Conv3x3, Skip};
        assert_eq!(
            cell.ops(),
            &[Conv3x3, Conv3x3, Conv3x3, Skip, Conv3x3, Conv1x1]
        );
        assert_eq!(cell.to_string(), BEST);
    }

    #[test]
    fn an_unknown_operation_is_named_with_its_edge_and_what_is_allowed() {
        assert_eq!(
            message(&BEST.replace("skip_connect", "skip")),
            "edge 4 (node 0 to node 3) has the unknown operation \"skip\"; allowed are none, \
             skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3"
        );
    }

    #[test]
    fn the_message_lists_every_operation() {
        let said = message(&BEST.replace("skip_connect", "x"));
        assert!(Op::ALL.iter().all(|op| said.contains(op.name())), "{said}");
    }

    #[test]
    fn a_wrong_source_is_named_with_its_edge() {
        let said = message(&BEST.replace("nor_conv_1x1~2", "nor_conv_1x1~1"));
        assert_eq!(
            said,
            "edge 6 (node 2 to node 3) is \"nor_conv_1x1~1\"; it must end in \"~2\""
        );
    }

    #[test]
    fn whatever_else_is_not_the_notation_is_refused() {
        for text in [
            "",
            "|",
            "||+||+||",
            "++",
            "none~0+none~0|none~1+none~0|none~1|none~2",
            "|none~0|+|none~0|none~1|",
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+",
            "|none~0|+|none~0|none~1|+|none~0|none~1|",
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~3|",
            " |none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n",
            "|none~0 |+|none~0|none~1|+|none~0|none~1|none~2|",
            "|None~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|none~00|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|none|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|none~0~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        ] {
            assert!(text.parse::<Cell>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_stays_short_whatever_the_input() {
        for hostile in [
            "x".repeat(1 << 20),
            format!("|{}~0|++", "\u{0}".repeat(1 << 20)),
        ] {
            assert!(message(&hostile).len() < 1000);
        }
    }

    #[test]
    fn the_edges_into_a_node_come_with_their_place_and_source() {
        let cell: Cell = BEST.parse().unwrap();
        let edges: Vec<_> = cell.into_node(3).collect();
        assert_eq!(
            edges,
            [(3, 0, Op::Skip), (4, 1, Op::Conv3x3), (5, 2, Op::Conv1x1)]
        );
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_a_cell_that_prints_otherwise(text in "[|+~0-2a-z_ ]{0,120}") {
            if let Ok(cell) = text.parse::<Cell>() {
                prop_assert_eq!(cell.to_string(), text);
            }
        }

        #[test]
        fn a_cell_with_one_character_changed_is_refused_or_prints_so(
            place in 0..BEST.len(),
            replacement in any::<char>(),
        ) {
            let mut text = BEST.to_owned();
            text.replace_range(place..=place, replacement.encode_utf8(&mut [0; 4]));
            if let Ok(cell) = text.parse::<Cell>() {
                prop_assert_eq!(cell.to_string(), text);
            }
        }
    }
}
