//! From what options weigh to architectures.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Table;

/// An option of each choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The options.
    pub options: Vec<usize>,
    /// The product of what they weigh.
    pub probability: f64,
}

/// All lists of options that weigh something, the most probable first; of equal ones,
/// those with earlier options.
pub fn best_first(weights: &Table) -> impl Iterator<Item = Chosen> {
    // The options of each choice, the likeliest first.
    let orders: Vec<Vec<(f64, usize)>> = weights
        .iter()
        .map(|row| {
            let options = row
                .iter()
                .copied()
                .zip(0..)
                .filter(|(weight, _)| *weight > 0.0);
            let mut order: Vec<(f64, usize)> = options.collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            order
        })
        .collect();
    let mut waiting = BinaryHeap::new();
    if orders.iter().all(|order| !order.is_empty()) {
        waiting.extend(Waiting::of(&orders, vec![0; orders.len()], 0));
    }
    std::iter::from_fn(move || {
        let Waiting {
            probability,
            ranks,
            last,
            options,
        } = waiting.pop()?;
        // Each list is made once: from the one in which its last rank is one less.
        for place in last..ranks.len() {
            let mut next = ranks.clone();
            next[place] += 1;
            waiting.extend(Waiting::of(&orders, next, place));
        }
        Some(Chosen {
            options,
            probability,
        })
    })
}

/// The smallest difference between the first and the second weight of a choice; none
/// where nothing can be chosen.
#[must_use]
pub fn margin(weights: &Table) -> Option<f64> {
    let gap = |row: &Vec<f64>| {
        let mut open: Vec<f64> = row.iter().copied().filter(|&weight| weight > 0.0).collect();
        open.sort_by(|a, b| b.total_cmp(a));
        match open[..] {
            [first, second, ..] => Some(first - second),
            _ => None,
        }
    };
    weights.iter().filter_map(gap).min_by(f64::total_cmp)
}

struct Waiting {
    probability: f64,
    options: Vec<usize>,
    /// The rank of each option in its choice's order.
    ranks: Vec<usize>,
    /// The last place whose rank was raised.
    last: usize,
}

impl Waiting {
    fn of(orders: &[Vec<(f64, usize)>], ranks: Vec<usize>, last: usize) -> Option<Self> {
        let (mut probability, mut options) = (1.0, Vec::with_capacity(ranks.len()));
        for (order, &rank) in orders.iter().zip(&ranks) {
            let &(weight, option) = order.get(rank)?;
            probability *= weight;
            options.push(option);
        }
        Some(Self {
            probability,
            options,
            ranks,
            last,
        })
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_options = || other.options.cmp(&self.options);
        self.probability
            .total_cmp(&other.probability)
            .then_with(by_options)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_lists_come_once_and_in_order() {
        let weights = vec![
            vec![0.5, 0.3, 0.0, 0.2],
            vec![0.25, 0.75],
            vec![0.1, 0.2, 0.7],
        ];
        let found: Vec<Chosen> = best_first(&weights).collect();
        assert_eq!(found.len(), 3 * 2 * 3);
        let distinct: HashSet<&Vec<usize>> = found.iter().map(|chosen| &chosen.options).collect();
        assert_eq!(distinct.len(), found.len());
        assert_eq!(found[0].options, [0, 1, 2]);
        assert!(found.is_sorted_by(|a, b| a.probability >= b.probability));
        let sum: f64 = found.iter().map(|chosen| chosen.probability).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        for Chosen {
            options,
            probability,
        } in &found
        {
            let product: f64 = options
                .iter()
                .zip(&weights)
                .map(|(&o, row)| row[o])
                .product();
            assert_eq!(*probability, product);
        }
        assert!((margin(&weights).unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn equal_ones_come_by_their_options() {
        let found: Vec<Vec<usize>> = best_first(&vec![vec![0.5, 0.5]; 2])
            .map(|chosen| chosen.options)
            .collect();
        assert_eq!(found, [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(margin(&vec![vec![0.5, 0.5]; 2]), Some(0.0));
        assert_eq!(margin(&vec![vec![1.0, 0.0]]), None);
    }
}
