//! Tensors whose numbers are known.

use std::sync::Arc;

use half::{bf16, f16};
use prost::bytes::Bytes;
use prost::encoding::decode_varint;

use super::error::TensorFault;
use crate::message::{Tensor, data_type};

/// The most whole numbers that are looked at: shapes and places have few.
const WHOLES: usize = 4096;

/// How often the axes of a tensor may be put in another order.
const TURNS: usize = 8;

/// The most numbers of a tensor that the file fills with one number.
const FILLED: usize = 1 << 28;

/// A tensor whose numbers are known. Cheap to copy.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub shape: Vec<usize>,
    pub data: Data,
    /// The value that names it, where it is one of the file's or a copy.
    pub origin: Option<usize>,
}

/// What a tensor is made of.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Numbers, as they are stored.
    Stored(Format, Bytes),
    /// As many times one number as the shape tells.
    Filled(f32),
    /// Numbers that were computed.
    Made(Arc<[f32]>),
    /// The numbers of another tensor with its axes in this order.
    Turned(Arc<Constant>, Vec<usize>),
    /// Whole numbers.
    Wholes(Arc<[i64]>),
    /// Something that nothing here computes with.
    Other,
}

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Single,
    Double,
    Half,
    Brain,
}

impl Format {
    fn of(data_type: i32) -> Option<Self> {
        Some(match data_type {
            data_type::FLOAT => Self::Single,
            data_type::DOUBLE => Self::Double,
            data_type::FLOAT16 => Self::Half,
            data_type::BFLOAT16 => Self::Brain,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Double => 8,
            Self::Half | Self::Brain => 2,
        }
    }

    /// The numbers of these bytes, whose lowest ones come first.
    fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Single => words(bytes).map(f32::from_le_bytes).collect(),
            Self::Double => words(bytes).map(|w| f64::from_le_bytes(w) as f32).collect(),
            Self::Half => words(bytes)
                .map(|w| f16::from_le_bytes(w).to_f32())
                .collect(),
            Self::Brain => words(bytes)
                .map(|w| bf16::from_le_bytes(w).to_f32())
                .collect(),
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes
        .chunks_exact(N)
        .filter_map(|word| word.try_into().ok())
}

/// The most dimensions of a tensor.
pub(crate) const DIMENSIONS: usize = 16;

/// The product of sizes, where there can be so many numbers.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    if shape.len() > DIMENSIONS {
        return None;
    }
    let product = shape
        .iter()
        .try_fold(1usize, |all, &size| all.checked_mul(size));
    product.filter(|&all| all <= isize::MAX as usize / 8)
}

impl Constant {
    /// Numbers that were computed.
    pub fn made(shape: Vec<usize>, numbers: Vec<f32>) -> Self {
        let data = Data::Made(numbers.into());
        Self {
            shape,
            data,
            origin: None,
        }
    }

    /// One number, so many times.
    pub fn filled(shape: Vec<usize>, number: f32) -> Option<Self> {
        count(&shape).filter(|&all| all <= FILLED)?;
        let data = Data::Filled(number);
        Some(Self {
            shape,
            data,
            origin: None,
        })
    }

    /// Whole numbers in a row, or one alone.
    pub fn wholes(shape: Vec<usize>, numbers: Vec<i64>) -> Self {
        let data = Data::Wholes(numbers.into());
        Self {
            shape,
            data,
            origin: None,
        }
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has numbers with a fraction.
    pub fn is_floats(&self) -> bool {
        !matches!(self.data, Data::Wholes(_) | Data::Other)
    }

    /// Its numbers in single precision; none where it has no such.
    pub fn numbers(&self) -> Vec<f32> {
        match &self.data {
            Data::Stored(format, bytes) => format.numbers(bytes),
            Data::Filled(number) => vec![*number; self.len()],
            Data::Made(numbers) => numbers.to_vec(),
            Data::Turned(of, order) => turn(&of.numbers(), &of.shape, order),
            Data::Wholes(_) | Data::Other => Vec::new(),
        }
    }

    /// The number that it is, where it is one alone.
    pub fn single(&self) -> Option<f64> {
        match (&self.data, self.len()) {
            (Data::Wholes(numbers), 1) => numbers.first().map(|&n| n as f64),
            (_, 1) => self.numbers().first().map(|&n| f64::from(n)),
            _ => None,
        }
    }

    /// The same numbers in another shape of as many.
    pub fn reshaped(&self, shape: Vec<usize>) -> Option<Self> {
        (count(&shape)? == self.len()).then(|| Self {
            shape,
            ..self.clone()
        })
    }

    /// With its axes in another order.
    pub fn transposed(&self, order: &[usize]) -> Option<Self> {
        let mut seen = order.to_vec();
        seen.sort_unstable();
        let fits = seen.iter().copied().eq(0..self.shape.len());
        if !fits || !self.is_floats() || self.turns() == TURNS {
            return None;
        }
        let data = match &self.data {
            Data::Filled(number) => Data::Filled(*number),
            _ => Data::Turned(Arc::new(self.clone()), order.to_vec()),
        };
        Some(Self {
            shape: order.iter().map(|&axis| self.shape[axis]).collect(),
            data,
            origin: self.origin,
        })
    }

    /// How often its axes were put in another order.
    fn turns(&self) -> usize {
        match &self.data {
            Data::Turned(of, _) => 1 + of.turns(),
            _ => 0,
        }
    }
}

/// The numbers of a tensor of this shape with its axes in this order.
pub(crate) fn turn<T: Copy>(numbers: &[T], shape: &[usize], order: &[usize]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let axes: Vec<(usize, usize)> = order.iter().map(|&a| (shape[a], strides[a])).collect();
    let mut places = vec![0; axes.len()];
    let mut result = Vec::with_capacity(numbers.len());
    let mut from = 0;
    for _ in 0..numbers.len() {
        result.push(numbers[from]);
        for (place, (size, stride)) in places.iter_mut().zip(&axes).rev() {
            *place += 1;
            from += stride;
            if *place < *size {
                break;
            }
            from -= stride * size;
            *place = 0;
        }
    }
    result
}

/// The tensor of a message, whose numbers are in `external` where they are in
/// another file.
pub(crate) fn tensor(message: &Tensor, external: Option<Bytes>) -> Result<Constant, TensorFault> {
    let size = |&size: &i64| usize::try_from(size).map_err(|_| TensorFault::Size(size));
    let shape: Vec<usize> = message.dims.iter().map(size).collect::<Result<_, _>>()?;
    let numbers = count(&shape).ok_or(TensorFault::Huge)?;
    let kind = message.data_type.unwrap_or_default();
    let raw = external.as_ref().or(message.raw_data.as_ref());
    let data = match Format::of(kind) {
        Some(format) => {
            let bytes = match (raw, format) {
                (Some(raw), _) => raw.clone(),
                (None, Format::Single) => message.float_data.clone().unwrap_or_default(),
                (None, Format::Double) => message.double_data.clone().unwrap_or_default(),
                // Two bytes of each whole number.
                (None, Format::Half | Format::Brain) => {
                    let bits = varints(message.int32_data.as_ref(), numbers)?;
                    let bytes = bits.iter().flat_map(|bits| (*bits as u16).to_le_bytes());
                    bytes.collect::<Vec<u8>>().into()
                }
            };
            fits(bytes.len(), numbers.saturating_mul(format.size()))?;
            Data::Stored(format, bytes)
        }
        None => match wholes(message, raw, kind, numbers)? {
            Some(numbers) => Data::Wholes(numbers.into()),
            None => Data::Other,
        },
    };
    Ok(Constant {
        shape,
        data,
        origin: None,
    })
}

fn fits(found: usize, wanted: usize) -> Result<(), TensorFault> {
    match found == wanted {
        true => Ok(()),
        false => Err(TensorFault::Bytes { found, wanted }),
    }
}

/// Whole numbers, where a tensor has such and not too many.
fn wholes(
    message: &Tensor,
    raw: Option<&Bytes>,
    kind: i32,
    numbers: usize,
) -> Result<Option<Vec<i64>>, TensorFault> {
    let size = match kind {
        data_type::INT64 => 8,
        data_type::INT32 => 4,
        data_type::BOOL => 1,
        _ => return Ok(None),
    };
    if numbers > WHOLES {
        return Ok(None);
    }
    let Some(raw) = raw else {
        let packed = match kind {
            data_type::INT64 => message.int64_data.as_ref(),
            _ => message.int32_data.as_ref(),
        };
        return varints(packed, numbers).map(Some);
    };
    fits(raw.len(), numbers * size)?;
    Ok(Some(match kind {
        data_type::INT64 => words(raw).map(i64::from_le_bytes).collect(),
        data_type::INT32 => words(raw).map(|w| i32::from_le_bytes(w).into()).collect(),
        _ => raw.iter().map(|&byte| byte.into()).collect(),
    }))
}

/// So many packed numbers of varying length.
fn varints(packed: Option<&Bytes>, numbers: usize) -> Result<Vec<i64>, TensorFault> {
    let mut bytes: &[u8] = packed.map_or(&[], |packed| packed);
    let (found, wanted) = (bytes.len(), numbers);
    let wrong = TensorFault::Bytes { found, wanted };
    // Each takes a byte at least.
    if numbers > found {
        return Err(wrong);
    }
    let mut result = Vec::with_capacity(numbers);
    while !bytes.is_empty() && result.len() <= numbers {
        match decode_varint(&mut bytes) {
            Ok(number) => result.push(number as i64),
            Err(_) => return Err(wrong),
        }
    }
    match result.len() == numbers {
        true => Ok(result),
        false => Err(wrong),
    }
}
