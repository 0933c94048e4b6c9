//! What the sources must not contain.

// A failed expectation is how a test fails.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use knas_tests::repository;

/// The files under `folder` that end in `.suffix`.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, suffix));
        } else if path
            .extension()
            .is_some_and(|extension| extension == suffix)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The product's own Rust: neither tests nor scripts.
fn sources() -> Vec<PathBuf> {
    let tools_and_common =
        ["tools", "common"].map(|folder| files(&repository().join(folder), "rs"));
    let all: Vec<PathBuf> = tools_and_common.concat();
    assert!(all.len() > 50, "only {} files", all.len());
    all
}

/// Whether a line has the keyword, outside comments.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe trait",
        "unsafe extern",
        "#[unsafe(",
    ]
    .iter()
    .any(|start| code.contains(start))
}

#[test]
fn unsafe_code_is_where_libraries_are_loaded_and_nowhere_else() {
    let allowed = repository().join("common/net/src/device.rs");
    let mut seen = 0;
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let count = text.lines().filter(|line| is_unsafe(line)).count();
        if path == allowed {
            seen = count;
        } else {
            assert_eq!(count, 0, "{}", path.display());
        }
        let excused = text.contains("allow(unsafe_code)");
        assert!(!excused || path == allowed, "{}", path.display());
    }
    assert!(seen > 0, "the search finds nothing at all");
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    for manifest in ["common", "tools"].map(|folder| files(&repository().join(folder), "toml")) {
        for path in manifest {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{}",
                path.display()
            );
        }
    }
}

/// No shell, and no program but our own, is started by a tool.
#[test]
fn no_tool_runs_other_programs() {
    let may = repository().join("common/records/src/again.rs");
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let starts = product.contains("Command::new(") && !product.contains("clap::Command::new(");
        assert!(!starts || path == may, "{}", path.display());
    }
}

/// Pickles run what they are told to. Nothing here reads them.
#[test]
fn nothing_reads_pickles() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        for call in [
            "VarStore",
            "CModule",
            "Tensor::load",
            "load_multi",
            "read_npz",
        ] {
            assert!(
                !text.lines().any(|line| line
                    .split("//")
                    .next()
                    .unwrap_or_default()
                    .contains(call)),
                "{}: {call}",
                path.display()
            );
        }
    }
}

/// Every test that tests/README.md names is there.
#[test]
fn the_table_of_faults_names_tests_that_exist() {
    let folder = repository().join("tests");
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut seen = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let shown = row
            .trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .next()
            .unwrap();
        let mut source = String::new();
        for word in shown.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                source = fs::read_to_string(folder.join(word)).unwrap();
            } else if !word.contains(' ') {
                let test = format!("fn {word}()");
                assert!(source.contains(&test), "{word} in {row}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen} tests");
}
