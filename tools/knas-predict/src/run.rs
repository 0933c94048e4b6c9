//! Reads what is asked about, a batch at a time, and answers in order.

use std::path::Path;

use anyhow::{Result, bail};
use knas_records::schema::Prediction;
use knas_records::{Common, Context, Failure, Input, Named, OnError, Output};
use serde_json::Value;

use crate::cli::Args;
use crate::model::Model;
use crate::reader::{Question, Reader, STAGE, images, json};

/// A question, or why it cannot be asked.
struct Item {
    input: Value,
    place: String,
    question: Result<Question, Failure>,
}

struct Run<'r> {
    context: &'r Context,
    common: &'r Common,
    model: Model,
    reader: Reader,
    output: Output,
    top: usize,
    batch: usize,
    waiting: Vec<Item>,
    answered: u64,
}

/// Answers what the arguments name.
///
/// # Errors
/// What ends the run: a model that cannot be used, an output that does not work,
/// `--on-error fail`.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let Some(model) = &args.model else {
        bail!("name a trained network: --model FILE.safetensors, or --model RECORD.ndjson");
    };
    if args.common.resume {
        bail!("there is nothing to --resume: predictions are made anew, and soon");
    }
    let mut reads = args.inputs.named();
    reads.push(Named::read("--model", model));
    context.keep_apart(&args.common, &reads, &[])?;
    let model = Model::open(model, context)?;
    let weights = [Named::read("the weights,", &model.weights)];
    context.keep_apart(&args.common, &weights, &[])?;
    let files = &args.inputs.files;
    let reader = Reader::of(&model, &args, context)?;
    // Files of texts are opened before anything is written.
    let lines = match &reader {
        Reader::Texts { .. } => Some(Input::open(files)?),
        Reader::Images(..) if files.is_empty() => Some(Input::open_lines(files)?),
        Reader::Images(..) => None,
    };
    context.finish_records_when_interrupted();
    context.start_known_progress(None, "inputs");
    let mut run = Run {
        context,
        common: &args.common,
        output: context.output(&args.common, |_| Ok(()))?,
        top: args.top as usize,
        batch: args.batch as usize,
        waiting: Vec::new(),
        answered: 0,
        model,
        reader,
    };
    match lines {
        Some(lines) => run.lines(lines)?,
        None => {
            for path in files {
                match path.as_os_str() == "-" {
                    true => run.lines(Input::open_lines(std::slice::from_ref(path))?)?,
                    false => run.path(path)?,
                }
            }
        }
    }
    run.finish()
}

impl Run<'_> {
    fn lines(&mut self, mut input: Input) -> Result<()> {
        while !self.context.is_interrupted() {
            let Some(line) = input.next_line()? else {
                break;
            };
            let place = line.place().to_string();
            let unread = |reason: String| Failure::new(STAGE, "bad_input", reason);
            let text = match line.text() {
                Ok(text) => text,
                Err(error) => {
                    let question = Err(unread(error.to_string()));
                    self.take(line.excerpt().into(), place, question)?;
                    continue;
                }
            };
            if matches!(self.reader, Reader::Images(..)) {
                self.path(Path::new(text.trim_end_matches('\r')))?;
                continue;
            }
            match json(text) {
                Err(failure) => self.take(line.excerpt().into(), place, Err(failure))?,
                Ok(value) => {
                    let question = self.reader.text(&value);
                    self.take(value, place, question)?;
                }
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Path) -> Result<()> {
        for (image, found) in images(path) {
            if self.context.is_interrupted() {
                break;
            }
            let reads = [Named::read("the image", &image)];
            self.context.keep_apart(self.common, &reads, &[])?;
            let name = image.display().to_string();
            let question = found.map(|()| Question::Image(image));
            self.take(name.clone().into(), name, question)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        input: Value,
        place: String,
        question: Result<Question, Failure>,
    ) -> Result<()> {
        self.waiting.push(Item {
            input,
            place,
            question,
        });
        match self.waiting.len() >= self.batch {
            true => self.answer(),
            false => Ok(()),
        }
    }

    /// Answers what is waiting.
    fn answer(&mut self) -> Result<()> {
        let (mut asked, mut about) = (Vec::new(), Vec::new());
        for item in std::mem::take(&mut self.waiting) {
            let question = item.question.map(|question| asked.push(question));
            about.push((item.input, item.place, question));
        }
        let (mut shown, mut answers) = (Vec::new(), Vec::new());
        if !asked.is_empty() {
            let (batch, read) = self.reader.batch(asked)?;
            if read.iter().any(Result::is_ok) {
                answers = self.model.probabilities(&batch)?;
            }
            shown = read;
        }
        let (mut shown, mut answers) = (shown.into_iter(), answers.into_iter());
        for (input, place, question) in about {
            let answer = question
                .and_then(|()| shown.next().unwrap_or(Ok(())))
                .and_then(|()| {
                    let probabilities = answers.next().unwrap_or_default();
                    let top = self.model.top(&probabilities, self.top);
                    let top = top.filter(|top| !top.is_empty());
                    top.ok_or_else(|| {
                        Failure::new(STAGE, "non_finite", "a probability is not a finite number")
                    })
                });
            self.write(input, &place, answer)?;
        }
        Ok(self.output.flush_records()?)
    }

    fn write(
        &mut self,
        input: Value,
        place: &str,
        answer: Result<Vec<knas_records::schema::Guess>, Failure>,
    ) -> Result<()> {
        self.context.advance();
        let prediction = match answer {
            Ok(top) => {
                self.answered += 1;
                Prediction {
                    input,
                    class: top.first().map(|guess| guess.class.clone()),
                    probability: top.first().map(|guess| guess.probability),
                    top: Some(top),
                    error: None,
                }
            }
            Err(failure) => {
                self.context.left_out(STAGE, &place, &failure)?;
                if self.context.on_error() != OnError::Emit {
                    return Ok(());
                }
                Prediction {
                    input,
                    class: None,
                    probability: None,
                    top: None,
                    error: Some(failure),
                }
            }
        };
        let line = serde_json::to_string(&prediction)?;
        Ok(self.output.write_text(&format!("{line}\n"))?)
    }

    fn finish(mut self) -> Result<()> {
        self.answer()?;
        self.context.info(format_args!(
            "{} predicted, {} failed",
            self.answered,
            self.context.failures()
        ));
        Ok(self.output.finish()?)
    }
}
