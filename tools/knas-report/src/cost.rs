//! What the search took, and what training would have taken instead.

use std::collections::BTreeMap;

use crate::candidates::{Candidate, Kind};
use crate::provenance::passes;
use crate::search::Search;

/// What one stage took, over all candidates.
#[derive(Debug, Default, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Candidates whose records say what they took.
    pub candidates: usize,
    /// Time of all of them, one after the other.
    pub seconds: f64,
    /// Energy of those that have a figure.
    pub joules: f64,
    /// How many have one.
    pub with_joules: usize,
    /// Where the figures come from, in order.
    pub sources: Vec<String>,
    /// What computed, in order.
    pub devices: Vec<String>,
    /// The command lines, in order, and how many candidates are of each.
    pub commands: BTreeMap<String, usize>,
}

/// What training every candidate would take.
#[derive(Debug, PartialEq)]
pub struct Training {
    /// How that is known.
    pub basis: Basis,
    /// Candidates, the scored ones.
    pub candidates: usize,
    /// Time.
    pub seconds: f64,
    /// Energy; none where the records do not say what it rests on.
    pub joules: Option<f64>,
}

/// What the figure rests on.
#[derive(Debug, PartialEq)]
pub enum Basis {
    /// Candidates that were trained, by their multiply-accumulates where these
    /// are known of all.
    Trained {
        /// How many.
        candidates: usize,
        /// Epochs, where they are the same for all.
        epochs: Option<f64>,
    },
    /// Scoring: what an image takes there, times the images of training.
    Scored {
        /// Epochs of training.
        epochs: u32,
        /// Images of an epoch.
        images: u32,
    },
}

/// All stages, in the order in which a search goes through them.
pub fn stages(candidates: &[Candidate]) -> Vec<Stage> {
    let mut stages = BTreeMap::<&str, Stage>::new();
    for (name, meta) in candidates.iter().flat_map(|one| &one.meta) {
        let stage = stages.entry(name).or_default();
        stage.name.clone_from(name);
        stage.candidates += 1;
        stage.seconds += meta.milliseconds / 1000.0;
        note(&mut stage.devices, &meta.device);
        if let Some(command) = &meta.command {
            *stage.commands.entry(command.clone()).or_default() += 1;
        }
        if let Some(joules) = meta.joules {
            stage.joules += joules;
            stage.with_joules += 1;
            let source = meta.joules_source.as_deref().unwrap_or("unknown");
            note(&mut stage.sources, source);
        }
    }
    let mut stages: Vec<Stage> = stages.into_values().collect();
    let order = ["sample", "score", "rank", "finetune", "eval"];
    stages.sort_by_key(|stage| order.iter().position(|name| *name == stage.name));
    stages
}

fn note(seen: &mut Vec<String>, name: &str) {
    if let Err(place) = seen.binary_search_by(|known| known.as_str().cmp(name)) {
        seen.insert(place, name.to_owned());
    }
}

/// What training all ranked candidates would take: by what those that were
/// trained took, or else by what an image takes in scoring, where an image
/// goes forward and backward as it does in training. None where the records
/// say neither.
pub fn training(search: &Search, epochs: u32, images: u32) -> Option<Training> {
    by_trained(search).or_else(|| by_scored(search, epochs, images))
}

fn by_trained(search: &Search) -> Option<Training> {
    let trained: Vec<usize> = (0..search.candidates.len())
        .filter(|&at| search.candidates[at].meta.contains_key("finetune"))
        .collect();
    let all = search.candidates.len();
    let mut seconds = 0.0;
    let mut joules = Some(0.0);
    for &at in &trained {
        let meta = search.candidates[at].meta.get("finetune")?;
        seconds += meta.milliseconds / 1000.0;
        joules = joules.zip(meta.joules).map(|(sum, one)| sum + one);
    }
    if trained.is_empty() || seconds <= 0.0 {
        return None;
    }
    let macs = search
        .of_kind(Kind::Count)
        .map(|place| &search.columns[place])
        .find(|column| column.name == "macs");
    let weights: Option<Vec<f64>> = macs.and_then(|column| column.values.iter().copied().collect());
    let times = match weights {
        Some(weights) => {
            weights.iter().sum::<f64>() / trained.iter().map(|&at| weights[at]).sum::<f64>()
        }
        None => all as f64 / trained.len() as f64,
    };
    let epochs = |at: usize| {
        search.candidates[at]
            .training
            .as_ref()?
            .get("epochs")?
            .as_f64()
    };
    let first = epochs(trained[0]);
    let same = trained.iter().all(|&at| epochs(at) == first);
    Some(Training {
        basis: Basis::Trained {
            candidates: trained.len(),
            epochs: first.filter(|_| same),
        },
        candidates: all,
        seconds: seconds * times,
        joules: joules.map(|joules| joules * times),
    })
}

fn by_scored(search: &Search, epochs: u32, images: u32) -> Option<Training> {
    let mut seconds = 0.0;
    let mut joules = Some(0.0);
    for candidate in &search.candidates {
        let meta = candidate.meta.get("score")?;
        let mut scored = candidate.scored.iter();
        let passes = scored.find_map(|(_, settings)| passes(settings))?;
        let times = f64::from(epochs) * f64::from(images) / passes;
        if !times.is_finite() {
            return None;
        }
        seconds += meta.milliseconds / 1000.0 * times;
        joules = joules.zip(meta.joules).map(|(sum, one)| sum + one * times);
    }
    (seconds > 0.0).then_some(Training {
        basis: Basis::Scored { epochs, images },
        candidates: search.candidates.len(),
        seconds,
        joules,
    })
}

#[cfg(test)]
mod tests {
    use knas_records::schema::Meta;
    use serde_json::json;
    use std::sync::Arc;

    use super::*;
    use crate::candidates::Candidates;

    fn meta(seconds: f64, joules: Option<f64>) -> Meta {
        let json = serde_json::json!({ "device": "cpu", "host": "h", "milliseconds": seconds * 1000.0,
            "joules": joules, "joules_source": joules.map(|_| "rapl") });
        serde_json::from_value(json).unwrap()
    }

    fn candidate(id: &str, stages: Vec<(&str, Meta)>) -> Candidate {
        Candidate {
            id: id.into(),
            meta: stages
                .into_iter()
                .map(|(name, meta)| (name.into(), meta))
                .collect(),
            ..Candidate::default()
        }
    }

    fn search(all: Vec<Candidate>, macs: &[f64]) -> Search {
        let mut candidates = Candidates::default();
        let column = candidates.column(Kind::Count, "macs");
        candidates.column(Kind::Score, "mgm");
        candidates.all = all;
        for (candidate, macs) in candidates.all.iter_mut().zip(macs) {
            candidate.numbers.push((column, *macs));
        }
        Search::new(candidates, None).unwrap()
    }

    #[test]
    fn stages_add_up_in_their_order() {
        let all = [
            candidate(
                "a",
                vec![
                    ("finetune", meta(60.0, None)),
                    ("score", meta(1.0, Some(12.0))),
                ],
            ),
            candidate("b", vec![("score", meta(2.0, None))]),
        ];
        let stages = stages(&all);
        let shown: Vec<_> = stages
            .iter()
            .map(|one| {
                (
                    &*one.name,
                    one.candidates,
                    one.seconds,
                    one.joules,
                    one.with_joules,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [("score", 2, 3.0, 12.0, 1), ("finetune", 1, 60.0, 0.0, 0)]
        );
        assert_eq!(stages[0].sources, ["rapl"]);
    }

    // 100 s for 2 of the 2 + 4 + 6 units of multiply-accumulates
    #[test]
    fn training_is_in_proportion_to_multiply_accumulates() {
        let all = vec![
            candidate("a", vec![("finetune", meta(100.0, Some(50.0)))]),
            candidate("b", vec![]),
            candidate("c", vec![]),
        ];
        let found = training(&search(all, &[2.0, 4.0, 6.0]), 12, 25_000).unwrap();
        assert_eq!((found.seconds, found.joules), (600.0, Some(300.0)));
        assert_eq!(
            found.basis,
            Basis::Trained {
                candidates: 1,
                epochs: None
            }
        );
    }

    // 1 s for 50 samples of 2 seeds, so 10 ms an image; 3 epochs of 1000 images
    #[test]
    fn without_training_an_image_takes_what_it_takes_in_scoring() {
        let settings = |settings| Arc::new(serde_json::from_value(settings).unwrap());
        // Shown something else, which tells nothing about samples.
        let meco = settings(json!({ "samples": 7, "seeds": [0], "inputs": "noise" }));
        let mgm = settings(json!({ "samples": 50, "seeds": [0, 1] }));
        let one = |id| Candidate {
            scored: vec![(0, Arc::clone(&meco)), (1, Arc::clone(&mgm))],
            ..candidate(id, vec![("score", meta(1.0, None))])
        };
        let found = training(&search(vec![one("a"), one("b")], &[]), 3, 1000).unwrap();
        assert_eq!((found.seconds, found.joules), (60.0, None));
        let unknown = vec![one("a"), candidate("b", vec![])];
        assert_eq!(training(&search(unknown, &[]), 3, 1000), None);
    }
}
