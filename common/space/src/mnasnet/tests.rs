use std::fs;

use super::*;
use crate::inverted::names_digest;

const B0: &str = "e1k3l1s1/e6k3l2s1/e6k5l2s1/e6k3l3s1/e6k5l3s1/e6k5l4s1/e6k3l1s1";

fn counts(arch: &str) -> (u64, u64) {
    let cost = MnasNet.parse(arch).unwrap().cost().unwrap();
    (cost.params, cost.macs)
}

fn silu(silu: u64) -> Setting {
    Setting {
        sizes: Sizes::of(&MnasNet, [("silu", silu)]).unwrap(),
        ..MnasNet.usual()
    }
}

// Parameters: torchvision.models.efficientnet_b0.
#[test]
fn efficientnet_has_its_known_counts_with_either_activation() {
    let baseline = MnasNet.baseline().unwrap();
    assert_eq!(baseline.to_string(), B0);
    for setting in [silu(0), silu(1)] {
        let cost = baseline.cost_in(&setting).unwrap();
        assert_eq!((cost.params, cost.macs), (5_288_548, 385_814_752));
    }
}

/// The table's parameters are the benchmark's.
#[test]
fn networks_have_the_counts_of_the_table() {
    for (arch, params, macs) in [
        (
            "e1k3l1s0/e1k3l1s0/e1k5l3s0/e1k5l2s0/e1k5l2s0/e1k3l1s0/e4k5l3s0",
            3_896_264,
            161_533_520,
        ),
        (
            "e1k3l1s0/e1k3l1s1/e1k5l2s1/e1k3l3s0/e6k3l3s1/e4k5l4s1/e1k3l1s0",
            3_649_660,
            195_127_264,
        ),
    ] {
        assert_eq!(counts(arch), (params, macs), "{arch}");
    }
    let Some(table) = knas_tests::shared("truth/mnasnet.csv") else {
        return;
    };
    let table = fs::read_to_string(table).unwrap();
    let mut rows = table.lines();
    let header = "arch,params,macs_224,";
    assert!(rows.next().is_some_and(|names| names.starts_with(header)));
    let mut compared = 0;
    for row in rows {
        let mut fields = row.split(',');
        let arch = fields.next().unwrap();
        let [params, macs] = [(); 2].map(|()| fields.next().unwrap().parse().unwrap());
        assert_eq!(counts(arch), (params, macs), "{arch}");
        compared += 1;
    }
    assert_eq!(compared, 2564);
}

// for name, p in torchvision.models.efficientnet_b0().named_parameters():
//     hash.update(f'{name} {list(p.shape)}\n')
#[test]
fn parameters_have_the_names_and_shapes_of_torchvision() {
    for setting in [silu(0), silu(1)] {
        let graph = EFFICIENTNET_B0.lower(&setting, Extent::Whole).unwrap();
        let digest = "0c0c79b72880b7e6b9e0af92e2de3bc3f6a6dd2eb0b59e19c96cbeeacbff8351";
        assert_eq!(names_digest(&graph), digest);
    }
}

#[test]
fn activations_are_those_that_the_size_says() {
    let ops = |silu: u64| {
        let graph = EFFICIENTNET_B0.lower(&self::silu(silu), Extent::Whole);
        let graph = graph.unwrap();
        let count = |op: Op| graph.nodes().iter().filter(|node| node.op == op).count();
        let [silu, sigmoid, hard] = [
            Activation::Silu,
            Activation::Sigmoid,
            Activation::HardSigmoid,
        ]
        .map(|activation| count(Op::Activation(activation)));
        (count(Op::Relu), hard, silu, sigmoid)
    };
    // Stem and last layers; two of a block, but one of the first; one of a squeeze.
    assert_eq!(ops(0), (2 + 31 + 16, 16, 0, 0));
    assert_eq!(ops(1), (0, 0, 2 + 31 + 16, 16));
}

#[test]
fn indices_are_lists_of_choices() {
    let count = MnasNet.count().unwrap();
    assert_eq!(count, 104_485_552_128);
    let first = MnasNet.at(0).unwrap();
    assert_eq!(first.to_string(), ["e1k3l1s0"; 7].join("/"));
    let last = MnasNet.at(count - 1).unwrap();
    let deepest = "e6k5l3s1/e6k5l3s1/e6k5l3s1/e6k5l3s1/e6k5l3s1/e6k5l4s1/e6k5l3s1";
    assert_eq!(last.to_string(), deepest);
    assert_eq!(last.id(), "mnasnet-104485552127");
    assert!(MnasNet.at(count).is_none());
    for index in (0..count).step_by(1_234_567_891) {
        let one = MnasNet.at(index).unwrap();
        let again = MnasNet.parse(&one.to_string()).unwrap();
        assert_eq!(again.id(), format!("mnasnet-{index}"));
    }
}

// Of 3,000 draws, a third is 1,000 ± 26, a quarter 750 ± 24, half 1,500 ± 27.
#[test]
fn options_are_drawn_alike() {
    let mut counts = vec![[0u32; 4]; 28];
    for one in MnasNet.sample(1).take(3000) {
        for (counts, decision) in counts.iter_mut().zip(one.decisions()) {
            counts[decision.choice] += 1;
        }
    }
    for (counts, &options) in counts.iter().zip(CHOICES.options) {
        let share = 3000 / options as u32;
        let (drawn, none) = counts.split_at(options);
        assert!(drawn.iter().all(|n| n.abs_diff(share) < 120), "{counts:?}");
        assert!(none.iter().all(|&n| n == 0), "{counts:?}");
    }
}

#[test]
fn decisions_are_the_28_choices_and_mutants_change_one() {
    let decisions = EFFICIENTNET_B0.decisions();
    assert_eq!(decisions.len(), 28);
    let of = |decision: &Decision| {
        let chosen = decision.options[decision.choice];
        format!("{}: {chosen} of {}", decision.name, decision.options.len())
    };
    assert_eq!(of(&decisions[0]), "expansion 1: 1 of 3");
    assert_eq!(of(&decisions[9]), "kernel 3: 5 of 2");
    assert_eq!(of(&decisions[22]), "layers 6: 4 of 4");
    assert_eq!(of(&decisions[27]), "squeeze 7: 1 of 2");
    let more = OPTIONS.as_flattened().iter().map(|options| options - 1);
    assert_eq!(EFFICIENTNET_B0.mutants(0).count(), more.sum::<usize>());
}

#[test]
fn what_is_no_network_is_told_by_its_place() {
    let said = |text: &str| MnasNet.parse(text).err().unwrap().to_string();
    for (text, reason) in [
        (
            "",
            "there are seven stages, as in e1k3l1s1/e6k3l2s1/…, not 1",
        ),
        (&B0[9..], "not 6"),
        (
            &B0.replacen("e6", "e3", 1),
            "stage 2: expansion is one of e1, e4, e6, as in e6k5l2s1",
        ),
        (
            &B0.replacen("k5", "k7", 1),
            "stage 3: kernel is one of k3, k5, as in",
        ),
        (
            &B0.replacen("l1", "l4", 1),
            "stage 1: layers is one of l1, l2, l3, as in",
        ),
        (
            &B0.replacen("l4", "l5", 1),
            "stage 6: layers is one of l1, l2, l3, l4, as in",
        ),
        (
            &B0.replacen("s1", "s", 1),
            "stage 1: squeeze is one of s0, s1, as in",
        ),
        (&B0.replacen("s1", "s10", 1), "stage 1 ends after s0 or s1"),
        (&B0.replacen("e1", " e1", 1), "stage 1: expansion is"),
        (&B0.replacen("k3", "é", 1), "stage 1: kernel is"),
    ] {
        assert!(said(text).contains(reason), "{}", said(text));
    }
    for junk in ["/", "e", "e6k5l2s1"] {
        assert!(said(&junk.repeat(1 << 20)).len() < 500);
    }
}
