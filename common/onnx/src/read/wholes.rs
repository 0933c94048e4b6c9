//! Whole numbers that are computed from shapes.

use super::check::Node;
use super::error::LowerError;
use super::fold::{axis, reshaped};
use super::tensor::{count, turn};

/// The most of them that a node gives.
const MOST: usize = 64;

/// A whole number, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// This one.
    Known(i64),
    /// How many images there are at a time.
    Batch,
    /// One that depends on that.
    Unknown,
}

/// Whole numbers, most often in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wholes {
    pub numbers: Vec<Whole>,
    /// Its sizes, of which one number alone has none.
    pub shape: Vec<usize>,
    /// The value of which they are the whole shape.
    pub shape_of: Option<usize>,
}

impl Wholes {
    /// Numbers in a row.
    pub fn row(numbers: Vec<Whole>) -> Self {
        Self {
            shape: vec![numbers.len()],
            numbers,
            shape_of: None,
        }
    }

    /// Those that are all known.
    pub fn known(&self) -> Option<Vec<i64>> {
        let known = |whole: &Whole| match *whole {
            Whole::Known(number) => Some(number),
            Whole::Batch | Whole::Unknown => None,
        };
        self.numbers.iter().map(known).collect()
    }

    /// Those at some places of an axis.
    fn taken(&self, axis: usize, places: &[usize]) -> Self {
        let inner: usize = self.shape[axis + 1..].iter().product();
        let size = self.shape[axis] * inner;
        let blocks = self.numbers.chunks(size.max(1));
        let numbers = blocks.flat_map(|block| {
            let places = places.iter().map(move |place| place * inner);
            places.flat_map(move |start| block[start..start + inner].iter().copied())
        });
        let numbers = numbers.collect();
        let mut shape = self.shape.clone();
        shape[axis] = places.len();
        Self {
            numbers,
            shape,
            shape_of: None,
        }
    }
}

/// What a node computes of whole numbers; none where it is no such node.
pub(crate) fn compute(node: &Node, read: &[Option<&Wholes>]) -> Result<Option<Wholes>, LowerError> {
    let all: Vec<&Wholes> = read.iter().flatten().copied().collect();
    let Some(&first) = all.first() else {
        return Ok(None);
    };
    let at = |place: usize| read.get(place).copied().flatten();
    let made = match (&*node.operator, all.len()) {
        ("Shape", 1) => {
            let sizes = first.shape.iter().map(|&size| Whole::Known(size as i64));
            Some(Wholes::row(sizes.collect()))
        }
        ("Gather", 2) => gather(first, all[1]),
        ("Slice", _) => slice(node, first, [at(1), at(2), at(3), at(4)])?,
        ("Concat", _) if all.iter().all(|wholes| wholes.shape.len() == 1) => {
            let numbers = all.iter().flat_map(|wholes| wholes.numbers.iter());
            Some(Wholes::row(numbers.copied().collect()))
        }
        ("Unsqueeze" | "Squeeze" | "Reshape" | "Flatten", _) => {
            let told = at(1).and_then(Wholes::known);
            let shape = reshaped(node, &first.shape, told)?;
            let fits = |shape: &Vec<usize>| count(shape) == Some(first.numbers.len());
            shape.filter(fits).map(|shape| Wholes {
                shape,
                ..first.clone()
            })
        }
        ("Transpose", 1) => transpose(node, first)?,
        ("ReduceProd", _) => {
            let product = |a, b| both(a, b, i64::checked_mul);
            let numbers = first.numbers.iter().copied();
            let mut made = Wholes::row(vec![numbers.fold(Whole::Known(1), product)]);
            if node.int("keepdims")? == Some(0) {
                made.shape.clear();
            }
            Some(made)
        }
        (operator, 2) => match arithmetic(operator) {
            Some(arithmetic) => paired(first, all[1], arithmetic),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    match made {
        Some(made) if made.numbers.len() <= MOST => Ok(Some(made)),
        Some(_) => Err(node.refuse("it gives more whole numbers than any shape has")),
        None => Err(node.refuse("it cannot be done to the whole numbers that it reads")),
    }
}

type Arithmetic = fn(i64, i64) -> Option<i64>;

fn arithmetic(operator: &str) -> Option<Arithmetic> {
    Some(match operator {
        "Add" => i64::checked_add,
        "Sub" => i64::checked_sub,
        "Mul" => i64::checked_mul,
        "Div" => i64::checked_div,
        "Mod" => i64::checked_rem,
        "Max" => |a, b| Some(a.max(b)),
        "Min" => |a, b| Some(a.min(b)),
        _ => return None,
    })
}

/// Of two numbers; what is too large for a whole number, or divided by 0, is unknown.
fn both(a: Whole, b: Whole, arithmetic: Arithmetic) -> Whole {
    match (a, b) {
        (Whole::Known(a), Whole::Known(b)) => arithmetic(a, b).map_or(Whole::Unknown, Whole::Known),
        // A factor or a divisor of 1 changes nothing.
        (Whole::Batch, Whole::Known(1)) if arithmetic(7, 1) == Some(7) => Whole::Batch,
        (Whole::Known(1), Whole::Batch) if arithmetic(1, 7) == Some(7) => Whole::Batch,
        _ => Whole::Unknown,
    }
}

fn paired(a: &Wholes, b: &Wholes, arithmetic: Arithmetic) -> Option<Wholes> {
    let (first, second) = (&a.numbers, &b.numbers);
    let larger = match (first.len(), second.len()) {
        (_, 1) if a.shape.len() >= b.shape.len() => a,
        (1, _) => b,
        _ if a.shape == b.shape => a,
        _ => return None,
    };
    let at = |of: &[Whole], place: usize| of[if of.len() == 1 { 0 } else { place }];
    let pair = |place| both(at(first, place), at(second, place), arithmetic);
    Some(Wholes {
        numbers: (0..larger.numbers.len()).map(pair).collect(),
        shape: larger.shape.clone(),
        shape_of: None,
    })
}

/// The numbers of a row at these places, which may be counted from its end.
fn gather(from: &Wholes, places: &Wholes) -> Option<Wholes> {
    let [length] = from.shape[..] else {
        return None;
    };
    let known = places.known()?;
    let found = known.iter().map(|&place| axis(place, length));
    let found: Vec<usize> = found.collect::<Option<_>>()?;
    Some(Wholes {
        shape: places.shape.clone(),
        ..from.taken(0, &found)
    })
}

fn slice(
    node: &Node,
    from: &Wholes,
    told: [Option<&Wholes>; 4],
) -> Result<Option<Wholes>, LowerError> {
    let number = |place: usize, name: &str| -> Result<Option<i64>, LowerError> {
        let row = match node.ints(name)? {
            Some(row) => Some(row.to_vec()),
            None => told[place].and_then(Wholes::known),
        };
        // Of one axis alone.
        Ok(row.filter(|row| row.len() == 1).map(|row| row[0]))
    };
    let (Some(start), Some(end)) = (number(0, "starts")?, number(1, "ends")?) else {
        return Ok(None);
    };
    let step = number(3, "steps")?.unwrap_or(1);
    let number = number(2, "axes")?.unwrap_or(0);
    let Some(axis) = axis(number, from.shape.len()).filter(|_| step != 0) else {
        return Ok(None);
    };
    let length = from.shape[axis] as i64;
    let from_start = |number: i64| match number < 0 {
        true => number.saturating_add(length),
        false => number,
    };
    // Backwards, the place before the first one is an end.
    let (low, high) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let [mut place, end] = [start, end].map(|number| from_start(number).clamp(low, high));
    let mut places = Vec::new();
    while (step > 0 && place < end) || (step < 0 && place > end) {
        places.push(place as usize);
        place = place.saturating_add(step);
    }
    Ok(Some(from.taken(axis, &places)))
}

fn transpose(node: &Node, from: &Wholes) -> Result<Option<Wholes>, LowerError> {
    let order: Option<Vec<usize>> = match node.ints("perm")? {
        Some(order) => order
            .iter()
            .map(|&axis| usize::try_from(axis).ok())
            .collect(),
        None => Some((0..from.shape.len()).rev().collect()),
    };
    let fits = |order: &Vec<usize>| {
        let mut seen = order.clone();
        seen.sort_unstable();
        seen.iter().copied().eq(0..from.shape.len())
    };
    Ok(order.filter(fits).map(|order| Wholes {
        numbers: turn(&from.numbers, &from.shape, &order),
        shape: order.iter().map(|&axis| from.shape[axis]).collect(),
        shape_of: None,
    }))
}
