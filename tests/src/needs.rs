//! What some tests need and not every machine has.
//!
//! A test, or the part of one, that cannot run here says so with [`missing`].
//! Whoever runs the tests gets a list of those (`KNAS_SKIPPED` names the file
//! to which they are added), or has them fail: `KNAS_REQUIRE` is a list of
//! names with commas between, or `all`.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// Says that the calling test goes without `what`: a program's name, or
/// `cifar10`, `pytorch`, `onnxruntime`, `mount` or `shared` (real data beside the repository).
/// `hint` tells how to have it.
///
/// # Panics
/// Where it is required, and where the list of what was skipped cannot be written.
#[track_caller]
pub fn missing(what: &str, hint: &str) {
    let required = env::var("KNAS_REQUIRE").unwrap_or_default();
    assert!(
        !requires(&required, what),
        "{what} is required (KNAS_REQUIRE) and is not here: {hint}"
    );
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped: {test}: no {what} ({hint})");
    if let Some(list) = env::var_os("KNAS_SKIPPED") {
        let file = OpenOptions::new().append(true).create(true).open(list);
        // In one piece: tests that run side by side add to the same file.
        let line = format!("{test}: no {what} ({hint})\n");
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the file that KNAS_SKIPPED names can be written");
    }
}

/// Whether a list of requirements names `what`.
fn requires(list: &str, what: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|name| name == what || name == "all")
}

/// The program of this name on the search path; where there is none, that is
/// said as [`missing`] does.
#[must_use]
#[track_caller]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // System services lie where ordinary users do not look.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        missing(name, "install the package that has it");
    }
    found
}

/// A Python that has PyTorch, numpy and safetensors: `KNAS_PYTHON`, or
/// python3; where it has none, that is said as [`missing`] does.
#[must_use]
#[track_caller]
pub fn pytorch() -> Option<PathBuf> {
    let python = env::var_os("KNAS_PYTHON").unwrap_or_else(|| "python3".into());
    let imports = ["-c", "import numpy, safetensors, torch"];
    let run = Command::new(&python).args(imports).output();
    if run.is_ok_and(|run| run.status.success()) {
        return Some(python.into());
    }
    missing("pytorch", "KNAS_PYTHON names a Python that has it");
    None
}

/// The Python of [`pytorch`] where it has onnx and onnxruntime too; where it does
/// not, that is said as [`missing`] does.
#[must_use]
#[track_caller]
pub fn onnxruntime() -> Option<PathBuf> {
    let python = pytorch()?;
    let imports = ["-c", "import onnx, onnxruntime"];
    let run = Command::new(&python).args(imports).output();
    if run.is_ok_and(|run| run.status.success()) {
        return Some(python);
    }
    missing("onnxruntime", "install onnx and onnxruntime beside PyTorch");
    None
}

/// The folder of CIFAR-10 where `scripts/fetch-data.sh` puts it; where it is
/// not, that is said as [`missing`] does.
#[must_use]
#[track_caller]
pub fn cifar10() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(Path::new(&env::var_os("HOME")?).join(".cache"));
    let folder = cache.or_else(home).map(|cache| cache.join("knas/cifar10"));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        missing("cifar10", "scripts/fetch-data.sh cifar10");
    }
    found
}

/// The real data named `path` in the shared folder (`KNAS_SHARED`, or
/// `../shared/data` beside the repository); where it is not, that is said as
/// [`missing`] does. A test that uses it has another part that needs none.
#[must_use]
#[track_caller]
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = env::var_os("KNAS_SHARED")
        .map_or_else(|| crate::repository().join("../shared/data"), PathBuf::from);
    let path = folder.join(path);
    if path.exists() {
        return Some(path);
    }
    missing("shared", "KNAS_SHARED names the folder of real data");
    None
}

#[cfg(test)]
mod tests {
    use super::requires;

    #[test]
    fn a_list_names_what_is_required_and_all_is_everything() {
        assert!(requires("jq, make", "make"));
        assert!(requires("all", "make"));
        assert!(!requires("jq,make", "mak"));
        assert!(!requires("", "make"));
    }
}
