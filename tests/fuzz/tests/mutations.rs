//! Every target, over its seeds and many mutations of them: the same ones in
//! every run.

// A failed expectation is how a test fails.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use knas_fuzz::{TARGETS, Target};
use knas_stats::random::{Stream, stream};

/// Bytes that parsers care about.
const TOKENS: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"|",
    b"+",
    b"~",
    b"-",
    b"(",
    b")",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"NaN",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"\0",
    b"\n",
    b"\xff",
    b"\xff\xd9",
    b"\xe2\x82",
    b"../",
    b"id",
    b"\"id\":\"a\"",
    b"&&",
    b"||",
    b"==",
    b"IDAT",
    b"IEND",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn below(stream: &mut Stream, end: usize) -> usize {
    stream.below(end.max(1) as u64) as usize
}

/// A seed with a few changes: bytes, tokens, cuts, repetitions, pieces of others.
fn mutated(seeds: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = seeds[below(stream, seeds.len())].clone();
    for _ in 0..=below(stream, 4) {
        let place = below(stream, bytes.len());
        match below(stream, 7) {
            0 if !bytes.is_empty() => bytes[place] = below(stream, 256) as u8,
            1 if !bytes.is_empty() => bytes[place] ^= 1 << below(stream, 8),
            2 => bytes.truncate(place),
            3 => {
                let end = (place + below(stream, 64)).min(bytes.len());
                bytes.drain(place..end);
            }
            4 => {
                let end = (place + below(stream, 64)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let piece = piece.repeat(1 + below(stream, 40));
                bytes.splice(place..place, piece);
            }
            5 => {
                let other = &seeds[below(stream, seeds.len())];
                let from = below(stream, other.len());
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let token = TOKENS[below(stream, TOKENS.len())];
                bytes.splice(place..place, token.iter().copied());
            }
        }
    }
    bytes
}

fn check(name: &str, target: Target, runs: u64) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mutations = (0..runs).map(|run| {
        let mut stream = stream(0, "mutations", &[run.into()]);
        mutated(&seeds, &mut stream)
    });
    for bytes in seeds.clone().into_iter().chain(mutations) {
        let survived = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        assert!(
            survived.is_ok(),
            "{name}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn no_bytes_break_a_parser_of_text() {
    for &(name, target) in &TARGETS[..4] {
        check(name, target, 50_000);
    }
}

#[test]
fn no_bytes_break_the_reader_of_models() {
    let (name, target) = TARGETS[4];
    check(name, target, 50_000);
}

#[test]
#[cfg(feature = "torch")]
fn no_bytes_break_a_parser_of_files() {
    for &(name, target) in &TARGETS[5..] {
        let runs = if name == "safetensors" { 20_000 } else { 3_000 };
        check(name, target, runs);
    }
}

/// Small files that claim to be huge are refused before memory is taken.
#[test]
#[cfg(all(feature = "torch", target_os = "linux"))]
fn bombs_are_refused() {
    for (name, target) in &TARGETS[5..] {
        let bombs = seeds(name).into_iter().filter(|seed| seed.len() < 200);
        bombs.for_each(|seed| target(&seed));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(kilobytes < 1 << 20, "{kilobytes} kB");
}

/// Each target has a program for libFuzzer.
#[test]
fn every_target_has_its_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            folder.join(format!("fuzz_targets/{name}.rs")).is_file(),
            "{name}"
        );
        assert!(
            manifest.contains(&format!("name = \"fuzz-{name}\"")),
            "{name}"
        );
    }
}
