//! Files of weights as bytes, whole or without their tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use knas_files::{Capped, ReadError};
use serde::Deserialize;

use super::WeightsError;

/// The largest file that is read.
const MAX_FILE: u64 = 16 << 30;
/// The largest table of a file, as the `safetensors` crate has it.
const MAX_HEADER: u64 = 100_000_000;

/// What a file tells beside its tensors, which are not read.
///
/// # Errors
/// When it cannot be read, or is none of this format.
pub fn metadata(path: &Path) -> Result<BTreeMap<String, String>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let format = |reason: String| WeightsError::Format {
        path: path.into(),
        reason,
    };
    // The length of the table, and the table.
    let (mut file, mut bytes) = (opened(path)?, vec![0; 8]);
    file.read_exact(&mut bytes).map_err(io)?;
    let mut length = [0; 8];
    length.copy_from_slice(&bytes);
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        let reason = format!("not a safetensors file (its table has {length} bytes)");
        return Err(format(reason));
    }
    bytes.clear();
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    // The crate reads tables of whole files alone.
    let table = serde_json::from_slice::<Table>(&bytes);
    let table = table.map_err(|e| format(format!("not a safetensors file ({e})")))?;
    Ok(table.metadata)
}

/// What a table holds beside the tensors'.
#[derive(Deserialize)]
struct Table {
    #[serde(default, rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
}

/// The bytes of a file of weights. What does not begin as such files do is not
/// read further.
///
/// # Errors
/// When it cannot be read, is larger than such files are, or is a device or pipe.
pub fn bytes(path: &Path) -> Result<Vec<u8>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let mut file = opened(path)?;
    let mut bytes = Vec::new();
    (&mut file).take(8).read_to_end(&mut bytes).map_err(io)?;
    let header = <[u8; 8]>::try_from(&*bytes).map_or(0, u64::from_le_bytes);
    if (1..=MAX_HEADER).contains(&header) {
        file.read_to_end(&mut bytes).map_err(io)?;
    }
    Ok(bytes)
}

fn opened(path: &Path) -> Result<Capped<File>, WeightsError> {
    Capped::open_regular(path, MAX_FILE).map_err(|error| match error {
        ReadError::Io(source) => WeightsError::Io {
            path: path.into(),
            source,
        },
        other => WeightsError::Format {
            path: path.into(),
            reason: other.to_string(),
        },
    })
}
