//! Candidates scored in processes of their own: one that hangs, crashes or
//! takes more memory than there is costs only itself.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use knas_records::workers::{self, Answer, Worker};
use knas_records::{Context, Failure, Record};

use crate::cli::Args;
use crate::known::Known;
use crate::plan::Plan;
use crate::scorer::{Scorer, fail};

/// One job.
pub struct Isolated {
    timeout: Option<Duration>,
    worker: Worker,
}

impl Isolated {
    /// A job that gives a candidate so much time.
    pub fn new(timeout: Option<Duration>, worker: Worker) -> Self {
        Self { timeout, worker }
    }

    /// The record with its scores, and why it failed where it did.
    ///
    /// # Errors
    /// When no process can be started: then nothing can be scored.
    pub fn score(&mut self, record: Record<'static>) -> Result<(Record<'static>, Option<Failure>)> {
        let mut question = Vec::new();
        record.write_to(&mut question)?;
        let read = |line: &str| {
            let answer = Record::parse(line).ok()?; // torn off as it died
            Some(ControlFlow::Break(answer.into_owned()))
        };
        let failure = match self.worker.ask(question, self.timeout, None, read)? {
            Answer::Given(answer) => {
                let failure = answer.get("error")?;
                return Ok((answer, failure));
            }
            Answer::Late | Answer::Unwanted => {
                let seconds = self.timeout.unwrap_or_default().as_secs_f64();
                fail("timeout", format!("no score after {seconds} s (--timeout)"))
            }
            Answer::Gone(how) => {
                let message = format!("the process that scored it ended: {how}");
                fail("crashed", message)
            }
        };
        Ok((record, Some(failure)))
    }
}

/// What a job's process does: scores the records on standard input until there
/// are no more.
pub fn serve(args: &Args, context: &Context) -> Result<()> {
    // Ctrl-C in a terminal reaches this process too. The one that started it
    // decides what it is to finish, and takes it along when it is killed.
    context.leave_interrupts_to_parent();
    workers::go_first()?;
    let plan = Plan::new(args, context)?;
    let known = Known::default();
    let scorer = Scorer::new(&plan, &known);
    workers::serve(context, |line, output| {
        let mut record = line.record()?;
        if let Err(failure) = scorer.score(&mut record) {
            record.fail(&failure);
        }
        Ok(output.write(&record)?)
    })
}
