//! How a data set is named on a command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::DataError;

/// A data set as a user names it: `cifar10[:DIR]`, `cifar100[:DIR]`,
/// `folder:DIR` or `noise`. A CIFAR set without a folder is looked for in the
/// cache folder that [`ImageSource::open`](crate::ImageSource::open) is given.
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
}

impl DataSpec {
    /// What is used where no data set is named: CIFAR-10 where it lies in the
    /// `cache` folder, noise otherwise.
    #[must_use]
    pub fn fallback(cache: &Path) -> Self {
        if cache.join("cifar10").is_dir() {
            DataSpec::Cifar10(None)
        } else {
            DataSpec::Noise
        }
    }

    /// The name without the folder: `cifar10`, `cifar100`, `folder`, `noise`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            DataSpec::Cifar10(_) => "cifar10",
            DataSpec::Cifar100(_) => "cifar100",
            DataSpec::Folder(_) => "folder",
            DataSpec::Noise => "noise",
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
            _ => Err(DataError::UnknownSpec(text.to_owned())),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataSpec::Cifar10(Some(folder))
            | DataSpec::Cifar100(Some(folder))
            | DataSpec::Folder(folder) => write!(out, "{}:{}", self.name(), folder.display()),
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
        ] {
            assert_eq!(text.parse::<DataSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_choices() {
        for text in [
            "", "cifar", "cifar10:", "folder", "folder:", "noise:x", "CIFAR10", ":d",
        ] {
            let message = text.parse::<DataSpec>().unwrap_err().to_string();
            assert!(message.contains(&format!("'{text}'")), "{message}");
            assert!(message.contains("folder:DIR"), "{message}");
        }
    }

    #[test]
    fn fallback_is_cifar10_only_where_it_lies() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(DataSpec::fallback(cache.path()), DataSpec::Noise);
        std::fs::create_dir(cache.path().join("cifar10")).unwrap();
        assert_eq!(DataSpec::fallback(cache.path()), DataSpec::Cifar10(None));
    }
}
