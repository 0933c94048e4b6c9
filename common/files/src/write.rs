//! A file that appears under its name only when it is whole.
//!
//! It is written beside its place and renamed. A link keeps pointing where it
//! points: what is replaced is the file at its end. What is no regular file (a
//! device, a pipe, an open file named through `/proc/self/fd`) is written to and
//! never replaced. A new file has the mode that the umask leaves, and one that
//! is replaced hands on its mode and, where the system allows it, its owner.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many links may follow one another, as on Linux.
const MAX_LINKS: usize = 40;

/// What a name for an output stands for.
#[derive(Debug)]
pub enum Target {
    /// A regular file, which is there or not.
    File {
        /// Its own path, with links at the end followed.
        path: PathBuf,
        /// The file that would be replaced.
        there: Option<Metadata>,
    },
    /// Something that can be opened, and not replaced.
    Open(PathBuf),
}

/// Finds what `path` stands for, and that it can be written.
///
/// # Errors
/// When it is a folder, leads in a circle, or may not be written.
pub fn resolve(path: &Path) -> io::Result<Target> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Target::File { path, there: None });
            }
            Err(error) => return Err(error),
        };
        if meta.is_symlink() {
            let folder = folder(&path);
            // Links of /proc lead to what is open, whatever has become of its name.
            if fs::canonicalize(folder)?.starts_with("/proc") {
                return Ok(Target::Open(path));
            }
            path = folder.join(fs::read_link(&path)?);
        } else if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        } else if meta.is_file() {
            // Renaming asks for nothing of the file: one that is protected stays.
            OpenOptions::new().write(true).open(&path)?;
            let there = Some(meta);
            return Ok(Target::File { path, there });
        } else {
            return Ok(Target::Open(path));
        }
    }
    Err(io::Error::other("too many links follow one another"))
}

/// Opens what is not to be replaced. At the end: an open file may have content
/// that others wrote before.
///
/// # Errors
/// When the system refuses.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// The folder that a file is in.
#[must_use]
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives a new file the mode and, where that is allowed, the owner of the one
/// that it will replace.
///
/// # Errors
/// When the mode cannot be set.
pub fn inherit(file: &File, replaced: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let mine = file.metadata()?;
        if (mine.uid(), mine.gid()) != (replaced.uid(), replaced.gid()) {
            // Nobody but root may give files away.
            let _ = fchown(file, Some(replaced.uid()), Some(replaced.gid()));
        }
    }
    file.set_permissions(replaced.permissions())
}

/// Gives a whole file its name, for good.
///
/// # Errors
/// When the system refuses; the file then keeps its old name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // So that a crash of the machine cannot take the name back. Where a folder
    // cannot be synchronised, the system does it in its own time.
    if let Ok(folder) = File::open(folder(to)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A file being written. Dropped without [`NewFile::finish`], it leaves nothing.
#[derive(Debug)]
pub enum NewFile {
    /// Beside its place.
    Beside(tempfile::NamedTempFile, PathBuf),
    /// Where it is.
    Open(File),
}

impl NewFile {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written where `path` says.
    pub fn create(path: &Path) -> io::Result<Self> {
        match resolve(path)? {
            Target::Open(path) => Ok(Self::Open(open(&path)?)),
            Target::File { path, there } => {
                let mut new = tempfile::Builder::new();
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt;
                    new.permissions(fs::Permissions::from_mode(0o666)); // less the umask
                }
                let new = new.prefix(".knas-").tempfile_in(folder(&path))?;
                if let Some(there) = &there {
                    inherit(new.as_file(), there)?;
                }
                Ok(Self::Beside(new, path))
            }
        }
    }

    /// Ends a file that is whole, and gives it its name.
    ///
    /// # Errors
    /// When the system refuses: the disk may be full.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Open(_) => Ok(()),
            Self::Beside(new, path) => {
                new.as_file().sync_all()?;
                let new = new.into_temp_path();
                rename(&new, &path)?;
                new.keep().map(drop).map_err(|error| error.error)
            }
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file, _) => file.write(bytes),
            Self::Open(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is buffered
    }
}

/// Writes a whole file.
///
/// # Errors
/// When the system refuses; what was there is then untouched.
pub fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes)?;
    file.finish()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut new = NewFile::create(&path).unwrap();
        new.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(new);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        whole(&path, b"one").unwrap();
        whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = whole(folder.path(), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn modes_are_those_of_a_plain_write_or_of_what_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [plain, path] = ["plain", "file"].map(|name| folder.path().join(name));
        fs::write(&plain, "").unwrap();
        whole(&path, b"").unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        whole(&path, b"new").unwrap();
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn links_keep_pointing_where_they_point() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("there")).unwrap();
        symlink("there/file", path("near")).unwrap();
        symlink("near", path("far")).unwrap();
        for text in ["dangling", "replaced"] {
            whole(&path("far"), text.as_bytes()).unwrap();
            assert!(path("far").is_symlink() && path("near").is_symlink());
            assert_eq!(fs::read_to_string(path("there/file")).unwrap(), text);
        }
        symlink("circle", path("circle")).unwrap();
        assert!(whole(&path("circle"), b"").is_err());
    }

    #[test]
    fn what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = File::create(path("open")).unwrap();
        (&file).write_all(b"before ").unwrap();
        use std::os::fd::AsRawFd;
        let number = file.as_raw_fd();
        symlink(format!("/proc/self/fd/{number}"), path("link")).unwrap();
        whole(&path("link"), b"after").unwrap();
        assert!(path("link").is_symlink());
        assert_eq!(fs::read_to_string(path("open")).unwrap(), "before after");
        symlink("/dev/null", path("null")).unwrap();
        whole(&path("null"), b"lost").unwrap();
        assert!(path("null").is_symlink());
        if Path::new("/dev/full").exists() {
            assert!(whole(Path::new("/dev/full"), b"x").is_err());
        }
    }
}
