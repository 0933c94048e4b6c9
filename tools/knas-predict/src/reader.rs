//! Images or texts as a network takes them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use knas_data::{CHANNELS, Normalisation, SIDES, Texts, Tokeniser, Tokens, read_images};
use knas_graph::{Op, Shape};
use knas_records::{Context, Failure};
use knas_study::ImageCard;
use serde_json::Value;
use tch::{Device, Tensor};

use crate::cli::Args;
use crate::model::Model;

/// The name of this stage in records.
pub const STAGE: &str = "predict";

/// What makes inputs of what is named.
pub enum Reader {
    /// Of files: the side that they are resampled to, and how they are normalised.
    Images(usize, Normalisation),
    /// Of lines.
    Texts {
        /// What cuts texts into tokens.
        tokeniser: Box<Tokeniser>,
        /// Ids and types of tokens are below these.
        rows: [usize; 2],
    },
}

/// Why texts cannot be looked up.
const OTHER: &str =
    "a token is beyond the network's tables: is the tokenizer that of another model?";

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
                let (low, high) = SIDES;
                if channels != CHANNELS || !(low..=high).contains(&side) {
                    bail!(
                        "the network takes images of {channels} channels and {side}x{side} pixels; \
                         {CHANNELS} channels, and sides from {low} to {high}, are read"
                    );
                }
                if args.tokenizer.is_some() {
                    bail!("--tokenizer is for texts, not for images");
                }
                let told = card.images.as_ref().map(ImageCard::single);
                let told = told.map(|of| of.map(<[f32; CHANNELS]>::try_from));
                match told {
                    Some([Ok(mean), Ok(std)]) => {
                        Ok(Self::Images(side, Normalisation { mean, std }))
                    }
                    _ => bail!("the model does not say how its images are prepared"),
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
                let tokeniser = Tokeniser::open(&context.fetched(&folder), length);
                let hint = "--tokenizer DIR names the folder of the model's tokenizer";
                let tokeniser = Box::new(tokeniser.context(hint)?);
                let rows = [Op::TokenIds, Op::TokenTypes];
                let rows = rows.map(|of| model.rows(of).unwrap_or(usize::MAX));
                if tokeniser.padding() as usize >= rows[0] {
                    bail!("{}: {OTHER}", folder.display());
                }
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
                return Err(fail("tokenizer", OTHER));
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
            Self::Images(side, normalisation) => {
                let paths: Vec<PathBuf> = questions
                    .into_iter()
                    .filter_map(|question| match question {
                        Question::Image(path) => Some(path),
                        Question::Text(_) => None,
                    })
                    .collect();
                let (mut pixels, mut read) = (Vec::new(), Vec::new());
                for image in read_images(&paths, *side, *normalisation) {
                    read.push(match image {
                        Ok(image) => {
                            pixels.extend(image);
                            Ok(())
                        }
                        Err(error) => Err(fail("bad_input", error)),
                    });
                }
                let [channels, side] = [CHANNELS, *side].map(|size| size as i64);
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

/// What a path asks about: itself, or the images below a folder; and what in there
/// cannot be read.
pub fn images(path: &Path) -> Vec<(PathBuf, Result<(), Failure>)> {
    if !path.is_dir() {
        return vec![(path.to_owned(), Ok(()))];
    }
    let found = knas_data::find_images(path).into_iter();
    let told = |(path, read): (PathBuf, Result<(), _>)| {
        (path, read.map_err(|error| fail("bad_input", error)))
    };
    let found: Vec<_> = found.map(told).collect();
    if found.is_empty() {
        let none = fail("bad_input", "there is no PNG or JPEG in the folder");
        return vec![(path.to_owned(), Err(none))];
    }
    found
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
