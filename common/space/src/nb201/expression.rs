//! What a cell computes, written as an expression.
//!
//! Both strings write the input as `0`, an operation as `(argument)@name`, a
//! skip as its argument alone, and a node as its sorted addends joined by `+`;
//! the string of a cell is that of its last node. They differ in what becomes
//! of zeros and of sums within sums, and neither tells whether two equal
//! addends are one convolution, counted twice, or two with weights of their
//! own: [`Form`](crate::nb201::Form) does.

use crate::nb201::{Cell, Op};

/// The string by which the benchmark counts 6,466 distinct cells.
///
/// A zero (`none`, or an operation on a node that is nothing but one `#`) is
/// `#` and stays as an addend; a skip from a sum adds that sum as one addend,
/// unsorted into the others.
#[must_use]
pub fn benchmark(cell: &Cell) -> String {
    let mut nodes = ["0".to_owned(), String::new(), String::new(), String::new()];
    for target in 1..nodes.len() {
        let mut addends: Vec<String> = cell
            .into_node(target)
            .map(|(_, source, op)| match (op, nodes[source].as_str()) {
                (Op::None, _) => "#".to_owned(),
                (Op::Skip, argument) => argument.to_owned(),
                (_, "#") => "#".to_owned(),
                (_, argument) => apply(op, argument),
            })
            .collect();
        addends.sort_unstable();
        nodes[target] = addends.join("+");
    }
    let [.., output] = nodes;
    output
}

/// The string of the function that the cell computes: 4,930 distinct ones.
///
/// Zeros vanish and sums within sums are flattened, so that adding in another
/// order, or passing a value on through other nodes, makes no difference. The
/// string of a cell that computes zero is `#`.
#[must_use]
pub fn function(cell: &Cell) -> String {
    let mut nodes = [vec!["0".to_owned()], vec![], vec![], vec![]];
    for target in 1..nodes.len() {
        let mut addends = Vec::new();
        for (_, source, op) in cell.into_node(target) {
            match op {
                Op::None => {}
                Op::Skip => addends.extend_from_slice(&nodes[source]),
                _ if nodes[source].is_empty() => {}
                _ => addends.push(apply(op, &nodes[source].join("+"))),
            }
        }
        addends.sort_unstable();
        nodes[target] = addends;
    }
    let [.., output] = nodes;
    if output.is_empty() {
        return "#".to_owned();
    }
    output.join("+")
}

/// The string of `op` applied to `argument`.
pub(super) fn apply(op: Op, argument: &str) -> String {
    format!("({argument})@{op}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sha2::{Digest, Sha256};

    use super::*;

    fn cell(ops: [Op; 6]) -> Cell {
        Cell::new(ops)
    }

    /// How many distinct strings there are, and the SHA-256 of the sorted ones.
    fn census(strings: impl Iterator<Item = String>) -> (usize, String) {
        let distinct: BTreeSet<String> = strings.collect();
        let mut hash = Sha256::new();
        for string in &distinct {
            hash.update(string);
            hash.update("\n");
        }
        let digest = hash.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (distinct.len(), hex)
    }

    // The expected counts and hashes come from:
    //
    // import hashlib, itertools
    // ops = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3']
    // edges = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    // def benchmark(cell):
    //     s = {0: '0'}
    //     for n in 1, 2, 3:
    //         a = [(op, s[source]) for (target, source), op in zip(edges, cell) if target == n]
    //         s[n] = '+'.join(sorted('#' if op == 'none' else x if op == 'skip_connect' else
    //                                '#' if x == '#' else '(%s)@%s' % (x, op) for op, x in a))
    //     return s[3]
    // def function(cell):
    //     s = {0: ['0']}
    //     for n in 1, 2, 3:
    //         a = [(op, s[source]) for (target, source), op in zip(edges, cell) if target == n]
    //         s[n] = sorted(sum((x if op == 'skip_connect' else ['(%s)@%s' % ('+'.join(x), op)]
    //                            for op, x in a if op != 'none' and x), []))
    //     return '+'.join(s[3]) or '#'
    // for string in benchmark, function:
    //     found = sorted({string(cell) for cell in itertools.product(ops, repeat=6)})
    //     print(len(found), hashlib.sha256(''.join(f + '\n' for f in found).encode()).hexdigest())

    #[test]
    fn the_benchmark_counts_6466_cells() {
        let expected = "97ef092c880a536f7592301a9cadf6770c5b46142430fc8ce2ef55c85003d68c";
        assert_eq!(
            census(Cell::all().map(|cell| benchmark(&cell))),
            (6466, expected.to_owned())
        );
    }

    #[test]
    fn there_are_4930_functions() {
        let expected = "a84a63c13e558339da7597b0fa587e7aac789cb7f4488cfce69916eaafe34232";
        assert_eq!(
            census(Cell::all().map(|cell| function(&cell))),
            (4930, expected.to_owned())
        );
    }

    #[test]
    fn zeros_stay_in_the_benchmark_string_and_vanish_from_the_function() {
        use Op::{Conv1x1, None, Skip};
        let zero = cell([None; 6]);
        assert_eq!(benchmark(&zero), "#+#+#");
        assert_eq!(function(&zero), "#");

        // node 1 is "#", node 2 is "#+#": the benchmark applies an operation
        // to the second but not to the first
        let applied = cell([None, None, Conv1x1, Skip, Conv1x1, Conv1x1]);
        assert_eq!(benchmark(&applied), "#+(#+#)@nor_conv_1x1+0");
        assert_eq!(function(&applied), "0");
    }

    #[test]
    fn sums_within_sums_are_flattened_in_the_function() {
        use Op::{AvgPool3x3, Conv3x3, None, Skip};
        let nested = cell([AvgPool3x3, Conv3x3, Skip, Skip, None, Skip]);
        assert_eq!(benchmark(&nested), "#+(0)@avg_pool_3x3+(0)@nor_conv_3x3+0");
        assert_eq!(function(&nested), "(0)@avg_pool_3x3+(0)@nor_conv_3x3+0");
    }
}
