//! An output that is also an input: what is read would be replaced, or grow
//! while it is read.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A file, and how the command line names it: `-o`, `--log`; nothing for an argument.
#[derive(Clone, Copy, Debug)]
pub struct Named<'p> {
    /// The flag.
    pub flag: &'static str,
    /// The file.
    pub path: &'p Path,
}

impl<'p> Named<'p> {
    /// What is read; `-` is standard input.
    #[must_use]
    pub fn read(flag: &'static str, path: &'p Path) -> Self {
        match path.as_os_str() == "-" {
            true => Self {
                flag: "standard input,",
                path: Path::new("/dev/stdin"),
            },
            false => Self { flag, path },
        }
    }

    /// What a flag names, where it is given.
    pub fn given(flag: &'static str, path: &'p Option<PathBuf>) -> Option<Self> {
        path.as_deref().map(|path| Self::read(flag, path))
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flag {
            "" => write!(f, "{}", self.path.display()),
            flag => write!(f, "{flag} {}", self.path.display()),
        }
    }
}

/// Two names that must not be one file are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{output} and {other} are the same file: name another one (nothing was touched)")]
pub struct Clash {
    /// What is written.
    pub output: String,
    /// What is read, or written too.
    pub other: String,
}

/// Which file a name stands for, whatever the name.
#[derive(PartialEq, Eq)]
enum Identity {
    Node(u64, u64),
    /// One that is not there yet.
    Name(PathBuf),
}

/// Checks that no output is an input, or another output. Links are followed;
/// devices and pipes may be both.
///
/// # Errors
/// The first two that are one file.
pub fn apart(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Result<(), Clash> {
    let mut seen: Vec<_> = inputs
        .iter()
        .filter_map(|input| Some((identity(input.path)?, input)))
        .collect();
    for output in outputs {
        let Some(found) = identity(output.path) else {
            continue;
        };
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == found) {
            let (output, other) = (output.to_string(), other.to_string());
            return Err(Clash { output, other });
        }
        seen.push((found, output));
    }
    Ok(())
}

fn identity(path: &Path) -> Option<Identity> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() || meta.is_dir() => node(path, &meta),
        Ok(_) => None,
        Err(_) => name(path).map(Identity::Name),
    }
}

#[cfg(unix)]
fn node(_: &Path, meta: &fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some(Identity::Node(meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn node(path: &Path, _: &fs::Metadata) -> Option<Identity> {
    fs::canonicalize(path).ok().map(Identity::Name)
}

/// Where a file would be made.
fn name(path: &Path) -> Option<PathBuf> {
    match crate::write::resolve(path).ok()? {
        crate::Target::File { path, .. } => {
            let folder = fs::canonicalize(crate::write::folder(&path)).ok()?;
            Some(folder.join(path.file_name()?))
        }
        crate::Target::Open(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'p>(flag: &'static str, path: &'p Path) -> Named<'p> {
        Named { flag, path }
    }

    #[cfg(unix)]
    #[test]
    fn one_file_is_found_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").unwrap();
        fs::write(path("b"), "").unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        std::os::unix::fs::symlink("a", path("soft")).unwrap();
        std::os::unix::fs::symlink("new", path("dangling")).unwrap();
        let clash = |input: &str, output: &str| {
            apart(
                &[named("--parents", &path(input))],
                &[named("-o", &path(output))],
            )
            .is_err()
        };
        for other in ["a", "hard", "soft", "../soft"] {
            let other = other.replace("..", &format!("../{}", name_of(folder.path())));
            assert!(clash("a", &other), "{other}");
        }
        assert!(!clash("a", "b") && !clash("a", "new"));
        let two = |a: &str, b: &str| {
            apart(&[], &[named("-o", &path(a)), named("--log", &path(b))]).is_err()
        };
        assert!(two("new", "new") && two("new", "dangling") && !two("new", "newer"));
        let null = Path::new("/dev/null");
        assert_eq!(apart(&[named("", null)], &[named("-o", null)]), Ok(()));
    }

    fn name_of(folder: &Path) -> String {
        folder.file_name().unwrap().to_string_lossy().into_owned()
    }

    #[test]
    fn both_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "").unwrap();
        let clash = apart(&[named("", &file)], &[named("-o", &file)]).unwrap_err();
        let (x, said) = (file.display(), clash.to_string());
        assert!(
            said.starts_with(&format!("-o {x} and {x} are the same file")),
            "{said}"
        );
    }
}
