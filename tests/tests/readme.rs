//! Every command of the README, run as it stands.
//!
//! Blocks marked `sh` run in order in one folder, with the binaries on the
//! path. A word after `sh` says what a block needs: `setup` blocks are the
//! scripts (which the continuous check runs), `gpu` blocks fail with a clear
//! message where there is none, `truth` blocks find accuracies in `truth.csv`,
//! `texts` blocks a model of MiniLM's sizes and a few pairs, for four candidates
//! instead of fifty, `pictures` blocks a folder of a few pictures, for two candidates
//! instead of forty, `own` blocks a small network in the place of MobileNetV2; others
//! need the program of that name.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use knas_tests::{binary, missing, model, repository, scratch, shared};

struct Block {
    needs: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some(needs) = info.strip_prefix("sh") {
            blocks.push(Block {
                needs: needs.trim().to_owned(),
                text: body.join("\n"),
            });
        }
    }
    blocks
}

fn present(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    found.is_ok_and(|found| found.status.success())
}

/// The real accuracies where they are here, made ones otherwise.
fn write_truth(path: &Path) {
    if let Some(truth) = shared("nb201/truth.csv") {
        fs::copy(truth, path).unwrap();
        return;
    }
    let all = Command::new(binary("knas-sample"))
        .arg("--all")
        .output()
        .unwrap();
    let mut table = String::from("id,made_up\n");
    for line in String::from_utf8(all.stdout).unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = record["id"].as_str().unwrap();
        let params = record["params"].as_f64().unwrap();
        table += &format!("{id},{}\n", params.ln());
    }
    fs::write(path, table).unwrap();
}

/// Pictures of five classes, of other sizes and formats, which colours tell apart.
fn write_pictures(folder: &Path) {
    for (part, count) in [("train", 8), ("test", 2)] {
        for class in 0..5_u32 {
            let place = folder.join(part).join(format!("class {class}"));
            fs::create_dir_all(&place).unwrap();
            for number in 0..count {
                let side = 32 + 8 * (number + class);
                let picture = RgbImage::from_fn(side, side, |x, y| {
                    let noise = ((x * 7 + y * 13 + number * 31) % 61) as u8;
                    Rgb([0, 1, 2].map(|bit| noise + if class >> bit & 1 > 0 { 180 } else { 20 }))
                });
                let kind = if number % 2 > 0 { "jpg" } else { "png" };
                picture
                    .save(place.join(format!("{number}.{kind}")))
                    .unwrap();
            }
        }
    }
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let folder = scratch();
    let binaries = binary("knas-score").parent().unwrap().to_owned();
    let path = env::join_paths(
        std::iter::once(binaries).chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    // An empty home, but for the images that set-up has fetched.
    let images = knas_tests::cifar10();
    let run = |text: &str| -> Output {
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("HOME", folder.path())
            .env_remove("XDG_CACHE_HOME")
            .envs(images.iter().map(|folder| ("KNAS_CIFAR10", folder)))
            .output()
            .unwrap()
    };
    let blocks = blocks();
    assert!(blocks.len() >= 6, "the README has lost its commands");
    for Block { needs, mut text } in blocks {
        match needs.as_str() {
            "setup" => {
                let first = text
                    .lines()
                    .filter_map(|line| line.split_whitespace().next());
                for script in first.filter(|word| *word != "export") {
                    assert!(repository().join(script).is_file(), "{script}");
                }
                continue;
            }
            "gpu" => {
                let output = run(&text);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(
                    output.status.success() || said.contains("CUDA"),
                    "{text}\n{said}"
                );
                continue;
            }
            "texts" => {
                let fetched = folder.path().join(".cache/knas");
                fs::create_dir_all(&fetched).unwrap();
                model::minilm(&fetched);
                model::mrpc(folder.path());
                assert!(text.contains("-n 50"), "{text}");
                text = text.replace("-n 50", "-n 4");
            }
            "pictures" => {
                write_pictures(&folder.path().join("photos"));
                assert!(
                    text.contains("-n 40") && text.contains("latency=8"),
                    "{text}"
                );
                text = text
                    .replace("-n 40", "-n 2")
                    .replace("latency=8", "latency=1000")
                    .replace("--epochs 12", "--epochs 6");
            }
            "own" => {
                let exported = fs::read_dir(folder.path().join("exported")).unwrap();
                let file = exported.map(|entry| entry.unwrap().path());
                let file = { file }.find(|path| path.extension() == Some("onnx".as_ref()));
                let _ = fs::copy(file.unwrap(), folder.path().join("mobilenet_v2.onnx")).unwrap();
            }
            "truth" => write_truth(&folder.path().join("truth.csv")),
            "" => {}
            program if !present(program) => {
                missing(program, "a block of the README is for it");
                continue;
            }
            _ => {}
        }
        let output = run(&text);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{said}");
    }
    for file in [
        "cells.ndjson",
        "scores.ndjson",
        "long.ndjson",
        "report.html",
        "mine.ndjson",
        "moved.ndjson",
        "tuned.ndjson",
    ] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

/// The README names only flags that the tools have.
#[test]
fn flags_in_the_table_exist() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `knas-"));
    let mut seen = 0;
    for row in rows {
        let tool = row.split('`').nth(1).unwrap();
        let help = Command::new(binary(tool)).arg("--help").output().unwrap();
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        for code in row.split('`').skip(3).step_by(2) {
            for flag in code.split_whitespace().filter(|word| word.starts_with('-')) {
                assert!(help.contains(flag), "{tool} has no {flag}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} flags");
}
