//! The network that a cell is, in a form that all notations of it share.
//!
//! The string of [`function`](super::expression::function) cannot tell one
//! convolution that is reached along two paths, 2·f(x), from two convolutions
//! with weights of their own, f(x) + g(x). A [`Form`] can, because it names the
//! operations: NAS-Bench-201's 15,625 cells are 5,260 networks, where they are
//! 4,930 expressions.

mod draft;

use std::hash::{Hash, Hasher};

use crate::nb201::form::draft::{Draft, DraftOp};
use crate::nb201::{Cell, Op};

/// A cell as a network: the operations that its output depends on, and the
/// sums that join them.
///
/// Skips are replaced by their source, zeros are dropped, sums within sums are
/// flattened, and operations that do not reach the output are left out. A
/// convolution is identified by its edge, since that is where its weights are;
/// average pools of one sum are one operation. The operations are numbered in
/// an order that depends on the network alone, so two cells are the same
/// network where their forms are equal, and only there.
///
/// A convolution of zeros is dropped like any zero: its batch norm gives its
/// bias, which starts at zero. A benchmark network that has been trained, or is
/// given other biases, adds a constant there that its form does not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Form {
    /// The operations, each after those that it reads.
    pub ops: Vec<FormOp>,
    /// The cell's output. An empty sum is zero: the cell is cut off from its
    /// input.
    pub output: Sum,
}

/// One operation of a [`Form`]. Two are equal where all but their
/// [`edge`](Self::edge) agrees.
#[derive(Debug, Clone)]
pub struct FormOp {
    /// [`Op::Conv1x1`], [`Op::Conv3x3`] or [`Op::AvgPool3x3`].
    pub kind: Op,
    /// What it is applied to; never empty.
    pub input: Sum,
    /// What its initial weights are derived from.
    pub key: OpKey,
    /// The place in [`EDGES`](super::EDGES) whose parameters it holds in this notation of the
    /// network. For an average pool, which has none, the first edge that
    /// computes it.
    pub edge: usize,
}

/// What an operation is, whatever cell it stands in: operations with equal keys
/// start from equal weights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpKey {
    /// The string of the expression that the operation computes, such as
    /// `((0)@nor_conv_1x1+0)@nor_conv_3x3`.
    pub function: String,
    /// Its number, from 0, among the operations of the form that have this
    /// string.
    pub occurrence: usize,
}

/// A value that is added into a [`Sum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// The cell's input.
    Input,
    /// The result of the form's operation with this number.
    Op(usize),
}

/// Terms to be added, in order; a term that is added twice stands there twice.
pub type Sum = Vec<Term>;

impl PartialEq for FormOp {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.input, &self.key) == (other.kind, &other.input, &other.key)
    }
}

impl Eq for FormOp {}

impl Hash for FormOp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.kind, &self.input, &self.key).hash(state);
    }
}

impl Form {
    /// The network that `cell` is.
    #[must_use]
    pub fn of(cell: &Cell) -> Self {
        let draft = Draft::of(cell);
        let live = draft.live();
        let mut search = Search {
            functions: live.iter().map(|&op| &*draft.ops[op].function).collect(),
            draft: &draft,
            live: &live,
            best: None,
        };
        search.extend(&mut Vec::with_capacity(live.len()));
        match search.best {
            Some(best) => best.into_form(&draft),
            None => Self {
                ops: Vec::new(),
                output: draft.output,
            },
        }
    }

    /// A text that identifies the network: its operations numbered from 1 and
    /// then its output, with the input as 0.
    ///
    /// `1=nor_conv_3x3(0);2=avg_pool_3x3(0+1);0+1+2` pools the sum of the input
    /// and its convolution, and adds all three. The cell that computes zero is
    /// `#`.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = String::new();
        for (number, op) in (1..).zip(&self.ops) {
            key += &format!("{number}={}({});", op.kind, text(&op.input));
        }
        key + &text(&self.output)
    }
}

fn text(sum: &Sum) -> String {
    if sum.is_empty() {
        return "#".to_owned();
    }
    let terms = sum.iter().map(|term| match term {
        Term::Input => "0".to_owned(),
        Term::Op(place) => (place + 1).to_string(),
    });
    terms.collect::<Vec<_>>().join("+")
}

/// The search for the order that numbers the operations: of all orders that
/// agree with the strings, the one whose numbered network is least. Only
/// operations with the same string are ever exchanged, of which a cell has few.
struct Search<'a> {
    draft: &'a Draft,
    /// The operations to be ordered, sorted by string.
    live: &'a [usize],
    /// The string that each place calls for.
    functions: Vec<&'a str>,
    best: Option<Numbered>,
}

/// The network under one order of its operations. The order of the fields is
/// that of the comparison: the network first, and among orders that give the
/// same network the one that takes earlier edges first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Numbered {
    inputs: Vec<Sum>,
    output: Sum,
    order: Vec<usize>,
}

impl Search<'_> {
    /// Tries every way to continue `order`, which names operations of the draft.
    fn extend(&mut self, order: &mut Vec<usize>) {
        let Some(&wanted) = self.functions.get(order.len()) else {
            let numbered = self.numbered(order);
            if self.best.as_ref().is_none_or(|best| numbered < *best) {
                self.best = Some(numbered);
            }
            return;
        };
        for &op in self.live {
            if self.draft.ops[op].function == wanted && !order.contains(&op) {
                order.push(op);
                self.extend(order);
                order.pop();
            }
        }
    }

    fn numbered(&self, order: &[usize]) -> Numbered {
        let place = |wanted: usize| order.iter().position(|&op| op == wanted);
        let renumber = |sum: &Sum| {
            let mut terms: Sum = sum
                .iter()
                .filter_map(|term| match term {
                    Term::Input => Some(Term::Input),
                    Term::Op(op) => place(*op).map(Term::Op),
                })
                .collect();
            terms.sort_unstable();
            terms
        };
        Numbered {
            inputs: order
                .iter()
                .map(|&op| renumber(&self.draft.ops[op].input))
                .collect(),
            output: renumber(&self.draft.output),
            order: order.to_vec(),
        }
    }
}

impl Numbered {
    fn into_form(self, draft: &Draft) -> Form {
        let mut ops: Vec<FormOp> = Vec::with_capacity(self.order.len());
        for (input, op) in self.inputs.into_iter().zip(self.order) {
            let DraftOp {
                kind,
                function,
                edge,
                ..
            } = &draft.ops[op];
            let occurrence = ops.iter().filter(|op| op.key.function == *function).count();
            ops.push(FormOp {
                kind: *kind,
                input,
                key: OpKey {
                    function: function.clone(),
                    occurrence,
                },
                edge: *edge,
            });
        }
        Form {
            ops,
            output: self.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use Op::{AvgPool3x3, Conv1x1, Conv3x3, None, Skip};

    fn form(ops: [Op; 6]) -> Form {
        Form::of(&Cell::new(ops))
    }

    #[test]
    fn there_are_5260_networks_and_their_keys_are_as_many() {
        let forms: HashSet<Form> = Cell::all().map(|cell| Form::of(&cell)).collect();
        assert_eq!(forms.len(), 5260);
        let keys: HashSet<String> = forms.iter().map(Form::key).collect();
        assert_eq!(keys.len(), 5260);
    }

    #[test]
    fn one_convolution_counted_twice_is_not_two_convolutions() {
        let twice = form([Conv3x3, Skip, None, None, Skip, None]);
        assert_eq!(twice.key(), "1=nor_conv_3x3(0);1");
        let twice = form([Conv3x3, None, Skip, None, Skip, Skip]);
        assert_eq!(twice.key(), "1=nor_conv_3x3(0);1+1");
        let two = form([Conv3x3, Conv3x3, None, None, Skip, Skip]);
        assert_eq!(two.key(), "1=nor_conv_3x3(0);2=nor_conv_3x3(0);1+2");
        assert_ne!(twice, two);
    }

    #[test]
    fn average_pools_of_one_sum_are_one_operation() {
        let pools = form([AvgPool3x3, AvgPool3x3, None, AvgPool3x3, Skip, Skip]);
        assert_eq!(pools.key(), "1=avg_pool_3x3(0);1+1+1");
        assert_eq!(pools.ops[0].edge, 0);
    }

    #[test]
    fn equal_forms_may_hold_their_parameters_on_other_edges() {
        let early = form([Conv3x3, None, None, None, Skip, None]);
        let late = form([None, None, None, Conv3x3, None, Conv1x1]);
        assert_eq!(early, late);
        assert_eq!((early.ops[0].edge, late.ops[0].edge), (0, 3));
    }

    #[test]
    fn a_cell_that_is_cut_off_has_an_empty_output() {
        for ops in [
            [None; 6],
            [Conv3x3, Conv1x1, None, None, None, None],
            [None, None, Conv3x3, None, Conv3x3, AvgPool3x3],
        ] {
            let form = form(ops);
            assert!(form.ops.is_empty() && form.output.is_empty());
            assert_eq!(form.key(), "#");
        }
    }

    #[test]
    fn keys_number_the_operations_that_share_a_string() {
        let form = form([Conv3x3, Conv3x3, None, Conv1x1, AvgPool3x3, AvgPool3x3]);
        let keys: Vec<(&str, usize)> = form
            .ops
            .iter()
            .map(|op| (op.key.function.as_str(), op.key.occurrence))
            .collect();
        assert_eq!(
            keys,
            [
                ("(0)@nor_conv_1x1", 0),
                ("(0)@nor_conv_3x3", 0),
                ("(0)@nor_conv_3x3", 1),
                ("((0)@nor_conv_3x3)@avg_pool_3x3", 0),
                ("((0)@nor_conv_3x3)@avg_pool_3x3", 1),
            ]
        );
    }

    #[test]
    fn operations_read_only_what_comes_before_them() {
        for cell in Cell::all() {
            for (place, op) in Form::of(&cell).ops.iter().enumerate() {
                assert!(!op.input.is_empty() && op.input.is_sorted());
                assert!(op.input.iter().all(|&term| term < Term::Op(place)));
                assert!(op.kind == cell.ops()[op.edge]);
            }
        }
    }
}
