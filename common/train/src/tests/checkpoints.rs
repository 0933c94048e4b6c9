//! Training against itself after interruptions.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

const EPOCHS: u64 = 4;

fn open(folder: &Path, start: Start) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(folder, "a", json!({"lr": 0.1}), start)
}

/// Trains up to an epoch, from the checkpoint if there is one.
fn train_to(folder: &Path, until: u64) -> (Vec<Epoch>, Vec<f32>) {
    let task = Formula::new();
    let mut trainer = trainer(&task, EPOCHS);
    let mut checkpoint = open(folder, Start::Resume).unwrap();
    checkpoint.restore(&mut trainer).unwrap();
    task.step.set(trainer.history().len() as u64 * 5);
    while recipe(EPOCHS).end(trainer.history(), until).is_none() {
        trainer.run_epoch(&mut || true).unwrap();
        checkpoint.save(&trainer).unwrap();
    }
    (trainer.history().to_vec(), task.value("stem.0.weight"))
}

#[test]
fn a_training_that_is_taken_up_gives_the_same_bits() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = train_to(whole.path(), EPOCHS);
    for until in 1..EPOCHS {
        train_to(parts.path(), until);
    }
    assert_eq!(train_to(parts.path(), EPOCHS), expected);
    assert_eq!(names(parts.path()), names(whole.path()));
    for name in names(whole.path()) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).unwrap();
        assert!(bytes(parts.path()) == bytes(whole.path()), "{name}");
    }
    // What is kept is the best epoch, which is not the last.
    let task = Formula::new();
    let mut trainer = trainer(&task, EPOCHS);
    let checkpoint = open(parts.path(), Start::Resume).unwrap();
    checkpoint.restore(&mut trainer).unwrap();
    assert!(!trainer.is_best());
    assert_ne!(task.value("stem.0.weight"), train_to_second());
    trainer.judge_best().unwrap();
    assert_eq!(task.value("stem.0.weight"), train_to_second());
    let (_, file) = checkpoint::read(parts.path(), "a").unwrap().unwrap();
    let best = file.tensor("stem.0.weight", &[4, 3, 3, 3]).unwrap();
    let best: Vec<f32> = Vec::try_from(best.flatten(0, -1).narrow(0, 0, 5)).unwrap();
    assert_eq!(best, train_to_second());
}

fn train_to_second() -> Vec<f32> {
    train_to(tempfile::tempdir().unwrap().path(), 2).1
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every state in which a killed run can leave the folder, between and within
/// the writes and renames of one save, leads to the same end.
#[test]
fn a_save_that_is_cut_short_leaves_the_old_set_or_the_new() {
    let whole = tempfile::tempdir().unwrap();
    let expected = train_to(whole.path(), EPOCHS);
    let (old, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    train_to(old.path(), 1);
    train_to(next.path(), 2); // the best so far: both files are new
    let written = ["a.safetensors", "a.optimizer.safetensors", "a.json"];
    let renamed = ["a.json", "a.safetensors", "a.optimizer.safetensors"];
    for moment in 0..=9usize {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in written {
            fs::copy(old.path().join(name), at(name)).unwrap();
        }
        for (place, name) in written.iter().enumerate() {
            let bytes = fs::read(next.path().join(name)).unwrap();
            let length = match moment.saturating_sub(2 * place) {
                0 => continue,
                1 => bytes.len() / 2,
                _ => bytes.len(),
            };
            fs::write(at(&format!("{name}.new")), &bytes[..length]).unwrap();
        }
        for name in &renamed[..moment.saturating_sub(6)] {
            fs::rename(at(&format!("{name}.new")), at(name)).unwrap();
        }
        assert_eq!(train_to(folder.path(), EPOCHS), expected, "moment {moment}");
        assert_eq!(names(folder.path()), names(whole.path()), "moment {moment}");
    }
}

#[test]
fn what_is_not_what_was_written_is_refused_by_name() {
    let good = tempfile::tempdir().unwrap();
    train_to(good.path(), 2);
    for name in ["a.safetensors", "a.optimizer.safetensors", "a.json"] {
        let bytes = fs::read(good.path().join(name)).unwrap();
        let mut changed = bytes.clone();
        let place = match name {
            // The digits of the first accuracy or loss.
            "a.json" => bytes.windows(2).position(|w| w == b"0.").unwrap() + 2,
            _ => bytes.len() - 5,
        };
        changed[place] ^= 1;
        for bad in [&changed[..], &bytes[..bytes.len() / 2], &[]] {
            let folder = tempfile::tempdir().unwrap();
            for name in names(good.path()) {
                fs::copy(good.path().join(&name), folder.path().join(&name)).unwrap();
            }
            fs::write(folder.path().join(name), bad).unwrap();
            let error = open(folder.path(), Start::Resume).unwrap_err();
            assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
            assert!(
                error.to_string().contains(&format!("/{name} is")),
                "{error}"
            );
            if name != "a.optimizer.safetensors" {
                let error = checkpoint::read(folder.path(), "a").unwrap_err();
                assert!(error.to_string().contains(name), "{error}");
            }
        }
    }
    fs::remove_file(good.path().join("a.safetensors")).unwrap();
    let error = open(good.path(), Start::Resume).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
}

#[test]
fn a_checkpoint_is_neither_overwritten_nor_mistaken() {
    let folder = tempfile::tempdir().unwrap();
    train_to(folder.path(), 1);
    let refused = |stem: &str, about: Value, start| {
        let error = Checkpoint::open(folder.path(), stem, about, start).unwrap_err();
        error.to_string()
    };
    let about = || json!({"lr": 0.1});
    let text = refused("a", about(), Start::Anew);
    assert!(text.contains("a.json exists: --resume goes on"), "{text}");
    let text = refused("a", json!({"lr": 0.2}), Start::Resume);
    assert!(text.contains("lr: 0.1 there, 0.2 here"), "{text}");
    let text = refused("a.optimizer", about(), Start::Anew);
    assert!(text.contains("another candidate's file"), "{text}");
    fs::write(
        folder.path().join("b.safetensors"),
        "weights of somebody else",
    )
    .unwrap();
    let text = refused("b", about(), Start::Resume);
    assert!(text.contains("b.safetensors exists"), "{text}");
    let held = open(folder.path(), Start::Resume).unwrap();
    let text = refused("a", about(), Start::Resume);
    assert!(text.contains("a.lock is locked"), "{text}");
    drop(held);
    assert!(open(folder.path(), Start::Resume).is_ok());
    assert!(!names(folder.path()).contains(&"a.lock".to_owned()));
}

#[test]
fn a_save_that_fails_leaves_what_was_saved_before() {
    let folder = tempfile::tempdir().unwrap();
    train_to(folder.path(), 1);
    let before = names(folder.path());
    // A folder is where the new manifest should be written.
    let blocked = folder.path().join("a.json.new");
    fs::create_dir(&blocked).unwrap();
    let task = Formula::new();
    let mut trainer = trainer(&task, EPOCHS);
    let mut checkpoint = open(folder.path(), Start::Resume).unwrap();
    checkpoint.restore(&mut trainer).unwrap();
    trainer.run_epoch(&mut || true).unwrap();
    let error = checkpoint.save(&trainer).unwrap_err();
    assert_eq!(error.kind(), "checkpoint");
    let text = error.to_string();
    assert!(text.contains("the checkpoint of epoch 1 is kept"), "{text}");
    drop(checkpoint);
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(names(folder.path()), before);
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(
        train_to(folder.path(), EPOCHS),
        train_to(whole.path(), EPOCHS)
    );
}
