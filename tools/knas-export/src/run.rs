//! Reads records and files of weights, writes files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use knas_records::ids::{self, Ids, Met, Repeats};
use knas_records::schema::Export;
use knas_records::{Common, Context, Failure, Input, Named, Output, Place, Record};
use knas_study::{Card, is_weights};

use crate::cli::{Args, Format};
use crate::files;
use crate::network::{STAGE, Subject, bad_record, fail, record_of, weights_of};

/// What is exported, in the order of the arguments.
enum Source {
    Records(Input),
    /// A file of weights that stands for its record, and what it tells.
    Model(PathBuf, Box<Card>),
}

/// Exports what the arguments name.
///
/// # Errors
/// What ends the run: input or output that does not work, `--on-error fail`.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let Some(folder) = &args.common.output else {
        bail!("name a folder for the files: -o DIR");
    };
    if args.with_preprocessing && args.format != Format::Onnx {
        bail!("--with-preprocessing is for --format onnx");
    }
    if args.common.resume {
        bail!("there is nothing to --resume: files are written anew, and soon");
    }
    let size = args.size.told().map_err(anyhow::Error::msg)?;
    let sources = sources(&args, context)?;
    fs::create_dir_all(folder).with_context(|| format!("-o {}", folder.display()))?;
    let records = Common {
        output: None,
        ..args.common.clone()
    };
    let reads = args.inputs.named();
    context.keep_apart(&records, &reads, &[])?;
    context.finish_records_when_interrupted();
    context.start_progress(&args.inputs.files, "candidates");
    let mut run = Run {
        args: &args,
        size,
        folder,
        context,
        reads,
        output: context.output(&records, |_| Ok(()))?,
        ids: Ids::default(),
        repeats: Repeats::default(),
        drawn: 0,
        written: 0,
    };
    for source in sources {
        if context.is_interrupted() {
            break;
        }
        match source {
            Source::Model(path, card) => run.model(path, *card)?,
            Source::Records(input) => run.records(input)?,
        }
    }
    run.finish()
}

/// Opens what is read; a file of weights that says nothing of itself is refused
/// before anything is written.
fn sources(args: &Args, context: &Context) -> Result<Vec<Source>> {
    if args.inputs.files.is_empty() {
        return Ok(vec![Source::Records(context.input(&[])?)]);
    }
    let open = |file: &PathBuf| {
        if !is_weights(file) {
            return Ok(Source::Records(context.input(std::slice::from_ref(file))?));
        }
        if args.weights.is_some() || args.checkpoint_dir.is_some() {
            bail!("{} has its own weights", file.display());
        }
        let card = Card::read(file).context("where no record is named")?;
        Ok(Source::Model(file.clone(), Box::new(card)))
    };
    args.inputs.files.iter().map(open).collect()
}

struct Run<'r> {
    args: &'r Args,
    /// The sizes that the flags tell.
    size: Vec<(String, u64)>,
    folder: &'r Path,
    context: &'r Context,
    /// What is read from beginning to end, and so never replaced.
    reads: Vec<Named<'r>>,
    output: Output,
    ids: Ids,
    repeats: Repeats,
    /// Networks whose weights were drawn.
    drawn: u64,
    written: u64,
}

impl Run<'_> {
    fn model(&mut self, path: PathBuf, card: Card) -> Result<()> {
        let record = record_of(card)?;
        let place = Place {
            source: path.display().to_string(),
            line: 1,
        };
        self.record(record, &place, Some(path))
    }

    fn records(&mut self, mut input: Input) -> Result<()> {
        while !self.context.is_interrupted() {
            let Some(line) = input.next_line()? else {
                break;
            };
            match line.record() {
                Err(reason) => self.context.bad_line(&line, &reason)?,
                Ok(record) => self.record(record.into_owned(), &line.place(), None)?,
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        mut record: Record<'static>,
        place: &Place,
        weights: Option<PathBuf>,
    ) -> Result<()> {
        self.context.advance();
        if record.has_failed() {
            self.output.write(&record)?;
            return Ok(self.output.flush_records()?);
        }
        // Two trainings of one network are two things.
        let weights = match weights {
            Some(file) => Ok(Some(file)),
            None => weights_of(&record, self.args),
        };
        let content = ids::same_if(&(ids::about(&record), weights.as_ref().ok()));
        let met = self
            .ids
            .meet(record.id(), content, &place.source, place.line);
        let exported = match met {
            Met::Again(first) => {
                self.repeats.add(record.id(), place, &first);
                return Ok(());
            }
            Met::Other(first) => Err(ids::failure(STAGE, &first)),
            Met::New => weights.and_then(|weights| self.export(&mut record, weights)),
        };
        match exported {
            Ok(()) => self.output.write(&record)?,
            Err(failure) => {
                self.context
                    .failed(record, place, &failure, &mut self.output)?;
            }
        }
        Ok(self.output.flush_records()?)
    }

    /// Writes a network's files, and says so in its record.
    fn export(&mut self, record: &mut Record<'_>, weights: Option<PathBuf>) -> Result<(), Failure> {
        let format = self.args.format;
        let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
        let named = |suffix: &&str| self.folder.join(format!("{stem}.{suffix}"));
        let files: Vec<PathBuf> = format.suffixes().iter().map(named).collect();
        let subject = Subject::new(record, &self.size, weights.as_deref())?;
        let weights = subject.weights.as_ref().map(|file| file.path().to_owned());
        let own = weights.iter();
        let own = own.map(|file| Named::read("the weights,", file));
        let reads: Vec<Named<'_>> = self.reads.iter().cloned().chain(own).collect();
        let writes: Vec<Named<'_>> = files
            .iter()
            .map(|file| Named::read("the file", file))
            .collect();
        knas_files::apart(&reads, &writes).map_err(|error| fail("write", error))?;
        files::write(&subject, &files, self.args)?;
        let weights = weights.filter(|_| format.has_weights());
        let drawn = format.has_weights() && weights.is_none();
        self.drawn += u64::from(drawn);
        self.written += 1;
        let text = |path: &PathBuf| path.display().to_string();
        let export = Export {
            format: format.name().to_owned(),
            path: files.first().map(text).unwrap_or_default(),
            files: files.iter().map(text).collect(),
            weights: weights.as_ref().map(text),
            seed: drawn.then(|| self.args.seed.into()),
            tool: concat!("knas-export ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        record.set(STAGE, &export).map_err(bad_record)
    }

    fn finish(self) -> Result<()> {
        self.repeats.report(self.context);
        if self.drawn > 0 {
            self.context.warn(format_args!(
                "networks without weights, which were drawn from seed {}: {}",
                self.args.seed, self.drawn
            ));
        }
        self.context.info(format_args!(
            "{} written to {}, {} failed",
            self.written,
            self.folder.display(),
            self.context.failures()
        ));
        Ok(self.output.finish()?)
    }
}
