//! From tokens to an expression whose types are right.

use super::token::{Placed, Token, tokens};
use super::value::{Arithmetic, Comparison, Number, Text, Truth};
use super::{Field, Kind, Wrong};

/// Characters that an expression may have. It bounds the length of a chain such
/// as `1+1+...`, and with it the depth of what is built.
pub const LONGEST: usize = 4096;

/// How deep parentheses, `!` and `-` may be nested.
const DEEPEST: usize = 100;

/// A part of an expression, and where it starts.
struct Part {
    value: Value,
    place: usize,
}

enum Value {
    Number(Number),
    Text(Text),
    Truth(Truth),
}

impl Value {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Truth(_) => Kind::Truth,
        }
    }
}

/// Reads the whole of `text`.
pub fn parse(text: &str, fields: &'static [Field]) -> Result<Truth, Wrong> {
    if text.chars().nth(LONGEST).is_some() {
        let message = format!("the expression is longer than {LONGEST} characters");
        return Err(Wrong::new(LONGEST, message));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        fields,
        depth: 0,
    };
    let part = parser.or()?;
    let rest = parser.peek();
    if rest.token != Token::End {
        let message = format!(
            "expected an operator or the end, not {}",
            rest.token.shown()
        );
        return Err(Wrong::new(rest.place, message));
    }
    match part.value {
        Value::Truth(truth) => Ok(truth),
        other => Err(Wrong::new(
            part.place,
            format!("the expression is {}, not true or false", other.kind()),
        )),
    }
}

struct Parser {
    /// Never empty: the last is [`Token::End`].
    tokens: Vec<Placed>,
    next: usize,
    fields: &'static [Field],
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Placed {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    /// Takes the next token where it is one of `signs`.
    fn take(&mut self, signs: &[&str]) -> Option<(&'static str, usize)> {
        let Placed { token, place } = self.peek();
        match token {
            Token::Sign(sign) if signs.contains(sign) => {
                let found = (*sign, *place);
                self.next += 1;
                Some(found)
            }
            _ => None,
        }
    }

    fn or(&mut self) -> Result<Part, Wrong> {
        let mut left = self.and()?;
        while let Some((sign, _)) = self.take(&["||"]) {
            let (place, right) = (left.place, self.and()?);
            let both = Box::new((truth(left, sign)?, truth(right, sign)?));
            left = Part {
                value: Value::Truth(Truth::Or(both)),
                place,
            };
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Part, Wrong> {
        let mut left = self.comparison()?;
        while let Some((sign, _)) = self.take(&["&&"]) {
            let (place, right) = (left.place, self.comparison()?);
            let both = Box::new((truth(left, sign)?, truth(right, sign)?));
            left = Part {
                value: Value::Truth(Truth::And(both)),
                place,
            };
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Part, Wrong> {
        const SIGNS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
        let left = self.sum()?;
        let Some((sign, at)) = self.take(&SIGNS) else {
            return Ok(left);
        };
        let (place, right) = (left.place, self.sum()?);
        let value = Value::Truth(compare(sign, at, left.value, right.value)?);
        if let Some((_, place)) = self.take(&SIGNS) {
            let message = "comparisons cannot be chained: join them by \"&&\"";
            return Err(Wrong::new(place, message));
        }
        Ok(Part { value, place })
    }

    fn sum(&mut self) -> Result<Part, Wrong> {
        self.chain(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Part, Wrong> {
        self.chain(&["*", "/"], Self::unary)
    }

    /// Parts that `part` reads, joined by `signs` from left to right.
    fn chain(
        &mut self,
        signs: &[&str],
        part: fn(&mut Self) -> Result<Part, Wrong>,
    ) -> Result<Part, Wrong> {
        let mut left = part(self)?;
        while let Some((sign, _)) = self.take(signs) {
            let operation = match sign {
                "+" => Arithmetic::Add,
                "-" => Arithmetic::Subtract,
                "*" => Arithmetic::Multiply,
                _ => Arithmetic::Divide,
            };
            let (place, right) = (left.place, part(self)?);
            let both = Box::new((number(left, sign)?, number(right, sign)?));
            left = Part {
                value: Value::Number(Number::Binary(operation, both)),
                place,
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Part, Wrong> {
        let Some((sign, place)) = self.take(&["!", "-"]) else {
            return self.primary();
        };
        let part = self.nested(place, Self::unary)?;
        let value = if sign == "!" {
            Value::Truth(Truth::Not(Box::new(truth(part, sign)?)))
        } else {
            Value::Number(Number::Negative(Box::new(number(part, sign)?)))
        };
        Ok(Part { value, place })
    }

    fn primary(&mut self) -> Result<Part, Wrong> {
        let Placed { token, place } = self.peek().clone();
        self.next += 1;
        let value = match token {
            Token::Number(number) => Value::Number(Number::Constant(number)),
            Token::Text(text) => Value::Text(Text::Constant(text)),
            Token::Name(name) => self.field(&name, place)?,
            Token::Sign("(") => {
                let inner = self.nested(place, Self::or)?;
                if self.take(&[")"]).is_none() {
                    let rest = self.peek();
                    let message = format!("expected \")\", not {}", rest.token.shown());
                    return Err(Wrong::new(rest.place, message));
                }
                inner.value
            }
            Token::End => {
                let message = "the expression ends where a value should be";
                return Err(Wrong::new(place, message));
            }
            other @ Token::Sign(_) => {
                let message = format!("expected a value, not {}", other.shown());
                return Err(Wrong::new(place, message));
            }
        };
        Ok(Part { value, place })
    }

    fn field(&self, name: &str, place: usize) -> Result<Value, Wrong> {
        let named = |(_, field): &(usize, &Field)| field.name() == name;
        match self.fields.iter().enumerate().find(named) {
            Some((field, Field::Number(_))) => Ok(Value::Number(Number::Field(field))),
            Some((field, Field::Text(_))) => Ok(Value::Text(Text::Field(field))),
            None => {
                let names: Vec<&str> = self.fields.iter().map(|field| field.name()).collect();
                let message = format!("no field {name:?}: there are {}", names.join(", "));
                Err(Wrong::new(place, message))
            }
        }
    }

    /// One level further down.
    fn nested(
        &mut self,
        place: usize,
        part: fn(&mut Self) -> Result<Part, Wrong>,
    ) -> Result<Part, Wrong> {
        if self.depth == DEEPEST {
            let message = format!("nested more than {DEEPEST} deep");
            return Err(Wrong::new(place, message));
        }
        self.depth += 1;
        let part = part(self)?;
        self.depth -= 1;
        Ok(part)
    }
}

fn compare(sign: &str, place: usize, left: Value, right: Value) -> Result<Truth, Wrong> {
    let comparison = match sign {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(Truth::Numbers(comparison, left, right)),
        (Value::Text(left), Value::Text(right)) => Ok(Truth::Texts(comparison, left, right)),
        (Value::Truth(left), Value::Truth(right)) => {
            let equal = Truth::Equal(Box::new((left, right)));
            match comparison {
                Comparison::Equal => Ok(equal),
                Comparison::NotEqual => Ok(Truth::Not(Box::new(equal))),
                _ => {
                    let message = "true and false compare by == and != only";
                    Err(Wrong::new(place, message))
                }
            }
        }
        (left, right) => {
            let message = format!("{sign:?} compares {} with {}", left.kind(), right.kind());
            Err(Wrong::new(place, message))
        }
    }
}

fn number(part: Part, sign: &str) -> Result<Number, Wrong> {
    match part.value {
        Value::Number(number) => Ok(number),
        other => Err(takes(sign, Kind::Number, part.place, &other)),
    }
}

fn truth(part: Part, sign: &str) -> Result<Truth, Wrong> {
    match part.value {
        Value::Truth(truth) => Ok(truth),
        other => Err(takes(sign, Kind::Truth, part.place, &other)),
    }
}

fn takes(sign: &str, wanted: Kind, place: usize, found: &Value) -> Wrong {
    let message = format!("{sign:?} takes {wanted}, and this is {}", found.kind());
    Wrong::new(place, message)
}
