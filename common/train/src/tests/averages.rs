//! Averages of weights, and training on all examples.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use super::*;
use knas_net::weights::WeightFile;

const EPOCHS: u64 = 4;

/// SGD that notes all values after each step, the running statistics too.
struct Noting {
    sgd: Sgd,
    buffers: Vec<Tensor>,
    seen: Rc<RefCell<Vec<Vec<Tensor>>>>,
}

impl Optimiser for Noting {
    fn step(
        &mut self,
        parameters: &[Parameter],
        gradients: Vec<Tensor>,
        rate: f64,
    ) -> Result<(), TrainError> {
        self.sgd.step(parameters, gradients, rate)?;
        let tensors = parameters.iter().map(|p| p.tensor.detach_copy());
        let buffers = self.buffers.iter().map(Tensor::copy);
        self.seen
            .borrow_mut()
            .push(tensors.chain(buffers).collect());
        Ok(())
    }

    fn state(&self, parameters: &[Parameter]) -> Vec<(String, Tensor)> {
        self.sgd.state(parameters)
    }

    fn restore(
        &mut self,
        parameters: &[Parameter],
        state: &WeightFile,
        steps: u64,
    ) -> Result<(), TrainError> {
        self.sgd.restore(parameters, state, steps)
    }
}

fn averaging() -> Recipe {
    Recipe {
        average: Some(0.8),
        warm_up: Some(0.5),
        clip: Some(1.5),
        ..recipe(EPOCHS)
    }
}

fn sgd() -> Box<dyn Optimiser> {
    Box::new(Sgd::new(0.9, 5e-4))
}

/// Parameters and buffers, as they are.
fn tensors(task: &Formula) -> Vec<Tensor> {
    let parameters = task.parameters().iter().map(|p| p.tensor.detach_copy());
    let buffers = task.buffers().into_iter().map(|(_, tensor)| tensor.copy());
    parameters.chain(buffers).collect()
}

#[test]
fn what_is_judged_and_kept_is_the_average_over_all_steps() {
    let task = Formula::new();
    let mut average: Vec<Tensor> = tensors(&task)
        .iter()
        .map(|t| t.to_kind(Kind::Double))
        .collect();
    let seen = Rc::default();
    let noting = Noting {
        sgd: Sgd::new(0.9, 5e-4),
        buffers: task
            .buffers()
            .into_iter()
            .map(|(_, tensor)| tensor)
            .collect(),
        seen: Rc::clone(&seen),
    };
    let mut trainer = Trainer::new(&task, Box::new(noting), averaging()).unwrap();
    let valid = trainer.run_epoch(&mut || true).unwrap().valid;
    assert_eq!(seen.borrow().len(), 5);
    for (n, values) in (1..).map(f64::from).zip(&*seen.borrow()) {
        let decay = f64::min(0.8, (1.0 + n) / (10.0 + n));
        for (average, value) in average.iter_mut().zip(values) {
            *average = &*average * decay + value * (1.0 - decay);
        }
    }
    let near = |found: &Tensor, expected: &Tensor| {
        let most = (found - expected).abs().max().double_value(&[]);
        assert!(most < 1e-6, "{most}");
    };
    let model = trainer.model().unwrap();
    let names = task.parameters().iter().map(|p| p.name.clone());
    let names = names.chain(task.buffers().into_iter().map(|(name, _)| name));
    for (name, average) in names.zip(&average) {
        let (_, found) = model.iter().find(|(other, _)| *other == name).unwrap();
        near(found, average);
    }
    // The steps go on from the weights, not from the average.
    for (now, last) in tensors(&task).iter().zip(&seen.borrow()[4]) {
        assert_eq!(now, last);
    }
    // With the average in their place, validation says the same.
    trainer.judge_best().unwrap();
    for (now, average) in tensors(&task).iter().zip(&average) {
        near(now, average);
    }
    assert_eq!(task.validate().unwrap().metrics.loss, valid.loss);
}

#[test]
fn an_average_changes_no_step() {
    let without = Recipe {
        average: None,
        ..averaging()
    };
    let losses = |recipe| {
        let task = Formula::new();
        let mut trainer = Trainer::new(&task, sgd(), recipe).unwrap();
        for _ in 0..EPOCHS {
            trainer.run_epoch(&mut || true).unwrap();
        }
        task.losses.take()
    };
    assert_eq!(losses(averaging()), losses(without));
    assert_ne!(losses(averaging()), losses(recipe(EPOCHS)));
}

/// Trains in a folder until `steps` epochs have been trained in this run: first with
/// validation, then on all, for as many epochs as were best. Gives what the end is, where
/// it is reached.
fn train(folder: &std::path::Path, steps: u64) -> Option<(Vec<Epoch>, Vec<Metrics>)> {
    let mut left = steps;
    let recipe = averaging();
    let mut checkpoint = Checkpoint::open(folder, "a", json!({}), Start::Resume).unwrap();
    if checkpoint.manifest().refit.is_none() {
        let task = Formula::new();
        let mut trainer = Trainer::new(&task, sgd(), recipe).unwrap();
        checkpoint.restore(&mut trainer).unwrap();
        task.step.set(trainer.history().len() as u64 * 5);
        while trainer.end(EPOCHS).is_none() {
            left = left.checked_sub(1)?;
            trainer.run_epoch(&mut || true).unwrap();
            checkpoint.save(&trainer).unwrap();
        }
        checkpoint.judged(trainer.judge_best().unwrap()).unwrap();
    }
    let history = checkpoint.manifest().history.clone();
    let best = trainer::best(&history).unwrap().epoch;
    let task = Formula::new();
    let mut refit = Refit::new(&task, sgd(), recipe, best).unwrap();
    checkpoint.restore_refit(&mut refit).unwrap();
    while !refit.is_done() {
        left = left.checked_sub(1)?;
        refit.run_epoch(&mut || true).unwrap();
        checkpoint.save_refit(&refit).unwrap();
    }
    assert!(refit.judge().unwrap().is_none()); // there are no test examples
    let judged = checkpoint.manifest().outcome();
    checkpoint.finish(judged).unwrap();
    Some((history, refit.history().to_vec()))
}

#[test]
fn averages_and_a_refit_that_are_taken_up_give_the_same_bits() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = train(whole.path(), u64::MAX).unwrap();
    // Four epochs, and the best two of them again.
    assert_eq!((expected.0.len(), expected.1.len()), (4, 2));
    for _ in 0..5 {
        assert!(train(parts.path(), 1).is_none());
    }
    assert_eq!(train(parts.path(), 1), Some(expected));
    for name in ["a.safetensors", "a.optimizer.safetensors", "a.json"] {
        let bytes = |folder: &std::path::Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(whole.path()) == bytes(parts.path()), "{name}");
    }
}

/// The formula's examples are the same in both trainings, so that the second must come to
/// what the first was after its best epoch.
#[test]
fn a_refit_goes_the_same_way_for_the_best_number_of_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (history, refit) = train(folder.path(), u64::MAX).unwrap();
    let first: Vec<Metrics> = history.iter().map(|epoch| epoch.train).collect();
    assert_eq!(refit, first[..2]);
    let task = Formula::new();
    let mut trainer = Trainer::new(&task, sgd(), averaging()).unwrap();
    for _ in 0..2 {
        trainer.run_epoch(&mut || true).unwrap();
    }
    let (_, kept) = checkpoint::read(folder.path(), "a").unwrap().unwrap();
    let model = trainer.model().unwrap().into_iter();
    for (name, tensor) in model.filter(|(_, tensor)| tensor.kind() == Kind::Float) {
        assert_eq!(
            kept.tensor(&name, &tensor.size()).unwrap(),
            tensor,
            "{name}"
        );
    }
}
