//! What a tool says on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::PoisonError;

use crate::cli::OnError;
use crate::input::{Line, Place};
use crate::output::Output;
use crate::record::{Failure, Record, RecordError};
use crate::told;
use crate::tool::Fatal;

use super::Context;

impl Context {
    /// An error that does not end the run.
    pub fn error(&self, message: impl Display) {
        self.say("error", "1;31", message);
    }

    /// Something the user should know about.
    pub fn warn(&self, message: impl Display) {
        if !self.quiet {
            self.say("warning", "1;33", message);
        }
    }

    /// Something without which the result would be taken for what it is not:
    /// said with `-q`, too.
    pub fn caution(&self, message: impl Display) {
        self.say("warning", "1;33", message);
    }

    /// What is being done.
    pub fn info(&self, message: impl Display) {
        if !self.quiet {
            self.say("", "", message);
        }
    }

    /// More about what is being done, with `-v`.
    pub fn detail(&self, message: impl Display) {
        if self.verbose {
            self.say("", "", message);
        }
    }

    fn say(&self, label: &str, style: &str, message: impl Display) {
        let tool = self.tool;
        let message = told::plain(&message.to_string());
        let text = match (label, self.color) {
            ("", _) => format!("{tool}: {message}\n"),
            (_, true) => format!("{tool}: \x1b[{style}m{label}:\x1b[0m {message}\n"),
            (_, false) => format!("{tool}: {label}: {message}\n"),
        };
        // When nobody can be told, the exit code still tells.
        let write = || drop(io::stderr().lock().write_all(text.as_bytes()));
        self.screen.around(write);
    }

    /// Reports a line that is not a record, and counts it as a failure.
    ///
    /// # Errors
    /// With `--on-error fail`.
    pub fn bad_line(&self, line: &Line<'_>, reason: &RecordError) -> Result<(), Fatal> {
        self.bad_text(&line.place(), &line.excerpt(), reason)
    }

    /// As [`Context::bad_line`], when the line itself is gone.
    ///
    /// # Errors
    /// With `--on-error fail`.
    pub fn bad_text(&self, place: &Place, text: &str, reason: &RecordError) -> Result<(), Fatal> {
        self.error(format_args!("{place}: {reason}: {text}"));
        self.count_failure()
    }

    /// Reports that a candidate failed in this stage, marks it, and writes it
    /// as `--on-error` wants it.
    ///
    /// # Errors
    /// When the output refuses, or with `--on-error fail`.
    pub fn failed(
        &self,
        mut record: Record<'_>,
        place: &dyn Display,
        failure: &Failure,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        self.tell(record.id(), place, failure);
        record.fail(failure);
        if self.on_error == OnError::Emit {
            output.write(&record)?;
        }
        Ok(self.count_failure()?)
    }

    /// Reports that a candidate failed in this stage, and counts it, where it is
    /// not passed on.
    ///
    /// # Errors
    /// With `--on-error fail`.
    pub fn left_out(&self, id: &str, place: &dyn Display, failure: &Failure) -> Result<(), Fatal> {
        self.tell(id, place, failure);
        self.count_failure()
    }

    /// Names a candidate that failed, unless as many as can be read have failed
    /// alike; with `-v`, always.
    fn tell(&self, id: &str, place: &dyn Display, failure: &Failure) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.verbose || told.names(failure) {
            self.error(format_args!("{place}: {}", told::line(id, failure)));
        }
    }

    /// Of how many candidates nothing was said.
    pub(crate) fn tell_the_rest(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.verbose {
            told.rest().iter().for_each(|line| self.error(line));
        }
    }
}
