//! One graph network: its pass, and the gradient of it.

use knas_stats::random::stream;
use nalgebra::DMatrix;

use super::Graph;

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Types of nodes.
    pub types: usize,
    /// Scores beside the graph.
    pub scores: usize,
    /// Convolutions.
    pub layers: usize,
    /// Values of a node.
    pub width: usize,
    /// Values of the hidden layer.
    pub hidden: usize,
}

/// Weights: W₁ and W₂ of each convolution (inputs × outputs), then the hidden
/// layer's (inputs × outputs) and its bias, then the last one's and its bias;
/// biases are rows.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: Sizes,
    parameters: Vec<DMatrix<f64>>,
}

/// What a pass leaves for the gradient.
struct Pass {
    /// For each convolution ÂH, ÂHW₁, B̂H, B̂HW₂.
    convolutions: Vec<[DMatrix<f64>; 4]>,
    /// The mean over the nodes, and the scores: one row.
    pooled: DMatrix<f64>,
    /// The hidden layer before its ReLU: one row.
    hidden: DMatrix<f64>,
    output: f64,
}

impl Network {
    /// A network whose weights are uniform in ±√(6/(inputs + outputs)) (Glorot &
    /// Bengio 2010), with biases of 0.
    #[must_use]
    pub fn new(sizes: Sizes, seed: u64, number: u64) -> Self {
        let mut shapes = Vec::new();
        for layer in 0..sizes.layers {
            let inputs = if layer == 0 { sizes.types } else { sizes.width };
            shapes.extend([(inputs, sizes.width); 2]);
        }
        let pooled = if sizes.layers == 0 {
            sizes.types
        } else {
            sizes.width
        } + sizes.scores;
        shapes.extend([
            (pooled, sizes.hidden),
            (1, sizes.hidden),
            (sizes.hidden, 1),
            (1, 1),
        ]);
        let biases = [shapes.len() - 3, shapes.len() - 1];
        let parameters = shapes.iter().enumerate().map(|(place, &(rows, columns))| {
            if biases.contains(&place) {
                return DMatrix::zeros(rows, columns);
            }
            let mut random = stream(seed, "gcn weights", &[number.into(), (place as u64).into()]);
            let bound = (6.0 / (rows + columns) as f64).sqrt();
            DMatrix::from_fn(rows, columns, |_, _| {
                bound * (2.0 * f64::from(random.uniform()) - 1.0)
            })
        });
        Self {
            sizes,
            parameters: parameters.collect(),
        }
    }

    /// Zeros in the shapes of the weights.
    #[must_use]
    pub fn zeros(&self) -> Vec<DMatrix<f64>> {
        let shapes = self.parameters.iter().map(DMatrix::shape);
        shapes
            .map(|(rows, columns)| DMatrix::zeros(rows, columns))
            .collect()
    }

    /// The weights, to be changed.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut DMatrix<f64>> {
        self.parameters.iter_mut()
    }

    /// The output for a graph.
    #[must_use]
    pub fn value(&self, graph: &Graph) -> f64 {
        self.pass(graph).output
    }

    /// Weight, bias, weight, bias of the two dense layers.
    fn dense(&self) -> &[DMatrix<f64>] {
        &self.parameters[2 * self.sizes.layers..]
    }

    fn pass(&self, graph: &Graph) -> Pass {
        let mut convolutions = Vec::with_capacity(self.sizes.layers);
        let mut values = graph.nodes.clone();
        for weights in self.parameters.chunks(2).take(self.sizes.layers) {
            let (ahead, behind) = (&graph.forward * &values, &graph.backward * &values);
            let (first, second) = (&ahead * &weights[0], &behind * &weights[1]);
            values = first.zip_map(&second, |a, b| 0.5 * (a.max(0.0) + b.max(0.0)));
            convolutions.push([ahead, first, behind, second]);
        }
        let means = values.row_mean();
        let pooled: Vec<f64> = means.iter().chain(graph.scores.iter()).copied().collect();
        let pooled = DMatrix::from_row_slice(1, pooled.len(), &pooled);
        let dense = self.dense();
        let hidden = &pooled * &dense[0] + &dense[1];
        let output = (hidden.map(|value| value.max(0.0)) * &dense[2])[(0, 0)] + dense[3][(0, 0)];
        Pass {
            convolutions,
            pooled,
            hidden,
            output,
        }
    }

    /// Adds the gradient of a loss whose derivative by the output is `slope`.
    pub fn add_gradient(
        &self,
        graph: &Graph,
        slope: impl Fn(f64) -> f64,
        gradient: &mut [DMatrix<f64>],
    ) {
        let pass = self.pass(graph);
        let slope = slope(pass.output);
        let (convolved, dense) = gradient.split_at_mut(2 * self.sizes.layers);
        dense[3][(0, 0)] += slope;
        dense[2] += pass.hidden.map(|value| value.max(0.0)).transpose() * slope;
        let through = self.dense()[2].transpose() * slope;
        let hidden = through.zip_map(&pass.hidden, |g, value| if value > 0.0 { g } else { 0.0 });
        dense[1] += &hidden;
        dense[0] += pass.pooled.transpose() * &hidden;
        let pooled = &hidden * self.dense()[0].transpose();
        let count = graph.nodes.nrows();
        let width = pooled.ncols() - self.sizes.scores;
        let mut values =
            DMatrix::from_fn(count, width, |_, column| pooled[(0, column)] / count as f64);
        for (layer, [ahead, first, behind, second]) in pass.convolutions.iter().enumerate().rev() {
            let half = |before: &DMatrix<f64>| {
                values.zip_map(before, |g, value| if value > 0.0 { 0.5 * g } else { 0.0 })
            };
            let (first, second) = (half(first), half(second));
            convolved[2 * layer] += ahead.transpose() * &first;
            convolved[2 * layer + 1] += behind.transpose() * &second;
            values = graph.forward.transpose() * (first * self.parameters[2 * layer].transpose())
                + graph.backward.transpose()
                    * (second * self.parameters[2 * layer + 1].transpose());
        }
    }
}

#[cfg(test)]
mod tests;
