//! What the benchmark says of its cells.

use super::*;

// Those of the benchmark's table, which are of the backbone: without the head,
// whose 47 classes add 513 parameters each.
#[test]
fn networks_have_their_published_counts() {
    for (arch, params, macs) in [
        ("64-41414-0_00_000", 19_488, 89_653_248),
        ("64-41414-1_11_111", 540_960, 165_150_720),
        ("64-41414-2_22_222", 4_645_920, 1_020_788_736),
        ("64-41414-3_33_333", 41_411_616, 8_469_872_640),
    ] {
        let cost = lower(&arch.parse().unwrap(), 256, 47).unwrap().cost();
        let backbone = (cost.params - 47 * 513, cost.macs - 47 * 512);
        assert_eq!(backbone, (params, macs), "{arch}");
    }
}

#[test]
fn what_carries_nothing_is_not_in_a_network() {
    let live = |cell: &str| cell.parse::<MicroCell>().unwrap().live().cell();
    assert_eq!(live("3_32_132"), "3_32_132");
    // Node 1 is read by none; node 2 has no input.
    assert_eq!(live("3_30_103"), "0_30_103");
    assert_eq!(live("3_00_113"), "3_00_110");
    assert_eq!(live("0_02_013"), "0_00_000");
    let whole: MicroCell = "3_00_113".parse().unwrap();
    let [all, some] = [whole, whole.live()].map(|cell| lower(&cell, 64, 47).unwrap());
    assert!(all.cost().params > some.cost().params);
}

#[test]
fn a_cell_that_gives_nothing_is_zeros_of_the_right_shape() {
    let nothing = lower(&"0_00_000".parse().unwrap(), 64, 5).unwrap();
    let something = lower(&"3_33_333".parse().unwrap(), 64, 5).unwrap();
    let shapes = |graph: &Graph| -> Vec<_> {
        graph
            .blocks()
            .map(|(_, _, output)| graph.shape(output))
            .collect()
    };
    assert_eq!(shapes(&nothing), shapes(&something));
}

#[test]
fn what_is_no_cell_is_told() {
    let said = |text: &str| Tnb101Micro.parse(text).err().unwrap().to_string();
    for text in [
        "",
        "3_32_13",
        "64-41414-3-32-132",
        "64-4141-3_32_132",
        "3_32_1323",
    ] {
        assert!(
            said(text).contains("it is written as 64-41414-3_32_132"),
            "{text}"
        );
    }
    assert!(said("3_42_132").contains("operation 2 is 0 (none)"));
    assert_eq!(
        Tnb101Micro.parse("3_32_132").unwrap().to_string(),
        "64-41414-3_32_132"
    );
}
