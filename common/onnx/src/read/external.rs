//! Numbers that are in another file, beside the model's.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Sink, Write};
use std::path::{Component, Path, PathBuf};

use knas_files::Hashing;
use prost::bytes::Bytes;

use super::error::TensorFault;
use crate::message::Tensor;

/// Where a model's other files may be, and how much more is read of them.
pub(crate) struct Folder<'p> {
    /// None where there are only bytes.
    pub path: Option<&'p Path>,
    /// Bytes that may still be read.
    pub room: u64,
    /// Of the model's file, and of what was read of others.
    pub hash: Hashing<Sink>,
}

impl<'p> Folder<'p> {
    /// This one, of which at most so many bytes are read.
    pub fn new(path: Option<&'p Path>, room: u64) -> Self {
        let hash = Hashing::new(io::sink());
        Self { path, room, hash }
    }

    /// The bytes of a tensor that are in another file; none where it has its own.
    pub fn bytes(&mut self, tensor: &Tensor) -> Result<Option<Bytes>, TensorFault> {
        const ELSEWHERE: i32 = 1;
        if tensor.data_location != Some(ELSEWHERE) {
            return Ok(None);
        }
        let told = |key: &str| {
            let mut entries = tensor.external_data.iter();
            let entry = entries.find(|entry| entry.key.as_deref() == Some(key));
            entry.and_then(|entry| entry.value.as_deref())
        };
        let number = |what: &'static str| match told(what).map(str::parse::<u64>) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(TensorFault::Place {
                what,
                found: told(what).unwrap_or_default().to_owned(),
            }),
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let folder = self.path.ok_or(TensorFault::External)?;
        let path = inside(folder, told("location").unwrap_or_default())?;
        self.part(&path, offset, length).map(Some)
    }

    fn part(
        &mut self,
        path: &Path,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Bytes, TensorFault> {
        let wrong = |reason: String| TensorFault::File {
            path: path.into(),
            reason,
        };
        let failed = |error: std::io::Error| wrong(error.to_string());
        // A pipe would be waited for.
        let meta = fs::metadata(path).map_err(failed)?;
        if !meta.is_file() {
            return Err(wrong("it is no regular file".to_owned()));
        }
        let rest = meta.len().saturating_sub(offset);
        let length = length.unwrap_or(rest);
        if length > rest {
            let reason = format!("it has no {length} bytes from {offset} on");
            return Err(wrong(reason));
        }
        let left = self.room.checked_sub(length);
        self.room = left.ok_or_else(|| wrong("there is more in it than is read".to_owned()))?;
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        self.hash.write_all(&bytes).map_err(failed)?;
        Ok(bytes.into())
    }
}

/// The file of this name in a folder, or below it; links do not lead out of it.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, TensorFault> {
    let outside = || TensorFault::Outside(name.to_owned());
    let mut parts = Path::new(name).components();
    let plain = parts.all(|part| matches!(part, Component::Normal(_)));
    if !plain || name.is_empty() {
        return Err(outside());
    }
    let path = folder.join(name);
    let real = |path: &Path| {
        fs::canonicalize(path).map_err(|error| TensorFault::File {
            path: path.into(),
            reason: error.to_string(),
        })
    };
    match real(&path)?.starts_with(real(folder)?) {
        true => Ok(path),
        false => Err(outside()),
    }
}
