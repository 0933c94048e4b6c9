use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::*;

fn setting(stem: u64, side: usize) -> Setting {
    Setting {
        input: Input::Images { side },
        sizes: Sizes::of(&ResNet, [(STEM.name, stem)]).unwrap(),
        ..ResNet.usual()
    }
}

fn printed(arch: &str) -> String {
    ResNet.parse(arch).unwrap().to_string()
}

fn said(arch: &str) -> String {
    ResNet.parse(arch).err().unwrap().to_string()
}

#[test]
fn names_and_formulas_are_printed_as_stages() {
    for (arch, stages) in [
        ("resnet18", "basic:64x2,128x2,256x2,512x2"),
        ("resnet50", "bottleneck:256x3,512x4,1024x6,2048x3"),
        ("wide_resnet50_2", "bottleneck:256x3,512x4,1024x6,2048x3;b2"),
        (
            "resnext50_32x4d",
            "bottleneck:256x3,512x4,1024x6,2048x3;b2;c32",
        ),
        ("RegNetX-200MF", "x:24x1,56x1,152x4,368x7;g8"),
        ("RegNetX-400MF", "x:32x1,64x2,160x7,384x12;g16"),
        ("RegNetX-600MF", "x:48x1,96x3,240x5,528x7;g24"),
        ("RegNetX-800MF", "x:64x1,128x3,288x7,672x5;g16"),
        ("RegNetX-1.6GF", "x:72x2,168x4,408x10,912x2;g24"),
        ("RegNetX-3.2GF", "x:96x2,192x6,432x15,1008x2;g48"),
        ("RegNetX-8.0GF", "x:80x2,240x5,720x15,1920x1;g120"),
        ("RegNetY-800MF", "y:64x1,128x3,320x8,768x2;g16"),
        ("RegNetY-32GF", "y:232x2,696x5,1392x12,3712x1;g232"),
        ("regnet_x_400mf", "x:32x1,64x2,160x7,400x12;g16"),
        ("regnet_y_800mf", "y:64x1,144x3,320x8,784x2;g16"),
        (
            "x:w_a=36.44,w_0=24,w_m=2.49,d=13,g=8",
            "x:24x1,56x1,152x4,368x7;g8",
        ),
        (
            "y:g=16,d=14,w_m=2.4,w_0=56,w_a=38.84",
            "y:64x1,128x3,320x8,768x2;g16",
        ),
        ("bottleneck:256x1;c1;s64;b4", "bottleneck:256x1"),
        ("basic:16x9,32x9,64x9;s16", "basic:16x9,32x9,64x9;s16"),
        // In one group whatever more it has room for.
        ("x:24x1,48x1;g96;s32", "x:24x1,48x1;g48"),
    ] {
        assert_eq!(printed(arch), stages, "{arch}");
        assert_eq!(printed(stages), stages);
    }
    assert_ne!(printed("regnet_y_8gf"), printed("RegNetY-8.0GF"));
    let names: Vec<&str> = published::names().collect();
    assert_eq!(names.len(), 10 + 24 + 15);
    for name in names {
        assert_eq!(printed(&printed(name)), printed(name), "{name}");
    }
}

// import numpy as np, hashlib, itertools
// def line(w_a, w_0, w_m, d, g):
//     k = np.round(np.log((w_0 + w_a * np.arange(d)) / w_0) / np.log(w_m))
//     widths, depths = np.unique(8 * np.round(w_0 * w_m ** k / 8), return_counts=True)
//     runs = [(round(w / min(g, w)) * int(min(g, w)), n) for w, n in zip(widths, depths)]
//     return f'{w_a} {w_0} {w_m} {d} {g}:' + ','.join(f'{w}x{n}' for w, n in runs) + '\n'
// grid = itertools.product(range(8, 257, 31), range(8, 257, 24), range(1700, 3001, 27),
//                          (12, 17, 28), (8, 24, 112))
// text = ''.join(line(a, b, c / 1000, d, g) for a, b, c, d, g in grid)
// hashlib.sha256(text.encode()).hexdigest()
#[test]
fn formulas_have_the_stages_that_logarithms_give() {
    let mut text = String::new();
    for slope in (8..257).step_by(31) {
        for initial in (8..257).step_by(24) {
            for multiplier in (1700..3001).step_by(27) {
                let multiplier = f64::from(multiplier) / 1000.0;
                for (depth, group) in [12, 17, 28]
                    .into_iter()
                    .flat_map(|d| [8, 24, 112].map(|g| (d, g)))
                {
                    let formula = Formula {
                        slope: f64::from(slope),
                        initial,
                        multiplier,
                        depth,
                        group,
                    };
                    let stages = formula.stages(false).unwrap().to_string();
                    let stages = stages.trim_start_matches("x:").split(';').next().unwrap();
                    let _ = write!(text, "{slope} {initial} {multiplier:?} ");
                    let _ = writeln!(text, "{depth} {group}:{stages}");
                }
            }
        }
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        digest,
        "e8d899a982b83af0d45814cd269cd4ef08bbb9680d25cf84f720e83cd71783f8"
    );
}

/// Of 1 to 16, as likely as their inverses, 1 has the share 1 / (1 + 1/2 + … + 1/16);
/// four standard deviations of 4,000 draws are 115. That four stages are wanted says
/// nothing of groups.
#[test]
fn regnets_are_drawn_from_formulas_of_four_stages() {
    let mut random = stream(1, "test", &[]);
    let (mut drawn, mut narrow) = (0, 0u32);
    let mut depths: HashMap<usize, u32> = HashMap::new();
    while drawn < 4000 {
        let Some(formula) = Formula::draw(&mut random) else {
            continue;
        };
        drawn += 1;
        *depths.entry(formula.depth).or_default() += 1;
        narrow += u32::from(formula.group == 8);
        assert!((8.0..=256.0).contains(&formula.slope) && formula.initial.is_multiple_of(8));
        assert!((2.0..=3.0).contains(&formula.multiplier) && formula.initial <= 256);
        assert!((12..=28).contains(&formula.depth) && formula.group <= 128);
    }
    assert!(narrow.abs_diff(1183) < 115, "{narrow}");
    assert_eq!(depths.len(), 17);
    let mut squeezed = 0;
    for one in ResNet.sample(5).take(400) {
        let notation = one.to_string();
        assert_eq!(notation.split(',').count(), 4, "{notation}");
        squeezed += u32::from(notation.starts_with("y:"));
    }
    assert!(squeezed.abs_diff(200) < 40, "{squeezed}");
}

#[test]
fn stems_are_those_that_the_size_says() {
    // Channels and side after the stem, of images of 32 pixels.
    let stem = |arch: &str, stem: u64| {
        let one = ResNet.parse(arch).unwrap();
        let graph = one.lower(&setting(stem, 32), Extent::Whole).unwrap();
        let (_, _, output) = graph.blocks().next().unwrap();
        graph.shape(output)
    };
    let maps = |channels, side| knas_graph::Shape::Maps { channels, side };
    for (size, resnet, regnet) in [(0, 8, 16), (1, 32, 32), (2, 16, 16), (4, 8, 8)] {
        assert_eq!(stem("basic:16x1,32x1;s16", size), maps(16, resnet));
        assert_eq!(stem("x:24x1,56x1;g8", size), maps(32, regnet));
    }
    let one = ResNet.parse("resnet18").unwrap();
    let error = one.lower(&setting(3, 32), Extent::Whole).unwrap_err();
    assert!(error.to_string().ends_with("not 3"), "{error}");
    // A convolution of 3 × 64 × 9 weights instead of one of 3 × 64 × 49.
    let cost = one.cost_in(&setting(1, 32)).unwrap();
    assert_eq!(cost.params, 11_689_512 - 3 * 64 * 40);
}

#[test]
fn mutants_differ_in_one_decision() {
    let near = |arch: &str| -> HashSet<String> {
        let one = ResNet.parse(arch).unwrap();
        one.mutants(0).map(|near| near.to_string()).collect()
    };
    let of = |stages: &[&str]| stages.iter().map(|&stages| stages.to_owned()).collect();
    let expected: HashSet<String> = of(&[
        // Blocks.
        "x:24x2,48x2;g8",
        "x:24x1,48x1;g8",
        "x:24x1,48x3;g8",
        // Channels.
        "x:16x1,48x2;g8",
        "x:32x1,48x2;g8",
        "x:40x1,48x2;g8",
        "x:48x1,48x2;g8",
        "x:24x1,24x2;g8",
        "x:24x1,32x2;g8",
        "x:24x1,40x2;g8",
        "x:24x1,64x2;g8",
        "x:24x1,72x2;g8",
        "x:24x1,96x2;g8",
        // Groups, of which 16 channels do not divide 24; squeeze-and-excitation.
        "x:24x1,48x2;g4",
        "y:24x1,48x2;g8",
    ]);
    assert_eq!(near("x:24x1,48x2;g8"), expected);
    let bottleneck = near("bottleneck:64x1;b2;c2");
    for wanted in [
        "64x1;c2",
        "64x1;b1;c2",
        "64x1;b2",
        "64x1;b2;c4",
        "64x2;b2;c2",
        "80x1;b2;c2",
    ] {
        assert!(
            bottleneck.contains(&format!("bottleneck:{wanted}")),
            "{wanted}"
        );
    }
    assert!(
        near("basic:64x1;s16")
            .iter()
            .all(|near| near.ends_with(";s16"))
    );
    for seed in 0..3 {
        let one = ResNet.sample(seed).next().unwrap();
        let count = one.mutants(seed).count();
        assert!((12..=4 * 8 + 3).contains(&count), "{one}: {count}");
    }
}

#[test]
fn what_is_no_network_is_told_by_its_place() {
    for (text, reason) in [
        ("", "it is basic, bottleneck, x or y and stages"),
        (
            "resnet19",
            "such as resnet50, regnet_y_800mf, RegNetY-800MF",
        ),
        ("z:64x2", "it is basic, bottleneck, x or y"),
        (
            "basic:",
            "stage 1 is written as 64x2: 8 to 16384 channels, and 1 to 500 blocks",
        ),
        ("basic:64x2,128", "stage 2 is written"),
        ("basic:64x2,7x1", "stage 2 is written"),
        ("basic:64x0", "stage 1 is written"),
        ("basic:+64x2", "stage 1 is written"),
        ("basic:64x2x2", "stage 1 is written"),
        ("basic:64x2,é", "stage 2 is written"),
        ("basic:64x501", "stage 1 is written"),
        (
            "basic:64x1,64x1,64x1,64x1,64x1,64x1,64x1,64x1,64x1",
            "1 to 8 stages, not 9",
        ),
        (
            "basic:64x2;g8",
            "basic are followed by ;s and the channels of the stem from 8",
        ),
        ("basic:64x2;s4", "basic are followed by"),
        ("basic:64x2;", "basic are followed by"),
        (
            "bottleneck:256x3;b2;b2",
            "bottleneck are followed by ;b and the bottleneck ratio to 256",
        ),
        ("bottleneck:256x3;b257", "bottleneck are followed by"),
        (
            "bottleneck:64x1,100x1;c2",
            "stage 2 has 100 channels, which are no multiple of 8 (bo",
        ),
        ("x:24x1", "followed by the channels of a group, as in ;g8"),
        (
            "y:24x1,28x1;g8",
            "stage 2 has 28 channels, which are no multiple of 8 (channels of",
        ),
        (
            "x:24x1;é",
            "x are followed by ;g and the channels of a group",
        ),
        (
            "x:w_a=1,w_0=8,w_m=2,d=2",
            "a formula is w_a, w_0, w_m, d and g, as in x:w_a=",
        ),
        ("x:w_a=1,w_0=8,w_m=2,d=2,g=8,g=8", "a formula is"),
        (
            "x:w_a=inf,w_0=8,w_m=2,d=2,g=8",
            "w_a is a number from 0 to 1024",
        ),
        (
            "x:w_a=1,w_0=20,w_m=2,d=2,g=8",
            "w_0 is a multiple of 8 from 8 to 1024",
        ),
        (
            "x:w_a=1,w_0=8,w_m=1,d=2,g=8",
            "w_m is a number from 1.1 to 16",
        ),
        ("x:w_a=1,w_0=8,w_m=2,d=0,g=8", "d is a number from 1 to 500"),
        (
            "x:w_a=1,w_0=8,w_m=2,d=2,g=0",
            "g is a number from 1 to 16384",
        ),
        (
            "y:w_a=99,w_0=8,w_m=1.1,d=28,g=8",
            "there are 1 to 8 stages, not 2",
        ),
        (
            "x:w_a=1024,w_0=1024,w_m=16,d=99,g=8",
            "stage 3 is written as",
        ),
    ] {
        assert!(said(text).contains(reason), "{}", said(text));
    }
    for junk in [
        "basic:",
        "x",
        ",",
        "basic:64x2,",
        "x:w_a=",
        ";",
        "basic:64x2;",
    ] {
        assert!(said(&junk.repeat(1 << 20)).len() < 700);
    }
}

#[test]
fn the_largest_network_can_be_counted() {
    let stages = ["16384x500"; 8].join(",");
    let one = ResNet.parse(&format!("basic:{stages};s16384")).unwrap();
    assert!(one.cost().unwrap().macs > 1 << 53);
    assert!(one.mutants(0).next().is_some());
}
