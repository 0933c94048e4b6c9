//! What there is to know first.

use maud::{Markup, html};

use crate::axis::tidy;
use crate::page::Page;
use crate::page::cost::{co2, duration, energy};
use crate::plot::fit;
use crate::search::Winner;
use crate::svg::Escaped;

/// A sentence and the figures below the title.
pub fn overview(page: &Page<'_>) -> Markup {
    let search = page.search;
    let count = search.candidates.len();
    let name = |column: usize| fit(&search.columns[column].name, 80);
    let winner = search.winner(page.winners);
    let figures = [
        correlation(page),
        winner.and_then(|winner| won(page, winner)),
        cost(page),
    ];
    html! {
        p class="lede" {
            (number(count)) @if count == 1 { " candidate" } @else { " candidates" }
            @match &search.by {
                Some(by) => {
                    ", "
                    @if search.ranked < count { (number(search.ranked)) " of them " }
                    "ranked by " b { (Escaped(&fit(&by.name, 80))) }
                }
                None => ", not ranked",
            }
            @if let (Some(_), Some(truth)) = (&search.by, search.accuracy()) {
                ", held against " b { (Escaped(&name(truth))) }
            }
            "."
        }
        @if let Some(by) = search.by.as_ref().filter(|by| !by.others.is_empty()) {
            p class="warning" {
                "Some records are ranked by another score: "
                @for (at, (name, count)) in by.others.iter().enumerate() {
                    @if at > 0 { ", " }
                    b { (Escaped(&fit(name, 80))) } " (" (number(*count)) ")"
                }
                ". Here all are ranked by " b { (Escaped(&fit(&by.name, 80))) } "."
            }
        }
        dl class="figures" {
            (candidates(page))
            @for figure in figures.into_iter().flatten() { (figure) }
        }
    }
}

fn candidates(page: &Page<'_>) -> Markup {
    let failed = page.search.failed.len();
    let detail = html! {
        @if failed == 0 { "none failed" }
        @else { a href="#failures" { (number(failed)) " failed" } }
    };
    figure("Candidates", &number(page.search.candidates.len()), &detail)
}

/// How well what ranks orders the first accuracy.
fn correlation(page: &Page<'_>) -> Option<Markup> {
    let table = page.tables.first()?;
    let truth = &page.search.columns[table.truth?];
    let by = page.search.by.as_ref()?;
    let row = table.rows.iter().find(|row| row.column == by.column)?;
    let (rho, interval) = by.oriented(row.spearman()?, row.interval);
    let range = interval.map_or_else(String::new, |range| {
        tidy(&format!(
            "95 % interval {:.2} to {:.2}, ",
            range.lo, range.hi
        ))
    });
    let detail = html! {
        (range) "n = " (number(row.n)) ", with " (Escaped(&fit(&truth.name, 60)))
    };
    Some(figure(
        "Spearman’s ρ of the ranking",
        &tidy(&format!("{rho:.2}")),
        &detail,
    ))
}

/// The candidate that the search ends with, how it was chosen, and how much
/// better the best of all is that are known.
fn won(page: &Page<'_>, winner: Winner) -> Option<Markup> {
    let search = page.search;
    let has = |column: &usize| search.columns[*column].values[winner.place].is_some();
    let shown = search.accuracy().filter(has);
    let shown = shown.or(winner.chosen.map(|(valid, _)| valid))?;
    let column = &search.columns[shown];
    let value = column.values[winner.place]?;
    let known = column.known();
    let best = known.iter().copied().reduce(f64::max)?;
    let name = Escaped(&fit(&column.name, 60)).to_string();
    let name = maud::PreEscaped(name);
    let detail = html! {
        (name) " of " a href="#winners" { (Escaped(&fit(&search.candidates[winner.place].id, 60))) }
        @match winner.chosen {
            Some((valid, of)) => {
                ", the best of " (number(of)) " by " (Escaped(&fit(&search.columns[valid].name, 60)))
            }
            None => ", the first by rank",
        }
        ". "
        @if known.len() > 1 {
            @if best > value {
                (format!("{:.2} below {best:.2}, the best ", best - value)) (name)
            } @else { "No " (name) " is better" }
            " among the " (number(known.len())) " here that have one."
        }
    };
    Some(figure("Winner", &format!("{value:.2} %"), &detail))
}

fn cost(page: &Page<'_>) -> Option<Markup> {
    let seconds: f64 = page.stages.iter().map(|stage| stage.seconds).sum();
    let joules: f64 = page.stages.iter().map(|stage| stage.joules).sum();
    (seconds > 0.0).then(|| {
        let detail = match joules {
            0.0 => "energy not recorded".to_owned(),
            joules => format!("{}, {}", energy(joules), co2(joules, page.grid_intensity)),
        };
        figure("Computing time", &duration(seconds), &html! { (detail) })
    })
}

fn figure(name: &str, value: &str, detail: &Markup) -> Markup {
    html! { div { dt { (name) } dd { b { (value) } span { (detail) } } } }
}

/// A count with its thousands apart.
pub fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1000, 15_625, 1_234_567].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "15,625", "1,234,567"]);
    }
}
