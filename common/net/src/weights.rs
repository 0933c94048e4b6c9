//! Weights in and out, as safetensors.
//!
//! The format is a table of names, shapes and offsets and then plain numbers:
//! reading it runs nothing. The `safetensors` crate checks the table.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use knas_files::model::NoModel;
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView, serialize};
use tch::{Device, Kind, Tensor};

/// The largest file that is read.
const MAX_FILE: u64 = 16 << 30;

/// The weights of the last layer: of NAS-Bench-201 and BERT, and of RoBERTa.
const CLASSIFIERS: [&str; 2] = ["classifier.weight", "classifier.out_proj.weight"];

/// Why weights cannot be used, or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder is not that of a model.
    #[error(transparent)]
    NoModel(NoModel),
    /// The classifier has another number of outputs.
    #[error("{}: its classifier is for {found} classes, not {wanted}", path.display())]
    Classes {
        /// The file.
        path: PathBuf,
        /// Its classes.
        found: i64,
        /// Those of the data.
        wanted: usize,
    },
}

/// The tensors of a file.
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
    /// Those in a type that is not read, such as `F8_E4M3`, with its name.
    unread: HashMap<String, String>,
}

impl WeightFile {
    /// Reads a file of safetensors.
    ///
    /// # Errors
    /// When it cannot be read, or is not safetensors.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        Self::from_bytes(path, &bytes(path)?)
    }

    /// The tensors of a file that has been read; `path` names it in errors.
    ///
    /// # Errors
    /// When the bytes are not safetensors.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, WeightsError> {
        let format = |reason: String| WeightsError::Format {
            path: path.into(),
            reason,
        };
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| format(format!("not a safetensors file ({e})")))?;
        let (mut tensors, mut unread) = (HashMap::new(), HashMap::new());
        for (name, view) in file.tensors() {
            // Only where a network needs it does its type matter.
            let Some(kind) = kind(view.dtype()) else {
                unread.insert(name, format!("{:?}", view.dtype()));
                continue;
            };
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)
                .map_err(|e| format(format!("tensor \"{name}\": {e}")))?;
            tensors.insert(name, tensor);
        }
        Ok(Self {
            path: path.into(),
            tensors,
            unread,
        })
    }

    /// The same tensors, for another thread: they are not copied.
    #[must_use]
    pub fn view(&self) -> Self {
        self.view_of(|_| true)
    }

    /// As [`WeightFile::view`], without the tensors whose names begin so.
    #[must_use]
    pub fn without(&self, prefix: &str) -> Self {
        self.view_of(|name| !name.starts_with(prefix))
    }

    fn view_of(&self, keep: impl Fn(&str) -> bool) -> Self {
        let tensors = self.tensors.iter().filter(|(name, _)| keep(name));
        let unread = self.unread.iter().filter(|(name, _)| keep(name));
        Self {
            path: self.path.clone(),
            tensors: tensors
                .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
                .collect(),
            unread: unread
                .map(|(name, dtype)| (name.clone(), dtype.clone()))
                .collect(),
        }
    }

    /// How many classes the classifier tells apart, where there is one.
    #[must_use]
    pub fn classes(&self) -> Option<i64> {
        let mut last = CLASSIFIERS
            .iter()
            .filter_map(|name| self.tensors.get(*name));
        last.find_map(|tensor| tensor.size().first().copied())
    }

    /// Whether the classifier, where there is one, is for so many classes.
    ///
    /// # Errors
    /// How many it is for.
    pub fn fits_classes(&self, classes: usize) -> Result<(), WeightsError> {
        match self.classes() {
            Some(found) if found != classes as i64 => Err(WeightsError::Classes {
                path: self.path.clone(),
                found,
                wanted: classes,
            }),
            _ => Ok(()),
        }
    }

    /// Its tensors and those of another part of the same weights.
    #[must_use]
    pub fn with(mut self, part: Self) -> Self {
        self.tensors.extend(part.tensors);
        self.unread.extend(part.unread);
        self
    }

    /// The tensor called `name`, in single precision.
    ///
    /// # Errors
    /// When there is none, or it has another shape.
    pub fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, WeightsError> {
        match self.optional(name, shape)? {
            Some(tensor) => Ok(tensor),
            None => Err(self.wrong(format!("no tensor \"{name}\", which this network needs"))),
        }
    }

    /// The tensor called `name`, where there is one.
    ///
    /// # Errors
    /// When it has another shape, or is not made of floating-point numbers.
    pub fn optional(&self, name: &str, shape: &[i64]) -> Result<Option<Tensor>, WeightsError> {
        let Some(tensor) = self.tensors.get(name) else {
            return match self.unread.get(name) {
                Some(dtype) => Err(self.wrong(format!(
                    "tensor \"{name}\" is stored as {dtype}, which is not read: store it as F32, \
                     F16 or BF16"
                ))),
                None => Ok(None),
            };
        };
        if tensor.size() != shape {
            let found = tensor.size();
            return Err(self.wrong(format!("tensor \"{name}\" is {found:?}, not {shape:?}")));
        }
        if !tensor.is_floating_point() {
            return Err(self.wrong(format!(
                "tensor \"{name}\" is stored as {:?}, and floating-point numbers are needed",
                tensor.kind()
            )));
        }
        let copy = tensor.f_totype(Kind::Float).and_then(|t| t.f_detach_copy());
        copy.map(Some)
            .map_err(|e| self.wrong(format!("tensor \"{name}\": {e}")))
    }

    fn wrong(&self, reason: String) -> WeightsError {
        WeightsError::Format {
            path: self.path.clone(),
            reason,
        }
    }
}

/// The bytes of a file of weights.
///
/// # Errors
/// When it cannot be read, or is larger than such files are.
pub fn bytes(path: &Path) -> Result<Vec<u8>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let length = fs::metadata(path).map_err(io)?.len();
    if length > MAX_FILE {
        return Err(WeightsError::Format {
            path: path.into(),
            reason: format!("{length} bytes are more than are read ({MAX_FILE})"),
        });
    }
    fs::read(path).map_err(io)
}

/// Writes tensors to a file, which appears under its name only when it is whole.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    let bytes = to_bytes(path, tensors)?;
    write_whole(path, &bytes).map_err(|source| WeightsError::Io {
        path: path.into(),
        source,
    })
}

/// What [`write()`] writes; `path` names it in errors.
///
/// # Errors
/// When a tensor is of a type that is not stored.
pub fn to_bytes(path: &Path, tensors: &[(String, Tensor)]) -> Result<Vec<u8>, WeightsError> {
    let format = |reason: String| WeightsError::Format {
        path: path.into(),
        reason,
    };
    let mut data = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let (dtype, size) = dtype(tensor.kind())
            .ok_or_else(|| format(format!("{:?} cannot be stored", tensor.kind())))?;
        let copied = tensor
            .f_to_device(Device::Cpu)
            .and_then(|t| t.f_contiguous())
            .and_then(|t| {
                let mut bytes = vec![0; t.numel() * size];
                t.f_copy_data_u8(&mut bytes, t.numel())?;
                Ok(bytes)
            });
        let bytes = copied.map_err(|e| format(format!("tensor \"{name}\": {e}")))?;
        let shape: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
        data.push((name, dtype, shape, bytes));
    }
    let mut views = Vec::with_capacity(data.len());
    for (name, dtype, shape, bytes) in &data {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        views.push((*name, view.map_err(|e| format(e.to_string()))?));
    }
    serialize(views, None).map_err(|e| format(e.to_string()))
}

/// A temporary file beside the target, then a rename.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let kept = file.persist(path).map_err(|e| e.error)?;
    make_readable(&kept)
}

/// Temporary files are their owner's alone; results are for whom the umask says.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

fn kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::U8 => Kind::Uint8,
        _ => return None,
    })
}

fn dtype(kind: Kind) -> Option<(Dtype, usize)> {
    Some(match kind {
        Kind::Double => (Dtype::F64, 8),
        Kind::Float => (Dtype::F32, 4),
        Kind::Int64 => (Dtype::I64, 8),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let tensor = Tensor::from_slice(&[1f32, -2.0, 3.5, 0.0]).reshape([2, 2]);
        write(
            &path,
            &[
                ("w".into(), tensor.shallow_clone()),
                ("n".into(), Tensor::from(7i64)),
            ],
        )
        .unwrap();
        let file = WeightFile::read(&path).unwrap();
        assert_eq!(file.tensor("w", &[2, 2]).unwrap(), tensor);
        let missing = file.tensor("v", &[1]).unwrap_err().to_string();
        assert!(
            missing.contains("a.safetensors: no tensor \"v\""),
            "{missing}"
        );
        let shape = file.tensor("w", &[4]).unwrap_err().to_string();
        assert!(shape.contains("[2, 2], not [4]"), "{shape}");
        assert!(file.tensor("n", &[]).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn types_that_are_not_read_are_named() {
        for (dtype, said) in [("F8_E4M3", "stored as F8_E4M3"), ("I8", "stored as I8")] {
            let json = format!(r#"{{"w":{{"dtype":"{dtype}","shape":[4],"data_offsets":[0,4]}}}}"#);
            let bytes = [
                &(json.len() as u64).to_le_bytes()[..],
                json.as_bytes(),
                b"abcd",
            ];
            let file = WeightFile::from_bytes(Path::new("x"), &bytes.concat()).unwrap();
            for error in [
                file.tensor("w", &[4]).err(),
                file.optional("w", &[4]).err(),
                file.view().optional("w", &[4]).err(),
            ] {
                assert!(error.unwrap().to_string().contains(said));
            }
            assert!(file.without("w").optional("w", &[4]).unwrap().is_none());
            assert!(file.optional("v", &[4]).unwrap().is_none());
        }
    }

    #[test]
    fn hostile_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let header =
            |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
        let files = [
            vec![],
            vec![0xff; 64],
            b"PK\x03\x04 a pickle in a zip".to_vec(),
            header(r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#),
            header(r#"{"w":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,0]}}"#),
        ];
        for bytes in files {
            fs::write(&path, &bytes).unwrap();
            let error = WeightFile::read(&path).unwrap_err().to_string();
            assert!(error.contains("not a safetensors file"), "{error}");
        }
        assert!(matches!(
            WeightFile::read(dir.path()),
            Err(WeightsError::Io { .. })
        ));
    }
}
