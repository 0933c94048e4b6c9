//! What networks with names are known to have.

use knas_graph::{Graph, Role};

use super::ResNet;
use crate::inverted::names_digest;
use crate::space::{Extent, SearchSpace};

fn graph(arch: &str) -> Graph {
    let one = ResNet.parse(arch).unwrap();
    one.lower(&ResNet.usual(), Extent::Whole).unwrap()
}

// for name, p in net.named_parameters(): hash.update(f'{name} {list(p.shape)}\n'), and
// hooks on Conv2d and Linear for one image of 224×224, of torchvision 0.13's models.
#[test]
fn networks_of_torchvision_have_its_counts_names_and_shapes() {
    #[rustfmt::skip]
    let known = [
        ("resnet18", 11_689_512, 1_814_073_344, "cdbf7444922413b0"),
        ("resnet34", 21_797_672, 3_663_761_408, "8950108c5af0f53d"),
        ("resnet50", 25_557_032, 4_089_184_256, "456583ba0e1d7954"),
        ("resnet101", 44_549_160, 7_801_405_440, "2afdc65d8e84fa50"),
        ("resnet152", 60_192_808, 11_513_626_624, "ecea9f71c7b7f780"),
        ("wide_resnet50_2", 68_883_240, 11_398_021_120, "271e0cb8891b8c1f"),
        ("wide_resnet101_2", 126_886_696, 22_753_050_624, "40b0e32148bb6fa0"),
        ("resnext50_32x4d", 25_028_904, 4_230_479_872, "306fb054c3e95ca5"),
        ("resnext101_32x8d", 88_791_336, 16_414_015_488, "cb35a9294f0a48b8"),
        ("resnext101_64x4d", 83_455_272, 15_460_270_080, "4d877a6fb1e77d47"),
        ("regnet_x_400mf", 5_495_976, 413_812_608, "012618ba1006547b"),
        ("regnet_x_800mf", 7_259_656, 799_699_712, "080a47d509fb5354"),
        ("regnet_x_1_6gf", 9_190_136, 1_602_849_792, "9b20c998d4898a6f"),
        ("regnet_x_3_2gf", 15_296_552, 3_176_621_952, "34ae6d69b38f8e36"),
        ("regnet_x_8gf", 39_572_648, 7_995_132_416, "4c9fe5974d7fabe1"),
        ("regnet_x_16gf", 54_278_536, 15_940_755_456, "490f4da25414022d"),
        ("regnet_x_32gf", 107_811_560, 31_735_929_792, "ca5f18d636f54819"),
        ("regnet_y_400mf", 4_344_144, 401_842_848, "ba7fd7d3a8f871f1"),
        ("regnet_y_800mf", 6_432_512, 833_856_256, "7253e54d2d14e05e"),
        ("regnet_y_1_6gf", 11_202_430, 1_612_076_160, "aa02304a23942106"),
        ("regnet_y_3_2gf", 19_436_338, 3_176_482_752, "55e41569043cb6fa"),
        ("regnet_y_8gf", 39_381_472, 8_473_070_592, "e507dd4b3371cfd4"),
        ("regnet_y_16gf", 83_590_140, 15_911_510_272, "0ab0ecdd8ecb11f6"),
        ("regnet_y_32gf", 145_046_770, 32_279_552_832, "ddc01db01f0bfd3e"),
    ];
    for (arch, params, macs, digest) in known {
        let graph = graph(arch);
        let cost = graph.cost();
        assert_eq!((cost.params, cost.macs), (params, macs), "{arch}");
        assert!(names_digest(&graph).starts_with(digest), "{arch}");
    }
    // Of RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_E2E_V1.meta["num_params"].
    assert_eq!(graph("regnet_y_128gf").cost().params, 644_812_894);
}

/// Parameters and "flops" as the authors' code lists them; these count one more for
/// each bias of the classifier and of squeeze-and-excitation.
#[test]
fn regnets_have_the_counts_of_their_authors() {
    for (arch, params, flops) in [
        ("RegNetX-200MF", 2_684_792, 199_040_872),
        ("RegNetX-400MF", 5_157_512, 397_678_568),
        ("RegNetX-600MF", 6_196_040, 600_891_112),
        ("RegNetX-800MF", 7_259_656, 799_700_712),
        ("RegNetX-1.6GF", 9_190_136, 1_602_850_792),
        ("RegNetX-3.2GF", 15_296_552, 3_176_622_952),
        ("RegNetX-4.0GF", 22_118_248, 3_964_499_816),
        ("RegNetX-6.4GF", 26_209_256, 6_460_292_264),
        ("RegNetX-8.0GF", 39_572_648, 7_995_133_416),
        ("RegNetX-12GF", 46_106_056, 12_086_679_016),
        ("RegNetX-16GF", 54_278_536, 15_940_756_456),
        ("RegNetX-32GF", 107_811_560, 31_735_930_792),
        ("RegNetY-200MF", 3_162_996, 199_519_076),
        ("RegNetY-400MF", 4_344_144, 401_849_056),
        ("RegNetY-600MF", 6_055_160, 601_227_608),
        ("RegNetY-800MF", 6_263_168, 797_183_328),
        ("RegNetY-1.6GF", 11_202_430, 1_612_087_326),
        ("RegNetY-3.2GF", 19_436_338, 3_176_496_162),
        ("RegNetY-4.0GF", 20_646_656, 3_973_301_344),
        ("RegNetY-6.4GF", 30_583_252, 6_355_221_876),
        ("RegNetY-8.0GF", 39_180_068, 7_963_074_196),
        ("RegNetY-12GF", 51_822_544, 12_092_395_504),
        ("RegNetY-16GF", 83_590_140, 15_911_534_044),
        ("RegNetY-32GF", 145_046_770, 32_279_583_362),
    ] {
        let graph = graph(arch);
        let bias = |role| matches!(role, Role::ConvBias | Role::LinearBias);
        let biases = graph.parameters().iter().filter(|p| bias(p.role));
        let biases: usize = biases.map(|p| p.len()).sum();
        let cost = graph.cost();
        let found = (cost.params, cost.macs + biases as u64);
        assert_eq!(found, (params, flops), "{arch}");
    }
    for (arch, macs) in [
        ("RegNetY-200MF", 199_514_080),
        ("RegNetY-400MF", 401_842_848),
        ("RegNetY-800MF", 797_176_832),
        ("RegNetX-200MF", 199_039_872),
    ] {
        assert_eq!(graph(arch).cost().macs, macs, "{arch}");
    }
}
