//! The process beside scikit-learn's, and its leave-one-out beside the definition.

use super::*;
use crate::ridge::Ridge;

/// Six candidates; every feature is symmetric about 0, so that scaling is the
/// division by its deviation alone.
fn candidates() -> (Layout, Vec<Sample>, Vec<f64>) {
    let rows = [
        [-3.0, 1.0, 0.5],
        [-1.0, -2.0, 2.0],
        [-0.5, 0.0, -1.0],
        [0.5, 2.0, 1.0],
        [1.0, -1.0, -0.5],
        [3.0, 0.0, -2.0],
    ];
    let layout = Layout {
        groups: vec![0..2, 2..3],
        scores: 0..3,
    };
    (
        layout,
        rows.iter().map(|row| sample(row)).collect(),
        vec![1.0, 2.5, 0.3, 4.0, 2.2, 3.1],
    )
}

fn sample(values: &[f64]) -> Sample {
    Sample {
        values: values.to_vec(),
        flow: None,
    }
}

fn hyper() -> Hyper {
    Hyper([1.5, 0.6, 0.2, 0.9, 1.4].map(f64::ln).to_vec())
}

fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{found} {expected}"
    );
}

// x = np.array([[-3, 1, .5], [-1, -2, 2], [-.5, 0, -1], [.5, 2, 1], [1, -1, -.5], [3, 0, -2]])
// y = np.array([1, 2.5, .3, 4, 2.2, 3.1]); new = np.array([[.2, -.7, 1.1], [2, 2, 0]])
// z = lambda v: (v - x.mean(0)) / x.std(0)
// k = C(1.5) * RBF([.9 * 2**.5, .9 * 2**.5, 1.4]) + C(.6 / 3) * DotProduct(0)
// gp = GaussianProcessRegressor(k, alpha=.2 + 1e-10, optimizer=None)
// m, s = gp.fit(z(x), (y - y.mean()) / y.std()).predict(z(new), return_std=True)
// y.mean() + y.std() * m, y.std() * s
#[test]
fn mean_and_deviation_are_those_of_scikit_learn() {
    let (layout, samples, labels) = candidates();
    let model = GaussianProcess {
        hyper: Some(hyper()),
    };
    let fitted = model.fit(&layout, &samples, &labels, 0).unwrap();
    for (values, mean, std) in [
        (
            [0.2, -0.7, 1.1],
            2.451_411_672_988_491,
            0.991_805_169_568_587_8,
        ),
        (
            [2.0, 2.0, 0.0],
            3.700_048_610_297_131_7,
            1.143_865_299_751_256_4,
        ),
    ] {
        let found = fitted.predict(&sample(&values));
        close(found.mean, mean);
        close(found.std, std);
    }
}

// Ridge(alpha=2.0).fit(z(x), y).predict(z(new))
#[test]
fn ridge_regression_is_that_of_scikit_learn() {
    let (layout, samples, labels) = candidates();
    let model = Ridge { lambda: Some(2.0) };
    let fitted = model.fit(&layout, &samples, &labels, 0).unwrap();
    for (values, mean) in [
        ([0.2, -0.7, 1.1], 2.604_067_365_745_154),
        ([2.0, 2.0, 0.0], 3.455_822_538_739_041_3),
    ] {
        close(fitted.predict(&sample(&values)).mean, mean);
    }
}

#[test]
fn what_is_left_out_is_predicted_by_the_others() {
    let (layout, samples, labels) = candidates();
    let model = GaussianProcess {
        hyper: Some(hyper()),
    };
    let fitted = model.fit(&layout, &samples, &labels, 0).unwrap();
    // The definition: on the scale of all six, without one row and column.
    let scale = Scale::new(&samples).unwrap();
    let points: Vec<Vec<f64>> = samples.iter().map(|s| scale.apply(s)).collect();
    let space = Space {
        groups: layout.groups.clone(),
        scores: layout.scores.clone(),
        scale,
    };
    let all = Parts::new(&space, &points).covariance(&hyper());
    let (mean, deviation) = moments(&labels);
    for out in 0..6 {
        let rest = all.clone().remove_row(out).remove_column(out);
        let to_rest = all.row(out).into_owned().remove_column(out);
        let known = labels.iter().enumerate().filter(|(at, _)| *at != out);
        let y = DVector::from_iterator(5, known.map(|(_, label)| (label - mean) / deviation));
        let expected = (to_rest * rest.try_inverse().unwrap() * y)[(0, 0)];
        close(fitted.left_out()[out].mean, mean + deviation * expected);
    }
}
