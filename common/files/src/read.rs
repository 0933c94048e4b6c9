//! Reading no more than is sensible: a device without an end, or a file that is
//! nothing but large, must not fill the memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is more than is read.
    #[error("larger than the {0} bytes that are read of such a file")]
    TooLarge(u64),
    /// It is a device or a pipe, where a file is needed that can be read again.
    #[error("not a regular file, which this must be since it is read more than once")]
    NotRegular,
}

/// A reader that ends in an error at its limit, where [`Read::take`] would look
/// like the end of the file.
#[derive(Debug)]
pub struct Capped<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Capped<R> {
    /// At most `limit` bytes of `inner`.
    pub fn new(inner: R, limit: u64) -> Self {
        Self {
            inner,
            left: limit,
            limit,
        }
    }
}

impl Capped<File> {
    /// Opens a file of which at most `limit` bytes are read. That a regular one
    /// is larger is said at once.
    ///
    /// # Errors
    /// When it cannot be opened, or is larger.
    pub fn open(path: &Path, limit: u64) -> Result<Self, ReadError> {
        let file = File::open(path)?;
        match file.metadata()?.len() > limit {
            true => Err(ReadError::TooLarge(limit)),
            false => Ok(Self::new(file, limit)),
        }
    }

    /// As [`Capped::open`], of a file that can be read again: opening a pipe would
    /// wait for somebody to write into it, and the second reader would wait for ever.
    ///
    /// # Errors
    /// When it cannot be opened, is larger, or is a device or a pipe.
    pub fn open_regular(path: &Path, limit: u64) -> Result<Self, ReadError> {
        let meta = std::fs::metadata(path)?;
        match meta.is_file() || meta.is_dir() {
            true => Self::open(path, limit), // reading a folder is the system's to refuse
            false => Err(ReadError::NotRegular),
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let room = buffer.len().min(room.saturating_add(1));
        let read = self.inner.read(&mut buffer[..room])?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                ReadError::TooLarge(self.limit),
            )),
        }
    }
}

/// The bytes of a file of any kind, which are at most `limit`.
///
/// # Errors
/// When it cannot be read, or there are more.
pub fn capped(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    all(Capped::open(path, limit)?, limit)
}

/// As [`capped`], of a file that can be read again.
///
/// # Errors
/// As [`capped`], and when it is a device or a pipe.
pub fn capped_regular(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    all(Capped::open_regular(path, limit)?, limit)
}

fn all(mut file: Capped<File>, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    match file.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(ReadError::TooLarge(limit))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_an_error_and_not_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(capped(&path, 5).unwrap(), b"12345");
        assert!(matches!(capped(&path, 4), Err(ReadError::TooLarge(4))));
        let mut text = String::new();
        let error = Capped::new(&b"12345"[..], 4).read_to_string(&mut text);
        let said = error.unwrap_err().to_string();
        assert!(said.contains("the 4 bytes"), "{said}");
        assert!(matches!(
            capped(&folder.path().join("none"), 4),
            Err(ReadError::Io(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn devices_end_at_the_limit_or_are_refused() {
        let zero = Path::new("/dev/zero");
        let read = capped(zero, 1 << 20);
        assert!(matches!(read, Err(ReadError::TooLarge(_))), "{read:?}");
        let opened = Capped::open_regular(zero, 1 << 20);
        assert!(matches!(opened, Err(ReadError::NotRegular)));
        let read = capped_regular(zero, 1 << 20);
        assert!(matches!(read, Err(ReadError::NotRegular)));
    }
}
