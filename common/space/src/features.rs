//! Numbers that describe an architecture to a predictor: how often it takes
//! which operation, and how its paths run. They are exact and take microseconds.
//!
//! A space says what its architectures are as a [`Flow`] and as [`Decision`]s;
//! everything here is computed from those.

/// The operations between input and output, as a graph. Two flows that differ
/// only in the numbers of their nodes have the same features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The operations that edges may have, which all architectures of a space share.
    pub operations: &'static [&'static str],
    /// Nodes: 0 is the input, the last one the output.
    pub nodes: usize,
    /// What joins them, towards nodes of larger numbers.
    pub edges: Vec<FlowEdge>,
}

/// One operation of a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowEdge {
    /// The node that it reads.
    pub source: usize,
    /// The node that it adds to.
    pub target: usize,
    /// Its place in [`Flow::operations`].
    pub operation: usize,
}

/// One choice that makes an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is chosen, such as `edge 1←0`.
    pub name: String,
    /// What there is to choose from.
    pub options: &'static [&'static str],
    /// The place of the choice among the options.
    pub choice: usize,
}

/// A number and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Its name: `count:nor_conv_3x3`, `edge 1←0:none`, …
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl Feature {
    fn new(name: String, value: usize) -> Self {
        let value = value as f64;
        Self { name, value }
    }
}

impl Flow {
    /// The flow without the edges that lie on no path from input to output.
    #[must_use]
    pub fn live(&self) -> Self {
        let mut edges = self.edges.clone();
        edges.sort_unstable_by_key(|edge| (edge.target, edge.source, edge.operation));
        let mut reached = vec![false; self.nodes];
        let mut reaching = vec![false; self.nodes];
        if self.nodes > 0 {
            reached[0] = true;
            reaching[self.nodes - 1] = true;
        }
        for edge in &edges {
            reached[edge.target] |= reached[edge.source];
        }
        for edge in edges.iter().rev() {
            reaching[edge.source] |= reaching[edge.target];
        }
        edges.retain(|edge| reached[edge.source] && reaching[edge.target]);
        Self {
            operations: self.operations,
            nodes: self.nodes,
            edges,
        }
    }

    /// The largest (or with `least` the smallest) sum of weights along a path
    /// from input to output; none where there is no path.
    fn path(&self, least: bool, weight: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let mut sums: Vec<Option<usize>> = vec![None; self.nodes];
        *sums.first_mut()? = Some(0);
        // In the order of targets, so that a source is done before it is read.
        for edge in &self.edges {
            let (Some(sum), Some(weight)) = (sums[edge.source], weight(edge.operation)) else {
                continue;
            };
            let (sum, known) = (sum + weight, sums[edge.target]);
            sums[edge.target] = Some(match known {
                None => sum,
                Some(known) if least => known.min(sum),
                Some(known) => known.max(sum),
            });
        }
        sums.last().copied().flatten()
    }
}

/// How many live edges have each operation.
#[must_use]
pub fn counts(flow: &Flow) -> Vec<Feature> {
    let live = flow.live();
    let count = |op: usize| {
        live.edges
            .iter()
            .filter(|edge| edge.operation == op)
            .count()
    };
    let named = flow.operations.iter().enumerate();
    named
        .map(|(op, name)| Feature::new(format!("count:{name}"), count(op)))
        .collect()
}

/// Neural graph features (Kadlecová et al., *Surprisingly Strong Performance
/// Prediction with Neural Graph Features*, ICML 2024), over the live edges. For
/// every set of operations: the shortest and the longest path that keeps to
/// them, the most and the fewest of them along any path, and how many of them
/// leave the input and enter the output.
///
/// Where no path keeps to the set, the shortest counts as long as there are
/// nodes, and the longest as 0. With more than four operations the sets are
/// the single ones, the pairs, and all but one.
#[must_use]
pub fn graf(flow: &Flow) -> Vec<Feature> {
    let live = flow.live();
    let output = live.nodes.saturating_sub(1);
    let mut features = Vec::new();
    for set in sets(live.operations.len()) {
        let has = |operation: usize| set >> operation & 1 == 1;
        let within = |operation| has(operation).then_some(1);
        let counted = |operation| Some(usize::from(has(operation)));
        let leave = |edge: &&FlowEdge| edge.source == 0 && has(edge.operation);
        let enter = |edge: &&FlowEdge| edge.target == output && has(edge.operation);
        let values = [
            ("shortest", live.path(true, within).unwrap_or(live.nodes)),
            ("longest", live.path(false, within).unwrap_or(0)),
            ("most", live.path(false, counted).unwrap_or(0)),
            ("fewest", live.path(true, counted).unwrap_or(live.nodes)),
            ("leave", live.edges.iter().filter(leave).count()),
            ("enter", live.edges.iter().filter(enter).count()),
        ];
        let chosen = live.operations.iter().enumerate();
        let chosen = chosen.filter(|(op, _)| has(*op)).map(|(_, name)| *name);
        let chosen = chosen.collect::<Vec<_>>().join("+");
        for (what, value) in values {
            features.push(Feature::new(format!("{what}:{chosen}"), value));
        }
    }
    features
}

/// Sets of operations, as bits.
fn sets(operations: usize) -> Vec<u64> {
    let all = (1u64 << operations.min(63)) - 1;
    if operations <= 4 {
        return (1..=all).collect();
    }
    let one = |op: usize| 1u64 << op;
    let mut sets: Vec<u64> = (0..operations).map(one).collect();
    for first in 0..operations {
        sets.extend((first + 1..operations).map(|second| one(first) | one(second)));
    }
    sets.extend((0..operations).map(|op| all & !one(op)));
    sets.push(all);
    sets
}

/// For every decision and every option, 1 where it is the choice and 0 elsewhere.
#[must_use]
pub fn one_hot(decisions: &[Decision]) -> Vec<Feature> {
    let mut features = Vec::new();
    for decision in decisions {
        for (place, option) in decision.options.iter().enumerate() {
            let name = format!("{}:{option}", decision.name);
            features.push(Feature::new(name, usize::from(place == decision.choice)));
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::nb201::Cell;
    use crate::{Architecture, spaces};

    const OPERATIONS: &[&str] = &["a", "b"];

    fn flow(nodes: usize, edges: &[(usize, usize, usize)]) -> Flow {
        let edge = |&(source, target, operation): &_| FlowEdge {
            source,
            target,
            operation,
        };
        Flow {
            operations: OPERATIONS,
            nodes,
            edges: edges.iter().map(edge).collect(),
        }
    }

    fn value(features: &[Feature], name: &str) -> f64 {
        features.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn paths_of_a_small_flow_are_those_counted_by_hand() {
        // 0 -a-> 1 -a-> 3, 0 -b-> 2 -a-> 3, 0 -b-> 3; 1 -b-> 2; and 4 is not reached.
        let edges = [
            (0, 1, 0),
            (1, 3, 0),
            (0, 2, 1),
            (2, 3, 0),
            (0, 3, 1),
            (1, 2, 1),
        ];
        let features = graf(&flow(4, &edges));
        for (name, expected) in [
            ("shortest:a", 2.0),
            ("longest:a", 2.0),
            ("shortest:b", 1.0),
            ("longest:b", 1.0),
            ("shortest:a+b", 1.0),
            ("longest:a+b", 3.0),
            ("most:a", 2.0),
            ("fewest:a", 0.0),
            ("most:b", 1.0),
            ("fewest:b", 0.0),
            ("leave:a", 1.0),
            ("leave:b", 2.0),
            ("enter:a", 2.0),
            ("enter:b", 1.0),
        ] {
            assert_eq!(value(&features, name), expected, "{name}");
        }
        assert_eq!(value(&counts(&flow(4, &edges)), "count:a"), 3.0);
    }

    #[test]
    fn edges_that_reach_nothing_do_not_count() {
        let whole = flow(4, &[(0, 1, 0), (1, 3, 1)]);
        let more = flow(4, &[(0, 1, 0), (1, 3, 1), (0, 2, 0), (2, 2 + 1, 1)]);
        let dead = flow(5, &[(0, 1, 0), (1, 4, 1), (0, 2, 0), (3, 4, 1)]);
        assert_ne!(graf(&whole), graf(&more));
        assert_eq!(counts(&whole), counts(&dead));
        assert_eq!(value(&graf(&dead), "leave:a"), 1.0);
        let none = flow(4, &[(0, 1, 0)]);
        assert_eq!(value(&graf(&none), "shortest:a+b"), 4.0);
        assert_eq!(value(&graf(&none), "longest:a+b"), 0.0);
    }

    /// Every path from input to output, as its operations.
    fn paths(flow: &Flow, node: usize) -> Vec<Vec<usize>> {
        if node + 1 == flow.nodes {
            return vec![Vec::new()];
        }
        let mut found = Vec::new();
        for edge in flow.edges.iter().filter(|edge| edge.source == node) {
            for mut rest in paths(flow, edge.target) {
                rest.insert(0, edge.operation);
                found.push(rest);
            }
        }
        found
    }

    fn flows() -> impl Strategy<Value = Flow> {
        let edge = (0usize..5, 1usize..6, 0usize..2);
        prop::collection::vec(edge, 0..12).prop_map(|edges| {
            let forward: Vec<_> = edges.into_iter().filter(|(s, t, _)| s < t).collect();
            flow(6, &forward)
        })
    }

    proptest! {
        #[test]
        fn paths_are_those_of_the_enumeration(flow in flows()) {
            let features = graf(&flow);
            let all = paths(&flow, 0);
            for (set, name) in [(1u64, "a"), (2, "b"), (3, "a+b")] {
                let has = |op: &&usize| set >> **op & 1 == 1;
                let kept = all.iter().filter(|path| path.iter().all(|op| has(&op)));
                let lengths: Vec<usize> = kept.map(Vec::len).collect();
                let of: Vec<usize> = all.iter().map(|path| path.iter().filter(has).count()).collect();
                let get = |what: &str| value(&features, &format!("{what}:{name}")) as usize;
                prop_assert_eq!(get("shortest"), lengths.iter().copied().min().unwrap_or(6));
                prop_assert_eq!(get("longest"), lengths.iter().copied().max().unwrap_or(0));
                prop_assert_eq!(get("most"), of.iter().copied().max().unwrap_or(0));
                prop_assert_eq!(get("fewest"), of.iter().copied().min().unwrap_or(6));
            }
        }

        #[test]
        fn numbers_of_nodes_do_not_matter(flow in flows(), seed in any::<u64>()) {
            // Another order of the inner nodes that keeps edges forward: sort
            // them by depth, then by a key that the seed gives.
            let mut depth = [0usize; 6];
            let mut edges = flow.edges.clone();
            edges.sort_by_key(|edge| edge.target);
            for edge in &edges {
                depth[edge.target] = depth[edge.target].max(depth[edge.source] + 1);
            }
            let mut order: Vec<usize> = (1..5).collect();
            order.sort_by_key(|&node| (depth[node], seed.rotate_left(node as u32 * 13) & 0xff));
            let mut number: HashMap<usize, usize> = order.into_iter().zip(1..).collect();
            number.insert(0, 0);
            number.insert(5, 5);
            let mut other = flow.clone();
            for edge in &mut other.edges {
                *edge = FlowEdge { source: number[&edge.source], target: number[&edge.target], ..*edge };
            }
            prop_assume!(other.edges.iter().all(|edge| edge.source < edge.target));
            prop_assert_eq!(graf(&flow), graf(&other));
            prop_assert_eq!(counts(&flow), counts(&other));
        }
    }

    #[test]
    fn sets_are_all_of_few_and_some_of_many() {
        assert_eq!(sets(2), [1, 2, 3]);
        assert_eq!(sets(4).len(), 15);
        assert_eq!(sets(7).len(), 7 + 21 + 7 + 1);
    }

    #[test]
    fn names_of_features_are_distinct_and_the_same_throughout_a_space() {
        for space in spaces() {
            let mut first: Option<Vec<String>> = None;
            for one in space.sample(0).take(20) {
                let Some(flow) = one.flow() else { continue };
                assert!(flow.edges.iter().all(|edge| edge.source < edge.target));
                let names: Vec<String> = counts(&flow)
                    .into_iter()
                    .chain(graf(&flow))
                    .map(|feature| feature.name)
                    .collect();
                let distinct: std::collections::HashSet<&String> = names.iter().collect();
                assert_eq!(distinct.len(), names.len(), "{}", space.name());
                assert_eq!(first.get_or_insert_with(|| names.clone()), &names);
            }
        }
    }

    #[test]
    fn a_cell_is_one_hot_on_every_edge() {
        let cell = Cell::from_index(6111).unwrap();
        let hot = one_hot(&cell.decisions());
        assert_eq!(hot.len(), 30);
        assert_eq!(hot.iter().map(|feature| feature.value).sum::<f64>(), 6.0);
        assert_eq!(value(&hot, "edge 3←0:skip_connect"), 1.0);
    }
}
