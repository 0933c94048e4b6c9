//! A machine that lacks something, or has something of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};

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
    "sort",
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

/// A Python without torch, whose pip unpacks a small libtorch and keeps in the
/// home folder what it was asked to install.
const PIP: &str = r#"
case "$*" in
    *--version) exit 0 ;;
    "-m pip install"*) echo install >>"$HOME/pip.log" ;;
    *) exit 1 ;;
esac
while [ $# -gt 0 ]; do
    case $1 in
        -r) cat "$2" >"$HOME/pip.requirements" ;;
        --target) target=$2 ;;
    esac
    shift
done
sleep 0.2
mkdir -p "$target/torch/include/torch/headeronly" "$target/torch/lib" "$target/torch-2.11.0.dist-info"
printf '#define TORCH_VERSION_%s %s\n' MAJOR 2 MINOR 11 PATCH 0 >"$target/torch/include/torch/headeronly/version.h"
for name in torch_cpu torch c10; do
    touch "$target/torch/lib/lib$name.so" "$target/torch/lib/lib$name.dylib"
done
printf 'Requires-Dist: %s\n' sympy 'cuda-toolkit[cublas]==13.0.2; platform_system == "Linux"' \
    'nvidia-nccl-cu13==2.28.9; platform_system == "Linux"' triton==3.6.0 >"$target/torch-2.11.0.dist-info/METADATA"
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
            .has("df", &df(100))
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
        self.start(script, args).join().unwrap()
    }

    /// The same in the background.
    pub fn start(&self, script: &str, args: &[&str]) -> JoinHandle<Outcome> {
        let mut command = Command::new("bash");
        command
            .arg(self.path("clone/scripts").join(script))
            .args(args)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .envs(&self.envs);
        thread::spawn(move || {
            let output = command.output().unwrap();
            Outcome {
                code: output.status.code(),
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr: String::from_utf8(output.stderr).unwrap(),
            }
        })
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

/// A disk with so many gigabytes free.
pub fn df(gigabytes: u64) -> String {
    let free = gigabytes << 20;
    format!("echo Filesystem Blocks Used Available; echo /dev/disk 0 0 {free} 0% /")
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
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Every bash script of the repository.
pub fn bash_scripts() -> Vec<PathBuf> {
    let mut scripts = files_of("scripts");
    scripts.retain(|path| path.extension().is_some_and(|name| name == "sh"));
    scripts.push(repository().join(".ci/run"));
    scripts
}
