//! The work of knas-rank: read, select, write.

use anyhow::Context as _;
use knas_records::sheet::Format;
use knas_records::{Common, Context, Failure, OnError, Record, finite, integer};
use knas_space::Equivalence;

use crate::best::{Best, Candidate};
use crate::cli::{Args, Sense};
use crate::expression::Expression;
use crate::format;

/// Failures that are named one by one; the rest is counted.
const NAMED: u64 = 20;

/// Why nothing is ranked; what became of each record has been said.
const NOTHING: &str = "there is no candidate to rank";

/// Ranks what the arguments name.
///
/// # Errors
/// What ends the run: input or output that does not work, `--on-error fail`,
/// records that cannot be compared.
pub fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let expression = Expression::new(&args.by, args.combine)?;
    // Whatever an earlier run left was ranked among other records.
    let anew = Common {
        resume: false,
        ..args.common.clone()
    };
    let mut output = context.output(&anew, |_| Ok(()))?;

    let mut reader = Reader {
        context,
        expression: &expression,
        sense: args.unique,
        failed: Failed::new(&args, context),
        comparable: Comparable::default(),
    };
    let mut best = Best::new(args.k, args.unique.is_some());
    match expression.combined() {
        None => reader.read(&args, |record, line, expression, class| {
            let value = expression.value(record)?;
            if best.may_take(value, record.id()) {
                best.push(candidate(value, record, line), class);
            }
            Ok(())
        })?,
        Some(combine) => {
            let mut columns = vec![Vec::new(); expression.width()];
            let mut waiting = Vec::new();
            reader.read(&args, |record, line, expression, class| {
                for (column, value) in columns.iter_mut().zip(expression.values(record)?) {
                    column.push(value);
                }
                waiting.push((candidate(0.0, record, line), class));
                Ok(())
            })?;
            for ((mut candidate, class), value) in waiting.into_iter().zip(combine(&columns)?) {
                candidate.value = value;
                best.push(candidate, class);
            }
        }
    }

    let failed = reader.failed;
    let ranked = best.into_sorted();
    let nothing = ranked.is_empty();
    if nothing && failed.kept.is_none() {
        failed.report(0);
        anyhow::bail!(NOTHING);
    }
    if args.format == Format::Ndjson {
        for (place, candidate) in ranked.iter().enumerate() {
            output.write(&rank(candidate, place, &expression)?)?;
        }
        for (_, line) in failed.report(ranked.len()) {
            output.write(&Record::parse(&line)?)?;
        }
    } else {
        let records = ranked.iter().enumerate();
        let records = records.map(|(place, candidate)| rank(candidate, place, &expression));
        let sheet = format::sheet(records.collect::<Result<_, _>>()?, args.format);
        sheet.write(args.format, &mut output)?;
        failed.report(ranked.len());
    }
    output.finish()?;
    anyhow::ensure!(!nothing, NOTHING);
    Ok(())
}

fn candidate(value: f64, record: &Record<'_>, line: &str) -> Candidate {
    Candidate {
        value,
        id: record.id().into(),
        line: line.into(),
    }
}

/// The record with its rank, and with the score that ranked it.
fn rank<'a>(
    candidate: &'a Candidate,
    place: usize,
    expression: &Expression,
) -> anyhow::Result<Record<'a>> {
    let mut record = Record::parse(&candidate.line)?;
    if !expression.is_own_score() {
        record.set("score", &finite("the score", candidate.value)?)?;
        record.set("score_by", &expression.name())?;
    }
    record.set("rank", &integer(place as u64 + 1))?;
    Ok(record)
}

struct Reader<'r> {
    context: &'r Context,
    expression: &'r Expression,
    sense: Option<Sense>,
    failed: Failed<'r>,
    comparable: Comparable,
}

impl Reader<'_> {
    /// Shows every record that has not failed to `take`, with its text and,
    /// where classes matter, its class.
    fn read(
        &mut self,
        args: &Args,
        mut take: impl FnMut(&Record<'_>, &str, &Expression, Option<String>) -> Result<(), Failure>,
    ) -> anyhow::Result<()> {
        let mut input = self.context.input(&args.inputs.files)?;
        self.context.start_progress(None, "records");
        while let Some(line) = input.next_line()? {
            self.context.advance();
            let record = match line.record() {
                Ok(record) => record,
                Err(reason) => {
                    self.context.bad_line(&line, &reason)?;
                    continue;
                }
            };
            let text = line.text()?;
            if record.has_failed() {
                self.failed.earlier(&record, text);
                continue;
            }
            if self.expression.is_own_score() {
                self.comparable
                    .check_name(&record)
                    .with_context(|| line.place())?;
            }
            self.comparable.check_settings(&record, self.context);
            let class = self.sense.map(|sense| class(&record, sense)).transpose();
            let taken = class.and_then(|class| take(&record, text, self.expression, class));
            if let Err(failure) = taken {
                self.failed.here(record, &line.place(), &failure)?;
            }
        }
        Ok(())
    }
}

/// What all architectures that are equal to this one share.
fn class(record: &Record<'_>, sense: Sense) -> Result<String, Failure> {
    let text = |name| {
        record
            .get::<String>(name)
            .map_err(|error| Failure::new("rank", "bad_field", error))
    };
    let Some(arch) = text("arch")? else {
        return Err(Failure::new(
            "rank",
            "missing_arch",
            "no arch, which --unique compares",
        ));
    };
    let name = text("space")?.unwrap_or_default();
    let key = match knas_space::by_name(&name) {
        None => None,
        Some(space) => {
            let architecture = space
                .parse(&arch)
                .map_err(|error| Failure::new("rank", "bad_arch", error))?;
            architecture.key(match sense {
                Sense::Benchmark => Equivalence::Benchmark,
                Sense::Function => Equivalence::Function,
                Sense::Network => Equivalence::Network,
            })
        }
    };
    // Of a space that is not known, or knows no such sense, only equal
    // notations are surely equal.
    Ok(format!("{name}\n{}", key.unwrap_or(arch)))
}

/// Candidates without a rank.
struct Failed<'c> {
    context: &'c Context,
    /// Id and text of those that are to be passed on.
    kept: Option<Vec<(String, String)>>,
    earlier: u64,
    here: u64,
}

impl<'c> Failed<'c> {
    fn new(args: &Args, context: &'c Context) -> Self {
        let keep = args.k.is_none()
            && args.format == Format::Ndjson
            && context.on_error() == OnError::Emit;
        Self {
            context,
            kept: keep.then(Vec::new),
            earlier: 0,
            here: 0,
        }
    }

    /// Takes one that an earlier stage marked.
    fn earlier(&mut self, record: &Record<'_>, text: &str) {
        self.earlier += 1;
        if let Some(kept) = &mut self.kept {
            kept.push((record.id().to_owned(), text.to_owned()));
        }
    }

    /// Takes one that failed here.
    fn here(
        &mut self,
        mut record: Record<'_>,
        place: &dyn std::fmt::Display,
        failure: &Failure,
    ) -> anyhow::Result<()> {
        self.here += 1;
        if self.here <= NAMED {
            self.context
                .error(format_args!("{place}: {}: {failure}", record.id()));
        }
        if let Some(kept) = &mut self.kept {
            record.fail(failure);
            let mut text = Vec::new();
            record.write_to(&mut text)?;
            kept.push((record.id().to_owned(), String::from_utf8(text)?));
        }
        Ok(self.context.count_failure()?)
    }

    /// Says how many there were; returns those that are to be passed on, in
    /// the order of their ids.
    fn report(self, ranked: usize) -> Vec<(String, String)> {
        if self.here > NAMED {
            let more = self.here - NAMED;
            self.context
                .error(format_args!("… and {more} more candidates failed here"));
        }
        let done = if self.kept.is_some() {
            "passed on without a rank"
        } else {
            "left out"
        };
        if self.earlier + self.here > 0 {
            self.context.warn(format_args!(
                "failed candidates {done}: {} from earlier stages, {} from this one",
                self.earlier, self.here
            ));
        }
        self.context
            .detail(format_args!("{ranked} candidates ranked"));
        let mut kept = self.kept.unwrap_or_default();
        kept.sort_unstable();
        kept
    }
}

/// Whether the scores of the records can be compared with each other.
#[derive(Default)]
struct Comparable {
    score_by: Option<(String, String)>,
    scored: Option<(String, String)>,
    warned: bool,
}

impl Comparable {
    /// Scores of different names have no common order.
    fn check_name(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        let Some(name) = record.raw("score_by") else {
            return Ok(());
        };
        match &self.score_by {
            None => self.score_by = Some((name.get().to_owned(), record.id().to_owned())),
            Some((first, id)) => anyhow::ensure!(
                first == name.get(),
                "{} has a score by {}, but {id} one by {first}: they cannot be compared; \
                 name one score with --by",
                record.id(),
                name.get()
            ),
        }
        Ok(())
    }

    /// Scores of other data, seeds or networks have an order, but a doubtful one.
    fn check_settings(&mut self, record: &Record<'_>, context: &Context) {
        let Some(settings) = record.raw("scored").filter(|_| !self.warned) else {
            return;
        };
        match &self.scored {
            None => self.scored = Some((settings.get().to_owned(), record.id().to_owned())),
            Some((first, id)) if first != settings.get() => {
                self.warned = true;
                context.warn(format_args!(
                    "{id} and {} were scored with different data, seeds or settings \
                     (see their `scored`); their scores may not be comparable",
                    record.id()
                ));
            }
            Some(_) => {}
        }
    }
}
