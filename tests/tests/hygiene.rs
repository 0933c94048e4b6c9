//! What the sources must not contain.

// A failed expectation is how a test fails.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use knas_tests::repository;
use serde_json::Value;

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

/// What Rust and Clippy are told in Cargo.toml and .clippy.toml holds in every
/// crate: unsafe code is forbidden but where libraries are loaded.
#[test]
fn every_crate_keeps_to_the_lints_of_the_workspace() {
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for folder in ["common", "tools"] {
        for manifest in files(&repository().join(folder), "toml") {
            let text = fs::read_to_string(&manifest).unwrap();
            let alike = text.contains("[lints]\nworkspace = true");
            let loads = manifest.ends_with("common/net/Cargo.toml");
            assert!(alike != loads, "{}", manifest.display());
        }
    }
}

/// Everything compiles with the Rust that Cargo.toml names as the oldest: what
/// we depend on says so itself, and Clippy watches over the library's functions.
#[test]
fn nothing_needs_a_newer_rust_than_is_named() {
    let said = |command: &mut Command| {
        let output = command.current_dir(repository()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // What other platforms depend on has not been fetched.
    let rustc = said(Command::new("rustc").arg("-vV"));
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = said(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--offline"])
            .args(["--filter-platform", host.unwrap()]),
    );
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    // 1.89 and 1.89.0 are the same.
    let version = |package: &Value| -> Vec<u32> {
        let text = package["rust_version"].as_str().unwrap_or("1");
        let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
        parts.resize(3, 0);
        parts
    };
    let ours = packages.iter().find(|p| p["name"] == "knas-records");
    let ours = version(ours.unwrap());
    for package in packages {
        let theirs = version(package);
        assert!(theirs <= ours, "{} needs Rust {theirs:?}", package["name"]);
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
