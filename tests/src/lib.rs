//! What the integration tests share: the real binaries, run as a user runs them.
//!
//! A test builds a command from [`Tool`], runs it, and looks at the [`Outcome`]:
//!
//! ```no_run
//! use knas_tests::{Tool, scratch};
//!
//! let folder = scratch();
//! let best = Tool::new("knas-rank")
//!     .args(["-k", "1"])
//!     .current_dir(folder.path())
//!     .stdin("{\"id\":\"a\",\"score\":1.0}\n")
//!     .run()
//!     .expect_code(0);
//! assert_eq!(best.records().len(), 1);
//! ```
//!
//! The binaries are those beside the test executable, built by
//! `cargo build --release --workspace`. Whatever fails shows the command line
//! and both of its streams.

pub mod model;
mod needs;

pub use needs::{cifar10, missing, onnxruntime, program, pytorch, shared};

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// One run of one of our binaries, being prepared.
#[derive(Debug, Clone)]
pub struct Tool {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdin: Vec<u8>,
}

impl Tool {
    /// The binary called `name`, without arguments, reading an empty standard
    /// input.
    ///
    /// # Panics
    /// Where the binary has not been built.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            program: binary(name),
            args: Vec::new(),
            envs: Vec::new(),
            folder: None,
            stdin: Vec::new(),
        }
    }

    /// Appends one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs in `folder`.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// What the tool reads from standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The same run as a [`Command`] whose streams the test sets up itself.
    /// Colour settings of whoever runs the tests are taken out.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .envs(self.envs.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// Starts the tool with all three streams piped, for a test that
    /// interrupts it or closes a stream. The input given to
    /// [`stdin`](Self::stdin) is not written.
    ///
    /// # Panics
    /// Where the tool cannot be started.
    #[must_use]
    pub fn spawn(&self) -> Child {
        self.command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()))
    }

    /// Runs the tool to its end.
    ///
    /// # Panics
    /// Where the tool cannot be started, or writes what is not UTF-8.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let mut child = self.spawn();
        let mut pipe = child.stdin.take().expect("standard input is piped");
        let input = self.stdin.clone();
        // From a thread: a tool that writes before it has read everything
        // would otherwise wait for us while we wait for it.
        let writer = thread::spawn(move || match pipe.write_all(&input) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                panic!("writing standard input: {error}")
            }
            _ => {}
        });
        let output = child
            .wait_with_output()
            .expect("the tool can be waited for");
        writer.join().expect("standard input is written");

        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a tool writes UTF-8");
        Outcome {
            command: format!("{:?}", self.command()),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    command: String,
    /// The exit code; none where a signal ended the tool.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Outcome {
    /// Passes where the exit code is `code`.
    ///
    /// # Panics
    /// With both streams, where it is another.
    #[must_use]
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "exit code {:?}, expected {code}\n{}",
            self.code,
            self.streams()
        );
        self
    }

    /// Passes where standard error contains `text`.
    ///
    /// # Panics
    /// With both streams, where it does not.
    #[must_use]
    #[track_caller]
    pub fn expect_stderr(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "standard error does not say {text:?}\n{}",
            self.streams()
        );
        self
    }

    /// Every line of standard output as JSON.
    ///
    /// # Panics
    /// With the line, where one is not JSON.
    #[must_use]
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        records(&self.stdout)
    }

    /// One field of every record.
    ///
    /// # Panics
    /// With both streams, where a record has no such field.
    #[must_use]
    #[track_caller]
    pub fn column(&self, field: &str) -> Vec<Value> {
        self.records()
            .iter()
            .map(|record| match record.get(field) {
                Some(value) => value.clone(),
                None => panic!("no {field} in {record}\n{}", self.streams()),
            })
            .collect()
    }

    /// The command line and both streams, for a failure's message.
    #[must_use]
    pub fn streams(&self) -> String {
        let shown = |text: &str| match text.char_indices().nth(4000) {
            Some((end, _)) => format!("{}[...]", &text[..end]),
            None => text.to_owned(),
        };
        format!(
            "command: {}\nstdout:\n{}\nstderr:\n{}",
            self.command,
            shown(&self.stdout),
            shown(&self.stderr)
        )
    }
}

/// The path of the binary called `name`, in the target folder that holds the
/// running test.
///
/// # Panics
/// Where it has not been built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/release/deps/TEST-HASH, beside target/release/NAME
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in the target folder");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --release --workspace` first",
        path.display()
    );
    path
}

/// Every line of a text as JSON.
///
/// # Panics
/// With the line, where one is not JSON.
#[must_use]
#[track_caller]
pub fn records(text: &str) -> Vec<Value> {
    let record = |line| match serde_json::from_str(line) {
        Ok(record) => record,
        Err(error) => panic!("{error} in {line}"),
    };
    text.lines().map(record).collect()
}

/// What the tool called `name` writes in `folder`, where it has to succeed.
///
/// # Panics
/// With both streams, where it does not.
#[must_use]
#[track_caller]
pub fn records_of(name: &str, folder: &Path, args: &[&str]) -> Vec<Value> {
    let tool = Tool::new(name).current_dir(folder).args(args);
    tool.run().expect_code(0).records()
}

/// A folder of the test's own, removed when the value goes.
///
/// # Panics
/// Where no temporary folder can be made.
#[must_use]
pub fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("knas-test-")
        .tempdir()
        .expect("a temporary folder can be made")
}

/// The top of the repository.
///
/// # Panics
/// Never, where this crate lies in the workspace's `tests` folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the repository")
        .to_owned()
}
