//! What an expression is worth for one record.

use std::cmp::Ordering;

/// The fields of a record, by their place in the list that the expression was
/// read with.
pub trait Values {
    /// The number in a field of numbers.
    fn number(&self, field: usize) -> f64;
    /// The string in a field of strings.
    fn text(&self, field: usize) -> &str;
}

/// An expression that is a number.
#[derive(Clone, Debug)]
pub enum Number {
    Constant(f64),
    Field(usize),
    Negative(Box<Number>),
    Binary(Arithmetic, Box<(Number, Number)>),
}

/// An operation on numbers.
#[derive(Clone, Copy, Debug)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An expression that is a string.
#[derive(Clone, Debug)]
pub enum Text {
    Constant(String),
    Field(usize),
}

/// An expression that is true or false.
#[derive(Clone, Debug)]
pub enum Truth {
    Not(Box<Truth>),
    And(Box<(Truth, Truth)>),
    Or(Box<(Truth, Truth)>),
    Equal(Box<(Truth, Truth)>),
    Numbers(Comparison, Number, Number),
    Texts(Comparison, Text, Text),
}

/// A way to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Number {
    fn of(&self, values: &impl Values) -> f64 {
        match self {
            Self::Constant(number) => *number,
            Self::Field(field) => values.number(*field),
            Self::Negative(number) => -number.of(values),
            Self::Binary(operation, numbers) => {
                let (left, right) = (numbers.0.of(values), numbers.1.of(values));
                match operation {
                    Arithmetic::Add => left + right,
                    Arithmetic::Subtract => left - right,
                    Arithmetic::Multiply => left * right,
                    Arithmetic::Divide => left / right,
                }
            }
        }
    }
}

impl Text {
    fn of<'a>(&'a self, values: &'a impl Values) -> &'a str {
        match self {
            Self::Constant(text) => text,
            Self::Field(field) => values.text(*field),
        }
    }
}

impl Truth {
    /// Whether the expression is true for `values`.
    pub fn of(&self, values: &impl Values) -> bool {
        match self {
            Self::Not(truth) => !truth.of(values),
            Self::And(truths) => truths.0.of(values) && truths.1.of(values),
            Self::Or(truths) => truths.0.of(values) || truths.1.of(values),
            Self::Equal(truths) => truths.0.of(values) == truths.1.of(values),
            Self::Numbers(comparison, left, right) => {
                comparison.holds(left.of(values).partial_cmp(&right.of(values)))
            }
            Self::Texts(comparison, left, right) => {
                comparison.holds(Some(left.of(values).cmp(right.of(values))))
            }
        }
    }
}

impl Comparison {
    /// Whether it holds between values in this order; none is that of NaN,
    /// which differs from everything.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order.is_some_and(Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(Ordering::is_eq),
            Self::Less => order.is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order.is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}
