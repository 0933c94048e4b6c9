//! The canonical form against the plain meaning of a cell.

use std::collections::{BTreeMap, HashMap};
use std::iter::zip;

use knas_space::nb201::{CELLS, Cell, EDGES, Form, Op, Sum, Term};
use knas_stats::random::stream;

/// What a node adds up, written out as a tree: no sharing, no numbering.
#[derive(Clone)]
enum Value {
    Input,
    Convolution(Op, usize, Vec<Value>),
    Pool(Vec<Value>),
}

fn node(cell: &Cell, target: usize) -> Vec<Value> {
    if target == 0 {
        return vec![Value::Input];
    }
    let mut sum = Vec::new();
    for (edge, op) in cell.ops().iter().enumerate() {
        if EDGES[edge].target != target {
            continue;
        }
        let argument = node(cell, EDGES[edge].source);
        match op {
            Op::None => {}
            Op::Skip => sum.extend(argument),
            _ if argument.is_empty() => {}
            Op::AvgPool3x3 => sum.push(Value::Pool(argument)),
            Op::Conv1x1 | Op::Conv3x3 => sum.push(Value::Convolution(*op, edge, argument)),
        }
    }
    sum
}

/// The tree as text, every convolution with the name that `names` gives its
/// edge, the addends sorted.
fn text(sum: &[Value], names: &[usize; 6]) -> String {
    let mut addends: Vec<String> = sum
        .iter()
        .map(|value| match value {
            Value::Input => "x".to_owned(),
            Value::Convolution(op, edge, argument) => {
                format!("{op}/{}({})", names[*edge], text(argument, names))
            }
            Value::Pool(argument) => format!("pool({})", text(argument, names)),
        })
        .collect();
    addends.sort();
    addends.join("+")
}

fn convolutions(sum: &[Value], found: &mut Vec<usize>) {
    for value in sum {
        match value {
            Value::Input => {}
            Value::Pool(argument) => convolutions(argument, found),
            Value::Convolution(_, edge, argument) => {
                if !found.contains(edge) {
                    found.push(*edge);
                }
                convolutions(argument, found);
            }
        }
    }
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(of - 1);
    let insert = |order: &Vec<usize>, place| {
        let mut order = order.clone();
        order.insert(place, of - 1);
        order
    };
    (0..of)
        .flat_map(|place| shorter.iter().map(move |order| insert(order, place)))
        .collect()
}

/// Every text that the cell has under some naming of its convolutions by 1, 2,
/// 3 and so on. Two cells are isomorphic where they share one.
fn texts(cell: &Cell) -> Vec<String> {
    let sum = node(cell, 3);
    let mut edges = Vec::new();
    convolutions(&sum, &mut edges);
    let named = |order: Vec<usize>| {
        let mut names = [0; 6];
        for (&edge, place) in zip(&edges, order) {
            names[edge] = place + 1;
        }
        text(&sum, &names)
    };
    permutations(edges.len()).into_iter().map(named).collect()
}

#[test]
fn forms_are_equal_exactly_where_cells_are_isomorphic() {
    // the first cell of every class that the literal test finds, by every text
    // of it: another cell of the class has its first text among them
    let mut class_of_text: HashMap<String, usize> = HashMap::new();
    let mut class_of_form: HashMap<Form, usize> = HashMap::new();
    for cell in Cell::all() {
        let texts = texts(&cell);
        let class = match class_of_text.get(&texts[0]) {
            Some(&class) => class,
            None => {
                let class = cell.index();
                class_of_text.extend(texts.into_iter().map(|text| (text, class)));
                class
            }
        };
        let same = class_of_form.entry(Form::of(&cell)).or_insert(class);
        assert_eq!(*same, class, "{cell}: equal forms, not isomorphic");
    }
    // as many forms as classes: no class has two
    assert_eq!(class_of_form.len(), 5260);
    let mut classes: Vec<usize> = class_of_text.into_values().collect();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes.len(), 5260);
}

/// Functions of numbers in place of operations on images. Like those, they map
/// zero to zero.
struct Functions([(f64, f64); 6]);

impl Functions {
    fn new(seed: u64) -> Self {
        let mut random = stream(seed, "test functions", &[]);
        let mut between = |low: f64, high: f64| low + (high - low) * f64::from(random.uniform());
        Self([(); 6].map(|()| (between(0.5, 2.0), between(0.5, 2.0))))
    }

    fn apply(&self, op: Op, edge: usize, x: f64) -> f64 {
        let (a, b) = self.0[edge];
        match op {
            Op::None => 0.0,
            Op::Skip => x,
            Op::Conv1x1 => a * (b * x).sin(),
            Op::Conv3x3 => a * (b * x).tanh(),
            Op::AvgPool3x3 => x / (1.0 + x * x),
        }
    }
}

fn cell_value(cell: &Cell, functions: &Functions, x: f64) -> f64 {
    let mut nodes = [x, 0.0, 0.0, 0.0];
    for (edge, op) in cell.ops().iter().enumerate() {
        nodes[EDGES[edge].target] += functions.apply(*op, edge, nodes[EDGES[edge].source]);
    }
    nodes[3]
}

fn form_value(form: &Form, functions: &Functions, x: f64) -> f64 {
    let mut results = Vec::new();
    let sum = |terms: &Sum, results: &[f64]| -> f64 {
        let value = |term: &Term| match term {
            Term::Input => x,
            Term::Op(op) => results[*op],
        };
        terms.iter().map(value).sum()
    };
    for op in &form.ops {
        let result = functions.apply(op.kind, op.edge, sum(&op.input, &results));
        results.push(result);
    }
    sum(&form.output, &results)
}

#[test]
fn a_form_computes_what_its_cell_computes() {
    for (seed, x) in [(0, 0.7), (1, -1.3), (2, 0.1)] {
        let functions = Functions::new(seed);
        for cell in Cell::all() {
            let (direct, form) = (
                cell_value(&cell, &functions, x),
                form_value(&Form::of(&cell), &functions, x),
            );
            assert!(
                (direct - form).abs() <= 1e-12 * direct.abs().max(1.0),
                "{cell}: {direct} from the cell, {form} from its form"
            );
        }
    }
}

/// What the benchmark counts as one cell, and what is one network, computes one
/// function.
#[test]
fn the_classes_nest_as_their_definitions_say() {
    use knas_space::nb201::expression::{benchmark, function};
    let mut function_of_benchmark = BTreeMap::new();
    let mut function_of_network = HashMap::new();
    for cell in Cell::all() {
        let function = function(&cell);
        let same = function_of_benchmark
            .entry(benchmark(&cell))
            .or_insert_with(|| function.clone());
        assert_eq!(*same, function, "{cell}");
        let same = function_of_network
            .entry(Form::of(&cell))
            .or_insert_with(|| function.clone());
        assert_eq!(*same, function, "{cell}");
    }
    assert_eq!(Cell::all().count(), CELLS);

    // 326 of the 4,930 strings stand for more than one network
    let mut networks: HashMap<&String, usize> = HashMap::new();
    for function in function_of_network.values() {
        *networks.entry(function).or_default() += 1;
    }
    assert_eq!(networks.len(), 4930);
    assert_eq!(networks.values().filter(|&&count| count > 1).count(), 326);
}
