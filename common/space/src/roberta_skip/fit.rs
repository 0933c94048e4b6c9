//! Whether texts fit a backbone.

use thiserror::Error;

use super::Backbone;

/// Texts that ask more of a backbone than it has.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the backbone has {what} of {has}, and these texts need {needed}")]
pub struct Misfit {
    what: &'static str,
    has: usize,
    needed: usize,
}

impl Backbone {
    /// Whether it takes texts whose tokens' ids are below `vocabulary` and their
    /// types below `types`, and of which none has more than `length` tokens.
    ///
    /// # Errors
    /// What it does not have enough of.
    pub fn takes(&self, vocabulary: usize, types: usize, length: usize) -> Result<(), Misfit> {
        for (what, needed, has) in [
            ("a vocabulary", vocabulary, self.vocabulary),
            ("a number of token types", types, self.token_types),
            ("a greatest length", length, self.longest_input()),
        ] {
            if needed > has {
                return Err(Misfit { what, has, needed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_named() {
        let minilm = Backbone::preset("minilm").unwrap();
        assert_eq!(minilm.takes(30_522, 2, 512), Ok(()));
        for (texts, reason) in [
            (
                (30_523, 1, 1),
                "a vocabulary of 30522, and these texts need 30523",
            ),
            ((1, 3, 1), "token types of 2, and these texts need 3"),
            ((1, 1, 513), "length of 512, and these texts need 513"),
        ] {
            let said = minilm.takes(texts.0, texts.1, texts.2).unwrap_err();
            assert!(said.to_string().contains(reason), "{said}");
        }
        // Two of RoBERTa's positions are not counted from.
        let roberta = Backbone::preset("roberta-base").unwrap();
        assert!(roberta.takes(1, 1, 512).is_ok() && roberta.takes(1, 1, 513).is_err());
    }
}
