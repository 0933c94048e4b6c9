//! Values of the file as functions of single numbers of values of the graph.
//!
//! What is done to single numbers is kept until it is seen to be an activation: a
//! sigmoid alone is one, and a part of another where it multiplies what it reads.

use std::collections::BTreeMap;

use knas_graph::{Op, Shape, Value};

use super::draft::Draft;
use super::error::LowerError;
use super::scalar::{Apply, Known, points, recognise};

/// The most steps of a function.
const STEPS: usize = 24;

/// How many steps are followed in a whole model before what is done to single numbers
/// is taken for unknown.
const WORK: usize = 1_000_000;

/// A place among the functions.
pub(crate) type Function = usize;

/// What a node reads of single numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Number(f64),
    Function(Function),
}

/// Where a function's values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A value of the graph.
    Value(Value),
    /// The means of maps: a vector, or maps of one position, whatever they are read as.
    Means(Value),
    /// Maps with zeros around them.
    Padded {
        of: Value,
        before: usize,
        after: usize,
    },
    /// Maps without their first row and column.
    Cropped(Value),
    /// A step from other functions.
    Step(Apply, [Operand; 2]),
}

struct Entry {
    source: Source,
    /// The function without steps that it goes back to.
    root: Function,
    shape: Shape,
    /// The node at which it came about.
    place: usize,
    steps: usize,
    /// The values of the graph that it is, as a vector and as maps.
    values: [Option<Value>; 2],
    /// Whether it is known to be nothing that a graph has.
    failed: bool,
}

/// All functions.
#[derive(Default)]
pub(crate) struct Functions {
    entries: Vec<Entry>,
    /// Steps that were followed.
    work: usize,
}

impl Functions {
    /// What a value of the graph holds, or what comes of it without steps.
    pub fn source(&mut self, source: Source, shape: Shape, place: usize) -> Function {
        let root = self.entries.len();
        self.entries.push(Entry {
            source,
            root,
            shape,
            place,
            steps: 0,
            values: [None; 2],
            failed: false,
        });
        root
    }

    /// A step from functions of one root.
    pub fn step(
        &mut self,
        apply: Apply,
        operands: [Operand; 2],
        draft: &Draft<'_>,
        place: usize,
    ) -> Result<Function, LowerError> {
        let read = operands.iter().filter_map(|operand| match operand {
            Operand::Function(function) => self.entries.get(*function),
            Operand::Number(_) => None,
        });
        let steps = 1 + read.clone().map(|entry| entry.steps).sum::<usize>();
        let Some(first) = read.clone().next().filter(|_| steps <= STEPS) else {
            let message = "what is done to single numbers takes too many steps to be told";
            return Err(draft.node(place).refuse(message));
        };
        let (root, shape) = (first.root, first.shape);
        self.entries.push(Entry {
            source: Source::Step(apply, operands),
            root,
            shape,
            place,
            steps,
            values: [None; 2],
            failed: false,
        });
        Ok(self.entries.len() - 1)
    }

    /// Where its values come from.
    pub fn source_of(&self, function: Function) -> Source {
        self.entries[function].source
    }

    /// The function without steps that it goes back to.
    pub fn root(&self, function: Function) -> Function {
        self.entries[function].root
    }

    /// The shape of its values.
    pub fn shape(&self, function: Function) -> Shape {
        self.entries[function].shape
    }

    /// The value of the graph that a function is; layers for what it does are appended
    /// the first time. None where nothing does that.
    pub fn settle(
        &mut self,
        function: Function,
        maps: bool,
        draft: &mut Draft<'_>,
    ) -> Option<Value> {
        let entry = &self.entries[function];
        let place = entry.place;
        let means = matches!(self.entries[entry.root].source, Source::Means(_));
        let slot = usize::from(maps && means);
        if entry.failed || entry.values[slot].is_some() {
            return entry.values[slot];
        }
        let value = match entry.source {
            Source::Value(value) => Some(value),
            Source::Means(of) => {
                let op = if maps { Op::Squeeze } else { Op::GlobalPool };
                draft.push(place, op, &[of]).ok()
            }
            Source::Padded { of, before, after } => {
                draft.push(place, Op::Pad { before, after }, &[of]).ok()
            }
            Source::Cropped(_) => None,
            Source::Step(apply, operands) => {
                self.settle_step(function, apply, operands, maps, draft)
            }
        };
        let entry = &mut self.entries[function];
        entry.failed = value.is_none();
        entry.values[slot] = value;
        value
    }

    fn settle_step(
        &mut self,
        function: Function,
        apply: Apply,
        operands: [Operand; 2],
        maps: bool,
        draft: &mut Draft<'_>,
    ) -> Option<Value> {
        let reached = self.reached(function);
        let from_root = [self.entries[function].root];
        // An operator that is an activation by itself is one; else all that is done to
        // the root is looked at, and then what is done to each step on the way.
        let own = match operands[0] {
            Operand::Function(read) if apply.operands() == 1 => Some(read),
            _ => None,
        };
        let steps = reached
            .iter()
            .rev()
            .copied()
            .filter(|&step| step != function);
        let starts: Vec<Function> = own.into_iter().chain(from_root).chain(steps).collect();
        for start in starts {
            let known = self.along(&reached, start, function);
            let Some(known) = known.and_then(|values| recognise(&values)) else {
                continue;
            };
            if let Some(input) = self.settle(start, maps, draft) {
                return match known {
                    Known::Same => Some(input),
                    Known::Op(op) => draft.push(self.entries[function].place, op, &[input]).ok(),
                };
            }
        }
        // What is no activation may still be a sum.
        let (Apply::Add, [Operand::Function(first), Operand::Function(second)]) = (apply, operands)
        else {
            return None;
        };
        let first = self.settle(first, maps, draft)?;
        let second = self.settle(second, maps, draft)?;
        let place = self.entries[function].place;
        draft.push(place, Op::Add, &[first, second]).ok()
    }

    /// The functions that one is made of, itself and its root among them, in order.
    fn reached(&self, function: Function) -> Vec<Function> {
        let mut reached = Vec::new();
        let mut waiting = vec![function];
        while let Some(next) = waiting.pop() {
            if reached.contains(&next) {
                continue;
            }
            reached.push(next);
            if let Source::Step(_, operands) = self.entries[next].source {
                waiting.extend(operands.iter().filter_map(|operand| match operand {
                    Operand::Function(function) => Some(*function),
                    Operand::Number(_) => None,
                }));
            }
        }
        reached.sort_unstable();
        reached
    }

    /// What `end` gives at [`points`] as a function of `start`; none where it depends
    /// on something else.
    fn along(&mut self, reached: &[Function], start: Function, end: Function) -> Option<Vec<f64>> {
        self.work += reached.len();
        if self.work > WORK {
            return None;
        }
        let mut values: BTreeMap<Function, Vec<f64>> = BTreeMap::new();
        values.insert(start, points().collect());
        for &function in reached.iter().filter(|&&function| function > start) {
            let Source::Step(apply, operands) = self.entries[function].source else {
                continue;
            };
            let at = |point: usize, operand: Operand| match operand {
                Operand::Number(number) => Some(number),
                Operand::Function(function) => values.get(&function).map(|v| v[point]),
            };
            let of = |point| {
                let [x, y] = operands.map(|operand| at(point, operand));
                Some(apply.value(x?, y?))
            };
            let given: Option<Vec<f64>> = (0..points().count()).map(of).collect();
            if let Some(given) = given {
                values.insert(function, given);
            }
        }
        values.remove(&end)
    }

    /// Why a function is no value of a graph.
    pub fn refuse(&self, function: Function, draft: &Draft<'_>) -> LowerError {
        let root = &self.entries[self.entries[function].root];
        let (place, fault) = match root.source {
            Source::Cropped(_) => (
                root.place,
                "rows and columns are left out, which is only known before zeros in their place",
            ),
            _ => (
                self.entries[function].place,
                "what comes of single numbers here is no activation that is known: ReLU, ReLU6, \
                 GELU, SiLU, sigmoid, tanh, h-swish and h-sigmoid are",
            ),
        };
        draft.node(place).refuse(fault)
    }
}
