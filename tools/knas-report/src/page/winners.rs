//! The best candidates: their cells, and what is known of them.

use maud::{Markup, html};

use crate::candidates::Kind;
use crate::page::overview::number;
use crate::page::{Page, Section, columns};
use crate::plot::{cell, fit};
use crate::svg::Escaped;

/// The first by rank, and the one that the search ends with.
pub fn winners(page: &Page<'_>) -> Option<Section> {
    let search = page.search;
    let winner = search.winner(page.winners);
    let chosen = winner.filter(|winner| winner.chosen.is_some());
    let mut places: Vec<usize> = (0..page.winners.min(search.ranked)).collect();
    if let Some(chosen) = chosen.filter(|chosen| !places.contains(&chosen.place)) {
        places.push(chosen.place);
    }
    if places.is_empty() {
        return None;
    }
    let cells = places.iter().any(|&place| search.cells[place].is_some());
    let body = html! {
        @if let (Some((valid, of)), Some(winner)) = (chosen.and_then(|one| one.chosen), winner) {
            p class="note" {
                "The first by rank. The winner is " b { (Escaped(&fit(&search.candidates[winner.place].id, 80))) }
                ", the best of " (number(of)) " by " (Escaped(&search.columns[valid].label()))
                ": accuracy on test examples chooses nothing."
            }
        }
        div class="winners" style=(format!("--columns:{}", columns(places.len(), 5))) {
            @for &place in &places {
                (figure(page, place, chosen.is_some_and(|one| one.place == place)))
            }
        }
        @if cells {
            p class="note" {
                "A cell is read from left to right; a node adds up what comes in. Operations in grey \
                 are computed for nothing: their input is empty, or nothing uses their output."
            }
        }
    };
    Some(Section {
        id: "winners",
        heading: "Winners",
        body,
    })
}

fn figure(page: &Page<'_>, place: usize, chosen: bool) -> Markup {
    let search = page.search;
    let candidate = &search.candidates[place];
    let rank = match place < search.ranked {
        true => number(place + 1),
        false => "–".to_owned(),
    };
    let facts = search.table_order().into_iter().filter_map(|at| {
        let column = &search.columns[at];
        let shown = Some(at) == search.ranks() || column.kind != Kind::Score;
        Some((column.label(), column.show_at(place).filter(|_| shown)?))
    });
    html! {
        figure {
            figcaption {
                b class="place" { (rank) } " "
                button type="button" class="pick" data-place=(place) { (Escaped(&fit(&candidate.id, 200))) }
                @if chosen { " " span class="chosen" { "winner" } }
            }
            @match (&search.cells[place], &candidate.arch) {
                (Some(cell), _) => (cell::draw(cell, &format!("Cell of rank {rank}")).element("class=\"cell\"")),
                (None, Some(arch)) => p class="arch" { (Escaped(&fit(arch, 400))) },
                (None, None) => {},
            }
            dl {
                @for (name, value) in facts {
                    div { dt { (Escaped(&fit(&name, 60))) } dd { (Escaped(&value)) } }
                }
            }
        }
    }
}
