//! What scores have to leave alone, on networks, seeds and changes that are drawn.

use knas_net::weights::{self, WeightFile};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::properties::all;
use super::*;

/// Scores that look at samples as a set. The others split them, or take some:
/// `zico`, `rwe`, `mgm-released`.
const SETS: [&str; 20] = [
    "mgm",
    "mgm-conv",
    "mgm-layer",
    "mgm-log",
    "grad-norm",
    "mgm-offdiag",
    "gram-entropy",
    "gradsign",
    "snip",
    "grasp",
    "fisher",
    "jacob-cov",
    "epe",
    "naswot",
    "ntk-cond",
    "ntk-mean",
    "ntk-norm",
    "lga",
    "swap",
    "swap-reg",
];

/// The tolerance where small differences are taken of large numbers, or divided by.
const SENSITIVE: f64 = 5e-2;

/// A cell, and the seed of its weights.
fn networks() -> impl Strategy<Value = (Cell, u64)> {
    let cells = (0..CELLS).prop_map(|index| Cell::from_index(index).unwrap());
    (cells, any::<u64>())
}

/// The numbers below `count` in any order.
fn orders(count: i64) -> impl Strategy<Value = Tensor> {
    let numbers: Vec<i64> = (0..count).collect();
    let shuffled = Just(numbers).prop_shuffle();
    shuffled.prop_map(|order| Tensor::from_slice(&order))
}

/// A network small enough for many of them.
fn small(cell: &Cell, seed: u64) -> Subject<'_> {
    let skeleton = Skeleton::new(4, 1, 10, 16).unwrap();
    Subject {
        setting: skeleton.setting(),
        seed,
        ..subject(cell)
    }
}

/// Whether two evaluations give the same for every score that `within` has a
/// tolerance for: values that differ by no more than this fraction of their size,
/// or errors of the same kind.
fn same(
    [mut one, mut other]: [Evaluation<'_>; 2],
    within: impl Fn(&str) -> Option<f64>,
) -> Result<(), TestCaseError> {
    for proxy in for_images() {
        let name = proxy.info().name;
        let Some(within) = within(name) else {
            continue;
        };
        match [&mut one, &mut other].map(|evaluation| score(proxy, evaluation)) {
            [Ok(a), Ok(b)] => {
                prop_assert!((a - b).abs() <= within * a.abs(), "{name}: {a} {b}");
            }
            [Err(a), Err(b)] => prop_assert_eq!(a.kind(), b.kind()),
            [a, b] => prop_assert!(false, "{name}: {a:?} {b:?}"),
        }
    }
    Ok(())
}

proptest! {
    // A case costs a second, and so would each step of making it smaller.
    #![proptest_config(ProptestConfig {
        cases: 6,
        max_shrink_iters: 0,
        failure_persistence: None,
        // How far rounding goes depends on the cell: the same ones are drawn each time.
        rng_seed: RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn scores_do_not_depend_on_the_order_of_the_samples((cell, seed) in networks(), order in orders(10)) {
        // No more than swap looks at, so that it sees the same set.
        let samples = samples(10, 16);
        let permuted = Samples {
            inputs: samples.inputs.index_select(0, &order),
            targets: samples.targets.index_select(0, &order),
        };
        let evaluations = [&samples, &permuted]
            .map(|samples| Evaluation::new(small(&cell, seed), samples, Overrides::default()));
        same(evaluations, |name| match name {
            "mgm-offdiag" | "grasp" | "zico" => SETS.contains(&name).then_some(SENSITIVE),
            _ => SETS.contains(&name).then_some(1e-3),
        })?;
    }

    /// Norms take the images' scale away, but for the small number that they add
    /// to variances: little where images are large.
    #[test]
    fn scores_do_not_depend_on_the_scale_of_the_images((cell, seed) in networks(), doublings in 1..8) {
        let samples = samples(10, 16);
        let shown = [16.0, 16.0 * 2f64.powi(doublings)].map(|scale| Samples {
            inputs: &samples.inputs * scale,
            targets: samples.targets.shallow_clone(),
        });
        let evaluations = shown
            .each_ref()
            .map(|samples| Evaluation::new(small(&cell, seed), samples, Overrides::default()));
        same(evaluations, |name| match name {
            "mgm-offdiag" | "grasp" | "zico" => Some(SENSITIVE),
            "rwe" => Some(1e-2),
            _ => SETS.contains(&name).then_some(1e-2),
        })?;
    }

    /// Those within a reduction: the same network.
    #[test]
    fn scores_do_not_depend_on_the_order_of_channels((cell, seed) in networks(), order in orders(8)) {
        let initial = Initial { init: Init::Default, seed };
        let skeleton = Skeleton::new(4, 1, 10, 16).unwrap();
        let options = (Kind::Float, Device::Cpu);
        let graph = lower(&cell, &skeleton, Extent::Live).unwrap();
        let network = Network::new(graph, Source::Random(initial), options).unwrap();
        let permuted = |(name, tensor): (String, Tensor)| {
            let tensor = match name.as_str() {
                "cells.1.conv_b.op.1.weight" => tensor.index_select(1, &order),
                name if name.starts_with("cells.1.conv_a.op") && tensor.dim() > 0 => {
                    tensor.index_select(0, &order)
                }
                _ => tensor,
            };
            (name, tensor)
        };
        let folder = tempfile::tempdir().unwrap();
        let [plain, mixed] = ["plain", "mixed"].map(|name| folder.path().join(name));
        let state = network.state();
        weights::write(&plain, &state).unwrap();
        let state: Vec<_> = state.into_iter().map(permuted).collect();
        weights::write(&mixed, &state).unwrap();
        let samples = samples(10, 16);
        let files = [&plain, &mixed].map(|path| WeightFile::read(path).unwrap());
        let evaluations = files.each_ref().map(|file| {
            let subject = Subject { weights: Some(file), ..small(&cell, seed) };
            Evaluation::new(subject, &samples, Overrides::default())
        });
        same(evaluations, |name| match name {
            // It takes the first entries of each tensor.
            "mgm-released" => None,
            "mgm-offdiag" | "grasp" | "zico" => Some(SENSITIVE),
            _ => Some(1e-2),
        })?;
    }

    /// To the bit.
    #[test]
    fn scores_do_not_depend_on_what_was_scored_before(networks in prop::array::uniform2(networks())) {
        let samples = samples(10, 16);
        let [one, other] = &networks;
        let evaluate = |(cell, seed): &(Cell, u64)| {
            let subject = small(cell, *seed);
            let values = all(&mut Evaluation::new(subject, &samples, Overrides::default()));
            let told = |(name, value): (_, Result<f64, ScoreError>)| {
                (name, value.map_err(|error| error.to_string()))
            };
            values.into_iter().map(told).collect::<Vec<_>>()
        };
        let alone = evaluate(one);
        drop(evaluate(other));
        prop_assert_eq!(evaluate(one), alone);
    }
}
