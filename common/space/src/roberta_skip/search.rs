//! Layouts at random, and their neighbours.

use std::collections::HashSet;

use knas_stats::random::{Stream, stream};

use super::{Backbone, Combination, Layout, Link};

/// How far a layout may be from its backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Extra connections, at most.
    pub links: usize,
    /// Layers left out, at most; one is always kept.
    pub left_out: usize,
}

impl Limits {
    fn hold(self, layout: &Layout) -> bool {
        layout.links().len() <= self.links && left_out(layout) <= self.left_out
    }

    /// How many layouts over `backbone` there are within the limits; as many as
    /// the type holds where there are more.
    fn count(self, backbone: &Backbone) -> u128 {
        let without = |left_out: usize| {
            let pairs = possible_links(backbone.layers - left_out).count();
            let linked = (1..=self.links.min(pairs))
                .map(|links| choices(pairs, links))
                .fold(0, u128::saturating_add);
            let combined = linked.saturating_mul(Combination::ALL.len() as u128);
            choices(backbone.layers, left_out).saturating_mul(combined.saturating_add(1))
        };
        (0..=self.left_out.min(backbone.layers - 1))
            .map(without)
            .fold(0, u128::saturating_add)
    }
}

fn left_out(layout: &Layout) -> usize {
    layout.backbone().layers - layout.layers().len()
}

/// Binomial coefficient, or the largest number where that is more.
fn choices(of: usize, chosen: usize) -> u128 {
    let mut found: u128 = 1;
    for place in 0..chosen.min(of - chosen) {
        match found.checked_mul((of - place) as u128) {
            Some(product) => found = product / (place as u128 + 1),
            None => return u128::MAX,
        }
    }
    found
}

/// Every link that a network of `layers` layers can have.
fn possible_links(layers: usize) -> impl Iterator<Item = Link> {
    (2..=layers + 1).flat_map(|target| (0..=target - 2).map(move |source| Link { target, source }))
}

/// Distinct layouts over `backbone` within `limits`, until there are no more.
///
/// Each is drawn in steps: how many layers are left out, each number up to the
/// limit as likely as another; which; how many links there are, again each
/// number as likely; which; mean or sum. What was drawn before is drawn again.
pub fn sample(backbone: Backbone, limits: Limits, seed: u64) -> impl Iterator<Item = Layout> {
    let name = backbone.to_string();
    let mut random = stream(seed, "roberta-skip sample", &[name.as_str().into()]);
    let all = limits.count(&backbone);
    let mut seen = HashSet::new();
    std::iter::from_fn(move || {
        while (seen.len() as u128) < all {
            let layout = draw(&backbone, limits, &mut random)?;
            if seen.insert(layout.clone()) {
                return Some(layout);
            }
        }
        None
    })
}

fn draw(backbone: &Backbone, limits: Limits, random: &mut Stream) -> Option<Layout> {
    let up_to = |random: &mut Stream, most: usize| random.below(most as u64 + 1) as usize;
    let left_out = up_to(random, limits.left_out.min(backbone.layers - 1));
    let mut layers = random.choose(backbone.layers, backbone.layers - left_out);
    layers.sort_unstable();
    layers.iter_mut().for_each(|layer| *layer += 1);

    let possible: Vec<Link> = possible_links(layers.len()).collect();
    let links = up_to(random, limits.links.min(possible.len()));
    let links = random.choose(possible.len(), links);
    let links = links.into_iter().map(|place| possible[place]).collect();
    let combination = Combination::ALL[usize::from(random.coin())];
    Layout::new(*backbone, layers, links, combination)
}

/// One decision taken otherwise.
#[derive(Debug, Clone, Copy)]
enum Change {
    Add(Link, Combination),
    Remove(Link),
    Combine(Combination),
    /// Leaves out the layer at a node, and with it the links that start or end
    /// there or no longer reach over a node.
    LeaveOut(usize),
    /// Puts back the layer of a number in the backbone, without links.
    PutBack(usize),
}

/// The layouts that differ from `layout` in one decision: a link more or less,
/// the other combination, a layer more or less. None is further from the
/// backbone than `limits` and `layout` itself allow.
pub fn neighbours(layout: Layout, limits: Limits, seed: u64) -> impl Iterator<Item = Layout> {
    let name = layout.to_string();
    let changes = changes(&layout);
    let order = stream(seed, "roberta-skip mutants", &[name.as_str().into()])
        .choose(changes.len(), changes.len());
    let limits = Limits {
        links: limits.links.max(layout.links().len()),
        left_out: limits.left_out.max(left_out(&layout)),
    };
    let changed = order
        .into_iter()
        .filter_map(move |place| apply(&layout, changes[place]));
    changed.filter(move |changed| limits.hold(changed))
}

fn changes(layout: &Layout) -> Vec<Change> {
    let links = layout.links();
    let absent = possible_links(layout.layers().len()).filter(|link| !links.contains(link));
    let combinations = match links.is_empty() {
        true => &Combination::ALL[..],
        false => &[layout.combination()],
    };
    let mut found: Vec<Change> = absent
        .flat_map(|link| combinations.iter().map(move |&by| Change::Add(link, by)))
        .collect();
    found.extend(links.iter().map(|&link| Change::Remove(link)));
    if !links.is_empty() {
        let others = Combination::ALL.into_iter();
        found.extend(
            others
                .filter(|&other| other != layout.combination())
                .map(Change::Combine),
        );
    }
    if layout.layers().len() > 1 {
        found.extend((1..layout.head()).map(Change::LeaveOut));
    }
    let missing = (1..=layout.backbone().layers).filter(|layer| !layout.layers().contains(layer));
    found.extend(missing.map(Change::PutBack));
    found
}

fn apply(layout: &Layout, change: Change) -> Option<Layout> {
    let mut layers = layout.layers().to_vec();
    let mut links = layout.links().to_vec();
    let mut combination = layout.combination();
    match change {
        Change::Add(link, by) => {
            links.push(link);
            combination = by;
        }
        Change::Remove(gone) => links.retain(|&link| link != gone),
        Change::Combine(by) => combination = by,
        Change::LeaveOut(node) => {
            layers.remove(node - 1);
            let before = |at: usize| at - usize::from(at > node);
            links.retain(|link| link.source != node && link.target != node);
            for link in &mut links {
                *link = Link {
                    target: before(link.target),
                    source: before(link.source),
                };
            }
            links.retain(|link| link.source + 2 <= link.target);
        }
        Change::PutBack(layer) => {
            let place = layers.partition_point(|&kept| kept < layer);
            layers.insert(place, layer);
            let after = |at: usize| at + usize::from(at > place);
            for link in &mut links {
                *link = Link {
                    target: after(link.target),
                    source: after(link.source),
                };
            }
        }
    }
    Layout::new(*layout.backbone(), layers, links, combination)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::layouts;
    use super::*;

    const TINY: &str = "tiny:1|2|3|4|head";

    fn limits(links: usize, left_out: usize) -> Limits {
        Limits { links, left_out }
    }

    fn texts(layouts: impl Iterator<Item = Layout>) -> Vec<String> {
        layouts.map(|layout| layout.to_string()).collect()
    }

    fn drawn(name: &str, limits: Limits, seed: u64, count: usize) -> Vec<String> {
        let backbone = Backbone::preset(name).unwrap();
        texts(sample(backbone, limits, seed).take(count))
    }

    /// Every layout over `tiny` whose notation these words can make.
    fn all_of_tiny(limits: Limits) -> HashSet<Layout> {
        let mut all = HashSet::new();
        let backbone = Backbone::preset("tiny").unwrap();
        for kept in 0..1 << backbone.layers {
            let layers: Vec<usize> = (1..=4)
                .filter(|layer| kept >> (layer - 1) & 1 == 1)
                .collect();
            let possible: Vec<Link> = possible_links(layers.len()).collect();
            for set in 0..1 << possible.len() {
                let links = possible.iter().enumerate();
                let links: Vec<Link> = links
                    .filter_map(|(place, &link)| (set >> place & 1 == 1).then_some(link))
                    .collect();
                for by in Combination::ALL {
                    let layout = Layout::new(backbone, layers.clone(), links.clone(), by);
                    all.extend(layout.filter(|layout| limits.hold(layout)));
                }
            }
        }
        all
    }

    #[test]
    fn a_sample_goes_on_until_every_layout_was_drawn_once() {
        for limits in [
            limits(0, 0),
            limits(2, 0),
            limits(0, 3),
            limits(1, 9),
            limits(99, 99),
        ] {
            let all = all_of_tiny(limits);
            let backbone = Backbone::preset("tiny").unwrap();
            assert_eq!(limits.count(&backbone), all.len() as u128);
            let drawn: Vec<Layout> = sample(backbone, limits, 3).collect();
            assert_eq!(drawn.len(), all.len());
            assert_eq!(drawn.into_iter().collect::<HashSet<_>>(), all);
        }
    }

    #[test]
    fn a_count_beyond_all_numbers_is_the_largest() {
        let large = Backbone::preset("roberta-large").unwrap();
        assert_eq!(limits(300, 24).count(&large), u128::MAX);
        assert_eq!(limits(2, 0).count(&large), 1 + 2 * (300 + 300 * 299 / 2));
    }

    #[test]
    fn a_smaller_sample_begins_a_larger_one() {
        let draw = |seed, count| drawn("roberta-large", limits(4, 2), seed, count);
        assert_eq!(draw(1, 50), draw(1, 100)[..50]);
        assert_ne!(draw(1, 50), draw(2, 50));
    }

    // With the Python functions that stand above the tests of knas_stats::random:
    // w = words(0, 'roberta-skip sample', 'minilm')
    // def draw(links, drop):
    //     keep = 6 - below(w, drop + 1)
    //     layers = sorted(x + 1 for x in choose(w, 6, keep))
    //     pairs = [(t, s) for t in range(2, keep + 2) for s in range(t - 1)]
    //     chosen = sorted(pairs[p] for p in choose(w, len(pairs), below(w, min(links, len(pairs)) + 1)))
    //     word = ['mean', 'sum'][next(w) & 1]
    //     name = lambda n: str(([0] + layers)[n])
    //     nodes = [(name(t) if t <= keep else 'head') +
    //              ''.join('~' + name(s) for u, s in chosen if u == t) for t in range(1, keep + 2)]
    //     return 'minilm:' + '|'.join(nodes) + (':' + word if chosen else '')
    // for _ in range(3): print(draw(4, 2))
    #[test]
    fn what_a_seed_draws_stays_what_it_is() {
        assert_eq!(
            drawn("minilm", limits(4, 2), 0, 3),
            [
                "minilm:1|4|5|6~0|head~1:sum",
                "minilm:1|2~0|3|4|5|6|head:sum",
                "minilm:1|2|3~0|4~2|5|6~0|head~2:mean",
            ]
        );
    }

    #[test]
    fn neighbours_are_one_decision_away() {
        let near = |text: &str, limits| {
            let layout: Layout = text.parse().unwrap();
            let mut all = texts(neighbours(layout, limits, 0));
            all.sort();
            all
        };
        assert_eq!(
            near("tiny:2|3|head", limits(1, 2)),
            [
                "tiny:1|2|3|head",
                "tiny:2|3|4|head",
                "tiny:2|3|head~0:mean",
                "tiny:2|3|head~0:sum",
                "tiny:2|3|head~2:mean",
                "tiny:2|3|head~2:sum",
                "tiny:2|3~0|head:mean",
                "tiny:2|3~0|head:sum",
            ]
        );
        // With 2 gone 3~1 reaches over nothing, and with 1 gone nothing takes it.
        assert_eq!(
            near("tiny:1|2|3~1|head~1:sum", limits(0, 2)),
            [
                "tiny:1|2|3|head~1:sum",
                "tiny:1|2|3~1|4|head~1:sum",
                "tiny:1|2|3~1|head:sum",
                "tiny:1|2|3~1|head~1:mean",
                "tiny:1|2|head~1:sum",
                "tiny:1|3|head~1:sum",
                "tiny:2|3|head",
            ]
        );
        assert_eq!(near(TINY, limits(0, 0)), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn neighbours_are_distinct_others_and_keep_to_the_limits(
            layout in layouts(), seed: u64, links in 0_usize..9, left_out in 0_usize..4,
        ) {
            let wanted = limits(links, left_out);
            let mut seen = HashSet::from([layout.clone()]);
            for near in neighbours(layout.clone(), wanted, seed).take(50) {
                prop_assert!(near.links().len() <= links.max(layout.links().len()));
                let gone = |layout: &Layout| super::left_out(layout);
                prop_assert!(gone(&near) <= left_out.max(gone(&layout)));
                prop_assert!(seen.insert(near));
            }
        }

        #[test]
        fn a_link_that_was_added_can_be_taken_away(layout in layouts(), seed: u64) {
            let wide = limits(usize::MAX, usize::MAX);
            let more = neighbours(layout.clone(), wide, seed)
                .find(|near| near.links().len() == layout.links().len() + 1);
            if let Some(more) = more {
                prop_assert!(neighbours(more, wide, seed).any(|near| near == layout));
            }
        }
    }
}
