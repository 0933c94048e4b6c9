use super::*;
use crate::{Activation, Grid, Kernel, Named, Part};

fn named(name: &str) -> Named<'_> {
    Named {
        name,
        key: name,
        part: Part::Body,
    }
}

fn image() -> Graph {
    Graph::new(Shape::Maps {
        channels: 3,
        side: 8,
    })
}

#[test]
fn shapes_follow_from_what_is_pushed() {
    let mut graph = image();
    let x = graph.input();
    let x = graph.convolution(x, named("a"), 4, 3, 2).unwrap();
    let x = graph.batch_norm(x, named("b")).unwrap();
    let side = |graph: &Graph, value| match graph.shape(value) {
        Shape::Maps { channels, side } => (channels, side),
        _ => (0, 0),
    };
    assert_eq!(side(&graph, x), (4, 4));
    let pool = Op::AveragePool {
        window: 2,
        stride: 2,
        padding: 0,
    };
    let x = graph.push(pool, &[x]).unwrap();
    assert_eq!(side(&graph, x), (4, 2));
    let x = graph.push(Op::GlobalPool, &[x]).unwrap();
    let x = graph.linear(x, named("c"), 10).unwrap();
    assert_eq!(graph.shape(x), Shape::Vector { width: 10 });
}

// What torch.nn's layers of these arguments give for 3×8×8.
#[test]
fn shapes_of_what_mobile_networks_and_cells_are_made_of() {
    let mut graph = image();
    let x = graph.input();
    let wide = graph.convolution(x, named("a"), 6, 1, 1).unwrap();
    let dilated = Kernel {
        dilation: 2,
        ..Kernel::depthwise(6, 5, 2)
    };
    let y = graph.convolve(wide, named("b"), dilated).unwrap();
    let maps = |channels, side| Shape::Maps { channels, side };
    assert_eq!(graph.shape(y), maps(6, 4));
    assert_eq!(graph.parameters()[1].shape, [6, 1, 5, 5]);
    assert_eq!(graph.parameters()[1].fan_in, 25);
    let biased = Kernel {
        bias: true,
        ..Kernel::new(6, 1, 1)
    };
    let squeezed = graph.push(Op::Squeeze, &[y]).unwrap();
    let gate = graph.convolve(squeezed, named("c"), biased).unwrap();
    let gate = graph.push(Op::Activation(Activation::Sigmoid), &[gate]);
    let scaled = graph.push(Op::Scale, &[y, gate.unwrap()]).unwrap();
    assert_eq!(graph.shape(scaled), maps(6, 4));
    let pool = Op::MaxPool {
        window: 3,
        stride: 2,
        padding: 1,
    };
    let pooled = graph.push(pool, &[wide]).unwrap();
    let both = graph.push(Op::Concatenate, &[scaled, pooled]).unwrap();
    assert_eq!(graph.shape(both), maps(12, 4));
    let shifted = graph.push(Op::Shift, &[both]).unwrap();
    assert_eq!(graph.shape(shifted), maps(12, 4));
    let narrow = graph
        .push(
            Op::Narrow {
                first: 7,
                channels: 5,
            },
            &[shifted],
        )
        .unwrap();
    assert_eq!(graph.shape(narrow), maps(5, 4));
    let shuffled = graph.push(Op::Shuffle { groups: 4 }, &[shifted]).unwrap();
    assert_eq!(graph.shape(shuffled), maps(12, 4));
    let zeros = Op::Pad {
        before: 0,
        after: 1,
    };
    let padded = graph.push(zeros, &[shuffled]).unwrap();
    assert_eq!(graph.shape(padded), maps(12, 5));
    let flat = graph.push(Op::Flatten, &[padded]).unwrap();
    assert_eq!(graph.shape(flat), Shape::Vector { width: 300 });
    // 3·6 + 6·25 + 6·6 + 6 parameters; those of windows at each position.
    let cost = graph.cost();
    assert_eq!((cost.params, cost.macs), (210, 18 * 64 + 150 * 16 + 36));
}

#[test]
fn what_does_not_go_together_is_named() {
    let mut graph = image();
    let x = graph.input();
    let y = graph.convolution(x, named("wide"), 4, 3, 1).unwrap();
    let weight = graph.nodes()[1].op.weight().unwrap();
    let said = |graph: &mut Graph, op, inputs: &[Value]| {
        let nodes = graph.nodes().len();
        let error = graph.push(op, inputs).unwrap_err().to_string();
        assert_eq!(graph.nodes().len(), nodes);
        error
    };
    let grid = |dilation| Grid {
        stride: 1,
        padding: 1,
        dilation,
    };
    let grouped = |groups, dilation| Op::Convolution {
        weight,
        bias: None,
        grid: grid(dilation),
        groups,
    };
    let convolution = grouped(1, 1);
    assert_eq!(
        said(&mut graph, convolution, &[y]),
        "node 2, convolution \"wide.weight\": \"wide.weight\" is [4, 3, 3, 3], \
         not [4, 4, 3, 3]"
    );
    let pool = |window, stride| Op::AveragePool {
        window,
        stride,
        padding: 0,
    };
    for (op, inputs, reason) in [
        (
            Op::Add,
            &[x][..],
            "node 2, add: it reads two values or more, not 1 values",
        ),
        (Op::Add, &[x, y], "3×8×8 and 4×8×8 cannot be read together"),
        (
            pool(9, 1),
            &[x],
            "a window of 9 does not fit into a side of 8",
        ),
        (pool(2, 0), &[x], "the stride is 0"),
        (
            grouped(2, 1),
            &[x],
            "2 groups do not divide 3 channels into 4",
        ),
        (
            grouped(0, 1),
            &[x],
            "0 groups do not divide 3 channels into 4",
        ),
        (grouped(1, 0), &[x], "the dilation is 0"),
        (
            grouped(1, 9),
            &[x],
            "a window of 19 does not fit into a side of 10",
        ),
        (
            Op::Scale,
            &[x, y],
            "3×8×8 and 4×8×8 cannot be read together",
        ),
        (
            Op::Concatenate,
            &[x],
            "it reads two values or more, not 1 values",
        ),
        (
            Op::Narrow {
                first: 1,
                channels: 3,
            },
            &[x],
            "of 3 channels there are no first 4",
        ),
        (
            Op::Narrow {
                first: 0,
                channels: 0,
            },
            &[x],
            "the number of channels is 0",
        ),
        (Op::Divide(0), &[x], "the divisor is 0"),
        (Op::Dropout { rate: 1.0 }, &[x], "a share of 1"),
        (Op::FirstToken, &[x], "it reads tokens, not 3×8×8"),
        (Op::Relu, &[Value(7)], "there is no value 7 yet"),
        (Op::Embedding { table: 5 }, &[x], "there is no parameter 5"),
        (Op::Relu, &[], "it reads one value, not 0 values"),
        (
            Op::Input(graph.shape(x)),
            &[],
            "a network has one input, which is its first node",
        ),
    ] {
        let said = said(&mut graph, op, inputs);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn a_layer_that_is_refused_leaves_nothing_behind() {
    let mut graph = image();
    let x = graph.input();
    let x = graph.push(Op::GlobalPool, &[x]).unwrap();
    let before = graph.clone();
    let unknown = Value(9);
    for value in [x, unknown] {
        assert!(graph.convolution(value, named("a"), 4, 3, 1).is_err());
        assert!(graph.batch_norm(value, named("b")).is_err());
    }
    let image = graph.input();
    assert!(graph.convolution(image, named("c"), 4, 3, 0).is_err());
    assert!(graph.layer_norm(image, named("d"), 1e-5).is_err());
    assert!(graph.linear(image, named("e"), 2).is_err());
    assert_eq!(graph, before);
}
