//! What hostile bytes are given to: one function for each parser.
//!
//! A target takes any bytes. It may refuse them; it must not panic, and what it
//! accepts must keep the parser's promises. libFuzzer calls these functions from
//! `fuzz_targets/`, and `cargo test` over mutations of the seeds.

// A broken promise is how a target fails.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[cfg(feature = "torch")]
mod files;
#[path = "../../../tools/knas-sample/src"]
mod sample {
    // The tool has no library; and this crate needs only a part of the module.
    #[allow(dead_code)]
    pub mod filter;
}

use std::str;

use knas_graph::Shape;
use knas_onnx::Model;
use knas_records::{Failure, Record, Truth};
use knas_space::{Equivalence, SearchSpace};
use sample::filter::{Field, Values, compile};
use serde_json::Value;

#[cfg(feature = "torch")]
pub use files::{cifar, folder, safetensors, texts, tokeniser};

/// A parser, as a target.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also its folder's in `seeds`.
pub const TARGETS: &[(&str, Target)] = &[
    ("record", record),
    ("architecture", architecture),
    ("where", expression),
    ("truth", truth),
    ("onnx", onnx),
    #[cfg(feature = "torch")]
    ("cifar", cifar),
    #[cfg(feature = "torch")]
    ("folder", folder),
    #[cfg(feature = "torch")]
    ("safetensors", safetensors),
    #[cfg(feature = "torch")]
    ("texts", texts),
    #[cfg(feature = "torch")]
    ("tokeniser", tokeniser),
];

/// A line as a record: fields that nobody touches pass byte for byte, and an id
/// that names a file stays within its folder.
pub fn record(bytes: &[u8]) {
    let line = |record: &Record<'_>| {
        let mut line = Vec::new();
        record.write_to(&mut line).unwrap();
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        String::from_utf8(line).unwrap()
    };
    let text = match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\n') => text,
        _ => return,
    };
    let Ok(mut record) = Record::parse(text) else {
        return;
    };
    let written = line(&record);
    let again = Record::parse(&written).expect("what is written is a record");
    assert_eq!(again.id(), record.id());
    assert_eq!(line(&again), written);
    if let Ok(stem) = record.file_stem() {
        let odd = |c: char| c == '/' || c == '\\' || c.is_control();
        assert!(!stem.is_empty() && !stem.starts_with('.') && !stem.contains(odd));
    }
    let _ = record.get::<Value>("scores.mgm");
    if let Ok(Some(number)) = record.number("score") {
        assert!(number.is_finite());
    }
    let id = record.id().to_owned();
    let _ = record.merge("scores", [("mgm".to_owned(), Some(1.5))]);
    let _ = record.set("score", &1.5);
    record.fail(&Failure::new("score", "kind", "message"));
    let changed = line(&record);
    let changed = Record::parse(&changed).expect("what is changed is a record");
    assert!(changed.has_failed() && changed.raw("score").is_none());
    assert_eq!(changed.id(), id);
}

/// An architecture in every space that needs nothing else: what is read is written alike.
pub fn architecture(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let drawn = |space: &&&dyn SearchSpace| space.lacks().is_none();
    for space in knas_space::spaces().iter().filter(drawn) {
        let Ok(architecture) = space.parse(text) else {
            continue;
        };
        let written = architecture.to_string();
        let again = space.parse(&written).expect("what is written is read");
        assert_eq!(again.id(), architecture.id());
        assert_eq!(again.to_string(), written);
        let cost = architecture.cost().expect("what is read can be counted");
        assert_eq!(again.cost().expect("so is what is written"), cost);
        assert!(architecture.key(Equivalence::Network).is_some());
        for mutant in architecture.mutants(1).take(3) {
            assert_ne!(mutant.id(), architecture.id());
        }
    }
}

/// `--where`: what compiles can be evaluated on any values.
pub fn expression(bytes: &[u8]) {
    const FIELDS: &[Field] = &[Field::Text("id"), Field::Number("params")];
    struct Example(f64, &'static str);
    impl Values for Example {
        fn number(&self, _: usize) -> f64 {
            self.0
        }
        fn text(&self, _: usize) -> &str {
            self.1
        }
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match compile(text, FIELDS) {
        Ok(expression) => {
            for number in [0.0, -1.5, f64::NAN, f64::INFINITY] {
                expression.of(&Example(number, "nb201-1"));
                expression.of(&Example(number, ""));
            }
        }
        Err(error) => assert!(error.to_string().len() < 20_000),
    }
}

/// A table of accuracies: what is in it is a number.
pub fn truth(bytes: &[u8]) {
    for columns in [vec![], vec!["accuracy".to_owned()]] {
        let Ok((truth, _)) = Truth::table(bytes, &columns) else {
            continue;
        };
        for row in 0..truth.rows().min(100) {
            for column in 0..truth.columns.len() {
                assert!(truth.value(row, column).is_none_or(f64::is_finite));
            }
        }
        let _ = truth.find("nb201-1", Some("|none~0|"));
    }
}

/// A model: what is read has layers and tensors that go together.
pub fn onnx(bytes: &[u8]) {
    const MOST: u64 = 1 << 20;
    let Ok(model) = Model::parse(bytes) else {
        return;
    };
    let classes = model.classes();
    assert!(classes > 0);
    for side in [model.side().unwrap_or(8), 33] {
        let _ = model.lower(side, classes + 1);
        let Ok(graph) = model.lower(side, classes) else {
            continue;
        };
        let last = graph.nodes().last().map(|node| node.shape);
        assert_eq!(last, Some(Shape::Vector { width: classes }));
        if graph.cost().params > MOST {
            continue;
        }
        let tensors: Vec<_> = model.tensors().collect();
        for (name, shape, values) in &tensors {
            assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        }
        for parameter in graph.parameters() {
            let of = |(name, ..): &&(String, Vec<usize>, Vec<f32>)| *name == parameter.name;
            let (_, shape, _) = tensors.iter().find(of).expect("every parameter has one");
            assert_eq!(*shape, parameter.shape);
        }
        assert!(tensors.len() == graph.parameters().len() + 2 * graph.running().len());
    }
}
