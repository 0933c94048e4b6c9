//! The network beside PyTorch's autograd, differences, and a graph by hand.

use knas_space::{Flow, FlowEdge};

use super::*;
use crate::gcn::{Gcn, Graph};
use crate::{Layout, Model, Sample};

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

fn small() -> (Network, Graph) {
    let sizes = Sizes {
        types: 4,
        scores: 2,
        layers: 2,
        width: 3,
        hidden: 2,
    };
    let mut network = Network::new(sizes, 0, 0);
    for (number, weights) in network.parameters_mut().enumerate() {
        let columns = weights.ncols();
        let value = |i, j| ((2 * (i * columns + j) + number) as f64).sin() + 0.4;
        *weights = DMatrix::from_fn(weights.nrows(), columns, value);
    }
    let graph = Graph::new(
        &flow(3, &[(0, 1, 0), (1, 2, 1), (0, 2, 1)]),
        vec![0.5, -1.0],
    );
    (network, graph)
}

// # Nodes: input, a (0 to 1), b (0 to 2), b (1 to 2), output.
// X = torch.tensor([[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,1,0],[0,0,0,1]], dtype=torch.float64)
// A = torch.eye(5, dtype=torch.float64)
// A[0,1] = A[0,2] = A[1,3] = A[2,4] = A[3,4] = 1
// F = A / A.sum(1, keepdim=True); B = A.T / A.T.sum(1, keepdim=True)
// s = torch.tensor([[.5, -1.]], dtype=torch.float64)
// shapes = [(4,3), (4,3), (3,3), (3,3), (5,2), (1,2), (2,1), (1,1)]
// P = [(torch.sin(2 * torch.arange(r*c, dtype=torch.float64) + k) + .4).reshape(r, c)
//      .requires_grad_() for k, (r, c) in enumerate(shapes)]
// H = X
// for l in range(2):
//     H = .5 * (torch.relu(F @ H @ P[2*l]) + torch.relu(B @ H @ P[2*l+1]))
// z = torch.cat([H.mean(0, keepdim=True), s], 1)
// y = torch.relu(z @ P[4] + P[5]) @ P[6] + P[7]
// ((y - 1)**2).sum().backward()
// y.item(), [p.grad.flatten().tolist() for p in P]
#[test]
fn output_and_gradient_are_those_of_pytorch() {
    let (network, graph) = small();
    let expected: [&[f64]; 8] = [
        &[
            0.3583132005108,
            0.2906085554293,
            0.0,
            0.3583132005108,
            0.5277878982843,
            0.0,
            0.3583132005108,
            0.9359020872315,
            0.3085827065666,
            0.0,
            0.6655522033131,
            0.526292812046,
        ],
        &[
            1.6046054895739,
            1.3106592378311,
            0.0,
            0.5341946926135,
            0.443639303114,
            0.0,
            0.6800461479373,
            0.5797395318578,
            0.0,
            0.0949429023128,
            0.0858126714553,
            0.0,
        ],
        &[
            0.1939195158616,
            0.0,
            0.0,
            0.4682112533988,
            0.0,
            0.0,
            0.051618953469,
            0.0,
            0.0,
        ],
        &[
            0.2396102466926,
            0.0,
            2.7632387792273,
            0.4306617932751,
            0.0,
            4.9664878039893,
            0.0228189125038,
            0.0,
            0.263152785829,
        ],
        &[
            0.0,
            12.2699508779689,
            0.0,
            0.0,
            0.0,
            5.1335537919375,
            0.0,
            3.4421914267548,
            0.0,
            -6.8843828535095,
        ],
        &[0.0, 6.8843828535095],
        &[0.0, 8.6327924365038],
        &[4.9550811464509],
    ];
    assert!(
        (network.value(&graph) - 3.477540573225432).abs() < 1e-12,
        "{}",
        network.value(&graph)
    );
    let mut gradient = network.zeros();
    network.add_gradient(&graph, |output| 2.0 * (output - 1.0), &mut gradient);
    for (number, (found, expected)) in gradient.iter().zip(expected).enumerate() {
        let rows = found.transpose(); // PyTorch counts along rows
        assert_eq!(found.len(), expected.len());
        for (a, b) in rows.iter().zip(expected) {
            assert!((a - b).abs() < 1e-10, "{number}: {found} {expected:?}");
        }
    }
}

#[test]
fn the_gradient_is_that_of_central_differences() {
    let (network, graph) = small();
    let mut gradient = network.zeros();
    network.add_gradient(&graph, |_| 1.0, &mut gradient);
    for (number, slopes) in gradient.iter().enumerate() {
        for place in 0..slopes.len() {
            let moved = |by: f64| {
                let mut other = network.clone();
                if let Some(weights) = other.parameters_mut().nth(number) {
                    weights[place] += by;
                }
                other.value(&graph)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (difference - slopes[place]).abs() < 1e-7,
                "{number} {place}"
            );
        }
    }
}

#[test]
fn gradients_add_up_and_zeros_are_zero() {
    let (network, graph) = small();
    let (mut once, mut twice) = (network.zeros(), network.zeros());
    assert!(
        once.iter()
            .all(|matrix| matrix.iter().all(|value| *value == 0.0))
    );
    network.add_gradient(&graph, |_| 1.0, &mut once);
    for _ in 0..2 {
        network.add_gradient(&graph, |_| 0.5, &mut twice);
    }
    for (a, b) in once.iter().zip(&twice) {
        assert!((a - b).amax() < 1e-14);
    }
}

/// One operation between input and output: every number can be followed.
#[test]
fn the_smallest_graph_is_that_computed_by_hand() {
    let sizes = Sizes {
        types: 4,
        scores: 0,
        layers: 1,
        width: 1,
        hidden: 1,
    };
    let mut network = Network::new(sizes, 0, 0);
    let weights: [&[f64]; 6] = [
        &[1.0, 2.0, 0.0, 4.0],
        &[-1.0, 3.0, 0.0, 1.0],
        &[2.0],
        &[1.0],
        &[3.0],
        &[0.5],
    ];
    for (matrix, values) in network.parameters_mut().zip(weights) {
        *matrix = DMatrix::from_row_slice(matrix.nrows(), matrix.ncols(), values);
    }
    let graph = Graph::new(&flow(2, &[(0, 1, 0)]), vec![]);
    // Ahead: (1 + 2)/2, (2 + 4)/2, 4. Behind: −1, (3 − 1)/2, (1 + 3)/2.
    // Halves of their positive parts: .75, 1.5 + .5, 2 + 1; mean 5.75/3.
    let expected = (2.0 * 5.75 / 3.0 + 1.0) * 3.0 + 0.5;
    assert!((network.value(&graph) - expected).abs() < 1e-12);
}

#[test]
fn numbers_of_nodes_do_not_matter() {
    let (network, _) = small();
    // Two inner nodes in the other order, and one that reaches nothing.
    let one = flow(4, &[(0, 1, 0), (0, 2, 1), (1, 3, 1), (2, 3, 1), (0, 3, 0)]);
    let other = flow(
        5,
        &[
            (0, 2, 0),
            (0, 1, 1),
            (2, 4, 1),
            (1, 4, 1),
            (0, 4, 0),
            (0, 3, 0),
        ],
    );
    let value = |flow| network.value(&Graph::new(flow, vec![0.1, 0.2]));
    assert!((value(&one) - value(&other)).abs() < 1e-12);
    let changed = flow(4, &[(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 3, 1), (0, 3, 0)]);
    assert!((value(&one) - value(&changed)).abs() > 1e-6);
}

/// Chains of operations whose label is the number of a's: graphs alone.
fn chains() -> (Vec<Sample>, Vec<f64>) {
    (0..64)
        .map(|place: usize| {
            let bits = place * 37 % 64; // in no order
            let edges: Vec<_> = (0..6).map(|at| (at, at + 1, bits >> at & 1)).collect();
            let sample = Sample {
                values: vec![],
                flow: Some(flow(7, &edges)),
            };
            (sample, 6.0 - f64::from(bits.count_ones()))
        })
        .unzip()
}

#[test]
fn weights_are_trained() {
    let (samples, labels) = chains();
    let model = Gcn {
        epochs: 60,
        ..Gcn::default()
    };
    let error = |model: Gcn| {
        let fitted = model
            .fit(&Layout::default(), &samples[..40], &labels[..40], 0)
            .unwrap();
        let rest = samples[40..].iter().zip(&labels[40..]);
        let errors = rest.map(|(sample, label)| (fitted.predict(sample).mean - label).abs());
        errors.sum::<f64>() / 24.0
    };
    let trained = error(model);
    let untrained = error(Gcn { epochs: 0, ..model });
    assert!(
        trained < 0.3 && untrained > 2.0 * trained,
        "{trained} {untrained}"
    );
}

#[test]
fn without_graphs_nothing_is_learnt() {
    let (mut samples, labels) = chains();
    samples[3].flow = None;
    let error = Gcn::default()
        .fit(&Layout::default(), &samples, &labels, 0)
        .err();
    assert!(
        matches!(error, Some(crate::FitError::NoGraph(3))),
        "{error:?}"
    );
}
