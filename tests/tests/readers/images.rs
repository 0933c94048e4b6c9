//! Folders of images, and where CIFAR lies.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use knas_tests::{Tool, scratch};

use crate::{cells, put, score};

/// A picture of one grey point.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

fn picture() -> Vec<u8> {
    BASE64_STANDARD.decode(PNG).unwrap()
}

/// Ten images in two classes, and what is left out beside them.
pub fn images(folder: &Path) -> String {
    for class in ["a", "b"] {
        for number in 0..5 {
            put(folder, &format!("images/{class}/{number}.png"), picture());
        }
    }
    for other in [
        "a/5.webp",
        "a/6.bmp",
        "b/more/7.png",
        "README.txt",
        "b/.hidden.png",
    ] {
        put(folder, &format!("images/{other}"), picture());
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.join("images/a/8.png")).unwrap();
    format!("folder:{}", folder.join("images").display())
}

#[test]
fn what_is_left_out_is_counted_and_named() {
    let folder = scratch();
    let data = images(folder.path());
    let file = put(folder.path(), "cells", cells());
    let scored = score(&["--data", &data, &file]).run().expect_code(0);
    let trained = Tool::new("knas-finetune")
        .args([
            "--cells",
            "1",
            "--channels",
            "4",
            "--epochs",
            "1",
            "-j",
            "1",
        ])
        .args(["--data", &data, &file]);
    let trained = trained.run().expect_code(0);
    for run in [scored, trained] {
        let run = run
            .expect_stderr("left out: 5 (")
            .expect_stderr("1 .bmp: a/6.bmp")
            .expect_stderr("1 .txt: README.txt")
            .expect_stderr("1 .webp: a/5.webp")
            .expect_stderr("1 folder within a class: b/more")
            .expect_stderr("1 link that leads nowhere: a/8.png");
        assert!(!run.stderr.contains("hidden"));
        assert_eq!(run.stderr.matches("left out").count(), 1);
    }
    // The processes of --timeout do not say it again.
    let run = score(&["--timeout", "60", "--data", &data, &file]).run();
    assert_eq!(run.expect_code(0).stderr.matches("left out").count(), 1);
}

#[test]
fn nothing_is_said_where_nothing_is_left_out() {
    let folder = scratch();
    let data = images(folder.path());
    let images = folder.path().join("images");
    for name in ["a/5.webp", "a/6.bmp", "a/8.png", "README.txt"] {
        fs::remove_file(images.join(name)).unwrap();
    }
    fs::remove_dir_all(images.join("b/more")).unwrap();
    let run = score(&["--data", &data])
        .stdin(cells())
        .run()
        .expect_code(0);
    assert!(!run.stderr.contains("left out"), "{}", run.streams());
}

#[test]
fn the_advice_about_a_missing_set_can_be_followed() {
    let folder = scratch();
    for tool in ["knas-score", "knas-finetune"] {
        let ask = |data: &str| {
            let run = Tool::new(tool).args(["--data", data]).stdin(cells());
            run.env("XDG_CACHE_HOME", folder.path())
                .env("KNAS_CIFAR10", "")
                .run()
        };
        let run = ask("cifar100")
            .expect_code(2)
            .expect_stderr("--data cifar100:DIR");
        assert!(!run.stderr.contains("fetch-data"), "{}", run.streams());
        let _ = ask("cifar10")
            .expect_code(2)
            .expect_stderr("run scripts/fetch-data.sh");
    }
}

#[test]
fn the_tools_find_cifar10_where_the_scripts_do() {
    let folder = scratch();
    let row = |place: usize| {
        let pixels = (0..3072).map(move |at| (place * 31 + at % 97) as u8);
        std::iter::once((place % 10) as u8).chain(pixels)
    };
    let batch: Vec<u8> = (0..20).flat_map(row).collect();
    let own = folder.path().join("own");
    for name in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
    ] {
        put(&own, &format!("{name}.bin"), &batch);
    }
    put(&own, "test_batch.bin", &batch);
    let run = |args: &[&str], own: &Path| {
        let run = score(args).stdin(cells()).env("KNAS_CIFAR10", own);
        run.env("XDG_CACHE_HOME", folder.path()).run()
    };
    let expected = run(
        &["--data", &format!("cifar10:{}", own.display())],
        Path::new(""),
    );
    let expected = expected.expect_code(0).stdout;
    assert_eq!(run(&[], &own).expect_code(0).stdout, expected);
    assert_eq!(
        run(&["--data", "cifar10"], &own).expect_code(0).stdout,
        expected
    );
    // Who names a folder that is not there does not want noise.
    let missing = run(&[], &folder.path().join("missing")).expect_code(2);
    let _ = missing.expect_stderr("missing");
}
