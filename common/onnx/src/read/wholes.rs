//! Whole numbers that are computed from shapes.

use super::check::Node;
use super::error::LowerError;

/// The most of them in one value.
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

/// Whole numbers in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wholes {
    pub numbers: Vec<Whole>,
    /// Whether it is one alone, without a dimension.
    pub alone: bool,
    /// The value of which they are the whole shape.
    pub shape_of: Option<usize>,
}

impl Wholes {
    /// Numbers in a row.
    pub fn row(numbers: Vec<Whole>) -> Self {
        Self {
            numbers,
            alone: false,
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
}

/// What a node computes of whole numbers; none where it is no such node.
pub(crate) fn compute(node: &Node, read: &[Option<&Wholes>]) -> Result<Option<Wholes>, LowerError> {
    let all: Vec<&Wholes> = read.iter().flatten().copied().collect();
    let Some(&first) = all.first() else {
        return Ok(None);
    };
    let at = |place: usize| read.get(place).copied().flatten();
    let computed = match (&*node.operator, all.len()) {
        ("Gather", 2) => gather(node, first, all[1])?,
        ("Slice", _) => slice(node, first, [at(1), at(2), at(3), at(4)])?,
        ("Concat", _) => Wholes::row(all.iter().flat_map(|w| w.numbers.iter().copied()).collect()),
        ("Unsqueeze" | "Reshape" | "Flatten", _) => Wholes {
            alone: false,
            ..first.clone()
        },
        ("Squeeze", _) => Wholes {
            alone: first.numbers.len() == 1,
            ..first.clone()
        },
        ("ReduceProd", _) => Wholes {
            numbers: vec![
                first
                    .numbers
                    .iter()
                    .copied()
                    .fold(Whole::Known(1), |a, b| both(a, b, i64::checked_mul)),
            ],
            alone: node.int("keepdims")? == Some(0),
            shape_of: None,
        },
        (operator, 2) => {
            let Some(arithmetic) = arithmetic(operator) else {
                return Ok(None);
            };
            let Some(numbers) = paired(first, all[1], arithmetic) else {
                return Err(node.refuse("it joins rows of whole numbers of other lengths"));
            };
            let alone = first.alone && all[1].alone;
            Wholes {
                numbers,
                alone,
                shape_of: None,
            }
        }
        _ => return Ok(None),
    };
    match computed.numbers.len() {
        0..=MOST => Ok(Some(computed)),
        _ => Err(node.refuse("it gives more whole numbers than any shape has")),
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

fn paired(a: &Wholes, b: &Wholes, arithmetic: Arithmetic) -> Option<Vec<Whole>> {
    let (first, second) = (&a.numbers, &b.numbers);
    let length = match (first.len(), second.len()) {
        (1, length) | (length, 1) => length,
        (a, b) if a == b => a,
        _ => return None,
    };
    let at = |of: &[Whole], place: usize| of[if of.len() == 1 { 0 } else { place }];
    let pair = |place| both(at(first, place), at(second, place), arithmetic);
    Some((0..length).map(pair).collect())
}

/// A place in a row, which may be counted from its end.
fn place(number: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if number < 0 {
        number.checked_add(length)?
    } else {
        number
    };
    (0..length).contains(&place).then_some(place as usize)
}

fn gather(node: &Node, from: &Wholes, places: &Wholes) -> Result<Wholes, LowerError> {
    let taken = places.known().and_then(|places_known| {
        let take = |&number: &i64| Some(from.numbers[place(number, from.numbers.len())?]);
        places_known
            .iter()
            .map(take)
            .collect::<Option<Vec<Whole>>>()
    });
    let numbers = taken.ok_or_else(|| node.refuse("it takes whole numbers that are not there"))?;
    let alone = places.alone;
    Ok(Wholes {
        numbers,
        alone,
        shape_of: None,
    })
}

fn slice(node: &Node, from: &Wholes, told: [Option<&Wholes>; 4]) -> Result<Wholes, LowerError> {
    let number = |place: usize, name: &str| -> Result<Option<i64>, LowerError> {
        let attribute = node
            .ints(name)?
            .and_then(|numbers| numbers.first().copied());
        let input = told[place].and_then(Wholes::known);
        Ok(input
            .and_then(|numbers| numbers.first().copied())
            .or(attribute))
    };
    let length = from.numbers.len() as i64;
    let (Some(start), Some(end), Some(1)) = (
        number(0, "starts")?,
        number(1, "ends")?,
        Some(number(3, "steps")?.unwrap_or(1)),
    ) else {
        return Err(node.refuse("it takes whole numbers at other steps than 1"));
    };
    let bound = |number: i64| {
        let number = if number < 0 {
            number.saturating_add(length)
        } else {
            number
        };
        number.clamp(0, length) as usize
    };
    let numbers = from
        .numbers
        .get(bound(start)..bound(end))
        .unwrap_or_default();
    Ok(Wholes::row(numbers.to_vec()))
}
