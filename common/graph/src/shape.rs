//! What a value is, and what an operation makes of it.

use std::fmt;

use crate::misfit::Misfit;
use crate::op::{Grid, Op};
use crate::parameter::Parameter;

/// What a value is, for one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// channels × side × side.
    Maps {
        /// Channels.
        channels: usize,
        /// Height, and width.
        side: usize,
    },
    /// One vector.
    Vector {
        /// Its length.
        width: usize,
    },
    /// Three rows of integers: the tokens' ids, their types, and their mask.
    Text {
        /// Tokens, padding among them.
        length: usize,
    },
    /// One integer a token.
    Integers {
        /// Tokens.
        length: usize,
    },
    /// A vector a token.
    Tokens {
        /// Tokens.
        length: usize,
        /// Length of each vector.
        width: usize,
    },
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maps { channels, side } => write!(f, "{channels}×{side}×{side}"),
            Self::Vector { width } => write!(f, "{width}"),
            Self::Text { length } => write!(f, "text of {length}"),
            Self::Integers { length } => write!(f, "{length} integers"),
            Self::Tokens { length, width } => write!(f, "{length} tokens×{width}"),
        }
    }
}

/// The shape of what `op` gives.
pub(crate) fn infer(
    op: &Op,
    inputs: &[Shape],
    parameters: &[Parameter],
    running: &[crate::Running],
) -> Result<Shape, Misfit> {
    use Shape::{Integers, Maps, Text, Tokens, Vector};
    let parameter = |place: usize| parameters.get(place).ok_or(Misfit::NoParameter(place));
    let holds = |place: usize, wanted: &[usize]| match parameter(place)? {
        found if found.shape == wanted => Ok(()),
        found => Err(Misfit::Parameter {
            name: found.name.clone(),
            found: found.shape.clone(),
            wanted: wanted.into(),
        }),
    };
    match *op {
        Op::Input(_) => Err(Misfit::SecondInput),
        Op::Convolution {
            weight,
            bias,
            grid,
            groups,
        } => {
            let (channels, side) = maps(inputs)?;
            let shape = &parameter(weight)?.shape;
            let (outputs, window) = match shape[..] {
                [outputs, _, window, _] => (outputs, window),
                _ => (0, 0),
            };
            let divides = |channels: usize| groups > 0 && channels.is_multiple_of(groups);
            if !divides(channels) || !divides(outputs) {
                return Err(Misfit::Groups {
                    groups,
                    inputs: channels,
                    outputs,
                });
            }
            holds(weight, &[outputs, channels / groups, window, window])?;
            if let Some(bias) = bias {
                holds(bias, &[outputs])?;
            }
            let side = slid(side, grid.reach(window)?, grid.stride, grid.padding)?;
            Ok(Maps {
                channels: outputs,
                side,
            })
        }
        Op::BatchNorm {
            weight,
            bias,
            running: place,
            ..
        } => {
            let (channels, side) = maps(inputs)?;
            holds(weight, &[channels])?;
            holds(bias, &[channels])?;
            match running.get(place) {
                Some(found) if found.channels == channels => Ok(Maps { channels, side }),
                _ => Err(Misfit::Running { place, channels }),
            }
        }
        Op::Standardise { running: place, .. } => {
            let (channels, side) = maps(inputs)?;
            match running.get(place) {
                Some(found) if found.channels == channels => Ok(Maps { channels, side }),
                _ => Err(Misfit::Running { place, channels }),
            }
        }
        Op::AveragePool {
            window,
            stride,
            padding,
        }
        | Op::MaxPool {
            window,
            stride,
            padding,
        } => {
            let (channels, side) = maps(inputs)?;
            let side = slid(side, window, stride, padding)?;
            Ok(Maps { channels, side })
        }
        Op::GlobalPool => maps(inputs).map(|(width, _)| Vector { width }),
        Op::Squeeze => maps(inputs).map(|(channels, _)| Maps { channels, side: 1 }),
        Op::Flatten => maps(inputs).map(|(channels, side)| Vector {
            width: channels.saturating_mul(side.saturating_mul(side)),
        }),
        Op::Scale => scaled(inputs),
        Op::Concatenate => concatenated(inputs),
        Op::Narrow { first, channels } => narrowed(inputs, first, channels),
        Op::Shuffle { groups } => match maps(inputs)? {
            (channels, side) if groups > 0 && channels.is_multiple_of(groups) => {
                Ok(Maps { channels, side })
            }
            (channels, _) => Err(Misfit::Groups {
                groups,
                inputs: channels,
                outputs: channels,
            }),
        },
        Op::Pad { before, after } => maps(inputs).map(|(channels, side)| Maps {
            channels,
            side: side.saturating_add(before).saturating_add(after),
        }),
        Op::LocalNorm { .. } | Op::Shift => {
            maps(inputs).map(|(channels, side)| Maps { channels, side })
        }
        Op::Linear { weight, bias } => {
            let outputs = parameter(weight)?.shape.first().copied().unwrap_or(0);
            let (width, shape) = match one(inputs)? {
                Vector { width } => (width, Vector { width: outputs }),
                Tokens { length, width } => {
                    let width_out = outputs;
                    let shape = Tokens {
                        length,
                        width: width_out,
                    };
                    (width, shape)
                }
                found => return Err(sort("a vector or tokens", found)),
            };
            holds(weight, &[outputs, width])?;
            if let Some(bias) = bias {
                holds(bias, &[outputs])?;
            }
            Ok(shape)
        }
        Op::Add => match inputs {
            [first, rest @ ..] if !rest.is_empty() => {
                let other = rest.iter().find(|other| *other != first);
                match other {
                    None => Ok(*first),
                    Some(&other) => Err(Misfit::Different {
                        first: *first,
                        other,
                    }),
                }
            }
            _ => Err(count("two values or more", inputs)),
        },
        Op::Divide(0) => Err(Misfit::Zero("the divisor")),
        Op::Relu | Op::Activation(_) | Op::Gate { .. } | Op::Divide(_) | Op::Zeros => one(inputs),
        Op::Dropout { rate } => share(rate).and_then(|()| one(inputs)),
        Op::TokenIds | Op::TokenTypes | Op::TokenMask => match one(inputs)? {
            Text { length } => Ok(Integers { length }),
            found => Err(sort("a text", found)),
        },
        Op::Positions { .. } => match one(inputs)? {
            Integers { length } => Ok(Integers { length }),
            found => Err(sort("a mask", found)),
        },
        Op::Embedding { table } => match (one(inputs)?, &parameter(table)?.shape[..]) {
            (Integers { length }, &[_, width]) => Ok(Tokens { length, width }),
            (found, _) => Err(sort("an integer a token, and a table", found)),
        },
        Op::LayerNorm { weight, bias, .. } => match one(inputs)? {
            Tokens { length, width } => {
                holds(weight, &[width])?;
                holds(bias, &[width])?;
                Ok(Tokens { length, width })
            }
            found => Err(sort("tokens", found)),
        },
        Op::Attention { heads, dropout } => {
            share(dropout)?;
            attended(inputs, heads)
        }
        Op::FirstToken => match one(inputs)? {
            Tokens { width, .. } => Ok(Vector { width }),
            found => Err(sort("tokens", found)),
        },
    }
}

/// Maps, and maps of one position or a vector by which they are multiplied.
fn scaled(inputs: &[Shape]) -> Result<Shape, Misfit> {
    let &[first, other] = inputs else {
        return Err(count("two values", inputs));
    };
    let (channels, _) = maps(&[first])?;
    let factors = [
        Shape::Maps { channels, side: 1 },
        Shape::Vector { width: channels },
    ];
    match factors.contains(&other) {
        true => Ok(first),
        false => Err(Misfit::Different { first, other }),
    }
}

fn concatenated(inputs: &[Shape]) -> Result<Shape, Misfit> {
    let [first, _, ..] = *inputs else {
        return Err(count("two values or more", inputs));
    };
    let (_, side) = maps(&[first])?;
    let mut channels = 0usize;
    for &other in inputs {
        match maps(&[other])? {
            (more, found) if found == side => channels = channels.saturating_add(more),
            _ => return Err(Misfit::Different { first, other }),
        }
    }
    Ok(Shape::Maps { channels, side })
}

fn narrowed(inputs: &[Shape], first: usize, channels: usize) -> Result<Shape, Misfit> {
    let wanted = first.saturating_add(channels);
    match maps(inputs)? {
        _ if channels == 0 => Err(Misfit::Zero("the number of channels")),
        (found, side) if wanted <= found => Ok(Shape::Maps { channels, side }),
        (found, _) => Err(Misfit::Channels { wanted, found }),
    }
}

impl Grid {
    /// How far a window of this side reaches.
    fn reach(self, window: usize) -> Result<usize, Misfit> {
        match (window, self.dilation) {
            (0, _) => Err(Misfit::Zero("the window")),
            (_, 0) => Err(Misfit::Zero("the dilation")),
            (window, dilation) => Ok((window - 1).saturating_mul(dilation).saturating_add(1)),
        }
    }
}

fn attended(inputs: &[Shape], heads: usize) -> Result<Shape, Misfit> {
    let &[query, key, value, mask] = inputs else {
        return Err(count("queries, keys, values and a mask", inputs));
    };
    let Shape::Tokens { length, width } = query else {
        return Err(sort("tokens", query));
    };
    let wanted = [
        (key, query),
        (value, query),
        (mask, Shape::Integers { length }),
    ];
    if let Some(&(other, _)) = wanted.iter().find(|(found, wanted)| found != wanted) {
        return Err(Misfit::Different {
            first: query,
            other,
        });
    }
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(Misfit::Heads { heads, width });
    }
    Ok(query)
}

/// The side of what windows leave of a side.
fn slid(side: usize, window: usize, stride: usize, padding: usize) -> Result<usize, Misfit> {
    let side = side.saturating_add(padding.saturating_mul(2));
    match (window, stride) {
        (0, _) => Err(Misfit::Zero("the window")),
        (_, 0) => Err(Misfit::Zero("the stride")),
        _ if window > side => Err(Misfit::Window { window, side }),
        _ => Ok((side - window) / stride + 1),
    }
}

fn one(inputs: &[Shape]) -> Result<Shape, Misfit> {
    match inputs {
        [shape] => Ok(*shape),
        _ => Err(count("one value", inputs)),
    }
}

fn maps(inputs: &[Shape]) -> Result<(usize, usize), Misfit> {
    match one(inputs)? {
        Shape::Maps { channels, side } => Ok((channels, side)),
        found => Err(sort("maps", found)),
    }
}

fn share(share: f64) -> Result<(), Misfit> {
    match (0.0..1.0).contains(&share) {
        true => Ok(()),
        false => Err(Misfit::Share(share.to_string())),
    }
}

fn count(wanted: &'static str, inputs: &[Shape]) -> Misfit {
    let found = inputs.len();
    Misfit::Count { wanted, found }
}

fn sort(wanted: &'static str, found: Shape) -> Misfit {
    Misfit::Sort { wanted, found }
}
