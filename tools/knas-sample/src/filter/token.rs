//! An expression cut into tokens.

use super::Wrong;

/// A token and the character, from 0, at which it starts.
#[derive(Clone, Debug)]
pub struct Placed {
    pub token: Token,
    pub place: usize,
}

/// The smallest parts of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// An operator or a parenthesis.
    Sign(&'static str),
    /// After the last of the others.
    End,
}

impl Token {
    /// The token as a message names it.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("the string {text:?}"),
            Self::Name(name) => format!("{name:?}"),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Longer ones first, since they begin like shorter ones.
const SIGNS: [&str; 15] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "(", ")",
];

/// Cuts `text` into tokens, the last of which is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<Placed>, Wrong> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut place = 0;
    loop {
        while characters.get(place).is_some_and(|c| c.is_whitespace()) {
            place += 1;
        }
        let (token, length) = match characters.get(place..) {
            None | Some([]) => (Token::End, 0),
            Some(rest) => next(rest).map_err(|message| Wrong::new(place, message))?,
        };
        let ends = token == Token::End;
        tokens.push(Placed { token, place });
        if ends {
            return Ok(tokens);
        }
        place += length;
    }
}

/// The token at the beginning of `rest`, and how many characters it takes.
fn next(rest: &[char]) -> Result<(Token, usize), String> {
    let first = rest[0];
    if first == '"' || first == '\'' {
        let Some(length) = rest[1..].iter().position(|&c| c == first) else {
            return Err("the string is not closed".to_owned());
        };
        let text = rest[1..=length].iter().collect();
        return Ok((Token::Text(text), length + 2));
    }
    if first.is_ascii_digit() || first == '.' {
        return number(rest);
    }
    if first.is_alphabetic() || first == '_' {
        let named = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let name: String = rest.iter().take_while(named).collect();
        let length = name.chars().count();
        return Ok((Token::Name(name), length));
    }
    let begins = |sign: &&&str| rest.iter().take(sign.len()).copied().eq(sign.chars());
    match (SIGNS.iter().find(begins), first) {
        (Some(sign), _) => Ok((Token::Sign(sign), sign.len())),
        (None, '=') => Err("write \"==\" to compare".to_owned()),
        (None, '&' | '|') => Err(format!("write \"{first}{first}\"")),
        (None, _) => Err(format!("{:?} has no meaning here", first.to_string())),
    }
}

/// Takes everything that could belong to a number, so that `1.2.3` and `2x` are
/// one wrong number and not two tokens.
fn number(rest: &[char]) -> Result<(Token, usize), String> {
    let mut length = 0;
    while let Some(&c) = rest.get(length) {
        let signed = matches!(c, '+' | '-') && matches!(rest[length - 1], 'e' | 'E');
        if !(c.is_alphanumeric() || matches!(c, '.' | '_') || signed) {
            break;
        }
        length += 1;
    }
    let text: String = rest[..length].iter().collect();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
        Ok(_) => Err(format!("{text} is too large")),
        Err(_) => Err(format!("{text:?} is not a number")),
    }
}
