//! How a data set is named on a command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::DataError;

/// A data set as a user names it: `cifar10[:DIR]`, `cifar100[:DIR]`,
/// `folder:DIR` or `noise`, which are images; `rte:DIR`, `mrpc:DIR` or
/// `jsonl:FILE`, which are texts. A CIFAR set without a folder is looked for in
/// the cache folder that [`ImageSource::open`](crate::ImageSource::open) is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSpec {
    /// CIFAR-10 in the official binary files.
    Cifar10(Option<PathBuf>),
    /// CIFAR-100 in the official binary files.
    Cifar100(Option<PathBuf>),
    /// A folder with one sub-folder of PNG or JPEG images per class.
    Folder(PathBuf),
    /// Normally distributed images with random labels.
    Noise,
    /// Recognising textual entailment: GLUE's folder of `.tsv` files.
    Rte(PathBuf),
    /// Microsoft's paraphrases: GLUE's folder of `.tsv` files.
    Mrpc(PathBuf),
    /// A file of examples, one JSON object a line.
    Jsonl(PathBuf),
}

impl DataSpec {
    /// How the sets are named; after a colon follows a path.
    pub const FORMS: [&'static str; 9] = [
        "cifar10",
        "cifar10:",
        "cifar100",
        "cifar100:",
        "folder:",
        "noise",
        "rte:",
        "mrpc:",
        "jsonl:",
    ];

    /// What is used where no data set is named: CIFAR-10 where it lies in the
    /// `cache` folder or in one of its `own`, noise otherwise. A folder of its own
    /// was named by somebody, and is used even where it is not there, to say so.
    #[must_use]
    pub fn fallback(cache: &Path, own: Option<PathBuf>) -> Self {
        match own {
            Some(folder) => DataSpec::Cifar10(Some(folder)),
            None if cache.join("cifar10").is_dir() => DataSpec::Cifar10(None),
            None => DataSpec::Noise,
        }
    }

    /// What networks learn from: the set that is `given`, or else CIFAR-10, looked for as
    /// [`fallback`](Self::fallback) does. Nothing can be learnt from noise.
    ///
    /// # Errors
    /// When none is given and CIFAR-10 is not there.
    pub fn to_learn_from(
        given: Option<&Self>,
        cache: &Path,
        own: Option<PathBuf>,
    ) -> Result<Self, DataError> {
        match given {
            Some(spec) => Ok(spec.clone().with_own_cifar10(own)),
            None => match Self::fallback(cache, own) {
                DataSpec::Noise => Err(DataError::NotFetched),
                found => Ok(found),
            },
        }
    }

    /// The same set, and CIFAR-10 without a folder in the one of its `own`.
    #[must_use]
    pub fn with_own_cifar10(self, own: Option<PathBuf>) -> Self {
        match self {
            DataSpec::Cifar10(None) => DataSpec::Cifar10(own),
            other => other,
        }
    }

    /// The folder or file that is named.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Noise => None,
            Self::Cifar10(path) | Self::Cifar100(path) => path.as_deref(),
            Self::Folder(path) | Self::Rte(path) | Self::Mrpc(path) | Self::Jsonl(path) => {
                Some(path)
            }
        }
    }

    /// Whether it is made of texts; otherwise it is made of images.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Rte(_) | Self::Mrpc(_) | Self::Jsonl(_))
    }

    /// The name without the folder, such as `cifar10` or `rte`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            DataSpec::Cifar10(_) => "cifar10",
            DataSpec::Cifar100(_) => "cifar100",
            DataSpec::Folder(_) => "folder",
            DataSpec::Noise => "noise",
            DataSpec::Rte(_) => "rte",
            DataSpec::Mrpc(_) => "mrpc",
            DataSpec::Jsonl(_) => "jsonl",
        }
    }
}

impl FromStr for DataSpec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (name, folder) = match text.split_once(':') {
            Some((name, folder)) if !folder.is_empty() => (name, Some(PathBuf::from(folder))),
            Some(_) => return Err(DataError::UnknownSpec(text.to_owned())),
            None => (text, None),
        };
        match (name, folder) {
            ("cifar10", folder) => Ok(DataSpec::Cifar10(folder)),
            ("cifar100", folder) => Ok(DataSpec::Cifar100(folder)),
            ("folder", Some(folder)) => Ok(DataSpec::Folder(folder)),
            ("noise", None) => Ok(DataSpec::Noise),
            ("rte", Some(folder)) => Ok(DataSpec::Rte(folder)),
            ("mrpc", Some(folder)) => Ok(DataSpec::Mrpc(folder)),
            ("jsonl", Some(file)) => Ok(DataSpec::Jsonl(file)),
            _ => Err(DataError::UnknownSpec(text.to_owned())),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataSpec::Cifar10(Some(folder))
            | DataSpec::Cifar100(Some(folder))
            | DataSpec::Folder(folder)
            | DataSpec::Rte(folder)
            | DataSpec::Mrpc(folder)
            | DataSpec::Jsonl(folder) => write!(out, "{}:{}", self.name(), folder.display()),
            _ => out.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_back_as_they_were_written() {
        for text in [
            "cifar10",
            "cifar10:/a b",
            "cifar100",
            "cifar100:x:y",
            "folder:d",
            "noise",
            "rte:a",
            "mrpc:a",
            "jsonl:a.jsonl",
        ] {
            assert_eq!(text.parse::<DataSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_choices() {
        for text in [
            "", "cifar", "cifar10:", "folder", "folder:", "noise:x", "CIFAR10", ":d", "rte",
            "mrpc", "jsonl:",
        ] {
            let message = text.parse::<DataSpec>().unwrap_err().to_string();
            assert!(message.contains(&format!("'{text}'")), "{message}");
            assert!(message.contains("folder:DIR"), "{message}");
        }
    }

    #[test]
    fn fallback_is_cifar10_only_where_it_lies() {
        let cache = tempfile::tempdir().unwrap();
        let fallback = |own: Option<&str>| {
            let own = own.map(PathBuf::from);
            DataSpec::fallback(cache.path(), own).to_string()
        };
        assert_eq!(
            (&*fallback(None), &*fallback(Some("/x"))),
            ("noise", "cifar10:/x")
        );
        std::fs::create_dir(cache.path().join("cifar10")).unwrap();
        assert_eq!(
            (&*fallback(None), &*fallback(Some("/x"))),
            ("cifar10", "cifar10:/x")
        );
        for (name, same) in [
            ("cifar10", "cifar10:/x"),
            ("cifar10:/y", "cifar10:/y"),
            ("noise", "noise"),
        ] {
            let spec: DataSpec = name.parse().unwrap();
            assert_eq!(spec.with_own_cifar10(Some("/x".into())).to_string(), same);
        }
    }
}
