use super::*;
use proptest::prelude::*;

/// Columns of whole numbers, as the Python lines make them.
fn made() -> (Vec<f64>, Vec<f64>) {
    let x = (0..1000u32).map(|i| f64::from(i * 7919 % 1009)).collect();
    let y = (0..1000u32)
        .map(|i| f64::from((i * i + 31 * i) % 257))
        .collect();
    (x, y)
}

fn close(value: Option<f64>, expected: f64) {
    let value = value.unwrap();
    assert!(
        (value - expected).abs() < 1e-12,
        "{value} is not {expected}"
    );
}

// from scipy.stats import spearmanr, kendalltau       # scipy 1.17.1
// x = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
// y = [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5]
// spearmanr(x, y).statistic, kendalltau(x, y).statistic
#[test]
fn a_few_values_with_ties_are_as_in_scipy() {
    let x = [3., 1., 4., 1., 5., 9., 2., 6., 5., 3., 5., 8.];
    let y = [2., 7., 1., 8., 2., 8., 1., 8., 2., 8., 4., 5.];
    close(spearman(&x, &y).unwrap(), 0.1415796863640157);
    close(kendall(&x, &y).unwrap(), 0.17109647770728875);
}

// import numpy as np
// i = np.arange(1000); x = (i * 7919) % 1009; y = (i * i + 31 * i) % 257
// spearmanr(x, y).statistic, kendalltau(x, y).statistic
// spearmanr(x, x + y).statistic, kendalltau(x, x + y).statistic
#[test]
fn a_thousand_values_with_ties_are_as_in_scipy() {
    let (x, y) = made();
    close(spearman(&x, &y).unwrap(), -0.03656669515353905);
    close(kendall(&x, &y).unwrap(), -0.024413733644820114);
    let sum: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
    close(spearman(&x, &sum).unwrap(), 0.9723186401616126);
    close(kendall(&x, &sum).unwrap(), 0.8470333006407017);
}

// y = x + y
// for part in 2, 10:
//     best = y >= np.sort(y)[::-1][1000 // part - 1]
//     best.sum(), spearmanr(x[best], y[best]).statistic, kendalltau(x[best], y[best]).statistic
#[test]
fn the_best_half_and_tenth_are_as_in_scipy() {
    let (x, y) = made();
    let sum: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
    let (x, y) = (Ranking::new(&x).unwrap(), Ranking::new(&sum).unwrap());
    let ones = vec![1; 1000];
    let parts = Truth::new(&y, &ones, &[2, 10])
        .unwrap()
        .agreement(&x)
        .unwrap();
    assert_eq!((parts[0].n, parts[1].n), (501, 102));
    close(parts[0].spearman, 0.8943592496572507);
    close(parts[0].kendall, 0.705166245283559);
    close(parts[1].spearman, 0.36842938943394715);
    close(parts[1].kendall, 0.2757228561208594);
}

// x, y = np.repeat(x, i % 4), np.repeat(x + y, i % 4)
// len(x), spearmanr(x, y).statistic, kendalltau(x, y).statistic
#[test]
fn a_count_is_a_value_repeated() {
    let (x, y) = made();
    let sum: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
    let (x, y) = (Ranking::new(&x).unwrap(), Ranking::new(&sum).unwrap());
    let counts: Vec<u32> = (0..1000).map(|i| i % 4).collect();
    let all = Truth::new(&y, &counts, &[1])
        .unwrap()
        .agreement(&x)
        .unwrap();
    assert_eq!(all[0].n, 1500);
    close(all[0].spearman, 0.9717787027573787);
    close(all[0].kendall, 0.8450267145923558);
}

#[test]
fn closed_forms() {
    let up: Vec<f64> = (0..50).map(f64::from).collect();
    let down: Vec<f64> = up.iter().map(|x| -x).collect();
    assert_eq!(spearman(&up, &up).unwrap(), Some(1.0));
    assert_eq!(kendall(&up, &up).unwrap(), Some(1.0));
    assert_eq!(spearman(&up, &down).unwrap(), Some(-1.0));
    assert_eq!(kendall(&up, &down).unwrap(), Some(-1.0));
    // Without ties ρ = 1 − 6 Σ d² / (n³ − n); one swap of neighbours gives Σ d² = 2.
    let mut swapped = up.clone();
    swapped.swap(10, 11);
    close(
        spearman(&up, &swapped).unwrap(),
        1.0 - 12.0 / (50f64.powi(3) - 50.0),
    );
    close(
        kendall(&up, &swapped).unwrap(),
        1.0 - 2.0 / (50.0 * 49.0 / 2.0),
    );
}

#[test]
fn a_constant_column_has_no_correlation() {
    assert_eq!(spearman(&[1., 1., 1.], &[1., 2., 3.]).unwrap(), None);
    assert_eq!(kendall(&[1., 2., 3.], &[5., 5., 5.]).unwrap(), None);
    assert_eq!(kendall(&[1.], &[5.]).unwrap(), None);
    assert_eq!(spearman(&[], &[]).unwrap(), None);
}

#[test]
fn lengths_must_agree() {
    let error = spearman(&[1., 2.], &[1.]).unwrap_err();
    assert_eq!(error, StatsError::Length { left: 1, right: 2 });
}

/// τ-b by its definition, pair by pair.
fn literal_kendall(x: &[f64], y: &[f64]) -> f64 {
    let (mut lead, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let sign = |a: f64, b: f64| if a == b { 0.0 } else { (a - b).signum() };
            lead += sign(x[i], x[j]) * sign(y[i], y[j]);
            untied_x += sign(x[i], x[j]).abs();
            untied_y += sign(y[i], y[j]).abs();
        }
    }
    lead / f64::sqrt(untied_x * untied_y)
}

/// ρ by its definition: Pearson's correlation of average ranks.
fn literal_spearman(x: &[f64], y: &[f64]) -> f64 {
    let ranks = |v: &[f64]| -> Vec<f64> {
        v.iter()
            .map(|a| {
                let smaller = v.iter().filter(|b| *b < a).count() as f64;
                let equal = v.iter().filter(|b| *b == a).count() as f64;
                smaller + (equal + 1.0) / 2.0
            })
            .collect()
    };
    let (x, y) = (ranks(x), ranks(y));
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    dot(&x, &y) / f64::sqrt(dot(&x, &x) * dot(&y, &y))
}

/// The literal result for what the counts and the part leave.
fn literal(x: &[f64], y: &[f64], counts: &[u32], part: usize) -> (usize, f64, f64) {
    let mut drawn: Vec<(f64, f64)> = Vec::new();
    for i in 0..x.len() {
        drawn.extend((0..counts[i]).map(|_| (x[i], y[i])));
    }
    drawn.sort_by(|a, b| b.1.total_cmp(&a.1));
    if !drawn.is_empty() {
        let last = drawn[drawn.len().div_ceil(part) - 1].1;
        drawn.retain(|pair| pair.1 >= last);
    }
    let (x, y): (Vec<f64>, Vec<f64>) = drawn.into_iter().unzip();
    (x.len(), literal_spearman(&x, &y), literal_kendall(&x, &y))
}

fn same(value: Option<f64>, literal: f64) -> bool {
    match value {
        Some(value) => (value - literal).abs() < 1e-12,
        None => !literal.is_finite(),
    }
}

/// Columns with many ties, and counts as a bootstrap draws them.
fn columns() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<u32>)> {
    (0usize..60, 1i32..40).prop_flat_map(|(n, spread)| {
        let column = || prop::collection::vec((-spread..spread).prop_map(f64::from), n);
        (column(), column(), prop::collection::vec(0u32..4, n))
    })
}

// import numpy as np; r, n = 0.6, 300
// np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.959964 * np.sqrt((1 + r*r/2) / (n - 3)))
#[test]
fn the_interval_is_bonett_and_wrights() {
    let found = spearman_interval(0.6, 300).unwrap();
    assert!((found.lo - 0.515_070_0).abs() < 1e-6, "{found:?}");
    assert!((found.hi - 0.673_263_2).abs() < 1e-6, "{found:?}");
    assert_eq!(spearman_interval(1.0, 300), None);
    assert_eq!(spearman_interval(0.5, 9), None);
}

proptest! {
    #[test]
    fn sorted_columns_have_the_same_correlation_to_the_bit(
        pairs in prop::collection::vec((0i32..6, 0i32..30), 0..60),
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) =
            pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
        let (sorted_x, sorted_y) = (Ranking::new(&x).unwrap(), Ranking::new(&y).unwrap());
        prop_assert_eq!(
            rank_correlation(&sorted_x, &sorted_y).unwrap(),
            spearman(&x, &y).unwrap()
        );
    }

    #[test]
    fn the_walk_is_the_definition((x, y, counts) in columns()) {
        let rankings = (Ranking::new(&x).unwrap(), Ranking::new(&y).unwrap());
        let truth = Truth::new(&rankings.1, &counts, &[1, 2, 10]).unwrap();
        let found = truth.agreement(&rankings.0).unwrap();
        for (agreement, part) in found.iter().zip([1, 2, 10]) {
            let (n, spearman, kendall) = literal(&x, &y, &counts, part);
            prop_assert_eq!(agreement.n, n as u64);
            prop_assert!(same(agreement.spearman, spearman), "{:?} {}", agreement, spearman);
            prop_assert!(same(agreement.kendall, kendall), "{:?} {}", agreement, kendall);
        }
    }

    #[test]
    fn both_columns_are_alike((x, y, _) in columns()) {
        prop_assert_eq!(spearman(&x, &y).unwrap(), spearman(&y, &x).unwrap());
        prop_assert_eq!(kendall(&x, &y).unwrap(), kendall(&y, &x).unwrap());
    }

    #[test]
    fn only_the_order_counts((x, y, _) in columns()) {
        let bent: Vec<f64> = x.iter().map(|x| x.powi(3) * 1e-3 + x.exp()).collect();
        prop_assert_eq!(spearman(&x, &y).unwrap(), spearman(&bent, &y).unwrap());
        prop_assert_eq!(kendall(&x, &y).unwrap(), kendall(&bent, &y).unwrap());
        let turned: Vec<f64> = x.iter().map(|x| -x).collect();
        let minus = |value: Option<f64>| value.map(|value| 0.0 - value);
        prop_assert_eq!(spearman(&x, &y).unwrap(), minus(spearman(&turned, &y).unwrap()));
        prop_assert_eq!(kendall(&x, &y).unwrap(), minus(kendall(&turned, &y).unwrap()));
    }
}
