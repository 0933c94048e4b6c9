use std::collections::HashSet;

use knas_graph::{Cost, Op as Layer, Parameter, Shape};

use super::*;
use crate::{Input, Sizes};

fn setting(channels: u64, cells: u64) -> Setting {
    Setting {
        sizes: Sizes::of(&Darts, [("channels", channels), ("cells", cells)]).unwrap(),
        ..Darts.usual()
    }
}

fn imagenet() -> Setting {
    Setting {
        input: Input::Images { side: 224 },
        classes: 1000,
        sizes: Sizes::of(&Darts, [("channels", 48), ("cells", 14), ("stem", 8)]).unwrap(),
    }
}

fn counts(arch: &str, setting: &Setting) -> (u64, u64) {
    let genotype: Genotype = arch.parse().unwrap();
    let Cost { params, macs } = genotype.cost_in(setting).unwrap();
    (params, macs)
}

// Without the auxiliary head. DARTS_V2 has 3.3 M parameters in its paper, and 4.7 M
// for ImageNet; PC_DARTS_image 5.3 M there.
#[test]
fn published_genotypes_have_their_counts() {
    for (setting, expected) in [
        (
            setting(36, 20),
            [
                ("DARTS_V2", 3_349_342, 52_836),
                ("DARTS_V1", 3_169_414, 50_099),
                ("PC_DARTS_cifar", 3_634_678, 55_667),
                ("PC_DARTS_image", 3_721_510, 57_047),
                ("PDARTS", 3_433_798, 53_217),
            ],
        ),
        (
            imagenet(),
            [
                ("DARTS_V2", 4_718_752, 52_991),
                ("DARTS_V1", 4_510_432, 50_586),
                ("PC_DARTS_cifar", 5_270_560, 57_114),
                ("PC_DARTS_image", 5_342_464, 58_163),
                ("PDARTS", 4_944_352, 54_282),
            ],
        ),
        (
            setting(16, 8),
            [
                ("DARTS_V2", 246_106, 4_344),
                ("DARTS_V1", 232_890, 4_136),
                ("PC_DARTS_cifar", 335_738, 5_326),
                ("PC_DARTS_image", 327_546, 5_246),
                ("PDARTS", 292_026, 4_814),
            ],
        ),
    ] {
        for (name, params, macs) in expected {
            let found = counts(name, &setting);
            // They are given to the ten thousand.
            assert_eq!(
                (found.0, (found.1 + 5_000) / 10_000),
                (params, macs),
                "{name}"
            );
        }
    }
    let small = setting(32, 8);
    assert_eq!(counts("DARTS_V1", &small).0, 871_786);
    let (params, macs) = counts("DARTS_V2", &small);
    assert_eq!((params, (macs + 5_000) / 10_000), (919_722, 15_977));
}

/// Both cells, and parameters and multiply-accumulates at C = 36 and 20 cells and at
/// C = 16 and 8 cells: with `none`, with inputs that are read twice, and all
/// operations.
const ROWS: &str = "\
none~0|dil_conv_5x5~0|sep_conv_5x5~0|sep_conv_3x3~1|sep_conv_3x3~1|dil_conv_5x5~2|sep_conv_5x5~3|skip_connect~4,none~0|dil_conv_5x5~0|sep_conv_5x5~0|sep_conv_3x3~1|sep_conv_3x3~1|dil_conv_5x5~2|sep_conv_5x5~3|skip_connect~4,3618262,569831040,325370,54389248
dil_conv_5x5~0|sep_conv_5x5~0|skip_connect~0|avg_pool_3x3~1|sep_conv_5x5~1|skip_connect~3|dil_conv_5x5~1|none~0,dil_conv_5x5~0|sep_conv_5x5~0|skip_connect~0|avg_pool_3x3~1|sep_conv_5x5~1|skip_connect~3|dil_conv_5x5~1|none~0,2811718,451387008,253114,44018176
max_pool_3x3~1|none~0|max_pool_3x3~0|dil_conv_5x5~2|avg_pool_3x3~1|dil_conv_5x5~1|avg_pool_3x3~0|none~1,max_pool_3x3~1|none~0|max_pool_3x3~0|dil_conv_5x5~2|avg_pool_3x3~1|dil_conv_5x5~1|avg_pool_3x3~0|none~1,1841878,301092480,149754,28142080
none~0|dil_conv_3x3~1|avg_pool_3x3~2|dil_conv_5x5~1|sep_conv_3x3~3|dil_conv_5x5~3|none~3|avg_pool_3x3~2,none~0|dil_conv_3x3~1|avg_pool_3x3~2|dil_conv_5x5~1|sep_conv_3x3~3|dil_conv_5x5~3|none~3|avg_pool_3x3~2,2466550,391916160,207930,36313600
";

fn check_rows<'r>(rows: impl Iterator<Item = &'r str>) -> usize {
    let settings = [setting(36, 20), setting(16, 8)];
    let check = |row: &str| {
        let fields: Vec<&str> = row.split(',').collect();
        let arch = format!("{}/{}", fields[0], fields[1]);
        assert_eq!(arch.parse::<Genotype>().unwrap().to_string(), arch);
        let number = |place: usize| fields[place].parse().unwrap();
        for (place, setting) in [2, 4].into_iter().zip(&settings) {
            let expected = (number(place), number(place + 1));
            assert_eq!(counts(&arch, setting), expected, "{arch}");
        }
    };
    rows.map(check).count()
}

#[test]
fn tables_have_the_same_counts() {
    assert_eq!(check_rows(ROWS.lines()), 4);
    let Some(path) = knas_tests::shared("truth/darts.csv") else {
        return;
    };
    let table = std::fs::read_to_string(path).unwrap();
    assert_eq!(check_rows(table.lines().skip(1)), 515);
}

const V2: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])";

#[test]
fn genotypes_are_read_as_papers_print_them() {
    let named: Genotype = "DARTS_V2".parse().unwrap();
    assert_eq!(V2.parse(), Ok(named));
    for (from, to) in [
        ("[2, 3, 4, 5]", "range(2, 6)"),
        ("[2, 3, 4, 5]", "list(range(2,6))"),
        (", ", ","),
        ("[('", "[\n    ('"),
        ("'", "\""),
        ("Genotype(", "DARTS_V2 = Genotype("),
        ("Genotype(", "genotypes.Genotype("),
    ] {
        assert_eq!(V2.replace(from, to).parse(), Ok(named), "{to}");
    }
    let names = super::published::NAMES.split(", ");
    let distinct: HashSet<String> = names
        .map(|name| name.parse::<Genotype>().unwrap().to_string())
        .collect();
    assert_eq!(distinct.len(), 5);
}

#[test]
fn what_is_no_genotype_is_told_by_its_place() {
    let said = |text: &str| Darts.parse(text).err().unwrap().to_string();
    let arch = "DARTS_V2".parse::<Genotype>().unwrap().to_string();
    let junk = "skip_connect~0|".repeat(100_000);
    for (text, reason) in [
        ("", "a genotype is op~input|…"),
        ("DARTS_V3", "or one of DARTS_V1, DARTS_V2"),
        (&arch.replace('/', "|"), "a genotype is op~input|…"),
        (&format!("{arch}/{arch}"), "a genotype is op~input|…"),
        (
            &format!("{arch}|none~0"),
            "the reduce cell has eight entries, two for each of its four nodes, not 9",
        ),
        (
            &arch.replace("|dil_conv_3x3~2", ""),
            "the normal cell has eight entries, two for each of its four nodes, not 7",
        ),
        (
            &arch.replace("dil_conv_3x3~2", "dil_conv_3x3~5"),
            "entry 8 of the normal cell is written op~input, with an input from 0 to 4",
        ),
        (
            &arch.replacen("~0", "~2", 1),
            "entry 1 of the normal cell is written op~input, with an input from 0 to 1",
        ),
        (
            &arch.replacen("~0", "~+0", 1),
            "entry 1 of the normal cell is written",
        ),
        (
            &arch.replace("dil_conv_3x3", "dil_conv_7x7"),
            "entry 8 of the normal cell is one of none, max_pool_3x3",
        ),
        (
            &arch.replacen("sep_conv_3x3", " sep_conv_3x3", 1),
            "entry 1 of the normal cell is one of",
        ),
        (&format!("{junk}/{junk}"), "not 100001"),
        (
            &V2.replacen("[2, 3, 4, 5]", "[2, 3, 4]", 1),
            "normal_concat is range(2, 6) or [2, 3, 4, 5]",
        ),
        (
            &V2.replace("reduce_concat=[2, 3, 4, 5]", "reduce_concat=range(3,6)"),
            "reduce_concat is range(2, 6)",
        ),
        (
            &V2.replace("('skip_connect', 0)", "'skip_connect'"),
            "entry 6 of the normal cell is written ('op', input)",
        ),
        (
            &V2.replace("reduce=", "other="),
            "Python's text is Genotype(",
        ),
        (
            &V2.replace("Genotype", "Network"),
            "Python's text is Genotype(",
        ),
        (
            V2.strip_suffix(')').unwrap(),
            "a comma or the end of the list is expected at character",
        ),
        (&"(".repeat(1_000_000), "it has more than 10000 characters"),
    ] {
        let said = said(text);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn only_even_maps_are_halved_and_only_stems_that_there_are_begin() {
    let genotype: Genotype = "DARTS_V2".parse().unwrap();
    let said = |side, sizes: &[(&str, u64)]| {
        let setting = Setting {
            input: Input::Images { side },
            classes: 10,
            sizes: Sizes::of(&Darts, sizes.iter().copied()).unwrap(),
        };
        let lowered = genotype.lower(&setting, Extent::Whole);
        lowered
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(
        said(30, &[]),
        "cells.14.preprocess0 is a factorized reduce, which reads maps of an even side, not of \
         15: the image's side must be even wherever it is halved; multiples of 4 are"
    );
    assert!(said(196, &[("stem", 8)]).starts_with("cells.0.preprocess0 is a factorized reduce"));
    assert!(said(196, &[("stem", 8)]).ends_with("multiples of 32 are"));
    assert!(said(0, &[]).contains("must be between 1 and 1024; 0 is not"));
    assert!(said(32, &[("stem", 3)]).starts_with("stem is 1 (one 3×3"));
    assert!(said(224, &[("stem", 8), ("channels", 9)]).starts_with("channels must be even"));
    assert_eq!(said(32, &[("channels", 1), ("cells", 1)]), "");
    assert_eq!(said(222, &[("stem", 8)]), "");
    assert_eq!(said(32, &[("cells", 200), ("channels", 4096)]), "");
}

fn keyed(graph: &Graph) -> Vec<(&str, &[usize])> {
    let parameters = graph.parameters().iter();
    parameters.map(|p| (&*p.key, &*p.shape)).collect()
}

#[test]
fn orders_of_entries_are_one_network_under_two_sets_of_names() {
    // sep~1 before sep~0, and `none` with any input
    let arch = "DARTS_V1".parse::<Genotype>().unwrap().to_string();
    let written = arch.replacen("skip_connect~2", "none~1", 1);
    let other = arch
        .replacen(
            "sep_conv_3x3~1|sep_conv_3x3~0",
            "sep_conv_3x3~0|sep_conv_3x3~1",
            1,
        )
        .replacen("sep_conv_3x3~0|skip_connect~2", "none~4|sep_conv_3x3~0", 1);
    let [one, two] = [written, other].map(|arch| arch.parse::<Genotype>().unwrap());
    assert_ne!(one.id(), two.id());
    assert_eq!(one.network_key(), two.network_key());
    let small = setting(4, 3);
    for extent in [Extent::Whole, Extent::Live] {
        let [one, two] = [one, two].map(|one| one.lower(&small, extent).unwrap());
        assert_eq!(one.nodes(), two.nodes());
        assert_eq!(keyed(&one), keyed(&two));
        let place = |graph: &Graph, name: &str| {
            graph
                .parameters()
                .iter()
                .position(|p: &Parameter| p.name == name)
                .unwrap()
        };
        // The convolution of input 1 is the first one in the first, and the second here.
        let [first, second] = ["cells.0._ops.0.op.1.weight", "cells.0._ops.1.op.1.weight"];
        assert_eq!(place(&one, first), place(&two, second));
        assert_eq!(place(&one, second), place(&two, first));
    }
}

#[test]
fn nodes_in_another_order_are_one_function_and_two_networks() {
    let reduce = "max_pool_3x3~0|max_pool_3x3~1|".repeat(4);
    let reduce = reduce.trim_end_matches('|');
    let of = |normal: &str| format!("{normal}/{reduce}").parse::<Genotype>().unwrap();
    let start = "skip_connect~0|sep_conv_3x3~1|sep_conv_5x5~0|sep_conv_5x5~1";
    let swapped = "sep_conv_5x5~0|sep_conv_5x5~1|skip_connect~0|sep_conv_3x3~1";
    let one = of(&format!(
        "{start}|skip_connect~2|none~0|dil_conv_3x3~2|sep_conv_3x3~4"
    ));
    let two = of(&format!(
        "{swapped}|skip_connect~3|none~2|dil_conv_3x3~3|sep_conv_3x3~4"
    ));
    let third = of(&format!(
        "{swapped}|skip_connect~2|none~2|dil_conv_3x3~3|sep_conv_3x3~4"
    ));
    assert_eq!(one.function_key(), two.function_key());
    assert_ne!(one.network_key(), two.network_key());
    assert_ne!(one.function_key(), third.function_key());
}

#[test]
fn what_does_not_reach_the_output_is_dropped() {
    let lowered = |normal: &str| {
        let reduce = "max_pool_3x3~0|max_pool_3x3~1|".repeat(4);
        let arch = format!("{normal}/{}", reduce.trim_end_matches('|'));
        let genotype: Genotype = arch.parse().unwrap();
        let small = setting(4, 6);
        [Extent::Whole, Extent::Live].map(|extent| genotype.lower(&small, extent).unwrap())
    };
    let count = |graph: &Graph, start: &str| {
        let named = |p: &&Parameter| p.name.starts_with(start);
        graph.parameters().iter().filter(named).count()
    };
    // Normal cells read the cell before the last one alone: of 6 cells, of which 2 and
    // 4 halve, the last one reads 3, that reads 1, and that the stem.
    let far =
        "skip_connect~0|none~1|sep_conv_3x3~0|none~1|none~0|dil_conv_3x3~2|avg_pool_3x3~0|none~0";
    let [whole, live] = lowered(far);
    assert_eq!(count(&whole, "cells.4.preprocess"), 6);
    assert_eq!(count(&live, "cells.4."), 0);
    assert_eq!(count(&live, "cells.3.preprocess0"), 4);
    assert_eq!(count(&whole, "cells.3.preprocess1"), 3);
    assert_eq!(count(&live, "cells.3.preprocess1"), 0);
    assert_eq!(count(&live, "cells.3._ops"), count(&whole, "cells.3._ops"));
    assert_eq!((whole.blocks().count(), live.blocks().count()), (7, 4));
    // Zeros are given their shape by the second input.
    let [whole, live] = lowered(&far.replace("dil_conv_3x3~2", "none~2"));
    assert_eq!(whole.cost(), live.cost());
    let zeros = |graph: &Graph| {
        let zeros = graph.nodes().iter().filter(|node| node.op == Layer::Zeros);
        zeros.count()
    };
    assert_eq!((zeros(&whole), zeros(&live)), (4, 4));
}

#[test]
fn cells_of_nothing_give_zeros() {
    let cell = ["none~0"; ENTRIES].join("|");
    let genotype: Genotype = format!("{cell}/{cell}").parse().unwrap();
    let whole = genotype.lower(&setting(4, 6), Extent::Whole).unwrap();
    let live = genotype.lower(&setting(4, 6), Extent::Live).unwrap();
    let shape = |graph: &Graph| graph.nodes().last().map(|node| node.shape);
    assert_eq!(shape(&whole), Some(Shape::Vector { width: 10 }));
    assert_eq!(shape(&live), shape(&whole));
    assert!(
        live.parameters()
            .iter()
            .all(|p| !p.name.contains("preprocess0"))
    );
}

#[test]
fn genotypes_are_drawn_alike_and_mutants_are_all_there_are() {
    let drawn: Vec<Genotype> = Darts
        .sample(5)
        .take(2000)
        .map(|one| one.to_string().parse().unwrap())
        .collect();
    let entries = |one: &Genotype| one.cells().map(|(_, cell)| cell.0).concat();
    let mut ops = [0; 8];
    let mut last = [0; 5];
    for one in &drawn {
        for [first, second] in entries(one) {
            assert!(first.input < second.input);
            ops[first.op as usize] += 1;
            ops[second.op as usize] += 1;
        }
        last[one.normal.0[3][1].input] += 1;
    }
    // 32,000 operations, each 4,571 ± 63; the larger of two of five inputs is i in i
    // of 10 cases.
    assert_eq!(ops[0], 0);
    assert!(
        ops[1..].iter().all(|&count| (4250..4900).contains(&count)),
        "{ops:?}"
    );
    for (input, &count) in last.iter().enumerate() {
        assert!((count as i64 - 200 * input as i64).abs() < 100, "{last:?}");
    }
    // Six other operations at 16 entries; 0, 1, 2 and 3 other inputs for both entries
    // of each node.
    let mutants: HashSet<String> = drawn[0].mutants(0).map(|one| one.to_string()).collect();
    assert_eq!(mutants.len(), 16 * 6 + 2 * 2 * (1 + 2 + 3));
    let order = |seed| drawn[0].mutants(seed).next().unwrap().to_string();
    assert_eq!(order(0), order(0));
    assert!((1..9).any(|seed| order(seed) != order(0)));
}
