//! A machine that lacks something, or has something of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use knas_tests::{repository, scratch};
use tempfile::TempDir;

/// What the scripts use of a bare system.
const SYSTEM: &[&str] = &[
    "awk",
    "basename",
    "bash",
    "cat",
    "cksum",
    "cp",
    "cut",
    "df",
    "dirname",
    "env",
    "flock",
    "grep",
    "head",
    "id",
    "ln",
    "mkdir",
    "mktemp",
    "mv",
    "paste",
    "readlink",
    "rm",
    "sed",
    "sha1sum",
    "sha512sum",
    "sleep",
    "tail",
    "tar",
    "tee",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
];

const RUSTC: &str = "echo 'rustc 1.95.0 (59807616e 2026-04-14)'";

/// A pip that unpacks a small libtorch, and leaves a line in the log each time.
const PIP: &str = r#"
case "$*" in
    *--version) exit 0 ;;
    "-m pip install"*) echo install >>"$HOME/pip.log" ;;
    *) exit 1 ;;
esac
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/torch/include/torch/headeronly" "$2/torch/lib"
printf '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n' \
    >"$2/torch/include/torch/headeronly/version.h"
for name in torch_cpu torch c10; do
    touch "$2/torch/lib/lib$name.so" "$2/torch/lib/lib$name.dylib"
done
"#;

/// A fresh clone, home folder and `PATH`.
pub struct Machine {
    folder: TempDir,
    pub envs: BTreeMap<String, String>,
}

pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    /// One with Rust, a compiler, and a Python whose pip works.
    pub fn new() -> Self {
        let folder = scratch();
        let machine = Self {
            folder,
            envs: BTreeMap::new(),
        };
        for name in ["bin", "home", "clone/scripts"] {
            fs::create_dir_all(machine.path(name)).unwrap();
        }
        for script in files_of("scripts") {
            let name = script.file_name().unwrap();
            fs::copy(&script, machine.path("clone/scripts").join(name)).unwrap();
        }
        fs::copy(
            repository().join("Cargo.toml"),
            machine.path("clone/Cargo.toml"),
        )
        .unwrap();
        for name in SYSTEM {
            if let Some(program) = find(name) {
                symlink(program, machine.path("bin").join(name)).unwrap();
            }
        }
        machine
            .has("cargo", "exit 0")
            .has("rustc", RUSTC)
            .has("c++", "exit 0")
            .has("python3", PIP)
            .has("npm", "exit 1")
            .has("node", "exit 1")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The cache, which needs not exist.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.path("home/.cache/knas").join(name)
    }

    /// Puts a program on the `PATH`: what `body` does in bash.
    pub fn has(self, name: &str, body: &str) -> Self {
        // Written by a child: a file that this process has open for writing
        // may be inherited, for an instant, by what another test starts, and
        // then cannot be run.
        let written = Command::new("bash")
            .args([
                "-c",
                r#"rm -f "$2"; printf '#!%s\n%s\n' "$BASH" "$1" >"$2"; chmod +x "$2""#,
            ])
            .args(["stand-in", body])
            .arg(self.path("bin").join(name))
            .status()
            .unwrap();
        assert!(written.success());
        self
    }

    pub fn lacks(self, name: &str) -> Self {
        fs::remove_file(self.path("bin").join(name)).unwrap();
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.envs
            .insert(name.to_owned(), value.as_ref().display().to_string());
        self
    }

    /// CIFAR-10 by its sizes alone, which is what a second run looks at.
    pub fn with_data(self) -> Self {
        fs::create_dir_all(self.cache("cifar10")).unwrap();
        for file in (1..=5)
            .map(|batch| format!("data_batch_{batch}.bin"))
            .chain(["test_batch.bin".to_owned()])
        {
            let file = fs::File::create(self.cache("cifar10").join(file)).unwrap();
            file.set_len(30_730_000).unwrap();
        }
        self
    }

    /// A libtorch outside the cache.
    pub fn libtorch(&self, version: [u32; 3]) -> PathBuf {
        let folder = self.path("own libtorch");
        let headers = folder.join("include/torch/headeronly");
        fs::create_dir_all(&headers).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        let [major, minor, patch] = version;
        fs::write(
            headers.join("version.h"),
            format!(
                "#define TORCH_VERSION_MAJOR {major}\n#define TORCH_VERSION_MINOR {minor}\n\
                 #define TORCH_VERSION_PATCH {patch}\n#define TORCH_VERSION_ABI_TAG 0\n"
            ),
        )
        .unwrap();
        for name in ["torch_cpu", "torch", "c10"] {
            for suffix in ["so", "dylib"] {
                fs::write(folder.join(format!("lib/lib{name}.{suffix}")), "").unwrap();
            }
        }
        folder
    }

    pub fn run(&self, script: &str, args: &[&str]) -> Outcome {
        let output = Command::new("bash")
            .arg(self.path("clone/scripts").join(script))
            .args(args)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .envs(&self.envs)
            .output()
            .unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn config(&self) -> String {
        fs::read_to_string(self.path("clone/.cargo/config.toml")).unwrap_or_default()
    }

    /// How often pip was asked to install.
    pub fn installs(&self) -> usize {
        fs::read_to_string(self.path("home/pip.log")).map_or(0, |log| log.lines().count())
    }
}

impl Outcome {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Passes where the last line on standard error begins with `text` and
    /// `lines` lines are there in all.
    #[track_caller]
    pub fn expect_last(self, lines: usize, text: &str) -> Self {
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with(text) && self.stderr.lines().count() == lines,
            "{lines} line(s), the last {text:?}, expected:\n{}",
            self.stderr
        );
        self
    }
}

/// The program called `name` on this process's own `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// What lies in `folder` of the repository.
pub fn files_of(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(repository().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}
