//! What lies in a folder of images and is not read, told in one line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Entries of a folder that are not read, by the reason.
#[derive(Clone, Debug)]
pub struct LeftOut {
    folder: PathBuf,
    /// By reason: how many, and the first of them.
    entries: BTreeMap<String, (usize, PathBuf)>,
}

impl LeftOut {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            entries: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, path: PathBuf) {
        let reason = reason(&path);
        let first = path.strip_prefix(&self.folder).map(Path::to_path_buf);
        let (count, _) = self
            .entries
            .entry(reason)
            .or_insert_with(|| (0, first.unwrap_or(path)));
        *count += 1;
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.values().map(|(count, _)| count).sum()
    }
}

/// Why an entry is not read.
fn reason(path: &Path) -> String {
    if path.is_dir() {
        return "folder within a class".to_owned();
    }
    if path.is_symlink() && !path.exists() {
        return "link that leads nowhere".to_owned();
    }
    if !path.is_file() {
        return "no file".to_owned();
    }
    match path.extension() {
        Some(extension) if crate::folder::is_image_name(path) => {
            format!(".{} in no class", extension.to_string_lossy())
        }
        Some(extension) => format!(".{}", extension.to_string_lossy().escape_debug()),
        None => "without an ending".to_owned(),
    }
}

/// `left out: 4 (1 .webp (a/3.webp), …)`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left out: {} (", self.count())?;
        for (place, (reason, (count, first))) in self.entries.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            let first = first.to_string_lossy();
            write!(f, "{comma}{count} {reason}: {}", first.escape_debug())?;
            if *count > 1 {
                f.write_str(" …")?;
            }
        }
        f.write_str("); .png, .jpg and .jpeg files directly in a class folder are read")
    }
}
