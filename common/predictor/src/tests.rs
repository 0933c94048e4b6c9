//! What holds for every model.

use knas_stats::kendall;
use knas_stats::random::{Stream, stream};

use super::*;
use crate::learned::Learned;

const MODELS: [&str; 4] = ["auto", "ridge", "forest", "gp"];

fn normal(random: &mut Stream, count: usize) -> Vec<f64> {
    let mut values = vec![0f32; count];
    random.fill_normal(&mut values);
    values.into_iter().map(f64::from).collect()
}

/// Candidates with `width` random features, and labels that depend on two of them.
fn planted(count: usize, width: usize, seed: u64) -> (Layout, Vec<Sample>, Vec<f64>) {
    let mut random = stream(seed, "planted", &[]);
    let samples: Vec<Sample> = (0..count)
        .map(|_| Sample {
            values: normal(&mut random, width),
            flow: None,
        })
        .collect();
    let label = |sample: &Sample| 3.0 * sample.values[0] - sample.values[1];
    let labels = samples.iter().map(label).collect();
    let layout = Layout {
        groups: vec![0..2, 2..width],
        scores: 0..2,
    };
    (layout, samples, labels)
}

fn tau(fitted: &dyn Fitted, samples: &[Sample], labels: &[f64]) -> f64 {
    let means: Vec<f64> = samples.iter().map(|s| fitted.predict(s).mean).collect();
    kendall(&means, labels).unwrap().unwrap()
}

#[test]
fn a_planted_truth_is_found_with_50_labels() {
    let (layout, samples, labels) = planted(400, 6, 1);
    for name in MODELS {
        let model = by_name(name).unwrap();
        let fitted = model
            .fit(&layout, &samples[..50], &labels[..50], 0)
            .unwrap();
        let found = tau(&*fitted, &samples[50..], &labels[50..]);
        let enough = if name == "forest" { 0.5 } else { 0.7 };
        assert!(found > enough, "{name}: {found}");
        // What was left out is predicted nearly as well as what was never seen.
        let left: Vec<f64> = fitted.left_out().iter().map(|p| p.mean).collect();
        let left = kendall(&left, &labels[..50]).unwrap().unwrap();
        assert!((left - found).abs() < 0.15, "{name}: {left} {found}");
    }
}

#[test]
fn nothing_is_found_in_shuffled_labels() {
    for name in MODELS {
        let (mut unseen, mut left_out) = (0.0, 0.0);
        let rounds = 20;
        for round in 0..rounds {
            let (layout, samples, labels) = planted(300, 6, 100 + round);
            let order = stream(round, "shuffled", &[]).choose(300, 300);
            let labels: Vec<f64> = order.into_iter().map(|place| labels[place]).collect();
            let (known, others) = samples.split_at(100);
            let model = by_name(name).unwrap();
            let learned = Learned::new(&*model, &layout, known, &labels[..100], 0).unwrap();
            // All are expected alike where nothing is found, and have no order.
            left_out += learned.left_out_tau().unwrap_or(0.0);
            let means: Vec<f64> = others
                .iter()
                .map(|sample| learned.predict(sample).scaled.mean)
                .collect();
            unseen += kendall(&means, &labels[100..]).unwrap().unwrap_or(0.0);
        }
        let (unseen, left_out) = (unseen / rounds as f64, left_out / rounds as f64);
        assert!(unseen.abs() < 0.05, "{name}: {unseen}");
        // What is left out is a little off on both sides: without a label the
        // mean of the others leans to its other side, and the lengths of a
        // Gaussian process have seen all labels.
        assert!(left_out.abs() < 0.1, "{name}: {left_out}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let (layout, samples, labels) = planted(40, 5, 3);
    for name in MODELS {
        let fit = |seed| {
            by_name(name)
                .unwrap()
                .fit(&layout, &samples[..30], &labels[..30], seed)
                .unwrap()
        };
        let (one, other) = (fit(7), fit(7));
        for sample in &samples {
            assert_eq!(one.predict(sample), other.predict(sample), "{name}");
        }
    }
    let forest = |seed| {
        by_name("forest")
            .unwrap()
            .fit(&layout, &samples, &labels, seed)
            .unwrap()
    };
    assert_ne!(
        forest(0).predict(&samples[0]),
        forest(1).predict(&samples[0])
    );
}

#[test]
fn deviations_are_larger_far_from_what_is_known() {
    let (layout, samples, labels) = planted(60, 4, 4);
    for name in ["ridge", "gp"] {
        let fitted = by_name(name)
            .unwrap()
            .fit(&layout, &samples, &labels, 0)
            .unwrap();
        let mean = samples.iter().map(|s| fitted.predict(s).std).sum::<f64>() / 60.0;
        let far = Sample {
            values: vec![3.5, 3.5, -3.5, 3.5],
            flow: None,
        };
        assert!(fitted.predict(&far).std > mean, "{name}");
    }
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let (layout, samples, labels) = planted(10, 4, 5);
    for name in MODELS {
        let model = by_name(name).unwrap();
        let fit = |samples: &[Sample], labels: &[f64]| model.fit(&layout, samples, labels, 0).err();
        assert!(matches!(
            fit(&samples[..1], &labels[..1]),
            Some(FitError::TooFew(1))
        ));
        assert!(matches!(
            fit(&samples, &[2.0; 10]),
            Some(FitError::Equal(10))
        ));
        let same = vec![samples[0].clone(); 10];
        assert!(
            matches!(fit(&same, &labels), Some(FitError::NoFeatures)),
            "{name}"
        );
        let mut wrong = labels.clone();
        wrong[3] = f64::NAN;
        let error = fit(&samples, &wrong);
        assert!(
            matches!(error, Some(FitError::NonFinite { place: 3, .. })),
            "{error:?}"
        );
        let mut short = samples.clone();
        short[2].values.pop();
        assert!(matches!(
            fit(&short, &labels),
            Some(FitError::Shape { place: 2, .. })
        ));
    }
}

#[test]
fn labels_come_back_on_their_own_scale() {
    let (layout, samples, labels) = planted(100, 4, 6);
    // An accuracy with a ceiling.
    let labels: Vec<f64> = labels
        .iter()
        .map(|label| 94.0 - (-0.4 * label).exp())
        .collect();
    let model = by_name("gp").unwrap();
    let learned = Learned::new(&*model, &layout, &samples[..60], &labels[..60], 0).unwrap();
    let mut error = 0.0;
    for (sample, label) in samples[60..].iter().zip(&labels[60..]) {
        let outlook = learned.predict(sample);
        assert!(outlook.natural.std >= 0.0 && outlook.natural.mean < 100.0);
        error += (outlook.natural.mean - label).abs() / 40.0;
    }
    assert!(error < 0.5, "{error}");
}

#[test]
fn more_pairs_than_memory_holds_are_refused() {
    let sample = |value: usize| Sample {
        values: vec![value as f64],
        flow: None,
    };
    let samples: Vec<Sample> = (0..=MOST).map(sample).collect();
    let labels: Vec<f64> = (0..=MOST).map(|value| value as f64).collect();
    let layout = Layout {
        groups: std::iter::once(0..1).collect(),
        scores: 0..1,
    };
    for name in ["auto", "ridge", "gp"] {
        let refused = by_name(name).unwrap().fit(&layout, &samples, &labels, 0);
        assert!(matches!(refused, Err(FitError::TooMany(count)) if count == MOST + 1));
    }
}
