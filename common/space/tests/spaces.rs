//! What holds for every search space.

// A failed expectation is how a test fails, in helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use knas_graph::Shape;
use knas_space::{
    Architecture, Extent, Input, LowerError, SearchSpace, Setting, SizeError, Sizes, all_sizes,
    check_sizes, named, spaces,
};

const TEXTS: Input = Input::Texts {
    length: None,
    settings: None,
};

/// The spaces that can be drawn from.
fn drawn() -> impl Iterator<Item = &'static dyn SearchSpace> {
    let all = spaces().iter().copied();
    all.filter(|space| space.lacks().is_none())
}

fn some(space: &dyn SearchSpace) -> Vec<Box<dyn Architecture>> {
    let ends = space.count().map(|count| [0, count - 1]);
    let ends = ends.into_iter().flatten().map(|index| space.at(index));
    space
        .sample(3)
        .take(12)
        .chain(ends.map(Option::unwrap))
        .collect()
}

#[test]
fn what_is_printed_is_read_again() {
    for space in drawn() {
        for one in some(space) {
            let again = space.parse(&one.to_string()).unwrap();
            assert_eq!(again.to_string(), one.to_string());
            assert_eq!(again.id(), one.id());
            assert_eq!(one.space().name(), space.name());
            for equivalence in space.equivalences() {
                assert_eq!(again.key(*equivalence), one.key(*equivalence));
            }
        }
        assert!(space.parse("").is_err() && space.parse("|none~0|").is_err());
        if let Some(count) = space.count() {
            assert!(space.at(count).is_none());
        }
    }
}

#[test]
fn what_is_counted_is_what_is_lowered() {
    for space in drawn() {
        let setting = space.usual();
        let largest = space.largest().map(|one| one.cost().unwrap().params);
        for one in some(space) {
            let whole = one.lower(&setting, Extent::Whole).unwrap();
            assert_eq!(one.cost().unwrap(), whole.cost(), "{one}");
            assert_eq!(one.cost_in(&setting).unwrap(), whole.cost(), "{one}");
            let live = one.lower(&setting, Extent::Live).unwrap();
            assert!(live.cost().params <= whole.cost().params, "{one}");
            assert!(whole.cost().params <= largest.unwrap_or(u64::MAX), "{one}");
            let names: HashSet<&str> = whole.parameters().iter().map(|p| &*p.name).collect();
            assert_eq!(names.len(), whole.parameters().len(), "{one}");
            assert!(live.parameters().iter().all(|p| names.contains(&*p.name)));
        }
    }
}

#[test]
fn mutants_are_neighbours_once_each() {
    for space in drawn() {
        for one in some(space).iter().take(3) {
            let near: Vec<String> = one.mutants(1).map(|near| near.to_string()).collect();
            let distinct: HashSet<&String> = near.iter().collect();
            assert!(!near.is_empty() && distinct.len() == near.len());
            assert!(!distinct.contains(&one.to_string()));
            for near in near.iter().take(20) {
                let near = space.parse(near).unwrap();
                let pairs = one.decisions().into_iter().zip(near.decisions());
                let changed = pairs.filter(|(a, b)| a.choice != b.choice).count();
                assert!(changed == 1 || one.decisions().is_empty());
            }
        }
    }
}

#[test]
fn networks_are_shown_what_they_are_for() {
    for space in drawn() {
        let other = Setting {
            input: match space.reads_texts() {
                true => Input::Images { side: 32 },
                false => TEXTS,
            },
            ..space.usual()
        };
        let one = space.sample(0).next().unwrap();
        let error = one.lower(&other, Extent::Live).unwrap_err();
        assert!(matches!(error, LowerError::NoImages | LowerError::NoTexts));
    }
}

/// Where layers cannot halve an image, or it has nothing to see, that is said.
#[test]
fn images_are_seen_or_refused() {
    for space in drawn().filter(|space| !space.reads_texts()) {
        let one = space.sample(0).next().unwrap();
        let usual = space.usual();
        let classes = Shape::Vector {
            width: usual.classes,
        };
        for side in 0..70 {
            let input = Input::Images { side };
            let setting = Setting {
                input,
                ..usual.clone()
            };
            match one.lower(&setting, Extent::Live) {
                Ok(graph) => {
                    assert!(side > 0, "{}", space.name());
                    let last = graph.nodes().last().unwrap();
                    assert_eq!(last.shape, classes, "{} at {side}", space.name());
                }
                Err(LowerError::Graph(_) | LowerError::Size(_)) => {}
                Err(error) => panic!("{}: {error}", space.name()),
            }
        }
    }
    for space in ["nb201", "nats-sss"].map(|name| named(name).unwrap()) {
        let odd = Setting {
            input: Input::Images { side: 7 },
            ..space.usual()
        };
        let one = space.sample(0).next().unwrap();
        assert!(one.lower(&odd, Extent::Live).is_err(), "{}", space.name());
    }
}

#[test]
fn sizes_are_those_of_the_space_and_in_their_range() {
    for space in spaces() {
        for size in space.sizes() {
            let (low, high) = size.range;
            assert!((low..=high).contains(&size.usual));
            let found = Sizes::of(*space, [(size.name, high)]).unwrap();
            assert_eq!(found.get(size.name), Some(high));
            let error = Sizes::of(*space, [(size.name, high + 1)]).unwrap_err();
            assert!(matches!(error, SizeError::Range { .. }), "{error}");
        }
        let error = Sizes::of(*space, [("colour", 1)]).unwrap_err().to_string();
        assert!(error.contains("no size \"colour\""), "{error}");
    }
    let told = |name: &str, size| [(name.to_owned(), size)];
    assert!(check_sizes(false, &told("channels", 8)).is_ok());
    assert!(check_sizes(false, &told("side", 224)).is_ok());
    for (texts, name, size, said) in [
        (false, "channels", 0, "between 1 and 4096"),
        (false, "classes", 0, "classes that are told apart"),
        (
            false,
            "length",
            7,
            "no size \"length\"; it has channels, cells, classes, side",
        ),
        (true, "channels", 8, "it has classes, length"),
    ] {
        let error = check_sizes(texts, &told(name, size)).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn what_is_told_is_the_setting_and_what_is_not_told_is_usual() {
    for space in spaces() {
        assert_eq!(Setting::of(*space, []).unwrap(), space.usual());
        assert!(space.usual().unusual(&space.usual()).is_empty());
        for size in all_sizes(*space) {
            let found = 9.clamp(size.range.0, size.range.1);
            let setting = Setting::of(*space, [(size.name, found)]).unwrap();
            let named: HashMap<_, _> = setting.named().collect();
            assert_eq!(named.get(size.name), Some(&found), "{}", space.name());
            let unusual = setting.unusual(&space.usual());
            let again = unusual.iter().map(|(name, size)| (&**name, *size));
            assert_eq!(Setting::of(*space, again).unwrap(), setting);
            assert!(unusual.len() <= 1);
        }
    }
}
