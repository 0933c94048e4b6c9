//! The helper that all the other tests stand on.

use knas_tests::{binary, repository, scratch};

#[test]
#[should_panic(expected = "cargo build --release --workspace")]
fn a_binary_that_is_not_built_names_the_command_that_builds_it() {
    let _ = binary("knas-nothing");
}

#[test]
fn the_repository_is_where_the_workspace_is() {
    assert!(repository().join("Cargo.lock").is_file());
}

#[test]
fn every_test_has_a_folder_of_its_own() {
    assert_ne!(scratch().path(), scratch().path());
}
