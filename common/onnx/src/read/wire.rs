//! Bytes as messages, once it is known that they are not too many.
//!
//! A message of two bytes may take a hundred times as many in memory, so that fields
//! are counted before any is kept.

use prost::Message;
use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::error::ReadError;
use crate::message::Model;

/// The most nodes of a model.
pub(crate) const NODES: usize = 100_000;

/// The most tensors of a model, and the most of its inputs and outputs.
const TENSORS: usize = 100_000;

/// The most fields of all messages of a model.
const FIELDS: usize = 2_000_000;

/// A message that has others as fields.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    /// What has none.
    Leaf,
}

impl Kind {
    /// The message in the field of this number, where it is one that is read.
    fn field(self, tag: u32) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Model, 7) => Self::Graph,
            (Self::Model, 8 | 14) | (Self::Tensor, 13) | (Self::Shape, 1) => Self::Leaf,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Graph, 11 | 12) => Self::Value,
            (Self::Node, 5) => Self::Attribute,
            (Self::Value, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            _ => return None,
        })
    }
}

/// How much more is read.
struct Room {
    fields: usize,
    nodes: usize,
    tensors: usize,
}

impl Room {
    /// Counts what is in a message, to the depth of the format, which is fixed.
    fn count(&mut self, kind: Kind, mut bytes: &[u8]) -> Result<(), ReadError> {
        while !bytes.is_empty() {
            take(&mut self.fields, "fields", FIELDS)?;
            let (tag, wire) = decode_key(&mut bytes).map_err(broken)?;
            let message = kind
                .field(tag)
                .filter(|_| wire == WireType::LengthDelimited);
            let Some(message) = message else {
                skip(kind, tag, wire, &mut bytes, &mut self.fields)?;
                continue;
            };
            match message {
                Kind::Node => take(&mut self.nodes, "nodes", NODES)?,
                Kind::Tensor | Kind::Value => take(&mut self.tensors, "tensors", TENSORS)?,
                _ => {}
            }
            self.count(message, delimited(&mut bytes)?)?;
        }
        Ok(())
    }
}

/// Counts one more.
fn take(room: &mut usize, what: &'static str, most: usize) -> Result<(), ReadError> {
    *room = room.checked_sub(1).ok_or(ReadError::Many { what, most })?;
    Ok(())
}

/// Passes a field that is no message; a packed list counts as many fields as it has
/// numbers, but for those that stay bytes.
fn skip(
    kind: Kind,
    tag: u32,
    wire: WireType,
    bytes: &mut &[u8],
    room: &mut usize,
) -> Result<(), ReadError> {
    let list = matches!((kind, tag), (Kind::Attribute, 7 | 8) | (Kind::Tensor, 1));
    if list && wire == WireType::LengthDelimited {
        let numbers = delimited(bytes)?.len();
        let what = "fields";
        let left = room.checked_sub(numbers);
        *room = left.ok_or(ReadError::Many { what, most: FIELDS })?;
        return Ok(());
    }
    skip_field(wire, tag, bytes, DecodeContext::default()).map_err(broken)
}

/// The bytes of a field that begins with their number.
fn delimited<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8], ReadError> {
    let length = decode_varint(bytes).map_err(broken)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match bytes.split_at_checked(length) {
        Some((field, rest)) => {
            *bytes = rest;
            Ok(field)
        }
        None => Err(ReadError::Broken(format!(
            "a field of {length} bytes where {} are left",
            bytes.remaining()
        ))),
    }
}

fn broken(error: prost::DecodeError) -> ReadError {
    ReadError::Broken(error.to_string())
}

/// The model that these bytes are, whose tensors share them.
pub(crate) fn decode(bytes: Bytes) -> Result<Model, ReadError> {
    let mut room = Room {
        fields: FIELDS,
        nodes: NODES,
        tensors: TENSORS,
    };
    room.count(Kind::Model, &bytes)?;
    Model::decode(bytes).map_err(broken)
}
