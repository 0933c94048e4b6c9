//! All modules, in the order in which the official generator finds them: by vertices,
//! then edges, then operations, and of isomorphic ones the first.
//!
//! The generator tells isomorphic modules by their hashes; here every order of the
//! vertices is tried, which takes a tenth of a second for all.

use std::sync::LazyLock;

use super::module::{EDGES, Edges, INNER, Module, Op};

/// A module in the list of all.
struct Listed {
    edges: Edges,
    /// Vertices between input and output.
    inner: u8,
    /// The number that their operations write in base 3.
    ops: u8,
}

static ALL: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for inner in 0..=INNER as u8 {
        let vertices = u32::from(inner) + 2;
        let sets = 1 << (vertices * (vertices - 1) / 2);
        for edges in (0..sets).map(Edges::of) {
            let Some(symmetries) = symmetries(edges, inner) else {
                continue;
            };
            for number in 0..3u8.pow(inner.into()) {
                let ops = operations(number, inner);
                let is_first = |order: &Vec<usize>| {
                    let moved = order.iter().map(|&vertex| ops[vertex - 1]);
                    ops.iter().copied().le(moved)
                };
                if symmetries.iter().all(is_first) {
                    all.push(Listed {
                        edges,
                        inner,
                        ops: number,
                    });
                }
            }
        }
    }
    all
});

/// The operations that a number writes in base 3.
fn operations(number: u8, inner: u8) -> Vec<Op> {
    let digit = |place: u8| usize::from(number / 3u8.pow(place.into()) % 3);
    (0..inner)
        .rev()
        .map(|place| Op::ALL[digit(place)])
        .collect()
}

/// The orders of the vertices that leave the edges as they are; none where vertices
/// lie on no path from input to output, where there are too many edges, or where
/// another order has smaller ones.
fn symmetries(edges: Edges, inner: u8) -> Option<Vec<Vec<usize>>> {
    let output = usize::from(inner) + 1;
    let leaves = |from| (from..=output).any(|to| edges.has(from, to));
    let enters = |to| (0..to).any(|from| edges.has(from, to));
    if edges.count() > EDGES || !(0..output).all(leaves) || !(1..=output).all(enters) {
        return None;
    }
    let module = Module {
        edges,
        ops: operations(0, inner),
    };
    let mut symmetries = module.orders(false);
    let moved = |order: &Vec<usize>| module.reordered(order).edges;
    if symmetries.iter().any(|order| moved(order) < edges) {
        return None;
    }
    symmetries.retain(|order| moved(order) == edges);
    Some(symmetries)
}

/// How many modules there are.
pub(super) fn count() -> usize {
    ALL.len()
}

/// The module at this place of their order.
pub(super) fn at(place: usize) -> Option<Module> {
    let listed = ALL.get(place)?;
    Some(Module {
        edges: listed.edges,
        ops: operations(listed.ops, listed.inner),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::VERTICES;
    use super::*;
    use crate::Architecture;

    // As many as the paper counts, in all and by vertices.
    #[test]
    fn there_are_as_many_as_published_and_hashes_tell_them_apart() {
        let mut of_vertices = [0; VERTICES + 1];
        let mut before: Option<Module> = None;
        let mut hashes = HashSet::new();
        for place in 0..count() {
            let module = at(place).unwrap();
            let vertices = module.ops.len() + 2;
            of_vertices[vertices] += 1;
            if vertices < VERTICES {
                assert!(hashes.insert(module.hash()), "{module}");
            }
            if let Some(before) = before {
                assert!((before.ops.len(), &before) < (module.ops.len(), &module));
            }
            before = Some(module);
        }
        assert_eq!(of_vertices[2..], [1, 6, 84, 2_441, 62_010, 359_082]);
        assert_eq!(count(), 423_624);
    }

    /// Some modules in all ways to write them: they share a hash and no id, and the first
    /// of them is the one in the list of all.
    #[test]
    fn isomorphic_modules_are_one_in_the_benchmark() {
        let listed: HashSet<Module> = (0..count()).filter_map(at).collect();
        for place in (0..count()).step_by(501) {
            let module = at(place).unwrap();
            let isomorphs = module.isomorphs();
            assert_eq!(isomorphs.first(), Some(&module));
            let ids: HashSet<String> = isomorphs.iter().map(Module::id).collect();
            assert_eq!(ids.len(), isomorphs.len());
            assert!(ids.contains(&format!("nb101-{}", module.hash())));
            for other in &isomorphs {
                assert_eq!(other.hash(), module.hash());
                assert_eq!(other.isomorphs(), isomorphs);
                assert_eq!(listed.contains(other), *other == module, "{other}");
            }
        }
    }
}
