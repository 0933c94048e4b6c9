//! The work of knas-rank: read, select, write.

use std::rc::Rc;

use anyhow::Context as _;
use knas_records::ids::{self, Repeats};
use knas_records::sheet::Format;
use knas_records::truth::file_and_columns;
use knas_records::{Common, Context, Failure, Named, Record, finite, integer};
use knas_space::Equivalence;

use crate::best::{Best, Candidate, Place};
use crate::budget::Budget;
use crate::cli::{Args, Sense};
use crate::comparable::Comparable;
use crate::expression::Expression;
use crate::failed::Failed;
use crate::format;
use crate::join::Join;
use crate::waiting::Waiting;

/// Why nothing is ranked; what became of each record has been said.
const NOTHING: &str = "there is no candidate to rank";

/// Ranks what the arguments name.
///
/// # Errors
/// What ends the run: input or output that does not work, `--on-error fail`,
/// records that cannot be compared.
pub fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let expression = Expression::new(&args.by, args.combine)?;
    let named = args.join.as_deref().map(|text| file_and_columns(text).0);
    let mut reads = args.inputs.named();
    reads.extend(Named::given("--join", &named));
    context.keep_apart(&args.common, &reads, &[])?;
    let join = args.join.as_deref().map(|named| Join::read(named, context));
    let join = join.transpose()?;
    // Whatever an earlier run left was ranked among other records.
    let anew = Common {
        resume: false,
        ..args.common.clone()
    };
    let mut output = context.output(&anew, |_| Ok(()))?;
    let on_terminal = output.width().is_some();
    let format = args.format.unwrap_or(match on_terminal {
        true => Format::Table,
        false => Format::Ndjson,
    });

    let mut reader = Reader {
        context,
        expression: &expression,
        sense: args.unique,
        failed: Failed::new(
            args.k.is_none() && format == Format::Ndjson,
            &expression,
            context,
        ),
        comparable: Comparable::default(),
        budget: Budget::new(&args.budget),
        join,
    };
    let mut best = Best::new(args.k, args.unique.is_some());
    let mut clashes = Vec::new();
    let mut repeats = Repeats::default();
    match expression.combined() {
        None => reader.read(&args, |record, line, place, expression, class| {
            let value = expression.value(record)?;
            if best.may_take(value, record.id()) {
                best.push(candidate(value, record, line, place), class);
            }
            Ok(())
        })?,
        Some(combine) => {
            let mut waiting = Waiting::new(expression.width());
            reader.read(&args, |record, line, place, expression, class| {
                let values = expression.values(record)?;
                waiting.add(values, candidate(0.0, record, line, place), class);
                Ok(())
            })?;
            let values = combine(&waiting.columns)?;
            for ((mut candidate, class), value) in waiting.candidates.into_iter().zip(values) {
                candidate.value = value;
                best.push(candidate, class);
            }
            clashes = waiting.twins;
            repeats = waiting.repeats;
        }
    }

    reader.comparable.report(context);
    reader.budget.report(context);
    let ranked = best.into_ranked();
    for (twin, other) in clashes.iter().chain(&ranked.twins) {
        let record = Record::parse(&twin.line)?;
        let failure = ids::failure("rank", other);
        reader.failed.here(record, &twin.place, &failure)?;
    }
    repeats.report(context);
    ranked.repeats.report(context);
    let ranked = ranked.candidates;
    let failed = reader.failed;
    let nothing = ranked.is_empty();
    if nothing && failed.kept.is_none() {
        failed.report(0);
        anyhow::bail!(NOTHING);
    }
    if format == Format::Ndjson {
        for (place, candidate) in ranked.iter().enumerate() {
            output.write(&rank(candidate, place, &expression)?)?;
        }
        for (_, line) in failed.report(ranked.len()) {
            output.write(&Record::parse(&line)?)?;
        }
    } else {
        let records = ranked.iter().enumerate();
        let records = records.map(|(place, candidate)| rank(candidate, place, &expression));
        let sheet = format::sheet(records.collect::<Result<_, _>>()?, format);
        sheet.write(format, &mut output)?;
        failed.report(ranked.len());
    }
    output.finish()?;
    anyhow::ensure!(!nothing, NOTHING);
    Ok(())
}

fn candidate(value: f64, record: &Record<'_>, line: &str, place: Place) -> Candidate {
    Candidate {
        value,
        id: record.id().into(),
        line: line.into(),
        place,
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
        record.remove("error"); // that another score, which ranked, is undefined
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
    budget: Budget,
    join: Option<Join>,
}

impl Reader<'_> {
    /// Shows every record that has not failed to `take`, with its text and,
    /// where classes matter, its class.
    fn read(
        &mut self,
        args: &Args,
        mut take: impl FnMut(
            &Record<'_>,
            &str,
            Place,
            &Expression,
            Option<String>,
        ) -> Result<(), Failure>,
    ) -> anyhow::Result<()> {
        let mut input = self.context.input(&args.inputs.files)?;
        let mut source: Rc<str> = "".into();
        self.context
            .start_fast_progress(&args.inputs.files, "records");
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
            let failed_before = record.has_failed();
            let own_score = self.expression.is_own_score();
            // Where only a score is undefined, another one may rank.
            if failed_before && (own_score || !record.is_undefined()) {
                self.failed.earlier(&record, text);
                continue;
            }
            let joined = match self.join.as_ref().map(|join| join.add(&record)) {
                None => None,
                Some(joined) => match joined.with_context(|| line.place())? {
                    Ok(text) => Some(text),
                    Err(failure) => {
                        self.failed.here(record, &line.place(), &failure)?;
                        continue;
                    }
                },
            };
            let (record, text) = match &joined {
                None => (record, text),
                Some(text) => (Record::parse(text)?, text.as_str()),
            };
            if own_score {
                self.comparable
                    .check_name(&record)
                    .with_context(|| line.place())?;
            }
            match self.budget.holds(&record) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(failure) => {
                    self.failed.here(record, &line.place(), &failure)?;
                    continue;
                }
            }
            let class = self.sense.map(|sense| class(&record, sense)).transpose();
            if *source != *line.source {
                source = line.source.into();
            }
            let place = Place {
                source: Rc::clone(&source),
                line: line.number,
            };
            let taken = class.and_then(|class| take(&record, text, place, self.expression, class));
            match taken {
                Ok(()) => self.comparable.see(&record, self.expression, &self.budget),
                Err(_) if failed_before => self.failed.earlier(&record, text),
                Err(failure) => self.failed.here(record, &line.place(), &failure)?,
            }
        }
        self.join.as_ref().map_or(Ok(()), Join::check)
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
