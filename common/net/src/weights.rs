//! Weights in and out, as safetensors.
//!
//! The format is a table of names, shapes and offsets and then plain numbers:
//! reading it runs nothing. The `safetensors` crate checks the table.

mod read;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use knas_files::NewFile;
use knas_files::model::NoModel;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, SafeTensors, TensorInfo};
use tch::{Device, Kind, Tensor};

pub use read::{bytes, metadata};

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
    /// What it tells beside its tensors.
    metadata: BTreeMap<String, String>,
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
        let foreign = |e| format(format!("not a safetensors file ({e})"));
        let file = SafeTensors::deserialize(bytes).map_err(foreign)?;
        let (_, table) = SafeTensors::read_metadata(bytes).map_err(foreign)?;
        let metadata = table.metadata().iter().flatten();
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
            metadata: metadata.map(|(k, v)| (k.clone(), v.clone())).collect(),
        })
    }

    /// Tensors of a file of another format, with their sizes and numbers; `path` names
    /// it in errors.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn of(
        path: &Path,
        tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<f32>)>,
    ) -> Result<Self, WeightsError> {
        let mut held = HashMap::new();
        for (name, shape, numbers) in tensors {
            let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
            let tensor = Tensor::f_from_slice(&numbers).and_then(|t| t.f_reshape(shape));
            let tensor = tensor.map_err(|e| WeightsError::Format {
                path: path.into(),
                reason: format!("tensor \"{name}\": {e}"),
            })?;
            held.insert(name, tensor);
        }
        Ok(Self::of_tensors(path, held))
    }

    /// Tensors as if they had been read; `path` names them in errors.
    #[must_use]
    pub fn of_tensors(path: &Path, tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        Self {
            path: path.into(),
            tensors: tensors.into_iter().collect(),
            unread: HashMap::new(),
            metadata: BTreeMap::new(),
        }
    }

    /// The file, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file tells under `key` beside its tensors.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
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
            metadata: self.metadata.clone(),
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

/// Writes tensors to a file, which appears under its name only when it is whole.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    write_with(path, tensors, &BTreeMap::new())
}

/// As [`write()`], with texts that the file tells beside its tensors.
///
/// # Errors
/// As [`write()`].
pub fn write_with(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let mut file = BufWriter::new(NewFile::create(path).map_err(io)?);
    write_to(path, tensors, metadata, &mut file)?;
    let file = file.into_inner().map_err(|error| io(error.into_error()))?;
    file.finish().map_err(io)
}

/// Writes tensors one after another, so that none but the one being written is in
/// memory twice; `path` names the file in errors. The bytes are those of the
/// `safetensors` crate, which asks for all tensors at once or for a file of its own.
///
/// # Errors
/// When a tensor is of a type that is not stored, or `out` refuses.
pub fn write_to(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &BTreeMap<String, String>,
    out: &mut impl Write,
) -> Result<(), WeightsError> {
    let format = |reason: String| WeightsError::Format {
        path: path.into(),
        reason,
    };
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let mut sorted = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let (dtype, size) = dtype(tensor.kind())
            .ok_or_else(|| format(format!("{:?} cannot be stored", tensor.kind())))?;
        sorted.push((name, dtype, size, tensor));
    }
    sorted.sort_by(|(a, left, ..), (b, right, ..)| right.cmp(left).then(a.cmp(b)));
    let (mut infos, mut end) = (Vec::with_capacity(sorted.len()), 0);
    for &(name, dtype, size, tensor) in &sorted {
        let start = end;
        end += tensor.numel() * size;
        let info = TensorInfo {
            dtype,
            shape: tensor.size().iter().map(|&n| n as usize).collect(),
            data_offsets: (start, end),
        };
        infos.push((name.clone(), info));
    }
    let mut table = serde_json::Map::new();
    if !metadata.is_empty() {
        table.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let tensors = Metadata::new(None, infos).map_err(|e| format(e.to_string()))?;
    // In order, which the crate's own map of metadata has none of.
    match serde_json::to_value(&tensors) {
        Ok(serde_json::Value::Object(tensors)) => table.extend(tensors),
        Ok(_) => {}
        Err(error) => return Err(format(error.to_string())),
    }
    let mut header = serde_json::to_vec(&table).map_err(|e| format(e.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())
        .map_err(io)?;
    out.write_all(&header).map_err(io)?;
    for (name, _, size, tensor) in sorted {
        let mut bytes = vec![0; tensor.numel() * size];
        tensor
            .f_to_device(Device::Cpu)
            .and_then(|t| t.f_contiguous())
            .and_then(|t| t.f_copy_data_u8(&mut bytes, t.numel()))
            .map_err(|e| format(format!("tensor \"{name}\": {e}")))?;
        out.write_all(&bytes).map_err(io)?;
    }
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
mod tests;
