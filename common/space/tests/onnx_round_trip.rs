//! What is written is read again.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use knas_graph::{Activation, Graph, Mark, Named, Op, Parameter, Part, Role, Shape, Value};
use knas_onnx::{Model, Options, write};
use knas_space::{Architecture, Extent, SearchSpace, Setting, spaces};

/// Numbers that differ from tensor to tensor, by name.
fn tensors(graph: &Graph) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: Vec<usize>| {
        let first = tensors.len() as f32;
        let numbers: usize = shape.iter().product();
        let values = (0..numbers).map(|place| first + place as f32 / 8.0);
        let values = values.collect();
        assert!(tensors.insert(name, (shape, values)).is_none());
    };
    for parameter in graph.parameters() {
        add(parameter.name.clone(), parameter.shape.clone());
    }
    for running in graph.running() {
        for what in ["running_mean", "running_var"] {
            add(format!("{}.{what}", running.name), vec![running.channels]);
        }
    }
    tensors
}

/// What of a graph a file tells: all but dropout, which evaluation does without, what
/// nothing comes of, and blocks.
fn told(graph: &Graph) -> Graph {
    let nodes = graph.nodes();
    let mut needed = vec![false; nodes.len()];
    needed[nodes.len() - 1] = true;
    for (place, node) in nodes.iter().enumerate().rev() {
        for input in &node.inputs {
            needed[input.place()] |= needed[place];
        }
    }
    let mut result = Graph::new(graph.shape(graph.input()));
    for parameter in graph.parameters() {
        let _ = result.hold(parameter.clone());
    }
    for running in graph.running() {
        let _ = result.track(running.clone());
    }
    let mut values = vec![result.input()];
    for (place, node) in nodes.iter().enumerate() {
        if place > 0 {
            let read: Vec<Value> = node.inputs.iter().map(|v| values[v.place()]).collect();
            values.push(match node.op {
                Op::Dropout { .. } => read[0],
                _ if !needed[place] => read[0],
                op => result.push(op, &read).unwrap(),
            });
        }
        for mark in graph.marks_after(place + 1) {
            if let Mark::Features(value) = mark {
                result.mark(Mark::Features(values[value.place()]));
            }
        }
    }
    result
}

/// That two graphs are the same but for blocks.
fn same(what: &str, read: &Graph, wanted: &Graph) {
    let [read, wanted] = [read, wanted].map(|graph| {
        let text = graph.to_string();
        let lines = text.lines().filter(|line| !line.starts_with("block "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    });
    for (read, wanted) in read.iter().zip(&wanted) {
        assert_eq!(read, wanted, "{what}");
    }
    assert_eq!(read.len(), wanted.len(), "{what}");
}

/// Writes a network and reads it; gives what was read.
fn again(what: &str, graph: &Graph) -> Model {
    let tensors = tensors(graph);
    let bytes = write(
        graph,
        |name| tensors.get(name).map(|(_, values)| values.clone()),
        &Options::default(),
    );
    let model = Model::parse(&bytes.unwrap());
    model.unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn check(one: &dyn Architecture, side: usize, classes: usize) {
    let setting = Setting::of(
        one.space(),
        [("side", side as u64), ("classes", classes as u64)],
    );
    let what = format!("{one} of {side}");
    let graph = one.lower(&setting.unwrap(), Extent::Live).unwrap();
    let model = again(&what, &graph);
    assert_eq!((model.side(), model.channels()), (Some(side), 3), "{what}");
    assert_eq!(model.classes(), classes, "{what}");
    let read = model.lower(side, classes).unwrap();
    same(&what, &read, &told(&graph));
    assert_eq!(read.cost(), graph.cost(), "{what}");
    let wanted = tensors(&graph);
    let mut found = 0;
    for (name, shape, values) in model.tensors() {
        assert_eq!(wanted[&name], (shape, values), "{what}: {name}");
        found += 1;
    }
    assert_eq!(found, wanted.len(), "{what}");
    // Everything but the keys of spaces that share weights between notations.
    for (read, own) in read.parameters().iter().zip(graph.parameters()) {
        let of = |p: &knas_graph::Parameter| (p.name.clone(), p.role, p.part, p.fan_in);
        assert_eq!(of(read), of(own), "{what}");
    }
    // Another side, and another number of classes.
    let larger = Setting::of(
        one.space(),
        [("side", 2 * side as u64), ("classes", 1 + classes as u64)],
    );
    let larger = one.lower(&larger.unwrap(), Extent::Live).unwrap();
    let read = model.lower(2 * side, classes + 1).unwrap();
    same(&what, &read, &told(&larger));
}

#[test]
fn networks_of_every_space_are_read_as_they_were_written() {
    let mut seen = 0;
    let of_images = |space: &&&dyn SearchSpace| !space.reads_texts() && space.lacks().is_none();
    for space in spaces().iter().filter(of_images) {
        let ends = [space.baseline(), space.largest()].into_iter().flatten();
        for one in space.sample(7).take(4).chain(ends) {
            check(&*one, 32, 5);
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen}");
}

/// Blocks that are sums of a shortcut and a branch, and what lies between them.
#[test]
fn residual_blocks_are_found_again() {
    for (space, arch) in [
        ("resnet", "basic:64x2,128x2"),
        ("resnet", "bottleneck:64x1,128x2;b2;c4;s16"),
        ("resnet", "y:24x1,56x2;g8"),
        ("tnb101-macro", "64-1243-basic"),
    ] {
        let space = knas_space::named(space).unwrap();
        let setting = Setting::of(space, [("side", 32)]).unwrap();
        let one = space.parse(arch).unwrap();
        let graph = one.lower(&setting, Extent::Live).unwrap();
        let read = again(arch, &graph).lower(32, setting.classes).unwrap();
        assert_eq!(read.to_string(), graph.to_string());
    }
}

/// What no space has.
#[test]
fn operations_of_no_space_come_back() {
    let named = |name| Named {
        name,
        key: name,
        part: Part::Body,
    };
    let mut graph = Graph::new(Shape::Maps {
        channels: 3,
        side: 8,
    });
    let image = graph.input();
    let mut x = graph.convolution(image, named("a"), 4, 3, 2).unwrap();
    for activation in [
        Activation::Gelu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Silu,
        Activation::HardSwish,
        Activation::HardSigmoid,
        Activation::Relu6,
    ] {
        x = graph.push(Op::Activation(activation), &[x]).unwrap();
    }
    x = graph.push(Op::Shuffle { groups: 2 }, &[x]).unwrap();
    let zeros = Op::Pad {
        before: 1,
        after: 0,
    };
    x = graph.push(zeros, &[x]).unwrap();
    let norm = Op::LocalNorm {
        reach: 2,
        alpha: 2e-5,
        beta: 0.75,
        offset: 2.0,
    };
    x = graph.push(norm, &[x]).unwrap();
    let means = graph.push(Op::GlobalPool, &[x]).unwrap();
    let factors = graph.linear(means, named("factors"), 4).unwrap();
    x = graph.push(Op::Scale, &[x, factors]).unwrap();
    graph.mark(Mark::Features(x));
    let flat = graph.push(Op::Flatten, &[x]).unwrap();
    let weight = graph.hold(Parameter {
        name: "b.weight".to_owned(),
        aliases: Vec::new(),
        key: "b".to_owned(),
        role: Role::LinearWeight,
        part: Part::Classifier,
        shape: vec![5, 100],
        fan_in: 100,
    });
    let op = Op::Linear { weight, bias: None };
    let _ = graph.push(op, &[flat]).unwrap();
    let read = again("by hand", &graph).lower(8, 5).unwrap();
    same("by hand", &read, &graph);
    assert_eq!(read.parameters(), graph.parameters());
}
