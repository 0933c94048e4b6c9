//! What every score has to leave alone, and what no cell may break.

use super::*;

/// A network small enough for all scores at once.
fn small(cell: &Cell) -> Subject<'_> {
    Subject {
        setting: Skeleton::new(4, 1, 10, 8).unwrap().setting(),
        ..subject(cell)
    }
}

/// Cells that are cut off, that only pass on, only pool, or have one convolution.
const ODD: [&str; 8] = [
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|none~2|",
    "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
    "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|",
    "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
    "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|",
    "|skip_connect~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
];

pub(super) fn all(evaluation: &mut Evaluation<'_>) -> Vec<(&'static str, Result<f64, ScoreError>)> {
    let one = |proxy: &&dyn Proxy| (proxy.info().name, score(*proxy, evaluation));
    for_images().iter().map(one).collect()
}

fn defined(evaluation: &mut Evaluation<'_>) -> Vec<(&'static str, f64)> {
    let values = all(evaluation).into_iter();
    values.map(|(name, value)| (name, value.unwrap())).collect()
}

#[test]
fn every_score_of_every_cell_is_a_number_or_an_error_that_names_it() {
    let samples = samples(50, 8);
    for arch in ODD {
        let cell: Cell = arch.parse().unwrap();
        let mut evaluation = Evaluation::new(small(&cell), &samples, Overrides::default());
        for (name, value) in all(&mut evaluation) {
            match value {
                Ok(value) => assert!(value.is_finite(), "{arch} {name} {value}"),
                Err(error) => {
                    assert_eq!(error.kind(), "undefined", "{arch} {error}");
                    assert!(
                        error.to_string().starts_with(&format!("{name} is ")),
                        "{error}"
                    );
                }
            }
        }
    }
}

/// Where the features are zero, so is every gradient but that of the
/// classifier's bias.
#[test]
fn scores_of_a_cell_that_is_cut_off_follow_from_zeros() {
    let samples = samples(50, 8);
    let cell: Cell = ODD[0].parse().unwrap();
    let mut evaluation = Evaluation::new(small(&cell), &samples, Overrides::default());
    for (name, value) in all(&mut evaluation) {
        match name {
            "snip" | "grasp" | "zico" | "gradsign" | "ntk-mean" | "ntk-norm" | "mgm-conv"
            | "mgm-released" => assert_eq!(value.unwrap(), 0.0, "{name}"),
            "swap" | "linear-regions" => assert_eq!(value.unwrap(), 1.0, "{name}"),
            "synflow" | "jacob-cov" | "epe" | "naswot" | "zen" | "az-expressivity"
            | "az-progressivity" | "az-trainability" | "ntk-cond" | "lga" | "mgm-log" => {
                assert!(value.is_err(), "{name} {value:?}");
            }
            _ => assert!(value.is_ok(), "{name} {value:?}"),
        }
    }
}

#[test]
fn a_cell_that_only_passes_on_has_no_trainability() {
    let samples = samples(4, 16);
    let cell: Cell = ODD[2].parse().unwrap();
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    let error = score(by_name("az-trainability").unwrap(), &mut evaluation).unwrap_err();
    assert_eq!(
        error.to_string(),
        "az-trainability is undefined: a block only passes on its input"
    );
}

#[test]
fn scores_share_passes() {
    let samples = samples(50, 8);
    let cell = Cell::from_index(9930).unwrap();
    let asked = |names: &[&str]| {
        let mut evaluation = Evaluation::new(small(&cell), &samples, Overrides::default());
        for name in names {
            score(by_name(name).unwrap(), &mut evaluation).unwrap();
        }
        evaluation.passes()
    };
    assert_eq!(
        asked(&["mgm", "mgm-conv", "mgm-layer", "mgm-log", "grad-norm"]),
        passes(1, 1)
    );
    assert_eq!(asked(&["mgm-released", "gradsign"]), passes(1, 1));
    assert_eq!(
        asked(&["snip", "fisher", "naswot", "swap", "swap-reg"]),
        passes(1, 1)
    );
    assert_eq!(asked(&["naswot", "jacob-cov", "epe", "snip"]), passes(1, 2));
    assert_eq!(asked(&["meco", "meco-relu"]), passes(1, 0));
    assert_eq!(asked(&["gram-entropy", "meco-relu"]), passes(2, 1));
    assert_eq!(asked(&["grasp", "snip"]), passes(1, 3));
    assert_eq!(
        asked(&["az-expressivity", "az-progressivity", "az-trainability"]),
        passes(1, 1)
    );
    assert_eq!(
        asked(&["ntk-cond", "ntk-mean", "ntk-norm", "lga"]),
        passes(1, 50)
    );
    let names: Vec<&str> = for_images().iter().map(|proxy| proxy.info().name).collect();
    // Forward: 1 for kernels, 2 for single samples, 1 with batch norm, 1 each for
    // zico, synflow, rwe, meco, az and linear regions, 2 for zen. Backward: as
    // many less those of naswot's kind, and 2 for grasp, 50 for ntk.
    assert_eq!(asked(&names), passes(12, 60));
}

/// The same bits, whichever scores are asked for before.
#[test]
fn the_order_of_the_scores_does_not_matter() {
    let samples = samples(50, 8);
    let cell = Cell::from_index(9930).unwrap();
    let mut evaluation = Evaluation::new(small(&cell), &samples, Overrides::default());
    let forward = defined(&mut evaluation);
    let mut evaluation = Evaluation::new(small(&cell), &samples, Overrides::default());
    for (name, value) in forward.iter().rev() {
        assert_eq!(super::value(name, &mut evaluation), *value, "{name}");
    }
}

#[test]
fn scores_follow_norm_and_initialisation_where_these_are_given() {
    let samples = samples(12, 16);
    let cell = Cell::from_index(9930).unwrap();
    let given = |norm, init| Overrides { norm, init };
    let value_with = |name, overrides| {
        value(
            name,
            &mut Evaluation::new(subject(&cell), &samples, overrides),
        )
    };
    for name in [
        "snip",
        "naswot",
        "jacob-cov",
        "zen",
        "az-expressivity",
        "mgm",
    ] {
        let plain = value_with(name, Overrides::default());
        let info = by_name(name).unwrap().info();
        assert_eq!(
            plain,
            value_with(name, given(info.norm, info.init)),
            "{name}"
        );
        let norm = match info.norm {
            Some(Norm::Batch) => Norm::Sample,
            _ => Norm::Batch,
        };
        assert_ne!(plain, value_with(name, given(Some(norm), None)), "{name}");
        let init = match info.init {
            Some(Init::Kaiming) => Init::Default,
            _ => Init::Kaiming,
        };
        assert_ne!(plain, value_with(name, given(None, Some(init))), "{name}");
    }
    for name in ["gradsign", "mgm-offdiag", "gram-entropy"] {
        let overrides = given(Some(Norm::Batch), None);
        let mut evaluation = Evaluation::new(subject(&cell), &samples, overrides);
        let error = score(by_name(name).unwrap(), &mut evaluation).unwrap_err();
        assert!(error.to_string().contains("needs sample norm"), "{error}");
    }
}

/// One sample has no correlations, no kernel, and no second half.
#[test]
fn too_few_samples_are_refused_or_scored() {
    let samples = samples(1, 16);
    let cell = Cell::from_index(9930).unwrap();
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    for (name, value) in all(&mut evaluation) {
        match name {
            "zico" | "rwe" | "mgm-offdiag" | "mgm-released" | "gram-entropy" => {
                assert_eq!(value.unwrap_err().kind(), "samples", "{name}");
            }
            "lga" => assert_eq!(value.unwrap_err().kind(), "undefined"),
            _ => assert!(value.is_ok(), "{name} {value:?}"),
        }
    }
}
