//! Ids that come twice: one rule for all tools.
//!
//! An id stands for one candidate. A record that says the same again counts
//! once, and how many there were is said. One that says something else under an
//! id that came before fails, and the message names both places.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::context::Context;
use crate::input::Place;
use crate::record::{Failure, Record};

/// The fields that say what a record is about.
const ABOUT: [&str; 3] = ["space", "arch", "size"];

/// What a record is about, as far as it can be compared: space, architecture, size.
pub fn about(record: &Record<'_>) -> u64 {
    let text = |name: &&str| record.raw(name).map(|raw| raw.get().to_owned());
    same_if(&ABOUT.iter().map(text).collect::<Vec<_>>())
}

/// What a record is about, for a message.
pub fn told(record: &Record<'_>) -> String {
    let said = ABOUT.iter().filter_map(|name| record.raw(name));
    let said: Vec<String> = said.map(|raw| raw.get().to_owned()).collect();
    match said.is_empty() {
        true => "without an architecture".to_owned(),
        false => said.join(" "),
    }
}

/// A number that is the same for the same content.
pub fn same_if(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// Why a record fails whose id came before with another content.
pub fn failure(stage: &str, first: &impl Display) -> Failure {
    let message = format!("{first} has the same id and says something else");
    Failure::new(stage, "duplicate_id", message)
}

/// How an id was met.
#[derive(Debug, PartialEq, Eq)]
pub enum Met {
    /// For the first time.
    New,
    /// Again, with the same content as at this place.
    Again(Place),
    /// Again, with another content than at this place.
    Other(Place),
}

/// The ids that came before.
#[derive(Debug, Default)]
pub struct Ids {
    sources: Vec<String>,
    seen: HashMap<Box<str>, Seen>,
}

#[derive(Debug)]
struct Seen {
    source: u32,
    line: u64,
    content: u64,
}

impl Ids {
    /// Takes note of an id, of what its record says, and of where it stands.
    pub fn meet(&mut self, id: &str, content: u64, source: &str, line: u64) -> Met {
        if let Some(seen) = self.seen.get(id) {
            let first = Place {
                source: self.sources[seen.source as usize].clone(),
                line: seen.line,
            };
            return match seen.content == content {
                true => Met::Again(first),
                false => Met::Other(first),
            };
        }
        if self.sources.last().is_none_or(|last| last != source) {
            self.sources.push(source.to_owned());
        }
        let seen = Seen {
            source: self.sources.len() as u32 - 1,
            line,
            content,
        };
        self.seen.insert(id.into(), seen);
        Met::New
    }
}

/// Records that came again, for one message at the end.
#[derive(Debug, Default)]
pub struct Repeats {
    count: u64,
    example: String,
}

impl Repeats {
    /// One more: the record at `place` says what the one at `first` does.
    pub fn add(&mut self, id: &str, place: &impl Display, first: &impl Display) {
        if self.count == 0 {
            self.example = format!("{id} at {first} and {place}");
        }
        self.count += 1;
    }

    /// Says how many there were, where there were any.
    pub fn report(&self, context: &Context) {
        if self.count > 0 {
            context.warn(format_args!(
                "records that came again with the same content, each counted once: {} ({}{})",
                self.count,
                self.example,
                if self.count > 1 { ", …" } else { "" }
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_for_one_content() {
        let mut ids = Ids::default();
        let place = |line| Place {
            source: "x".into(),
            line,
        };
        assert_eq!(ids.meet("a", 1, "x", 1), Met::New);
        assert_eq!(ids.meet("b", 2, "x", 2), Met::New);
        assert_eq!(ids.meet("a", 1, "y", 1), Met::Again(place(1)));
        assert_eq!(ids.meet("b", 3, "y", 2), Met::Other(place(2)));
        assert_eq!(ids.meet("b", 2, "y", 3), Met::Again(place(2)));
    }

    #[test]
    fn a_record_is_about_its_architecture() {
        let of = |line: &str| about(&Record::parse(line).unwrap());
        let plain = r#"{"id":"a","space":"s","arch":"x"}"#;
        assert_eq!(
            of(plain),
            of(r#"{"id":"b","arch":"x","space":"s","score":1}"#)
        );
        assert_ne!(of(plain), of(r#"{"id":"a","space":"s","arch":"y"}"#));
        assert_ne!(
            of(plain),
            of(r#"{"id":"a","space":"s","arch":"x","size":{"cells":1}}"#)
        );
    }
}
