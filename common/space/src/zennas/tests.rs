use std::collections::HashSet;

use super::*;
use crate::inverted::names_digest;
use crate::setting::{Input, Sizes};

fn graph(arch: &str, se: u64, side: usize, classes: usize) -> Graph {
    let setting = Setting {
        input: Input::Images { side },
        classes,
        sizes: Sizes::of(&ZenNas, [(SE.name, se)]).unwrap(),
    };
    let one = ZenNas.parse(arch).unwrap();
    one.lower(&setting, Extent::Whole).unwrap()
}

fn said(arch: &str) -> String {
    ZenNas.parse(arch).err().unwrap().to_string()
}

/// Of every kind of super block, with channels that have to be rounded.
const MIXED: &str = "SuperConvK5BNRELU(3,8,1,1)SuperResIDWE2K3(8,16,2,12,2)\
     SuperResK3K3(16,20,1,10,2)SuperResK1K7K1(20,44,2,13,2)SuperConvK7BNRELU(44,9,2,1)\
     SuperResIDWE1K5(9,12,1,12,1)";

// net = masternet.PlainNet(argv=[], num_classes=…, plainnet_struct=…, use_se=…), of ZenNAS;
// for name, p in net.named_parameters(): hash.update(f'{name} {list(p.shape)}\n'), and
// hooks on Conv2d and Linear.
#[test]
fn networks_have_the_counts_names_and_shapes_of_the_released_code() {
    #[rustfmt::skip]
    let known = [
        ("zennet_cifar100_model_size05M_res32", 0, 32, 100, 546_636, 136_142_848, "162c79ad67d2505a"),
        ("zennet_cifar100_model_size1M_res32", 0, 32, 100, 1_040_844, 159_259_648, "bb9c9f4953447855"),
        ("zennet_cifar100_model_size2M_res32", 0, 32, 100, 2_027_980, 481_478_656, "de610b8b2912b706"),
        ("zennet_imagenet1k_flops400M_SE_res224", 0, 224, 1000, 5_698_208, 400_213_376, "707a8f6ede7dcb73"),
        ("zennet_imagenet1k_flops400M_SE_res224", 1, 224, 1000, 7_466_024, 401_959_872, "619189dca69a1f8d"),
        ("zennet_imagenet1k_flops600M_SE_res224", 0, 224, 1000, 7_125_944, 597_503_840, "b5d9e0c5b93efb26"),
        ("zennet_imagenet1k_flops600M_SE_res224", 1, 224, 1000, 11_311_664, 601_656_800, "ad09301581e05aba"),
        ("zennet_imagenet1k_flops900M_SE_res224", 0, 224, 1000, 13_300_208, 909_269_280, "914c9d0fbe050ac7"),
        ("zennet_imagenet1k_flops900M_SE_res224", 1, 224, 1000, 19_351_644, 915_283_136, "4a42918631f0c440"),
        ("zennet_imagenet1k_latency01ms_res224", 0, 224, 1000, 30_068_776, 1_756_624_768, "02003119098eb15f"),
        ("zennet_imagenet1k_latency02ms_res224", 0, 224, 1000, 49_681_944, 3_416_128_768, "b98f4fc38f0afb93"),
        ("zennet_imagenet1k_latency03ms_res224", 0, 224, 1000, 85_379_160, 4_871_869_312, "0460cac42db79cd3"),
        ("zennet_imagenet1k_latency05ms_res224", 0, 224, 1000, 118_179_592, 8_331_553_344, "e3d6e65926e56c64"),
        ("zennet_imagenet1k_latency08ms_res224", 0, 224, 1000, 182_504_488, 13_922_530_176, "dca9dc996274f64b"),
        ("zennet_imagenet1k_latency12ms_res224", 0, 224, 1000, 180_593_736, 21_974_189_056, "454b0bc2011dfd46"),
        (search::FIRST, 0, 32, 10, 90_962, 6_710_528, "b7ee05409467d861"),
        (MIXED, 0, 32, 10, 73_660, 6_614_264, "6e81a8c35592840b"),
        (MIXED, 1, 32, 10, 76_444, 6_616_512, "195fdd8618d76690"),
    ];
    for (arch, se, side, classes, params, macs, digest) in known {
        let graph = graph(arch, se, side, classes);
        let cost = graph.cost();
        assert_eq!((cost.params, cost.macs), (params, macs), "{arch} {se}");
        assert!(names_digest(&graph).starts_with(digest), "{arch} {se}");
    }
}

/// As the paper and the released table tell them: with squeeze-and-excitation where its
/// counts fit the larger network alone, which the names of the smaller ones promise too.
#[test]
fn counts_are_about_those_of_the_paper() {
    for (arch, se, side, classes, params, macs) in [
        ("zennet_cifar10_model_size1M_res32", 0, 32, 100, 1.0, 162.0),
        ("zennet_cifar10_model_size2M_res32", 0, 32, 100, 2.0, 487.0),
        (
            "zennet_imagenet1k_flops400M_SE_res224",
            0,
            224,
            1000,
            5.7,
            410.0,
        ),
        (
            "zennet_imagenet1k_flops600M_SE_res224",
            0,
            224,
            1000,
            7.1,
            611.0,
        ),
        (
            "zennet_imagenet1k_flops900M_SE_res224",
            1,
            224,
            1000,
            19.4,
            934.0,
        ),
    ] {
        let cost = graph(arch, se, side, classes).cost();
        assert!((cost.params as f64 / 1e6 - params).abs() < 0.05, "{arch}");
        // Theirs are with what norms and sums do.
        let ratio = macs * 1e6 / cost.macs as f64;
        assert!((1.01..1.03).contains(&ratio), "{arch}: {ratio}");
    }
}

#[test]
fn names_are_printed_as_structures() {
    let names = published::RELEASED.iter().flat_map(|(names, _)| *names);
    assert_eq!(names.clone().collect::<HashSet<_>>().len(), 15);
    for name in names {
        let one = ZenNas.parse(name).unwrap().to_string();
        assert_eq!(one, published::structure(name).unwrap());
        assert_eq!(ZenNas.parse(&one).unwrap().to_string(), one);
    }
    assert_eq!(ZenNas.parse(MIXED).unwrap().to_string(), MIXED);
    assert_eq!(ZenNas.baseline().unwrap().to_string(), search::FIRST);
}

#[test]
fn norms_add_what_those_of_the_released_code_add() {
    let graph = graph(MIXED, 1, 32, 10);
    let epsilons = graph.nodes().iter().filter_map(|node| match node.op {
        knas_graph::Op::BatchNorm { epsilon, .. } => Some(epsilon),
        _ => None,
    });
    assert!(epsilons.clone().count() > 20 && { epsilons }.all(|epsilon| epsilon == 1e-3));
}

// Of 3,000 draws half are 1,500 ± 27, a fifth 600 ± 22; of the multiples of 8 to 256 the
// share of 8 is 1 / (1 + 1/2 + … + 1/32): 739 ± 24.
#[test]
fn structures_are_drawn_as_told() {
    let (mut mobile, mut flat, mut narrow) = (0u32, 0u32, 0u32);
    let mut kinds = HashSet::new();
    for one in ZenNas.sample(1).take(3000) {
        let structure: Structure = one.to_string().parse().unwrap();
        assert_eq!(structure.blocks().len(), 6);
        let mut families = HashSet::new();
        for (place, block) in structure.blocks().iter().enumerate() {
            let SuperBlock::Residual {
                kind,
                outputs,
                stride,
                layers,
                bottleneck,
            } = *block
            else {
                assert!(place == 0 || place == 5);
                continue;
            };
            assert_eq!(stride, if place == 1 { 1 } else { 2 });
            assert!(outputs <= 256 && bottleneck <= 128 && layers <= 5);
            let inverted = matches!(kind, Residual::Inverted { .. });
            families.insert(inverted);
            kinds.insert(kind);
            if place == 3 {
                mobile += u32::from(inverted);
                flat += u32::from(layers == 1);
                narrow += u32::from(outputs == 8);
            }
        }
        assert_eq!(families.len(), 1);
    }
    assert_eq!(kinds.len(), 18);
    assert!(
        mobile.abs_diff(1500) < 110 && flat.abs_diff(600) < 88,
        "{mobile} {flat}"
    );
    assert!(narrow.abs_diff(739) < 95, "{narrow}");
}

#[test]
fn mutants_differ_in_one_decision() {
    let near = |arch: &str| -> HashSet<String> {
        let one = ZenNas.parse(arch).unwrap();
        one.mutants(0).map(|near| near.to_string()).collect()
    };
    let found = near("SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,32,2,8,4)");
    let stems = [8, 16, 24, 32, 40]
        .map(|width| format!("SuperConvK3BNRELU(3,{width},1,1)SuperResK3K3({width},32,2,8,4)"));
    let block = |text: &str| format!("SuperConvK3BNRELU(3,16,1,1)Super{text}");
    let kinds = ["K3K3", "K5K5", "K7K7", "K1K3K1", "K1K5K1", "K1K7K1"];
    let kinds = kinds.map(|kind| block(&format!("Res{kind}(16,32,2,8,4)")));
    let wider =
        [80, 64, 48, 40, 32, 24, 16].map(|width| block(&format!("ResK3K3(16,{width},2,8,4)")));
    let middle = [8, 16].map(|width| block(&format!("ResK3K3(16,32,2,{width},4)")));
    let deeper = [
        "2,8,5)",
        "2,8,3)",
        "2,8,2)",
        "2,8,3)SuperResK3K3(32,32,1,8,3)",
    ];
    let deeper = deeper.map(|rest| block(&format!("ResK3K3(16,32,{rest}")));
    let all = stems
        .into_iter()
        .chain(kinds)
        .chain(wider)
        .chain(middle)
        .chain(deeper);
    let mut all: HashSet<String> = all.collect();
    assert!(all.remove("SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,32,2,8,4)"));
    assert_eq!(found, all);
    let mobile = near("SuperResIDWE1K3(3,16,2,8,1)");
    assert!(mobile.contains("SuperResIDWE6K7(3,16,2,8,1)"));
    assert!(mobile.iter().all(|near| near.contains("IDWE")));
}

#[test]
fn what_is_no_structure_is_told_by_its_place() {
    for (text, reason) in [
        (
            "",
            "it is super blocks without blanks between them, as in SuperConvK3",
        ),
        (
            "zennet_cifar10",
            "or a name such as zennet_cifar10_model_size1M_res32",
        ),
        ("SuperConvK3BNRELU(3,8,1,1", "it is super blocks"),
        (
            "SuperConvK2BNRELU(3,8,1,1)",
            "super block 1 is SuperConvK3BNRELU with a kernel",
        ),
        (
            "SuperConvK03BNRELU(3,8,1,1)",
            "super block 1 is SuperConvK3",
        ),
        (
            "SuperConvK3BNRELU(3,8,1,1) SuperResK3K3(8,8,1,8,1)",
            "super block 2 is",
        ),
        ("SuperResK3K5(3,8,1,8,1)", "super block 1 is"),
        ("SuperResK1K1K1(3,8,1,8,1)", "super block 1 is"),
        ("SuperResIDWE3K3(3,8,1,8,1)", "super block 1 is"),
        ("SuperResIDWE6K1(3,8,1,8,1)", "super block 1 is"),
        ("é(3,8,1,8,1)", "super block 1 is"),
        (
            "SuperConvK3BNRELU(3,8,1,2)",
            "super block 1 has the numbers (channels in, channels out, stride, 1)",
        ),
        (
            "SuperResK3K3(3,8,1,8)",
            "(channels in, channels out, stride, bottleneck, layers)",
        ),
        ("SuperResK3K3(3,8,1,8,1,1)", "super block 1 has the numbers"),
        ("SuperResK3K3(3,8,1,8,0)", "super block 1 has the numbers"),
        (
            "SuperResK3K3(3,8,1,8,65)",
            "super block 1: the number of layers is from 1 to 64",
        ),
        (
            "SuperResK3K3(3,8,1,7,1)",
            "super block 1: the bottleneck's channels is from 8 to",
        ),
        (
            "SuperConvK3BNRELU(3,7,1,1)",
            "super block 1: the number of channels that come out is from",
        ),
        (
            "SuperConvK3BNRELU(3,8,3,1)",
            "super block 1: the stride is from 1 to 2",
        ),
        (
            "SuperConvK3BNRELU(4,8,1,1)",
            "super block 1 reads 4 channels, and there are 3",
        ),
        (
            "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(16,8,1,8,1)",
            "super block 2 reads 16 channels, and there are 8",
        ),
    ] {
        assert!(said(text).contains(reason), "{}", said(text));
    }
    let deep = format!(
        "SuperConvK1BNRELU(3,8,1,1){}",
        "SuperConvK1BNRELU(8,8,1,1)".repeat(64)
    );
    assert!(said(&deep).ends_with("there are 1 to 64 super blocks"));
    for junk in [
        "(",
        ")",
        "SuperConvK3BNRELU(3,8,1,1)",
        "SuperResK3",
        "(,",
        ",",
    ] {
        assert!(said(&junk.repeat(1 << 20)).len() < 500);
    }
}

#[test]
fn the_largest_structure_can_be_counted() {
    let first = "SuperResK7K7(3,16384,1,16384,64)";
    let rest = "SuperResIDWE6K7(16384,16384,2,16384,64)".repeat(63);
    let one = ZenNas.parse(&format!("{first}{rest}")).unwrap();
    assert!(one.cost().unwrap().macs > 1 << 50);
    assert!(one.mutants(0).next().is_some());
}
