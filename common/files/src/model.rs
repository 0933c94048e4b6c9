//! The folder of a published model, as Hugging Face lays it out.
//!
//! The hub's cache holds a model as `models--ORG--NAME/snapshots/REVISION/…`: who
//! names the outer folder is told of the inner one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";

/// A folder that is not that of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct NoModel {
    folder: PathBuf,
    /// Folders below it that are, as the hub's cache has them.
    snapshots: Vec<PathBuf>,
}

impl NoModel {
    /// Whether it is a folder of the hub's cache, below which a model is.
    #[must_use]
    pub fn has_snapshots(&self) -> bool {
        !self.snapshots.is_empty()
    }
}

impl fmt::Display for NoModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no {CONFIG}", self.folder.display())?;
        match self.snapshots.as_slice() {
            [] => f.write_str(
                ": a model's folder, as save_pretrained of transformers writes it, holds \
                 config.json, model.safetensors and a tokenizer",
            ),
            [only] => write!(
                f,
                ": it is a folder of the hub's cache, whose model is in its snapshot: name {}",
                only.display()
            ),
            several => {
                let names: Vec<String> = several.iter().map(|s| s.display().to_string()).collect();
                write!(
                    f,
                    ": it is a folder of the hub's cache with several snapshots: name one of {}",
                    names.join(", ")
                )
            }
        }
    }
}

impl std::error::Error for NoModel {}

/// The `config.json` of a model's folder.
///
/// # Errors
/// When there is none.
pub fn config(folder: &Path) -> Result<PathBuf, NoModel> {
    let config = folder.join(CONFIG);
    if config.is_file() {
        return Ok(config);
    }
    // A folder that cannot be listed has nothing to be named.
    let entries = fs::read_dir(folder.join("snapshots")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut snapshots: Vec<PathBuf> = paths.filter(|path| path.join(CONFIG).is_file()).collect();
    snapshots.sort_unstable();
    Err(NoModel {
        folder: folder.to_owned(),
        snapshots,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_hubs_cache_leads_to_its_snapshots() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = |name: &str| folder.path().join("snapshots").join(name);
        let said = || config(folder.path()).unwrap_err().to_string();
        assert!(said().contains("has no config.json: a model's folder"));
        fs::create_dir_all(snapshot("empty")).unwrap();
        assert!(said().contains("save_pretrained"));
        assert!(!config(folder.path()).unwrap_err().has_snapshots());
        for (name, expected) in [("0a", "name "), ("1b", "name one of ")] {
            fs::create_dir_all(snapshot(name)).unwrap();
            fs::write(snapshot(name).join(CONFIG), "{}").unwrap();
            let expected = format!("{expected}{}", snapshot("0a").display());
            assert!(said().contains(&expected), "{}", said());
        }
        assert!(said().contains(&snapshot("1b").display().to_string()));
        fs::write(folder.path().join(CONFIG), "{}").unwrap();
        assert_eq!(config(folder.path()), Ok(folder.path().join(CONFIG)));
    }
}
