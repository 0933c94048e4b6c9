//! The work of knas-fit: learn, then predict one candidate after another.

use anyhow::{Context as _, anyhow};
use knas_predictor::Sample;
use knas_predictor::acquire::Acquisition;
use knas_predictor::features::{self, Columns, FeatureError, OWN};
use knas_predictor::learned::Learned;
use knas_records::ids::{self, Ids, Met, Repeats, about};
use knas_records::output::Kept;
use knas_records::provenance::{self, Provenance};
use knas_records::schema::Fit;
use knas_records::truth::file_and_columns;
use knas_records::{
    Comparison, Context, Failure, Named, Output, Place, Record, RecordError, finite,
};
use sha2::{Digest, Sha256};

use crate::cli::Args;
use crate::labels::{self, Labels};

/// Learns what the arguments name, and writes what it expects of the input.
///
/// # Errors
/// What ends the run: files that cannot be read or written, nothing to learn
/// from, `--on-error fail`.
pub fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let named = args.labels.as_deref().map(|text| file_and_columns(text).0);
    let mut reads = args.inputs.named();
    reads.extend(Named::given("--labels", &named));
    context.keep_apart(&args.common, &reads, &[])?;
    let mut input = context.input(&args.inputs.files)?;
    let mut labels = labels::read(&args, &mut input, context)?;
    let read = labels.read.take();
    let mut comparison = Comparison::default();
    let predictor = Predictor::new(&args, &labels, &mut comparison, context)?;
    let mut output = context.output(&args.common, |record| predictor.check_kept(record))?;
    context.start_fast_progress(&args.inputs.files, "candidates");
    let mut work = Work {
        predictor: &predictor,
        labels: &labels,
        kept: output.kept(),
        output: &mut output,
        ids: Ids::default(),
        repeats: Repeats::default(),
        comparison,
        context,
        failed_before: 0,
    };
    for (place, line) in read.into_iter().flatten() {
        work.take(Record::parse(&line)?, &place)?;
    }
    while let Some(line) = input.next_line()? {
        match line.record() {
            Ok(record) => work.take(record, &line.place())?,
            Err(reason) => context.bad_line(&line, &reason)?,
        }
    }
    work.repeats.report(context);
    if let Some(warning) = work.comparison.warning() {
        context.caution(warning);
    }
    if work.failed_before > 0 {
        context.info(format_args!(
            "{} candidates had failed before; passed on",
            work.failed_before
        ));
    }
    context.still_failed(&output);
    Ok(output.finish()?)
}

/// What has been learnt.
struct Predictor {
    columns: Columns,
    learned: Learned,
    acquire: Option<Acquisition>,
    seed: u64,
    fit: Fit,
}

impl Predictor {
    fn new(
        args: &Args,
        labels: &Labels,
        comparison: &mut Comparison,
        context: &Context,
    ) -> anyhow::Result<Self> {
        // In the order of ids, so that the order of the labels does not matter.
        let (mut known, mut records) = (Vec::new(), Vec::new());
        for labelled in labels.known.values() {
            let record = Record::parse(&labelled.line)?;
            match features::check(&record) {
                Ok(()) => {
                    known.push(labelled);
                    records.push(record);
                }
                Err(error) => {
                    context.left_out(record.id(), &labelled.place, &failure(&error))?;
                }
            }
        }
        let columns = Columns::of(&records, &args.features.0).map_err(|(at, error)| match at {
            Some(at) => anyhow!("{}: {}: {error}", known[at].place, records[at].id()),
            None => anyhow!("{} labelled candidates: {error}", known.len()),
        })?;
        if !columns.left_out.is_empty() {
            context.warn(format_args!(
                "not all labelled candidates have {}; left out",
                columns.left_out.join(", ")
            ));
        }
        for record in &records {
            comparison.see(record, columns.scores().chain([labels.target.as_str()]));
        }
        let samples: Result<Vec<Sample>, FeatureError> = records
            .iter()
            .map(|record| columns.sample(record))
            .collect();
        let samples = samples?;
        let values: Vec<f64> = known.iter().map(|labelled| labelled.label).collect();
        let name = args.model.name();
        let model = knas_predictor::by_name(name).with_context(|| format!("no model {name:?}"))?;
        let learned = Learned::new(&*model, &columns.layout(), &samples, &values, args.seed)
            .with_context(|| format!("{} of {} candidates", labels.target, values.len()))?;
        let single = columns.best_single(&samples, &values);
        let fit = Fit {
            model: model.name().to_owned(),
            features: columns.kinds().iter().map(ToString::to_string).collect(),
            target: labels.target.clone(),
            labels: values.len() as u64,
            labels_sha256: hash(&records, &samples, &values),
            left_out_kendall: learned.left_out_tau(),
            best_feature: single.map(|(name, _)| name.to_owned()),
            best_feature_kendall: single.map(|(_, tau)| tau),
            acquire: args
                .acquire
                .map(|how| Acquisition::from(how).name().to_owned()),
            seed: args.seed.into(),
            tool: concat!("knas-fit ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        tell(&fit, context);
        Ok(Self {
            columns,
            learned,
            acquire: args.acquire.map(Acquisition::from),
            seed: args.seed,
            fit,
        })
    }

    /// What is wrong with a record that `--resume` would keep.
    fn check_kept(&self, record: &Record<'_>) -> Result<(), String> {
        if record.has_failed() {
            return Ok(());
        }
        let fit: Option<Fit> = record.get("fit").map_err(|error| error.to_string())?;
        match fit {
            Some(fit) if settled(&fit) == settled(&self.fit) => Ok(()),
            Some(_) => Err("it was fitted to other labels, or with other settings".to_owned()),
            None => Err("it was not written by knas-fit".to_owned()),
        }
    }

    /// Adds what is expected of a candidate.
    fn add_to(&self, record: &mut Record<'_>) -> Result<(), Failure> {
        let sample = self
            .columns
            .sample(record)
            .map_err(|error| failure(&error))?;
        let outlook = self.learned.predict(&sample);
        let (score, name) = match self.acquire {
            None => (outlook.natural.mean, OWN.to_owned()),
            Some(how) => {
                let best = self.learned.best();
                let value = how.value(outlook.scaled, best, self.seed, record.id());
                (value, format!("{OWN}-{}", how.name()))
            }
        };
        let mut set = || -> Result<(), RecordError> {
            let rests = Provenance::of(record)?;
            let mean = finite("scores.fit", outlook.natural.mean)?;
            let std = finite("scores_std.fit", outlook.natural.std)?;
            record.merge("scores", [(OWN.to_owned(), Some(mean))])?;
            record.merge("scores_std", [(OWN.to_owned(), Some(std))])?;
            record.set("score", &finite("score", score)?)?;
            record.set("score_by", &name)?;
            record.remove("error"); // that another score, which ranked, is undefined
            record.set("fit", &self.fit)?;
            // What the other scores rest on is nothing that this one does.
            provenance::set(record, |name| match name {
                OWN => None,
                _ => rests.settings(name),
            })
        };
        set().map_err(|error| Failure::new("fit", "non_finite", error))
    }
}

struct Work<'w> {
    predictor: &'w Predictor,
    labels: &'w Labels,
    kept: Kept,
    output: &'w mut Output,
    ids: Ids,
    repeats: Repeats,
    comparison: Comparison,
    context: &'w Context,
    failed_before: u64,
}

impl Work<'_> {
    fn take(&mut self, mut record: Record<'_>, place: &Place) -> anyhow::Result<()> {
        self.context.advance();
        let id = record.id();
        match self.ids.meet(id, about(&record), &place.source, place.line) {
            Met::New => {}
            Met::Again(first) => {
                self.repeats.add(id, place, &first);
                return Ok(());
            }
            Met::Other(first) => {
                let failure = ids::failure("fit", &first);
                return self.context.failed(record, place, &failure, self.output);
            }
        }
        if self.kept.has(&record)? {
            self.output.keep(id);
            return Ok(());
        }
        if self.predictor.acquire.is_some() && self.labels.known.contains_key(record.id()) {
            return Ok(());
        }
        if record.has_failed() && !record.is_undefined() {
            self.failed_before += 1;
            return Ok(self.output.write(&record)?);
        }
        self.comparison
            .see(&record, self.predictor.columns.scores());
        match self.predictor.add_to(&mut record) {
            Ok(()) => Ok(self.output.write(&record)?),
            Err(failure) => self.context.failed(record, place, &failure, self.output),
        }
    }
}

/// Says how far the fit can be trusted.
fn tell(fit: &Fit, context: &Context) {
    let Some(tau) = fit.left_out_kendall else {
        let alone = match (&fit.best_feature, fit.best_feature_kendall) {
            (Some(name), Some(single)) => {
                format!("; {name} alone has tau {single:.3}: rank by that")
            }
            _ => String::new(),
        };
        context.warn(format_args!(
            "{} labels ({}): {} expects all the same of those that are left out, so it has found \
             nothing{alone}",
            fit.labels, fit.target, fit.model
        ));
        return;
    };
    let head = format!(
        "{} labels ({}), each predicted without its own: tau {tau:.3} by {}",
        fit.labels, fit.target, fit.model
    );
    match (&fit.best_feature, fit.best_feature_kendall) {
        (Some(name), Some(single)) if single >= tau => context.warn(format_args!(
            "{head}, not better than {single:.3} by {name} alone: rank by that, or label more"
        )),
        (Some(name), Some(single)) => {
            context.info(format_args!("{head}, {single:.3} by {name} alone"));
        }
        _ => context.info(head),
    }
}

/// Without the figures, whose last digits are the processor's: those that say
/// what was learnt from what.
fn settled(fit: &Fit) -> Fit {
    Fit {
        left_out_kendall: None,
        best_feature: None,
        best_feature_kendall: None,
        ..fit.clone()
    }
}

/// Why a record has no features.
fn failure(error: &FeatureError) -> Failure {
    let kind = match error {
        FeatureError::Missing(_) => "missing_feature",
        FeatureError::Arch(_) => "bad_arch",
        FeatureError::OtherSpace { .. } => "other_space",
        _ => "bad_field",
    };
    Failure::new("fit", kind, error)
}

/// SHA-256 of all that the fit depends on: ids, architectures, features and labels.
fn hash(records: &[Record<'_>], samples: &[Sample], labels: &[f64]) -> String {
    let mut hash = Sha256::new();
    for ((record, sample), label) in records.iter().zip(samples).zip(labels) {
        hash.update((record.id().len() as u64).to_le_bytes());
        hash.update(record.id());
        if let Some(arch) = record.raw("arch") {
            hash.update(arch.get());
        }
        for value in sample.values.iter().chain([label]) {
            hash.update(value.to_le_bytes());
        }
    }
    knas_files::hex(hash)
}
