//! A graph convolutional network over an architecture's graph (Wen et al.,
//! *Neural Predictor for Neural Architecture Search*, ECCV 2020).
//!
//! Nodes are the input, every live operation, and the output, each one-hot by
//! what it is; operation b follows a where it reads the node that a adds to. A
//! layer is H' = ½(ReLU(ÂHW₁) + ReLU(B̂HW₂)), Â being the adjacency with loops,
//! its rows summing to 1, and B̂ the same of its transpose. The mean over the
//! nodes, with the standardised scores beside it, goes through one hidden layer.
//!
//! It is small enough that its gradient is written out here, in double
//! precision, so that no tool needs libtorch for it. Several networks are
//! trained, each without one part of the labelled candidates; the prediction is
//! their mean, its deviation that between them, and each part is predicted by
//! the one that has not seen it.

mod network;

use knas_space::Flow;
use knas_stats::random::stream;
use nalgebra::{DMatrix, DVector};

use crate::scale::{Scale, moments};
use crate::{FitError, Fitted, Layout, Model, Prediction, Sample, check};

pub use network::{Network, Sizes};

/// How graph networks are trained.
#[derive(Clone, Copy, Debug)]
pub struct Gcn {
    /// How many, which is also the number of parts; fewer where labels are.
    pub networks: usize,
    /// Convolutions.
    pub layers: usize,
    /// Values of a node.
    pub width: usize,
    /// Values of the hidden layer.
    pub hidden: usize,
    /// Passes over the labelled candidates.
    pub epochs: usize,
    /// Candidates in a step.
    pub batch: usize,
    /// Adam's learning rate, which falls to 0 by a cosine.
    pub rate: f64,
    /// The factor of the weights that is added to their gradient.
    pub decay: f64,
}

impl Default for Gcn {
    fn default() -> Self {
        Self {
            networks: 5,
            layers: 4,
            width: 32,
            hidden: 32,
            epochs: 120,
            batch: 8,
            rate: 3e-3,
            decay: 3e-4,
        }
    }
}

/// One candidate as a network sees it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Nodes × types, one-hot.
    nodes: DMatrix<f64>,
    /// Â: the mean of a node and those that follow it.
    forward: DMatrix<f64>,
    /// B̂: the mean of a node and those that it follows.
    backward: DMatrix<f64>,
    /// Standardised scores.
    scores: DVector<f64>,
}

impl Graph {
    /// The graph of a flow's live operations.
    #[must_use]
    pub fn new(flow: &Flow, scores: Vec<f64>) -> Self {
        let live = flow.live();
        let count = live.edges.len() + 2;
        let (input, output) = (0, count - 1);
        let mut nodes = DMatrix::zeros(count, live.operations.len() + 2);
        let mut follows = DMatrix::identity(count, count);
        nodes[(input, 0)] = 1.0;
        nodes[(output, live.operations.len() + 1)] = 1.0;
        for (place, edge) in live.edges.iter().enumerate() {
            nodes[(place + 1, edge.operation + 1)] = 1.0;
            if edge.source == 0 {
                follows[(input, place + 1)] = 1.0;
            }
            if edge.target + 1 == live.nodes {
                follows[(place + 1, output)] = 1.0;
            }
            for (later, other) in live.edges.iter().enumerate() {
                if other.source == edge.target {
                    follows[(place + 1, later + 1)] = 1.0;
                }
            }
        }
        Self {
            nodes,
            backward: with_rows_of_one(follows.transpose()),
            forward: with_rows_of_one(follows),
            scores: DVector::from_vec(scores),
        }
    }
}

fn with_rows_of_one(mut matrix: DMatrix<f64>) -> DMatrix<f64> {
    for mut row in matrix.row_iter_mut() {
        let sum = row.sum();
        row /= sum;
    }
    matrix
}

impl Model for Gcn {
    fn name(&self) -> &'static str {
        "gcn"
    }

    fn fit(
        &self,
        layout: &Layout,
        samples: &[Sample],
        labels: &[f64],
        seed: u64,
    ) -> Result<Box<dyn Fitted>, FitError> {
        check(samples, labels)?;
        // Without scores, or where none of them differs, there is the graph alone.
        let scale = Scale::new(samples).ok();
        let view = View {
            scores: scale
                .as_ref()
                .map_or(0..0, |scale| scale.within(&layout.scores)),
            scale,
        };
        let graphs: Option<Vec<Graph>> = samples.iter().map(|sample| view.graph(sample)).collect();
        let without = samples.iter().position(|sample| sample.flow.is_none());
        let graphs = graphs.ok_or(FitError::NoGraph(without.unwrap_or_default()))?;
        let (mean, deviation) = moments(labels);
        let standard: Vec<f64> = labels.iter().map(|l| (l - mean) / deviation).collect();
        let parts = self.networks.clamp(2, labels.len());
        let order = stream(seed, "gcn parts", &[]).choose(labels.len(), labels.len());
        let mut part = vec![0; labels.len()];
        order
            .iter()
            .enumerate()
            .for_each(|(at, &place)| part[place] = at % parts);
        let sizes = Sizes {
            types: graphs[0].nodes.ncols(),
            scores: view.scores.len(),
            layers: self.layers,
            width: self.width,
            hidden: self.hidden,
        };
        let mut networks = Vec::with_capacity(parts);
        for number in 0..parts {
            let seen: Vec<usize> = (0..labels.len()).filter(|&at| part[at] != number).collect();
            let mut network = Network::new(sizes, seed, number as u64);
            self.train(
                &mut network,
                &graphs,
                &standard,
                &seen,
                (seed, number as u64),
            );
            networks.push(network);
        }
        let values = |graph: &Graph| -> Vec<f64> {
            let outputs = networks.iter().map(|network| network.value(graph));
            outputs.map(|output| mean + deviation * output).collect()
        };
        let left_out = graphs.iter().zip(&part).map(|(graph, &part)| {
            let values = values(graph);
            Prediction {
                mean: values[part],
                std: moments(&values).1,
            }
        });
        let left_out = left_out.collect();
        Ok(Box::new(FittedGcn {
            view,
            networks,
            mean,
            deviation,
            left_out,
        }))
    }
}

impl Gcn {
    /// Trains with Adam (Kingma & Ba 2015) on the mean squared error.
    fn train(
        &self,
        network: &mut Network,
        graphs: &[Graph],
        labels: &[f64],
        seen: &[usize],
        (seed, number): (u64, u64),
    ) {
        let batch = self.batch.max(1);
        let steps = (self.epochs * seen.len().div_ceil(batch)) as f64;
        let mut first = network.zeros();
        let mut second = network.zeros();
        let mut step = 0i32;
        for epoch in 0..self.epochs as u64 {
            let order = stream(seed, "gcn order", &[number.into(), epoch.into()])
                .choose(seen.len(), seen.len());
            for batch in order.chunks(batch) {
                // Gradients begin at zero in every step.
                let mut gradient = network.zeros();
                for &at in batch {
                    let place = seen[at];
                    network.add_gradient(
                        &graphs[place],
                        |output| 2.0 * (output - labels[place]) / batch.len() as f64,
                        &mut gradient,
                    );
                }
                let rate = self.rate
                    * 0.5
                    * (1.0 + libm::cos(std::f64::consts::PI * f64::from(step) / steps));
                step += 1;
                let (bias1, bias2) = (1.0 - 0.9f64.powi(step), 1.0 - 0.999f64.powi(step));
                let moments = first.iter_mut().zip(&mut second);
                for ((weights, gradient), (m, v)) in
                    network.parameters_mut().zip(gradient).zip(moments)
                {
                    let gradient = gradient + &*weights * self.decay;
                    *m = &*m * 0.9 + &gradient * 0.1;
                    *v = &*v * 0.999 + gradient.component_mul(&gradient) * 0.001;
                    weights.zip_zip_apply(&*m, &*v, |w, m, v| {
                        *w -= rate * (m / bias1) / ((v / bias2).sqrt() + 1e-8);
                    });
                }
            }
        }
    }
}

/// How samples become graphs.
struct View {
    scale: Option<Scale>,
    scores: std::ops::Range<usize>,
}

impl View {
    fn graph(&self, sample: &Sample) -> Option<Graph> {
        let scores = match &self.scale {
            Some(scale) => scale.apply(sample)[self.scores.clone()].to_vec(),
            None => Vec::new(),
        };
        Some(Graph::new(sample.flow.as_ref()?, scores))
    }
}

struct FittedGcn {
    view: View,
    networks: Vec<Network>,
    mean: f64,
    deviation: f64,
    left_out: Vec<Prediction>,
}

impl Fitted for FittedGcn {
    fn predict(&self, sample: &Sample) -> Prediction {
        let Some(graph) = self.view.graph(sample) else {
            // Nothing is known of it but that it is one of them.
            let (mean, std) = (self.mean, self.deviation);
            return Prediction { mean, std };
        };
        let outputs = self.networks.iter().map(|network| network.value(&graph));
        let values: Vec<f64> = outputs.map(|o| self.mean + self.deviation * o).collect();
        let (mean, std) = moments(&values);
        Prediction { mean, std }
    }

    fn left_out(&self) -> &[Prediction] {
        &self.left_out
    }
}
