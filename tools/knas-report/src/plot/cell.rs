//! A NAS-Bench-201 cell as a graph.

use knas_space::nb201::{Cell, EDGES, Op};

use crate::svg::{Px, Svg};

/// Where the nodes are: input, two sums, output.
const NODES: [(f64, f64); 4] = [
    (24.0, 104.0),
    (110.0, 104.0),
    (196.0, 104.0),
    (282.0, 104.0),
];

/// For each edge how far its middle is above the nodes.
const BENDS: [f64; 6] = [0.0, 42.0, 0.0, 82.0, -42.0, 0.0];

/// The operations as short as people read them, in the benchmark's order.
pub const NAMES: [&str; 5] = ["none", "skip", "1×1 conv", "3×3 conv", "3×3 pool"];

/// The operations as one character.
pub const LETTERS: [&str; 5] = ["·", "s", "1", "3", "p"];

/// The cell for the page's script and for its picture: one digit for each
/// edge, the operation's place in the benchmark's order, and 5 more where
/// nothing comes from the input or gets to the output along it.
pub fn code(cell: &Cell) -> [u8; 6] {
    let ops = cell.ops();
    let mut fed = [true, false, false, false];
    let mut used = [false, false, false, true];
    // The edges are in the order of their targets.
    for (edge, op) in EDGES.iter().zip(ops) {
        fed[edge.target] |= fed[edge.source] && *op != Op::None;
    }
    for (edge, op) in EDGES.iter().zip(ops).rev() {
        used[edge.source] |= used[edge.target] && *op != Op::None;
    }
    std::array::from_fn(|at| {
        let live = fed[EDGES[at].source] && used[EDGES[at].target];
        ops[at] as u8 + if live { 0 } else { 5 }
    })
}

/// The picture of a cell. The page's script makes others of it: each edge and
/// its name are marked with the edge's place.
pub fn draw(cell: &Cell, title: &str) -> Svg {
    let code = code(cell);
    let mut svg = Svg::new(306.0, 168.0, format!("{title}: {cell}"));
    let op = |at: usize| usize::from(code[at] % 5);
    let class = |at: usize| {
        let dead = if code[at] < 5 { "" } else { " dead" };
        format!("op{}{dead}", op(at))
    };
    for (at, edge) in EDGES.iter().enumerate() {
        let ((x1, y), (x2, _)) = (NODES[edge.source], NODES[edge.target]);
        // It leaves its nodes straight up or down, away from the names beside
        // the straight edges; a cubic curve goes three quarters to its handles.
        let handle = y - BENDS[at] / 0.75;
        svg.raw(format_args!(
            "<path class=\"edge {}\" data-edge=\"{at}\" d=\"M{} {}C{} {} {} {} {} {}\"/>",
            class(at),
            Px(x1),
            Px(y),
            Px(x1),
            Px(handle),
            Px(x2),
            Px(handle),
            Px(x2),
            Px(y)
        ));
    }
    for (name, at) in ["in", "", "", "out"].into_iter().zip(NODES) {
        let radius = if name.is_empty() { 7.0 } else { 13.0 };
        svg.circle("node", at, radius);
        svg.text("small middle", (at.0, at.1 + 4.0), name);
    }
    for (at, edge) in EDGES.iter().enumerate() {
        let ((x1, y), (x2, _)) = (NODES[edge.source], NODES[edge.target]);
        let name = if op(at) == 0 { "" } else { NAMES[op(at)] };
        svg.raw(format_args!(
            "<text class=\"op {}\" data-edge=\"{at}\" x=\"{}\" y=\"{}\">{name}</text>",
            class(at),
            Px((x1 + x2) / 2.0),
            Px(y + name_offset(at))
        ));
    }
    svg
}

/// How far below the nodes the name of an edge stands: beside its line, on the
/// outer side of a bend.
fn name_offset(edge: usize) -> f64 {
    let lift = if BENDS[edge] < 0.0 { 16.0 } else { -7.0 };
    lift - BENDS[edge]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::width_of;

    #[test]
    fn no_name_lies_on_an_arc() {
        let longest = NAMES.iter().map(|name| width_of(name)).fold(0.0, f64::max);
        for (named, edge) in EDGES.iter().enumerate() {
            let ((a, y), (b, _)) = (NODES[edge.source], NODES[edge.target]);
            let (left, right) = ((a + b - longest) / 2.0, (a + b + longest) / 2.0);
            let foot = y + name_offset(named);
            for (arc, edge) in EDGES.iter().enumerate() {
                let ((from, _), (to, _)) = (NODES[edge.source], NODES[edge.target]);
                for step in 0..=200 {
                    let t = f64::from(step) / 200.0;
                    let x = from + (to - from) * t * t * (3.0 - 2.0 * t);
                    let height = y - BENDS[arc] * 4.0 * t * (1.0 - t);
                    let inside =
                        (left..=right).contains(&x) && (foot - 10.0..=foot + 3.0).contains(&height);
                    assert!(
                        !inside,
                        "the name of {named} lies on {arc} at {x}, {height}"
                    );
                }
            }
        }
    }

    fn coded(arch: &str) -> [u8; 6] {
        code(&arch.parse().unwrap())
    }

    #[test]
    fn edges_that_carry_nothing_are_dead() {
        let all = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_3x3~2|";
        assert_eq!(coded(all), [3, 2, 1, 4, 1, 3]);
        // Node 1 gets nothing, node 2 is used by nobody.
        let some =
            "|none~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|none~2|";
        assert_eq!(coded(some), [0, 7, 6, 4, 6, 0]);
        let nothing = "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|";
        assert_eq!(coded(nothing), [0, 0, 8, 0, 8, 8]);
    }
}
