//! A JSON object as its entries, in order, each value as its own text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A name and a value.
pub(super) type Field<'a> = (Cow<'a, str>, Cow<'a, RawValue>);

/// Sets an entry: in its place where there is one of this name, at the end otherwise.
pub(super) fn put(fields: &mut Vec<Field<'_>>, name: &str, raw: Box<RawValue>) {
    match fields.iter_mut().find(|(field, _)| field == name) {
        Some((_, value)) => *value = Cow::Owned(raw),
        None => fields.push((Cow::Owned(name.to_owned()), Cow::Owned(raw))),
    }
}

/// The entry that a dotted path leads to, below this value.
pub(super) fn descend<'r>(raw: &'r RawValue, path: &str) -> Option<Cow<'r, RawValue>> {
    let Fields(fields) = serde_json::from_str::<Fields<'r>>(raw.get()).ok()?;
    if let Some((_, raw)) = fields.iter().find(|(name, _)| name == path) {
        return Some(raw.clone());
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let (_, raw) = fields.iter().find(|(name, _)| *name == path[..dot])?;
        descend(raw, &path[dot + 1..]).map(|raw| Cow::Owned(raw.into_owned()))
    })
}

/// Writes entries as one JSON object.
pub(super) fn write_object(fields: &[Field<'_>], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (i, (name, raw)) in fields.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b":")?;
        out.write_all(raw.get().as_bytes())?;
    }
    out.write_all(b"}")
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The entries of a JSON object, in order; a name that comes twice is an error.
pub(super) struct Fields<'a>(pub(super) Vec<Field<'a>>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<Field<'de>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields: Self::Value = Vec::with_capacity(12);
                while let Some((Text(name), raw)) = map.next_entry::<Text, &RawValue>()? {
                    fields.push((name, Cow::Borrowed(raw)));
                }
                match duplicate(&fields) {
                    Some(name) => Err(M::Error::custom(format!("\"{name}\" comes twice"))),
                    None => Ok(fields),
                }
            }
        }
        deserializer.deserialize_map(Entries).map(Fields)
    }
}

/// A name that comes twice. Records are small, hostile ones need not be.
fn duplicate<'f>(fields: &'f [Field<'_>]) -> Option<&'f str> {
    let names = || fields.iter().map(|(name, _)| name.as_ref());
    if fields.len() > 32 {
        let mut seen = HashSet::new();
        return names().find(|name| !seen.insert(*name));
    }
    names()
        .enumerate()
        .find(|(i, name)| names().take(*i).any(|n| n == *name))
        .map(|(_, n)| n)
}
