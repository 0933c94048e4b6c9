//! What architectures are lowered to, line by line, and what holds for all.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use knas_graph::{Graph, Node, Op, Parameter, Shape};
use knas_space::darts::Darts;
use knas_space::nb101::Nb101;
use knas_space::nb201::network::{lower, lower_thin};
use knas_space::nb201::{Cell, Form, Skeleton};
use knas_space::roberta_skip::{self, Layout, Settings, Task};
use knas_space::{Extent, Input, SearchSpace, Setting, Sizes, nats_sss, nb_macro, tnb101};

fn cell_network(index: usize, skeleton: Skeleton, edges: Extent) -> Graph {
    lower(&Cell::from_index(index).unwrap(), &skeleton, edges).unwrap()
}

fn encoder(layout: &str) -> Graph {
    let layout: Layout = layout.parse().unwrap();
    let settings = Settings::of(layout.backbone().kind);
    let task = Task {
        tokens: 9,
        classes: 3,
    };
    roberta_skip::network::lower(&layout, &settings, task).unwrap()
}

/// For images of 32×32 a stem that shrinks them to 4×4, a cell, and two that halve.
fn pair_of_cells() -> Graph {
    let normal = "skip_connect~0|sep_conv_3x3~1|dil_conv_5x5~2|none~0";
    let normal = format!("{normal}|avg_pool_3x3~3|skip_connect~2|sep_conv_5x5~4|skip_connect~1");
    let reduce = "skip_connect~1|skip_connect~0|none~0|none~1";
    let reduce = format!("{reduce}|sep_conv_3x3~1|max_pool_3x3~3|dil_conv_3x3~0|skip_connect~2");
    let setting = Setting {
        input: Input::Images { side: 32 },
        classes: 10,
        sizes: Sizes::of(&Darts, [("channels", 2), ("cells", 3), ("stem", 8)]).unwrap(),
    };
    let genotype = Darts.parse(&format!("{normal}/{reduce}")).unwrap();
    genotype.lower(&setting, Extent::Live).unwrap()
}

/// Two stacks of one module, in which three vertices share five channels, and narrow
/// ones read a wide one; it is not written in the order in which it is evaluated.
fn modules() -> Graph {
    let arch = "011001000100000111000001000001000000:conv3x3,conv3x3,conv1x1,maxpool3x3";
    let sizes = [("channels", 5), ("stacks", 2), ("modules", 1)];
    let setting = Setting {
        input: Input::Images { side: 8 },
        classes: 3,
        sizes: Sizes::of(&Nb101, sizes).unwrap(),
    };
    let module = Nb101.parse(arch).unwrap();
    module.lower(&setting, Extent::Live).unwrap()
}

/// A graph in print, and what its parameters are drawn from and looked for by.
fn text(graph: &Graph) -> String {
    let mut text = graph.to_string();
    for parameter in graph.parameters() {
        let Parameter {
            name,
            aliases,
            key,
            role,
            part,
            shape,
            fan_in,
        } = parameter;
        let more = format!("key \"{key}\" fan-in {fan_in} or {aliases:?}");
        let _ = writeln!(text, "{name} {shape:?} {role:?} {part:?} {more}");
    }
    text
}

/// The network of an architecture for small images, its sizes as usual.
fn of_images(space: &str, arch: &str) -> Graph {
    let space = knas_space::named(space).unwrap();
    let setting = Setting {
        input: Input::Images { side: 32 },
        classes: 10,
        ..space.usual()
    };
    let one = space.parse(arch).unwrap();
    one.lower(&setting, Extent::Whole).unwrap()
}

/// The printed graphs, by the names of their files.
fn printed() -> [(&'static str, String); 20] {
    let small = Skeleton::new(4, 1, 10, 8).unwrap();
    let dead_edge = "|nor_conv_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|skip_connect~2|";
    let all = lower(&dead_edge.parse().unwrap(), &small, Extent::Whole).unwrap();
    let cut_off = Cell::new([knas_space::nb201::Op::None; 6]);
    let supernet = knas_space::named("nb201")
        .unwrap()
        .supernet(&small.setting());
    let supernet = supernet.unwrap().unwrap();
    let widths = nats_sss::lower(&"8:16:8:8:24".parse().unwrap(), 8, 10).unwrap();
    let blocks = nb_macro::lower(&"00101200".parse().unwrap(), 16, 10).unwrap();
    let cell = tnb101::micro::lower(&"64-41414-1_02_310".parse().unwrap(), 64, 5).unwrap();
    let skeleton = tnb101::skeleton::lower(&"64-1243-basic".parse().unwrap(), 64, 5).unwrap();
    let searched = ["k3e3,k5e4"; 5].join("/");
    let stages = "e1k3l1s1/e4k5l1s0/e6k3l2s1/e1k3l1s0/e1k3l1s0/e1k3l1s0/e1k3l1s0";
    let bottleneck = "bottleneck:64x1,128x2;b2;c4;s16";
    let super_blocks = "SuperConvK3BNRELU(3,16,1,1)SuperResK5K5(16,24,2,8,2)\
                        SuperResK1K3K1(24,24,1,8,1)SuperResIDWE2K3(24,16,2,12,1)\
                        SuperConvK1BNRELU(16,32,1,1)";
    let bert = encoder("bert-l3-d8-h2-i16-v60-p20-t2:1|3~0|head~0~1:mean");
    let roberta = encoder("roberta-l3-d8-h2-i16-v60-p20-t1:1|2|head");
    [
        ("nb201-6111", cell_network(6111, small, Extent::Live)),
        ("nb201-dead-edge", all),
        ("nb201-thin-cut-off", lower_thin(&cut_off, 3).unwrap()),
        ("nb201-supernet", supernet.graph),
        ("nats-sss", widths),
        ("nb-macro", blocks),
        ("nb101", modules()),
        ("tnb101-micro", cell),
        ("tnb101-macro", skeleton),
        ("darts", pair_of_cells()),
        ("mobilenet", of_images("mobilenet", &searched)),
        ("mobilenet-v2", of_images("mobilenet", "mobilenet_v2")),
        (
            "mobilenet-v3-small",
            of_images("mobilenet", "mobilenet_v3_small"),
        ),
        ("mnasnet", of_images("mnasnet", stages)),
        ("resnet-basic", of_images("resnet", "basic:64x1,128x2")),
        ("resnet-bottleneck", of_images("resnet", bottleneck)),
        ("resnet-y", of_images("resnet", "y:24x2,56x1;g8")),
        ("zennas", of_images("zennas", super_blocks)),
        ("bert", bert),
        ("roberta", roberta),
    ]
    .map(|(name, graph)| (name, text(&graph)))
}

/// Where they are not, the message names files with what is printed now.
#[test]
fn graphs_are_printed_as_they_were() {
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphs");
    let now = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut other = Vec::new();
    for (name, printed) in printed() {
        let file = format!("{name}.txt");
        let known = known.join(&file);
        if fs::read_to_string(&known).unwrap_or_default() != printed {
            let now = now.join(&file);
            fs::write(&now, &printed).unwrap();
            other.push(format!(
                "{} differs from {}",
                now.display(),
                known.display()
            ));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}

fn names(graph: &Graph) -> HashSet<&str> {
    graph.parameters().iter().map(|p| &*p.name).collect()
}

#[test]
fn what_is_evaluated_is_among_what_is_counted() {
    let small = Skeleton::new(4, 2, 10, 8).unwrap();
    for index in (0..15_625).step_by(97) {
        let live = cell_network(index, small, Extent::Live);
        let all = cell_network(index, small, Extent::Whole);
        assert!(names(&live).is_subset(&names(&all)), "{index}");
        for graph in [&live, &all] {
            assert_eq!(names(graph).len(), graph.parameters().len(), "{index}");
        }
        let shape = |graph: &Graph, name: &str| {
            let named = graph.parameters().iter().find(|p| p.name == name);
            named.map(|p| p.shape.clone())
        };
        for name in names(&live) {
            assert_eq!(shape(&live, name), shape(&all, name));
        }
    }
}

/// Official names aside: these tell on which edge of its notation a cell has an
/// operation.
#[test]
fn cells_that_are_one_network_are_one_graph() {
    let small = Skeleton::new(4, 1, 10, 8).unwrap();
    let mut graphs: Vec<(Form, Graph)> = Vec::new();
    for index in (0..15_625).step_by(11) {
        let cell = Cell::from_index(index).unwrap();
        let form = Form::of(&cell);
        let graph = lower(&cell, &small, Extent::Live).unwrap();
        let Some((_, known)) = graphs.iter().find(|(known, _)| *known == form) else {
            graphs.push((form, graph));
            continue;
        };
        assert_eq!(graph.nodes(), known.nodes(), "{cell}");
        let keys = |graph: &Graph| -> Vec<String> {
            graph.parameters().iter().map(|p| p.key.clone()).collect()
        };
        assert_eq!(keys(&graph), keys(known), "{cell}");
    }
}

#[test]
fn a_sum_and_its_relu_are_made_once() {
    // Three convolutions of the input.
    let cell: Cell =
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
            .parse()
            .unwrap();
    let graph = lower_thin(&cell, 3).unwrap();
    let count = |wanted: fn(&Op) -> bool| graph.nodes().iter().filter(|n| wanted(&n.op)).count();
    assert_eq!(count(|op| matches!(op, Op::Convolution { .. })), 3);
    assert_eq!(count(|op| matches!(op, Op::Relu)), 2); // theirs, and the last one
    assert_eq!(count(|op| matches!(op, Op::Add)), 1);
}

/// The most bytes that are there at once, by their definition: while a node is evaluated,
/// what it gives, and every value before it that it or a later node reads.
fn most_at_once(graph: &Graph) -> usize {
    let bytes = |shape| match shape {
        Shape::Maps { channels, side } => 4 * channels * side * side,
        Shape::Vector { width } => 4 * width,
        Shape::Tokens { length, width } => 4 * length * width,
        Shape::Text { length } => 8 * 3 * length,
        Shape::Integers { length } => 8 * length,
    };
    let nodes = graph.nodes();
    let reads = |node: &Node, value: usize| node.inputs.iter().any(|v| v.place() == value);
    let at = |now: usize| {
        let before = (0..now).filter(|&value| nodes[now..].iter().any(|node| reads(node, value)));
        let there = before.chain([now]);
        there.map(|value| bytes(nodes[value].shape)).sum()
    };
    (0..nodes.len()).map(at).max().unwrap()
}

#[test]
fn memory_is_what_is_there_at_once_in_every_space() {
    for space in knas_space::spaces() {
        if space.lacks().is_some() {
            continue; // of networks in files
        }
        let usual = space.usual();
        for one in space.sample(7).take(3) {
            for extent in [Extent::Live, Extent::Whole] {
                let graph = one.lower(&usual, extent).unwrap();
                let peak = graph.peak_memory() as usize;
                assert_eq!(peak, most_at_once(&graph), "{} {one}", space.name());
            }
        }
    }
}
