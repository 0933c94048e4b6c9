//! The rate of `mgm` beside that of a matrix product, on one thread, measured
//! in turn: on a shared machine only their ratio means something. Time is that
//! of the processor on this thread, which waiting for others does not add to.
//!
//! `cargo bench -p knas-proxy --bench pass [-- ROUNDS]`

#![allow(clippy::expect_used, clippy::print_stdout)]

use knas_proxy::{Evaluation, Overrides, Samples, Subject, by_name, score};
use knas_space::nb201::{Cell, Skeleton};
use rustix::time::{ClockId, clock_gettime};
use tch::{Device, Kind, Tensor};

/// 117.9 M multiply-accumulates: three 3×3 convolutions, one 1×1, a pooling, a skip.
const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|";
const IMAGES: i64 = 50;

fn seconds(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let begin = now();
    work();
    now() - begin
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    tch::set_num_threads(1);
    let rounds = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(9);
    let options = (Kind::Float, Device::Cpu);
    let cell: Cell = CELL.parse().expect("a cell");
    let skeleton = Skeleton::default();
    let samples = Samples {
        inputs: Tensor::randn([IMAGES, 3, 32, 32], options),
        targets: Tensor::arange(IMAGES, (Kind::Int64, Device::Cpu)).remainder(10),
    };
    let subject = Subject {
        architecture: &cell,
        setting: skeleton.setting(),
        weights: None,
        new_head: false,
        seed: 0,
        device: Device::Cpu,
    };
    let (a, b) = (
        Tensor::randn([1536, 1536], options),
        Tensor::randn([1536, 1536], options),
    );
    let mgm = by_name("mgm").expect("a score");
    let (mut product, mut pass, mut ratio) = (vec![], vec![], vec![]);
    for round in 0..=rounds {
        let product_seconds = seconds(|| drop(a.matmul(&b)));
        let pass_seconds = seconds(|| {
            let mut evaluation = Evaluation::new(subject.clone(), &samples, Overrides::default());
            score(mgm, &mut evaluation).expect("a value");
        });
        if round == 0 {
            continue; // libtorch sets itself up
        }
        let product_rate = 2.0 * 1536f64.powi(3) / product_seconds / 1e9;
        let useful = 6.0 * skeleton.cost(&cell).expect("a network").macs as f64 * IMAGES as f64;
        let pass_rate = useful / pass_seconds / 1e9;
        product.push(product_rate);
        pass.push(pass_rate);
        ratio.push(pass_rate / product_rate);
    }
    let best = |v: &[f64]| v.iter().copied().fold(0.0, f64::max);
    println!(
        "matrix product  {:6.1} GFLOP/s median, {:6.1} best",
        median(&mut product),
        best(&product)
    );
    println!(
        "mgm             {:6.1} GFLOP/s median, {:6.1} best",
        median(&mut pass),
        best(&pass)
    );
    println!(
        "ratio           {:6.2} median of {rounds} pairs",
        median(&mut ratio)
    );
}
