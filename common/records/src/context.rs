//! What a running tool is given: its input and output, its messages, its counts.
//!
//! With [`tool`](crate::tool), this is the one place below `main` that talks to
//! the terminal and reads the environment.

#![allow(clippy::disallowed_methods)]

mod messages;

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use knas_files::{Clash, Named};

use crate::again;
use crate::cli::{Color, Common, OnError};
use crate::input::{Input, InputError, is_stdin};
use crate::meta::Gauge;
use crate::output::{Output, OutputError};
use crate::progress::Screen;
use crate::record::Record;
use crate::terminal::{is_pipe, is_waited_for};
use crate::told::Told;
use crate::tool::Fatal;

/// What a running tool may say and count.
pub struct Context {
    tool: &'static str,
    quiet: bool,
    verbose: bool,
    color: bool,
    on_error: OnError,
    failures: AtomicU64,
    /// What was said of candidates that failed.
    told: Mutex<Told>,
    /// Whether what is in flight is ended first when an interrupt comes.
    finishes: Arc<AtomicBool>,
    /// Whether nothing is said of an interrupt.
    silent: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
    screen: Screen,
}

impl Context {
    pub(crate) fn new(tool: &'static str, common: &Common) -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let color = match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) => false,
            Color::Auto => set("CLICOLOR_FORCE") || io::stderr().is_terminal(),
        };
        Self {
            tool,
            quiet: common.quiet,
            verbose: common.verbose,
            color,
            on_error: common.on_error,
            failures: AtomicU64::new(0),
            told: Mutex::default(),
            finishes: Arc::default(),
            silent: Arc::new(AtomicBool::new(common.quiet)),
            interrupted: Arc::default(),
            screen: Screen::default(),
        }
    }

    /// Opens what the tool reads.
    ///
    /// # Errors
    /// See [`Input::open`].
    pub fn input(&self, files: &[PathBuf]) -> Result<Input, InputError> {
        Input::open(files)
    }

    /// Opens what the tool writes: standard output, or the file that `-o` names.
    /// `check` says what is wrong with a record that `--resume` would keep.
    ///
    /// # Errors
    /// See [`Output::file`].
    pub fn output(
        &self,
        common: &Common,
        check: impl FnMut(&Record<'_>) -> Result<(), String>,
    ) -> Result<Output, OutputError> {
        match &common.output {
            Some(path) if path.as_os_str() != "-" => {
                let mut output = Output::file(path, common.resume, check)?;
                if self.on_error != OnError::Emit {
                    output.without_failed();
                }
                let kept = output.kept().count();
                if kept > 0 {
                    self.info(format_args!("{kept} records kept in {}", path.display()));
                }
                Ok(output)
            }
            _ => Ok(Output::stdout_beside(self.screen.clone())),
        }
    }

    /// Checks, before anything is touched, that nothing that is written is also
    /// read: the output, its part, and what `writes` names, under any name.
    ///
    /// # Errors
    /// The first two that are one file.
    pub fn keep_apart(
        &self,
        common: &Common,
        reads: &[Named<'_>],
        writes: &[Named<'_>],
    ) -> Result<(), Clash> {
        let mut outputs = Vec::new();
        let mut part = OsString::new();
        match &common.output {
            Some(path) if path.as_os_str() != "-" => {
                part.push(path);
                part.push(".part");
                let paths = [&**path, Path::new(&part)];
                outputs.extend(paths.map(|path| Named { flag: "-o", path }));
            }
            _ => outputs.push(Named {
                flag: "standard output,",
                path: Path::new("/dev/stdout"),
            }),
        }
        outputs.extend(writes);
        knas_files::apart(reads, &outputs)
    }

    /// Counts the failed candidates of an earlier run that this one did not meet.
    pub fn still_failed(&self, output: &Output) {
        let failed = output.failed_strangers();
        if failed > 0 {
            self.warn(format_args!(
                "failed candidates of an earlier run that are not in this input, kept: {failed}"
            ));
            self.failures.fetch_add(failed, Ordering::Relaxed);
        }
    }

    /// Warns of records on standard input, for a tool that does not read it.
    /// `instead` says what would.
    pub fn reads_nothing(&self, instead: &str) {
        if is_waited_for(io::stdin()) {
            self.warn(format_args!(
                "what comes by standard input is not read: {instead}"
            ));
        }
    }

    /// The folder in which downloads are kept and clones share them:
    /// `$XDG_CACHE_HOME/knas`, or `~/.cache/knas`. Where HOME is not set, as in
    /// a system's timers, the home is the one that the system knows of.
    pub fn cache_folder(&self) -> PathBuf {
        let absolute = |path: &PathBuf| path.is_absolute();
        let cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(absolute);
        let home = || env::home_dir().filter(absolute);
        let cache = cache.or_else(|| home().map(|home| home.join(".cache")));
        cache.unwrap_or_default().join("knas")
    }

    /// The folder of CIFAR-10 that `KNAS_CIFAR10` names, for the tools as for the
    /// scripts.
    pub fn own_cifar10(&self) -> Option<PathBuf> {
        let named = env::var_os("KNAS_CIFAR10").filter(|name| !name.is_empty());
        named.map(PathBuf::from)
    }

    /// `path`; or, where it is a mere name and nothing here is called so, what has
    /// been fetched under that name, such as `minilm`.
    pub fn fetched(&self, path: &Path) -> PathBuf {
        let name = path.components().count() == 1 && !path.exists();
        let fetched = self.cache_folder().join(path);
        match name && fetched.exists() {
            true => fetched,
            false => path.to_owned(),
        }
    }

    /// What measures candidates for `--meta`, on the processor or on the CUDA
    /// device with this number.
    pub fn gauge(&self, cuda: Option<usize>) -> Gauge {
        let visible = env::var("CUDA_VISIBLE_DEVICES").ok();
        Gauge::open(cuda, visible.as_deref(), again::command_line(self.tool))
    }

    /// Has the run end with exit code 1 at least, for something beside the
    /// candidates that was not done and has been reported.
    pub fn note_trouble(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a candidate that failed in this stage, once it has been reported.
    ///
    /// # Errors
    /// With `--on-error fail`.
    pub fn count_failure(&self) -> Result<(), Fatal> {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.on_error == OnError::Fail {
            Err(Fatal)
        } else {
            Ok(())
        }
    }

    /// What `--on-error` asks for.
    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    /// Which GPUs CUDA shows to this process: `CUDA_VISIBLE_DEVICES`.
    pub fn visible_gpus(&self) -> Option<String> {
        env::var("CUDA_VISIBLE_DEVICES").ok()
    }

    /// How many candidates failed in this stage.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether tables and messages are to be coloured.
    pub fn color(&self) -> bool {
        self.color
    }

    /// From here on, SIGINT and SIGTERM set a flag that [`Context::is_interrupted`]
    /// shows, so that the record in flight can be ended; a second one ends the
    /// process at once. Before, and in fast tools, the first one does.
    pub fn finish_records_when_interrupted(&self) {
        self.finishes.store(true, Ordering::SeqCst);
    }

    /// The same in a process that works for another one, which decides and tells.
    pub fn leave_interrupts_to_parent(&self) {
        self.silent.store(true, Ordering::SeqCst);
        self.finish_records_when_interrupted();
    }

    /// Answers SIGINT and SIGTERM. `kept` tells what is left of the run.
    pub(crate) fn answer_interrupts(&self, kept: String) -> Result<(), ctrlc::Error> {
        let (finishes, interrupted) = (Arc::clone(&self.finishes), Arc::clone(&self.interrupted));
        let (tool, screen, silent) = (self.tool, self.screen.clone(), Arc::clone(&self.silent));
        ctrlc::set_handler(move || {
            if finishes.load(Ordering::SeqCst) && !interrupted.swap(true, Ordering::SeqCst) {
                return;
            }
            screen.end();
            if !silent.load(Ordering::SeqCst) {
                let _ = writeln!(io::stderr(), "{tool}: interrupted; {kept}");
            }
            // Nothing is in flight that would have to be ended.
            #[allow(clippy::exit)]
            std::process::exit(130);
        })
    }

    /// Whether nothing is said of an interrupt.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::SeqCst)
    }

    /// Whether SIGINT or SIGTERM came.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// The flag behind [`Context::is_interrupted`], for other threads.
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Shows on a terminal how many candidates are done, and of how many where
    /// they come from files. What is read and done is told to the screen.
    pub fn start_progress(&self, files: &[PathBuf], what: &'static str) {
        if self.can_draw() {
            let files = files.to_vec();
            self.screen
                .start(self.tool, what, move || records_in(&files));
        }
    }

    /// The same for a tool that is fast, and takes long only with very much input.
    /// In a pipeline it waits for others, and shows nothing.
    pub fn start_fast_progress(&self, files: &[PathBuf], what: &'static str) {
        let from_files = !files.is_empty() && !files.iter().any(|file| is_stdin(file));
        if from_files && !is_pipe(io::stdout()) {
            self.start_progress(files, what);
            self.screen.busy();
        }
    }

    /// The same, for a tool that reads nothing and knows how much there will be.
    pub fn start_known_progress(&self, total: Option<u64>, what: &'static str) {
        if self.can_draw() && !is_pipe(io::stdout()) {
            self.screen.start(self.tool, what, move || total);
            self.screen.busy();
        }
    }

    fn can_draw(&self) -> bool {
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.quiet && !dumb && io::stderr().is_terminal()
    }

    /// The screen, for other threads.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// One more record is done.
    pub fn advance(&self) {
        self.screen.advance();
    }
}

/// How many records are in these files; not known where one is no regular file.
fn records_in(files: &[PathBuf]) -> Option<u64> {
    let count = |path: &PathBuf| {
        let file = File::open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut lines = BufReader::with_capacity(1 << 18, file).split(b'\n');
        let full = |line: &Vec<u8>| !line.trim_ascii().is_empty();
        lines.try_fold(0, |count, line| Some(count + u64::from(full(&line.ok()?))))
    };
    let counts = files.iter().map(count).collect::<Option<Vec<u64>>>()?;
    (!files.is_empty()).then(|| counts.into_iter().sum())
}
