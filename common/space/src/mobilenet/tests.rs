use std::collections::{HashMap, HashSet};

use super::*;
use crate::inverted::names_digest;

const USUAL: &str = "k3e3,k5e4/k7e6,k3e6,k5e4/k7e3,k3e3,k5e4,k7e6/k7e4,k3e3/k5e4,k7e6,k3e6";

fn setting(width: u64, side: usize) -> Setting {
    Setting {
        input: Input::Images { side },
        sizes: Sizes::of(&MobileNet, [("width", width)]).unwrap(),
        ..MobileNet.usual()
    }
}

fn counts(arch: &str, width: u64, side: usize) -> (u64, u64) {
    let arch = MobileNet.parse(arch).unwrap();
    let cost = arch.cost_in(&setting(width, side)).unwrap();
    (cost.params, cost.macs)
}

/// Every stage of so many blocks, all the same.
fn uniform(depth: usize, block: &str) -> String {
    vec![vec![block; depth].join(","); 5].join("/")
}

fn said(text: &str) -> String {
    MobileNet.parse(text).err().unwrap().to_string()
}

// From models built with once-for-all's code.
#[test]
fn sub_networks_have_their_known_counts() {
    for (depth, block, width, params, macs) in [
        (3, "k5e4", 100, 4_551_792, 250_746_944),
        (4, "k3e6", 100, 7_299_960, 433_141_536),
        (2, "k3e3", 120, 4_602_456, 193_078_200),
        (3, "k5e4", 120, 6_245_312, 385_659_168),
        (4, "k3e6", 120, 10_258_112, 671_781_360),
        (4, "k7e6", 120, 10_701_632, 843_101_040),
    ] {
        let arch = uniform(depth, block);
        assert_eq!(counts(&arch, width, 224), (params, macs), "{block} {width}");
    }
    // To ten thousand multiply-accumulates.
    for (arch, side, params, macs) in [
        (uniform(4, "k7e6"), 224, 7_664_760, 566.17),
        (uniform(2, "k3e3"), 224, 3_410_792, 121.28),
        (uniform(2, "k3e3"), 128, 3_410_792, 41.48),
    ] {
        let found = counts(&arch, 100, side);
        assert_eq!(found.0, params, "{arch}");
        assert!((found.1 as f64 / 1e6 - macs).abs() < 0.005, "{found:?}");
    }
}

/// Once-for-all's network for 31 ms on a Samsung Note8 (published: 4.6 M parameters).
#[test]
fn the_sub_network_for_a_phone_has_its_known_counts() {
    let arch = "k5e3,k3e3/k5e4,k5e3/k3e4,k3e4,k5e4/k3e4,k5e3,k7e4/k3e6,k3e3,k5e3,k5e3";
    let (params, macs) = counts(arch, 100, 160);
    assert_eq!(params, 4_595_536);
    assert!((macs as f64 / 1e6 - 103.87).abs() < 0.005, "{macs}");
}

#[test]
fn networks_of_torchvision_have_their_known_counts() {
    for (arch, width, params, macs) in [
        ("mobilenet_v2", 100, 3_504_872, 300_774_272),
        ("mobilenet_v2", 140, 6_108_776, 582_195_824),
        ("mobilenet_v3_large", 100, 5_483_032, 216_589_760),
        ("mobilenet_v3_small", 100, 2_542_856, 56_510_400),
    ] {
        assert_eq!(counts(arch, width, 224), (params, macs), "{arch} {width}");
    }
}

// for name, p in model.named_parameters(): hash.update(f'{name} {list(p.shape)}\n'),
// of torchvision 0.26, and of once-for-all's
//     net = OFAMobileNetV3(width_mult=w, ks_list=[3, 5, 7],
//                          expand_ratio_list=[3, 4, 6], depth_list=[2, 3, 4])
//     net.set_active_subnet(ks=…, e=…, d=[2, 3, 4, 2, 3]); net.get_active_subnet()
#[test]
fn parameters_have_the_names_and_shapes_of_the_released_codes() {
    let searched = "k3e3,k5e4/k5e4,k7e3,k3e3/k7e6,k3e6,k5e4,k7e3/k3e3,k5e4/k5e4,k7e3,k3e3";
    for (arch, width, digest) in [
        (
            "mobilenet_v2",
            100,
            "646a51a00fa44584cd1178af919cb7357ad9f9447f6934a24133d277549182ac",
        ),
        (
            "mobilenet_v2",
            140,
            "ed931a1b658aaa60b45e489a4844d4825a7a42cc493e8aeececcff78cefabc00",
        ),
        (
            "mobilenet_v2",
            35,
            "a0ab92c48a79e382fe3c0a01ddcd0b99b526022d3cf9a584752279bc2932ff56",
        ),
        (
            "mobilenet_v3_large",
            100,
            "316edc9fb5888a767d4997ffe54e908864972693f928bddc688d2d129e862d0c",
        ),
        (
            "mobilenet_v3_large",
            75,
            "055e0d8fbc7afd3b17855342baa9ab30d76bfcde1aecc45f15f62f461026af34",
        ),
        (
            "mobilenet_v3_small",
            100,
            "47169e6e5a445737ada0d9ed36d3b3e7c9bc182454fcddbfd0b3227728fbc413",
        ),
        (
            "mobilenet_v3_small",
            125,
            "4dff382660b633fa29035dc1829b9f8b6d73e10820589376d001e9b64a88edff",
        ),
        (
            searched,
            100,
            "4bab3abcfcbff54471610057eeeca7d161b96b44913ea1c74a0057f18ac28a88",
        ),
        (
            searched,
            120,
            "2c94f8da21e7e8c54cc6aafe74748dabbd0642dbc427ace10b1c312e52f1828a",
        ),
        (
            searched,
            50,
            "89f9cd5196bdb3641f84481a945472b566e9d4a80fa0aad8f2e3bb8902b43f75",
        ),
    ] {
        let member = MobileNet.parse(arch).unwrap();
        let graph = member.lower(&setting(width, 224), Extent::Whole).unwrap();
        assert_eq!(names_digest(&graph), digest, "{arch} {width}");
    }
}

#[test]
fn configurations_are_read_without_their_void_slots() {
    let kernels = "[3,5,9,9, 7,3,5,9, 7,3,5,7, 7,3,9,9, 5,7,3,9]";
    let expansions = "[3,4,0,0, 6,6,4,0, 3,3,4,6, 4,3,0,0, 4,6,6,0]";
    let depths = "[2, 3, 4, 2, 3]";
    for text in [
        format!("{{\"ks\":{kernels},\"e\":{expansions},\"d\":{depths}}}"),
        format!("{{\"ks\":{kernels},\"e\":{expansions},\"d\":{depths},\"r\":[160]}}"),
        format!("{{'wid': None, 'ks': {kernels}, 'e': {expansions}, 'd': {depths}, 'r': 224}}"),
    ] {
        assert_eq!(MobileNet.parse(&text).unwrap().to_string(), USUAL);
    }
    let one = |kernels: &str, depths: &str| {
        said(&format!(
            "{{\"ks\":{kernels},\"e\":{expansions},\"d\":{depths}}}"
        ))
    };
    assert!(one("[3,5]", depths).ends_with("\"ks\" has 20 numbers, not 2"));
    assert!(one(kernels, "[2,3,4,2,5]").ends_with("stage 5 has 2, 3 or 4 blocks, not 5"));
    assert!(one(kernels, "[3,3,4,2,3]").contains("block 3 of stage 1 is one of k3e3, "));
    assert!(one(kernels, "[-1]").contains("it is no configuration {\"ks\": […], \"e\": "));
    assert!(said("{}").contains("missing field `ks`"));
    assert!(said("{\"ks\":[],\"e\":[],\"d\":[],\"w\":1}").contains("unknown field `w`"));
}

#[test]
fn what_is_no_architecture_is_told_by_its_place() {
    let [side, without] = [format!("r224/{USUAL}"), said("r160")];
    for said in [said(&side), without] {
        let reason = "the side of images is given by the data or by a size, not by the \
                      architecture; leave out what stands before the first /";
        assert!(said.ends_with(reason), "{said}");
    }
    let names = "or it is one of mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small";
    for (text, reason) in [
        ("", "k3e3,k5e4/k3e3,k3e3,k7e6/…, not 1; "),
        ("mobilenet_v3", names),
        ("k3e3,k3e3/k3e3,k3e3", "not 2; "),
        (
            &USUAL.replacen("k3e3,", "", 1),
            "stage 1 has 2, 3 or 4 blocks, not 1",
        ),
        (
            &USUAL.replacen("k3e6,k5e4", "k3e6,,,", 1),
            "stage 2 has 2, 3 or 4 blocks, not 5",
        ),
        (
            &USUAL.replacen("k3e6,k5e4", "k3e6,k4e4", 1),
            "block 3 of stage 2 is one of k3e3, k3e4",
        ),
        (
            &USUAL.replacen("k3e3", "none", 1),
            "block 1 of stage 1 is one of",
        ),
        (
            &USUAL.replacen("k3e3", " k3e3", 1),
            "block 1 of stage 1 is one of",
        ),
        (
            &USUAL.replacen("k3e3", "K3E3", 1),
            "block 1 of stage 1 is one of",
        ),
    ] {
        assert!(said(text).contains(reason), "{}", said(text));
    }
    for junk in ["/", ",", "[", "{", "'", "r1"] {
        assert!(said(&junk.repeat(1 << 20)).len() < 500);
    }
    assert!(said(&format!("{{\"ks\":{}", "[".repeat(1 << 20))).len() < 500);
}

#[test]
fn every_stage_is_told_from_its_option() {
    let stage = |option| {
        let stages = Stages::of_options(&[option, 0, 0, 0, 0]).to_string();
        stages.split('/').next().unwrap().to_owned()
    };
    let all: HashSet<String> = (0..OPTIONS).map(stage).collect();
    assert_eq!((OPTIONS, all.len()), (7371, 7371));
    assert_eq!(stage(0), "k3e3,k3e3");
    assert_eq!(stage(80), "k7e6,k7e6");
    assert_eq!(stage(81), "k3e3,k3e3,k3e3");
    assert_eq!(stage(7370), "k7e6,k7e6,k7e6,k7e6");
    let stages = Stages::of_options(&[80, 81, 809, 810, 7370]);
    assert_eq!(Stages::of_slots(&stages.slots()), Some(stages));
    for (option, name) in SLOT[..BLOCKS].iter().enumerate() {
        let stages = Stages::of_options(&[option; STAGES]);
        let Block { kernel, expansion } = stages.blocks().next().unwrap()[0];
        assert_eq!(format!("k{kernel}e{expansion}"), *name);
    }
}

// Of 5,000 stages, two blocks: 55 ± 7; four: 4,450 ± 22; a block: an equal share.
#[test]
fn stages_are_drawn_alike() {
    let mut depths: HashMap<usize, usize> = HashMap::new();
    let mut blocks: HashMap<String, usize> = HashMap::new();
    for one in MobileNet.sample(1).take(1000) {
        for stage in one.to_string().split('/') {
            *depths.entry(stage.split(',').count()).or_default() += 1;
            let last = stage.split(',').next_back().unwrap();
            *blocks.entry(last.to_owned()).or_default() += 1;
        }
    }
    assert!((25..85).contains(&depths[&2]), "{depths:?}");
    assert!((4360..4540).contains(&depths[&4]), "{depths:?}");
    assert_eq!(blocks.len(), BLOCKS);
    assert!(
        blocks.values().all(|count| (460..650).contains(count)),
        "{blocks:?}"
    );
}

#[test]
fn mutants_are_all_that_differ_in_one_block_or_by_a_last_one() {
    let count = |arch: &str| MobileNet.parse(arch).unwrap().mutants(0).count();
    // Eight others for each block, nine for one more, and one block less.
    assert_eq!(count(&uniform(2, "k3e3")), 10 * 8 + 5 * 9);
    assert_eq!(count(&uniform(3, "k5e4")), 15 * 8 + 5 * 9 + 5);
    assert_eq!(count(&uniform(4, "k7e6")), 20 * 8 + 5);
    let one = MobileNet.parse(USUAL).unwrap();
    let near: HashSet<String> = one.mutants(0).map(|near| near.to_string()).collect();
    for wanted in [
        USUAL.replacen("k3e3", "k5e3", 1),
        USUAL.replacen("k3e3", "k3e4", 1),
        USUAL.replacen("k5e4/", "k5e4,k7e6/", 1),
        USUAL.replacen(",k3e6,k5e4/", ",k3e6/", 1),
    ] {
        assert!(near.contains(&wanted), "{wanted}");
    }
    for back in one.mutants(0) {
        assert!(
            back.mutants(0).any(|near| near.to_string() == USUAL),
            "{back}"
        );
    }
}

#[test]
fn networks_with_names_stand_alone() {
    for released in Released::ALL {
        let one = MobileNet.parse(released.name()).unwrap();
        assert_eq!(one.to_string(), released.name());
        assert!(one.id().starts_with("mobilenet-") && one.id().len() == 26);
        assert_eq!((one.mutants(0).count(), one.decisions().len()), (0, 0));
    }
    assert_eq!(MobileNet.parse(USUAL).unwrap().decisions().len(), 20);
}
