//! One job: a thread that trains candidates itself, or has a process of its own
//! for that, so that one that hangs, crashes or takes more memory than there is
//! costs only itself.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use knas_records::workers::{self, Answer};
use knas_records::{Context, Failure, Output, Record};
use serde::{Deserialize, Serialize};

use crate::candidate::{Site, Worker};
use crate::cli::Args;
use crate::news::{News, Teller};
use crate::outcome::{Reached, Stop, fail};
use crate::plan::Plan;
use crate::run::caught;

/// A job.
pub struct Job<'p> {
    context: &'p Context,
    teller: Teller<'p>,
    way: Way<'p>,
    /// How long the last candidate was trained.
    pub spent: Duration,
}

enum Way<'p> {
    Here(Worker<'p>),
    Apart(workers::Worker),
}

/// What a job's process is asked.
#[derive(Serialize, Deserialize)]
struct Question {
    record: String,
    until: u64,
    site: Option<Site>,
}

/// What it says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    News(News),
    Reached(Box<Reached>),
    Failed(Failure),
    Refused(String),
    Interrupted,
}

impl<'p> Job<'p> {
    /// Trains in the calling thread.
    pub fn here(plan: &'p Plan, context: &'p Context, teller: Teller<'p>) -> Self {
        let way = Way::Here(Worker::new(plan, context));
        Self {
            context,
            teller,
            way,
            spent: Duration::ZERO,
        }
    }

    /// Trains in this process.
    pub fn apart(context: &'p Context, teller: Teller<'p>, worker: workers::Worker) -> Self {
        let way = Way::Apart(worker);
        Self {
            context,
            teller,
            way,
            spent: Duration::ZERO,
        }
    }

    /// Trains the candidate as far as the epoch `until`, from its checkpoint
    /// where there is one; a process of its own in no more than `time`.
    ///
    /// # Errors
    /// Why it has not come as far.
    pub fn train(
        &mut self,
        record: &Record<'_>,
        until: u64,
        site: Option<&Site>,
        time: Option<Duration>,
    ) -> Result<Reached, Stop> {
        self.spent = Duration::ZERO;
        let teller = &self.teller;
        let worker = match &mut self.way {
            Way::Apart(worker) => worker,
            Way::Here(worker) => {
                let tell = |news: News| teller.tell(record, &news);
                let train = || worker.train(record, until, site, &tell);
                return caught(train).unwrap_or_else(|failure| Err(Stop::Failed(failure)));
            }
        };
        let question = question(record, until, site).map_err(Stop::Refused)?;
        let read = |line: &str| {
            Some(match serde_json::from_str(line).ok()? {
                Said::News(news) => {
                    teller.tell(record, &news);
                    ControlFlow::Continue(())
                }
                Said::Reached(reached) => ControlFlow::Break(Ok(*reached)),
                Said::Failed(failure) => ControlFlow::Break(Err(Stop::Failed(failure))),
                Said::Refused(why) => ControlFlow::Break(Err(Stop::Refused(anyhow!(why)))),
                Said::Interrupted => ControlFlow::Break(Err(Stop::Interrupted)),
            })
        };
        let stop = self.context.interrupt_flag();
        // Until it is ready, no candidate has been begun.
        worker
            .start()
            .map_err(|error| Stop::Refused(error.into()))?;
        let begin = Instant::now();
        let answer = worker.ask(question, time, Some(&*stop), read);
        self.spent = begin.elapsed();
        match answer.map_err(|error| Stop::Refused(error.into()))? {
            Answer::Given(reached) => reached,
            Answer::Unwanted => Err(Stop::Interrupted),
            Answer::Late => Err(Stop::Late),
            Answer::Gone(how) => {
                let message = format!("the process that trained it ended: {how}");
                Err(Stop::Failed(fail("crashed", message)))
            }
        }
    }
}

fn question(record: &Record<'_>, until: u64, site: Option<&Site>) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    record.write_to(&mut line)?;
    let question = Question {
        record: String::from_utf8(line)?,
        until,
        site: site.cloned(),
    };
    let mut question = serde_json::to_vec(&question)?;
    question.push(b'\n');
    Ok(question)
}

/// What a job's process does: trains what it is asked for until there is no more.
pub fn serve(args: &Args, context: &Context) -> Result<()> {
    context.leave_interrupts_to_parent();
    workers::go_first()?;
    let plan = Plan::new(args, context)?;
    let worker = Worker::new(&plan, context);
    workers::serve(context, |line, output| {
        let Question {
            record,
            until,
            site,
        } = serde_json::from_str(line.text()?)?;
        let record = Record::parse(record.trim_end())?;
        let output = RefCell::new(output);
        // Where nobody reads any more, this process is about to be ended.
        let tell = |news| drop(say(&mut output.borrow_mut(), &Said::News(news)));
        let train = || worker.train(&record, until, site.as_ref(), &tell);
        let said = match caught(train).unwrap_or_else(|failure| Err(Stop::Failed(failure))) {
            Ok(reached) => Said::Reached(Box::new(reached)),
            Err(Stop::Failed(failure)) => Said::Failed(failure),
            Err(Stop::Refused(error)) => Said::Refused(format!("{error:#}")),
            Err(Stop::Interrupted | Stop::Late) => Said::Interrupted,
        };
        say(&mut output.borrow_mut(), &said)
    })
}

fn say(output: &mut Output, said: &Said) -> Result<()> {
    output.write_text(&format!("{}\n", serde_json::to_string(said)?))?;
    Ok(output.flush_records()?)
}
