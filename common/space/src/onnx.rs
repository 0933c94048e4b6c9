//! Networks from files of ONNX: everybody's own.
//!
//! An architecture is a file, written `PATH@sha256:HASH`, or `PATH` alone for
//! whatever is in it. There is nothing to draw or to mutate: `knas-sample --space
//! onnx FILE…` names the candidates. What can be read, [`knas_onnx`] tells.

use std::error::Error;
use std::fmt;
use std::iter;
use std::path::Path;
use std::sync::Arc;

use knas_graph::Graph;
use knas_onnx::Model;
use thiserror::Error;

use crate::setting::{Input, LowerError, Setting, Sizes};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, OwnWeights,
    SearchSpace, unchanged,
};

/// Between a path and its hash.
const MARK: &str = "@sha256:";

/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// The search space.
#[derive(Clone, Copy, Debug)]
pub struct Onnx;

/// A file, read.
#[derive(Clone, Debug)]
pub struct OnnxFile {
    path: String,
    model: Arc<Model>,
}

/// Why a file is no candidate, beside what reading it tells.
#[derive(Debug, Error)]
enum FileError {
    #[error("name a file of ONNX, as PATH or PATH{MARK}HASH")]
    Nameless,
    #[error("{0:?} is no SHA-256, which has {DIGITS} digits from 0 to f")]
    Hash(String),
    #[error("the file has changed: its SHA-256 is {found}, and was {wanted}")]
    Changed { found: String, wanted: String },
    #[error("its images have {0} channels, and those of data have 3")]
    Channels(usize),
}

impl OnnxFile {
    /// Reads a file of which this is the SHA-256, where one is known.
    fn read(path: &str, wanted: Option<&str>) -> Result<Self, ArchError> {
        let wrong = |reason: Box<dyn Error + Send + Sync>| ArchError::of_file(path, reason);
        if path.is_empty() {
            return Err(wrong(FileError::Nameless.into()));
        }
        let model = Model::read(Path::new(path)).map_err(|error| wrong(error.into()))?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != model.sha256()) {
            let (found, wanted) = (model.sha256().to_owned(), wanted.to_owned());
            return Err(wrong(FileError::Changed { found, wanted }.into()));
        }
        if model.channels() != 3 {
            return Err(wrong(FileError::Channels(model.channels()).into()));
        }
        Ok(Self {
            path: path.to_owned(),
            model: Arc::new(model),
        })
    }
}

impl fmt::Display for OnnxFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{MARK}{}", self.path, self.model.sha256())
    }
}

impl SearchSpace for Onnx {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn description(&self) -> &'static str {
        "networks for images in files of ONNX: your own"
    }

    fn is_of_files(&self) -> bool {
        true
    }

    fn lacks(&self) -> Option<&'static str> {
        Some("files: knas-sample --space onnx FILE…")
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        unchanged(*self, options)
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        let (path, hash) = match arch.rsplit_once(MARK) {
            Some((path, hash)) => (path, Some(hash)),
            None => (arch, None),
        };
        let is_hash = |hash: &str| {
            hash.len() == DIGITS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(hash) = hash.filter(|hash| !is_hash(hash)) {
            let reason = FileError::Hash(crate::space::excerpt(hash));
            return Err(ArchError::of_file(path, reason.into()));
        }
        Ok(Box::new(OnnxFile::read(path, hash)?))
    }

    fn sample(&self, _seed: u64) -> Architectures {
        Box::new(iter::empty())
    }

    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network]
    }
}

impl Architecture for OnnxFile {
    /// By its content: a file that is moved keeps its name.
    fn id(&self) -> String {
        let hash = self.model.sha256();
        format!("onnx-{}", hash.get(..16).unwrap_or(hash))
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &Onnx
    }

    fn usual(&self) -> Setting {
        Setting {
            input: Input::Images {
                side: self.model.usual_side(),
            },
            classes: self.model.classes(),
            sizes: Sizes::default(),
        }
    }

    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let (side, classes) = setting.side_and_classes()?;
        let graph = self.model.lower(side, classes);
        graph.map_err(|error| LowerError::Size(error.into()))
    }

    fn own_weights(&self) -> Option<OwnWeights<'_>> {
        Some(OwnWeights {
            path: Path::new(&self.path),
            sha256: self.model.sha256(),
            tensors: Box::new(self.model.tensors()),
        })
    }

    fn notes(&self) -> &[String] {
        self.model.notes()
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Network => Some(self.model.sha256().to_owned()),
            Equivalence::Benchmark | Equivalence::Function => None,
        }
    }

    fn mutants(&self, _seed: u64) -> Architectures {
        Box::new(iter::empty())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use knas_onnx::{Options as Written, write};

    use super::*;
    use crate::nb201::Nb201;

    /// A cell of four channels for images of this side, all of its numbers `value`.
    fn model(side: usize, value: f32) -> Vec<u8> {
        let setting = Setting::of(
            &Nb201,
            [("channels", 4), ("cells", 1), ("side", side as u64)],
        );
        let cell = Nb201.at(6111).unwrap();
        let graph = cell.lower(&setting.unwrap(), Extent::Live).unwrap();
        let sizes = graph
            .parameters()
            .iter()
            .map(|p| (p.name.clone(), p.shape.clone()));
        let running = graph.running().iter().flat_map(|running| {
            let name = |what| format!("{}.{what}", running.name);
            ["running_mean", "running_var"].map(|what| (name(what), vec![running.channels]))
        });
        let sizes: std::collections::HashMap<_, _> = sizes.chain(running).collect();
        let tensor = |name: &str| {
            let shape: &Vec<usize> = sizes.get(name)?;
            Some(vec![value; shape.iter().product()])
        };
        write(&graph, tensor, &Written::default()).unwrap()
    }

    #[test]
    fn a_file_is_named_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a@sha256:b.onnx");
        fs::write(&path, model(32, 0.5)).unwrap();
        let path = path.to_str().unwrap();
        let hash = knas_files::sha256_of(Path::new(path)).unwrap();
        let arch = format!("{path}@sha256:{hash}");
        let found = Onnx.parse(&arch).unwrap();
        assert_eq!(found.to_string(), arch);
        assert_eq!(found.id(), format!("onnx-{}", &hash[..16]));
        assert_eq!(found.key(Equivalence::Network).unwrap(), hash);
        let usual: Vec<_> = found.usual().named().collect();
        assert_eq!(usual, [("classes", 10), ("side", 32)]);
        let cell = Nb201.at(6111).unwrap();
        let setting = Setting::of(&Nb201, [("channels", 4), ("cells", 1)]).unwrap();
        let graph = cell.lower(&setting, Extent::Live).unwrap();
        assert_eq!(found.cost().unwrap(), graph.cost());
        let own = found.own_weights().unwrap();
        assert_eq!((own.path, own.sha256), (Path::new(path), &*hash));
        assert!(
            own.tensors
                .flat_map(|(_, _, numbers)| numbers)
                .all(|n| n == 0.5)
        );
        // Other sizes than the file's, which the record then says.
        let told = Setting::of_network(&*found, [("side", 64), ("classes", 3)]).unwrap();
        let unusual: Vec<_> = told.unusual(&found.usual()).into_iter().collect();
        assert_eq!(
            unusual,
            [("classes".to_owned(), 3), ("side".to_owned(), 64)]
        );
        assert!(found.lower(&told, Extent::Live).is_ok());
        assert!(Setting::of_network(&*found, [("channels", 4)]).is_err());
    }

    #[test]
    fn what_is_no_candidate_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        fs::write(&path, model(32, 0.5)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let was = Onnx.parse(&path).unwrap().to_string();
        fs::write(&path, model(32, 0.25)).unwrap();
        let other = folder.path().join("b.onnx").to_str().unwrap().to_owned();
        fs::write(&other, "no model").unwrap();
        for (arch, said) in [
            (was, "has changed"),
            (format!("{path}@sha256:12"), "no SHA-256"),
            (other, "not a model of ONNX"),
            (
                folder.path().join("none").to_str().unwrap().to_owned(),
                "No such file",
            ),
            ("/dev/zero".to_owned(), "not a regular file"),
            (String::new(), "name a file"),
        ] {
            let error = match Onnx.parse(&arch) {
                Ok(found) => panic!("{found}"),
                Err(error) => error.to_string(),
            };
            assert!(error.contains(said), "{error}");
        }
        assert!(Onnx.sample(0).next().is_none());
    }
}
