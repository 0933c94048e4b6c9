//! Extremely randomised trees (Geurts, Ernst & Wehenkel 2006): at every node
//! some features are drawn, for each of them one threshold between its least
//! and its largest value there, and the split that leaves the least variance is
//! taken. Each tree learns a resample of the labelled candidates, so that those
//! it has not seen say what it is worth.
//!
//! The deviation of a prediction is that between the trees.

use knas_stats::random::{Stream, stream};

use crate::scale::moments;
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample, check};

/// A forest that is to be grown.
#[derive(Clone, Copy, Debug)]
pub struct Forest {
    /// How many trees.
    pub trees: usize,
    /// The share of the features that is tried at a node.
    pub tried: f64,
    /// Nodes with fewer candidates than twice this are not split.
    pub leaf: usize,
}

impl Default for Forest {
    fn default() -> Self {
        Self {
            trees: 200,
            tried: 0.4,
            leaf: 1,
        }
    }
}

impl Model for Forest {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn fit(
        &self,
        _layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError> {
        check(samples, labels)?;
        let width = samples[0].values.len();
        let features: Vec<usize> = (0..width)
            .filter(|&f| samples.iter().any(|s| s.values[f] != samples[0].values[f]))
            .collect();
        if features.is_empty() {
            return Err(FitError::NoFeatures);
        }
        let count = samples.len();
        let mut trees = Vec::with_capacity(self.trees);
        let mut unseen: Vec<Vec<f64>> = vec![Vec::new(); count];
        for number in 0..self.trees {
            let mut random = stream(seed, "forest", &[(number as u64).into()]);
            let drawn: Vec<usize> = (0..count)
                .map(|_| random.below(count as u64) as usize)
                .collect();
            let mut growing = Growing {
                forest: self,
                samples,
                labels,
                features: features.clone(),
                random,
                tree: Tree::default(),
            };
            growing.grow(drawn.clone());
            let tree = growing.tree;
            let mut seen = vec![false; count];
            drawn.iter().for_each(|&place| seen[place] = true);
            for place in (0..count).filter(|&place| !seen[place]) {
                unseen[place].push(tree.value(&samples[place].values));
            }
            trees.push(tree);
        }
        let rest = moments(labels);
        let left_out = unseen
            .iter()
            .map(|values| {
                let (mean, std) = if values.is_empty() {
                    rest
                } else {
                    moments(values)
                };
                Prediction { mean, std }
            })
            .collect();
        Ok(Box::new(FittedForest { trees, left_out }))
    }
}

/// A node: a split, whose smaller half comes next, or a leaf.
#[derive(Clone, Copy, Debug)]
enum Node {
    Split {
        feature: usize,
        threshold: f64,
        /// Where the node for larger values is.
        larger: usize,
    },
    Leaf(f64),
}

#[derive(Debug, Default)]
struct Tree(Vec<Node>);

impl Tree {
    fn value(&self, values: &[f64]) -> f64 {
        let mut place = 0;
        loop {
            match self.0[place] {
                Node::Leaf(value) => return value,
                Node::Split {
                    feature,
                    threshold,
                    larger,
                } => {
                    place = if values[feature] <= threshold {
                        place + 1
                    } else {
                        larger
                    };
                }
            }
        }
    }
}

struct Growing<'g> {
    forest: &'g Forest,
    samples: &'g [Sample],
    labels: &'g [f64],
    /// The features that differ, in an order that drawing changes.
    features: Vec<usize>,
    random: Stream,
    tree: Tree,
}

impl Growing<'_> {
    fn grow(&mut self, places: Vec<usize>) {
        let Some((feature, threshold)) = self.split(&places) else {
            let sum: f64 = places.iter().map(|&place| self.labels[place]).sum();
            self.tree.0.push(Node::Leaf(sum / places.len() as f64));
            return;
        };
        let samples = self.samples;
        let (smaller, larger): (Vec<usize>, Vec<usize>) = places
            .into_iter()
            .partition(|&place| samples[place].values[feature] <= threshold);
        let node = self.tree.0.len();
        self.tree.0.push(Node::Leaf(0.0));
        self.grow(smaller);
        self.tree.0[node] = Node::Split {
            feature,
            threshold,
            larger: self.tree.0.len(),
        };
        self.grow(larger);
    }

    /// The best of the splits that are tried.
    fn split(&mut self, places: &[usize]) -> Option<(usize, f64)> {
        let first = self.labels[*places.first()?];
        if places.len() < 2 * self.forest.leaf.max(1)
            || places.iter().all(|&place| self.labels[place] == first)
        {
            return None;
        }
        let width = self.features.len();
        let tried = ((width as f64 * self.forest.tried).ceil() as usize).clamp(1, width);
        let mut best: Option<(f64, usize, f64)> = None;
        let mut useful = 0;
        for drawn in 0..width {
            let other = drawn + self.random.below((width - drawn) as u64) as usize;
            self.features.swap(drawn, other);
            let feature = self.features[drawn];
            let value = |place: &usize| self.samples[*place].values[feature];
            let low = places.iter().map(value).fold(f64::INFINITY, f64::min);
            let high = places.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            if low >= high {
                continue; // It is equal here, and does not count as tried.
            }
            let share = f64::from(self.random.uniform());
            let threshold = (low + share * (high - low)).min(high.next_down());
            if let Some(gain) = self.gain(places, feature, threshold)
                && best.is_none_or(|(most, ..)| gain > most)
            {
                best = Some((gain, feature, threshold));
            }
            useful += 1;
            if useful == tried {
                break;
            }
        }
        best.map(|(_, feature, threshold)| (feature, threshold))
    }

    /// How much of the sum of squares a split takes away, less what no split
    /// changes; none where a side would be too small.
    fn gain(&self, places: &[usize], feature: usize, threshold: f64) -> Option<f64> {
        let (mut count, mut sum, mut all) = (0usize, 0.0, 0.0);
        for &place in places {
            let label = self.labels[place];
            all += label;
            if self.samples[place].values[feature] <= threshold {
                count += 1;
                sum += label;
            }
        }
        let rest = places.len() - count;
        let least = self.forest.leaf.max(1);
        (count >= least && rest >= least)
            .then(|| sum * sum / count as f64 + (all - sum).powi(2) / rest as f64)
    }
}

struct FittedForest {
    trees: Vec<Tree>,
    left_out: Vec<Prediction>,
}

impl Fitted for FittedForest {
    fn predict(&self, sample: &Sample) -> Prediction {
        let values: Vec<f64> = self.trees.iter().map(|t| t.value(&sample.values)).collect();
        let (mean, std) = moments(&values);
        Prediction { mean, std }
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}
