//! The little of Python's notation in which papers and logs print architectures:
//! numbers, words (in quotes or not), lists and tuples, calls, and comments.

use thiserror::Error;

/// A value as Python prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    /// A number, such as `2`.
    Number(usize),
    /// A name, or a text in quotes.
    Word(String),
    /// What stands between brackets or parentheses.
    List(Vec<Literal>),
    /// A call, such as `range(2, 6)`; arguments have a name, or none.
    Call(String, Vec<(Option<String>, Literal)>),
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PythonError {
    /// Something else is expected.
    #[error("{wanted} is expected at character {place}")]
    Wanted {
        /// What is.
        wanted: &'static str,
        /// Where, counted from 1.
        place: usize,
    },
    /// It is far longer than any architecture.
    #[error("it has more than {LONGEST} characters")]
    Long,
}

/// Longer texts, and what is nested deeper, are no architectures.
const LONGEST: usize = 10_000;
const DEEPEST: usize = 8;

impl Literal {
    /// Reads a value, or `NAME = value`; blanks, line ends and comments do
    /// not count.
    ///
    /// # Errors
    /// What is wrong with `text`, and where.
    pub(crate) fn read(text: &str) -> Result<Self, PythonError> {
        if text.len() > LONGEST {
            return Err(PythonError::Long);
        }
        let mut reader = Reader {
            characters: text.chars().collect(),
            place: 0,
        };
        let (_, value) = reader.argument(0)?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.wanted("the end")),
        }
    }

    /// What it lists, where it is a list.
    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Its word, where it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Its number, where it is one.
    pub(crate) fn number(&self) -> Option<usize> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The argument of this name of a call.
    pub(crate) fn argument(&self, name: &str) -> Option<&Self> {
        let Self::Call(_, arguments) = self else {
            return None;
        };
        let named = |(of, _): &&(Option<String>, Self)| of.as_deref() == Some(name);
        arguments.iter().find(named).map(|(_, value)| value)
    }
}

struct Reader {
    characters: Vec<char>,
    place: usize,
}

impl Reader {
    fn wanted(&self, wanted: &'static str) -> PythonError {
        let place = self.place + 1;
        PythonError::Wanted { wanted, place }
    }

    /// The next character that is no blank, and in no comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            match *self.characters.get(self.place)? {
                '#' => _ = self.run(|c| c != '\n'),
                blank if blank.is_whitespace() => self.place += 1,
                found => return Some(found),
            }
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.place += usize::from(found);
        found
    }

    /// The characters from here on for which `belongs` holds.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let rest = self.characters.iter().skip(self.place);
        let run: String = rest.take_while(|c| belongs(**c)).collect();
        self.place += run.chars().count();
        run
    }

    fn value(&mut self, depth: usize) -> Result<Literal, PythonError> {
        if depth > DEEPEST {
            return Err(self.wanted("something less nested"));
        }
        match self.peek() {
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some(quote @ ('\'' | '"')) => {
                self.place += 1;
                let word = self.run(|c| c != quote);
                match self.characters.get(self.place) == Some(&quote) {
                    true => self.place += 1,
                    false => return Err(self.wanted("a closing quote")),
                }
                Ok(Literal::Word(word))
            }
            Some(c) if c.is_ascii_digit() => {
                let number = self.run(|c| c.is_ascii_digit()).parse();
                number.map_or_else(
                    |_| Err(self.wanted("a smaller number")),
                    |n| Ok(Literal::Number(n)),
                )
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                let word = self.run(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
                match self.peek() {
                    Some('(') => self.call(word, depth),
                    _ => Ok(Literal::Word(word)),
                }
            }
            _ => Err(self.wanted("a value")),
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Result<Literal, PythonError> {
        self.place += 1;
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            self.separator(close)?;
        }
        Ok(Literal::List(items))
    }

    fn call(&mut self, name: String, depth: usize) -> Result<Literal, PythonError> {
        self.place += 1;
        let mut arguments = Vec::new();
        while !self.take(')') {
            arguments.push(self.argument(depth + 1)?);
            self.separator(')')?;
        }
        Ok(Literal::Call(name, arguments))
    }

    /// A value, or a name and its value.
    fn argument(&mut self, depth: usize) -> Result<(Option<String>, Literal), PythonError> {
        match self.value(depth)? {
            Literal::Word(name) if self.take('=') => Ok((Some(name), self.value(depth)?)),
            value => Ok((None, value)),
        }
    }

    /// A comma, unless what is listed ends here.
    fn separator(&mut self, close: char) -> Result<(), PythonError> {
        match self.take(',') || self.peek() == Some(close) {
            true => Ok(()),
            false => Err(self.wanted("a comma or the end of the list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_prints_is_read() {
        let word = |word: &str| Literal::Word(word.to_owned());
        let found = Literal::read("A = F(x=[('a', 1), (\"b\",2),],\n y = range(2, 6))").unwrap();
        let pair = |name, number| Literal::List(vec![word(name), Literal::Number(number)]);
        let x = Literal::List(vec![pair("a", 1), pair("b", 2)]);
        assert_eq!(found.argument("x"), Some(&x));
        let y = found.argument("y").unwrap();
        let arguments = [2, 6].map(|n| (None, Literal::Number(n)));
        assert_eq!(y, &Literal::Call("range".into(), arguments.into()));
        assert_eq!(found.argument("z"), None);
        assert_eq!(Literal::read("[]"), Ok(Literal::List(Vec::new())));
        let commented = Literal::read("[ # )(\n'#', # one\n 2] # end").unwrap();
        let two = vec![word("#"), Literal::Number(2)];
        assert_eq!(commented, Literal::List(two));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        for (text, said) in [
            ("", "a value is expected at character 1"),
            ("f(x=", "a value is expected at character 5"),
            (
                "[1 2]",
                "a comma or the end of the list is expected at character 4",
            ),
            ("['a]", "a closing quote is expected at character 5"),
            ("[1]]", "the end is expected at character 4"),
            ("99999999999999999999999", "a smaller number is expected"),
            ("-1", "a value is expected at character 1"),
        ] {
            let error = Literal::read(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{text}: {error}");
        }
        assert!(Literal::read(&"[".repeat(9_999)).is_err());
        assert_eq!(Literal::read(&" ".repeat(99_999)), Err(PythonError::Long));
    }
}
