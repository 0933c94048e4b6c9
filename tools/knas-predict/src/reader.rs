//! Images or texts as a network takes them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use knas_data::{CHANNELS, Normalisation, SIDE, Texts, Tokeniser, Tokens, read_images};
use knas_graph::{Op, Shape};
use knas_records::{Context, Failure};
use serde_json::Value;
use tch::{Device, Tensor};

use crate::cli::Args;
use crate::model::Model;

/// The name of this stage in records.
pub const STAGE: &str = "predict";

/// What makes inputs of what is named.
pub enum Reader {
    /// Of files.
    Images(Normalisation),
    /// Of lines.
    Texts {
        /// What cuts texts into tokens.
        tokeniser: Box<Tokeniser>,
        /// Ids and types of tokens are below these.
        rows: [usize; 2],
    },
}

/// What is asked about.
pub enum Question {
    /// A file with an image.
    Image(PathBuf),
    /// A text.
    Text(Tokens),
}

fn fail(kind: &str, message: impl std::fmt::Display) -> Failure {
    Failure::new(STAGE, kind, message)
}

impl Reader {
    /// That of a model.
    ///
    /// # Errors
    /// When the model does not say how its inputs are prepared, or the tokenizer
    /// cannot be read.
    pub fn of(model: &Model, args: &Args, context: &Context) -> Result<Self> {
        let graph = model.graph();
        match (graph.shape(graph.input()), &model.card) {
            (Shape::Maps { channels, side }, card) => {
                if (channels, side) != (CHANNELS, SIDE) {
                    bail!("the network takes images of {side}x{side}, and {SIDE}x{SIDE} are read");
                }
                let numbers = |of: &[f64]| {
                    let numbers: Vec<f32> = of.iter().map(|&n| n as f32).collect();
                    <[f32; CHANNELS]>::try_from(numbers).ok()
                };
                let card = card.images.as_ref();
                let told = card.and_then(|card| Some((numbers(&card.mean)?, numbers(&card.std)?)));
                match (told, &args.tokenizer) {
                    (Some(_), Some(_)) => bail!("--tokenizer is for texts, not for images"),
                    (Some((mean, std)), None) => Ok(Self::Images(Normalisation { mean, std })),
                    (None, _) => bail!("the model does not say how its images are prepared"),
                }
            }
            (Shape::Text { length }, card) => {
                let told = card
                    .texts
                    .as_ref()
                    .map(|card| PathBuf::from(&card.tokenizer));
                let Some(folder) = args.tokenizer.clone().or(told) else {
                    bail!("the model does not name its tokenizer: --tokenizer DIR does");
                };
                let tokeniser = Box::new(Tokeniser::open(&context.fetched(&folder), length)?);
                let rows = [Op::TokenIds, Op::TokenTypes];
                let rows = rows.map(|of| model.rows(of).unwrap_or(usize::MAX));
                Ok(Self::Texts { tokeniser, rows })
            }
            (other, _) => bail!("the network takes {other}, neither images nor texts"),
        }
    }

    /// What a line, a JSON object, asks about.
    ///
    /// # Errors
    /// When it has no text, or one that the network cannot take.
    pub fn text(&self, line: &Value) -> Result<Question, Failure> {
        let Self::Texts { tokeniser, rows } = self else {
            return Err(fail("bad_input", "the network takes images"));
        };
        let text = |name: &str| match &line[name] {
            Value::String(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(fail("bad_input", format_args!("\"{name}\" is not a text"))),
        };
        let first = text("text")?.ok_or_else(|| fail("bad_input", "there is no \"text\""))?;
        let second = text("text_pair")?.map(String::as_str);
        let tokens = tokeniser.encode(first, second);
        let tokens = tokens.map_err(|error| fail("tokenizer", error))?;
        for (numbers, rows) in [&tokens.ids, &tokens.types].into_iter().zip(rows) {
            if numbers.iter().any(|&number| number as usize >= *rows) {
                let message = "a token is beyond the network's tables: is --tokenizer that of \
                               another model?";
                return Err(fail("tokenizer", message));
            }
        }
        Ok(Question::Text(tokens))
    }

    /// The batch of those questions that can be shown, and of each question whether
    /// it is among them.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn batch(&self, questions: Vec<Question>) -> Result<(Tensor, Vec<Result<(), Failure>>)> {
        match self {
            Self::Images(normalisation) => {
                let paths: Vec<PathBuf> = questions
                    .into_iter()
                    .filter_map(|question| match question {
                        Question::Image(path) => Some(path),
                        Question::Text(_) => None,
                    })
                    .collect();
                let (mut pixels, mut read) = (Vec::new(), Vec::new());
                for image in read_images(&paths, *normalisation) {
                    read.push(match image {
                        Ok(image) => {
                            pixels.extend(image);
                            Ok(())
                        }
                        Err(error) => Err(fail("bad_input", error)),
                    });
                }
                let [channels, side] = [CHANNELS, SIDE].map(|size| size as i64);
                let batch = Tensor::f_from_slice(&pixels)?;
                Ok((batch.f_reshape([-1, channels, side, side])?, read))
            }
            Self::Texts { tokeniser, .. } => {
                let tokens: Vec<Tokens> = questions
                    .into_iter()
                    .filter_map(|question| match question {
                        Question::Text(tokens) => Some(tokens),
                        Question::Image(_) => None,
                    })
                    .collect();
                let read = tokens.iter().map(|_| Ok(())).collect();
                let texts = Texts::unlabelled(tokens, tokeniser.padding());
                Ok((texts.whole().tensors(Device::Cpu).0, read))
            }
        }
    }
}

/// What a path asks about: images.
///
/// # Errors
/// When a folder cannot be read, or has none.
pub fn images(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let found = knas_data::find_images(path).map_err(|error| fail("bad_input", error))?;
    match found.is_empty() {
        true => Err(fail("bad_input", "there is no PNG or JPEG in the folder")),
        false => Ok(found),
    }
}

/// What a line of JSON holds.
///
/// # Errors
/// When it is none.
pub fn json(line: &str) -> Result<Value, Failure> {
    match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(fail("bad_input", "the line is no JSON object")),
        Err(error) => Err(fail(
            "bad_input",
            format_args!("the line is no JSON: {error}"),
        )),
    }
}
