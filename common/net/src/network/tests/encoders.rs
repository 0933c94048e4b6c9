//! Encoders against `transformers`, and the folders that they come in.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use knas_graph::Part;
use knas_space::roberta_skip::network::lower;
use knas_space::roberta_skip::{Layout, Settings, Task, counts};
use tch::{Device, Kind, Tensor};

use crate::dropout::Dropout;
use crate::event::Event;
use crate::init::{Init, Initial};
use crate::layers::{Norm, Role};
use crate::network::{Network, Source};
use crate::pretrained::Pretrained;
use crate::{NetError, weights};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);
const BERT: &str = "bert-l3-d8-h2-i16-v60-p20-t2:1|2|3|head";
const ROBERTA: &str = "roberta-l3-d8-h2-i16-v60-p20-t1:1|2|3|head";
const CLASSES: i64 = 3;
const LENGTHS: [i64; 3] = [9, 6, 2];

const INITIAL: Initial = Initial {
    init: Init::Default,
    seed: 7,
};

const TASK: Task = Task {
    tokens: 9,
    classes: CLASSES as usize,
};

fn built(
    layout: &str,
    settings: Option<Settings>,
    source: Source<'_>,
) -> Result<Network, NetError> {
    let layout: Layout = layout.parse().unwrap();
    let settings = settings.unwrap_or(Settings::of(layout.backbone().kind));
    Network::new(lower(&layout, &settings, TASK)?, source, OPTIONS)
}

fn drawn(layout: &str) -> Network {
    built(layout, None, Source::Random(INITIAL)).unwrap()
}

/// As `fill` of scripts/reference/encoder.py.
fn by_formula(layout: &str) -> Network {
    let encoder = drawn(layout);
    for parameter in encoder.parameters() {
        let _guard = tch::no_grad_guard();
        let place = parameter.name.chars().map(|c| c as i64).sum::<i64>();
        let mut tensor = parameter.tensor.shallow_clone();
        let values = Tensor::arange(tensor.numel() as i64, (Kind::Int64, Device::Cpu));
        tensor.copy_(&((values * 0.7 + place).sin() * 0.2).reshape(tensor.size()));
        if parameter.role == Role::NormWeight {
            tensor += 1;
        }
    }
    encoder
}

/// As `texts` of scripts/reference/encoder.py, padded to `length`.
fn texts(types: i64, length: i64) -> Tensor {
    let mut values = Vec::new();
    for (text, tokens) in (0..).zip(LENGTHS) {
        let real = |at: i64| at < tokens;
        let id = |at| match real(at) {
            true => ((text * LENGTHS[0] + at) * 7 + 3) % 57 + 3,
            false => 2 - types,
        };
        let second = |at| i64::from(real(at) && at >= tokens / 2 && types == 2);
        values.extend((0..length).map(id));
        values.extend((0..length).map(second));
        values.extend((0..length).map(|at| i64::from(real(at))));
    }
    Tensor::from_slice(&values).reshape([3, 3, length])
}

fn near(found: &Tensor, expected: &[f32], tolerance: f64) -> bool {
    let expected = Tensor::from_slice(expected).reshape([3, CLASSES]);
    (found - expected).abs().max().double_value(&[]) < tolerance
}

// scripts/reference/encoder.py, with transformers 5.24 and torch 2.11:
// logits = BertForSequenceClassification(config).eval()(
//     input_ids=ids, token_type_ids=second, attention_mask=mask).logits
#[test]
fn logits_are_those_of_transformers() {
    let expected = [
        0.128399, -0.039079, -0.192576, 0.144396, 0.616463, 0.808269, 0.587658, 0.777348, 0.614567,
    ];
    let logits = by_formula(BERT)
        .forward(&texts(2, 9), Norm::Sample)
        .unwrap();
    assert!(near(&logits, &expected, 1e-5), "{logits}");
    let expected = [
        -0.739263, -0.248769, 0.35236, -0.82454, -0.367534, 0.253419, -0.754752, -0.286175,
        0.309826,
    ];
    let logits = by_formula(ROBERTA)
        .forward(&texts(1, 9), Norm::Sample)
        .unwrap();
    assert!(near(&logits, &expected, 1e-5), "{logits}");
}

#[test]
fn neither_padding_nor_the_order_of_texts_makes_a_difference() {
    for (layout, types) in [(BERT, 2), (ROBERTA, 1)] {
        let encoder = by_formula(layout);
        let batch = encoder.forward(&texts(types, 9), Norm::Sample).unwrap();
        let order = Tensor::from_slice(&[2i64, 0, 1]);
        let padded = texts(types, 15).index_select(0, &order);
        // What stands in padding is not looked at.
        let hidden = padded.select(1, 2).eq(0).unsqueeze(1);
        let padded = padded.where_self(&hidden.logical_not(), &(padded.zeros_like() + types - 1));
        let padded = padded.slice(1, 0, 2, 1);
        let mask = texts(types, 15).index_select(0, &order).slice(1, 2, 3, 1);
        let input = Tensor::cat(&[padded, mask], 1);
        let logits = encoder.forward(&input, Norm::Sample).unwrap();
        let expected = batch.index_select(0, &order);
        assert!(logits.allclose(&expected, 0.0, 1e-5, false), "{layout}");
        for text in 0..3 {
            let alone = texts(types, 9).narrow(0, text, 1);
            let alone = alone.narrow(2, 0, LENGTHS[text as usize]);
            let logits = encoder.forward(&alone, Norm::Sample).unwrap();
            assert!(logits.allclose(&batch.narrow(0, text, 1), 0.0, 1e-5, false));
        }
    }
}

/// Every layer, and the head, takes what the layout says.
#[test]
fn extra_connections_are_sums_or_means_of_outputs() {
    for (word, divisor) in [("sum", [2.0, 3.0]), ("mean", [1.0, 1.0])] {
        let layout = BERT.replace("1|2|3|head", &format!("1|3~0|head~0~1:{word}"));
        let encoder = by_formula(&layout);
        let (mut nodes, mut pooled) = (Vec::new(), None);
        let mut observe = |event: Event<'_>| match event {
            Event::Embedding { .. } | Event::Attention { .. } | Event::Activation { .. } => {}
            Event::LayerNorm { output, .. } if nodes.is_empty() => {
                nodes.push((output.shallow_clone(), output.shallow_clone()));
            }
            Event::Block { input, output } => {
                nodes.push((input.shallow_clone(), output.shallow_clone()));
            }
            Event::Linear { input, .. } if input.dim() == 2 => {
                pooled.get_or_insert(input.shallow_clone());
            }
            _ => {}
        };
        let _ = encoder
            .forward_observed(&texts(2, 9), Norm::Sample, &mut observe)
            .unwrap();
        let [(_, embedded), (first, one), (second, two)] = &nodes[..] else {
            panic!("{} nodes", nodes.len());
        };
        assert_eq!(first, embedded);
        let mean = (embedded + one) / 2;
        assert!(second.allclose(&(mean * divisor[0]), 1e-5, 1e-6, false));
        let mean = (embedded + one + two) / 3 * divisor[1];
        let head = pooled.unwrap();
        assert!(head.allclose(&mean.select(1, 0), 1e-5, 1e-6, false));
    }
}

/// Without the second layer, and with a link.
fn cut(layout: &str) -> String {
    let cut = layout.replace("1|2|3|", "1|3~0|");
    cut.replace("head", "head:mean")
}

#[test]
fn parameters_are_as_many_as_the_space_counts_and_named_as_in_transformers() {
    for (text, head) in [
        (BERT, ["bert.pooler.dense.weight", "classifier.weight"]),
        (
            ROBERTA,
            ["classifier.dense.weight", "classifier.out_proj.weight"],
        ),
    ] {
        let encoder = drawn(&cut(text));
        let parameters = encoder.parameters();
        let count: usize = parameters.iter().map(|p| p.tensor.numel()).sum();
        let layout: Layout = cut(text).parse().unwrap();
        assert_eq!(count as u64, counts::cost(&layout, TASK).unwrap().params);
        let names: Vec<&str> = parameters.iter().map(|p| &*p.name).collect();
        let model = &text[..text.find('-').unwrap()];
        let kept = format!("{model}.encoder.layer.2.attention.self.query.weight");
        let table = format!("{model}.embeddings.word_embeddings.weight");
        for name in head.into_iter().chain([&*kept, &*table]) {
            assert!(names.contains(&name), "{name} {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("layer.1.")));
    }
}

/// Weights belong to places where they are drawn, and to numbers where they
/// are read.
#[test]
fn layers_left_out_are_those_of_the_backbone() {
    // Each layer has four linear maps for attention, the first for queries.
    let value = |encoder: &Network, place: usize| {
        let parameters = encoder.parameters().iter();
        let weights = parameters.filter(|p| p.role == Role::LinearWeight);
        let mut of_attention = weights.filter(|p| p.part == Part::Attention);
        of_attention.nth(4 * place).unwrap().tensor.detach()
    };
    let [one, other] = ["1|2|head", "1|3|head"].map(|nodes| BERT.replace("1|2|3|head", nodes));
    assert_eq!(value(&drawn(&one), 1), value(&drawn(&other), 1));
    let folder = tempfile::tempdir().unwrap();
    let whole = by_formula(BERT);
    save(folder.path(), &whole.state(), CONFIG);
    let read = |layout: &str| opened(folder.path(), layout).unwrap();
    assert_eq!(value(&read(&one), 1), value(&whole, 1));
    assert_eq!(value(&read(&other), 1), value(&whole, 2));
}

#[test]
fn dropout_is_that_of_its_step() {
    let encoder = by_formula(ROBERTA);
    let logits = |step| {
        let mut dropout = Dropout::new(1, step);
        encoder
            .forward_training(&texts(1, 9), &mut dropout)
            .unwrap()
    };
    assert_eq!(logits(4), logits(4));
    assert_ne!(logits(4), logits(5));
    let none = encoder.forward(&texts(1, 9), Norm::Sample).unwrap();
    assert_ne!(logits(4), none);
    // The mean over many masks comes near to what there is without.
    let mean = (0..400).map(logits).sum::<Tensor>() / 400;
    assert!(mean.allclose(&none, 0.0, 0.1, false), "{mean} {none}");
}

const CONFIG: &str = r#"{"model_type": "bert", "num_hidden_layers": 3, "hidden_size": 8,
    "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 60, "hidden_act": "gelu",
    "max_position_embeddings": 20, "type_vocab_size": 2, "classifier_dropout": null}"#;

fn save(folder: &Path, tensors: &[(String, Tensor)], config: &str) {
    fs::write(folder.join("config.json"), config).unwrap();
    weights::write(&folder.join("model.safetensors"), tensors).unwrap();
}

fn opened(folder: &Path, layout: &str) -> Result<Network, NetError> {
    let found = Pretrained::open(folder)?;
    let source = Source::Pretrained {
        weights: &found.weights(),
        initial: INITIAL,
    };
    built(layout, Some(found.settings), source)
}

#[test]
fn a_folder_gives_back_the_encoder_under_any_of_its_names() {
    let whole = by_formula(BERT);
    let same = |folder: &Path| {
        let read = opened(folder, BERT).unwrap();
        let pairs = whole.parameters().iter().zip(read.parameters());
        pairs
            .filter(|(a, b)| a.tensor != b.tensor)
            .map(|(a, _)| a.name.clone())
            .collect::<Vec<_>>()
    };
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &whole.state(), CONFIG);
    assert!(same(folder.path()).is_empty());

    // An encoder by itself, as the first releases of BERT named its norms.
    let early = whole.state().into_iter().filter_map(|(name, tensor)| {
        let name = name.strip_prefix("bert.")?.to_owned();
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        Some((name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor))
    });
    let early: Vec<_> = early.collect();
    save(folder.path(), &early, CONFIG);
    assert_eq!(
        same(folder.path()),
        ["classifier.weight", "classifier.bias"]
    );

    // In two parts.
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let state = whole.state();
    let (mut parts, mut map) = ([vec![], vec![]], HashMap::new());
    for (place, (name, tensor)) in state.into_iter().enumerate() {
        map.insert(name.clone(), format!("part-{}.safetensors", place % 2));
        parts[place % 2].push((name, tensor));
    }
    for (number, part) in parts.iter().enumerate() {
        let path = folder.path().join(format!("part-{number}.safetensors"));
        weights::write(&path, part).unwrap();
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    let path = folder.path().join("model.safetensors.index.json");
    fs::write(&path, index.to_string()).unwrap();
    assert!(same(folder.path()).is_empty());
    let hostile = index.to_string().replace("part-1", "../part-1");
    fs::write(path, hostile).unwrap();
    let said = opened(folder.path(), BERT).unwrap_err().to_string();
    assert!(said.contains("is no file of this folder"), "{said}");
}

#[test]
fn what_is_no_pretrained_encoder_is_refused_by_file_and_name() {
    let whole = by_formula(BERT);
    let folder = tempfile::tempdir().unwrap();
    let said = |tensors: &[(String, Tensor)], config: &str| {
        save(folder.path(), tensors, config);
        opened(folder.path(), BERT).unwrap_err().to_string()
    };
    let query = "bert.encoder.layer.1.attention.self.query.weight";
    let without: Vec<_> = whole
        .state()
        .into_iter()
        .filter(|(n, _)| n != query)
        .collect();
    let message = said(&without, CONFIG);
    assert!(
        message.contains("model.safetensors: no tensor"),
        "{message}"
    );
    assert!(message.contains(query), "{message}");
    let narrow = whole.state().into_iter().map(|(name, tensor)| {
        let cut = name == query;
        (
            name,
            if cut {
                tensor.narrow_copy(0, 0, 4)
            } else {
                tensor
            },
        )
    });
    let message = said(&narrow.collect::<Vec<_>>(), CONFIG);
    assert!(message.contains("is [4, 8], not [8, 8]"), "{message}");
    for (from, to, reason) in [
        (r#""bert""#, r#""gpt2""#, "model_type is \"gpt2\""),
        (r#""gelu""#, r#""relu""#, "hidden_act is \"relu\""),
        ("null", "1.5", "classifier_dropout is 1.5"),
        ("{", "", "config.json: "),
    ] {
        let message = said(&whole.state(), &CONFIG.replacen(from, to, 1));
        assert!(message.contains("config.json"), "{message}");
        assert!(message.contains(reason), "{message}");
    }
    save(folder.path(), &whole.state(), CONFIG);
    let model = folder.path().join("model.safetensors");
    fs::rename(&model, folder.path().join("pytorch_model.bin")).unwrap();
    let message = opened(folder.path(), BERT).unwrap_err().to_string();
    assert!(message.contains("is a pickle"), "{message}");
    fs::write(&model, b"PK\x03\x04 a zip").unwrap();
    let message = opened(folder.path(), BERT).unwrap_err().to_string();
    assert!(message.contains("not a safetensors file"), "{message}");
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let encoder = drawn(ROBERTA);
    let message = encoder
        .forward(&texts(1, 19), Norm::Sample)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("19 tokens, and the encoder takes 18"),
        "{message}"
    );
    assert!(encoder.forward(&texts(1, 18), Norm::Sample).is_ok());
}
