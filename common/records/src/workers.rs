//! Work on candidates in processes of their own: one that hangs, crashes or
//! takes more memory than there is costs only itself.
//!
//! Each job holds one process: this program again, with the same flags and
//! `--worker`. It says that it is ready with an empty line, and then answers
//! every line that it is sent with lines, of which the last is the answer. A
//! thread cannot be ended from outside; a process can, and everything that it
//! held is free again.

use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::input::{InputError, Line};
use crate::output::OutputError;
use crate::{Context, Output, again};

/// How long a process may take until it is ready: it reads all the data first.
const START: Duration = Duration::from_secs(600);

/// MB of addresses for records, which are read, held in order and written.
const RECORDS: usize = 64;

/// MB of addresses for a job's threads: its own, and those of two pipes.
const THREADS: usize = 8;

/// How often whoever waits for an answer looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(50);

/// Why no process can be had: then nothing can be worked on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The system refuses one.
    #[error("cannot start a job's process: {0}")]
    Start(#[from] io::Error),
    /// It ended.
    #[error("a job's process ended before it was ready: {0}{limit}", limit = limit_words())]
    Ended(ExitStatus),
    /// There is hardly room for threads and records beside what is there.
    #[error("{jobs} jobs need {needed} MB of addresses more than there are{limit}", limit = limit_words())]
    Room {
        /// How many jobs.
        jobs: usize,
        /// What they need, in MB.
        needed: usize,
    },
    /// It takes too long.
    #[error("a job's process was not ready after {} s", .0.as_secs_f64())]
    Late(Duration),
}

/// What comes of a question.
#[derive(Debug)]
pub enum Answer<A> {
    /// The answer.
    Given(A),
    /// There was none in time. The process has been ended.
    Late,
    /// It is no longer wanted. The process has been ended.
    Unwanted,
    /// The process ended: how, for people.
    Gone(String),
}

/// One job: a process that works, started anew when it was lost.
#[derive(Debug, Default)]
pub struct Worker(Option<Process>);

impl Worker {
    /// Starts the process, unless it runs, and waits until it is ready.
    ///
    /// # Errors
    /// When none can be had.
    pub fn start(&mut self) -> Result<(), WorkerError> {
        self.ready().map(|process| self.0 = Some(process))
    }

    /// Asks a question, which is one line. `read` is shown the lines that come
    /// back: it breaks with the answer, goes on for more, or gives none where a
    /// line is torn. There is an end to waiting after `timeout`, and once
    /// `stop` is set.
    ///
    /// # Errors
    /// When no process can be had.
    pub fn ask<A>(
        &mut self,
        question: Vec<u8>,
        timeout: Option<Duration>,
        stop: Option<&AtomicBool>,
        mut read: impl FnMut(&str) -> Option<ControlFlow<A>>,
    ) -> Result<Answer<A>, WorkerError> {
        // What has no answer yet is not put back: it is ended when it is dropped.
        let mut process = self.ready()?;
        if process.questions.send(question).is_err() {
            return Ok(Answer::Gone(process.end()));
        }
        let begin = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
            let wait = left.map_or(GLANCE, |left| left.min(GLANCE));
            match process.answers.recv_timeout(wait).map(|line| read(&line)) {
                Ok(Some(ControlFlow::Break(answer))) => {
                    self.0 = Some(process);
                    return Ok(Answer::Given(answer));
                }
                Ok(Some(ControlFlow::Continue(()))) => {}
                Ok(None) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Answer::Gone(process.end()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if left.is_some_and(|left| left.is_zero()) {
                        return Ok(Answer::Late);
                    }
                    if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                        return Ok(Answer::Unwanted);
                    }
                }
            }
        }
    }

    fn ready(&mut self) -> Result<Process, WorkerError> {
        match self.0.take() {
            Some(process) => Ok(process),
            None => Process::start(again::with_first(again::WORKER)?, START),
        }
    }
}

/// A process that works; it is killed when the value goes.
#[derive(Debug)]
struct Process {
    child: Child,
    // Its pipes have threads of their own: reading and writing can both wait
    // for ever where it hangs.
    questions: Sender<Vec<u8>>,
    answers: Receiver<String>,
}

impl Process {
    fn start(mut command: Command, limit: Duration) -> Result<Self, WorkerError> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("it has no pipes").into());
        };
        let (questions, asked) = channel::<Vec<u8>>();
        let (answer, answers) = channel();
        let mut process = Self {
            child,
            questions,
            answers,
        };
        let write = move || drop(asked.iter().try_for_each(|line| stdin.write_all(&line)));
        thread::Builder::new().spawn(write)?;
        thread::Builder::new().spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if answer.send(line).is_err() {
                    return;
                }
            }
        })?;
        match process.answers.recv_timeout(limit) {
            Ok(_) => Ok(process),
            Err(RecvTimeoutError::Timeout) => Err(WorkerError::Late(limit)),
            Err(RecvTimeoutError::Disconnected) => Err(WorkerError::Ended(process.status()?)),
        }
    }

    /// How a process ended that answers no longer, for people.
    fn end(&mut self) -> String {
        match self.status() {
            Ok(status) => format!("{status}{}", limit_words()),
            Err(error) => error.to_string(),
        }
    }

    fn status(&mut self) -> io::Result<ExitStatus> {
        // It may have closed its output and still be running.
        if self.child.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(100));
            let _ = self.child.kill(); // it may be over by now
        }
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be over already; there is nobody to tell of another failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a job's process does: calls `answer` for the lines on standard input
/// until there are no more. The output is flushed after each.
///
/// # Errors
/// Those of `answer`, and when input or output refuses.
pub fn serve<E>(
    context: &Context,
    mut answer: impl FnMut(&Line<'_>, &mut Output) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<InputError> + From<OutputError>,
{
    let mut input = context.input(&[])?;
    let mut output = Output::stdout();
    output.write_text("\n")?;
    output.flush_records()?;
    while let Some(line) = input.next_line()? {
        answer(&line, &mut output)?;
        output.flush_records()?;
    }
    Ok(())
}

/// Has the system end this process when the one that started it is gone, and
/// choose it before others when memory runs out. To be called in a job's
/// process before it does anything else.
///
/// # Errors
/// When the system refuses.
#[cfg(target_os = "linux")]
pub fn go_first() -> io::Result<()> {
    let kill = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(kill))?;
    // Where that cannot be set, the system chooses by size alone.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    Ok(())
}

/// Has the system end this process when the one that started it is gone.
///
/// # Errors
/// Never: there is no such thing here.
#[cfg(not(target_os = "linux"))]
pub fn go_first() -> io::Result<()> {
    Ok(())
}

/// The most bytes of addresses that this process, and each that it starts, may
/// take (`ulimit -v`), where there is a limit. Where it is reached, libraries
/// may not only refuse but crash.
pub fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// Whether there are addresses for what so many jobs need in this process: for
/// the threads of each, and for records. To be asked before any is begun, since
/// a thread or a record that there is no room for ends the whole run.
///
/// # Errors
/// When there are not.
pub fn check_room(jobs: usize) -> Result<(), WorkerError> {
    let needed = RECORDS + jobs * THREADS;
    let mut room = Vec::<u8>::new();
    let reserved = room.try_reserve_exact(needed << 20);
    // What is not used might never be asked for.
    std::hint::black_box(&mut room);
    reserved.map_err(|_| WorkerError::Room { jobs, needed })
}

fn limit_words() -> String {
    match address_space_limit() {
        Some(bytes) => format!(", with at most {} MB of addresses (ulimit -v)", bytes >> 20),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the place of this program.
    #[allow(clippy::disallowed_methods)]
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn started(script: &str) -> Worker {
        let process = Process::start(shell(script), START).unwrap();
        Worker(Some(process))
    }

    // `exec`, since what a killed shell has started outlives it, and holds on to
    // whatever the tests write to.
    #[test]
    fn a_process_that_is_never_ready_is_not_waited_for() {
        let limit = Duration::from_millis(50);
        let error = Process::start(shell("exec sleep 1000"), limit).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a job's process was not ready after 0.05 s"
        );
        let error = Process::start(shell("exit 3"), START).unwrap_err();
        assert!(matches!(error, WorkerError::Ended(status) if status.code() == Some(3)));
    }

    #[test]
    fn a_question_has_an_answer_or_an_end() {
        let read = |line: &str| match line {
            "more" => Some(ControlFlow::Continue(())),
            "torn" => None,
            line => Some(ControlFlow::Break(line.to_owned())),
        };
        let ask = |script: &str, timeout: Option<u64>, stop: Option<&AtomicBool>| {
            let timeout = timeout.map(Duration::from_millis);
            let mut worker = started(script);
            let answer = worker.ask(b"q\n".to_vec(), timeout, stop, read).unwrap();
            (answer, worker.0.is_some())
        };
        let (answer, there) = ask("echo; read q; echo more; echo $q; exec sleep 9", None, None);
        assert!(matches!(answer, Answer::Given(text) if text == "q") && there);
        let (answer, there) = ask("echo; exec sleep 1000", Some(20), None);
        assert!(matches!(answer, Answer::Late) && !there);
        let (answer, there) = ask("echo; exec sleep 1000", None, Some(&AtomicBool::new(true)));
        assert!(matches!(answer, Answer::Unwanted) && !there);
        let (answer, there) = ask("echo; read q; kill -9 $$", None, None);
        assert!(matches!(answer, Answer::Gone(how) if how.contains("signal: 9")) && !there);
        let (answer, there) = ask("echo; read q; echo torn; exec sleep 1000", None, None);
        assert!(matches!(answer, Answer::Gone(_)) && !there);
    }
}
