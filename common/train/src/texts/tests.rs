use std::fs;
use std::path::Path;

use knas_data::{DataSpec, Limits, TextSource, Tokeniser};
use knas_net::{Init, Initial, Source};
use knas_space::roberta_skip::network::lower;
use knas_space::roberta_skip::{Layout, Settings, Task as Classes};
use tch::{Device, Kind};

use super::*;
use crate::{AdamW, Checkpoint, Recipe, Schedule, Start, Trainer};

const LAYOUT: &str = "bert-l2-d16-h2-i32-v12-p20-t2:1|2~0|head:sum";

const OPTIONS: TextOptions = TextOptions {
    batch: 20,
    parts: 1,
    seed: 0,
    frozen: Frozen::Nothing,
    label_smoothing: 0.0,
    balance: None,
    f1: true,
};

/// Pairs of a few letters; class 1 where there is an a in the second text.
fn data(folder: &Path) -> TextTraining {
    let path = folder.join("a.jsonl");
    let mut random = knas_stats::random::stream(0, "texts", &[]);
    let mut letters = |count: u64| -> String {
        let letters = (0..count).map(|_| ["a ", "b ", "c "][random.below(3) as usize]);
        letters.collect()
    };
    let line = |i: u64| {
        let [first, second] = [letters(1 + i % 4), letters(1 + i % 3)];
        let label = u8::from(second.contains('a'));
        format!("{{\"text\": \"{first}\", \"text_pair\": \"{second}\", \"label\": {label}}}\n")
    };
    fs::write(&path, (0..300).map(line).collect::<String>()).unwrap();
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc";
    fs::write(folder.join("vocab.txt"), words).unwrap();
    let tokeniser = Tokeniser::open(folder, 20).unwrap();
    let source = TextSource::open(&DataSpec::Jsonl(path)).unwrap();
    source.training(&tokeniser, Limits::default()).unwrap()
}

fn task(data: &TextTraining, dropout: f64, options: TextOptions) -> TextTask<'_> {
    tch::set_num_threads(1); // tests run side by side
    let layout: Layout = LAYOUT.parse().unwrap();
    let settings = Settings {
        hidden_dropout: dropout,
        attention_dropout: dropout,
        classifier_dropout: dropout,
        ..Settings::of(layout.backbone().kind)
    };
    let source = Source::Random(Initial {
        init: Init::Default,
        seed: 1,
    });
    let graph = lower(&layout, &settings, Classes::usual(&layout)).unwrap();
    let network = Network::new(graph, source, (Kind::Float, Device::Cpu)).unwrap();
    TextTask::new(network, (data, &data.train), options).unwrap()
}

fn recipe(epochs: u64) -> Recipe {
    Recipe::new(epochs, 0.003, Schedule::WarmUpLinear)
}

/// All values after an epoch.
fn after_an_epoch(task: &TextTask<'_>) -> Vec<(String, Tensor)> {
    let mut trainer = Trainer::new(task, Box::new(AdamW::new(0.1)), recipe(2)).unwrap();
    trainer.run_epoch(&mut || true).unwrap();
    trainer.model().unwrap()
}

#[test]
fn what_makes_a_class_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let task = task(&data, 0.1, OPTIONS);
    let mut trainer = Trainer::new(&task, Box::new(AdamW::new(0.1)), recipe(30)).unwrap();
    for _ in 0..30 {
        trainer.run_epoch(&mut || true).unwrap();
    }
    let valid = task.validate().unwrap().metrics;
    assert!(valid.accuracy > 0.95, "{valid:?}");
    assert!(valid.f1.is_some_and(|f1| f1 > 0.95), "{valid:?}");
}

#[test]
fn parts_of_a_batch_have_the_gradient_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let balanced = TextOptions {
        balance: Some(2),
        ..OPTIONS
    };
    for options in [balanced, OPTIONS] {
        let whole = after_an_epoch(&task(&data, 0.0, options));
        // 20 texts as 7, 7 and 6; Adam makes much of the least difference, but
        // hardly so with gradients as large as here.
        for parts in [3, 20] {
            let options = TextOptions { parts, ..options };
            let parted = after_an_epoch(&task(&data, 0.0, options));
            for ((name, whole), (_, parted)) in whole.iter().zip(&parted) {
                let most = (whole - parted).abs().max().double_value(&[]);
                assert!(most < 1e-4, "{name}: {most}");
            }
        }
    }
    let whole = after_an_epoch(&task(&data, 0.0, OPTIONS));
    let weighed = after_an_epoch(&task(&data, 0.0, balanced));
    // Weights, and other texts in a part, would show.
    let options = TextOptions { seed: 1, ..OPTIONS };
    let other = after_an_epoch(&task(&data, 0.0, options));
    let far = |((_, a), (_, b)): (&(String, Tensor), &(String, Tensor))| {
        (a - b).abs().max().double_value(&[]) > 1e-3
    };
    assert!(whole.iter().zip(&other).any(far));
    assert!(whole.iter().zip(&weighed).any(far));
}

#[test]
fn frozen_embeddings_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let options = TextOptions {
        frozen: Frozen::Embeddings,
        ..OPTIONS
    };
    let task = task(&data, 0.1, options);
    let copy = |(name, tensor): (String, Tensor)| (name, tensor.copy());
    let before: Vec<_> = task.network.state().into_iter().map(copy).collect();
    let mut trainer = Trainer::new(&task, Box::new(AdamW::new(0.1)), recipe(2)).unwrap();
    trainer.run_epoch(&mut || true).unwrap();
    let mut frozen = 0;
    for ((name, before), (_, after)) in before.iter().zip(trainer.model().unwrap()) {
        let is_embedding = name.contains(".embeddings.");
        // A key's bias adds the same to every score, which softmax takes away.
        if !name.ends_with("key.bias") {
            assert_eq!(*before == after, is_embedding, "{name}");
        }
        frozen += usize::from(is_embedding);
    }
    assert_eq!(frozen, 5);
    let state = trainer.state();
    assert!(state.iter().all(|(name, _)| !name.contains(".embeddings.")));
    assert_eq!(state.len(), 3 * (before.len() - frozen));
}

/// What a training leaves that is taken up after every one of three epochs, or
/// never: dropout and the order of texts are drawn anew.
#[test]
fn a_training_with_dropout_that_is_taken_up_gives_the_same_bits() {
    let data_folder = tempfile::tempdir().unwrap();
    let data = data(data_folder.path());
    let options = TextOptions {
        parts: 2,
        frozen: Frozen::Embeddings,
        ..OPTIONS
    };
    let train = |folder: &Path, until: u64| {
        let task = task(&data, 0.1, options);
        let mut trainer = Trainer::new(&task, Box::new(AdamW::new(0.1)), recipe(3)).unwrap();
        let about = serde_json::json!({});
        let mut checkpoint = Checkpoint::open(folder, "a", about, Start::Resume).unwrap();
        checkpoint.restore(&mut trainer).unwrap();
        while recipe(3).end(trainer.history(), until).is_none() {
            trainer.run_epoch(&mut || true).unwrap();
            checkpoint.save(&trainer).unwrap();
        }
        trainer.history().to_vec()
    };
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = train(whole.path(), 3);
    for until in 1..3 {
        train(parts.path(), until);
    }
    assert_eq!(train(parts.path(), 3), expected);
    for name in ["a.safetensors", "a.optimizer.safetensors", "a.json"] {
        let bytes = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert!(bytes(whole.path()) == bytes(parts.path()), "{name}");
    }
}
