//! Where records go when they are done.

use anyhow::{Result, bail};
use knas_records::ids::Repeats;
use knas_records::{Context, Failure, OnError, Output, Place, Record, RecordError};

use crate::cli::Select;
use crate::outcome::{Merit, Reached};
use crate::plan::Plan;

/// A line of the input, dealt with.
pub enum Done {
    /// It is there from an earlier run.
    Kept(String),
    /// It came before, at the second place, and says the same.
    Again(String, Place, Place),
    /// It is no record.
    Bad(Place, String, RecordError),
    /// It had failed before, or was evaluated.
    Passed(Record<'static>),
    /// It failed here.
    Failed(Place, Record<'static>, Failure),
    /// It was trained.
    Trained(Place, Record<'static>, Box<Reached>),
    /// Training it would overwrite what an earlier run left, or no process can be
    /// had, and so the run ends.
    Refused(anyhow::Error),
    /// The run ends before it is done.
    Unfinished,
}

/// Writes records as they are done, or keeps the best for the end.
pub struct Sink<'c> {
    context: &'c Context,
    plan: &'c Plan,
    output: Output,
    select: Option<Select>,
    best: Option<(Merit, Record<'static>)>,
    failed_before: u64,
    repeats: Repeats,
    unfinished: u64,
}

impl<'c> Sink<'c> {
    /// A sink that nothing has gone into.
    pub fn new(
        context: &'c Context,
        plan: &'c Plan,
        output: Output,
        select: Option<Select>,
    ) -> Self {
        Self {
            context,
            plan,
            output,
            select,
            best: None,
            failed_before: 0,
            repeats: Repeats::default(),
            unfinished: 0,
        }
    }

    /// Takes the next line of the input.
    ///
    /// # Errors
    /// When the output refuses, or with `--on-error fail`.
    pub fn take(&mut self, done: Done) -> Result<()> {
        // What comes after a gap would be out of order once the gap is filled.
        if self.unfinished > 0 {
            self.unfinished += 1;
            return Ok(());
        }
        match &done {
            Done::Kept(_) => self.context.screen().kept(),
            _ => self.context.advance(),
        }
        match done {
            Done::Kept(id) => self.output.keep(&id),
            Done::Again(id, place, first) => self.repeats.add(&id, &place, &first),
            Done::Refused(error) => return Err(error),
            Done::Unfinished => self.unfinished += 1,
            Done::Bad(place, text, error) => self.context.bad_text(&place, &text, &error)?,
            Done::Passed(record) => {
                self.failed_before += u64::from(record.has_failed());
                if self.select.is_none() {
                    self.output.write(&record)?;
                }
            }
            Done::Failed(place, record, failure) => self.failed(&place, record, &failure)?,
            Done::Trained(place, record, reached) => self.trained(&place, record, &reached)?,
        }
        Ok(self.output.flush_records()?)
    }

    fn failed(&mut self, place: &Place, record: Record<'_>, failure: &Failure) -> Result<()> {
        if self.select.is_none() {
            let (context, output) = (self.context, &mut self.output);
            return context.failed(record, place, failure, output);
        }
        Ok(self.context.left_out(record.id(), place, failure)?)
    }

    fn trained(
        &mut self,
        place: &Place,
        mut record: Record<'static>,
        reached: &Reached,
    ) -> Result<()> {
        if let Err(failure) = reached.write(&mut record, self.plan) {
            return self.failed(place, record, &failure);
        }
        match (self.select, reached.merit()) {
            (Some(Select::Best), Some(merit)) if reached.is_whole() => {
                let better = |(best, kept): &(Merit, Record<'_>)| {
                    let by_id = || record.id().cmp(kept.id());
                    merit.order(best).then_with(by_id).is_lt()
                };
                if self.best.as_ref().is_none_or(better) {
                    self.best = Some((merit, record));
                }
            }
            (Some(Select::Best), _) => {}
            (None, _) => self.output.write(&record)?,
        }
        Ok(())
    }

    /// Whether the first failure ends the run.
    pub fn is_strict(&self) -> bool {
        self.context.on_error() == OnError::Fail
    }

    /// Ends the run.
    ///
    /// # Errors
    /// When the output refuses.
    pub fn finish(mut self) -> Result<()> {
        self.repeats.report(self.context);
        if self.failed_before > 0 {
            let done = match self.select {
                Some(_) => "left out",
                None => "passed on",
            };
            self.context.info(format_args!(
                "{} candidates had failed before; {done}",
                self.failed_before
            ));
        }
        if self.context.is_interrupted() {
            self.output.flush_records()?; // what is done stays in FILE.part
            let next = match self.plan.checkpoints {
                Some(_) => "--resume goes on from their checkpoints",
                None => "nothing is kept of them without --checkpoint-dir",
            };
            self.context.info(format_args!(
                "interrupted with {} candidates not done; {next}",
                self.unfinished
            ));
            return Ok(());
        }
        self.context.still_failed(&self.output);
        match (self.select, self.best) {
            (Some(_), Some((_, record))) => self.output.write(&record)?,
            (Some(_), None) => bail!("--select: no candidate was trained"),
            (None, _) => {}
        }
        Ok(self.output.finish()?)
    }
}
