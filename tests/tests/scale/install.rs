//! `scripts/install.sh` and `scripts/package.sh`: in an empty folder, with a
//! clean environment, and on a machine that has nothing but the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use knas_tests::{missing, repository, scratch};

use crate::machines::{self, Machine, is_root};
use crate::{TINY, binaries, cells, expect, has, said, scores, script};

const TOOLS: [&str; 10] = [
    "knas-sample",
    "knas-score",
    "knas-rank",
    "knas-finetune",
    "knas-fit",
    "knas-eval",
    "knas-report",
    "knas-export",
    "knas-predict",
    "knas-supernet",
];

/// One of the scripts without any environment but a bare search path.
fn bare(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(repository().join("scripts").join(name));
    command.current_dir(folder).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("HOME", folder);
    command
}

/// A pipeline of the binaries in `folder`, without any environment.
fn pipeline(folder: &Path) -> Output {
    let bin = folder.join("bin");
    let bin = bin.display();
    let line = format!(
        "'{bin}/knas-sample' -n 3 | '{bin}/knas-score' -q {} | '{bin}/knas-rank'",
        TINY.join(" ")
    );
    let mut command = Command::new("/bin/bash");
    expect(command.env_clear().args(["-c", &line]), 0)
}

#[test]
fn what_is_installed_works() {
    let folder = scratch();
    let mut install = bare("install.sh", folder.path());
    install
        .args(["--prefix", "a place", "--binaries"])
        .arg(binaries());
    expect(&mut install, 0);
    expect(&mut install, 0); // over an earlier one
    let place = folder.path().join("a place");
    for tool in TOOLS {
        let page = fs::read_to_string(place.join(format!("share/man/man1/{tool}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {tool} 1")));
        for completions in [
            format!("bash-completion/completions/{tool}"),
            format!("zsh/site-functions/_{tool}"),
            format!("fish/vendor_completions.d/{tool}.fish"),
        ] {
            let text = fs::read_to_string(place.join("share").join(&completions)).unwrap();
            assert!(text.contains("on-error"), "{completions}");
        }
        let mut version = Command::new(place.join("bin").join(tool));
        expect(version.env_clear().arg("--version"), 0);
    }
    assert_eq!(
        pipeline(&place)
            .stdout
            .iter()
            .filter(|&&b| b == b'\n')
            .count(),
        3
    );
    // The scripts that combine the tools come along, and find their parts.
    let mut help = Command::new(place.join("share/knas/evolve.sh"));
    expect(help.arg("--help"), 0);
    assert!(place.join("share/knas/search.mk").is_file());
}

#[test]
fn what_cannot_be_installed_is_said() {
    let folder = scratch();
    for (arguments, message) in [
        (&[][..], "--prefix DIR is missing"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix", "x", "--binaries", "none"], "none/knas-"),
        (
            &["--prefix", "/proc/x", "--binaries", "BIN"],
            "/proc/x cannot be made",
        ),
        (&["--cuda"], "unknown argument --cuda"),
    ] {
        let bin = binaries();
        let arguments = arguments
            .iter()
            .map(|a| a.replace("BIN", bin.to_str().unwrap()));
        let output = expect(bare("install.sh", folder.path()).args(arguments), 2);
        assert!(said(&output).contains(message), "{}", said(&output));
    }
}

/// One tarball: moved, run in a root folder that holds only what a Debian has,
/// and taken to a machine that has no binaries of its own.
#[test]
fn a_package_runs_where_nothing_else_is() {
    if !has("patchelf") {
        return;
    }
    let folder = scratch();
    let mut package = bare("package.sh", folder.path());
    package
        .args(["-o", "knas.tar.gz", "--binaries"])
        .arg(binaries());
    expect(&mut package, 0);
    let root = folder.path().join("root");
    let place = root.join("moved here");
    fs::create_dir_all(&place).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(folder.path().join("knas.tar.gz"));
    expect(tar.args(["--strip-components", "1", "-C"]).arg(&place), 0);
    assert_eq!(
        pipeline(&place)
            .stdout
            .iter()
            .filter(|&&b| b == b'\n')
            .count(),
        3
    );
    for tool in TOOLS {
        for library in libraries(&place.join("bin").join(tool)) {
            let own = library.starts_with(&root);
            let system = ["/lib", "/lib64", "/usr/lib"]
                .iter()
                .any(|folder| library.starts_with(folder));
            assert!(own || system, "{tool} needs {}", library.display());
        }
    }
    assert!(place.join("share/doc/knas/LICENSE").is_file());
    if is_root() && has("chroot") {
        run_confined(&root, &place);
    }
    if machines::can_be_made() && has("parallel") && has("jq") {
        take_along(folder.path());
    }
}

fn libraries(binary: &Path) -> Vec<PathBuf> {
    let output = expect(Command::new("ldd").env_clear().arg(binary), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("not found"), "{text}");
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    paths.map(PathBuf::from).collect()
}

/// Nothing outside `root` can be seen from within.
fn run_confined(root: &Path, place: &Path) {
    for library in libraries(&place.join("bin/knas-score")) {
        if library.starts_with(root) {
            continue;
        }
        let copy = root.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&library, copy).unwrap();
    }
    fs::write(root.join("cells"), cells(2)).unwrap();
    for folder in ["proc", "sys"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    // What a system shows of its processor, in a view of this process alone.
    let enter = "mount --bind /proc \"$1/proc\" && mount --bind /sys \"$1/sys\" || exit 99
        shift && exec chroot \"$@\"";
    let mut command = Command::new("unshare");
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.args(["--mount", "bash", "-c", enter, "enter"]);
    command.arg(root).arg(root);
    command.arg("/moved here/bin/knas-score").args(TINY);
    let output = command.args(["-q", "-j", "1", "/cells"]).output().unwrap();
    if [Some(1), Some(99)].contains(&output.status.code()) {
        missing("mount", &said(&output));
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), scores(&cells(2)));
}

/// A machine without the binaries is brought them.
fn take_along(folder: &Path) {
    let machine = Machine::new(&folder.join("machine"), "/usr/bin:/bin");
    fs::write(folder.join("machines"), format!("{}\n", machine.login)).unwrap();
    fs::write(folder.join("cells"), cells(5)).unwrap();
    for said_before in [true, false] {
        let mut run = script("score-parallel.sh", folder);
        run.args(["-o", "scores", "--sshloginfile", "machines"]);
        run.args(["--bring", "knas.tar.gz", "cells", "--"])
            .args(TINY)
            .arg("-q");
        let output = expect(&mut run, 0);
        assert_eq!(said(&output).contains("taking the package"), said_before);
        let found = fs::read_to_string(folder.join("scores")).unwrap();
        assert_eq!(found, scores(&cells(5)));
        fs::remove_file(folder.join("scores")).unwrap();
    }
    assert!(machine.home.join(".cache/knas").is_dir());
}
