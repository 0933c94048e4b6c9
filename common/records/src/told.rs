//! What is said of candidates that failed: the same a few times, then how often.

use std::collections::BTreeMap;

use crate::record::Failure;

/// So many candidates are named that failed for the same reason, word for word.
const ALIKE: u64 = 3;
/// So many are named that failed in the same way, for whatever reasons.
const OF_A_KIND: u64 = 20;
/// So many characters of an id are shown, and of a reason.
const ID: usize = 60;
const REASON: usize = 400;

/// What has been said so far.
#[derive(Debug, Default)]
pub struct Told {
    kinds: BTreeMap<String, Kind>,
}

/// What has been said of failures of one kind.
#[derive(Debug, Default)]
struct Kind {
    named: u64,
    /// How often a reason came of which somebody was named.
    reasons: BTreeMap<String, u64>,
    /// How many came for yet other reasons.
    others: u64,
}

impl Told {
    /// Takes note of a failure. Returns whether its candidate is to be named.
    pub fn names(&mut self, failure: &Failure) -> bool {
        let kind = self.kinds.entry(failure.kind.clone()).or_default();
        if let Some(count) = kind.reasons.get_mut(&failure.message) {
            *count += 1;
            if *count > ALIKE {
                return false;
            }
        } else if kind.named >= OF_A_KIND {
            kind.others += 1;
            return false;
        } else {
            kind.reasons.insert(failure.message.clone(), 1);
        }
        kind.named += 1;
        true
    }

    /// Of how many nothing has been said, a line for each reason.
    pub fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, kind) in std::mem::take(&mut self.kinds) {
            for (reason, count) in kind.reasons {
                if count > ALIKE {
                    let reason = cut(&reason, REASON);
                    lines.push(format!("… and {} more: {name}: {reason}", count - ALIKE));
                }
            }
            if kind.others > 0 {
                lines.push(format!("… and {} more: {name}", kind.others));
            }
        }
        lines
    }
}

/// A candidate and why it failed, short enough to be read.
pub fn line(id: &str, failure: &Failure) -> String {
    let (id, reason) = (cut(id, ID), cut(&failure.message, REASON));
    format!("{id}: {}: {reason}", failure.kind)
}

/// At most so many characters of a text.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text without what would move a terminal's cursor or colour what follows.
pub fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_given_a_few_times_and_counted() {
        let mut told = Told::default();
        let failure = |kind: &str, message: &str| Failure::new("score", kind, message);
        let named = |told: &mut Told, failure: &Failure| {
            (0..50).filter(|_| told.names(failure)).count() as u64
        };
        assert_eq!(named(&mut told, &failure("bad_arch", "x")), ALIKE);
        assert_eq!(named(&mut told, &failure("bad_arch", "y")), ALIKE);
        assert!(told.names(&failure("timeout", "x")));
        let rest = told.rest();
        assert_eq!(
            rest,
            ["… and 47 more: bad_arch: x", "… and 47 more: bad_arch: y"]
        );
        assert!(told.rest().is_empty());
    }

    #[test]
    fn many_reasons_of_one_kind_are_counted_too() {
        let mut told = Told::default();
        let failure = |number: u64| Failure::new("rank", "not_positive", number);
        let named = (0..1000).filter(|&n| told.names(&failure(n))).count() as u64;
        assert_eq!(named, OF_A_KIND);
        assert_eq!(told.rest(), ["… and 980 more: not_positive"]);
    }

    #[test]
    fn what_is_shown_is_short_and_plain() {
        let failure = Failure::new("score", "bad_arch", "r".repeat(1000));
        let line = line(&"i".repeat(1000), &failure);
        assert_eq!(line.chars().count(), ID + REASON + 2 + "bad_arch: : ".len());
        assert_eq!(plain("a\u{1b}[31m\rb\n"), "a\u{fffd}[31m\u{fffd}b\n");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
