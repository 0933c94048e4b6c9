//! The flags that every tool shares.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use knas_files::Named;

use crate::manual;

/// Flags that every tool has.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Write to FILE: to FILE.part first, renamed when the run is complete
    ///
    /// A link keeps pointing where it points; a device or pipe is written to. FILE
    /// is none of the files that are read. Where every candidate failed, a FILE
    /// with results stays as it is.
    #[arg(
        short,
        long,
        value_name = "FILE",
        group = "resumable",
        help_heading = "Common"
    )]
    pub output: Option<PathBuf>,

    /// Keep the records that FILE or FILE.part already has (needs -o)
    ///
    /// Those that failed are tried again. What was made with other settings, or
    /// is another architecture under the same id, is refused.
    // A tool that keeps other work too adds its flag to the group.
    #[arg(long, requires = "resumable", help_heading = "Common")]
    pub resume: bool,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Common")]
    pub quiet: bool,

    /// Print more about what is done
    #[arg(short, long, help_heading = "Common", hide_short_help = true)]
    pub verbose: bool,

    /// Colour in messages and tables (NO_COLOR and CLICOLOR_FORCE are heeded)
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Common",
        hide_short_help = true
    )]
    pub color: Color,

    /// A failed candidate: pass it on with `error`, leave it out, or end the run
    #[arg(
        long,
        value_enum,
        default_value = "emit",
        value_name = "HOW",
        help_heading = "Common",
        hide_short_help = true
    )]
    pub on_error: OnError,

    /// Print the JSON Schema of the records and exit
    #[arg(long, help_heading = "Common", hide_short_help = true)]
    pub schema: bool,

    /// Print a manual page or a completion script and exit
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        help_heading = "Common",
        hide_short_help = true
    )]
    pub generate: Option<Generate>,
}

/// The files that a tool reads.
#[derive(Clone, Debug, Args)]
pub struct Inputs {
    /// Files of records; `-`, or none, reads standard input
    ///
    /// An id stands for one candidate: a record that says the same again counts
    /// once, with a warning; one that says something else under the same id fails,
    /// and the message names both places.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// A number from 1 up, as an entry of a list on the command line: blanks beside
/// commas say nothing.
///
/// # Errors
/// Where it is none.
pub fn count_entry(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "it is a whole number above 0".to_owned())
}

impl Inputs {
    /// The files by name, for [`Context::keep_apart`](crate::Context::keep_apart).
    pub fn named(&self) -> Vec<Named<'_>> {
        let stdin = || Named::read("", Path::new("-"));
        match self.files.is_empty() {
            true => vec![stdin()],
            false => self
                .files
                .iter()
                .map(|file| Named::read("", file))
                .collect(),
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What becomes of a candidate that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// It is passed on as a record with `error`.
    Emit,
    /// It is left out.
    Skip,
    /// It ends the run.
    Fail,
}

/// What `--generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// A manual page.
    Man,
    /// Completions for bash.
    CompleteBash,
    /// Completions for zsh.
    CompleteZsh,
    /// Completions for fish.
    CompleteFish,
}

impl Generate {
    /// Writes the page or script for `command`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(self, mut command: Command, out: &mut dyn io::Write) -> io::Result<()> {
        let shell = match self {
            Self::Man => return manual::write(command, out),
            Self::CompleteBash => Shell::Bash,
            Self::CompleteZsh => Shell::Zsh,
            Self::CompleteFish => Shell::Fish,
        };
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, name, &mut script);
        out.write_all(&script)
    }
}
