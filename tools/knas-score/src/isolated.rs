//! Candidates scored in processes of their own: one that hangs, crashes or
//! takes more memory than there is costs only itself.
//!
//! Each job holds one process: this program again, with the same flags and
//! `--worker`. It says that it is ready with an empty line, and then answers
//! each record with a record. A thread cannot be ended from outside; a process
//! can, and everything that it held is free again.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use knas_records::{Context, Failure, Output, Record, again};

use crate::plan::Plan;
use crate::scorer::{Known, Scorer, fail};

/// One job: a process that scores, started anew when it was lost.
pub struct Isolated {
    timeout: Duration,
    worker: Option<Worker>,
}

impl Isolated {
    /// A job that gives a candidate so much time.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            worker: None,
        }
    }

    /// The record with its scores, and why it failed where it did.
    ///
    /// # Errors
    /// When no process can be started: then nothing can be scored.
    pub fn score(&mut self, record: Record<'static>) -> Result<(Record<'static>, Option<Failure>)> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start()?,
        };
        match worker.ask(&record, self.timeout) {
            Answer::Record(answer) => {
                self.worker = Some(worker);
                let failure = answer.get("error")?;
                Ok((answer, failure))
            }
            Answer::Late => {
                let seconds = self.timeout.as_secs_f64();
                let message = format!("no score after {seconds} s (--timeout)");
                Ok((record, Some(fail("timeout", message))))
            }
            Answer::Gone => {
                let message = format!("the process that scored it ended: {}", worker.end()?);
                Ok((record, Some(fail("crashed", message))))
            }
        }
    }
}

/// What comes back for a record.
enum Answer {
    Record(Record<'static>),
    Late,
    Gone,
}

/// A process that scores; it is killed when the value goes.
struct Worker {
    process: Child,
    // Its pipes have threads of their own: reading and writing can both wait
    // for ever where it hangs.
    questions: Sender<Vec<u8>>,
    answers: Receiver<String>,
}

impl Worker {
    /// Starts one and waits until it is ready.
    fn start() -> Result<Self> {
        let mut command = again::with_first("--worker")?;
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start a job's process")?;
        let (Some(mut stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("a job's process has no pipes");
        };
        let (questions, asked) = channel::<Vec<u8>>();
        thread::spawn(move || asked.iter().try_for_each(|line| stdin.write_all(&line)));
        let (answer, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if answer.send(line).is_err() {
                    return;
                }
            }
        });
        let mut worker = Self {
            process,
            questions,
            answers,
        };
        match worker.answers.recv() {
            Ok(_) => Ok(worker),
            Err(_) => Err(anyhow!(
                "a job's process ended before it was ready: {}",
                worker.end()?
            )),
        }
    }

    fn ask(&mut self, record: &Record<'_>, timeout: Duration) -> Answer {
        let mut line = Vec::new();
        if record.write_to(&mut line).is_err() || self.questions.send(line).is_err() {
            return Answer::Gone;
        }
        match self.answers.recv_timeout(timeout) {
            Ok(line) => match Record::parse(&line) {
                Ok(answer) => Answer::Record(answer.into_owned()),
                Err(_) => Answer::Gone, // torn off as it died
            },
            Err(RecvTimeoutError::Timeout) => Answer::Late,
            Err(RecvTimeoutError::Disconnected) => Answer::Gone,
        }
    }

    /// How a process ended that answers no longer.
    fn end(&mut self) -> Result<ExitStatus> {
        // It may have closed its output and still be running.
        let ended = self.process.try_wait()?;
        Ok(match ended {
            Some(status) => status,
            None => {
                thread::sleep(Duration::from_millis(100));
                let _ = self.process.kill(); // it may be over by now
                self.process.wait()?
            }
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be over already; there is nobody to tell of another failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a job's process does: scores the records on standard input until there
/// are no more.
pub fn serve(plan: &Plan, context: &Context) -> Result<()> {
    // Ctrl-C in a terminal reaches this process too. The one that started it
    // decides what it is to finish, and takes it along when it is killed.
    context.finish_records_when_interrupted()?;
    go_first()?;
    let mut input = context.input(&[])?;
    let mut output = Output::stdout();
    let known = Known::default();
    let scorer = Scorer::new(plan, &known);
    output.write_text("\n")?;
    output.flush_records()?;
    while let Some(line) = input.next_line()? {
        let mut record = line.record()?;
        if let Err(failure) = scorer.score(&mut record) {
            record.fail(&failure);
        }
        output.write(&record)?;
        output.flush_records()?;
    }
    Ok(())
}

/// Has the system end this process when the one that started it is gone, and
/// choose it before others when memory runs out.
#[cfg(target_os = "linux")]
fn go_first() -> Result<()> {
    let kill = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(kill))?;
    // Where that cannot be set, the system chooses by size alone.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn go_first() -> Result<()> {
    Ok(())
}
