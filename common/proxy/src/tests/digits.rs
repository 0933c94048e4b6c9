//! How many digits scores keep in networks of the size that users score.

use std::collections::BTreeMap;

use super::reference::{example_weights, values};
use super::*;

/// By cell and score: the value in double precision, and how far from it PyTorch
/// is in single precision, in its usual layout.
type Expected = [(&'static str, &'static [(&'static str, f64, f64)])];

// What `scripts/reference/digits.py --expected --only fisher,epe,jacob-cov,snip`
// prints of four cells. Those with many convolutions in a row make much of the
// least rounding. `grasp` is not among the scores: where libtorch differentiates
// batch norm twice it takes its own statistics, and more digits are lost.
const EXPECTED: &Expected = &[
    (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        &[
            ("fisher", 0.0003209989206461607, 3.6e-05),
            ("epe", 2942.0923058003277, 1.2e-03),
            ("jacob-cov", -65.1830504704682, 6.0e-06),
            ("snip", 33.34346908292117, 1.3e-05),
        ],
    ),
    (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        &[
            ("fisher", 0.0078370166113264, 3.9e-06),
            ("epe", 1980.994390224665, 7.2e-07),
            ("jacob-cov", -72.92427648299604, 9.6e-08),
            ("snip", 10.664238934003487, 1.2e-07),
        ],
    ),
    (
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|nor_conv_3x3~2|",
        &[
            ("fisher", 0.00013818845118993424, 1.0e-08),
            ("epe", 2416.4247149204616, 1.3e-07),
            ("jacob-cov", -68.86293030677308, 5.2e-09),
            ("snip", 4.289871956725252, 3.2e-08),
        ],
    ),
    (
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|",
        &[
            ("fisher", 56.42589265234914, 6.6e-03),
            ("epe", 2918.90600947609, 6.6e-04),
            ("jacob-cov", -65.27992207380971, 2.3e-04),
            ("snip", 8536.088272792227, 2.4e-03),
        ],
    ),
];

/// The largest, and the median.
fn marks(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [values[values.len() - 1], values[values.len() / 2]]
}

#[test]
fn scores_keep_the_digits_that_plain_pytorch_keeps() {
    tch::set_num_threads(1);
    let skeleton = Skeleton::new(16, 5, 10, 32).unwrap();
    let targets: Vec<i64> = (0..64).map(|i| i * i % 10).collect();
    let samples = Samples {
        inputs: values("input", &[64, 3, 32, 32]),
        targets: Tensor::from_slice(&targets),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut far: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (arch, expected) in EXPECTED {
        let cell: Cell = arch.parse().unwrap();
        let weights = example_weights(&cell, skeleton, &dir.path().join("w.safetensors"));
        let subject = Subject {
            architecture: &cell,
            setting: skeleton.setting(),
            weights: Some(&weights),
            new_head: false,
            seed: 0,
            device: Device::Cpu,
        };
        let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
        for (name, exact, theirs) in *expected {
            let ours = (value(name, &mut evaluation) / exact - 1.0).abs();
            far.entry(name).or_default().push((ours, *theirs));
        }
    }
    let wrong = far.into_iter().filter(|(_, pairs)| {
        let (ours, theirs) = pairs.iter().copied().unzip();
        let pairs = marks(ours).into_iter().zip(marks(theirs));
        // Below this, chance decides how single precision rounds.
        pairs
            .into_iter()
            .any(|(ours, theirs)| ours > 3.0 * theirs.max(6e-8))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "ours, PyTorch's: {wrong:?}");
}
