//! Scores of encoders beside their definitions in plain PyTorch.

use knas_net::weights::{WeightFile, write};
use knas_space::roberta_skip::RobertaSkip;
use knas_space::{Architecture, Input, SearchSpace, Setting, Sizes};

use super::*;

const BERT: &str = "bert-l3-d8-h2-i16-v60-p20-t2:1|2|3|head";
const ROBERTA: &str = "roberta-l3-d8-h2-i16-v60-p20-t1:1|2|3|head";
const CLASSES: usize = 3;
const LENGTHS: [i64; 3] = [9, 6, 2];

/// A small encoder with all that scores look at.
pub(super) fn layout() -> Box<dyn Architecture> {
    encoder_of(BERT)
}

fn encoder_of(notation: &str) -> Box<dyn Architecture> {
    RobertaSkip::USUAL.parse(notation).unwrap()
}

fn encoder(layout: &dyn Architecture, source: Source<'_>) -> Network {
    let graph = subject(layout, None).lower(Extent::Live).unwrap();
    Network::new(graph, source, (Kind::Float, Device::Cpu)).unwrap()
}

fn drawn(layout: &dyn Architecture) -> Network {
    let initial = Initial {
        init: Init::Bert,
        seed: 3,
    };
    encoder(layout, Source::Random(initial))
}

/// As `fill` of scripts/reference/encoder.py.
fn by_formula(layout: &dyn Architecture) -> WeightFile {
    let drawn = drawn(layout);
    let state = drawn.parameters().iter().map(|parameter| {
        let place = parameter.name.chars().map(|c| c as i64).sum::<i64>();
        let size = parameter.tensor.size();
        let numbers = Tensor::arange(size.iter().product::<i64>(), (Kind::Int64, Device::Cpu));
        let values = ((numbers * 0.7 + place).sin() * 0.2).reshape(size);
        let norm = i64::from(parameter.role == Role::NormWeight);
        (parameter.name.clone(), values + norm)
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.safetensors");
    write(&path, &state.collect::<Vec<_>>()).unwrap();
    WeightFile::read(&path).unwrap()
}

/// As `texts` of scripts/reference/encoder.py.
pub(super) fn texts(types: i64) -> Samples {
    tch::set_num_threads(1);
    let length = LENGTHS[0];
    let mut values = Vec::new();
    for (text, tokens) in (0..).zip(LENGTHS) {
        let real = |at: i64| at < tokens;
        let id = |at| match real(at) {
            true => ((text * length + at) * 7 + 3) % 57 + 3,
            false => 2 - types,
        };
        let second = |at| i64::from(real(at) && at >= tokens / 2 && types == 2);
        values.extend((0..length).map(id));
        values.extend((0..length).map(second));
        values.extend((0..length).map(|at| i64::from(real(at))));
    }
    Samples {
        inputs: Tensor::from_slice(&values).reshape([3, 3, length]),
        targets: Tensor::from_slice(&[2i64, 0, 1]),
    }
}

pub(super) fn subject<'a>(
    layout: &'a dyn Architecture,
    weights: Option<&'a WeightFile>,
) -> Subject<'a> {
    Subject {
        architecture: layout,
        setting: Setting {
            input: Input::Texts {
                length: None,
                settings: None,
            },
            classes: CLASSES,
            sizes: Sizes::default(),
        },
        weights,
        new_head: false,
        seed: 3,
        device: Device::Cpu,
    }
}

// What scripts/reference/encoder.py prints, with transformers 5.24 and torch
// 2.11. It makes a pass for every text, without padding.
const EXPECTED: [(&str, f64, f64); 15] = [
    ("mgm", 2.2100326846103266, 0.39238680879789695),
    ("mgm-offdiag", -0.30818646674660616, -1.2294575447225686),
    ("mgm-layer", 0.03877250346318013, 0.006883979235817439),
    ("grad-norm", 6.901552660319831, 2.36582250712699),
    ("gram-entropy", 0.9976492820122633, 0.5967985978687177),
    ("gradsign", 2308.0, 1834.0),
    ("snip", 2.223448360338807, 0.8778626311104745),
    ("grasp", 0.07326126284897327, -0.3796917694859619),
    ("params", 2571.0, 2563.0),
    ("layers", 3.0, 3.0),
    (
        "attention-confidence",
        0.39566963497135377,
        0.333296087053087,
    ),
    (
        "head-importance",
        0.036226266665228955,
        0.028314703273483448,
    ),
    ("synaptic-saliency", 0.6878963820636272, 0.21866181306540966),
    ("synaptic-diversity", 1.9288626349593614, 0.5799175513680541),
    ("activation-distance", 10.566587811743776, 7.116394144093467),
];

#[test]
fn scores_are_those_of_plain_pytorch() {
    let mut wrong = Vec::new();
    for (notation, types) in [(BERT, 2), (ROBERTA, 1)] {
        let layout = encoder_of(notation);
        let (weights, samples) = (by_formula(&*layout), texts(types));
        let subject = subject(&*layout, Some(&weights));
        let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
        for (name, bert, roberta) in EXPECTED {
            let expected = if types == 2 { bert } else { roberta };
            let value = score(by_name(name).unwrap(), &mut evaluation);
            let close = |value: f64| (value - expected).abs() <= 5e-4 * expected.abs();
            if !value.as_ref().is_ok_and(|&value| close(value)) {
                wrong.push(format!("{notation} {name}: {value:?}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// With extra connections and layers left out: one pass over a padded batch,
/// against passes over single texts.
#[test]
fn one_pass_gives_the_gram_matrix_of_single_texts() {
    for nodes in ["1|2|3~1|head~0:sum", "2|3~0|head~0~2:mean", "1|2|3|head"] {
        let layout = encoder_of(&BERT.replace("1|2|3|head", nodes));
        let (network, samples) = (drawn(&*layout), texts(2));
        let parameters: Vec<&Tensor> = network.parameters().iter().map(|p| &p.tensor).collect();
        let row = |text: i64| {
            let input = samples.inputs.narrow(0, text, 1);
            let input = input.narrow(2, 0, LENGTHS[text as usize]);
            let logits = network.forward(&input, Norm::Sample).unwrap();
            let loss = cross_entropy(&logits, &samples.targets.narrow(0, text, 1)).unwrap();
            let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
            let flat = gradients
                .iter()
                .map(|g| g.to_kind(Kind::Double).flatten(0, -1));
            Tensor::cat(&flat.collect::<Vec<_>>(), 0)
        };
        let rows = Tensor::stack(&[row(0), row(1), row(2)], 0);
        let gram = rows.matmul(&rows.transpose(0, 1));
        let sum = gram.sum(Kind::Double).double_value(&[]);
        let trace = gram.trace().double_value(&[]);
        let subject = subject(&*layout, None);
        let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
        let mgm = value("mgm", &mut evaluation);
        assert!(close(mgm, sum / 9.0), "{nodes}: {mgm} {}", sum / 9.0);
        let (found, expected) = (value("mgm-offdiag", &mut evaluation), (sum - trace) / 6.0);
        let tolerance = 1e-4 * (sum.abs() + trace) / 6.0;
        assert!(
            (found - expected).abs() <= tolerance,
            "{nodes}: {found} {expected}"
        );
        assert_eq!(evaluation.passes(), passes(2, 2));
    }
}

/// More texts than one part takes, in any order.
#[test]
fn neither_parts_nor_the_order_of_texts_make_a_difference() {
    let layout = encoder_of(ROBERTA);
    let three = texts(1);
    let order = Tensor::from_slice(&[0i64, 1, 2].repeat(9));
    let back = order.flip([0]);
    let [one, other] = [order, back].map(|order| Samples {
        inputs: three.inputs.index_select(0, &order),
        targets: three.targets.index_select(0, &order),
    });
    for name in [
        "mgm",
        "gradsign",
        "snip",
        "attention-confidence",
        "head-importance",
    ] {
        let of = |samples: &Samples| {
            let subject = subject(&*layout, None);
            value(
                name,
                &mut Evaluation::new(subject, samples, Overrides::default()),
            )
        };
        let (few, many) = (of(&three), of(&one));
        // Nine times as many texts: nine times as many signs.
        let times = if name == "gradsign" { 9.0 } else { 1.0 };
        assert!(close(many, few * times), "{name} {few} {many}");
        assert!(close(many, of(&other)), "{name}");
    }
}

#[test]
fn every_score_is_for_texts_or_says_that_it_is_not() {
    let layout = encoder_of(BERT);
    let samples = texts(2);
    let subject = subject(&*layout, None);
    let mut evaluation = Evaluation::new(subject, &samples, Overrides::default());
    for proxy in PROXIES {
        let Info { name, scope, .. } = *proxy.info();
        match (scope.holds(true), score(*proxy, &mut evaluation)) {
            (true, value) => assert!(value.is_ok_and(f64::is_finite), "{name}"),
            (false, value) => assert_eq!(value.unwrap_err().kind(), "scope", "{name}"),
        }
    }
    let cell = Cell::from_index(6111).unwrap();
    let images = super::samples(2, 16);
    let subject = super::subject(&cell);
    let mut evaluation = Evaluation::new(subject, &images, Overrides::default());
    let error = score(by_name("layers").unwrap(), &mut evaluation).unwrap_err();
    assert_eq!(error.to_string(), "layers is a score of networks for texts");
}

/// Weights that are drawn, whatever score draws them, are BERT's.
#[test]
fn first_weights_are_those_of_bert() {
    let layout = encoder_of(BERT);
    let samples = texts(2);
    let mut evaluation = Evaluation::new(subject(&*layout, None), &samples, Overrides::default());
    let network = evaluation.network(Init::Bert).unwrap();
    let expected = drawn(&*layout);
    let pairs = network.parameters().iter().zip(expected.parameters());
    assert!(pairs.into_iter().all(|(a, b)| a.tensor == b.tensor));
    let mgm = by_name("mgm").unwrap().info();
    assert_eq!(evaluation.mode(mgm).init, Init::Bert);
}
