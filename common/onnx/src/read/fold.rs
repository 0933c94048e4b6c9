//! What a node gives that reads nothing but known numbers.

use super::check::Node;
use super::error::LowerError;
use super::tensor::{Constant, Data, count};
use super::wholes::{Whole, Wholes, compute};
use crate::message::data_type;

/// Numbers that are known without any image.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    /// A tensor.
    Constant(Constant),
    /// Whole numbers, which may depend on how many images there are.
    Wholes(Wholes),
}

/// How many numbers may still be computed.
pub(crate) struct Budget(usize);

impl Budget {
    /// Enough for the scales of any network's norms.
    pub fn new() -> Self {
        Self(1 << 24)
    }

    fn take(&mut self, node: &Node, numbers: Option<usize>) -> Result<(), LowerError> {
        let left = numbers.and_then(|numbers| self.0.checked_sub(numbers));
        self.0 = left.ok_or_else(|| node.refuse("too many numbers would have to be computed"))?;
        Ok(())
    }
}

impl Numbers {
    /// Whole numbers in a row, where they are.
    pub fn wholes(&self) -> Option<Wholes> {
        match self {
            Self::Wholes(wholes) => Some(wholes.clone()),
            Self::Constant(Constant {
                shape,
                data: Data::Wholes(numbers),
                ..
            }) => Some(Wholes {
                numbers: numbers.iter().copied().map(Whole::Known).collect(),
                shape: shape.clone(),
                shape_of: None,
            }),
            Self::Constant(_) => None,
        }
    }

    /// Whole numbers that are all known.
    pub fn known(&self) -> Option<Vec<i64>> {
        self.wholes()?.known()
    }

    fn constant(&self) -> Option<&Constant> {
        match self {
            Self::Constant(constant) => Some(constant),
            Self::Wholes(_) => None,
        }
    }
}

/// What a node gives, where its operator is one that computes with known numbers.
pub(crate) fn fold(
    node: &Node,
    read: &[Option<&Numbers>],
    budget: &mut Budget,
) -> Result<Option<Numbers>, LowerError> {
    let at = |place: usize| read.get(place).copied().flatten();
    let output = node.outputs.first().copied().flatten();
    match &*node.operator {
        "Constant" => {
            return constant(node).map(|c| {
                Some(Numbers::Constant(Constant {
                    origin: output,
                    ..c
                }))
            });
        }
        "ConstantOfShape" => {
            return of_shape(node, at(0)).map(|made| {
                made.map(|c| {
                    Numbers::Constant(Constant {
                        origin: output,
                        ..c
                    })
                })
            });
        }
        // A copy that is a value of its own.
        "Identity" => {
            return Ok(at(0).map(|numbers| match numbers {
                Numbers::Constant(c) => Numbers::Constant(Constant {
                    origin: output,
                    ..c.clone()
                }),
                wholes @ Numbers::Wholes(_) => wholes.clone(),
            }));
        }
        "Cast" => return cast(node, at(0)),
        _ => {}
    }
    let rows: Vec<Option<Wholes>> = read.iter().map(|n| n.and_then(Numbers::wholes)).collect();
    let rows_are_all = read
        .iter()
        .zip(&rows)
        .all(|(n, row)| n.is_none() || row.is_some());
    if rows_are_all {
        let rows: Vec<Option<&Wholes>> = rows.iter().map(Option::as_ref).collect();
        return compute(node, &rows).map(|made| made.map(Numbers::Wholes));
    }
    let Some(first) = at(0).and_then(Numbers::constant) else {
        return Ok(None);
    };
    let told = at(1).and_then(Numbers::known);
    let made = match &*node.operator {
        "Shape" => return Ok(Some(Numbers::Wholes(shape(first)))),
        "Transpose" => {
            let order: Option<Vec<usize>> = match node.ints("perm")? {
                Some(order) => order
                    .iter()
                    .map(|&axis| usize::try_from(axis).ok())
                    .collect(),
                None => Some((0..first.shape.len()).rev().collect()),
            };
            order.and_then(|order| first.transposed(&order))
        }
        "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten" => {
            let shape = reshaped(node, &first.shape, told)?;
            shape.and_then(|shape| first.reshaped(shape))
        }
        operator => return arithmetic(node, operator, read, budget),
    };
    match made {
        Some(made) => Ok(Some(Numbers::Constant(made))),
        None => Err(node.refuse(format!(
            "it cannot be done to a tensor of {:?}",
            first.shape
        ))),
    }
}

fn constant(node: &Node) -> Result<Constant, LowerError> {
    node.allows(&[
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    ])?;
    if let Some(tensor) = node.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(number) = node.float("value_float")? {
        return Ok(Constant::made(Vec::new(), vec![number]));
    }
    if let Some(numbers) = node.floats("value_floats")? {
        return Ok(Constant::made(vec![numbers.len()], numbers.to_vec()));
    }
    if let Some(number) = node.int("value_int")? {
        return Ok(Constant::wholes(Vec::new(), vec![number]));
    }
    match node.ints("value_ints")? {
        Some(numbers) => Ok(Constant::wholes(vec![numbers.len()], numbers.to_vec())),
        None => Err(node.refuse("it has no number")),
    }
}

fn of_shape(node: &Node, shape: Option<&Numbers>) -> Result<Option<Constant>, LowerError> {
    node.allows(&["value"])?;
    let Some(sizes) = shape.and_then(Numbers::known) else {
        return Ok(None);
    };
    let sizes: Result<Vec<usize>, _> = sizes.iter().map(|&size| usize::try_from(size)).collect();
    let sizes = sizes.map_err(|_| node.refuse("one of its sizes is below 0"))?;
    let value = node.tensor("value")?;
    let whole = value.as_ref().is_some_and(|value| !value.is_floats());
    let number = value.map_or(Some(0.0), |value| value.single());
    let number = number.ok_or_else(|| node.refuse("its value is no single number"))?;
    let many = || node.refuse("it makes more numbers than any network needs");
    if whole {
        let length = count(&sizes)
            .filter(|&length| length <= 64)
            .ok_or_else(many)?;
        return Ok(Some(Constant::wholes(sizes, vec![number as i64; length])));
    }
    Constant::filled(sizes, number as f32)
        .map(Some)
        .ok_or_else(many)
}

/// Kinds of numbers that are read as single precision.
pub(crate) fn is_float(kind: i64) -> bool {
    let floats = [
        data_type::FLOAT,
        data_type::FLOAT16,
        data_type::DOUBLE,
        data_type::BFLOAT16,
    ];
    floats.iter().any(|&float| i64::from(float) == kind)
}

fn cast(node: &Node, read: Option<&Numbers>) -> Result<Option<Numbers>, LowerError> {
    let to = node.int("to")?.unwrap_or_default();
    let whole = [data_type::INT32, data_type::INT64]
        .iter()
        .any(|&w| i64::from(w) == to);
    Ok(match read {
        Some(Numbers::Wholes(wholes)) if whole => Some(Numbers::Wholes(wholes.clone())),
        Some(Numbers::Constant(constant)) => match &constant.data {
            Data::Wholes(_) if whole => Some(Numbers::Constant(constant.clone())),
            Data::Wholes(numbers) if is_float(to) => {
                let numbers = numbers.iter().map(|&n| n as f32).collect();
                Some(Numbers::Constant(Constant::made(
                    constant.shape.clone(),
                    numbers,
                )))
            }
            Data::Wholes(_) | Data::Other => None,
            _ if is_float(to) => Some(Numbers::Constant(constant.clone())),
            _ => None,
        },
        _ => None,
    })
}

fn shape(of: &Constant) -> Wholes {
    let sizes = of.shape.iter().map(|&size| Whole::Known(size as i64));
    Wholes::row(sizes.collect())
}

/// An axis, which may be counted from the last.
pub(crate) fn axis(number: i64, rank: usize) -> Option<usize> {
    let number = match number < 0 {
        true => number.checked_add(i64::try_from(rank).ok()?)?,
        false => number,
    };
    usize::try_from(number).ok().filter(|&axis| axis < rank)
}

/// The axes that a node names, as a setting or in what it reads.
pub(crate) fn axes(node: &Node, told: Option<Vec<i64>>) -> Result<Option<Vec<i64>>, LowerError> {
    Ok(match node.ints("axes")? {
        Some(axes) => Some(axes.to_vec()),
        None => told,
    })
}

/// The shape that a node gives known numbers of this shape; `told` are the axes or the
/// sizes that it reads.
pub(crate) fn reshaped(
    node: &Node,
    shape: &[usize],
    told: Option<Vec<i64>>,
) -> Result<Option<Vec<usize>>, LowerError> {
    let all: usize = shape.iter().product();
    Ok(match &*node.operator {
        "Unsqueeze" => {
            let axes = axes(node, told)?.unwrap_or_default();
            let rank = shape.len() + axes.len();
            let mut result: Vec<usize> = vec![0; rank];
            for number in axes {
                match axis(number, rank) {
                    Some(place) => result[place] = 1,
                    None => return Ok(None),
                }
            }
            let mut rest = shape.iter().copied();
            for size in result.iter_mut().filter(|size| **size == 0) {
                *size = rest.next().unwrap_or(1);
            }
            Some(result)
        }
        "Squeeze" => {
            let axes = axes(node, told)?;
            let gone = |place: usize| match &axes {
                Some(axes) => axes.iter().any(|&a| axis(a, shape.len()) == Some(place)),
                None => shape[place] == 1,
            };
            Some(
                (0..shape.len())
                    .filter(|&p| !gone(p))
                    .map(|p| shape[p])
                    .collect(),
            )
        }
        "Flatten" => {
            let number = node.int("axis")?.unwrap_or(1);
            let first: usize = match usize::try_from(number) {
                Ok(number) if number <= shape.len() => shape[..number].iter().product(),
                _ => return Ok(None),
            };
            Some(vec![first, all.checked_div(first).unwrap_or(0)])
        }
        _ => {
            let told = match node.ints("shape")? {
                Some(shape) => Some(shape.to_vec()),
                None => told,
            };
            let Some(told) = told else { return Ok(None) };
            let known = |(place, &size): (usize, &i64)| match size {
                0 => shape.get(place).copied(),
                size => usize::try_from(size).ok(),
            };
            let sizes: Vec<Option<usize>> = told.iter().enumerate().map(known).collect();
            let others = count(&sizes.iter().flatten().copied().collect::<Vec<_>>());
            let open = others
                .and_then(|others| all.checked_div(others))
                .unwrap_or(0);
            Some(sizes.into_iter().map(|size| size.unwrap_or(open)).collect())
        }
    })
}

/// Sums and products of small tensors, number by number.
fn arithmetic(
    node: &Node,
    operator: &str,
    read: &[Option<&Numbers>],
    budget: &mut Budget,
) -> Result<Option<Numbers>, LowerError> {
    let constants: Option<Vec<&Constant>> =
        read.iter().map(|n| n.and_then(Numbers::constant)).collect();
    let Some(constants) = constants.filter(|all| all.iter().all(|c| c.is_floats())) else {
        return Ok(None);
    };
    let made = match (operator, &constants[..]) {
        ("Sqrt" | "Neg" | "Reciprocal", [one]) => {
            budget.take(node, Some(one.len()))?;
            let function: fn(f32) -> f32 = match operator {
                "Sqrt" => f32::sqrt,
                "Neg" => |x| -x,
                _ => f32::recip,
            };
            let numbers = one.numbers().into_iter().map(function).collect();
            Constant::made(one.shape.clone(), numbers)
        }
        ("Add" | "Sub" | "Mul" | "Div" | "Pow", [a, b]) => {
            let function: fn(f32, f32) -> f32 = match operator {
                "Add" => |a, b| a + b,
                "Sub" => |a, b| a - b,
                "Mul" => |a, b| a * b,
                "Div" => |a, b| a / b,
                _ => f32::powf,
            };
            let Some(shape) = together(&a.shape, &b.shape) else {
                return Err(node.refuse(format!(
                    "tensors of {:?} and {:?} do not go together",
                    a.shape, b.shape
                )));
            };
            let all = count(&shape).map(|all| all.saturating_add(a.len() + b.len()));
            budget.take(node, all)?;
            let [a, b] = [a, b].map(|c| spread(&c.numbers(), &c.shape, &shape));
            let numbers = a.iter().zip(&b).map(|(a, b)| function(*a, *b)).collect();
            Constant::made(shape, numbers)
        }
        _ => return Ok(None),
    };
    Ok(Some(Numbers::Constant(made)))
}

/// The shape of what two tensors give together: sizes of 1 go with any.
fn together(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |of: &[usize], place: usize| match (place + of.len()).checked_sub(rank) {
        Some(place) => of[place],
        None => 1,
    };
    let both = |place| match (size(a, place), size(b, place)) {
        (1, other) | (other, 1) => Some(other),
        (a, b) => (a == b).then_some(a),
    };
    (0..rank).map(both).collect()
}

/// The numbers of a tensor, repeated as a larger shape needs them.
fn spread(numbers: &[f32], shape: &[usize], larger: &[usize]) -> Vec<f32> {
    let all = larger.iter().product();
    let missing = larger.len() - shape.len();
    let mut result = Vec::with_capacity(all);
    for place in 0..all {
        let (mut rest, mut from, mut stride) = (place, 0, 1);
        for (axis, &size) in larger.iter().enumerate().rev() {
            let index = rest % size;
            rest /= size;
            if let Some(own) = axis.checked_sub(missing).map(|axis| shape[axis]) {
                from += if own == 1 { 0 } else { index * stride };
                stride *= own;
            }
        }
        result.push(numbers[from]);
    }
    result
}
