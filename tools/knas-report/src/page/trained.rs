//! Training: curves, validation and test, confusion, settings.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::candidates::Candidate;
use crate::page::overview::number;
use crate::page::{Page, Section, columns, facts, scrolling};
use crate::plot::confusion::{Confusion, draw};
use crate::plot::{self, Look, curves, fit, scatter};
use crate::provenance;
use crate::svg::{Escaped, Svg};

/// Matrices that are drawn.
const MATRICES: usize = 5;

/// Classes that are named as the hardest.
const HARDEST: usize = 5;

/// Different settings that are told.
const SETTINGS: usize = 4;

/// Everything about training; none where nothing was trained.
pub fn training(page: &Page<'_>) -> Option<Section> {
    let curves: Vec<Svg> = page
        .measures
        .iter()
        .filter_map(|measure| curves::draw(measure, plot::PAGE))
        .collect();
    let test = against_test(page, plot::SMALL);
    let matrices = confusions(page);
    let settings = settings(&page.search.candidates);
    if curves.is_empty() && test.is_none() && matrices.is_empty() && settings.is_empty() {
        return None;
    }
    let body = html! {
        @if !curves.is_empty() {
            div class="curves" style=(format!("--columns:{}", columns(curves.len(), 3))) {
                @for picture in &curves { (scrolling(&picture.title, &picture.element("class=\"curve-plot\""))) }
            }
        }
        @if let Some(picture) = &test {
            h3 { "Test against validation" }
            p class="note" {
                "Validation accuracy chooses; test accuracy says what the choice is worth. A candidate is \
                 chosen for what is partly luck on the validation examples: its test accuracy tends to be lower."
            }
            (scrolling(&picture.title, &picture.element("class=\"wide\"")))
        }
        (confusion(page, &matrices))
        (told(&settings))
    };
    Some(Section {
        id: "training",
        heading: "Training",
        body,
    })
}

/// Test accuracy against validation accuracy, where some candidates have both.
pub fn against_test(page: &Page<'_>, look: Look) -> Option<Svg> {
    let (valid, test) = page.search.validation_and_test()?;
    let (x, y) = (&page.search.columns[valid], &page.search.columns[test]);
    let both = x.values.iter().zip(&y.values);
    let both = both.filter(|(x, y)| x.is_some() && y.is_some()).count();
    (both > 1).then(|| scatter::draw(x, y, page.winners, &[], look))
}

/// The winner's confusion matrix, and those of the first by rank.
pub fn confusions<'p>(page: &'p Page<'_>) -> Vec<(&'p Candidate, Confusion)> {
    let search = page.search;
    let winner = search.winner(page.winners).map(|winner| winner.place);
    let others = (0..search.candidates.len()).filter(|&place| Some(place) != winner);
    winner
        .into_iter()
        .chain(others)
        .map(|place| &search.candidates[place])
        .filter_map(|one| Some((one, Confusion::of(one.training.as_ref()?)?)))
        .take(MATRICES)
        .collect()
}

fn confusion(page: &Page<'_>, matrices: &[(&Candidate, Confusion)]) -> Markup {
    let picture = |candidate: &Candidate, confusion: &Confusion| {
        let title = format!("Confusion matrix of {}", fit(&candidate.id, 80));
        let hardest = confusion.recognised();
        let told = hardest.iter().take(HARDEST);
        let told: Vec<String> = told
            .map(|(class, share)| format!("{} {:.1} %", fit(class, 40), 100.0 * share))
            .collect();
        html! {
            (scrolling(&title, &draw(confusion, &title).element("class=\"confusion\"")))
            p class="note" { "Hardest: " (Escaped(&told.join(", "))) "." }
        }
    };
    let of = |candidate: &Candidate| {
        let first = page.search.winner(page.winners).map(|winner| winner.place);
        let first = first.map(|place| page.search.candidates[place].id.as_str());
        let name = fit(&candidate.id, 80);
        match first == Some(candidate.id.as_str()) {
            true => format!("Confusion matrix of the winner, {name}"),
            false => format!("Confusion matrix of {name}"),
        }
    };
    html! {
        @if let Some(((candidate, confusion), others)) = matrices.split_first() {
            h3 { (Escaped(&of(candidate))) }
            p class="note" {
                "Rows are the true classes of the examples, columns what the network said; shades are shares \
                 of a row."
            }
            (picture(candidate, confusion))
            @for (candidate, confusion) in others {
                details {
                    summary { (Escaped(&of(candidate))) }
                    (picture(candidate, confusion))
                }
            }
        }
    }
}

/// How candidates were trained, and how many in each way.
fn settings(candidates: &[Candidate]) -> Vec<(Map<String, Value>, usize)> {
    let mut known: Vec<(Map<String, Value>, usize)> = Vec::new();
    for training in candidates.iter().filter_map(|one| one.training.as_ref()) {
        let settings = settings_of(training);
        match known.iter_mut().find(|(other, _)| *other == settings) {
            _ if settings.is_empty() => {}
            Some((_, count)) => *count += 1,
            None => known.push((settings, 1)),
        }
    }
    known
}

/// What is the same for all candidates that were trained alike.
fn settings_of(training: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = Map::new();
    for name in ["data", "examples", "network", "tool", "libtorch"] {
        if let Some(value) = training.get(name) {
            settings.insert(name.into(), value.clone());
        }
    }
    if let Some(Value::Object(hyper)) = training.get("hyper") {
        let hyper = hyper.iter();
        settings.extend(hyper.map(|(name, value)| (name.clone(), value.clone())));
    }
    settings
}

fn told(settings: &[(Map<String, Value>, usize)]) -> Markup {
    html! {
        @if !settings.is_empty() {
            h3 { "Settings of training" }
            @if settings.len() > 1 {
                p class="warning" {
                    "The candidates were trained in " (number(settings.len()))
                    " different ways: their accuracies may not be comparable."
                }
            }
            @for (settings, count) in settings.iter().take(SETTINGS) {
                @let candidates = ("candidates".to_owned(), number(*count));
                @let told = std::iter::once(candidates).chain(provenance::facts(settings));
                (facts(&told.collect::<Vec<_>>()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_that_were_trained_alike_share_their_settings() {
        let one = |lr: f64, loss: f64| Candidate {
            training:
                serde_json::json!({ "data": "cifar10", "valid_loss": loss, "hyper": { "lr": lr } })
                    .as_object()
                    .cloned(),
            ..Candidate::default()
        };
        let found = settings(&[
            one(0.1, 1.0),
            one(0.1, 2.0),
            one(0.2, 3.0),
            Candidate::default(),
        ]);
        let counts: Vec<usize> = found.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(found[0].0["lr"], 0.1);
    }
}
