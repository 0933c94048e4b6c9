use knas_space::SearchSpace as _;
use knas_space::nb201::{Nb201, Skeleton};

use super::*;

fn supernet() -> Supernet {
    tch::set_num_threads(1); // tests run side by side
    let skeleton = Skeleton::new(4, 1, 10, 8).unwrap();
    Nb201.supernet(&skeleton.setting()).unwrap().unwrap()
}

#[test]
fn scores_are_alpha_times_differences() {
    let supernet = supernet();
    let sensitivity = Sensitivity::new(&supernet, (8, 1), 0.2, Device::Cpu).unwrap();
    let mut allowed = vec![vec![true; 5]; 6];
    allowed[4][3] = false;
    let found = sensitivity.of(&allowed).unwrap();
    let sum = |alpha: &[f64]| {
        let alpha = Tensor::from_slice(alpha).reshape([6, 5]);
        let ones = Tensor::ones([1, 3, 8, 8], (Kind::Double, Device::Cpu));
        let network = &sensitivity.network;
        let logits = network
            .forward_mixed(&ones, Norm::Sample, Mix::Weights(&alpha))
            .unwrap();
        logits.sum(Kind::Double).double_value(&[])
    };
    let mut alpha = vec![0.2; 30];
    alpha[23] = 0.0;
    for (place, found) in found.iter().flatten().enumerate() {
        let at = |step: f64| {
            let mut alpha = alpha.clone();
            alpha[place] += step;
            sum(&alpha)
        };
        let expected = match place {
            23 => 0.0, // which weighs nothing
            _ => (0.2 * (at(1e-6) - at(-1e-6)) / 2e-6).abs(),
        };
        assert!(
            (found - expected).abs() < 1e-6,
            "{place}: {found} {expected}"
        );
    }
    // Nothing hangs on what is not there.
    assert!(found.iter().all(|row| row[0] == 0.0));
}

#[test]
fn a_seed_gives_the_same_bits() {
    let supernet = supernet();
    let allowed = vec![vec![true; 5]; 6];
    let of = |seed| {
        let sensitivity = Sensitivity::new(&supernet, (8, seed), 1e-3, Device::Cpu).unwrap();
        sensitivity.of(&allowed).unwrap()
    };
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}
