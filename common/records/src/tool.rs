//! Start-up, messages, interrupts and exit codes of a tool.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | all good; also when the reader of the output went away |
//! | 1 | finished, some records failed |
//! | 2 | wrong usage, or something that ends the whole run |
//! | 130 | interrupted |
//!
//! With [`Context`], this is the one place below `main` that talks to the
//! terminal and reads the environment.

#![allow(clippy::disallowed_methods)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use crate::cli::Common;
use crate::context::Context;
use crate::output::OutputError;

/// What a tool is called and what it writes.
pub struct Tool {
    /// The name of the binary, which starts every message.
    pub name: &'static str,
    /// The JSON Schema of what it writes.
    pub schema: fn() -> Value,
}

/// An error that ends the run with exit code 2 because `--on-error fail` asks for it.
#[derive(Debug, thiserror::Error)]
#[error("stopped at the first failed candidate, as --on-error fail asks")]
pub struct Fatal;

/// Parses the command line, runs the tool, and turns the outcome into an exit code.
pub fn main<A: Parser>(
    tool: &Tool,
    common: impl Fn(&A) -> &Common,
    run: impl FnOnce(A, &Context) -> anyhow::Result<()>,
) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed terminal is no reason to fail; there is nobody to tell.
            if error.use_stderr() {
                let _ = write!(io::stderr(), "{}: {}", tool.name, error.render());
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
            // Help and version.
            return match error.print().and_then(|()| io::stdout().flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    let _ = writeln!(
                        io::stderr(),
                        "{}: {}",
                        tool.name,
                        OutputError::Stdout(error)
                    );
                    ExitCode::from(2)
                }
                _ => ExitCode::SUCCESS,
            };
        }
    };
    let context = Context::new(tool.name, common(&args));
    let kept = kept(common(&args));
    let result = match printed(tool, common(&args), A::command()) {
        Some(result) => result.map_err(Into::into),
        None => context
            .answer_interrupts(kept.clone())
            .map_err(Into::into)
            .and_then(|()| run(args, &context)),
    };
    context.screen().end();
    if !matches!(&result, Err(error) if reader_went_away(error)) {
        context.tell_the_rest();
    }
    match result {
        Err(error) if reader_went_away(&error) => ExitCode::SUCCESS,
        Err(error) => {
            context.error(explained(&error));
            ExitCode::from(2)
        }
        Ok(()) if context.is_interrupted() => {
            if !context.is_silent() {
                context.info(format_args!("interrupted; {kept}"));
            }
            ExitCode::from(130)
        }
        Ok(()) if context.failures() > 0 => ExitCode::from(1),
        Ok(()) => ExitCode::SUCCESS,
    }
}

/// `--schema` and `--generate` print and end.
fn printed(tool: &Tool, common: &Common, command: clap::Command) -> Option<io::Result<()>> {
    let mut out = io::stdout().lock();
    let written = match (common.generate, common.schema) {
        (Some(generate), _) => generate.write(command, &mut out),
        (None, true) => writeln!(out, "{:#}", (tool.schema)()),
        (None, false) => return None,
    };
    Some(written.and_then(|()| out.flush()))
}

/// What a run that is cut off leaves, and how to go on.
fn kept(common: &Common) -> String {
    match &common.output {
        Some(file) if file.as_os_str() != "-" => format!(
            "{0} is as it was, and what is done is in {0}.part: the same command with --resume goes on",
            file.display()
        ),
        _ => "what was done has been written; with -o FILE, --resume would go on".to_owned(),
    }
}

/// An error and its causes in one line. Typed errors often name their cause
/// themselves; it is not said again.
fn explained(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn reader_went_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = match cause.downcast_ref::<OutputError>() {
            Some(OutputError::Stdout(source) | OutputError::Io { source, .. }) => Some(source),
            _ => cause.downcast_ref::<io::Error>(),
        };
        io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
