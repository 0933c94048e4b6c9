//! The files of one network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use knas_data::Normalisation;
use knas_files::write;
use knas_graph::Shape;
use knas_net::weights;
use knas_records::Failure;
use knas_study::{Card, ImageCard};
use serde_json::json;
use tch::{Kind, Tensor};

use crate::cli::{Args, Format};
use crate::network::{Subject, fail};
use crate::{dot, python};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the files of a network, which are called `files` in the order of the
/// format's suffixes.
///
/// # Errors
/// When the weights do not fit, or a file cannot be written.
pub fn write(subject: &Subject, files: &[PathBuf], args: &Args) -> Result<(), Failure> {
    let graph = &subject.lowered.live;
    let id = &subject.description.id;
    let [first, rest @ ..] = files else {
        return Ok(());
    };
    match args.format {
        Format::Text => save(first, graph.to_string().as_bytes()),
        Format::Dot => {
            let mut text = String::new();
            dot::write(graph, id, &mut text).map_err(|error| fail("write", error))?;
            save(first, text.as_bytes())
        }
        Format::Onnx => save(first, &onnx(subject, args)?),
        Format::Safetensors => tensors(subject, first, args),
        Format::Torch => {
            let mut text = String::new();
            let (graph, constants) = (&subject.lowered.whole, constants(subject));
            let written = python::write(graph, id, &constants, &mut text);
            written.map_err(|error| fail("write", error))?;
            if let [weights, ..] = rest {
                tensors(subject, weights, args)?;
            }
            save(first, text.as_bytes())
        }
    }
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = write::whole(path, bytes);
    written.map_err(|error| fail("write", format_args!("{}: {error}", path.display())))
}

fn tensors(subject: &Subject, path: &Path, args: &Args) -> Result<(), Failure> {
    let tensors: Vec<_> = subject.tensors(args.seed)?.into_iter().collect();
    let card = subject.card.as_ref().map(Card::to_metadata);
    let written = weights::write_with(path, &tensors, &card.unwrap_or_default());
    written.map_err(|error| fail("write", error))
}

fn onnx(subject: &Subject, args: &Args) -> Result<Vec<u8>, Failure> {
    let tensors = subject.tensors(args.seed)?;
    let images = images(subject);
    if args.with_preprocessing && images.is_none() {
        let message = match looks_at_images(subject) {
            true => "the weights do not say how images are prepared for them",
            false => "--with-preprocessing is for images, and this network reads texts",
        };
        return Err(fail("preprocessing", message));
    }
    let options = knas_onnx::Options {
        name: subject.description.id.clone(),
        producer: ["knas-export", VERSION].map(str::to_owned),
        metadata: metadata(subject, images.as_ref()),
        preprocessing: images.filter(|_| args.with_preprocessing).map(|card| {
            let [mean, std] = card.single();
            knas_onnx::Images { mean, std }
        }),
    };
    let numbers = |name: &str| tensors.get(name).and_then(numbers);
    let model = knas_onnx::write(&subject.lowered.live, numbers, &options);
    model.map_err(|error| fail("onnx", error))
}

/// The numbers of a tensor on the processor.
fn numbers(tensor: &Tensor) -> Option<Vec<f32>> {
    let mut numbers = vec![0f32; tensor.numel()];
    let flat = tensor.f_to_kind(Kind::Float).ok()?.f_contiguous().ok()?;
    flat.f_copy_data(&mut numbers, tensor.numel()).ok()?;
    Some(numbers)
}

fn looks_at_images(subject: &Subject) -> bool {
    let graph = &subject.lowered.live;
    matches!(graph.shape(graph.input()), Shape::Maps { .. })
}

/// How images are prepared, where that is told; those of networks that nobody has
/// trained as those of CIFAR-10 and of folders are.
fn images(subject: &Subject) -> Option<ImageCard> {
    let usual = Normalisation::CIFAR10;
    match (&subject.card, &subject.weights) {
        _ if !looks_at_images(subject) => None,
        (Some(card), _) => card.images.clone(),
        (None, Some(_)) => None,
        (None, None) => Some(ImageCard::new(&usual.mean, &usual.std)),
    }
}

/// What is told of a network, by name, as JSON where it is no text.
fn about(
    subject: &Subject,
    images: Option<&ImageCard>,
) -> BTreeMap<&'static str, serde_json::Value> {
    let description = &subject.description;
    let mut about = BTreeMap::from([
        ("id", json!(description.id)),
        ("space", json!(description.space)),
        ("arch", json!(description.arch)),
        ("size", json!(description.size)),
    ]);
    if let Some(images) = images {
        about.insert("mean", json!(images.mean));
        about.insert("std", json!(images.std));
    }
    if let Some(card) = &subject.card {
        if !card.class_names.is_empty() {
            about.insert("class_names", json!(card.class_names));
        }
        if let Some(texts) = &card.texts {
            about.insert("tokenizer", json!(texts.tokenizer));
            about.insert("length", json!(texts.length));
        }
        about.insert("data", json!(card.data));
        about.insert("data_sha256", json!(card.data_sha256));
        about.insert("trained_by", json!(card.tool));
    }
    about
}

fn metadata(subject: &Subject, images: Option<&ImageCard>) -> Vec<(String, String)> {
    let about = about(subject, images).into_iter();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let tool = ("tool".to_owned(), format!("knas-export {VERSION}"));
    let entries = about.map(|(name, value)| (name.to_owned(), text(value)));
    entries.chain([tool]).collect()
}

/// The same for Python.
fn constants(subject: &Subject) -> python::Constants {
    let about = about(subject, images(subject).as_ref());
    let names = [
        ("ID", "id"),
        ("SPACE", "space"),
        ("ARCH", "arch"),
        ("CLASS_NAMES", "class_names"),
        ("MEAN", "mean"),
        ("STD", "std"),
    ];
    let constants = names.into_iter().filter_map(|(constant, name)| {
        let value = about.get(name)?;
        Some((constant, value.to_string()))
    });
    constants.collect()
}
