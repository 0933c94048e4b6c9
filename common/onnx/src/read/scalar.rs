//! Functions of single numbers, and which of them are activations.
//!
//! Exporters write activations in many ways: h-swish is one operator, or four, in
//! any order. So a function is told by what it gives, not by how it is written.

use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use knas_graph::{Activation, Op};

use super::check::Node;
use super::error::LowerError;

/// What a node does to single numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Apply {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
    Power,
    Relu,
    LeakyRelu(f64),
    Elu(f64),
    Sigmoid,
    HardSigmoid(f64, f64),
    HardSwish,
    Tanh,
    Erf,
    Exp,
    Sqrt,
    Negate,
    Absolute,
    Softplus,
    Mish,
    Gelu,
    GeluByTanh,
    Clip(f64, f64),
}

/// Operators with two operands, by name.
const PAIRS: [(&str, Apply); 7] = [
    ("Add", Apply::Add),
    ("Sub", Apply::Subtract),
    ("Mul", Apply::Multiply),
    ("Div", Apply::Divide),
    ("Max", Apply::Maximum),
    ("Min", Apply::Minimum),
    ("Pow", Apply::Power),
];

/// Operators with one operand and no settings.
const SINGLES: [(&str, Apply); 11] = [
    ("Relu", Apply::Relu),
    ("Sigmoid", Apply::Sigmoid),
    ("HardSwish", Apply::HardSwish),
    ("Tanh", Apply::Tanh),
    ("Erf", Apply::Erf),
    ("Exp", Apply::Exp),
    ("Sqrt", Apply::Sqrt),
    ("Neg", Apply::Negate),
    ("Abs", Apply::Absolute),
    ("Softplus", Apply::Softplus),
    ("Mish", Apply::Mish),
];

impl Apply {
    /// What a node does that looks at single numbers; none where it is no such node.
    /// `bounds` are what a clip reads.
    pub fn of(node: &Node, bounds: [Option<f64>; 2]) -> Result<Option<Self>, LowerError> {
        let found = |list: &[(&str, Self)]| {
            let known = list.iter().find(|(name, _)| *name == node.operator);
            known.map(|(_, apply)| *apply)
        };
        if let Some(apply) = found(&PAIRS).or_else(|| found(&SINGLES)) {
            node.allows(&[])?;
            return Ok(Some(apply));
        }
        let alpha = |usual: f32| Ok(told(node.float("alpha")?.unwrap_or(usual)));
        Ok(Some(match &*node.operator {
            "Clip" => {
                node.allows(&["min", "max"])?;
                let [low, high] = [node.float("min")?, node.float("max")?];
                let low = bounds[0].or(low.map(told)).unwrap_or(f64::NEG_INFINITY);
                let high = bounds[1].or(high.map(told)).unwrap_or(f64::INFINITY);
                Self::Clip(low, high)
            }
            "HardSigmoid" => {
                node.allows(&["alpha", "beta"])?;
                let beta = told(node.float("beta")?.unwrap_or(0.5));
                Self::HardSigmoid(alpha(0.2)?, beta)
            }
            "LeakyRelu" => {
                node.allows(&["alpha"])?;
                Self::LeakyRelu(alpha(0.01)?)
            }
            "Elu" => {
                node.allows(&["alpha"])?;
                Self::Elu(alpha(1.0)?)
            }
            "Gelu" => {
                node.allows(&["approximate"])?;
                match node.text("approximate")? {
                    Some("tanh") => Self::GeluByTanh,
                    _ => Self::Gelu,
                }
            }
            _ => return Ok(None),
        }))
    }

    /// How many operands it has.
    pub fn operands(self) -> usize {
        let pairs = PAIRS.iter().any(|(_, apply)| *apply == self);
        if pairs { 2 } else { 1 }
    }

    /// What it gives of these numbers, the second of which few look at.
    pub fn value(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            Self::Maximum => x.max(y),
            Self::Minimum => x.min(y),
            Self::Power => x.powf(y),
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) => {
                if x < 0.0 {
                    slope * x
                } else {
                    x
                }
            }
            Self::Elu(scale) => {
                if x < 0.0 {
                    scale * x.exp_m1()
                } else {
                    x
                }
            }
            Self::Sigmoid => sigmoid(x),
            Self::HardSigmoid(slope, offset) => (slope * x + offset).clamp(0.0, 1.0),
            Self::HardSwish => x * hard_sigmoid(x),
            Self::Tanh => x.tanh(),
            Self::Erf => libm::erf(x),
            Self::Exp => x.exp(),
            Self::Sqrt => x.sqrt(),
            Self::Negate => -x,
            Self::Absolute => x.abs(),
            Self::Softplus => x.exp().ln_1p(),
            Self::Mish => x * x.exp().ln_1p().tanh(),
            Self::Gelu => gelu(x),
            Self::GeluByTanh => {
                let root = FRAC_2_SQRT_PI / SQRT_2; // √(2/π)
                0.5 * x * (1.0 + (root * (x + 0.044_715 * x.powi(3))).tanh())
            }
            // Not clamp, which has no answer where the bounds are turned round.
            Self::Clip(low, high) => x.max(low).min(high),
        }
    }
}

/// A setting as its decimal digits tell it: 0.2, not the nearest single number.
pub(crate) fn told(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid(x: f64) -> f64 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x / SQRT_2))
}

/// What a function of single numbers is in a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    /// It gives what it reads.
    Same,
    /// An operation.
    Op(Op),
}

/// Where functions are compared: their bends lie at −3, 0, 3 and 6.
pub(crate) fn points() -> impl Iterator<Item = f64> {
    let near = (-32..=32).map(|step| f64::from(step) * 0.29);
    near.chain([-40.0, -17.0, -3.0, 3.0, 6.0, 17.0, 40.0])
}

/// What gives these values at [`points`]; none where nothing that a graph has does.
pub(crate) fn recognise(values: &[f64]) -> Option<Known> {
    type Function = fn(f64) -> f64;
    let is = |function: Function| {
        let mut pairs = points().zip(values);
        pairs.all(|(x, found)| close(*found, function(x)))
    };
    let activations: [(Activation, Function); 7] = [
        (Activation::Gelu, gelu),
        (Activation::Tanh, f64::tanh),
        (Activation::Sigmoid, sigmoid),
        (Activation::HardSigmoid, hard_sigmoid),
        (Activation::Silu, |x| x * sigmoid(x)),
        (Activation::HardSwish, |x| x * hard_sigmoid(x)),
        (Activation::Relu6, |x| x.clamp(0.0, 6.0)),
    ];
    if is(|x| x) {
        return Some(Known::Same);
    }
    if is(|x| x.max(0.0)) {
        return Some(Known::Op(Op::Relu));
    }
    if values.iter().all(|found| *found == 0.0) {
        return Some(Known::Op(Op::Zeros));
    }
    let activation = activations.iter().find(|(_, function)| is(*function));
    if let Some((activation, _)) = activation {
        return Some(Known::Op(Op::Activation(*activation)));
    }
    // A quotient by a whole number.
    const LARGEST: f64 = 65_536.0;
    let (x, last) = points().zip(values).last()?;
    let divisor = (x / last).round();
    let divides = (2.0..=LARGEST).contains(&divisor)
        && points()
            .zip(values)
            .all(|(x, found)| close(*found, x / divisor));
    divides.then_some(Known::Op(Op::Divide(divisor as usize)))
}

/// Equal but for the rounding of constants in single precision.
fn close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= 2e-6 * (1.0 + wanted.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_by(function: impl Fn(f64) -> f64) -> Option<Known> {
        recognise(&points().map(function).collect::<Vec<_>>())
    }

    fn activation(activation: Activation) -> Option<Known> {
        Some(Known::Op(Op::Activation(activation)))
    }

    #[test]
    fn activations_are_told_however_they_are_written() {
        let root = f64::from(SQRT_2 as f32);
        let gelu = |x: f64| (x * 0.5) * (libm::erf(x / root) + 1.0);
        assert_eq!(told_by(gelu), activation(Activation::Gelu));
        let sixth = f64::from(1.0f32 / 6.0);
        let swish = |x: f64| x * (x + 3.0).clamp(0.0, 6.0) * sixth;
        assert_eq!(told_by(swish), activation(Activation::HardSwish));
        let gate = |x: f64| (x * sixth + 0.5).clamp(0.0, 1.0);
        assert_eq!(told_by(gate), activation(Activation::HardSigmoid));
        let silu = |x: f64| x / (1.0 + (-x).exp());
        assert_eq!(told_by(silu), activation(Activation::Silu));
        assert_eq!(
            told_by(|x| x.max(0.0) - (x - 6.0).max(0.0)),
            activation(Activation::Relu6)
        );
        assert_eq!(told_by(|x| 0.5 * (x + x.abs())), Some(Known::Op(Op::Relu)));
        assert_eq!(
            told_by(|x| x * (1.0f32 / 3.0) as f64),
            Some(Known::Op(Op::Divide(3)))
        );
        assert_eq!(told_by(|x| x * 0.0), Some(Known::Op(Op::Zeros)));
        assert_eq!(told_by(|x| (x + 1.0) - 1.0), Some(Known::Same));
    }

    #[test]
    fn what_is_only_like_one_is_none() {
        assert_eq!(told_by(|x| Apply::GeluByTanh.value(x, 0.0)), None);
        assert_eq!(told_by(|x| Apply::LeakyRelu(0.01).value(x, 0.0)), None);
        assert_eq!(
            told_by(|x| Apply::HardSigmoid(0.2, 0.5).value(x, 0.0)),
            None
        );
        assert_eq!(told_by(|x| Apply::Mish.value(x, 0.0)), None);
        assert_eq!(told_by(|x| x + 0.1), None);
        assert_eq!(told_by(|x| 2.0 * x), None);
        assert_eq!(told_by(|_| f64::NAN), None);
    }
}
