//! `--where`: an expression over the fields of a record.
//!
//! An expression is read and checked once, before any record: a field that does
//! not exist, or a string compared with a number, is an error that points at its
//! column. What is left cannot fail.
//!
//! ```text
//! or         = and { "||" and }
//! and        = comparison { "&&" comparison }
//! comparison = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]
//! sum        = product { ( "+" | "-" ) product }
//! product    = unary { ( "*" | "/" ) unary }
//! unary      = { "!" | "-" } primary
//! primary    = number | string | field | "(" or ")"
//! ```

mod parser;
mod token;
mod value;

use std::fmt;

pub use value::{Truth, Values};

/// A type that a value can have.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Number,
    Text,
    Truth,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Truth => "true or false",
        })
    }
}

/// A field that expressions may name, with dots where it lies within others.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    /// It holds a number.
    Number(&'static str),
    /// It holds a string.
    Text(&'static str),
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Number(name) | Self::Text(name) => name,
        }
    }
}

/// What is wrong with an expression, and where.
#[derive(Debug, thiserror::Error)]
#[error("column {}: {message}\n  {}\n  {:>width$}", .place + 1, .text, "^", width = .place + 1)]
pub struct FilterError {
    /// The character, from 0.
    place: usize,
    message: String,
    /// The expression, fit to be printed: one column for each character.
    text: String,
}

/// Reads an expression over `fields` that is true or false.
///
/// # Errors
/// What is wrong, at which column.
pub fn compile(text: &str, fields: &'static [Field]) -> Result<Truth, FilterError> {
    parser::parse(text, fields).map_err(|wrong| FilterError {
        place: wrong.place,
        message: wrong.message,
        text: text
            .chars()
            .take(parser::LONGEST)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
    })
}

/// What is wrong, before it is put together with its text.
#[derive(Debug)]
struct Wrong {
    place: usize,
    message: String,
}

impl Wrong {
    fn new(place: usize, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { place, message }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: &[Field] = &[
        Field::Text("id"),
        Field::Number("params"),
        Field::Number("scored.samples"),
    ];

    struct Example;

    impl Values for Example {
        fn number(&self, field: usize) -> f64 {
            [f64::NAN, 1000.0, 50.0][field]
        }

        fn text(&self, field: usize) -> &str {
            ["nb201-7", "", ""][field]
        }
    }

    fn is_true(text: &str) -> bool {
        match compile(text, FIELDS) {
            Ok(expression) => expression.of(&Example),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn comparisons_hold_or_do_not() {
        for (text, expected) in [
            ("params<1e6", true),
            ("params < 1000", false),
            ("params <= 1000", true),
            ("params > 1000", false),
            ("params>=1e3", true),
            ("params == 1000.0", true),
            ("params != 1000", false),
            ("scored.samples == 50", true),
            ("id == \"nb201-7\"", true),
            ("id == 'nb201-8'", false),
            ("id < 'nb201-8'", true),
            ("1.5e-1 == .15", true),
            ("5. == 5", true),
        ] {
            assert_eq!(is_true(text), expected, "{text}");
        }
    }

    #[test]
    fn operators_bind_as_in_c() {
        for text in [
            "1 + 2 * 3 == 7",
            "(1 + 2) * 3 == 9",
            "10 - 4 - 3 == 3",
            "16 / 4 / 2 == 2",
            "-2 * -3 == 6",
            "--2 == 2",
            "2 - -2 == 4",
            "1 < 2 || 1 > 2 && 1 > 2",
            "!(1 < 2 && 1 > 2)",
            "!!(1 < 2)",
            "(params < 1) == (params < 2)",
            "params / scored.samples == 20",
        ] {
            assert!(is_true(text), "{text}");
        }
        assert!(!is_true("(1 < 2 || 1 > 2) && 1 > 2"));
    }

    #[test]
    fn a_division_by_zero_satisfies_no_comparison_with_nan() {
        assert!(!is_true("0 / 0 == 0 / 0"));
        assert!(!is_true("0 / 0 < 1"));
        assert!(is_true("1 / 0 > 1e300"));
    }

    #[test]
    fn errors_point_at_their_column() {
        for (text, column, part) in [
            ("", 1, "the expression ends"),
            ("parms < 1", 1, "there are id, params, scored.samples"),
            (
                "params < 1 && scored.sample > 1",
                15,
                "no field \"scored.sample\"",
            ),
            ("params", 1, "is a number"),
            ("params < ", 10, "the expression ends"),
            ("params < 'a'", 8, "a number with a string"),
            ("id + 1 == 2", 1, "\"+\" takes a number"),
            ("1 + id == 2", 5, "\"+\" takes a number"),
            ("!params", 2, "\"!\" takes true or false"),
            ("-id == 'a'", 2, "\"-\" takes a number"),
            ("params && 1 < 2", 1, "\"&&\" takes true or false"),
            ("1 < 2 || params", 10, "\"||\" takes true or false"),
            ("(1 < 2) < (2 < 3)", 9, "== and != only"),
            ("1 < 2 < 3", 7, "cannot be chained"),
            ("params = 1", 8, "\"==\""),
            ("1 < 2 & 1 < 2", 7, "\"&&\""),
            ("1 < 2 | 1 < 2", 7, "\"||\""),
            ("(1 < 2", 7, "\")\""),
            ("1 < 2)", 6, "the end"),
            ("1 < 2 3", 7, "the end"),
            ("1 < 1e999", 5, "too large"),
            ("1 < 1e", 5, "not a number"),
            ("1 < 1.2.3", 5, "not a number"),
            ("1 < 2x", 5, "not a number"),
            ("id == 'a", 7, "not closed"),
            ("1 < §", 5, "\"§\""),
            ("é < 1", 1, "no field \"é\""),
        ] {
            let said = compile(text, FIELDS).err().map(|error| error.to_string());
            let said = said.unwrap_or_else(|| panic!("{text} is accepted"));
            let caret = said.lines().last().unwrap().chars().count() - 2;
            assert!(
                said.starts_with(&format!("column {column}: ")),
                "{text}: {said}"
            );
            assert_eq!(caret, column, "{text}: {said}");
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_refused() {
        for (text, part) in [
            ("(".repeat(1000), "nested"),
            ("!".repeat(1000), "nested"),
            ("-".repeat(1000), "nested"),
            ("1+".repeat(1 << 20), "longer than"),
        ] {
            let said = compile(&text, FIELDS).err().unwrap().to_string();
            assert!(said.contains(part) && said.len() < 10_000, "{said}");
        }
        let longest = format!("{}1 == 2000", "1+".repeat(1999));
        assert!(is_true(&longest));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in any::<String>()) {
            if let Ok(expression) = compile(&text, FIELDS) {
                let _ = expression.of(&Example);
            }
        }

        #[test]
        fn no_row_of_tokens_breaks_the_parser(tokens in proptest::collection::vec(
            prop::sample::select(vec![
                "(", ")", "!", "-", "+", "*", "/", "<", "<=", "==", "!=", "&&", "||",
                "params", "id", "1", "2.5e3", "'a'", "\"", "&", "=", ".", " ",
            ]), 0..40,
        )) {
            if let Ok(expression) = compile(&tokens.concat(), FIELDS) {
                let _ = expression.of(&Example);
            }
        }
    }
}
