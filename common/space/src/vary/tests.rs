use std::collections::{HashMap, HashSet};

use knas_graph::{Graph, Op};

use super::*;
use crate::space::spaces;

fn graph(arch: &str) -> Graph {
    let one = Vary::ANY.parse(arch).unwrap();
    one.lower(&one.usual(), Extent::Live).unwrap()
}

fn shapes(graph: &Graph) -> HashMap<String, Vec<usize>> {
    let parameters = graph.parameters().iter();
    parameters
        .map(|p| (p.name.clone(), p.shape.clone()))
        .collect()
}

fn around(base: &str) -> Box<dyn SearchSpace> {
    let options = Options {
        base: Some(base.to_owned()),
        ..Options::default()
    };
    Vary::ANY.with(options).unwrap()
}

/// Whatever is varied, nothing changed is the network itself, and what is drawn from it
/// and lies near it are networks that differ from it and from each other.
#[test]
fn networks_of_every_space_can_be_varied() {
    let mut varied = 0;
    let of_images = |space: &&&dyn SearchSpace| !space.reads_texts() && space.lacks().is_none();
    for space in spaces().iter().filter(of_images) {
        let one = space.sample(3).next().unwrap();
        let base = format!("{}:{one}", space.name());
        let setting = one.usual();
        let own = one.lower(&setting, Extent::Live).unwrap();
        let plain = graph(&format!("plain@{base}"));
        assert_eq!(
            (plain.cost(), shapes(&plain)),
            (own.cost(), shapes(&own)),
            "{base}"
        );
        let vary = around(&base);
        assert_eq!(vary.usual(), setting);
        assert_eq!(
            vary.baseline().unwrap().to_string(),
            format!("plain@{base}")
        );
        let mut keys = HashSet::new();
        for variation in vary.sample(1).take(12) {
            let lowered = variation.lower(&setting, Extent::Live).unwrap();
            assert!(lowered != plain, "{variation}");
            assert!(keys.insert(variation.id()), "{variation}");
            let again = Vary::ANY.parse(&variation.to_string()).unwrap();
            assert_eq!(again.to_string(), variation.to_string());
            assert_eq!(again.id(), variation.id());
            let names = shapes(&own);
            assert!(shapes(&lowered).keys().all(|name| names.contains_key(name)));
            for mutant in variation.mutants(2).take(3) {
                assert_ne!(mutant.id(), variation.id());
                assert_eq!(mutant.usual(), setting);
                let _ = mutant.cost().unwrap();
            }
            varied += 1;
        }
    }
    assert!(varied > 100, "{varied}");
}

// Of ResNet-18's 11,689,512 parameters (a classifier of 1,000 classes) 73,984 are those of
// layer1.1: two convolutions of 64·64·9 and two norms of 2·64.
#[test]
fn a_block_that_is_left_out_takes_its_parameters_along() {
    let base = "resnet[classes=1000,side=224]:resnet18";
    let params = |changes: &str| graph(&format!("{changes}@{base}")).cost().params;
    assert_eq!(params("plain"), 11_689_512);
    assert_eq!(params("drop3"), 11_689_512 - 73_984);
    // layer1.0 and layer1.1 both.
    assert_eq!(params("drop2,drop3"), 11_689_512 - 2 * 73_984);
    let left = shapes(&graph(&format!("drop3@{base}")));
    assert!(!left.keys().any(|name| name.starts_with("layer1.1")));
    assert!(left.contains_key("layer1.0.conv1.weight"));
}

#[test]
fn a_window_and_a_width_change_what_they_name_and_what_reads_that() {
    let base = "resnet:resnet18";
    let plain = shapes(&graph(&format!("plain@{base}")));
    let five = shapes(&graph(&format!("kernel1=5@{base}")));
    let differs = |other: &HashMap<String, Vec<usize>>| {
        let mut names: Vec<_> = other
            .iter()
            .filter(|(name, shape)| plain[*name] != **shape)
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names
    };
    assert_eq!(differs(&five), ["layer1.0.conv1.weight"]);
    assert_eq!(five["layer1.0.conv1.weight"], [64, 64, 5, 5]);
    // The last stage of 512 channels: its layers, and the classifier.
    let half = shapes(&graph(&format!("width4=0.5@{base}")));
    let changed = differs(&half);
    assert!(
        changed
            .iter()
            .all(|n| n.starts_with("layer4") || n == "fc.weight"),
        "{changed:?}"
    );
    assert_eq!(half["layer4.0.conv1.weight"], [256, 256, 3, 3]);
    assert_eq!(half["layer4.1.conv2.weight"], [256, 256, 3, 3]);
    assert_eq!(half["fc.weight"], [1000, 256]);
    let wide = shapes(&graph(&format!("width1=1.25@{base}")));
    assert_eq!(wide["layer2.0.conv1.weight"], [128, 80, 3, 3]);
    // Depthwise layers, and the factors of squeeze and excitation, go along.
    let mobile = graph("width2=0.75@mobilenet:mobilenet_v3_small");
    for node in mobile.nodes() {
        if let Op::Convolution { weight, groups, .. } = node.op
            && groups > 1
        {
            assert_eq!(mobile.parameters()[weight].shape[..2], [groups, 1]);
        }
    }
}

#[test]
fn a_link_adds_what_a_block_gives_to_what_goes_into_a_later_one() {
    let base = "nb201[cells=3,channels=4]:|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|\
                none~1|nor_conv_1x1~2|";
    let plain = graph(&format!("plain@{base}"));
    let linked = graph(&format!("link1-3@{base}"));
    assert_eq!(linked.parameters(), plain.parameters());
    let blocks: Vec<_> = linked.blocks().collect();
    let (_, _, stem) = blocks[0];
    let (_, _, first) = blocks[1];
    // What block 3 reads first is the sum of what blocks 1 and 2 give.
    let sum = linked
        .nodes()
        .iter()
        .find(|node| node.inputs == [first, stem])
        .unwrap();
    assert_eq!(sum.op, Op::Add);
    assert_eq!(linked.nodes().len(), plain.nodes().len() + 1);
}

#[test]
fn other_sides_and_classes_have_the_same_changes() {
    let one = Vary::ANY.parse("drop3,width2=0.75,kernel7=5,link1-3@resnet:resnet18");
    assert!(one.is_err()); // block 3 is left out
    let arch = "drop5,width2=0.75,kernel1=5,link1-3@resnet:resnet18";
    let one = Vary::ANY.parse(arch).unwrap();
    let told = Setting::of_network(&*one, [("side", 64), ("classes", 3)]).unwrap();
    let lowered = one.lower(&told, Extent::Live).unwrap();
    let mut own = shapes(&one.lower(&one.usual(), Extent::Live).unwrap());
    for (name, shape) in [("fc.weight", vec![3, 512]), ("fc.bias", vec![3])] {
        assert!(own.insert(name.to_owned(), shape).is_some());
    }
    assert_eq!(shapes(&lowered), own);
}

#[test]
fn what_is_no_variation_is_said() {
    let resnet = |changes: &str| format!("{changes}@resnet:resnet18");
    for (arch, said) in [
        ("resnet:resnet18".to_owned(), "CHANGES@SPACE:ARCH"),
        ("plain@resnet18".to_owned(), "SPACE:ARCH"),
        ("plain@resnet[side:resnet18".to_owned(), "no space"),
        ("plain@resnet[side=1000000]:resnet18".to_owned(), "side"),
        ("plain@roberta-skip:tiny:1|2|3|4|head".to_owned(), "texts"),
        ("plain@vary:plain@resnet:resnet18".to_owned(), "--mutate"),
        (resnet(""), "is no change"),
        (resnet("drop"), "is no change"),
        (resnet("drop3,drop3"), "in order"),
        (resnet("kernel1=5,drop3"), "in order"),
        (resnet("drop1"), "first block"),
        (resnet("drop4"), "cannot be left out"),
        (resnet("drop99"), "there are 9 blocks"),
        (resnet("width2=2"), "is no change"),
        (resnet("width2=0.5,width2=0.75"), "two widths"),
        (resnet("width7=0.5"), "stages"),
        (resnet("kernel1=3"), "that is its window"),
        (resnet("kernel1=7"), "is no change"),
        (resnet("link2-3"), "goes there anyway"),
        (resnet("link3-2"), "goes there anyway"),
        (resnet("link1-8"), "reads"),
        (resnet("drop3,kernel3=5"), "left out"),
    ] {
        let error = match Vary::ANY.parse(&arch) {
            Ok(found) => panic!("{found}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(said), "{arch}: {error}");
    }
    assert!(Vary::ANY.sample(0).next().is_none() && Vary::ANY.lacks().is_some());
}

#[test]
fn draws_keep_to_their_limits() {
    let options = Options {
        base: Some("resnet:resnet50".to_owned()),
        links: Some(1),
        left_out: Some(0),
        ..Options::default()
    };
    let vary = Vary::ANY.with(options).unwrap();
    let drawn: Vec<String> = vary.sample(5).take(60).map(|one| one.to_string()).collect();
    assert_eq!(drawn.len(), 60);
    assert!(
        drawn
            .iter()
            .all(|arch| !arch.contains("drop") && arch.matches("link").count() < 2)
    );
    assert!(drawn.iter().any(|arch| arch.contains("link")));
    let again: Vec<String> = vary.sample(5).take(9).map(|one| one.to_string()).collect();
    assert_eq!(drawn[..9], again);
}
