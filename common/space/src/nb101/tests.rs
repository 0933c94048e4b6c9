use std::collections::HashSet;

use knas_graph::{Cost, Parameter};

use super::*;
use crate::features::{counts as count_features, graf};
use crate::setting::{Input, Sizes};

fn module(text: &str) -> Module {
    text.parse().unwrap()
}

fn cost(text: &str) -> (u64, u64) {
    let Cost { params, macs } = module(text).cost().unwrap();
    (params, macs)
}

/// The example of the official README.
const EXAMPLE: &str = "
model_spec = api.ModelSpec(
    # Adjacency matrix of the module
    matrix=[[0, 1, 1, 1, 0, 1, 0],    # input layer
            [0, 0, 0, 0, 0, 0, 1],    # 1x1 conv
            [0, 0, 0, 0, 0, 0, 1],    # 3x3 conv
            [0, 0, 0, 0, 1, 0, 0],    # 5x5 conv (replaced by two 3x3's)
            [0, 0, 0, 0, 0, 0, 1],    # 5x5 conv (replaced by two 3x3's)
            [0, 0, 0, 0, 0, 0, 1],    # 3x3 max-pool
            [0, 0, 0, 0, 0, 0, 0]],   # output layer
    # Operations at the vertices of the module, matches order of matrix
    ops=[INPUT, CONV1X1, CONV3X3, CONV3X3, CONV3X3, MAXPOOL3X3, OUTPUT])
";

// Parameters of the example as the benchmark's table has them, and of all published;
// multiply-accumulates by hand: at 32×32, 16×16 and 8×8, C = 128, 256 and 512.
#[test]
fn networks_have_their_published_counts() {
    for (arch, params, macs) in [
        ("0100", 882_570, 137_761_792),
        ("010001000:conv1x1", 1_920_138, 288_756_736),
        ("010001000:conv3x3", 10_177_674, 1_496_716_288),
        (
            "0101001000010000:conv3x3,conv3x3",
            20_346_506,
            2_989_888_512,
        ),
        (EXAMPLE, 2_694_282, 402_002_944),
    ] {
        assert_eq!(cost(arch), (params, macs), "{arch}");
    }
    // The most that the benchmark's table has.
    let largest = Nb101.largest().unwrap().cost().unwrap();
    assert_eq!(largest.params, 49_979_274);
    let of_3x3 = |module: &Module| module.ops.iter().all(|op| *op == Op::Conv3x3);
    let all = (0..order::count()).filter_map(order::at).filter(of_3x3);
    let most = all.map(|module| module.cost().unwrap().params).max();
    assert_eq!(most, Some(largest.params));
}

#[test]
fn hashes_are_those_of_the_benchmark() {
    for (arch, hash) in [
        ("0100", "043721b9c7fe8c5fad811d47d83132ec"),
        ("010001000:conv3x3", "b49ac8c578b4561d79ac7087988f1c61"),
        (EXAMPLE, "28cfc7874f6d200472e1a9dcd8650aa0"),
    ] {
        assert_eq!(module(arch).hash(), hash);
    }
}

/// Hash, vertices, matrix, operations, parameters and multiply-accumulates: chains and
/// branches, channels that do not divide evenly, and what is not in the first of all
/// orders.
const ROWS: &str = "\
53cee42601ad14d661bb6878031d6acb,3,010001000,maxpool3x3,882570,137761792
907802d27f786475545b76371b5b5da9,5,0101000100000100000100000,\"conv3x3,maxpool3x3,conv1x1\",12088970,1781928960
4418bfb2d840e8ff3a880ec87e879afe,5,0110000011000110000100000,\"maxpool3x3,maxpool3x3,conv3x3\",1617445,242043392
2ba6eab6bf85b94e2e349e65d35b07c0,5,0110000110000110000100000,\"conv1x1,maxpool3x3,conv3x3\",3468426,515249152
3fb8edcf72cc35a921dd74b06cd859c0,5,0110000011000010000100000,\"conv1x1,conv3x3,conv1x1\",1861666,278473856
c5b895f656f7091b40ad56c785c42c90,5,0110000011000010000100000,\"maxpool3x3,conv3x3,conv3x3\",2653744,393632192
";

fn check_rows<'r>(rows: impl Iterator<Item = &'r str>) -> usize {
    let check = |row: &str| {
        let (start, ops, end) = match row.split('"').collect::<Vec<_>>()[..] {
            [start, ops, end] => (start, ops, end),
            _ => panic!("{row}"),
        };
        let start: Vec<&str> = start.split(',').collect();
        let end: Vec<&str> = end.split(',').collect();
        let found = module(&format!("{}:{ops}", start[2]));
        assert_eq!(found.hash(), start[0]);
        let written: Vec<&str> = ops.split(',').collect();
        let short = |op: &Op| op.name().split('-').next().unwrap();
        assert_eq!(found.ops.iter().map(short).collect::<Vec<_>>(), written);
        assert!(found.to_string().starts_with(start[2]));
        let Cost { params, macs } = found.cost().unwrap();
        let wanted = (end[1].parse().unwrap(), end[2].parse().unwrap());
        assert_eq!((params, macs), wanted, "{row}");
    };
    // A single operation stands without quotes.
    let quoted = rows.map(|row| match row.contains('"') {
        true => row.to_owned(),
        false => {
            let fields: Vec<&str> = row.split(',').collect();
            let [start, end] = [fields[..3].join(","), fields[4..].join(",")];
            format!("{start},\"{}\",{end}", fields[3])
        }
    });
    quoted.map(|row| check(&row)).count()
}

#[test]
fn tables_have_the_same_counts() {
    assert_eq!(check_rows(ROWS.lines()), 6);
    let Some(path) = knas_tests::shared("truth/nb101.csv") else {
        return;
    };
    let table = std::fs::read_to_string(path).unwrap();
    assert_eq!(check_rows(table.lines().skip(1)), 158);
}

fn keyed(module: &Module, setting: &Setting) -> (Graph, Vec<(String, Vec<usize>)>) {
    let graph = module.lower(setting, Extent::Live).unwrap();
    let of = |p: &Parameter| (p.key.clone(), p.shape.clone());
    let keys = graph.parameters().iter().map(of).collect();
    (graph, keys)
}

fn small(channels: u64) -> Setting {
    Setting {
        input: Input::Images { side: 8 },
        classes: 3,
        sizes: sizes_of(&[("channels", channels), ("modules", 1)]),
    }
}

/// Two orders are one network where the output reads its vertices in the same order;
/// then it has one set of first weights, under two sets of names.
#[test]
fn orders_are_one_network_or_two() {
    // The 1×1 convolution reads the 3×3 one, and the output that and the pooling.
    let written = module("0110000010000010000100000:conv3x3,maxpool3x3,conv1x1");
    let moved = module("0110000001000100000100000:maxpool3x3,conv3x3,conv1x1");
    let swapped = module("0101000100000010000100000:conv3x3,conv1x1,maxpool3x3");
    assert_eq!(written.network_key(), moved.network_key());
    assert_ne!(written.network_key(), swapped.network_key());
    let id = format!("nb101-{}", written.hash());
    let ids = [&written, &moved, &swapped].map(Module::id);
    assert_eq!(ids, [format!("{id}-3"), id.clone(), format!("{id}-2")]);
    // Of 5 channels the first vertex has 3.
    let size = small(5);
    let [one, two, three] = [&written, &moved, &swapped].map(|one| keyed(one, &size));
    assert_eq!(one.0.nodes(), two.0.nodes());
    assert_eq!(one.1, two.1);
    assert_ne!(one.0.cost(), three.0.cost());
    let place = |graph: &Graph, name: &str| {
        let weights = graph.parameters().iter();
        { weights }.position(|p| p.name == format!("stack1.module0.{name}.conv2d.weight"))
    };
    let second = place(&one.0, "vertex_1.Conv3x3-BN-ReLU");
    assert!(second.is_some());
    assert_eq!(second, place(&two.0, "vertex_2.Conv3x3-BN-ReLU"));
}

// Those of the tests of the official code.
#[test]
fn channels_are_shared_as_in_the_official_code() {
    for (matrix, outputs, channels) in [
        ("0100001000010000", 16, &[16, 16][..]),
        ("0100", 5, &[]),
        ("0110000010000100000100000", 16, &[16, 16, 16]),
        ("0110000100010000", 8, &[4, 4]),
        ("0110000100010000", 15, &[8, 7]),
        ("0111000001000010000100000", 8, &[3, 3, 2]),
        ("0111000001000010000100000", 15, &[5, 5, 5]),
        ("0100000110000010000100000", 8, &[4, 4, 4]),
        ("0100000110000010000100000", 9, &[5, 5, 4]),
        ("0101000101000100000100000", 15, &[8, 7, 7]),
    ] {
        let ops = vec!["conv1x1"; channels.len()].join(",");
        let found = module(&format!("{matrix}:{ops}"));
        assert_eq!(found.channels(outputs), channels, "{matrix}");
    }
}

#[test]
fn vertices_that_reach_nothing_are_left_out() {
    let kept = |text: &str| module(text).to_string();
    let one = "010001000:conv1x1-bn-relu";
    for text in [
        "010001000:conv1x1",
        "0100000100000000:conv1x1,conv3x3",
        "0110000000010000:conv3x3,conv1x1",
        "0010000100010000:conv3x3,conv1x1",
        "0100000001000100000000000:CONV1X1,maxpool3x3,conv3x3-bn-relu",
        "spec = ModelSpec(matrix=[[0,1,0],[0,0,1],[0,0,0]], ops=['a', 'conv1x1', 'b'])",
    ] {
        assert_eq!(kept(text), one, "{text}");
    }
    // Twelve edges, of which five lead to a vertex that none reads.
    let matrix = "0110011001001000010100000110000001100000000000000";
    let found = kept(&format!("{matrix}:{}", ["conv3x3"; 5].join(",")));
    assert!(found.starts_with("011001001000000100000010000001000000:"));
}

#[test]
fn what_is_no_module_is_told_by_its_place() {
    let said = |text: &str| Nb101.parse(text).err().unwrap().to_string();
    let example = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from));
        said(&EXAMPLE.replace(from, to))
    };
    let ones = "1".repeat(1_000_000);
    for (text, reason) in [
        ("", "a module is the rows of its matrix"),
        (":conv3x3", "a module is the rows of its matrix"),
        (
            "0",
            "the matrix is square, with 2 to 7 rows; 1 digits are not",
        ),
        ("01000", "5 digits are not"),
        (&"0".repeat(64), "64 digits are not"),
        (&ones, "1000000 digits are not"),
        ("0100:conv3x3", "are 0 vertices, and 1 operations are told"),
        ("010001000", "are 1 vertices, and 0 operations are told"),
        (
            "010001000:conv3x3,",
            "are 1 vertices, and 2 operations are told",
        ),
        (
            "010001000:conv5x5",
            "operation 1 is conv3x3-bn-relu, conv1x1-bn-relu or maxpool3x3",
        ),
        ("010001000: conv3x3", "operation 1 is"),
        ("010001000:conv3x3-bn", "operation 1 is"),
        ("0102", "row 2 of the matrix has a 0 or a 1 in column 2"),
        ("01é0", "the matrix is square"),
        ("0x00", "row 1 of the matrix has a 0 or a 1 in column 2"),
        (
            "0110",
            "row 2 of the matrix has a 0, since edges lead to later vertices, in column 1",
        ),
        ("0000", "no path leads from its input to its output"),
        ("0100001000000000:conv3x3,conv3x3", "no path leads"),
        (
            "0111100000100000010100000100000001000000010000000:\
             conv1x1,conv3x3,conv3x3,conv3x3,maxpool3x3",
            "10 edges lie on paths from input to output, and 9 are the most",
        ),
    ] {
        let said = said(text);
        assert!(said.contains(reason), "{said}");
    }
    for (from, to, reason) in [
        ("ModelSpec", "Network", "Python's text is ModelSpec("),
        ("ops", "operations", "Python's text is ModelSpec("),
        ("[INPUT, ", "[", "are 5 vertices, and 4 operations are told"),
        ("CONV1X1,", "CONV5X5,", "operation 1 is"),
        (
            "[0, 1, 1, 1, 0, 1, 0]",
            "[0, 1, 1, 1, 0, 1]",
            "Python's text is ModelSpec(",
        ),
        (
            "[0, 1, 1, 1, 0, 1, 0]",
            "[0, 1, 1, 2, 0, 1, 0]",
            "row 1 of the matrix",
        ),
        (
            "[0, 1, 1, 1, 0, 1, 0]",
            "[0, -1, 1, 1, 0, 1, 0]",
            "a value is expected at",
        ),
        (
            "MAXPOOL3X3, OUTPUT])",
            "MAXPOOL3X3, OUTPUT",
            "a comma or the end of the list",
        ),
    ] {
        let said = example(from, to);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn sizes_are_checked() {
    let module = module("010001000:conv3x3");
    let said = |side, sizes: &[(&str, u64)]| {
        let setting = Setting {
            input: Input::Images { side },
            classes: 10,
            sizes: sizes_of(sizes),
        };
        let lowered = module.lower(&setting, Extent::Whole);
        lowered
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(
        said(30, &[]),
        "the image's side must be a multiple of 4, since 3 stacks halve it 2 times; 30 is not"
    );
    assert!(said(0, &[]).contains("must be between 1 and 1024; 0 is not"));
    assert_eq!(said(31, &[("stacks", 1)]), "");
    assert_eq!(
        said(1024, &[("channels", 4096), ("stacks", 6), ("modules", 100)]),
        ""
    );
}

fn sizes_of(told: &[(&str, u64)]) -> Sizes {
    Sizes::of(&Nb101, told.iter().copied()).unwrap()
}

/// Every module has channels at all its vertices, however few there are.
#[test]
fn no_vertex_is_without_channels() {
    for module in (0..order::count()).filter_map(order::at) {
        let channels = module.channels(4);
        assert!(channels.iter().all(|&channels| channels > 0), "{module}");
    }
}

#[test]
fn mutants_are_all_that_differ_in_one_decision() {
    let near = |text: &str| -> HashSet<String> {
        let module = module(text);
        module.near().iter().map(Module::to_string).collect()
    };
    let all = |texts: &[&str]| -> HashSet<String> {
        texts.iter().map(|text| module(text).to_string()).collect()
    };
    // The edge is the only one; what can be added is a vertex beside it.
    assert_eq!(
        near("0100"),
        all(&[
            "011001000:conv3x3",
            "011001000:conv1x1",
            "011001000:maxpool3x3"
        ])
    );
    // Two other operations; an edge to the output; a vertex beside either edge, or
    // beside the vertex, where the operations' order makes no difference.
    let found = near("010001000:conv3x3");
    let of = |matrix: &str| found.iter().filter(|m| m.starts_with(matrix)).count();
    assert_eq!((found.len(), of("010001000:")), (12, 2));
    assert_eq!(of("011001000:conv3x3"), 1);
    let order = |seed| -> Vec<String> {
        let mutants = module(EXAMPLE).mutants(seed);
        mutants.map(|one| one.to_string()).collect()
    };
    assert_eq!(order(0), order(0));
    assert!((1..9).any(|seed| order(seed) != order(0)));
    let hashes: HashSet<String> = module(EXAMPLE).near().iter().map(Module::hash).collect();
    assert_eq!(hashes.len(), order(0).len());
    assert!(!hashes.contains(&module(EXAMPLE).hash()));
}

#[test]
fn flows_count_vertices_and_their_links() {
    let flow = module(EXAMPLE).flow().unwrap();
    let counts: Vec<f64> = count_features(&flow).iter().map(|f| f.value).collect();
    assert_eq!(counts, [3.0, 1.0, 1.0, 9.0]);
    let paths = graf(&flow);
    let value = |name: &str| paths.iter().find(|f| f.name == name).unwrap().value;
    // Two links and one operation; three and two.
    assert_eq!(value("shortest:conv1x1-bn-relu+link"), 3.0);
    assert_eq!(value("longest:conv3x3-bn-relu+link"), 5.0);
    assert_eq!(value("most:conv3x3-bn-relu"), 2.0);
    for one in Nb101.sample(0).take(50) {
        let module = module(&one.to_string());
        for order in module.orders(false) {
            let other = module.reordered(&order).flow().unwrap();
            assert_eq!(graf(&other), graf(&module.flow().unwrap()));
        }
    }
}
